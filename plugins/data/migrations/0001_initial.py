from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from core.fields import CodeField, EnumField, InstantField
from core.ids import new_id
from core.periods import PeriodKind


class Migration(migrations.Migration):
    dependencies = [("core", "0006_news")]

    initial = True

    operations = [
        ops.CreateModel(
            name="Figure",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "community",
                    fields.ForeignKeyField("core.Community", related_name=False, on_delete=OnDelete.RESTRICT),
                ),
                ("indicator", CodeField(max_length=80)),
                ("period", CodeField(max_length=8)),
                ("kind", EnumField(enum_type=PeriodKind)),
                ("begins_on", CodeField(max_length=10)),
                ("numerator", fields.BigIntField()),
                ("denominator", fields.BigIntField()),
                ("covered", fields.BigIntField()),
                ("coverable", fields.BigIntField()),
                ("value", CodeField(null=True, max_length=6)),
                ("low", CodeField(null=True, max_length=6)),
                ("high", CodeField(null=True, max_length=6)),
                ("is_suppressed", fields.BooleanField(default=False)),
                ("is_thin", fields.BooleanField(default=False)),
                ("is_silent", fields.BooleanField(default=False)),
                ("settles_at", InstantField()),
                ("counted_at", InstantField()),
                (
                    "release",
                    fields.ForeignKeyField("core.Matter", null=True, related_name=False, on_delete=OnDelete.RESTRICT),
                ),
                ("version", fields.IntField(default=1)),
            ],
            options={
                "table": "data_figure",
                "unique_together": (("community_id", "period", "indicator"),),
                "indexes": [
                    Index(fields=["community_id", "begins_on", "id"]),
                    Index(fields=["community_id", "indicator", "begins_on", "id"]),
                    Index(fields=["indicator", "period"]),
                    Index(fields=["release_id", "id"]),
                ],
            },
        ),
        ops.CreateModel(
            name="Release",
            fields=[
                (
                    "matter",
                    fields.OneToOneField(
                        "core.Matter", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "community",
                    fields.ForeignKeyField("core.Community", related_name=False, on_delete=OnDelete.RESTRICT),
                ),
                ("period", CodeField(max_length=8)),
                ("slot", CodeField(max_length=32)),
                ("frozen_at", InstantField()),
                ("published_at", InstantField(null=True)),
                ("discard_reason", fields.CharField(default="", max_length=500)),
            ],
            options={"table": "data_release", "unique_together": (("community_id", "slot"),)},
        ),
        ops.CreateModel(
            name="Tally",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("indicator", CodeField(max_length=80)),
                ("period", CodeField(max_length=8)),
                ("is_settled", fields.BooleanField()),
                ("counted_at", InstantField()),
            ],
            options={"table": "data_tally", "unique_together": (("period", "indicator"),)},
        ),
        ops.CreateModel(
            name="Version",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("figure", fields.ForeignKeyField("data.Figure", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("number", fields.IntField()),
                ("numerator", fields.BigIntField()),
                ("denominator", fields.BigIntField()),
                ("covered", fields.BigIntField()),
                ("coverable", fields.BigIntField()),
                ("value", CodeField(null=True, max_length=6)),
                ("is_suppressed", fields.BooleanField(default=False)),
                ("at", InstantField()),
                ("reason", fields.CharField(default="", max_length=500)),
            ],
            options={
                "table": "data_version",
                "unique_together": (("figure_id", "number"),),
                "indexes": [Index(fields=["figure_id", "id"])],
            },
        ),
    ]
