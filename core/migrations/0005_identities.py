from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from core.fields import CodeField, InstantField
from core.ids import new_id


class Migration(migrations.Migration):
    dependencies = [("core", "0004_personal_data")]

    operations = [
        ops.CreateModel(
            name="Identity",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "account",
                    fields.ForeignKeyField(
                        "core.Account", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("issuer", CodeField(max_length=255)),
                ("subject", CodeField(max_length=255)),
                ("linked_at", InstantField()),
            ],
            options={"table": "core_identity", "unique_together": (("issuer", "subject"), ("account", "issuer"))},
        ),
    ]
