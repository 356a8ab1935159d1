from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from core.fields import InstantField
from core.ids import new_id


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    initial = True

    operations = [
        ops.CreateModel(
            name="DriftStop",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "community",
                    fields.ForeignKeyField(
                        "core.Community", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("name", fields.CharField(max_length=60)),
                ("location", fields.CharField(default="", max_length=200)),
                ("added_at", InstantField()),
            ],
            options={"table": "book_drifting_stop"},
        ),
        ops.CreateModel(
            name="Book",
            fields=[
                (
                    "matter",
                    fields.OneToOneField(
                        "core.Matter", primary_key=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("written_by", fields.CharField(default="", max_length=120)),
                (
                    "stop",
                    fields.ForeignKeyField(
                        "book_drifting.DriftStop", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
            ],
            options={"table": "book_drifting_book"},
        ),
        ops.CreateModel(
            name="Loan",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "book",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("borrower", fields.ForeignKeyField("core.Person", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("lent_at", InstantField()),
                ("due_at", InstantField()),
                ("reminded_at", InstantField(null=True)),
                ("returned_at", InstantField(null=True)),
            ],
            options={
                "table": "book_drifting_loan",
                "indexes": [Index(fields=["borrower_id", "id"]), Index(fields=["reminded_at", "due_at"])],
            },
        ),
        ops.CreateModel(
            name="Review",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                (
                    "book",
                    fields.ForeignKeyField(
                        "core.Matter", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                (
                    "reader",
                    fields.ForeignKeyField(
                        "core.Person", db_index=True, related_name=False, on_delete=OnDelete.RESTRICT
                    ),
                ),
                ("text", fields.CharField(max_length=300)),
                ("at", InstantField()),
            ],
            options={"table": "book_drifting_review", "unique_together": (("book", "reader"),)},
        ),
    ]
