"""GraphQL of ``register``: what can be read."""

import json
from datetime import date, datetime
from typing import Annotated, Any

import strawberry

from core.access import ROW_PATH, ROW_PLACE, Sight, Where, either, holders, person, row
from core.hierarchy import lineage, subtree_range
from core.kinds import CommunityKind
from core.masks import mask_name
from plugins.register import identity, kinds, models, rules, sights, words
from plugins.register.lifecycle import MANDATE, ROLL
from plugins.register.places import BELOW_COMPOUND
from schema.declared import column, computed, declared, extension, for_each, hidden, lookup, state_now, to_many, to_one
from schema.enums import graphql_enum
from schema.looks import SealedField, admitted, opened
from schema.node import Node
from schema.paging import NEWEST, OLDEST, Connection, Filter, Order
from schema.policies import Guard, guarded
from schema.scalars import Area
from schema.types import Community, Matter, Person

OwnerRef = Annotated["Owner", strawberry.lazy("plugins.register.schema")]
UnitRef = Annotated["Unit", strawberry.lazy("plugins.register.schema")]
First = Annotated[int, strawberry.argument(description="How many items, at most 100.")]
After = Annotated[str | None, strawberry.argument(description="Begin behind this cursor.")]
Id = Annotated[strawberry.ID, strawberry.argument(description="Its global id.")]

for enum in (
    kinds.UnitUse, kinds.UnitStatus, kinds.OwnerKind, kinds.OwnershipBasis, kinds.ResidentKind, kinds.ResidentState,
    kinds.ImportState, kinds.ImportRowState, kinds.RollState, kinds.RollObjectionState, kinds.MandateState,
    rules.AreaSource, rules.HeadsKey,
):  # fmt: skip
    graphql_enum(enum)

FULL_LABEL = (
    "(SELECT CASE c.kind WHEN 'STAIRWELL' THEN p.name || c.name WHEN 'BUILDING' THEN c.name ELSE '' END "
    "FROM core_community c LEFT JOIN core_community p ON p.id = c.parent_id WHERE c.id = {t}.community_id) || {t}.label"
)
NOW = row("{t}.until IS NULL")
BY_NUMBER = Order("{t}.number", descending=False, number=True)
BY_PLACE = Order("{t}.sort_key", descending=False)


CONTACT = "register.contact"
OWNER_PHONE = SealedField("register_owner", identity.PHONE, CONTACT, "phone_sealed", "phone_masked")
OWNER_DOCUMENT = SealedField("register_owner", identity.DOCUMENT, CONTACT, "document_sealed", "document_masked")
RESIDENT_PHONE = SealedField("register_resident", identity.PHONE, CONTACT, "phone_sealed", "phone_masked")
LOGGED = guarded(
    Guard.ROW, "sealed text is loaded for holders of register.read_contacts only, and each look is written down"
)


def reads_contacts(sight: Sight) -> Where:
    """Say in SQL whether the viewer reads a row by office or as the owner, not as a co-owner."""
    seen = sights.SEES_CONTACTS(sight)
    return Where(f"CASE WHEN {seen.sql} THEN 1 ELSE 0 END", seen.params)


@declared(models.Owner, visible=sights.SEES_OWNER, path=ROW_PATH)
class Owner(Node):
    """An owner in the register of one compound: masked, except for the owner and for holders of register.read_contacts."""

    kind: kinds.OwnerKind = column("What the owner is in law.")
    person: Person | None = to_one("Person", "{t}.person_id", "The person who this owner is known to be.")
    representative: Person | None = to_one(
        "Person", "{t}.representative_id", "Who acts for a company or another owner that is no natural person."
    )
    ownerships: Connection[Annotated["Ownership", strawberry.lazy("plugins.register.schema")]] = to_many(
        "Ownership", "{t}.owner_id", "What is owned now.", order=OLDEST, where=NOW
    )
    corrections: Connection[Annotated["RegisterCorrection", strawberry.lazy("plugins.register.schema")]] = to_many(
        "RegisterCorrection", "{t}.owner_id", "Why it was changed by hand, newest first; for who maintains it.",
        order=NEWEST,
    )  # fmt: skip
    full_name: str = hidden("{t}.name", allowed=sights.SEES_NAME)
    masked_name: str = hidden("{t}.name_masked")
    by_office: int = hidden(reads_contacts)
    owner_kind: str = hidden("{t}.kind")
    person_key: int = hidden("{t}.person_id")
    phone_sealed: str = hidden("{t}.phone_sealed", allowed=sights.SEES_CONTACTS)
    phone_masked: str = hidden("{t}.phone_masked")
    document_sealed: str = hidden("{t}.document_sealed", allowed=sights.SEES_CONTACTS)
    document_masked: str = hidden("{t}.document_masked")

    @for_each(
        "The name; of a person masked (张*) for whom it does not concern. Whoever reads it in full by office is written down.",
        needs=("full_name", "masked_name", "by_office", "owner_kind", "person_key"),
        metadata=LOGGED,
    )
    async def name(owners: list[Any], info: strawberry.Info) -> list[str]:  # noqa: N805 - a level's
        def is_look(one: Any) -> bool:
            return bool(one.by_office) and one.full_name is not None and one.owner_kind == kinds.OwnerKind.PERSON

        shown = await admitted(owners, info, "register_owner", "name", "register.owner", is_look)
        return [
            one.masked_name if one.full_name is None or (is_look(one) and not is_shown) else one.full_name
            for one, is_shown in zip(owners, shown, strict=True)
        ]

    @for_each(
        "The telephone number, masked (138****) unless the viewer may read contacts, which is written down.",
        needs=("phone_sealed", "phone_masked", "person_key"),
        metadata=LOGGED,
    )
    async def phone(owners: list[Any], info: strawberry.Info) -> list[str | None]:  # noqa: N805
        return await opened(owners, info, OWNER_PHONE)

    @for_each(
        "The document number, masked (********1X) unless the viewer may read contacts, which is written down.",
        needs=("document_sealed", "document_masked", "person_key"),
        metadata=LOGGED,
    )
    async def document(owners: list[Any], info: strawberry.Info) -> list[str | None]:  # noqa: N805
        return await opened(owners, info, OWNER_DOCUMENT)


@declared(models.Ownership, visible=sights.SEES_OWNERSHIP, path=sights.UNIT_PATH)
class Ownership(Node):
    """That somebody owns, or owned, a unit or a share of it, from one day to another."""

    unit: UnitRef | None = to_one("Unit", "{t}.unit_id", "The unit.")
    owner: OwnerRef | None = to_one("Owner", "{t}.owner_id", "The owner.")
    numerator: int = column("The share, above the line.")
    denominator: int = column("The share, below the line.")
    is_joint: bool = column("Owned jointly, without shares (共同共有); the fraction is nominal then.", convert=bool)
    since: date | None = column("Since which day; null when the register does not know.")
    until: date | None = column("The first day no more; null while it lasts.")
    basis: kinds.OwnershipBasis = column("On what it rests.")
    recorded_at: datetime = column("When it was recorded.")


def resident_state(sight: Sight) -> Where:
    """Say in SQL how a residency stands today: one whose term is over has ended, whether or not anybody said so."""
    sql = "CASE WHEN {t}.state = 'VERIFIED' AND {t}.until <= ? THEN 'ENDED' ELSE {t}.state END"
    return Where(sql, (sight.today,))


@declared(models.Resident, visible=sights.SEES_RESIDENT, path=ROW_PATH)
class Resident(Node):
    """That somebody lives in a unit, or says so and waits for verification; for that person and for who verifies."""

    unit: UnitRef | None = to_one("Unit", "{t}.unit_id", "The unit.")
    unit_label: str = computed(
        "(SELECT u.label FROM register_unit u WHERE u.id = {t}.unit_id)", "The unit's own label, e.g. 0302."
    )
    place: Community = to_one("Community", "{t}.community_id", "The stairwell, building or compound the unit lies in.")
    person: Person | None = to_one("Person", "{t}.person_id", "The person.")
    kind: kinds.ResidentKind = column("As what.")
    state: kinds.ResidentState = computed(resident_state, "How it stands today.")
    since: date = column("Since which day.")
    until: date | None = column("The first day no more, for a lease or stay with an end.")
    requested_at: datetime = column("When it was asked for.")
    verified_at: datetime | None = column("When it was verified.")
    verified_by: Person | None = to_one("Person", "{t}.verified_by_id", "Who verified it.")
    reason: str = column("Why it was refused or ended.")
    real_name: str = hidden("(SELECT p.name FROM core_person p WHERE p.id = {t}.person_id)")
    person_key: int = hidden("{t}.person_id")
    phone_sealed: str = hidden("{t}.phone_sealed", allowed=sights.SEES_CONTACTS)
    phone_masked: str = hidden("{t}.phone_masked")

    @for_each(
        "The person's name, to compare with documents. Whoever reads it of another is written down.",
        needs=("real_name", "person_key"),
        metadata=guarded(Guard.ROW, "for who verifies, and each look is written down"),
    )
    async def person_name(residents: list[Any], info: strawberry.Info) -> list[str]:  # noqa: N805
        shown = await admitted(residents, info, "register_resident", "name", "register.resident", lambda one: True)
        return [
            one.real_name if is_shown else mask_name(one.real_name)
            for one, is_shown in zip(residents, shown, strict=True)
        ]

    @for_each(
        "The telephone number given, masked unless the viewer may read contacts, which is written down.",
        needs=("phone_sealed", "phone_masked", "person_key"),
        metadata=LOGGED,
    )
    async def phone(residents: list[Any], info: strawberry.Info) -> list[str | None]:  # noqa: N805
        return await opened(residents, info, RESIDENT_PHONE)


@declared(models.Correction, path=ROW_PATH, visible=holders("register.manage_register", path=ROW_PATH, place=ROW_PLACE))
class RegisterCorrection(Node):
    """Why something in the register was changed by hand; for those who maintain it."""

    deed: str = column("What was done, e.g. register.correct_unit_area.")
    reason: str = column("Why: what it rests on.")
    made_at: datetime = column("When.")
    made_by: Person | None = to_one("Person", "{t}.made_by_id", "Who did it.")


@declared(models.Unit, visible=sights.SEES_UNIT, path=ROW_PATH)
class Unit(Node):
    """A unit: a flat, a shop, a parking space, a common room."""

    label: str = column("Its own label, e.g. 0302.")
    full_label: str = computed(FULL_LABEL, "Its label with building and stairwell, e.g. 1幢1单元0302.")
    place: Community = to_one("Community", "{t}.community_id", "The stairwell, building or compound it lies in.")
    use: kinds.UnitUse = column("What it is used as.")
    area: Area | None = computed("NULLIF({t}.area_centi, 0)", "The area that counts; null while no source gives one.")
    area_source: rules.AreaSource | None = column(
        "Where that area was taken from: registry, else survey, else contract."
    )
    registry_area: Area | None = column("The area in the real-estate register.", "{t}.registry_area_centi")
    survey_area: Area | None = column("The area as surveyed.", "{t}.survey_area_centi")
    contract_area: Area | None = column("The area in the sale contract.", "{t}.contract_area_centi")
    delivered: bool = column(
        "Whether it was handed over to its buyer; if not it counts as developer's stock.", convert=bool
    )
    delivered_on: date | None = column("When it was handed over, if known.")
    status: kinds.UnitStatus = column("Whether it still exists as such.")
    developer: OwnerRef | None = to_one("Owner", "{t}.developer_id", "Whose stock it is, or was.")
    representative: OwnerRef | None = to_one(
        "Owner", "{t}.representative_id", "Whom its co-owners designated to vote for it."
    )
    ownerships: Connection[Ownership] = to_many("Ownership", "{t}.unit_id", "Who owns it now.", order=OLDEST, where=NOW)
    ownership_history: Connection[Ownership] = to_many(
        "Ownership", "{t}.unit_id", "Who has owned it since the register knows, latest record first.", order=NEWEST
    )
    residents: Connection[Resident] = to_many(
        "Resident", "{t}.unit_id", "Who lives there, or asked to be registered, latest request first.", order=NEWEST
    )
    corrections: Connection[RegisterCorrection] = to_many(
        "RegisterCorrection",
        "{t}.unit_id",
        "Why it was changed by hand, newest first; for who maintains it.",
        order=NEWEST,
    )


@declared(models.Mandate, matter=MANDATE)
class OwnerMandate(Matter):
    """That a person may act for a company or another owner that is no natural person; the letter is attached."""

    state: kinds.MandateState = state_now(kinds.MandateState)
    owner: Owner | None = to_one("Owner", "{t}.owner_id", "The owner.")
    person: Person | None = to_one("Person", "{t}.person_id", "Who acts for it.")


# --- imports ----------------------------------------------------------------------------------------------------------


@strawberry.type(description="What is to be said of a line of a roster.")
class RosterMessage:
    """What is to be said of a line of a roster."""

    cell: str = strawberry.field(description="The cell, as the spreadsheet names it: `清册!C12`.")
    text: str = strawberry.field(description="What is wrong or worth knowing, in the language of Accept-Language.")
    is_error: bool = strawberry.field(description="False for a mere note, which keeps nothing out.")


IMPORTERS = holders("register.import_roster", path=ROW_PATH, place=ROW_PLACE)


@declared(
    models.RosterImportRow, path=sights.IMPORT_PATH,
    visible=holders("register.import_roster", path=sights.IMPORT_PATH, place=sights.IMPORT_PLACE),
)  # fmt: skip
class RosterImportRow(Node):
    """One line of a roster and what importing it would do."""

    number: int = column("Its number, counting the lines with content over all sheets.")
    sheet: str = column("The sheet; empty where there is one only.")
    line: int = column("The line in the sheet, as the spreadsheet counts.")
    state: kinds.ImportRowState = column("What importing it would do.")
    unit_label: str = column("The unit it is about, as the roster writes it.")
    told: str = hidden("{t}.messages")

    @strawberry.field(
        description="All its errors, the conflict, and notes, each with its cell (a handful).",
        metadata=guarded(Guard.ROW, "what was said of the line, in the language of the request"),
    )
    def messages(self, info: strawberry.Info) -> list[RosterMessage]:
        language = "en" if info.context.language == "en" else "zh"
        return [
            RosterMessage(cell=one["cell"], text=one[language], is_error=one["isError"])
            for one in json.loads(self.told)
        ]


@declared(models.RosterImport, visible=IMPORTERS, path=ROW_PATH)
class RosterImport(Node):
    """An uploaded roster: what importing it would do, or did."""

    compound: Community = to_one("Community", "{t}.community_id", "The compound.")
    file_name: str = column("The name of the file.")
    sha256: str = column("SHA-256 of the file, hex.")
    state: kinds.ImportState = column("How far it has come.")
    plan_hash: str = column("Pass this to `applyRosterImport`: it stands for exactly the plan that is shown.")
    new_count: int = column("How many lines add something (新增).")
    changed_count: int = column("How many lines change something (变更).")
    unchanged_count: int = column("How many lines say what the register says (不变).")
    conflict_count: int = column("How many lines contradict the register (冲突).")
    error_count: int = column("How many lines cannot be understood (错误).")
    absent_count: int = column("How many units of the register the file does not mention; they stay as they are.")
    created_at: datetime = column("When it was previewed.")
    created_by: Person | None = to_one("Person", "{t}.created_by_id", "Who previewed it.")
    applied_at: datetime | None = column("When it was applied.")
    rows: Connection[RosterImportRow] = to_many(
        "RosterImportRow", "{t}.roster_id", "Its lines in order.", order=BY_NUMBER,
        filters={"state": Filter(kinds.ImportRowState, "{t}.state = ?", "Only lines in this state.")},
    )  # fmt: skip


# --- rolls ------------------------------------------------------------------------------------------------------------


def may_vote(sight: Sight) -> Where:
    """Say in SQL whether the viewer may vote for an entry."""
    if sight.viewer.person_id is None:
        return Where("0")
    return Where(
        "CASE WHEN EXISTS (SELECT 1 FROM register_roll_voter v WHERE v.entry_id = {t}.id AND v.person_id = ? AND v.may_vote) "
        "THEN 1 ELSE 0 END",
        (sight.viewer.person_id,),
    )


def voters(sight: Sight) -> Where:
    """Show an entry to the persons who may vote for it."""
    if sight.viewer.person_id is None:
        return Where("FALSE")
    return Where(
        "{t}.id IN (SELECT v.entry_id FROM register_roll_voter v WHERE v.person_id = ? AND v.may_vote)",
        (sight.viewer.person_id,),
    )


@declared(models.RollEntry, visible=sights.sees_roll, path=sights.ROLL_PATH)
class RollEntry(Node):
    """One head of a voter roll, as it is published: its units, its masked owners, its area."""

    number: int = column("Its number on the roll.")
    units: str = column("Its units: 1幢1单元0302、1幢1单元0303.", "{t}.units_text")
    owners_masked: str = column("Its owners, persons masked (张*、李*).")
    buildings: str = column("The buildings of its units.")
    area: Area = column("The area it counts with.", "{t}.area_centi")
    heads: int = column("The heads it counts with: always one (解释 9).")
    is_developer_stock: bool = column("All that the developer has not sold or not handed over: one head.", convert=bool)
    owner: Owner | None = to_one("Owner", "{t}.owner_id", "Its first owner, for whom it concerns.")
    viewer_may_vote: bool = computed(may_vote, "Whether the viewer may vote for it.")
    struck_at: datetime | None = column("When a correction struck it out; null while it counts.")


@declared(
    models.RollObjection, path=sights.ROLL_PATH,
    visible=either(
        person("{t}.person_id"), holders("register.manage_rolls", path=sights.ROLL_PATH, place=sights.ROLL_PLACE)
    ),
)  # fmt: skip
class RollObjection(Node):
    """An objection to a roll and its answer; for who made it and for who answers."""

    roll: Annotated["VoterRoll", strawberry.lazy("plugins.register.schema")] | None = to_one(
        "VoterRoll", "{t}.roll_id", "The roll."
    )
    person: Person | None = to_one("Person", "{t}.person_id", "Who objects.")
    text: str = column("What is wrong, in the words of who objects.")
    state: kinds.RollObjectionState = column("Where it stands.")
    made_at: datetime = column("When it was made.")
    answer: str = column("The answer; empty while there is none.")
    answered_at: datetime | None = column("When it was answered.")


@declared(models.RollCorrection, visible=sights.sees_roll, path=sights.ROLL_PATH)
class RollCorrection(Node):
    """That a published roll was corrected: what it was before and after."""

    made_at: datetime = column("When.")
    after_objection: bool = computed(
        "CASE WHEN {t}.objection_id IS NULL THEN 0 ELSE 1 END", "Whether an objection led to it."
    )
    entries_struck: int = column("How many entries were struck out.")
    entries_added: int = column("How many entries were added.")
    hash_before: str = column("The roll's hash before.")
    hash_after: str = column("The roll's hash after.")
    area_before: Area = column("The total area before.", "{t}.area_before_centi")
    area_after: Area = column("The total area after.", "{t}.area_after_centi")
    heads_before: int = column("The heads before.")
    heads_after: int = column("The heads after.")
    reason: str | None = column(
        "Why; for who manages rolls, as it may quote an objection.", otherwise="NULL",
        allowed=holders("register.manage_rolls", path=sights.ROLL_PATH, place=sights.ROLL_PLACE),
    )  # fmt: skip


COUNTING = row("{t}.struck_at IS NULL")


@declared(models.VoterRoll, matter=ROLL)
class VoterRoll(Matter):
    """A voter roll: every head with its area on the record date, and the two totals of every decision."""

    state: kinds.RollState = state_now(kinds.RollState)
    record_date: date = column("The day whose register counts; later transfers change nothing.")
    heads_key: rules.HeadsKey = column("What makes two units one head when co-owners overlap.")
    include_parking: bool = column("Whether parking spaces count.", convert=bool)
    area: Area = column("The total area.", "{t}.area_centi")
    heads: int = column("The total of heads.")
    hash: str = column(
        "SHA-256 over the canonical JSON of [recordDate, scope codes, headsKey, includeParking, lines], each line "
        "[number, units, ownersMasked, area in hundredths, heads, isDeveloperStock]: whoever has the roll can check it."
    )
    published_at: datetime | None = column("When it was published.")
    objections_until: datetime | None = column("The first instant too late to object.")
    withdrawal_reason: str | None = column("Why it was withdrawn; null unless it was.")
    open_objections: int = computed(
        "(SELECT COUNT(*) FROM register_roll_objection o WHERE o.roll_id = {t}.matter_id AND o.state = 'OPEN')",
        "How many objections await answers.",
    )
    entries: Connection[RollEntry] = to_many(
        "RollEntry",
        "{t}.roll_id",
        "The heads that count, in order of their first unit.",
        order=BY_NUMBER,
        where=COUNTING,
    )
    struck_entries: Connection[RollEntry] = to_many(
        "RollEntry", "{t}.roll_id", "Entries that corrections struck out.", order=BY_NUMBER,
        where=row("{t}.struck_at IS NOT NULL"),
    )  # fmt: skip
    viewer_entries: Connection[RollEntry] = to_many(
        "RollEntry", "{t}.roll_id", "The entries for which the viewer may vote; mostly one.", order=BY_NUMBER,
        where=lambda sight: COUNTING(sight) & voters(sight),
    )  # fmt: skip
    objections: Connection[RollObjection] = to_many(
        "RollObjection", "{t}.roll_id", "Objections the viewer may see, newest first.", order=NEWEST,
        filters={"state": Filter(kinds.RollObjectionState, "{t}.state = ?", "Only those in this state.")},
    )  # fmt: skip
    corrections: Connection[RollCorrection] = to_many(
        "RollCorrection", "{t}.roll_id", "Corrections since it was published, newest first.", order=NEWEST
    )
    places: str = hidden("{t}.scope")

    @strawberry.field(description="The codes of the places whose units count (a handful).")
    def scope_codes(self) -> list[str]:
        return [place["code"] for place in json.loads(self.places)]

    @strawberry.field(description="The names of those places when the roll was made.")
    def scope_names(self) -> list[str]:
        return [place["name"] for place in json.loads(self.places)]


# --- where to begin ---------------------------------------------------------------------------------------------------


def _below(root: Any) -> Where:
    """Narrow units and residents to a place and all below it."""
    if root.kind == CommunityKind.STAIRWELL:  # nothing is below it
        return Where("{t}.community_id = ?", (root.pk,))
    low, high = subtree_range(root.path)
    return Where(
        "{t}.community_id IN (SELECT c.id FROM core_community c WHERE c.path >= ? AND c.path < ?)", (low, high)
    )


def _units_below(root: Any) -> Where:
    """Narrow units to a place and all below it; in a compound its own index gives them in their order."""
    if root.kind == CommunityKind.COMPOUND:
        return Where("{t}.compound_id = ?", (root.pk,))
    below = _below(root)
    if root.kind not in BELOW_COMPOUND:
        return below
    above = lineage(root.path)
    compound = (
        f"SELECT c.id FROM core_community c WHERE c.path IN ({', '.join('?' * len(above))}) AND c.kind = 'COMPOUND'"
    )
    # With the zero the place filters: its own index would give units that then have to be sorted.
    filtered = below.sql.replace("{t}.community_id", "({t}.community_id + 0)")
    return Where(f"{{t}}.compound_id = ({compound}) AND {filtered}", (*above, *below.params))


@extension("Community")
class CommunityRegister:
    """What ``register`` adds to a community."""

    voter_rolls: Connection[VoterRoll] = to_many(
        "VoterRoll", "{m}.community_id", "Voter rolls of this compound, newest first.", order=NEWEST
    )
    roster_imports: Connection[RosterImport] = to_many(
        "RosterImport", "{t}.community_id", "Roster imports of this compound, newest first; for who may import.",
        order=NEWEST,
    )  # fmt: skip

    @strawberry.field(description="The units here and below, in order of building, stairwell and room.")
    async def units(
        self,
        info: strawberry.Info,
        first: First = 20,
        after: After = strawberry.UNSET,
        use: Annotated[
            kinds.UnitUse | None, strawberry.argument(description="Only units of this use.")
        ] = strawberry.UNSET,
        label: Annotated[
            str | None, strawberry.argument(description="Only units with this label, e.g. 0302 or 302室.")
        ] = strawberry.UNSET,
    ) -> Connection[Unit]:
        where = _units_below(self)
        if use:
            where &= Where("{t}.use = ?", (use.value,))
        if label:
            where &= Where("{t}.label_key = ?", (words.room_key(label),))
        return await info.context.reading.page("Unit", info, where=where, order=BY_PLACE, first=first, after=after)

    @strawberry.field(
        description="Residents and requests here and below, newest first; for who verifies, and one's own."
    )
    async def residents(
        self,
        info: strawberry.Info,
        first: First = 20,
        after: After = strawberry.UNSET,
        state: Annotated[
            kinds.ResidentState | None, strawberry.argument(description="Only those in this state today.")
        ] = strawberry.UNSET,
    ) -> Connection[Resident]:
        where = _below(self)
        if state:
            now = resident_state(info.context.sight)
            where &= Where(f"{now.sql} = ?", (*now.params, state.value))
        return await info.context.reading.page("Resident", info, where=where, order=NEWEST, first=first, after=after)


@strawberry.type
class RegisterQuery:
    """Root queries of ``register``."""

    @strawberry.field(
        description="The units that the viewer owns, acts for, or lives in; empty for nobody in particular."
    )
    async def my_units(
        self, info: strawberry.Info, first: First = 20, after: After = strawberry.UNSET
    ) -> Connection[Unit]:
        where = sights.OWN_UNITS(info.context.sight)
        return await info.context.reading.page("Unit", info, where=where, order=BY_PLACE, first=first, after=after)

    @strawberry.field(description="The viewer's own residencies and requests, newest first.")
    async def my_residencies(
        self, info: strawberry.Info, first: First = 20, after: After = strawberry.UNSET
    ) -> Connection[Resident]:
        where = person("{t}.person_id")(info.context.sight)
        return await info.context.reading.page("Resident", info, where=where, order=NEWEST, first=first, after=after)

    voter_roll: VoterRoll | None = lookup(
        "VoterRoll", "The voter roll with this id; null when there is none or you may not see it."
    )
    roster_import: RosterImport | None = lookup(
        "RosterImport", "The roster import with this id; null when there is none or you may not see it."
    )
