"""The tables of the register: units, who owns them since when, who lives there, imports, and voter rolls."""

from __future__ import annotations

from tortoise import fields
from tortoise.fields import RESTRICT
from tortoise.fields.relational import ForeignKeyNullableRelation, ForeignKeyRelation, OneToOneRelation
from tortoise.models import Model

from core.fields import CodeField, DayField, EnumField, InstantField, JsonField
from core.ids import new_id
from core.models import Community, Matter, Person, anchor
from plugins.register import kinds, rules


class Ledger(Model):
    """How often the register of a compound has changed: what was worked out beforehand holds only while it has not."""

    community: OneToOneRelation[Community] = fields.OneToOneField(
        "core.Community", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    version = fields.BigIntField()

    class Meta:
        table = "register_ledger"


class Unit(Model):
    """One unit: a flat, a shop, a parking space, a common room. ``community`` is the node of the tree it lies in."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community", db_index=False)
    compound: ForeignKeyRelation[Community] = anchor("core.Community", db_index=False)
    label = fields.CharField(40)
    label_key = CodeField(80, description="the label without what writers vary: case, width, leading zeros, 室")
    sort_key = CodeField(120, description="orders the units of a compound as people count: building, stairwell, room")
    use = EnumField(kinds.UnitUse)
    area_centi = fields.BigIntField(description="the area that counts; 0 while no source gives one")
    area_source = EnumField(rules.AreaSource, null=True)
    registry_area_centi = fields.BigIntField(null=True)
    survey_area_centi = fields.BigIntField(null=True)
    contract_area_centi = fields.BigIntField(null=True)
    delivered = fields.BooleanField(description="handed over to its buyer; false makes it developer's stock")
    delivered_on = DayField(null=True)
    developer: ForeignKeyNullableRelation[Owner] = anchor("register.Owner", null=True)
    representative: ForeignKeyNullableRelation[Owner] = anchor("register.Owner", null=True)
    status = EnumField(kinds.UnitStatus)
    retired_on = DayField(null=True, description="the first day it no longer exists as such")

    class Meta:
        table = "register_unit"
        unique_together = (("community_id", "label_key"),)
        indexes = (("compound_id", "sort_key"),)


class Owner(Model):
    """One owner in the register of one compound; what is personal is sealed, masked and found by blind index only."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community", db_index=False)
    kind = EnumField(kinds.OwnerKind)
    name = fields.CharField(120)
    name_masked = fields.CharField(120)
    person: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    representative: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    phone_sealed = fields.TextField(null=True)
    phone_index = CodeField(64, null=True)
    phone_masked = fields.CharField(20, default="")
    document_sealed = fields.TextField(null=True)
    document_index = CodeField(64, null=True)
    document_masked = fields.CharField(20, default="")

    class Meta:
        table = "register_owner"
        indexes = (("community_id", "name"), ("community_id", "document_index"), ("phone_index",), ("document_index",))


class Ownership(Model):
    """Who owned what from which day to which: ``until`` is the first day no more. Rows are closed, never deleted.

    ``community`` is the compound, here as well as with the unit: a whole register is read at once, without a join.
    """

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community")
    unit: ForeignKeyRelation[Unit] = anchor("register.Unit", db_index=False)
    owner: ForeignKeyRelation[Owner] = anchor("register.Owner", db_index=False)
    numerator = fields.BigIntField()
    denominator = fields.BigIntField()
    is_joint = fields.BooleanField(default=False, description="共同共有: no shares; the fraction is nominal")
    since = DayField(null=True, description="null when the register does not know")
    until = DayField(null=True)
    basis = EnumField(kinds.OwnershipBasis)
    source = CodeField(80, description="the deed that recorded it")
    recorded_at = InstantField()

    class Meta:
        table = "register_ownership"
        indexes = (("unit_id", "id"), ("owner_id", "id"))


class Correction(Model):
    """Why something in the register was changed by hand. Not in the trace: reasons may be personal, its leaves may not."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community")
    unit: ForeignKeyNullableRelation[Unit] = anchor("register.Unit", null=True, db_index=False)
    owner: ForeignKeyNullableRelation[Owner] = anchor("register.Owner", null=True, db_index=False)
    deed = CodeField(80)
    reason = fields.CharField(300)
    made_at = InstantField()
    made_by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)

    class Meta:
        table = "register_correction"
        indexes = (("unit_id", "id"), ("owner_id", "id"))


class Mandate(Model):
    """A person is authorised to act for an owner that is no natural person: a matter, with the letter attached to it."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    owner: ForeignKeyRelation[Owner] = anchor("register.Owner")
    person: ForeignKeyRelation[Person] = anchor("core.Person")

    class Meta:
        table = "register_mandate"


class Resident(Model):
    """Somebody who lives in or uses a unit, or says so and waits for verification."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community", db_index=False)
    unit: ForeignKeyRelation[Unit] = anchor("register.Unit", db_index=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    kind = EnumField(kinds.ResidentKind)
    state = EnumField(kinds.ResidentState)
    since = DayField()
    until = DayField(null=True, description="the end of the lease or stay, if one was given: the first day no more")
    phone_sealed = fields.TextField(null=True)
    phone_index = CodeField(64, null=True)
    phone_masked = fields.CharField(20, default="")
    requested_at = InstantField()
    verified_at = InstantField(null=True)
    verified_by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    reason = fields.CharField(300, default="")

    class Meta:
        table = "register_resident"
        indexes = (("community_id", "id"), ("unit_id", "id"))


class RosterImport(Model):
    """One uploaded roster with its plan."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community", db_index=False)
    attachment_id = fields.BigIntField(null=True)
    file_name = fields.CharField(200)
    sha256 = CodeField(64)
    state = EnumField(kinds.ImportState)
    plan_hash = CodeField(64)
    new_count = fields.IntField()
    changed_count = fields.IntField()
    unchanged_count = fields.IntField()
    conflict_count = fields.IntField()
    error_count = fields.IntField()
    absent_count = fields.IntField(
        description="units of the register that the file does not mention; they stay as they are"
    )
    created_at = InstantField()
    created_by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    applied_at = InstantField(null=True)

    class Meta:
        table = "register_import"
        indexes = (("community_id", "id"),)


class RosterImportRow(Model):
    """One line of a roster; what is personal in it is sealed, and emptied once the import is over."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    roster: ForeignKeyRelation[RosterImport] = anchor("register.RosterImport", db_index=False)
    number = fields.IntField()
    sheet = fields.CharField(60)
    line = fields.IntField()
    state = EnumField(kinds.ImportRowState)
    unit_label = fields.CharField(120)
    messages = JsonField()
    sealed = fields.TextField(null=True)

    class Meta:
        table = "register_import_row"
        unique_together = (("roster_id", "number"),)


class VoterRoll(Model):
    """A voter roll: who counts how much on the record date. It is a matter; title, state and place are the matter's."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    record_date = DayField()
    scope = JsonField(description="the places whose units count: [{id, code, name}]")
    include_parking = fields.BooleanField()
    heads_key = EnumField(rules.HeadsKey)
    area_centi = fields.BigIntField()
    heads = fields.IntField()
    hash = CodeField(64)
    published_at = InstantField(null=True)
    objections_until = InstantField(null=True)
    withdrawal_reason = fields.CharField(300, null=True)
    closed_at = InstantField(
        null=True, description="since then who may vote is history and no longer follows the register"
    )

    class Meta:
        table = "register_roll"


class RollEntry(Model):
    """One head of a roll. A correction strikes entries out and adds others; none is deleted."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    roll: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    number = fields.IntField()
    head_key = CodeField(64)
    owner: ForeignKeyNullableRelation[Owner] = anchor("register.Owner", null=True)
    units_text = fields.TextField()
    owners_masked = fields.TextField()
    buildings = fields.TextField()
    area_centi = fields.BigIntField()
    heads = fields.IntField()
    is_developer_stock = fields.BooleanField()
    struck_at = InstantField(null=True)

    class Meta:
        table = "register_roll_entry"
        unique_together = (("roll_id", "number"),)


class RollUnit(Model):
    """A unit within an entry, with the area it counts by and where that came from."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    entry: ForeignKeyRelation[RollEntry] = anchor("register.RollEntry")
    unit: ForeignKeyRelation[Unit] = anchor("register.Unit")
    area_centi = fields.BigIntField()
    area_source = EnumField(rules.AreaSource)

    class Meta:
        table = "register_roll_unit"


class RollVoter(Model):
    """An owner behind an entry and the person who may vote for it, as soon as one is known.

    ``may_vote`` is false for co-owners who designated another as their representative.
    """

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    roll: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    entry: ForeignKeyRelation[RollEntry] = anchor("register.RollEntry", db_index=False)
    owner: ForeignKeyRelation[Owner] = anchor("register.Owner")
    person: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True, db_index=False)
    may_vote = fields.BooleanField(default=True)

    class Meta:
        table = "register_roll_voter"
        unique_together = (("entry_id", "owner_id"),)
        indexes = (("roll_id", "person_id"), ("person_id",))


class RollObjection(Model):
    """Somebody says that a published roll is wrong; each objection is answered."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    roll: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    text = fields.TextField()
    state = EnumField(kinds.RollObjectionState)
    made_at = InstantField()
    answer = fields.TextField(default="")
    answered_at = InstantField(null=True)

    class Meta:
        table = "register_roll_objection"
        indexes = (("roll_id", "id"),)


class RollCorrection(Model):
    """A published roll was rebuilt from the corrected register: why, and what it was before and after."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    roll: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    objection: ForeignKeyNullableRelation[RollObjection] = anchor("register.RollObjection", null=True)
    made_at = InstantField()
    reason = fields.CharField(300)
    entries_struck = fields.IntField()
    entries_added = fields.IntField()
    hash_before = CodeField(64)
    hash_after = CodeField(64)
    area_before_centi = fields.BigIntField()
    area_after_centi = fields.BigIntField()
    heads_before = fields.IntField()
    heads_after = fields.IntField()

    class Meta:
        table = "register_roll_correction"
        indexes = (("roll_id", "id"),)


__models__ = [
    Ledger, Unit, Owner, Ownership, Correction, Mandate, Resident, RosterImport, RosterImportRow, VoterRoll, RollEntry, RollUnit, RollVoter,
    RollObjection, RollCorrection,
]  # fmt: skip
