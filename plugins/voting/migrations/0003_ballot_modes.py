from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from core.fields import CodeField, EnumField, InstantField
from core.ids import untimed_id
from plugins.voting.kinds import BallotMode


class Migration(migrations.Migration):
    dependencies = [("core", "0002_page_indexes"), ("register", "0002_page_indexes"), ("voting", "0002_area_turnout")]

    operations = [
        ops.CreateModel(
            name="Box",
            fields=[
                (
                    "matter",
                    fields.OneToOneField(
                        "core.Matter", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("width", fields.IntField()),
                ("eligible", fields.IntField()),
                ("by_group", fields.BooleanField()),
                ("fewest", fields.IntField()),
                ("roll_hash", CodeField(max_length=64)),
                ("opened_at", InstantField(null=True)),
                ("is_withheld", fields.BooleanField(default=False)),
            ],
            options={"table": "voting_box"},
        ),
        ops.CreateModel(
            name="BoxAnswer",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=untimed_id, generated=False)),
                ("matter", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("question", fields.IntField()),
                ("category", CodeField(max_length=40)),
                ("answer", CodeField(max_length=255)),
            ],
            options={"table": "voting_box_answer", "indexes": [Index(fields=["matter_id", "question"])]},
        ),
        ops.CreateModel(
            name="BoxPart",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=untimed_id, generated=False)),
                (
                    "matter",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("sealed", fields.TextField(unique=False)),
            ],
            options={"table": "voting_box_part"},
        ),
        ops.CreateModel(
            name="Tick",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=untimed_id, generated=False)),
                ("matter", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("voter_id", fields.BigIntField()),
                ("category", CodeField(max_length=40)),
                ("mark", CodeField(unique=True, max_length=64)),
                ("has_voted", fields.BooleanField(default=False)),
            ],
            options={"table": "voting_tick", "unique_together": (("matter_id", "voter_id"),)},
        ),
        ops.AddField(
            model_name="Poll",
            name="by_standing",
            field=fields.BooleanField(default=False),
        ),
        ops.AddField(
            model_name="Poll",
            name="mode",
            field=EnumField(default=BallotMode.OPEN, enum_type=BallotMode),
        ),
    ]
