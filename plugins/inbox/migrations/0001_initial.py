from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from core.fields import CodeField, EnumField, InstantField, JsonField
from core.ids import new_id
from plugins.inbox.kinds import ChannelKind, DeliveryOutcome, Rhythm


class Migration(migrations.Migration):
    dependencies = [("core", "0006_news")]

    initial = True

    operations = [
        ops.CreateModel(
            name="Channel",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("person", fields.ForeignKeyField("core.Person", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("kind", EnumField(enum_type=ChannelKind)),
                ("address_sealed", fields.TextField(null=True, unique=False)),
                ("address_masked", fields.CharField(max_length=300)),
                ("secret_sealed", fields.TextField(null=True, unique=False)),
                ("code_sealed", fields.TextField(null=True, unique=False)),
                ("code_sent_at", InstantField(null=True)),
                ("guesses", fields.IntField(default=0)),
                ("language", CodeField(max_length=5)),
                ("rhythm", EnumField(enum_type=Rhythm)),
                ("quiet_from", CodeField(null=True, max_length=5)),
                ("quiet_until", CodeField(null=True, max_length=5)),
                ("muted", JsonField(unique=False)),
                ("added_at", InstantField()),
                ("confirmed_at", InstantField(null=True)),
                ("paused_at", InstantField(null=True)),
                ("removed_at", InstantField(null=True)),
                ("due_at", InstantField()),
                ("looked_seq", fields.BigIntField()),
                ("failures", fields.IntField(default=0)),
                ("last_error", fields.CharField(default="", max_length=200)),
            ],
            options={
                "table": "inbox_channel",
                "indexes": [Index(fields=["person_id", "id"]), Index(fields=["due_at", "id"])],
            },
        ),
        ops.CreateModel(
            name="Delivery",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("channel", fields.ForeignKeyField("inbox.Channel", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("at", InstantField(db_index=True)),
                ("items", fields.IntField()),
                ("outcome", EnumField(enum_type=DeliveryOutcome)),
                ("problem", fields.CharField(default="", max_length=200)),
            ],
            options={"table": "inbox_delivery", "indexes": [Index(fields=["channel_id", "id"])]},
        ),
        ops.CreateModel(
            name="Follow",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("person", fields.ForeignKeyField("core.Person", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "matter",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("at", InstantField()),
            ],
            options={"table": "inbox_follow", "unique_together": (("person_id", "matter_id"),)},
        ),
        ops.CreateModel(
            name="Mark",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("person", fields.ForeignKeyField("core.Person", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("read_up_to", fields.BigIntField()),
                ("at", InstantField()),
            ],
            options={"table": "inbox_mark", "unique_together": (("person_id",),)},
        ),
    ]
