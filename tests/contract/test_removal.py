"""Removing a plugin from a database: what refuses, what a dry run says, and that a failure changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from core import administration
from core._db.migrate import MigrationFailed
from core.host import PluginList
from core.removal import RemovalRefused, RemovalReport, remove_plugin
from tests.conftest import World
from tests.contract import conformance

DRIFTING = "book_drifting"


@pytest.fixture
def plugin_list() -> PluginList:
    """Let ``world`` load the example, and the votes with the register that they require."""
    return conformance.list_of(conformance.load(PluginList(installed=frozenset({DRIFTING}))), "voting", DRIFTING)


async def remove(world: World, plugin: str = DRIFTING, **more: Any) -> RemovalReport:
    """Remove a plugin from the world's database."""
    return await remove_plugin(world.kernel.config, world.kernel.host, plugin, clock=world.clock, **more)


async def filled(world: World) -> None:
    """Let books drift."""
    demo = world.kernel.host.plugins[DRIFTING].demo
    assert demo is not None
    await demo(world.demo)


async def books(world: World) -> int:
    """Count the books."""
    return int(await world.kernel.database.value("SELECT COUNT(*) FROM core_matter WHERE plugin = ?", (DRIFTING,)))


def exports(world: World) -> list[Path]:
    """Return the exports there are."""
    return list((world.kernel.config.data_dir / "exports").glob("*"))


async def test_a_dry_run_counts_and_changes_nothing(world: World) -> None:
    """It names every table with its rows, and where the plugin is on."""
    await filled(world)
    report = await remove(world, dry_run=True)
    assert report.rows["book_drifting_book"] == report.rows["core_matter"] == 3
    assert report.rows["book_drifting_loan"] == 2
    assert report.enabled_at == ("440604000000",)
    assert "book_drifting_stop: 1 rows would be removed" in report.lines()
    assert (await books(world), exports(world)) == (3, [])


async def test_what_is_on_somewhere_stays(world: World) -> None:
    """The refusal names the places; switched off there, the plugin can go."""
    await filled(world)
    with pytest.raises(RemovalRefused, match="440604000000; disable it there first"):
        await remove(world)
    assert await books(world) == 3
    await world.demo.perform(administration.disable_plugin, community="440604000000", plugin=DRIFTING)
    report = await remove(world)
    assert "take book_drifting out of plugins.toml" in report.lines()[-1]
    assert await books(world) == 0


async def test_what_others_need_stays(world: World) -> None:
    """The plugins that require it are named; force does not help."""
    with pytest.raises(RemovalRefused, match="register is needed by voting"):
        await remove(world, "register", force=True)


async def test_what_was_never_there_is_not_removed(world: World) -> None:
    """A misspelt id is answered with those that the database knows; core is no plugin."""
    with pytest.raises(RemovalRefused, match="never knew a plugin book_drifing; it knows: book_drifting, "):
        await remove(world, "book_drifing")
    with pytest.raises(RemovalRefused, match="core is no plugin"):
        await remove(world, "core")


async def test_a_removal_that_fails_leaves_everything_as_it_was(world: World) -> None:
    """Another's row that points at a matter of the plugin holds it all back: tables, rows and settings are there."""
    await filled(world)
    database = world.kernel.database

    async def lend(tx: Any) -> None:
        await tx.execute(
            "CREATE TABLE stranger_note (id BIGINT PRIMARY KEY, matter_id BIGINT REFERENCES core_matter (id))"
        )
        key = await tx.value("SELECT matter_id FROM book_drifting_book LIMIT 1")
        await tx.execute("INSERT INTO stranger_note (id, matter_id) VALUES (1, ?)", (key,))

    await database.run(lend)
    with pytest.raises(MigrationFailed, match="stranger_note"):
        await remove(world, force=True)
    assert (await books(world), exports(world)) == (3, [])
    assert (await remove(world, dry_run=True)).enabled_at == ("440604000000",)


async def test_a_plugin_whose_code_is_gone_can_be_removed(world: World) -> None:
    """Its tables are found by their prefix."""
    await filled(world)
    without = conformance.load(PluginList(load=frozenset({"register"})))
    report = await remove_plugin(world.kernel.config, without, DRIFTING, force=True, clock=world.clock)
    assert report.rows["book_drifting_review"] == 1
    assert await books(world) == 0


async def test_the_feed_and_the_settings_tell_of_it(world: World) -> None:
    """Other processes read their settings anew; the record keeps when the plugin went."""
    database = world.kernel.database
    before = await database.value("SELECT value FROM core_counter WHERE name = 'settings'")
    await remove(world, force=True)
    assert await database.value("SELECT value FROM core_counter WHERE name = 'settings'") == before + 1
    assert await database.value("SELECT COUNT(*) FROM core_event WHERE type = 'core.plugin_removed'") == 1
    gone = await database.value("SELECT removed_at FROM core_plugin_record WHERE plugin = ?", (DRIFTING,))
    assert gone == "2026-03-02T09:00:00.000+08:00"
