from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from core.fields import EnumField, InstantField
from core.ids import new_id
from plugins.wishes.kinds import ClaimState, Satisfaction
from plugins.wishes.rules import WishType


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    initial = True

    operations = [
        ops.CreateModel(
            name="Claim",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "wish",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "claimer",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "companion",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("message", fields.CharField(default="", max_length=500)),
                ("contact_sealed", fields.TextField(null=True, unique=False)),
                ("state", EnumField(enum_type=ClaimState)),
                ("claimed_at", InstantField()),
                ("lease_until", InstantField()),
                ("ended_at", InstantField(null=True)),
                ("reason", fields.CharField(default="", max_length=300)),
            ],
            options={"table": "wishes_claim", "indexes": [Index(fields=["claimer_id", "state"])]},
        ),
        ops.CreateModel(
            name="Wish",
            fields=[
                (
                    "matter",
                    fields.OneToOneField(
                        "core.Matter", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("type", EnumField(enum_type=WishType)),
                ("story", fields.TextField(unique=False)),
                ("alias", fields.CharField(max_length=20)),
                ("value_fen", fields.IntField()),
                ("is_for_minor", fields.BooleanField(default=False)),
                ("is_visited_by_two", fields.BooleanField(default=False)),
                ("building", fields.CharField(default="", max_length=60)),
                ("address_sealed", fields.TextField(null=True, unique=False)),
                ("submitted_at", InstantField(null=True)),
                ("screening_due", InstantField(null=True)),
                ("screening_note", fields.CharField(default="", max_length=500)),
                ("published_at", InstantField(null=True)),
                ("open_until", InstantField(null=True)),
                ("confirmed_at", InstantField(null=True)),
                ("satisfaction", EnumField(null=True, enum_type=Satisfaction)),
                ("thanks", fields.CharField(default="", max_length=500)),
                ("thanks_is_public", fields.BooleanField(default=False)),
            ],
            options={"table": "wishes_wish"},
        ),
    ]
