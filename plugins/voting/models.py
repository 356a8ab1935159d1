"""Tables of ``voting``."""

from __future__ import annotations

from tortoise import fields
from tortoise.fields import RESTRICT
from tortoise.fields.relational import ForeignKeyNullableRelation, ForeignKeyRelation, OneToOneRelation
from tortoise.models import Model

from core.fields import CodeField, DayField, EnumField, InstantField, JsonField
from core.ids import new_id, untimed_id
from core.models import Matter, Person, anchor
from plugins.voting import kinds, rules


class Poll(Model):
    """A poll; its title, state, author, community and frozen settings are those of its matter."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    kind = EnumField(kinds.PollKind)
    mode = EnumField(kinds.BallotMode, default=kinds.BallotMode.OPEN)
    by_standing = fields.BooleanField(
        default=False, description="whether a separated survey is broken down by standing"
    )
    body = fields.TextField()
    roll: ForeignKeyNullableRelation[Matter] = anchor("core.Matter", null=True)
    roll_hash = CodeField(64, default="")
    record_date = DayField(null=True)
    area_centi = fields.BigIntField(default=0, description="all area of the roll, frozen at announcement")
    heads = fields.IntField(default=0, description="all heads of the roll, frozen at announcement")
    opens_at = InstantField()
    closes_at = InstantField()
    first_closes_at = InstantField(null=True, description="the end as announced, before any extension")
    announced_at = InstantField(null=True)
    extension_reason = fields.CharField(500, default="")
    legal_effect = EnumField(kinds.LegalEffect, null=True)
    scope_justification = fields.CharField(500, default="")
    silence_text = fields.CharField(500, default="", description="what the ballot says about silence")
    legal_review_note = fields.CharField(500, default="")
    is_first_assembly = fields.BooleanField(default=False)
    undeliverable_posted_at = InstantField(null=True)
    notice_id = fields.BigIntField(null=True)
    result_notice_id = fields.BigIntField(null=True)
    round = fields.IntField(default=0, description="0 before the first count, then 1, 2 after a recount …")
    counted_at = InstantField(null=True)
    objections_until = InstantField(null=True)
    certificate_hash = CodeField(64, default="")
    end_reason = fields.CharField(500, default="")
    end_basis = fields.CharField(300, default="")

    class Meta:
        table = "voting_poll"


class Motion(Model):
    """One question of a poll: a joint decision of owners, or a survey question with options."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    poll: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    position = fields.IntField()
    title = fields.CharField(200)
    text = fields.TextField()
    matter_code = EnumField(rules.JointDecisionMatter, null=True)
    candidate: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    options = JsonField()
    most_options = fields.IntField(default=1)

    class Meta:
        table = "voting_motion"
        unique_together = (("poll_id", "position"),)


class Proxy(Model):
    """A written authorisation to vote for an owner in one poll."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    poll: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    entry: ForeignKeyRelation[Model] = anchor("register.RollEntry")
    owner_id = fields.BigIntField(description="the owner of the register who is represented")
    principal: ForeignKeyRelation[Person] = anchor("core.Person")
    holder: ForeignKeyRelation[Person] = anchor("core.Person")
    scope = fields.CharField(300)
    begins = InstantField()
    until = InstantField()
    marks = CodeField(20, null=True, description="what the principal wants, one letter a motion")
    letter_id = fields.BigIntField(null=True)
    made_at = InstantField()
    used_at = InstantField(null=True)
    revoked_at = InstantField(null=True)

    class Meta:
        table = "voting_proxy"
        indexes = (("poll_id", "holder_id"),)


class Slip(Model):
    """A numbered paper ballot for one entry of the roll: its delivery, and its entry by two persons."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    poll: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    entry: ForeignKeyRelation[Model] = anchor("register.RollEntry")
    number = fields.IntField()
    code = CodeField(16, description="printed on the slip, so that no other can be entered in its place")
    state = EnumField(kinds.SlipState)
    delivery = EnumField(rules.Delivery)
    delivered_at = InstantField(null=True)
    delivered_how = EnumField(kinds.DeliveryMethod, null=True)
    delivered_by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    delivery_note = fields.CharField(300, default="")
    channel = EnumField(rules.Channel, null=True)
    entered_marks = CodeField(20, null=True)
    entered_signed = fields.BooleanField(null=True)
    entered_owner_id = fields.BigIntField(null=True)
    entered_at = InstantField(null=True)
    entered_by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    confirmed_at = InstantField(null=True)
    confirmed_by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)

    class Meta:
        table = "voting_slip"
        unique_together = (("poll_id", "entry_id"), ("poll_id", "number"))


class Returned(Model):
    """One ballot as it came in; rows are only added, so that every change stays on record.

    ``marks`` has one letter a motion: F, A, B for a single mark, ``-`` for none, X for two.
    """

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    poll: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    entry: ForeignKeyRelation[Model] = anchor("register.RollEntry")
    owner_id = fields.BigIntField()
    person: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    proxy: ForeignKeyNullableRelation[Proxy] = anchor("voting.Proxy", null=True)
    slip: ForeignKeyNullableRelation[Slip] = anchor("voting.Slip", null=True)
    channel = EnumField(rules.Channel)
    at = InstantField()
    marks = CodeField(20)
    is_signed = fields.BooleanField(default=True)
    withdrawn_at = InstantField(null=True)
    nonce = CodeField(32)
    receipt = CodeField(64, unique=True)

    class Meta:
        table = "voting_returned"
        indexes = (("poll_id", "entry_id"),)


class Ballot(Model):
    """What counts for one entry of the roll: one row, whatever came in how often.

    ``choices`` has one letter a motion: F, A, B counted, X invalid, C conflicted, ``-`` nothing.
    """

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    poll: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    entry: ForeignKeyRelation[Model] = anchor("register.RollEntry")
    choices = CodeField(20)
    area_centi = fields.BigIntField()
    heads = fields.IntField()
    building = fields.TextField()
    at = InstantField()

    class Meta:
        table = "voting_ballot"
        unique_together = (("poll_id", "entry_id"),)


class Turnout(Model):
    """How much of one building has taken part; never what it chose."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    poll: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    building = fields.TextField()
    all_area_centi = fields.BigIntField()
    all_heads = fields.IntField()
    area_centi = fields.BigIntField(default=0)
    heads = fields.IntField(default=0)

    class Meta:
        table = "voting_turnout"
        unique_together = (("poll_id", "building"),)


class AreaTurnout(Model):
    """How many entries of one area have taken part: what the quorum lacks follows from it, whoever they are."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    poll: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    area_centi = fields.BigIntField()
    all_entries = fields.IntField()
    entries = fields.IntField(default=0)

    class Meta:
        table = "voting_area_turnout"
        unique_together = (("poll_id", "area_centi"),)


class Answer(Model):
    """One person's answer to a survey: one row a person, changed until the close."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    poll: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    standing = CodeField(20, description="as what the person answered: owner, tenant, resident")
    options = JsonField(description="for each question the indexes chosen")
    at = InstantField()

    class Meta:
        table = "voting_answer"
        unique_together = (("poll_id", "person_id"),)


class Box(Model):
    """The box of one separated vote: how wide a ballot is made, so that none is told by its length."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    width = fields.IntField()
    eligible = fields.IntField()
    by_group = fields.BooleanField()
    fewest = fields.IntField(description="fewer ballots than these are destroyed unread")
    roll_hash = CodeField(64)
    opened_at = InstantField(null=True)
    is_withheld = fields.BooleanField(default=False)
    receipt_key_sealed = fields.TextField(
        null=True,
        description="what the nonces of its receipts were made with, kept once the server's secret has changed",
    )

    class Meta:
        table = "voting_box"


class BoxPart(Model):
    """Ballots of an unopened box as one sealed text: a ballot is no row, so that no row tells when it came."""

    id = fields.BigIntField(primary_key=True, default=untimed_id, generated=False)
    matter: ForeignKeyRelation[Matter] = anchor("core.Matter")
    sealed = fields.TextField()

    class Meta:
        table = "voting_box_part"


class Tick(Model):
    """A voter on the roll of a separated vote, and whether this voter has voted: never when, never what."""

    id = fields.BigIntField(primary_key=True, default=untimed_id, generated=False)
    matter: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    voter_id = fields.BigIntField()
    category = CodeField(40, description="the group whose figures may be published")
    mark = CodeField(64, unique=True, description="what the roll and the certificate call the voter")
    has_voted = fields.BooleanField(default=False)

    class Meta:
        table = "voting_tick"
        unique_together = (("matter_id", "voter_id"),)


class BoxAnswer(Model):
    """What one ballot of an opened box says to one question; ballots are cut apart and written in no order, at once."""

    id = fields.BigIntField(primary_key=True, default=untimed_id, generated=False)
    matter: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    question = fields.IntField()
    category = CodeField(40)
    answer = CodeField(255)

    class Meta:
        table = "voting_box_answer"
        indexes = (("matter_id", "question"),)


class Result(Model):
    """The result of one motion in one round of counting; its figures are frozen."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    poll: ForeignKeyRelation[Matter] = anchor("core.Matter")
    motion: ForeignKeyRelation[Motion] = anchor("voting.Motion", db_index=False)
    round = fields.IntField()
    outcome = EnumField(rules.Outcome, null=True)
    decision_basis = EnumField(rules.DecisionBasis, null=True)
    figures = JsonField()
    at = InstantField()

    class Meta:
        table = "voting_result"
        unique_together = (("motion_id", "round"),)


class ResultObjection(Model):
    """An owner says that a result is wrong; each objection is answered."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    poll: ForeignKeyRelation[Matter] = anchor("core.Matter")
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    text = fields.TextField()
    state = EnumField(kinds.ResultObjectionState)
    at = InstantField()
    answer = fields.TextField(default="")
    answered_at = InstantField(null=True)
    answered_by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)

    class Meta:
        table = "voting_result_objection"


__models__ = [
    Poll, Motion, Proxy, Slip, Returned, Ballot, Turnout, AreaTurnout, Answer, Box, BoxPart, Tick, BoxAnswer, Result,
    ResultObjection,
]  # fmt: skip
