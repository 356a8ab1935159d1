from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.indexes import Index
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("core", "0002_page_indexes"), ("wishes", "0001_initial")]

    operations = [
        ops.AlterField(
            model_name="Claim",
            name="wish",
            field=fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT),
        ),
        ops.AddIndex(
            model_name="Claim",
            index=Index(fields=["wish_id", "id"]),
        ),
    ]
