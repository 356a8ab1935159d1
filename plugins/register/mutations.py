"""GraphQL of ``register``: what can be done, and the plugin's part of the schema as a whole."""

from datetime import date
from typing import Any

import strawberry

from plugins.register import importing, kinds, owners, residents, rolls, rules, units
from plugins.register.schema import (
    CommunityRegister,
    Owner,
    OwnerMandate,
    Ownership,
    RegisterCorrection,
    RegisterQuery,
    Resident,
    RollCorrection,
    RollEntry,
    RollObjection,
    RosterImport,
    RosterImportRow,
    Unit,
    VoterRoll,
)  # fmt: skip
from schema.compose import Fragments
from schema.mutation import DeedInput, mutation, named, ref, reread, text
from schema.scalars import Area

# --- units ------------------------------------------------------------------------------------------------------------


@strawberry.input(description="A unit to add.")
class AddUnitInput(DeedInput):
    """A unit to add."""

    community: strawberry.ID = text("The code of the stairwell, building or compound it lies in.")
    label: str = text("Its own label, e.g. 0302.")
    use: kinds.UnitUse = text("What it is used as.", default=kinds.UnitUse.DWELLING)
    registry_area: Area | None = text("The area in the real-estate register.", default=None)
    survey_area: Area | None = text("The area as surveyed.", default=None)
    contract_area: Area | None = text("The area in the sale contract.", default=None)
    delivered: bool = text("Whether it was handed over to its buyer.", default=True)
    delivered_on: date | None = text("When it was handed over.", default=None)
    developer: strawberry.ID | None = ref(
        "Owner", "Whose stock it is while not handed over; the compound's only developer, if not said.", optional=True
    )


@strawberry.input(description="A corrected area.")
class CorrectUnitAreaInput(DeedInput):
    """A corrected area."""

    id: strawberry.ID = ref("Unit", "The unit.")
    source: rules.AreaSource = text("Which of its three areas.")
    area: Area | None = text("The right area; null takes this source out.", default=None)
    reason: str = text("Why: what the correction rests on.")


@strawberry.input(description="Corrected facts of a unit.")
class CorrectUnitInput(DeedInput):
    """Corrected facts of a unit."""

    id: strawberry.ID = ref("Unit", "The unit.")
    use: kinds.UnitUse | None = text("What it is used as; stays when left out.", default=None)
    delivered: bool | None = text("Whether it was handed over; stays when left out.", default=None)
    delivered_on: date | None = text("When it was handed over; stays when left out.", default=None)
    developer: strawberry.ID | None = ref("Owner", "Whose stock it is while not handed over.", optional=True)
    reason: str = text("Why: what the correction rests on.")


@strawberry.input(description="A unit that exists no longer as such.")
class RetireUnitInput(DeedInput):
    """A unit that exists no longer as such."""

    id: strawberry.ID = ref("Unit", "The unit.")
    status: kinds.UnitStatus = text("MERGED or DEMOLISHED.")
    reason: str = text("Why.")


@strawberry.input(description="A new owner of a unit: one that the register has, or one described.")
class NewOwnerInput:
    """A new owner of a unit."""

    owner: strawberry.ID | None = ref("Owner", "The owner, if the register of the compound has it.", optional=True)
    name: str | None = text("Otherwise: the name.", default=None)
    kind: kinds.OwnerKind = text("What the owner is in law.", default=kinds.OwnerKind.PERSON)
    document: str | None = text("Identity number, or unified social credit code.", default=None)
    phone: str | None = text("Telephone number.", default=None)
    share: str | None = text(
        "The share, e.g. 1/2 or 50%; leave out for all owners when they own jointly.", default=None
    )


@strawberry.input(description="Who owns a unit from a day on.")
class TransferUnitInput(DeedInput):
    """Who owns a unit from a day on."""

    id: strawberry.ID = ref("Unit", "The unit.")
    owners: list[NewOwnerInput] = text("All its owners from that day on, at most 50.")
    since: date = text("The day of acquisition; today at the latest.")
    basis: kinds.OwnershipBasis = text("On what it rests.", default=kinds.OwnershipBasis.REGISTERED)
    reason: str = text("A remark, for corrections.", default="")


@strawberry.input(description="Who votes for a co-owned unit.")
class SetRepresentativeInput(DeedInput):
    """Who votes for a co-owned unit."""

    id: strawberry.ID = ref("Unit", "The unit.")
    owner: strawberry.ID | None = ref("Owner", "The co-owner whom all designated; null takes it back.", optional=True)


# --- owners -----------------------------------------------------------------------------------------------------------


@strawberry.input(description="Corrected particulars of an owner.")
class CorrectOwnerInput(DeedInput):
    """Corrected particulars of an owner."""

    id: strawberry.ID = ref("Owner", "The owner.")
    name: str | None = text("The name; stays when left out.", default=None)
    document: str | None = text("Identity number or credit code; stays when left out.", default=None)
    phone: str | None = text("Telephone number; stays when left out.", default=None)
    reason: str = text("Why: what the correction rests on.")


@strawberry.input(description="Which person an owner is.")
class LinkOwnerInput(DeedInput):
    """Which person an owner is."""

    id: strawberry.ID = ref("Owner", "The owner.")
    person: strawberry.ID = ref("Person", "The person, after a look at documents.")


@strawberry.input(description="A wrong link.")
class UnlinkOwnerInput(DeedInput):
    """A wrong link."""

    id: strawberry.ID = ref("Owner", "The owner.")
    reason: str = text("Why it was wrong.")


@strawberry.input(description="Who may act for a company.")
class GrantMandateInput(DeedInput):
    """Who may act for a company."""

    id: strawberry.ID = ref("Owner", "The owner that is no natural person.")
    person: strawberry.ID = ref("Person", "Who may act for it.")
    letter: strawberry.ID = ref("Attachment", "The letter of authority, uploaded for the compound.")


@strawberry.input(description="A mandate that ends.")
class EndMandateInput(DeedInput):
    """A mandate that ends."""

    id: strawberry.ID = ref("OwnerMandate", "The mandate.")
    reason: str = text("Why.")


# --- residents --------------------------------------------------------------------------------------------------------


@strawberry.input(description="Where and as what you live.")
class RequestResidencyInput(DeedInput):
    """Where and as what you live."""

    community: strawberry.ID = text("The code of the compound, building or stairwell.")
    unit: str = text("The unit as people call it: 0302 in its stairwell, 1幢1单元0302 in its compound.")
    kind: kinds.ResidentKind = text("As what.")
    since: date | None = text("Since which day; today, if not said.", default=None)
    until: date | None = text("The first day no more, for a lease or stay with an end.", default=None)
    phone: str | None = text("Your telephone number: helps staff to match an owner. Kept sealed.", default=None)


@strawberry.input(description="A residency to verify.")
class VerifyResidentInput(DeedInput):
    """A residency to verify."""

    id: strawberry.ID = ref("Resident", "The residency.")
    owner: strawberry.ID | None = ref(
        "Owner",
        "For an owner-occupier whose telephone number is not in the register: which owner it is.",
        optional=True,
    )


@strawberry.input(description="A residency to refuse.")
class RejectResidentInput(DeedInput):
    """A residency to refuse."""

    id: strawberry.ID = ref("Resident", "The residency.")
    reason: str = text("Why; the person reads it.")


@strawberry.input(description="A residency that ends.")
class EndResidencyInput(DeedInput):
    """A residency that ends."""

    id: strawberry.ID = ref("Resident", "The residency.")
    reason: str = text("Why.", default="")


# --- imports ----------------------------------------------------------------------------------------------------------


@strawberry.input(description="A roster to read.")
class PreviewRosterImportInput(DeedInput):
    """A roster to read."""

    community: strawberry.ID = text("The code of the compound.")
    attachment: strawberry.ID = ref("Attachment", "The .xlsx or .csv file that you uploaded for this compound.")
    area_source: rules.AreaSource | None = text(
        "What a plain column 建筑面积 means, where the roster does not say it.", default=None
    )


@strawberry.input(description="Which preview to carry out.")
class ApplyRosterImportInput(DeedInput):
    """Which preview to carry out."""

    id: strawberry.ID = ref("RosterImport", "The import.")
    plan_hash: str = text("The `planHash` of the preview you looked at.")
    skip_faulty: bool = text("Import the good lines though others are in error or in conflict.", default=False)


@strawberry.input(description="Which preview to give up.")
class DiscardRosterImportInput(DeedInput):
    """Which preview to give up."""

    id: strawberry.ID = ref("RosterImport", "The import.")


async def _read_file(arguments: dict[str, Any], info: strawberry.Info) -> dict[str, Any]:
    """Read the uploaded file before the deed, once the viewer may import there."""
    context, community = info.context, arguments["community"]
    prepared = await importing.read_upload(
        context.kernel, context.viewer, community, arguments["attachment"], arguments["area_source"]
    )
    return {"community": community, "prepared": prepared}


async def _compare_again(arguments: dict[str, Any], info: strawberry.Info) -> dict[str, Any]:
    """Compare the file with the register once more before the deed."""
    context = info.context
    return {**arguments, "ready": await importing.plan_again(context.kernel, context.viewer, arguments["id"])}


async def _applied(result: dict[str, Any], info: strawberry.Info) -> Any:
    return await reread("RosterImport", importing.raise_if_stale(result), info)


# --- rolls ------------------------------------------------------------------------------------------------------------


@strawberry.input(description="A voter roll to build.")
class PrepareRollInput(DeedInput):
    """A voter roll to build."""

    community: strawberry.ID = text("The code of the compound.")
    record_date: date | None = text(
        "The day whose register counts; today, if not said, and at the latest.", default=None
    )
    scope: list[strawberry.ID] | None = named(
        "places, by code",
        "Codes of buildings or stairwells, for a vote of these alone; the whole place when left out.",
        default=None,
    )
    include_parking: bool | None = text("Whether parking spaces count; as the settings say, if not said.", default=None)
    title: str | None = text("A title; made of scope and record date, if not said.", default=None)


@strawberry.input(description="A voter roll.")
class RollInput(DeedInput):
    """A voter roll."""

    id: strawberry.ID = ref("VoterRoll", "The roll.")


@strawberry.input(description="An objection to a roll.")
class ObjectToRollInput(DeedInput):
    """An objection to a roll."""

    id: strawberry.ID = ref("VoterRoll", "The roll.")
    text: str = text("What is wrong, up to 2,000 characters.")


@strawberry.input(description="An answer to an objection.")
class AnswerRollObjectionInput(DeedInput):
    """An answer to an objection."""

    id: strawberry.ID = ref("VoterRoll", "The roll.")
    objection: strawberry.ID = ref("RollObjection", "The objection.")
    upheld: bool = text("Whether it is right: correct the register first, the roll is rebuilt from it.")
    answer: str = text("The answer with its reasons.")


@strawberry.input(description="A reason for a change of a roll.")
class RollReasonInput(DeedInput):
    """A reason for a change of a roll."""

    id: strawberry.ID = ref("VoterRoll", "The roll.")
    reason: str = text("Why.")


@strawberry.type
class RegisterMutation:
    """Mutations of ``register``."""

    add_unit = mutation(units.add_unit, AddUnitInput, "Unit")
    correct_unit_area = mutation(units.correct_unit_area, CorrectUnitAreaInput, "Unit")
    correct_unit = mutation(units.correct_unit, CorrectUnitInput, "Unit")
    retire_unit = mutation(units.retire_unit, RetireUnitInput, "Unit")
    transfer_unit = mutation(units.transfer_unit, TransferUnitInput, "Unit")
    set_representative = mutation(units.set_representative, SetRepresentativeInput, "Unit")
    correct_owner = mutation(owners.correct_owner, CorrectOwnerInput, "Owner")
    link_owner = mutation(owners.link_owner, LinkOwnerInput, "Owner")
    unlink_owner = mutation(owners.unlink_owner, UnlinkOwnerInput, "Owner")
    grant_mandate = mutation(owners.grant_mandate, GrantMandateInput, "OwnerMandate")
    end_mandate = mutation(owners.end_mandate, EndMandateInput, "OwnerMandate")
    request_residency = mutation(residents.request_residency, RequestResidencyInput, "Resident")
    verify_resident = mutation(residents.verify_resident, VerifyResidentInput, "Resident")
    reject_resident = mutation(residents.reject_resident, RejectResidentInput, "Resident")
    end_residency = mutation(residents.end_residency, EndResidencyInput, "Resident")
    preview_roster_import = mutation(
        importing.preview_roster_import, PreviewRosterImportInput, "RosterImport", prepare=_read_file
    )
    apply_roster_import = mutation(
        importing.apply_roster_import, ApplyRosterImportInput, RosterImport, prepare=_compare_again, present=_applied
    )
    discard_roster_import = mutation(importing.discard_roster_import, DiscardRosterImportInput, "RosterImport")
    prepare_roll = mutation(rolls.prepare_roll, PrepareRollInput, "VoterRoll")
    rebuild_roll = mutation(rolls.rebuild_roll, RollInput, "VoterRoll")
    publish_roll = mutation(rolls.publish_roll, RollInput, "VoterRoll")
    object_to_roll = mutation(rolls.object_to_roll, ObjectToRollInput, "RollObjection")
    answer_roll_objection = mutation(rolls.answer_roll_objection, AnswerRollObjectionInput, "VoterRoll")
    correct_roll = mutation(rolls.correct_roll, RollReasonInput, "VoterRoll")
    withdraw_roll = mutation(rolls.withdraw_roll, RollReasonInput, "VoterRoll")


FRAGMENTS = Fragments(
    types=(
        Unit, Owner, Ownership, Resident, OwnerMandate, RosterImport, RosterImportRow, VoterRoll, RollEntry, RollObjection,
        RollCorrection, RegisterCorrection,
    ),
    extends={"Community": CommunityRegister, "Query": RegisterQuery, "Mutation": RegisterMutation},
)  # fmt: skip
