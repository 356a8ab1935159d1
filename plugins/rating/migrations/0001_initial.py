from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from core.fields import CodeField, EnumField, InstantField
from core.ids import new_id
from plugins.rating.kinds import RatingScore, RatingSubject


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    initial = True

    operations = [
        ops.CreateModel(
            name="Rating",
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
                ("subject_kind", EnumField(enum_type=RatingSubject)),
                ("subject_key", CodeField(max_length=120)),
                ("subject_name", fields.CharField(max_length=80)),
                (
                    "about",
                    fields.ForeignKeyField(
                        "core.Matter", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("period", fields.CharField(max_length=40)),
                ("period_key", CodeField(max_length=60)),
                ("opens_at", InstantField()),
                ("closes_at", InstantField()),
                ("closed_at", InstantField(null=True)),
                ("asked", fields.IntField()),
                ("smallest_group", fields.IntField()),
                ("reply", fields.TextField(null=True, unique=False)),
                ("replied_at", InstantField(null=True)),
                (
                    "replied_by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
            ],
            options={
                "table": "rating_rating",
                "unique_together": (("community_id", "subject_kind", "subject_key", "period_key"),),
            },
        ),
        ops.CreateModel(
            name="Score",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("rating", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("score", EnumField(enum_type=RatingScore)),
                ("reason", fields.CharField(default="", max_length=500)),
                ("at", InstantField()),
            ],
            options={"table": "rating_score", "unique_together": (("rating_id", "person_id"),)},
        ),
    ]
