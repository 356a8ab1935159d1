from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from core.fields import CodeField, DayField, EnumField, InstantField, JsonField
from core.ids import new_id
from plugins.register.kinds import (
    ImportRowState,
    ImportState,
    OwnerKind,
    OwnershipBasis,
    ResidentKind,
    ResidentState,
    RollObjectionState,
    UnitStatus,
    UnitUse,
)
from plugins.register.rules import AreaSource, HeadsKey


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    initial = True

    operations = [
        ops.CreateModel(
            name="Ledger",
            fields=[
                (
                    "community",
                    fields.OneToOneField(
                        "core.Community", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("version", fields.BigIntField()),
            ],
            options={"table": "register_ledger"},
        ),
        ops.CreateModel(
            name="Owner",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "community",
                    fields.ForeignKeyField("core.Community", related_name=False, on_delete=OnDelete.RESTRICT),
                ),
                ("kind", EnumField(enum_type=OwnerKind)),
                ("name", fields.CharField(max_length=120)),
                ("name_masked", fields.CharField(max_length=120)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "representative",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("phone_sealed", fields.TextField(null=True, unique=False)),
                ("phone_index", CodeField(null=True, max_length=64)),
                ("phone_masked", fields.CharField(default="", max_length=20)),
                ("document_sealed", fields.TextField(null=True, unique=False)),
                ("document_index", CodeField(null=True, max_length=64)),
                ("document_masked", fields.CharField(default="", max_length=20)),
            ],
            options={
                "table": "register_owner",
                "indexes": [
                    Index(fields=["community_id", "name"]),
                    Index(fields=["community_id", "document_index"]),
                    Index(fields=["phone_index"]),
                    Index(fields=["document_index"]),
                ],
            },
        ),
        ops.CreateModel(
            name="Mandate",
            fields=[
                (
                    "matter",
                    fields.OneToOneField(
                        "core.Matter", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "owner",
                    fields.ForeignKeyField(
                        "register.Owner", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
            ],
            options={"table": "register_mandate"},
        ),
        ops.CreateModel(
            name="RollEntry",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("roll", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("number", fields.IntField()),
                ("head_key", CodeField(max_length=64)),
                (
                    "owner",
                    fields.ForeignKeyField(
                        "register.Owner", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("units_text", fields.TextField(unique=False)),
                ("owners_masked", fields.TextField(unique=False)),
                ("buildings", fields.TextField(unique=False)),
                ("area_centi", fields.BigIntField()),
                ("heads", fields.IntField()),
                ("is_developer_stock", fields.BooleanField()),
                ("struck_at", InstantField(null=True)),
            ],
            options={"table": "register_roll_entry", "unique_together": (("roll_id", "number"),)},
        ),
        ops.CreateModel(
            name="RollObjection",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "roll",
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
                ("state", EnumField(enum_type=RollObjectionState)),
                ("made_at", InstantField()),
                ("answer", fields.TextField(default="", unique=False)),
                ("answered_at", InstantField(null=True)),
            ],
            options={"table": "register_roll_objection"},
        ),
        ops.CreateModel(
            name="RollCorrection",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "roll",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "objection",
                    fields.ForeignKeyField(
                        "register.RollObjection",
                        null=True,
                        db_index=True,
                        related_name=False,
                        on_delete=OnDelete.RESTRICT,
                    ),
                ),
                ("made_at", InstantField()),
                ("reason", fields.CharField(max_length=300)),
                ("entries_struck", fields.IntField()),
                ("entries_added", fields.IntField()),
                ("hash_before", CodeField(max_length=64)),
                ("hash_after", CodeField(max_length=64)),
                ("area_before_centi", fields.BigIntField()),
                ("area_after_centi", fields.BigIntField()),
                ("heads_before", fields.IntField()),
                ("heads_after", fields.IntField()),
            ],
            options={"table": "register_roll_correction"},
        ),
        ops.CreateModel(
            name="RollVoter",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("roll", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "entry",
                    fields.ForeignKeyField("register.RollEntry", related_name=False, on_delete=OnDelete.RESTRICT),
                ),
                (
                    "owner",
                    fields.ForeignKeyField(
                        "register.Owner", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "person",
                    fields.ForeignKeyField("core.Person", null=True, related_name=False, on_delete=OnDelete.RESTRICT),
                ),
                ("may_vote", fields.BooleanField(default=True)),
            ],
            options={
                "table": "register_roll_voter",
                "unique_together": (("entry_id", "owner_id"),),
                "indexes": [Index(fields=["roll_id", "person_id"]), Index(fields=["person_id"])],
            },
        ),
        ops.CreateModel(
            name="RosterImport",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "community",
                    fields.ForeignKeyField(
                        "core.Community", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("attachment_id", fields.BigIntField(null=True)),
                ("file_name", fields.CharField(max_length=200)),
                ("sha256", CodeField(max_length=64)),
                ("state", EnumField(enum_type=ImportState)),
                ("plan_hash", CodeField(max_length=64)),
                ("new_count", fields.IntField()),
                ("changed_count", fields.IntField()),
                ("unchanged_count", fields.IntField()),
                ("conflict_count", fields.IntField()),
                ("error_count", fields.IntField()),
                ("absent_count", fields.IntField()),
                ("created_at", InstantField()),
                (
                    "created_by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("applied_at", InstantField(null=True)),
            ],
            options={"table": "register_import"},
        ),
        ops.CreateModel(
            name="RosterImportRow",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "roster",
                    fields.ForeignKeyField("register.RosterImport", related_name=False, on_delete=OnDelete.RESTRICT),
                ),
                ("number", fields.IntField()),
                ("sheet", fields.CharField(max_length=60)),
                ("line", fields.IntField()),
                ("state", EnumField(enum_type=ImportRowState)),
                ("unit_label", fields.CharField(max_length=120)),
                ("messages", JsonField(unique=False)),
                ("sealed", fields.TextField(null=True, unique=False)),
            ],
            options={"table": "register_import_row", "unique_together": (("roster_id", "number"),)},
        ),
        ops.CreateModel(
            name="Unit",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "community",
                    fields.ForeignKeyField("core.Community", related_name=False, on_delete=OnDelete.RESTRICT),
                ),
                ("compound", fields.ForeignKeyField("core.Community", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("label", fields.CharField(max_length=40)),
                ("label_key", CodeField(max_length=80)),
                ("sort_key", CodeField(max_length=120)),
                ("use", EnumField(enum_type=UnitUse)),
                ("area_centi", fields.BigIntField()),
                ("area_source", EnumField(null=True, enum_type=AreaSource)),
                ("registry_area_centi", fields.BigIntField(null=True)),
                ("survey_area_centi", fields.BigIntField(null=True)),
                ("contract_area_centi", fields.BigIntField(null=True)),
                ("delivered", fields.BooleanField()),
                ("delivered_on", DayField(null=True)),
                (
                    "developer",
                    fields.ForeignKeyField(
                        "register.Owner", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "representative",
                    fields.ForeignKeyField(
                        "register.Owner", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("status", EnumField(enum_type=UnitStatus)),
                ("retired_on", DayField(null=True)),
            ],
            options={
                "table": "register_unit",
                "unique_together": (("community_id", "label_key"),),
                "indexes": [Index(fields=["compound_id", "sort_key"])],
            },
        ),
        ops.CreateModel(
            name="Correction",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "community",
                    fields.ForeignKeyField(
                        "core.Community", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "unit",
                    fields.ForeignKeyField(
                        "register.Unit", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "owner",
                    fields.ForeignKeyField(
                        "register.Owner", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("deed", CodeField(max_length=80)),
                ("reason", fields.CharField(max_length=300)),
                ("made_at", InstantField()),
                (
                    "made_by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
            ],
            options={"table": "register_correction"},
        ),
        ops.CreateModel(
            name="Ownership",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "community",
                    fields.ForeignKeyField(
                        "core.Community", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "unit",
                    fields.ForeignKeyField(
                        "register.Unit", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "owner",
                    fields.ForeignKeyField(
                        "register.Owner", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("numerator", fields.BigIntField()),
                ("denominator", fields.BigIntField()),
                ("is_joint", fields.BooleanField(default=False)),
                ("since", DayField(null=True)),
                ("until", DayField(null=True)),
                ("basis", EnumField(enum_type=OwnershipBasis)),
                ("source", CodeField(max_length=80)),
                ("recorded_at", InstantField()),
            ],
            options={"table": "register_ownership"},
        ),
        ops.CreateModel(
            name="Resident",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "community",
                    fields.ForeignKeyField(
                        "core.Community", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "unit",
                    fields.ForeignKeyField(
                        "register.Unit", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("kind", EnumField(enum_type=ResidentKind)),
                ("state", EnumField(enum_type=ResidentState)),
                ("since", DayField()),
                ("until", DayField(null=True)),
                ("phone_sealed", fields.TextField(null=True, unique=False)),
                ("phone_index", CodeField(null=True, max_length=64)),
                ("phone_masked", fields.CharField(default="", max_length=20)),
                ("requested_at", InstantField()),
                ("verified_at", InstantField(null=True)),
                (
                    "verified_by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("reason", fields.CharField(default="", max_length=300)),
            ],
            options={"table": "register_resident"},
        ),
        ops.CreateModel(
            name="RollUnit",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "entry",
                    fields.ForeignKeyField(
                        "register.RollEntry", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "unit",
                    fields.ForeignKeyField(
                        "register.Unit", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("area_centi", fields.BigIntField()),
                ("area_source", EnumField(enum_type=AreaSource)),
            ],
            options={"table": "register_roll_unit"},
        ),
        ops.CreateModel(
            name="VoterRoll",
            fields=[
                (
                    "matter",
                    fields.OneToOneField(
                        "core.Matter", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("record_date", DayField()),
                ("scope", JsonField(unique=False)),
                ("include_parking", fields.BooleanField()),
                ("heads_key", EnumField(enum_type=HeadsKey)),
                ("area_centi", fields.BigIntField()),
                ("heads", fields.IntField()),
                ("hash", CodeField(max_length=64)),
                ("published_at", InstantField(null=True)),
                ("objections_until", InstantField(null=True)),
                ("withdrawal_reason", fields.CharField(null=True, max_length=300)),
                ("closed_at", InstantField(null=True)),
            ],
            options={"table": "register_roll"},
        ),
    ]
