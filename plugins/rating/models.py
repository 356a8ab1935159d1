"""Tables of ``rating``."""

from __future__ import annotations

from tortoise import fields
from tortoise.fields import RESTRICT
from tortoise.fields.relational import ForeignKeyNullableRelation, ForeignKeyRelation, OneToOneRelation
from tortoise.models import Model

from core.fields import CodeField, EnumField, InstantField
from core.ids import new_id
from core.models import Community, Matter, Person, anchor
from plugins.rating.kinds import RatingScore, RatingSubject


class Rating(Model):
    """A rating of one subject for one period; its title, state, author and community are those of its matter."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    community: ForeignKeyRelation[Community] = anchor("core.Community", db_index=False)
    subject_kind = EnumField(RatingSubject)
    subject_key = CodeField(120, description="the matter's id, or the name without what writers vary")
    subject_name = fields.CharField(80)
    about: ForeignKeyNullableRelation[Matter] = anchor("core.Matter", null=True)
    period = fields.CharField(40)
    period_key = CodeField(60)
    opens_at = InstantField()
    closes_at = InstantField()
    closed_at = InstantField(null=True, description="when somebody closed it before its time")
    asked = fields.IntField(description="how many people belonged to the place when it was made: the denominator")
    smallest_group = fields.IntField(description="as it was set when the rating was made")
    reply = fields.TextField(null=True)
    replied_at = InstantField(null=True)
    replied_by: ForeignKeyNullableRelation[Person] = anchor("core.Person", null=True)

    class Meta:
        table = "rating_rating"
        unique_together = (("community_id", "subject_kind", "subject_key", "period_key"),)


class Score(Model):
    """What one person said in one rating; changed in place until the close."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    rating: ForeignKeyRelation[Matter] = anchor("core.Matter", db_index=False)
    person: ForeignKeyRelation[Person] = anchor("core.Person")
    score = EnumField(RatingScore)
    reason = fields.CharField(500, default="")
    at = InstantField()

    class Meta:
        table = "rating_score"
        unique_together = (("rating_id", "person_id"),)


__models__ = [Rating, Score]
