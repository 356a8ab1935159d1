from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("core", "0002_page_indexes"), ("notices", "0001_initial")]

    operations = [
        ops.AlterField(
            model_name="Acknowledgement",
            name="notice",
            field=fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Acknowledgement",
            index=Index(fields=["notice_id", "id"]),
        ),
        ops.AlterField(
            model_name="Audience",
            name="notice",
            field=fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AlterField(
            model_name="Audience",
            name="community",
            field=fields.ForeignKeyField("core.Community", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Audience",
            index=Index(fields=["notice_id", "id"]),
        ),
        ops.AddIndex(
            model_name="Audience",
            index=Index(fields=["community_id", "notice_id"]),
        ),
        ops.AlterField(
            model_name="Objection",
            name="notice",
            field=fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Objection",
            index=Index(fields=["notice_id", "id"]),
        ),
        ops.AlterField(
            model_name="Posting",
            name="notice",
            field=fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Posting",
            index=Index(fields=["notice_id", "id"]),
        ),
        ops.AlterField(
            model_name="Version",
            name="notice",
            field=fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Version",
            index=Index(fields=["notice_id", "id"]),
        ),
    ]
