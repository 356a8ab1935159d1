from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial")]

    operations = [
        ops.AlterField(
            model_name="Appointment",
            name="community",
            field=fields.ForeignKeyField("core.Community", null=True, related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Appointment",
            index=Index(fields=["community_id", "id"]),
        ),
        ops.AlterField(
            model_name="Attachment",
            name="matter",
            field=fields.ForeignKeyField("core.Matter", null=True, related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Attachment",
            index=Index(fields=["matter_id", "id"]),
        ),
        ops.AlterField(
            model_name="Branch",
            name="parent",
            field=fields.ForeignKeyField("core.Branch", null=True, related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Branch",
            index=Index(fields=["parent_id", "path"]),
        ),
        ops.AlterField(
            model_name="BranchService",
            name="branch",
            field=fields.ForeignKeyField("core.Branch", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AlterField(
            model_name="BranchService",
            name="community",
            field=fields.ForeignKeyField("core.Community", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="BranchService",
            index=Index(fields=["branch_id", "id"]),
        ),
        ops.AddIndex(
            model_name="BranchService",
            index=Index(fields=["community_id", "id"]),
        ),
        ops.AlterField(
            model_name="Community",
            name="parent",
            field=fields.ForeignKeyField("core.Community", null=True, related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Community",
            index=Index(fields=["parent_id", "path"]),
        ),
        ops.AlterField(
            model_name="Community",
            name="name",
            field=fields.CharField(max_length=120),
        ),
        ops.AddIndex(
            model_name="Community",
            index=Index(fields=["name", "path"]),
        ),
        ops.RemoveIndex(
            model_name="Deadline",
            fields=["matter_id", "at"],
        ),
        ops.AddIndex(
            model_name="Deadline",
            index=Index(fields=["matter_id", "at", "id"]),
        ),
        ops.AlterField(
            model_name="Link",
            name="source",
            field=fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AlterField(
            model_name="Link",
            name="target",
            field=fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Link",
            index=Index(fields=["source_id", "id"]),
        ),
        ops.AddIndex(
            model_name="Link",
            index=Index(fields=["target_id", "id"]),
        ),
        ops.AlterField(
            model_name="Matter",
            name="community",
            field=fields.ForeignKeyField("core.Community", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Matter",
            index=Index(fields=["community_id", "id"]),
        ),
    ]
