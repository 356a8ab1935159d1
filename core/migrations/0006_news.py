from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from core.fields import CodeField, InstantField


class Migration(migrations.Migration):
    dependencies = [("core", "0005_identities")]

    operations = [
        ops.CreateModel(
            name="News",
            fields=[
                ("id", fields.BigIntField(primary_key=True, generated=False)),
                ("at", InstantField()),
                ("type", CodeField(max_length=80)),
                ("plugin", CodeField(max_length=40)),
                (
                    "community",
                    fields.ForeignKeyField(
                        "core.Community", null=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("path", CodeField(max_length=255)),
                (
                    "matter",
                    fields.ForeignKeyField("core.Matter", null=True, related_name=False, on_delete=OnDelete.RESTRICT),
                ),
                (
                    "person",
                    fields.ForeignKeyField("core.Person", null=True, related_name=False, on_delete=OnDelete.RESTRICT),
                ),
            ],
            options={
                "table": "core_news",
                "indexes": [
                    Index(fields=["community_id", "id"]),
                    Index(fields=["path", "id"]),
                    Index(fields=["matter_id", "id"]),
                    Index(fields=["person_id", "id"]),
                ],
            },
        ),
    ]
