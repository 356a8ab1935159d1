from tortoise import fields, migrations
from tortoise.fields.base import OnDelete
from tortoise.migrations import operations as ops

from core.ids import new_id

FILL = """
INSERT INTO voting_area_turnout (id, poll_id, area_centi, all_entries, entries)
SELECT ROW_NUMBER() OVER (ORDER BY p.matter_id, e.area_centi), p.matter_id, e.area_centi, COUNT(*),
  SUM(CASE WHEN b.choices LIKE '%F%' OR b.choices LIKE '%A%' OR b.choices LIKE '%B%' THEN 1 ELSE 0 END)
FROM voting_poll p JOIN register_roll_entry e ON e.roll_id = p.roll_id AND e.struck_at IS NULL
LEFT JOIN voting_ballot b ON b.poll_id = p.matter_id AND b.entry_id = e.id
WHERE p.announced_at IS NOT NULL GROUP BY p.matter_id, e.area_centi
"""


class Migration(migrations.Migration):
    dependencies = [("core", "0001_initial"), ("register", "0001_initial"), ("voting", "0001_initial")]

    operations = [
        ops.CreateModel(
            name="AreaTurnout",
            fields=[
                ("id", fields.BigIntField(primary_key=True, default=new_id, generated=False)),
                ("poll", fields.ForeignKeyField("core.Matter", related_name=False, on_delete=OnDelete.RESTRICT)),
                ("area_centi", fields.BigIntField()),
                ("all_entries", fields.IntField()),
                ("entries", fields.IntField(default=0)),
            ],
            options={"table": "voting_area_turnout", "unique_together": (("poll_id", "area_centi"),)},
        ),
        ops.RunSQL(FILL),
    ]
