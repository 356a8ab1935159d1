from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from core.fields import CodeField, DayField, EnumField, InstantField, JsonField
from core.ids import new_id
from core.kinds import BranchLevel, CommunityKind, LinkRelation, Reach


class Migration(migrations.Migration):
    initial = True

    operations = [
        ops.CreateModel(
            name="Branch",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("code", CodeField(unique=True, max_length=64)),
                ("level", EnumField(enum_type=BranchLevel)),
                ("name", fields.CharField(max_length=120)),
                (
                    "parent",
                    fields.ForeignKeyField(
                        "core.Branch", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("path", CodeField(unique=True, max_length=255)),
            ],
            options={"table": "core_branch"},
        ),
        ops.CreateModel(
            name="Community",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("code", CodeField(unique=True, max_length=64)),
                ("kind", EnumField(enum_type=CommunityKind)),
                ("name", fields.CharField(db_index=True, max_length=120)),
                (
                    "parent",
                    fields.ForeignKeyField(
                        "core.Community", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("path", CodeField(unique=True, max_length=255)),
                ("closed_at", InstantField(null=True)),
            ],
            options={"table": "core_community"},
        ),
        ops.CreateModel(
            name="BranchService",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "branch",
                    fields.ForeignKeyField(
                        "core.Branch", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "community",
                    fields.ForeignKeyField(
                        "core.Community", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
            ],
            options={"table": "core_branch_service", "unique_together": (("branch", "community"),)},
        ),
        ops.CreateModel(
            name="Counter",
            fields=[
                ("name", CodeField(primary_key=True, max_length=40)),
                ("value", fields.BigIntField(default=0)),
            ],
            options={"table": "core_counter"},
        ),
        ops.CreateModel(
            name="Event",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("seq", fields.BigIntField(null=True, unique=True)),
                ("at", InstantField()),
                ("type", CodeField(max_length=80)),
                ("plugin", CodeField(max_length=40)),
                ("community_id", fields.BigIntField(null=True)),
                ("path", CodeField(max_length=255)),
                ("matter_id", fields.BigIntField(null=True)),
                ("person_id", fields.BigIntField(null=True)),
                ("payload", JsonField(unique=False)),
            ],
            options={"table": "core_event", "indexes": [Index(fields=["path", "seq"])]},
        ),
        ops.CreateModel(
            name="IdempotencyKey",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("owner", CodeField(max_length=40)),
                ("key", CodeField(max_length=100)),
                ("request_hash", CodeField(max_length=64)),
                ("answer", JsonField(null=True, unique=False)),
                ("at", InstantField(db_index=True)),
            ],
            options={"table": "core_idempotency_key", "unique_together": (("owner", "key"),)},
        ),
        ops.CreateModel(
            name="Lease",
            fields=[
                ("name", CodeField(primary_key=True, max_length=80)),
                ("holder", CodeField(max_length=80)),
                ("until", InstantField()),
            ],
            options={"table": "core_lease"},
        ),
        ops.CreateModel(
            name="LoginFailure",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("subject", CodeField(max_length=80)),
                ("at", InstantField()),
            ],
            options={"table": "core_login_failure", "indexes": [Index(fields=["subject", "at"])]},
        ),
        ops.CreateModel(
            name="Person",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("name", fields.CharField(max_length=60)),
                ("created_at", InstantField()),
            ],
            options={"table": "core_person"},
        ),
        ops.CreateModel(
            name="Account",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("username", CodeField(unique=True, max_length=64)),
                ("password_hash", fields.CharField(max_length=255)),
                ("session_version", fields.IntField(default=1)),
                ("suspended_at", InstantField(null=True)),
                ("created_at", InstantField()),
            ],
            options={"table": "core_account"},
        ),
        ops.CreateModel(
            name="Matter",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "community",
                    fields.ForeignKeyField(
                        "core.Community", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("path", CodeField(max_length=255)),
                ("plugin", CodeField(max_length=40)),
                ("kind", CodeField(max_length=40)),
                ("title", fields.CharField(max_length=200)),
                ("state", CodeField(max_length=40)),
                (
                    "author",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("created_at", InstantField()),
                ("updated_at", InstantField()),
                ("version", fields.IntField(default=1)),
                ("frozen", JsonField(null=True, unique=False)),
            ],
            options={
                "table": "core_matter",
                "indexes": [
                    Index(fields=["path", "id"]),
                    Index(fields=["kind", "path", "id"]),
                    Index(fields=["community_id", "kind", "id"]),
                ],
            },
        ),
        ops.CreateModel(
            name="Attachment",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "community",
                    fields.ForeignKeyField(
                        "core.Community", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "matter",
                    fields.ForeignKeyField(
                        "core.Matter", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "uploader",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("filename", fields.CharField(max_length=200)),
                ("ticket_hash", CodeField(unique=True, max_length=64)),
                ("ticket_expires_at", InstantField()),
                ("media_type", CodeField(null=True, max_length=100)),
                ("size", fields.BigIntField(null=True)),
                ("sha256", CodeField(null=True, db_index=True, max_length=64)),
                ("stored_at", InstantField(null=True)),
            ],
            options={"table": "core_attachment"},
        ),
        ops.CreateModel(
            name="Deadline",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("matter", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("step", CodeField(max_length=60)),
                ("at", InstantField(db_index=True)),
                ("to_state", CodeField(max_length=40)),
                ("started_at", InstantField()),
                ("source", fields.CharField(max_length=200)),
                ("estimated", fields.BooleanField(default=False)),
            ],
            options={"table": "core_deadline", "indexes": [Index(fields=["matter_id", "at"])]},
        ),
        ops.CreateModel(
            name="Link",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "source",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "target",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("relation", EnumField(enum_type=LinkRelation)),
                ("made_at", InstantField()),
            ],
            options={"table": "core_link", "unique_together": (("source", "target", "relation"),)},
        ),
        ops.CreateModel(
            name="PluginRecord",
            fields=[
                ("plugin", CodeField(primary_key=True, max_length=40)),
                ("version", CodeField(max_length=40)),
                ("first_seen_at", InstantField()),
                ("removed_at", InstantField(null=True)),
            ],
            options={"table": "core_plugin_record"},
        ),
        ops.CreateModel(
            name="ReactionCursor",
            fields=[
                ("name", CodeField(primary_key=True, max_length=120)),
                ("seq", fields.BigIntField()),
                ("failures", fields.IntField(default=0)),
                ("last_error", fields.CharField(default="", max_length=300)),
            ],
            options={"table": "core_reaction_cursor"},
        ),
        ops.CreateModel(
            name="RefreshToken",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "account",
                    fields.ForeignKeyField(
                        "core.Account", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("family", fields.BigIntField(db_index=True)),
                ("token_hash", CodeField(unique=True, max_length=64)),
                ("issued_at", InstantField()),
                ("expires_at", InstantField()),
                ("used_at", InstantField(null=True)),
                ("revoked_at", InstantField(null=True)),
            ],
            options={"table": "core_refresh_token"},
        ),
        ops.CreateModel(
            name="Role",
            fields=[
                ("code", CodeField(primary_key=True, max_length=40)),
                ("title_zh", fields.CharField(max_length=60)),
                ("title_en", fields.CharField(max_length=60)),
                ("reach", EnumField(enum_type=Reach)),
                ("exclusive", CodeField(null=True, max_length=40)),
            ],
            options={"table": "core_role"},
        ),
        ops.CreateModel(
            name="Appointment",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "person",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "role",
                    fields.ForeignKeyField("core.Role", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT),
                ),
                (
                    "community",
                    fields.ForeignKeyField(
                        "core.Community", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "branch",
                    fields.ForeignKeyField(
                        "core.Branch", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("since", InstantField()),
                ("until", InstantField(null=True)),
                ("source", CodeField(default="core", max_length=80)),
            ],
            options={"table": "core_appointment"},
        ),
        ops.CreateModel(
            name="RolePermission",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "role",
                    fields.ForeignKeyField("core.Role", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT),
                ),
                ("permission", CodeField(max_length=80)),
                ("allowed", fields.BooleanField(default=True)),
            ],
            options={"table": "core_role_permission", "unique_together": (("role", "permission"),)},
        ),
        ops.CreateModel(
            name="Setting",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "community",
                    fields.ForeignKeyField(
                        "core.Community", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("plugin", CodeField(max_length=40)),
                ("key", CodeField(max_length=80)),
                ("value", JsonField(null=True, unique=False)),
                ("effective_from", InstantField()),
                ("set_at", InstantField()),
                (
                    "set_by",
                    fields.ForeignKeyField(
                        "core.Person", null=True, db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("reason", fields.CharField(default="", max_length=300)),
            ],
            options={"table": "core_setting", "indexes": [Index(fields=["plugin", "key", "community_id"])]},
        ),
        ops.CreateModel(
            name="TraceLeaf",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("seq", fields.BigIntField(null=True, unique=True)),
                ("community_id", fields.BigIntField(null=True)),
                ("matter_id", fields.BigIntField(null=True, db_index=True)),
                ("deed", CodeField(max_length=80)),
                ("at", InstantField()),
                ("body", fields.TextField(unique=False)),
                ("leaf_hash", CodeField(max_length=64)),
                ("hash_name", CodeField(default="SHA-256", max_length=16)),
            ],
            options={"table": "core_trace_leaf", "indexes": [Index(fields=["community_id", "id"])]},
        ),
        ops.CreateModel(
            name="TraceSalt",
            fields=[
                ("leaf_id", fields.BigIntField(primary_key=True, generated=False)),
                ("person_id", fields.BigIntField(db_index=True)),
                ("salt", CodeField(max_length=32)),
            ],
            options={"table": "core_trace_salt"},
        ),
        ops.CreateModel(
            name="WorkingDay",
            fields=[
                ("day", DayField(primary_key=True)),
                ("working", fields.BooleanField()),
                ("name", fields.CharField(default="", max_length=60)),
            ],
            options={"table": "core_working_day"},
        ),
    ]
