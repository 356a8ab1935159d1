"""Taking a plugin's tables away, with its code or without."""

from __future__ import annotations

from pathlib import Path

import pytest

from core._db.migrate import MigrationFailed, downgrade_to_zero, drop_tables, pending
from tests.migration.test_runner import NEEDS_VOTE
from tests.migration.world import COMMUNITY, POLL, World, bring_up, copies, query, tables

HEAD = """
async def seed(apps, schema_editor):
    await apps.get_model("vote", "Poll").create(id=5, community_id=1, title="seeded", round=1, seats=2)
    await schema_editor.client.execute_query("UPDATE core_community SET note = 'counted by vote'")

async def unseed(apps, schema_editor):
    assert await apps.get_model("vote", "Poll").filter(seats=2).count() == 1
    await schema_editor.client.execute_query("UPDATE core_community SET note = ''")
"""


async def built(world: World, url: str) -> None:
    """Bring up core and a vote that has also written into core's rows and lost a required column since."""
    world.app("core", COMMUNITY)
    world.app("vote", POLL)
    world.make("core")
    world.make("vote")
    await bring_up(world, url)
    await query(url, "INSERT INTO core_community (id, name, note) VALUES (1, 'a', '')")
    await query(url, "INSERT INTO vote_poll (id, community_id, title, round) VALUES (1, 1, 'gate', 7)")
    seats = "ops.AddField('Poll', 'seats', fields.IntField(default=0))"
    add = f"{seats}, ops.RunPython(seed, unseed), ops.RunSQL('SELECT 1'),"
    world.step("vote", "0002_seed", add, head=HEAD)
    world.step(
        "vote", "0003_less", "ops.RemoveIndex('Poll', fields=['title', 'round']), ops.RemoveField('Poll', 'round'),"
    )
    await bring_up(world, url)


async def test_downgrading_undoes_data_drops_tables_and_forgets(world: World, url: str, backups: Path) -> None:
    """What the plugin did to others is undone, its tables and records are gone, and it can be installed again."""
    await built(world, url)

    await downgrade_to_zero(url, "vote", world.apps, backup_dir=backups)

    assert await tables(url) == {"core_community"}
    assert await query(url, "SELECT note FROM core_community") == [("",)]
    assert await query(url, "SELECT app FROM tortoise_migrations") == [("core",)]
    assert [name for _, name in await pending(url, world.apps)] == ["0001_initial", "0002_seed", "0003_less"]
    assert len(copies(backups)) == url.startswith("sqlite")


async def test_tables_are_dropped_without_the_code(world: World, url: str) -> None:
    """By their prefix; a plugin with a longer name keeps its own."""
    await built(world, url)
    world.app("vote_extra", POLL.replace("vote_", "vote_extra_"))
    world.make("vote_extra")
    await bring_up(world, url)

    await drop_tables(url, "vote_", "vote")

    assert await tables(url) == {"core_community", "vote_extra_poll"}
    assert sorted(await query(url, "SELECT app FROM tortoise_migrations")) == [("core",), ("vote_extra",)]
    await downgrade_to_zero(url, "vote_extra", world.apps)
    assert await tables(url) == {"core_community"}


async def test_tables_that_others_point_at_stay(world: World, url: str) -> None:
    """The dependent plugin goes first; until then nothing is removed."""
    await built(world, url)
    world.app("tally", NEEDS_VOTE)
    world.make("tally")
    await bring_up(world, url)

    refusal = "tally_tally points at vote_poll; remove its plugin first"
    with pytest.raises(MigrationFailed, match=refusal):
        await downgrade_to_zero(url, "vote", world.apps)
    with pytest.raises(MigrationFailed, match=refusal):
        await drop_tables(url, "vote_", "vote")

    assert await query(url, "SELECT note FROM core_community") == [("counted by vote",)]
    assert await tables(url) == {"core_community", "vote_poll", "tally_tally"}


async def test_an_undoing_that_fails_removes_nothing(world: World, url: str) -> None:
    """All or nothing."""
    await built(world, url)
    await query(url, "DELETE FROM vote_poll WHERE id = 5")

    with pytest.raises(MigrationFailed, match="Nothing was removed"):
        await downgrade_to_zero(url, "vote", world.apps)

    assert await tables(url) == {"core_community", "vote_poll"}
    assert await pending(url, world.apps) == []


async def test_core_stays(world: World, url: str) -> None:
    """Core is not a plugin."""
    await built(world, url)

    with pytest.raises(MigrationFailed, match="core cannot be removed"):
        await downgrade_to_zero(url, "core", world.apps)
    with pytest.raises(MigrationFailed, match="core cannot be removed"):
        await drop_tables(url, "core_", "core")


async def test_a_plugin_that_was_never_migrated_has_nothing_to_remove(world: World, url: str) -> None:
    """Removing it is not an error."""
    await built(world, url)
    world.app("late", POLL.replace("vote_", "late_"))
    world.make("late")

    await downgrade_to_zero(url, "late", world.apps)
    await drop_tables(url, "ghost_", "ghost")

    assert await tables(url) == {"core_community", "vote_poll"}
