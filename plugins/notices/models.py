"""Tables of ``notices``."""

from __future__ import annotations

from tortoise import fields
from tortoise.fields import RESTRICT
from tortoise.fields.relational import ForeignKeyNullableRelation, ForeignKeyRelation, OneToOneRelation
from tortoise.models import Model

from core.fields import EnumField, InstantField
from core.ids import new_id
from core.models import Community, Matter, Person, anchor
from plugins.notices.kinds import IssuingBody, ObjectionState, PostingPlace
from plugins.notices.rules import NoticeKind


class Notice(Model):
    """A notice; its title, state, author and community are those of its matter."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    kind = EnumField(NoticeKind)
    body = fields.TextField()
    issuer = fields.CharField(120)
    issuing_body = EnumField(IssuingBody, description="by the office of who drafted it; `issuer` is what they wrote")
    legal_basis = fields.CharField(300, default="")
    is_public = fields.BooleanField(default=True)
    number = fields.IntField(default=1)
    event_at = InstantField(null=True)
    posted_at = InstantField(null=True)
    display_until = InstantField(null=True, description="as wished for until it is posted; binding from then on")
    withdrawn_at = InstantField(null=True)
    withdrawal_reason = fields.CharField(500, default="")

    class Meta:
        table = "notices_notice"


class Audience(Model):
    """A place whose people a notice is for."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    notice: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community", db_index=False)

    class Meta:
        table = "notices_audience"
        unique_together = (("notice", "community"),)
        indexes = (("notice_id", "id"), ("community_id", "notice_id"))


class Version(Model):
    """A notice as it read at some time; rows are only added."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    notice: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    number = fields.IntField()
    title = fields.CharField(200)
    body = fields.TextField()
    at = InstantField()
    by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    reason = fields.CharField(500, default="")

    class Meta:
        table = "notices_version"
        unique_together = (("notice", "number"),)
        indexes = (("notice_id", "id"),)


class Acknowledgement(Model):
    """A person says that they have read a notice."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    notice: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    at = InstantField()

    class Meta:
        table = "notices_acknowledgement"
        unique_together = (("notice", "person"),)
        indexes = (("notice_id", "id"),)


class Objection(Model):
    """An objection to a notice, and its answer."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    notice: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    text = fields.TextField()
    at = InstantField()
    answer_due = InstantField()
    state = EnumField(ObjectionState)
    answer = fields.TextField(null=True)
    answered_at = InstantField(null=True)
    answered_by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)

    class Meta:
        table = "notices_objection"
        indexes = (("notice_id", "id"),)


class Posting(Model):
    """Proof that a notice was posted somewhere."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    notice: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    place = EnumField(PostingPlace)
    location = fields.CharField(200, default="")
    at = InstantField()
    by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    attachment_id = fields.BigIntField(null=True)

    class Meta:
        table = "notices_posting"
        indexes = (("notice_id", "id"),)


__models__ = [Notice, Audience, Version, Acknowledgement, Objection, Posting]
