"""What the runner promises: order, isolation of failures, all or nothing, one process at a time, copies, old or new."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from tortoise.connection import get_connection
from tortoise.context import TortoiseContext, get_current_context

from core._db.migrate import MigrationFailed, check, migrate, pending
from core._db.migrate_target import KEEP_BACKUPS, NotMigratable, copy_database, is_missing
from tests.migration.world import COMMUNITY, POLL, World, bring_up, copies, indexes, query, tables

ROOT = Path(__file__).parents[2]
NEEDS_VOTE = """
class Tally(Model):
    id = fields.BigIntField(primary_key=True, generated=False)
    poll = fields.ForeignKeyField("vote.Poll", on_delete=RESTRICT, db_index=True, related_name=False)

    class Meta:
        table = "tally_tally"
"""


def small(label: str) -> str:
    """Return models of one table that needs nothing."""
    return f"""
    class Note(Model):
        id = fields.BigIntField(primary_key=True, generated=False)
        text = fields.CharField(60)

        class Meta:
            table = "{label}_note"
    """


async def started(world: World, url: str) -> None:
    """Bring up core and vote with a row each."""
    world.app("core", COMMUNITY)
    world.app("vote", POLL)
    world.make("core")
    world.make("vote")
    await bring_up(world, url)
    await query(url, "INSERT INTO core_community (id, name, note) VALUES (1, 'a', '')")
    await query(url, "INSERT INTO vote_poll (id, community_id, title, round) VALUES (1, 1, 'gate', 7)")


async def test_a_new_database_gets_everything_in_order(world: World, url: str) -> None:
    """Core first, then what needs it, one report and one call per step."""
    for label, models in (("vote", POLL), ("core", COMMUNITY), ("tally", NEEDS_VOTE)):
        world.app(label, models)
    for label in ("core", "vote", "tally"):
        world.make(label)
    seen: list[tuple[str, str]] = []

    planned = await pending(url, world.apps)
    report = await bring_up(world, url, on_step=lambda label, name: seen.append((label, name)))

    assert [label for label, _ in planned] == ["core", "vote", "tally"]
    assert list(report.applied) == seen == planned
    assert await tables(url) == {"core_community", "vote_poll", "tally_tally"}
    assert await check(url, world.apps) == []
    assert await pending(url, world.apps) == []
    assert (await bring_up(world, url)).applied == ()


async def test_looking_makes_no_file(world: World, sqlite: str) -> None:
    """Asking what is pending does not create the database."""
    world.app("core", COMMUNITY)
    world.make("core")

    assert await pending(sqlite, world.apps) == [("core", "0001_initial")]
    assert is_missing(sqlite)


async def test_a_failing_plugin_keeps_what_it_had_and_stops_nobody(world: World, url: str) -> None:
    """The failed step is rolled back, the plugin's earlier ones stay, strangers go on, dependents wait."""
    for label, models in (("core", COMMUNITY), ("vote", POLL), ("tally", NEEDS_VOTE), ("zone", small("zone"))):
        world.app(label, models)
    for label in ("core", "vote", "zone"):
        world.make(label)
    world.step(
        "vote",
        "0002_broken",
        "ops.AddField('Poll', 'seats', fields.IntField(null=True)),\nops.RunSQL('SELECT * FROM nowhere'),",
        [("vote", "0001_initial")],
    )
    world.models("vote", POLL.replace("round =", "seats = fields.IntField(null=True)\n    round ="))
    world.make("tally")

    report = await migrate(url, world.apps, backup_dir=None)

    assert [key[0] for key in report.applied] == ["core", "vote", "zone"]
    assert report.failed["vote"].startswith("plugin vote, migration 0002_broken: ")
    assert "nowhere" in report.failed["vote"]
    assert "start again" in report.failed["vote"]
    assert "blocked: it needs migrations of vote" in report.failed["tally"]
    assert "vote_poll.seats is missing" in " ".join(await check(url, world.apps))


async def test_a_repaired_plugin_goes_on_where_it_stopped(world: World, url: str) -> None:
    """After the repair the next start applies the rest, dependents included."""
    await started(world, url)
    world.step("vote", "0002_note", "ops.RunSQL('SELECT * FROM nowhere'),", [("vote", "0001_initial")])
    world.app("tally", NEEDS_VOTE)
    world.make("tally")
    first = await migrate(url, world.apps, backup_dir=None)
    world.drop("vote", "0002_note")
    world.step("vote", "0002_note", "ops.RunSQL('SELECT 1'),", [("vote", "0001_initial")])

    second = await bring_up(world, url)

    assert first.applied == ()
    assert [key[0] for key in second.applied] == ["vote", "tally"]


async def test_a_plugin_whose_files_cannot_be_imported_stops_nobody(world: World, url: str) -> None:
    """A syntax error in a migration is that plugin's failure, and those that need it wait."""
    for label, models in (("core", COMMUNITY), ("vote", POLL), ("tally", NEEDS_VOTE), ("zone", small("zone"))):
        world.app(label, models)
        world.make(label)
    await bring_up(world, url)
    world.models("zone", small("zone").replace("60", "90"))
    world.make("zone")
    world.step("vote", "0002_broken", "ops.Oops(", [("vote", "0001_initial")])

    report = await migrate(url, world.apps, backup_dir=None)

    assert [key[0] for key in report.applied] == ["zone"]
    assert "plugin vote, migration 0002_broken: the file cannot be imported" in report.failed["vote"]
    assert "blocked" in report.failed["tally"]


async def test_a_plugin_whose_files_contradict_each_other_stops_nobody(world: World, url: str) -> None:
    """An applied file that was changed afterwards is its plugin's failure, not that of the next plugin in the row."""
    await started(world, url)
    world.app("zone", small("zone"))
    world.make("zone")
    world.step("vote", "0002_wrong", "ops.RemoveField('Poll', 'never'),")

    report = await migrate(url, world.apps, backup_dir=None)

    assert [key[0] for key in report.applied] == ["zone"]
    assert "plugin vote, migration 0002_wrong: its operations do not fit the ones before" in report.failed["vote"]


async def test_a_failing_core_stops_everything(world: World, url: str) -> None:
    """Without core nothing can run: the error names core, the step, the cause and the remedy."""
    await started(world, url)
    world.step("core", "0002_broken", "ops.RunSQL('SELECT * FROM nowhere'),", [("core", "0001_initial")])

    with pytest.raises(MigrationFailed, match=r"core, migration 0002_broken: .*nowhere.*start again") as failure:
        await migrate(url, world.apps, backup_dir=None)

    assert (failure.value.label, failure.value.migration) == ("core", "0002_broken")


@pytest.mark.parametrize(
    ("label", "needs", "text"),
    [
        ("vote", ("ghost", "0001_initial"), "it needs ghost, which is not loaded"),
        ("vote", ("core", "0009_later"), "it needs core.0009_later, which does not exist"),
    ],
)
async def test_what_is_needed_must_be_there(
    world: World, sqlite: str, label: str, needs: tuple[str, str], text: str
) -> None:
    """A dependency on an unknown app or migration is explained."""
    await started(world, sqlite)
    world.step(label, "0002_more", "", [(label, "0001_initial"), needs])

    assert text in (await migrate(sqlite, world.apps, backup_dir=None)).failed[label]


async def test_apps_that_need_each_other_are_refused(world: World, sqlite: str) -> None:
    """A circle is named."""
    await started(world, sqlite)
    world.app("tally", NEEDS_VOTE)
    world.make("tally")
    world.step("tally", "0002_a", "", [("tally", "0001_initial"), ("vote", "0002_b")])
    world.step("vote", "0002_b", "", [("vote", "0001_initial"), ("tally", "0002_a")])

    with pytest.raises(MigrationFailed, match=r"in a circle: .*tally\.0002_a"):
        await migrate(sqlite, world.apps, backup_dir=None)


async def test_old_code_does_not_touch_a_newer_database(world: World, url: str) -> None:
    """When the record names a migration that the code lacks, that app is left alone."""
    await started(world, url)
    world.step("vote", "0002_more", "", [("vote", "0001_initial")])
    await bring_up(world, url)
    world.drop("vote", "0002_more")

    report = await migrate(url, world.apps, backup_dir=None)

    assert "the code is older than the database" in report.failed["vote"]


async def test_a_file_slipped_in_before_applied_ones_is_refused(world: World, sqlite: str) -> None:
    """Steps are only ever added at the end."""
    await started(world, sqlite)
    world.step("vote", "0000_earlier", "")
    world.step("vote", "0001_initial", "", [("vote", "0000_earlier")])
    for name in [name for name in sys.modules if name.endswith("vote.migrations.0001_initial")]:
        del sys.modules[name]

    report = await migrate(sqlite, world.apps, backup_dir=None)

    assert "0000_earlier before it is not" in report.failed["vote"]


async def test_a_required_field_is_filled_with_its_default(world: World, url: str) -> None:
    """Rows that are there get the default of a new field that must not be empty; so do empty values of an old one."""
    await started(world, url)
    await query(url, "UPDATE core_community SET note = 'x; it''s'")
    world.models(
        "vote",
        POLL.replace("round =", "quorum = fields.CharField(20, default='2/3; ''s')\n    round =").replace(
            "'2/3; ''s'", '"2/3; \'s"'
        ),
    )
    world.make("vote")

    await bring_up(world, url)

    assert await query(url, "SELECT id, title, round, quorum FROM vote_poll") == [(1, "gate", 7, "2/3; 's")]
    assert await check(url, world.apps) == []


async def test_a_required_field_without_default_needs_one(world: World, url: str) -> None:
    """What should stand in the rows that are there cannot be guessed."""
    await started(world, url)
    world.models("vote", POLL.replace("round =", "quorum = fields.IntField()\n    round ="))
    world.make("vote")

    report = await migrate(url, world.apps, backup_dir=None)

    assert "quorum" in report.failed["vote"]
    assert await query(url, "SELECT id, title, round FROM vote_poll") == [(1, "gate", 7)]


async def test_null_values_get_the_default_before_null_is_forbidden(world: World, url: str) -> None:
    """Tightening a column fills it first."""
    loose = POLL.replace("round = fields.IntField(default=1)", "round = fields.IntField(null=True)")
    world.app("core", COMMUNITY)
    world.app("vote", loose)
    world.make("core")
    world.make("vote")
    await bring_up(world, url)
    await query(url, "INSERT INTO core_community (id, name, note) VALUES (1, 'a', '')")
    await query(
        url, "INSERT INTO vote_poll (id, community_id, title, round) VALUES (1, 1, 'gate', NULL), (2, 1, 'x', 5)"
    )
    world.models("vote", POLL)
    world.make("vote")

    await bring_up(world, url)

    assert await query(url, "SELECT id, round FROM vote_poll ORDER BY id") == [(1, 1), (2, 5)]


async def test_renames_and_removals_keep_the_other_values(world: World, url: str) -> None:
    """A renamed column keeps its values and its index, also when another field takes the old name later."""
    await started(world, url)
    world.models("vote", POLL.replace("title", "topic"))
    world.make("vote")
    await bring_up(world, url)
    world.models(
        "vote",
        POLL.replace("title", "topic").replace(
            "round =", "title = fields.CharField(30, null=True, db_index=True)\n    round ="
        ),
    )
    world.make("vote")
    await bring_up(world, url)
    world.models(
        "vote",
        POLL.replace("title", "topic")
        .replace("round = fields.IntField(default=1)", "")
        .replace('(("topic", "round"),)', "()"),
    )
    world.make("vote")

    await bring_up(world, url)

    assert await query(url, "SELECT * FROM vote_poll") in ([(1, "gate", 1)], [(1, 1, "gate")])
    assert await indexes(url, "vote_poll") == ["0 community_id", "1 community_id,topic"]
    assert await check(url, world.apps) == []


async def test_a_table_is_renamed_by_hand(world: World, url: str) -> None:
    """RunSQL and AlterModelOptions together; foreign keys of other apps follow, also in their next migrations."""
    await started(world, url)
    rename = "ops.RunSQL('ALTER TABLE core_community RENAME TO core_place'),"
    rename += "ops.AlterModelOptions('Community', {'table': 'core_place'}),"
    world.step("core", "0002_place", rename)
    world.models("core", COMMUNITY.replace('"core_community"', '"core_place"'))
    world.step("vote", "0002_wider", "ops.AlterField('Poll', 'title', fields.CharField(90)),", [("core", "0002_place")])
    world.models("vote", POLL.replace("CharField(60)", "CharField(90)"))

    await bring_up(world, url)

    assert await check(url, world.apps) == []
    assert await query(url, "SELECT name FROM core_place JOIN vote_poll ON community_id = core_place.id") == [("a",)]
    assert world.make("core") is None
    assert world.make("vote") is None


async def test_the_models_of_the_time_are_there_for_python(world: World, url: str) -> None:
    """RunPython gets models as they were, on the step's own transaction; a later failure takes its writes back."""
    await started(world, url)
    head = """
    async def double(apps, schema_editor):
        Poll = apps.get_model("vote", "Poll")
        for poll in await Poll.filter(community__name="a"):
            await Poll.filter(id=poll.id).update(seats=poll.round * 2)
        await Poll.create(id=2, community_id=1, title="made", round=0, seats=0)
        await schema_editor.client.execute_query("UPDATE vote_poll SET round = ? WHERE id = ?", [70, 1])
    """
    body = "ops.AddField('Poll', 'seats', fields.IntField(null=True)),\nops.RunPython(double),"
    world.step("vote", "0002_seats", body, [("vote", "0001_initial")], head)

    await bring_up(world, url)

    assert await query(url, "SELECT id, round, seats FROM vote_poll ORDER BY id") == [(1, 70, 14), (2, 0, 0)]


async def test_statements_of_one_time_are_not_used_at_another(world: World, sqlite: str) -> None:
    """Tortoise keeps INSERT statements per table and process: neither the server nor a later step gets an old one."""
    await started(world, sqlite)
    head = """
    async def add(apps, schema_editor):
        Poll = apps.get_model("vote", "Poll")
        number = await Poll.all().count() + 1
        await Poll.create(id=number, community_id=1, title=f"made {number}", round=0)
    """
    world.step("vote", "0002_add", "ops.RunPython(add),", [("vote", "0001_initial")], head)
    world.models("vote", POLL.replace("round =", "seats = fields.IntField(null=True)\n    round ="))
    world.step("vote", "0003_seats", "ops.AddField('Poll', 'seats', fields.IntField(null=True)),")
    world.step("vote", "0004_add", "ops.RunPython(add),", head=head)
    async with TortoiseContext() as context:
        await context.init(world.config(sqlite))
        await bring_up(world, sqlite)

        await context.get_model("vote", "Poll").create(id=9, community_id=1, title="live", round=0, seats=5)

    assert await query(sqlite, "SELECT id, seats FROM vote_poll ORDER BY id") == [
        (1, None),
        (2, None),
        (3, None),
        (9, 5),
    ]


async def test_a_running_server_is_not_disturbed(world: World, sqlite: str, url: str) -> None:
    """Migrating, also another database, leaves the process's own Tortoise as it was."""
    await started(world, sqlite)
    async with TortoiseContext() as context:
        await context.init(world.config(sqlite))
        poll = context.get_model("vote", "Poll")
        connection = get_connection("default")

        await bring_up(world, url)
        await check(url, world.apps)
        world.make("vote")

        assert get_current_context() is context
        assert get_connection("default") is connection
        assert [row.round for row in await poll.all()] == [7]
        assert (await poll.get(community__id=1)).title == "gate"


async def test_a_copy_is_made_before_the_first_change_only(world: World, sqlite: str, backups: Path) -> None:
    """It holds the old tables and all rows; an empty database, a failed step and a run without steps make none."""
    world.app("core", COMMUNITY)
    world.make("core")
    await bring_up(world, sqlite, backup_dir=backups)
    await query(sqlite, "INSERT INTO core_community (id, name, note) VALUES (1, 'a', '')")
    world.app("vote", POLL)
    world.step("vote", "0001_broken", "ops.RunSQL('SELECT * FROM nowhere'),")
    await migrate(sqlite, world.apps, backup_dir=backups)
    assert copies(backups) == []
    world.drop("vote", "0001_broken")
    world.make("vote")
    world.make("vote")

    await bring_up(world, sqlite, backup_dir=backups)
    await bring_up(world, sqlite, backup_dir=backups)

    (copy,) = copies(backups)
    assert await tables(f"sqlite://{copy}") == {"core_community"}
    assert await query(f"sqlite://{copy}", "SELECT id, name FROM core_community") == [(1, "a")]


async def test_the_last_five_copies_stay(world: World, sqlite: str, backups: Path) -> None:
    """Older copies of this database go, copies of others stay."""
    await started(world, sqlite)
    await bring_up(world, sqlite.replace("shanzhi.db", "other.db"))
    copy_database(Path(sqlite.removeprefix("sqlite://")).with_name("other.db"), backups)
    for number in range(KEEP_BACKUPS + 2):
        world.step(
            "vote", f"{number + 2:04d}_empty", "", [("vote", f"{number + 1:04d}_{'empty' if number else 'initial'}")]
        )
        await bring_up(world, sqlite, backup_dir=backups)

    own = copies(backups)
    assert len(own) == KEEP_BACKUPS
    newest = await query(f"sqlite://{own[-1]}", "SELECT MAX(name) FROM tortoise_migrations WHERE app = 'vote'")
    assert newest == [(f"{KEEP_BACKUPS + 2:04d}_empty",)]
    assert len(copies(backups, "other")) == 1


async def test_without_a_copy_nothing_is_changed(world: World, sqlite: str) -> None:
    """A copy that cannot be made fails the step."""
    await started(world, sqlite)
    backups = Path(__file__)  # a file where the folder should be
    world.step("vote", "0002_clean", "ops.RunSQL('DELETE FROM vote_poll'),", [("vote", "0001_initial")])

    report = await migrate(sqlite, world.apps, backup_dir=backups)

    assert "plugin vote, migration 0002_clean" in report.failed["vote"]
    assert await query(sqlite, "SELECT COUNT(*) FROM vote_poll") == [(1,)]


async def test_a_database_that_cannot_be_opened_is_explained(world: World) -> None:
    """A wrong folder, a server that is not there, an app that is not loaded: sentences, not traces of the driver."""
    world.app("core", COMMUNITY)
    world.make("core")
    for url in ("sqlite:///nowhere/at/all.db", "postgres://nobody@127.0.0.1:1/nothing"):
        with pytest.raises(NotMigratable, match="cannot be opened"):
            await migrate(url, world.apps, backup_dir=None)


async def test_only_a_loaded_app_can_be_chosen(world: World, sqlite: str) -> None:
    """A misspelt label is not silently nothing."""
    world.app("core", COMMUNITY)
    world.make("core")
    with pytest.raises(MigrationFailed, match="plugin ghost: it is not loaded"):
        await migrate(sqlite, world.apps, backup_dir=None, only="ghost")


async def test_a_database_in_memory_is_refused(world: World) -> None:
    """What the runner would migrate there, nobody else would see."""
    world.app("core", COMMUNITY)
    world.make("core")
    with pytest.raises(NotMigratable, match="use a file"):
        await migrate("sqlite://:memory:", world.apps, backup_dir=None)


PROGRAM = """
import asyncio, sys
sys.path.insert(0, {folder!r})
from core._db.migrate import AppMigrations, migrate

apps = [AppMigrations(*parts) for parts in {apps!r}]
report = asyncio.run(migrate({url!r}, apps, backup_dir=None))
print("done", len(report.applied), len(report.failed), flush=True)
"""


def process(world: World, url: str) -> subprocess.Popen[str]:
    """Start a process of its own that migrates."""
    apps = [(app.label, app.models, app.migrations) for app in world.apps]
    program = PROGRAM.format(folder=str(world.folder), apps=apps, url=url)
    return subprocess.Popen([sys.executable, "-B", "-c", program], stdout=subprocess.PIPE, text=True, cwd=ROOT)


COUNTED = """
def count(apps, schema_editor):
    return schema_editor.client.execute_query("UPDATE core_community SET note = note || 'x'")
"""


@pytest.mark.slow
async def test_two_processes_at_once_apply_each_step_once(world: World, url: str) -> None:
    """One migrates, the others wait and find nothing to do."""
    await started(world, url)
    for number in range(2, 8):
        world.step("core", f"{number:04d}_count", "ops.RunPython(count),", head=COUNTED)

    running = [process(world, url) for _ in range(3)]
    said = [await asyncio.to_thread(one.communicate) for one in running]

    assert sorted(out.strip() for out, _ in said) == ["done 0 0", "done 0 0", "done 6 0"]
    assert await query(url, "SELECT note FROM core_community") == [("xxxxxx",)]


STOP = """
import os, sys, signal

def stop(apps, schema_editor):
    print("in the middle", flush=True)
    signal.pause()
"""
SHAPES = {
    "sqlite": "SELECT group_concat(sql, '|') FROM (SELECT sql FROM sqlite_master ORDER BY name)",
    "postgres": "SELECT string_agg(attname || atttypmod, ',' ORDER BY attname) FROM pg_attribute "
    "WHERE attrelid IN ('vote_poll'::regclass, 'core_community'::regclass)",
}


@pytest.mark.slow
@pytest.mark.parametrize("place", [0, 1, 2, 3])
async def test_killed_in_the_middle_leaves_the_old_state(world: World, url: str, place: int) -> None:
    """Kill -9 between any two operations of a step leaves the database as before it; the next start does it all."""
    await started(world, url)
    operations = [
        "ops.AlterField('Poll', 'title', fields.CharField(90)),",
        "ops.RunSQL('UPDATE vote_poll SET round = 8'),",
        "ops.RemoveIndex('Poll', fields=['title', 'round']), ops.RemoveField('Poll', 'round'),",
    ]
    step = [*operations[:place], "ops.RunPython(stop),", *operations[place:]]
    world.step("vote", "0002_change", "\n".join(step), [("vote", "0001_initial")], STOP)
    shape = SHAPES["sqlite" if url.startswith("sqlite") else "postgres"]
    before = await query(url, shape), await query(url, "SELECT * FROM vote_poll")

    running = process(world, url)
    assert running.stdout is not None
    assert await asyncio.to_thread(running.stdout.readline) == "in the middle\n"
    os.kill(running.pid, signal.SIGKILL)
    await asyncio.to_thread(running.communicate)

    assert (await query(url, shape), await query(url, "SELECT * FROM vote_poll")) == before
    assert await pending(url, world.apps) == [("vote", "0002_change")]
    world.drop("vote", "0002_change")
    world.step("vote", "0002_change", "\n".join(operations), [("vote", "0001_initial")])
    await bring_up(world, url)
    assert await query(url, "SELECT title FROM vote_poll") == [("gate",)]


@pytest.mark.slow
async def test_killed_while_others_wait_lets_them_on(world: World, url: str) -> None:
    """The lock of a dead process is free."""
    await started(world, url)
    world.step("vote", "0002_change", "ops.RunPython(stop),", [("vote", "0001_initial")], STOP)
    running = process(world, url)
    assert running.stdout is not None
    await asyncio.to_thread(running.stdout.readline)
    world.step("vote", "0002_change", "", [("vote", "0001_initial")])
    waiting = process(world, url)

    os.kill(running.pid, signal.SIGKILL)
    await asyncio.to_thread(running.communicate)

    assert (await asyncio.to_thread(waiting.communicate))[0].strip() == "done 1 0"


async def test_a_cancelled_run_leaves_the_old_state(world: World, url: str) -> None:
    """A cancellation rolls back the step and frees the lock."""
    await started(world, url)
    head = """
    import asyncio
    reached = asyncio.Event()

    async def wait(apps, schema_editor):
        await schema_editor.client.execute_query("UPDATE vote_poll SET round = 99")
        reached.set()
        await asyncio.Event().wait()
    """
    world.step("vote", "0002_wait", "ops.RunPython(wait),", [("vote", "0001_initial")], head)
    run = asyncio.create_task(migrate(url, world.apps, backup_dir=None))
    name = f"{world.package}.vote.migrations.0002_wait"
    await importlib.import_module(name).reached.wait()

    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run

    assert await query(url, "SELECT round FROM vote_poll") == [(7,)]
    world.drop("vote", "0002_wait")
    assert (await bring_up(world, url)).applied == ()


async def test_a_writing_server_does_not_fail_the_migration(world: World, sqlite: str) -> None:
    """A write lock held by somebody else is waited for, not failed on."""
    await started(world, sqlite)
    world.step(
        "vote", "0002_clean", "ops.RunSQL('UPDATE vote_poll SET round = round + 1'),", [("vote", "0001_initial")]
    )
    writer = sqlite3.connect(sqlite.removeprefix("sqlite://"), isolation_level=None)
    writer.execute("BEGIN IMMEDIATE")
    writer.execute("UPDATE vote_poll SET round = 10")
    run = asyncio.create_task(migrate(sqlite, world.apps, backup_dir=None))
    lock = sqlite3.connect(
        f"{sqlite.removeprefix('sqlite://')}.migrating", timeout=0, isolation_level=None, check_same_thread=False
    )
    await asyncio.to_thread(wait_until_taken, lock)

    writer.execute("COMMIT")
    writer.close()
    lock.close()

    assert (await run).failed == {}
    assert await query(sqlite, "SELECT round FROM vote_poll") == [(11,)]


def wait_until_taken(lock: sqlite3.Connection) -> None:
    """Return when the runner holds the lock."""
    try:
        while True:
            lock.execute("BEGIN EXCLUSIVE")
            lock.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return
