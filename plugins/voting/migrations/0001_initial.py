from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from core.fields import CodeField, DayField, EnumField, InstantField, JsonField
from core.ids import new_id
from plugins.voting.kinds import DeliveryMethod, LegalEffect, PollKind, ResultObjectionState, SlipState
from plugins.voting.rules import Channel, DecisionBasis, Delivery, JointDecisionMatter, Outcome


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial"), ("register", "0001_initial")]

    initial = True

    operations = [
        ops.CreateModel(
            name="Answer",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("poll", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("standing", CodeField(max_length=20)),
                ("options", JsonField(unique=False)),
                ("at", InstantField()),
            ],
            options={"table": "voting_answer", "unique_together": (("poll_id", "person_id"),)},
        ),
        ops.CreateModel(
            name="Ballot",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("poll", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "entry",
                    fields.ForeignKeyField(
                        "register.RollEntry", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("choices", CodeField(max_length=20)),
                ("area_centi", fields.BigIntField()),
                ("heads", fields.IntField()),
                ("building", fields.TextField(unique=False)),
                ("at", InstantField()),
            ],
            options={"table": "voting_ballot", "unique_together": (("poll_id", "entry_id"),)},
        ),
        ops.CreateModel(
            name="Motion",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("poll", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("position", fields.IntField()),
                ("title", fields.CharField(max_length=200)),
                ("text", fields.TextField(unique=False)),
                ("matter_code", EnumField(null=True, enum_type=JointDecisionMatter)),
                (
                    "candidate",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("options", JsonField(unique=False)),
                ("most_options", fields.IntField(default=1)),
            ],
            options={"table": "voting_motion", "unique_together": (("poll_id", "position"),)},
        ),
        ops.CreateModel(
            name="Poll",
            fields=[
                (
                    "matter",
                    fields.OneToOneField(
                        "core.Matter", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("kind", EnumField(enum_type=PollKind)),
                ("body", fields.TextField(unique=False)),
                (
                    "roll",
                    fields.ForeignKeyField(
                        "core.Matter", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("roll_hash", CodeField(default="", max_length=64)),
                ("record_date", DayField(null=True)),
                ("area_centi", fields.BigIntField(default=0)),
                ("heads", fields.IntField(default=0)),
                ("opens_at", InstantField()),
                ("closes_at", InstantField()),
                ("first_closes_at", InstantField(null=True)),
                ("announced_at", InstantField(null=True)),
                ("extension_reason", fields.CharField(default="", max_length=500)),
                ("legal_effect", EnumField(null=True, enum_type=LegalEffect)),
                ("scope_justification", fields.CharField(default="", max_length=500)),
                ("silence_text", fields.CharField(default="", max_length=500)),
                ("legal_review_note", fields.CharField(default="", max_length=500)),
                ("is_first_assembly", fields.BooleanField(default=False)),
                ("undeliverable_posted_at", InstantField(null=True)),
                ("notice_id", fields.BigIntField(null=True)),
                ("result_notice_id", fields.BigIntField(null=True)),
                ("round", fields.IntField(default=0)),
                ("counted_at", InstantField(null=True)),
                ("objections_until", InstantField(null=True)),
                ("certificate_hash", CodeField(default="", max_length=64)),
                ("end_reason", fields.CharField(default="", max_length=500)),
                ("end_basis", fields.CharField(default="", max_length=300)),
            ],
            options={"table": "voting_poll"},
        ),
        ops.CreateModel(
            name="Proxy",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("poll", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "entry",
                    fields.ForeignKeyField(
                        "register.RollEntry", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("owner_id", fields.BigIntField()),
                (
                    "principal",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "holder",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("scope", fields.CharField(max_length=300)),
                ("begins", InstantField()),
                ("until", InstantField()),
                ("marks", CodeField(null=True, max_length=20)),
                ("letter_id", fields.BigIntField(null=True)),
                ("made_at", InstantField()),
                ("used_at", InstantField(null=True)),
                ("revoked_at", InstantField(null=True)),
            ],
            options={"table": "voting_proxy", "indexes": [Index(fields=["poll_id", "holder_id"])]},
        ),
        ops.CreateModel(
            name="Result",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "poll",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("motion", fields.ForeignKeyField("voting.Motion", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("round", fields.IntField()),
                ("outcome", EnumField(null=True, enum_type=Outcome)),
                ("decision_basis", EnumField(null=True, enum_type=DecisionBasis)),
                ("figures", JsonField(unique=False)),
                ("at", InstantField()),
            ],
            options={"table": "voting_result", "unique_together": (("motion_id", "round"),)},
        ),
        ops.CreateModel(
            name="ResultObjection",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "poll",
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
                ("state", EnumField(enum_type=ResultObjectionState)),
                ("at", InstantField()),
                ("answer", fields.TextField(default="", unique=False)),
                ("answered_at", InstantField(null=True)),
                (
                    "answered_by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
            ],
            options={"table": "voting_result_objection"},
        ),
        ops.CreateModel(
            name="Slip",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("poll", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "entry",
                    fields.ForeignKeyField(
                        "register.RollEntry", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("number", fields.IntField()),
                ("code", CodeField(max_length=16)),
                ("state", EnumField(enum_type=SlipState)),
                ("delivery", EnumField(enum_type=Delivery)),
                ("delivered_at", InstantField(null=True)),
                ("delivered_how", EnumField(null=True, enum_type=DeliveryMethod)),
                (
                    "delivered_by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("delivery_note", fields.CharField(default="", max_length=300)),
                ("channel", EnumField(null=True, enum_type=Channel)),
                ("entered_marks", CodeField(null=True, max_length=20)),
                ("entered_signed", fields.BooleanField(null=True)),
                ("entered_owner_id", fields.BigIntField(null=True)),
                ("entered_at", InstantField(null=True)),
                (
                    "entered_by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("confirmed_at", InstantField(null=True)),
                (
                    "confirmed_by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
            ],
            options={"table": "voting_slip", "unique_together": (("poll_id", "entry_id"), ("poll_id", "number"))},
        ),
        ops.CreateModel(
            name="Returned",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("poll", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                (
                    "entry",
                    fields.ForeignKeyField(
                        "register.RollEntry", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("owner_id", fields.BigIntField()),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "proxy",
                    fields.ForeignKeyField(
                        "voting.Proxy", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "slip",
                    fields.ForeignKeyField(
                        "voting.Slip", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("channel", EnumField(enum_type=Channel)),
                ("at", InstantField()),
                ("marks", CodeField(max_length=20)),
                ("is_signed", fields.BooleanField(default=True)),
                ("withdrawn_at", InstantField(null=True)),
                ("nonce", CodeField(max_length=32)),
                ("receipt", CodeField(unique=True, max_length=64)),
            ],
            options={"table": "voting_returned", "indexes": [Index(fields=["poll_id", "entry_id"])]},
        ),
        ops.CreateModel(
            name="Turnout",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("poll", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("building", fields.TextField(unique=False)),
                ("all_area_centi", fields.BigIntField()),
                ("all_heads", fields.IntField()),
                ("area_centi", fields.BigIntField(default=0)),
                ("heads", fields.IntField(default=0)),
            ],
            options={"table": "voting_turnout", "unique_together": (("poll_id", "building"),)},
        ),
    ]
