"""Tables of ``data``: figures of places, the versions they had, and what was released when. Nothing about persons."""

from __future__ import annotations

from tortoise import fields
from tortoise.fields import RESTRICT
from tortoise.fields.relational import ForeignKeyNullableRelation, ForeignKeyRelation, OneToOneRelation
from tortoise.models import Model

from core.fields import CodeField, EnumField, InstantField
from core.ids import new_id
from core.models import Community, Matter, anchor
from core.periods import PeriodKind


class Release(Model):
    """The figures of one place for one period, standing still; title, state and place are those of its matter."""

    matter: OneToOneRelation[Matter] = fields.OneToOneField(
        "core.Matter", primary_key=True, on_delete=RESTRICT, related_name=False
    )
    community: ForeignKeyRelation[Community] = anchor("core.Community", db_index=False)
    period = CodeField(8)
    slot = CodeField(32, description="the period, of which there is one release; another word once it is discarded")
    frozen_at = InstantField()
    published_at = InstantField(null=True)
    discard_reason = fields.CharField(500, default="")

    class Meta:
        table = "data_release"
        unique_together = (("community_id", "slot"),)


class Figure(Model):
    """One indicator of one place for one period, summed over all below; of a release from the moment it is frozen."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    community: ForeignKeyRelation[Community] = anchor("core.Community", db_index=False)
    indicator = CodeField(80)
    period = CodeField(8)
    kind = EnumField(PeriodKind)
    begins_on = CodeField(10, description="the first day of the period: the order of time")
    numerator = fields.BigIntField()
    denominator = fields.BigIntField()
    covered = fields.BigIntField()
    coverable = fields.BigIntField()
    value = CodeField(6, null=True, description="numerator by denominator, four decimals")
    low = CodeField(6, null=True, description="the 95 % Wilson interval, rounded outwards")
    high = CodeField(6, null=True)
    is_suppressed = fields.BooleanField(default=False)
    is_thin = fields.BooleanField(default=False, description="less was covered than the place's setting asks for")
    is_silent = fields.BooleanField(default=False)
    settles_at = InstantField()
    counted_at = InstantField()
    release: ForeignKeyNullableRelation[Matter] = anchor("core.Matter", null=True, db_index=False)
    version = fields.IntField(default=1)

    class Meta:
        table = "data_figure"
        unique_together = (("community_id", "period", "indicator"),)
        indexes = (
            ("community_id", "begins_on", "id"), ("community_id", "indicator", "begins_on", "id"),
            ("indicator", "period"), ("release_id", "id"),
        )  # fmt: skip


class Version(Model):
    """A frozen figure as it read at some time; rows are only added."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    figure: ForeignKeyRelation[Figure] = anchor("data.Figure", db_index=False)
    number = fields.IntField()
    numerator = fields.BigIntField()
    denominator = fields.BigIntField()
    covered = fields.BigIntField()
    coverable = fields.BigIntField()
    value = CodeField(6, null=True)
    is_suppressed = fields.BooleanField(default=False)
    at = InstantField()
    reason = fields.CharField(500, default="")

    class Meta:
        table = "data_version"
        unique_together = (("figure_id", "number"),)
        indexes = (("figure_id", "id"),)


class Tally(Model):
    """How far the counting of one indicator for one period has come; a settled one is not counted again."""

    id = fields.BigIntField(primary_key=True, default=new_id, generated=False)
    indicator = CodeField(80)
    period = CodeField(8)
    is_settled = fields.BooleanField()
    counted_at = InstantField()

    class Meta:
        table = "data_tally"
        unique_together = (("period", "indicator"),)


__models__ = [Release, Figure, Version, Tally]
