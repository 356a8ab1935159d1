from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("core", "0002_page_indexes"), ("register", "0001_initial")]

    operations = [
        ops.AlterField(
            model_name="Correction",
            name="owner",
            field=fields.ForeignKeyField("register.Owner", null=True, related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AlterField(
            model_name="Correction",
            name="unit",
            field=fields.ForeignKeyField("register.Unit", null=True, related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Correction",
            index=Index(fields=["unit_id", "id"]),
        ),
        ops.AddIndex(
            model_name="Correction",
            index=Index(fields=["owner_id", "id"]),
        ),
        ops.AlterField(
            model_name="Ownership",
            name="owner",
            field=fields.ForeignKeyField("register.Owner", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AlterField(
            model_name="Ownership",
            name="unit",
            field=fields.ForeignKeyField("register.Unit", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Ownership",
            index=Index(fields=["unit_id", "id"]),
        ),
        ops.AddIndex(
            model_name="Ownership",
            index=Index(fields=["owner_id", "id"]),
        ),
        ops.AlterField(
            model_name="Resident",
            name="community",
            field=fields.ForeignKeyField("core.Community", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AlterField(
            model_name="Resident",
            name="unit",
            field=fields.ForeignKeyField("register.Unit", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Resident",
            index=Index(fields=["community_id", "id"]),
        ),
        ops.AddIndex(
            model_name="Resident",
            index=Index(fields=["unit_id", "id"]),
        ),
        ops.AlterField(
            model_name="RollCorrection",
            name="roll",
            field=fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="RollCorrection",
            index=Index(fields=["roll_id", "id"]),
        ),
        ops.AlterField(
            model_name="RollObjection",
            name="roll",
            field=fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="RollObjection",
            index=Index(fields=["roll_id", "id"]),
        ),
        ops.AlterField(
            model_name="RosterImport",
            name="community",
            field=fields.ForeignKeyField("core.Community", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="RosterImport",
            index=Index(fields=["community_id", "id"]),
        ),
    ]
