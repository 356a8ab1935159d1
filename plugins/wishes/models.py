"""Tables of ``wishes``."""

from __future__ import annotations

from tortoise import fields
from tortoise.fields import RESTRICT
from tortoise.fields.relational import ForeignKeyNullableRelation, ForeignKeyRelation, OneToOneRelation
from tortoise.models import Model

from core.fields import EnumField, InstantField
from core.ids import new_id
from core.models import Matter, Person, anchor
from plugins.wishes.kinds import ClaimState, Satisfaction
from plugins.wishes.rules import WishType


class Wish(Model):
    """A wish; its title, state, author (the beneficiary) and community are those of its matter."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    type = EnumField(WishType)
    story = fields.TextField()
    alias = fields.CharField(20)
    value_fen = fields.IntField()
    is_for_minor = fields.BooleanField(default=False)
    is_visited_by_two = fields.BooleanField(default=False, description="home visits are made by two people")
    building = fields.CharField(60, default="")
    address_sealed = fields.TextField(
        null=True, description="exact address and contact, erased when the wish has ended"
    )
    submitted_at = InstantField(null=True)
    screening_due = InstantField(null=True)
    screening_note = fields.CharField(500, default="")
    published_at = InstantField(null=True)
    open_until = InstantField(null=True)
    confirmed_at = InstantField(null=True)
    satisfaction = EnumField(Satisfaction, null=True)
    thanks = fields.CharField(500, default="")
    thanks_is_public = fields.BooleanField(default=False)

    class Meta:
        table = "wishes_wish"


class Claim(Model):
    """Somebody's offer to fulfil a wish."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    wish: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    claimer: ForeignKeyRelation[Person] = anchor("core.Person")
    companion: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)
    message = fields.CharField(500, default="")
    contact_sealed = fields.TextField(null=True)
    state = EnumField(ClaimState)
    claimed_at = InstantField()
    lease_until = InstantField()
    ended_at = InstantField(null=True)
    reason = fields.CharField(300, default="")

    class Meta:
        table = "wishes_claim"
        indexes = (("claimer_id", "state"), ("wish_id", "id"))


__models__ = [Wish, Claim]
