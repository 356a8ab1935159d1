from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from core.fields import CodeField, DayField, EnumField, InstantField
from core.ids import new_id
from plugins.elections.kinds import (
    CandidateState,
    DecisionState,
    ElectionKind,
    Ground,
    GroupStanding,
    Nomination,
    Office,
    SeatEnd,
)


class Migration(migrations.Migration):
    dependencies = [("core", "0006_news")]

    initial = True

    operations = [
        ops.CreateModel(
            name="Attendance",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("meeting", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("seat_id", fields.BigIntField()),
                ("at", InstantField()),
            ],
            options={"table": "elections_attendance", "unique_together": (("meeting_id", "seat_id"),)},
        ),
        ops.CreateModel(
            name="Candidate",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("election", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("nominated_by", EnumField(enum_type=Nomination)),
                ("state", EnumField(enum_type=CandidateState)),
                ("statement", fields.TextField(unique=False)),
                ("occupation", fields.CharField(default="", max_length=60)),
                ("undertook_at", InstantField(null=True)),
                ("ground", EnumField(null=True, enum_type=Ground)),
                ("citation", fields.CharField(default="", max_length=300)),
                ("finding", fields.CharField(default="", max_length=500)),
                ("asked_at", InstantField(null=True)),
                ("answer", fields.CharField(default="", max_length=1000)),
                ("appeal", fields.CharField(default="", max_length=1000)),
                ("appeal_answer", fields.CharField(default="", max_length=1000)),
                ("yes_area_centi", fields.BigIntField(default=0)),
                ("yes_heads", fields.IntField(default=0)),
                ("has_passed", fields.BooleanField(default=False)),
                ("place", fields.IntField(null=True)),
            ],
            options={
                "table": "elections_candidate",
                "unique_together": (("election_id", "person_id"),),
                "indexes": [Index(fields=["election_id", "id"])],
            },
        ),
        ops.CreateModel(
            name="Decision",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("meeting", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("position", fields.IntField()),
                ("title", fields.CharField(max_length=200)),
                ("state", EnumField(enum_type=DecisionState)),
                ("in_favour", fields.IntField(default=0)),
                ("against", fields.IntField(default=0)),
                ("abstaining", fields.IntField(default=0)),
            ],
            options={"table": "elections_decision", "unique_together": (("meeting_id", "position"),)},
        ),
        ops.CreateModel(
            name="Election",
            fields=[
                (
                    "matter",
                    fields.OneToOneField(
                        "core.Matter", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("kind", EnumField(enum_type=ElectionKind)),
                ("reason", fields.TextField(unique=False)),
                ("seats", fields.IntField()),
                ("term_years", fields.IntField()),
                (
                    "parent",
                    fields.ForeignKeyField(
                        "core.Matter", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "roll",
                    fields.ForeignKeyField(
                        "core.Matter", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "poll",
                    fields.ForeignKeyField(
                        "core.Matter", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("group_due", InstantField(null=True)),
                ("shown_until", InstantField(null=True)),
                ("assembly_due", InstantField(null=True)),
                ("nominations_until", InstantField(null=True)),
                ("review_due", InstantField(null=True)),
                ("candidates_published_at", InstantField(null=True)),
                ("needs_lot", fields.BooleanField(default=False)),
                ("lot_source", fields.CharField(default="", max_length=300)),
                ("lot_at", InstantField(null=True)),
                ("lot_seed", fields.CharField(default="", max_length=200)),
                ("certificate_hash", CodeField(default="", max_length=64)),
                ("decided_at", InstantField(null=True)),
                ("term_begins", DayField(null=True)),
                ("term_ends", DayField(null=True)),
                ("first_meeting_due", InstantField(null=True)),
                ("filing_due", InstantField(null=True)),
                ("filed_at", InstantField(null=True)),
                ("filing_receipt", fields.CharField(default="", max_length=100)),
                ("seal_certificate", fields.CharField(default="", max_length=100)),
                ("refusal_reason", fields.CharField(default="", max_length=500)),
                ("refusal_basis", fields.CharField(default="", max_length=300)),
                ("handover_due", InstantField(null=True)),
                ("custodian", fields.CharField(default="", max_length=200)),
                ("alerted_days", fields.IntField(default=0)),
                ("overdue_told_at", InstantField(null=True)),
            ],
            options={"table": "elections_election"},
        ),
        ops.CreateModel(
            name="GroupMember",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("election", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("standing", EnumField(enum_type=GroupStanding)),
                ("is_leader", fields.BooleanField(default=False)),
            ],
            options={
                "table": "elections_group_member",
                "unique_together": (("election_id", "person_id"),),
                "indexes": [Index(fields=["election_id", "id"])],
            },
        ),
        ops.CreateModel(
            name="HandoverItem",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("body", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("name", fields.CharField(max_length=200)),
                ("quantity", fields.CharField(default="", max_length=60)),
                (
                    "listed_by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("listed_at", InstantField()),
                (
                    "received_by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("received_at", InstantField(null=True)),
            ],
            options={"table": "elections_handover_item", "indexes": [Index(fields=["body_id", "id"])]},
        ),
        ops.CreateModel(
            name="Interim",
            fields=[
                (
                    "matter",
                    fields.OneToOneField(
                        "core.Matter", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("reason", fields.TextField(unique=False)),
                ("shown_until", InstantField(null=True)),
                ("handover_due", InstantField(null=True)),
                ("refusal_reason", fields.CharField(default="", max_length=500)),
                ("refusal_basis", fields.CharField(default="", max_length=300)),
            ],
            options={"table": "elections_interim"},
        ),
        ops.CreateModel(
            name="Meeting",
            fields=[
                (
                    "matter",
                    fields.OneToOneField(
                        "core.Matter", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("body", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("starts_at", InstantField()),
                ("venue", fields.CharField(default="", max_length=200)),
                ("minutes", fields.TextField(unique=False)),
                ("members", fields.IntField(default=0)),
                ("present", fields.IntField(default=0)),
                ("closed_at", InstantField(null=True)),
                ("end_reason", fields.CharField(default="", max_length=300)),
            ],
            options={"table": "elections_meeting", "indexes": [Index(fields=["body_id", "matter_id"])]},
        ),
        ops.CreateModel(
            name="Recall",
            fields=[
                (
                    "matter",
                    fields.OneToOneField(
                        "core.Matter", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("seat_id", fields.BigIntField()),
                ("reason", fields.TextField(unique=False)),
                ("answer", fields.TextField(unique=False)),
                (
                    "poll",
                    fields.ForeignKeyField(
                        "core.Matter", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("signed_heads", fields.IntField(default=0)),
                ("all_heads", fields.IntField(default=0)),
            ],
            options={"table": "elections_recall"},
        ),
        ops.CreateModel(
            name="SealSignature",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("use_id", fields.BigIntField()),
                ("seat_id", fields.BigIntField()),
                ("at", InstantField()),
            ],
            options={"table": "elections_seal_signature", "unique_together": (("use_id", "seat_id"),)},
        ),
        ops.CreateModel(
            name="SealUse",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("body", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("paper", fields.CharField(max_length=200)),
                ("purpose", fields.CharField(max_length=300)),
                ("proposed_at", InstantField()),
                ("approved_at", InstantField(null=True)),
            ],
            options={"table": "elections_seal_use", "indexes": [Index(fields=["body_id", "id"])]},
        ),
        ops.CreateModel(
            name="Seat",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("body", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("standing", EnumField(enum_type=GroupStanding)),
                ("office", EnumField(enum_type=Office)),
                ("place", fields.IntField()),
                ("since", InstantField()),
                ("until", InstantField(null=True)),
                ("ended_at", InstantField(null=True)),
                ("end_ground", EnumField(null=True, enum_type=SeatEnd)),
                ("end_citation", fields.CharField(default="", max_length=300)),
                ("handover_due", InstantField(null=True)),
            ],
            options={
                "table": "elections_seat",
                "indexes": [Index(fields=["body_id", "place", "id"]), Index(fields=["body_id", "office"])],
            },
        ),
        ops.CreateModel(
            name="Signature",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("petition", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("at", InstantField()),
            ],
            options={"table": "elections_signature", "unique_together": (("petition_id", "person_id"),)},
        ),
        ops.CreateModel(
            name="Voice",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("decision_id", fields.BigIntField()),
                ("seat_id", fields.BigIntField()),
                ("choice", CodeField(max_length=10)),
                ("at", InstantField()),
            ],
            options={"table": "elections_voice", "unique_together": (("decision_id", "seat_id"),)},
        ),
    ]
