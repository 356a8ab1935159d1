from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from core.fields import EnumField, InstantField
from core.ids import new_id
from plugins.notices.kinds import IssuingBody, ObjectionState, PostingPlace
from plugins.notices.rules import NoticeKind


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    initial = True

    operations = [
        ops.CreateModel(
            name="Acknowledgement",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "notice",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("at", InstantField()),
            ],
            options={"table": "notices_acknowledgement", "unique_together": (("notice", "person"),)},
        ),
        ops.CreateModel(
            name="Audience",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "notice",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "community",
                    fields.ForeignKeyField(
                        "core.Community", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
            ],
            options={"table": "notices_audience", "unique_together": (("notice", "community"),)},
        ),
        ops.CreateModel(
            name="Notice",
            fields=[
                (
                    "matter",
                    fields.OneToOneField(
                        "core.Matter", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("kind", EnumField(enum_type=NoticeKind)),
                ("body", fields.TextField(unique=False)),
                ("issuer", fields.CharField(max_length=120)),
                ("issuing_body", EnumField(enum_type=IssuingBody)),
                ("legal_basis", fields.CharField(default="", max_length=300)),
                ("is_public", fields.BooleanField(default=True)),
                ("number", fields.IntField(default=1)),
                ("event_at", InstantField(null=True)),
                ("posted_at", InstantField(null=True)),
                ("display_until", InstantField(null=True)),
                ("withdrawn_at", InstantField(null=True)),
                ("withdrawal_reason", fields.CharField(default="", max_length=500)),
            ],
            options={"table": "notices_notice"},
        ),
        ops.CreateModel(
            name="Objection",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "notice",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("text", fields.TextField(unique=False)),
                ("at", InstantField()),
                ("answer_due", InstantField()),
                ("state", EnumField(enum_type=ObjectionState)),
                ("answer", fields.TextField(null=True, unique=False)),
                ("answered_at", InstantField(null=True)),
                (
                    "answered_by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
            ],
            options={"table": "notices_objection"},
        ),
        ops.CreateModel(
            name="Posting",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "notice",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("place", EnumField(enum_type=PostingPlace)),
                ("location", fields.CharField(default="", max_length=200)),
                ("at", InstantField()),
                (
                    "by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("attachment_id", fields.BigIntField(null=True)),
            ],
            options={"table": "notices_posting"},
        ),
        ops.CreateModel(
            name="Version",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "notice",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("number", fields.IntField()),
                ("title", fields.CharField(max_length=200)),
                ("body", fields.TextField(unique=False)),
                ("at", InstantField()),
                (
                    "by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("reason", fields.CharField(default="", max_length=500)),
            ],
            options={"table": "notices_version", "unique_together": (("notice", "number"),)},
        ),
    ]
