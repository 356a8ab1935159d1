"""Tables of ``elections``."""

from __future__ import annotations

from tortoise import fields
from tortoise.fields import RESTRICT
from tortoise.fields.relational import ForeignKeyNullableRelation, ForeignKeyRelation, OneToOneRelation
from tortoise.models import Model

from core.fields import CodeField, DayField, EnumField, InstantField
from core.ids import new_id
from core.models import Matter, Person, anchor
from plugins.elections import kinds


class Election(Model):
    """An election and the term of the committee it gives; its title, state and community are those of its matter."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    kind = EnumField(kinds.ElectionKind)
    reason = fields.TextField()
    seats = fields.IntField()
    term_years = fields.IntField()
    parent: ForeignKeyNullableRelation[Matter] = anchor("core.Matter", null=True)
    roll: ForeignKeyNullableRelation[Matter] = anchor("core.Matter", null=True)
    poll: ForeignKeyNullableRelation[Matter] = anchor("core.Matter", null=True)
    group_due = InstantField(null=True)
    shown_until = InstantField(null=True, description="until when the group, then the candidates, are on display")
    assembly_due = InstantField(null=True)
    nominations_until = InstantField(null=True)
    review_due = InstantField(null=True)
    candidates_published_at = InstantField(null=True)
    needs_lot = fields.BooleanField(default=False)
    lot_source = fields.CharField(300, default="")
    lot_at = InstantField(null=True)
    lot_seed = fields.CharField(200, default="")
    certificate_hash = CodeField(64, default="")
    decided_at = InstantField(null=True)
    term_begins = DayField(null=True)
    term_ends = DayField(null=True)
    first_meeting_due = InstantField(null=True)
    filing_due = InstantField(null=True)
    filed_at = InstantField(null=True)
    filing_receipt = fields.CharField(100, default="")
    seal_certificate = fields.CharField(100, default="")
    refusal_reason = fields.CharField(500, default="")
    refusal_basis = fields.CharField(300, default="")
    handover_due = InstantField(null=True)
    custodian = fields.CharField(200, default="", description="who keeps everything when there is no successor")
    alerted_days = fields.IntField(
        default=0, description="how many days before the end everybody was told last; 0 for not yet"
    )
    overdue_told_at = InstantField(null=True)

    class Meta:
        table = "elections_election"


class Interim(Model):
    """An interim committee (物业管理委员会)."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    reason = fields.TextField()
    shown_until = InstantField(null=True)
    handover_due = InstantField(null=True)
    refusal_reason = fields.CharField(500, default="")
    refusal_basis = fields.CharField(300, default="")

    class Meta:
        table = "elections_interim"


class GroupMember(Model):
    """A member of a preparatory group."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    election: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    standing = EnumField(kinds.GroupStanding)
    is_leader = fields.BooleanField(default=False)

    class Meta:
        table = "elections_group_member"
        indexes = (("election_id", "id"),)
        unique_together = (("election_id", "person_id"),)


class Candidate(Model):
    """Somebody who stands, or was proposed, and how the review ended."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    election: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    nominated_by = EnumField(kinds.Nomination)
    state = EnumField(kinds.CandidateState)
    statement = fields.TextField()
    occupation = fields.CharField(60, default="")
    undertook_at = InstantField(null=True)
    ground = EnumField(kinds.Ground, null=True)
    citation = fields.CharField(300, default="")
    finding = fields.CharField(500, default="")
    asked_at = InstantField(null=True)
    answer = fields.CharField(1000, default="")
    appeal = fields.CharField(1000, default="")
    appeal_answer = fields.CharField(1000, default="")
    yes_area_centi = fields.BigIntField(default=0)
    yes_heads = fields.IntField(default=0)
    has_passed = fields.BooleanField(default=False)
    place = fields.IntField(null=True, description="the order among those who passed, from 1")

    class Meta:
        table = "elections_candidate"
        indexes = (("election_id", "id"),)
        unique_together = (("election_id", "person_id"),)


class Seat(Model):
    """Somebody's place in a committee, or in an interim one."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    body: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    standing = EnumField(kinds.GroupStanding)
    office = EnumField(kinds.Office)
    place = fields.IntField(description="the order of alternates")
    since = InstantField()
    until = InstantField(null=True)
    ended_at = InstantField(null=True)
    end_ground = EnumField(kinds.SeatEnd, null=True)
    end_citation = fields.CharField(300, default="")
    handover_due = InstantField(null=True)

    class Meta:
        table = "elections_seat"
        indexes = (("body_id", "place", "id"), ("body_id", "office"))


class Signature(Model):
    """One owner's name under an application or a petition; who signed is shown to nobody else."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    petition: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    at = InstantField()

    class Meta:
        table = "elections_signature"
        unique_together = (("petition_id", "person_id"),)


class Meeting(Model):
    """A meeting of a committee, or of an interim one."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    body: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    starts_at = InstantField()
    venue = fields.CharField(200, default="")
    minutes = fields.TextField()
    members = fields.IntField(default=0, description="all members in office when it was closed")
    present = fields.IntField(default=0)
    closed_at = InstantField(null=True)
    end_reason = fields.CharField(300, default="")

    class Meta:
        table = "elections_meeting"
        indexes = (("body_id", "matter_id"),)


class Attendance(Model):
    """A member who was at a meeting, in person."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    meeting: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    seat_id = fields.BigIntField()
    at = InstantField()

    class Meta:
        table = "elections_attendance"
        unique_together = (("meeting_id", "seat_id"),)


class Decision(Model):
    """A point on the agenda of a meeting, and what became of it."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    meeting: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    position = fields.IntField()
    title = fields.CharField(200)
    state = EnumField(kinds.DecisionState)
    in_favour = fields.IntField(default=0)
    against = fields.IntField(default=0)
    abstaining = fields.IntField(default=0)

    class Meta:
        table = "elections_decision"
        unique_together = (("meeting_id", "position"),)


class Voice(Model):
    """What a member said on a point, as the minutes have it."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    decision_id = fields.BigIntField()
    seat_id = fields.BigIntField()
    choice = CodeField(10)
    at = InstantField()

    class Meta:
        table = "elections_voice"
        unique_together = (("decision_id", "seat_id"),)


class SealUse(Model):
    """One use of the committee's seal: for what, and when more than half of the members had signed."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    body: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    paper = fields.CharField(200)
    purpose = fields.CharField(300)
    proposed_at = InstantField()
    approved_at = InstantField(null=True)

    class Meta:
        table = "elections_seal_use"
        indexes = (("body_id", "id"),)


class SealSignature(Model):
    """A member's signature for a use of the seal."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    use_id = fields.BigIntField()
    seat_id = fields.BigIntField()
    at = InstantField()

    class Meta:
        table = "elections_seal_signature"
        unique_together = (("use_id", "seat_id"),)


class HandoverItem(Model):
    """A thing that a committee keeps and hands over: papers, accounts, the seal, keys."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    body: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    name = fields.CharField(200)
    quantity = fields.CharField(60, default="")
    listed_by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    listed_at = InstantField()
    received_by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    received_at = InstantField(null=True)

    class Meta:
        table = "elections_handover_item"
        indexes = (("body_id", "id"),)


class Recall(Model):
    """A petition of owners to have the replacement of a member put to the vote."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    seat_id = fields.BigIntField()
    reason = fields.TextField()
    answer = fields.TextField()
    poll: ForeignKeyNullableRelation[Matter] = anchor("core.Matter", null=True)
    signed_heads = fields.IntField(default=0)
    all_heads = fields.IntField(default=0)

    class Meta:
        table = "elections_recall"


__models__ = [
    Election, Interim, GroupMember, Candidate, Seat, Signature, Meeting, Attendance, Decision, Voice, SealUse,
    SealSignature, HandoverItem, Recall,
]  # fmt: skip
