from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from core.fields import CodeField, InstantField, JsonField
from core.ids import new_id


class Migration(migrations.Migration):
    dependencies = [("core", "0003_trace")]

    operations = [
        ops.CreateModel(
            name="AccessLook",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "person",
                    fields.ForeignKeyField("core.Person", null=True, related_name=False, on_delete=OnDelete.RESTRICT),
                ),
                ("reader", fields.ForeignKeyField("core.Person", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("role", CodeField(max_length=40)),
                ("community_id", fields.BigIntField(null=True)),
                ("source", CodeField(max_length=60)),
                ("row_id", fields.BigIntField()),
                ("field", CodeField(max_length=40)),
                ("category", CodeField(max_length=80)),
                ("operation", fields.CharField(default="", max_length=80)),
                ("hour", CodeField(max_length=13)),
                ("at", InstantField()),
                ("last_at", InstantField(db_index=True)),
                ("times", fields.IntField(default=1)),
            ],
            options={
                "table": "core_access_look",
                "unique_together": (("reader", "source", "row_id", "field", "hour"),),
                "indexes": [Index(fields=["person_id", "id"]), Index(fields=["source", "row_id"])],
            },
        ),
        ops.CreateModel(
            name="ConsentText",
            fields=[
                ("hash", CodeField(primary_key=True, max_length=64)),
                ("category", CodeField(max_length=80)),
                ("version", fields.IntField()),
                ("zh", fields.TextField(unique=False)),
                ("en", fields.TextField(unique=False)),
                ("since", InstantField()),
            ],
            options={"table": "core_consent_text", "unique_together": (("category", "version"),)},
        ),
        ops.CreateModel(
            name="Consent",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("person", fields.ForeignKeyField("core.Person", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "text",
                    fields.ForeignKeyField(
                        "core.ConsentText", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("category", CodeField(max_length=80)),
                ("given_at", InstantField()),
                ("withdrawn_at", InstantField(null=True)),
            ],
            options={"table": "core_consent", "indexes": [Index(fields=["person_id", "category"])]},
        ),
        ops.CreateModel(
            name="Erasure",
            fields=[
                (
                    "person",
                    fields.OneToOneField(
                        "core.Person", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("at", InstantField()),
                ("made_by", CodeField(max_length=40)),
                ("is_complete", fields.BooleanField()),
                ("looked_at", InstantField(db_index=True)),
                ("report", JsonField(unique=False)),
            ],
            options={"table": "core_erasure"},
        ),
        ops.CreateModel(
            name="Restriction",
            fields=[
                (
                    "person",
                    fields.OneToOneField(
                        "core.Person", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("since", InstantField()),
                ("reason", fields.CharField(default="", max_length=300)),
            ],
            options={"table": "core_restriction"},
        ),
    ]
