"""Tables of ``inbox``."""

from __future__ import annotations

from tortoise import fields
from tortoise.fields.relational import ForeignKeyRelation
from tortoise.models import Model

from core.fields import CodeField, EnumField, InstantField, JsonField
from core.ids import new_id
from core.models import Matter, Person, anchor
from plugins.inbox.kinds import ChannelKind, DeliveryOutcome, Rhythm


class Follow(Model):
    """A person follows a matter."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person", db_index=False)
    matter: ForeignKeyRelation[Matter] = anchor("core.Matter")
    at = InstantField()

    class Meta:
        table = "inbox_follow"
        unique_together = (("person_id", "matter_id"),)


class Mark(Model):
    """Up to which news a person has read."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person", db_index=False)
    read_up_to = fields.BigIntField(description="the key of a row of core_news")
    at = InstantField()

    class Meta:
        table = "inbox_mark"
        unique_together = (("person_id",),)


class Channel(Model):
    """A way in which a person has news brought; nothing goes there before it is confirmed."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person", db_index=False)
    kind = EnumField(ChannelKind)
    address_sealed = fields.TextField(null=True)
    address_masked = fields.CharField(300)
    secret_sealed = fields.TextField(null=True, description="of a webhook: what its requests are signed with")
    code_sealed = fields.TextField(null=True, description="what confirms it, until it is confirmed")
    code_sent_at = InstantField(
        null=True, description="when the letter with the code went out, or the challenge was asked"
    )
    guesses = fields.IntField(default=0)
    language = CodeField(5)
    rhythm = EnumField(Rhythm)
    quiet_from = CodeField(5, null=True)
    quiet_until = CodeField(5, null=True)
    muted = JsonField(description="ids of the plugins whose news are not brought")
    added_at = InstantField()
    confirmed_at = InstantField(null=True)
    paused_at = InstantField(null=True)
    removed_at = InstantField(null=True)
    due_at = InstantField(description="when something may be brought next")
    looked_seq = fields.BigIntField(description="up to which event was looked for news")
    failures = fields.IntField(default=0)
    last_error = fields.CharField(200, default="")

    class Meta:
        table = "inbox_channel"
        indexes = (("person_id", "id"), ("due_at", "id"))


class Delivery(Model):
    """One try to bring news by a channel."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    channel: ForeignKeyRelation[Channel] = anchor("inbox.Channel", db_index=False)
    at = InstantField(db_index=True)
    items = fields.IntField()
    outcome = EnumField(DeliveryOutcome)
    problem = fields.CharField(200, default="")

    class Meta:
        table = "inbox_delivery"
        indexes = (("channel_id", "id"),)


__models__ = [Follow, Mark, Channel, Delivery]
