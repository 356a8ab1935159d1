from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.migrations import operations as ops

from core.fields import CodeField, InstantField
from core.ids import new_id


class Migration(migrations.Migration):
    dependencies = [("core", "0002_page_indexes")]

    operations = [
        ops.CreateModel(
            name="TraceAnchor",
            fields=[
                ("name", CodeField(primary_key=True, max_length=120)),
                ("size", fields.BigIntField(default=0)),
                ("failures", fields.IntField(default=0)),
                ("last_error", fields.CharField(default="", max_length=300)),
                ("tried_at", InstantField()),
                ("done_at", InstantField(null=True)),
            ],
            options={"table": "core_trace_anchor"},
        ),
        ops.CreateModel(
            name="TraceHead",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("size", fields.BigIntField(unique=True)),
                ("root", CodeField(max_length=64)),
                ("hash_name", CodeField(max_length=16)),
                ("note", fields.TextField(unique=False)),
                ("reason", CodeField(max_length=80)),
                ("made_at", InstantField()),
            ],
            options={"table": "core_trace_head"},
        ),
        ops.CreateModel(
            name="TraceKey",
            fields=[
                ("id", fields.BigIntField(primary_key=True, generated=False)),
                ("origin", CodeField(max_length=120)),
                ("public", CodeField(max_length=64)),
                ("sealed", fields.TextField(unique=False)),
                ("made_at", InstantField()),
                ("handover", fields.TextField(null=True, unique=False)),
            ],
            options={"table": "core_trace_key"},
        ),
        ops.CreateModel(
            name="TraceNode",
            fields=[
                ("id", fields.BigIntField(primary_key=True, generated=False)),
                ("hash", CodeField(max_length=64)),
            ],
            options={"table": "core_trace_node"},
        ),
        ops.AlterField(
            model_name="TraceLeaf",
            name="matter_id",
            field=fields.BigIntField(null=True),
        ),
        ops.AddIndex(
            model_name="TraceLeaf",
            index=Index(fields=["matter_id", "id"]),
        ),
    ]
