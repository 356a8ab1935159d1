from tortoise import fields, migrations
from tortoise.migrations import operations as ops


class Migration(migrations.Migration):
    dependencies = [("core", "0003_trace"), ("register", "0002_page_indexes"), ("voting", "0003_ballot_modes")]

    operations = [
        ops.AddField(
            model_name="Box",
            name="receipt_key_sealed",
            field=fields.TextField(null=True, unique=False),
        ),
    ]
