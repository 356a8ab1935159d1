"""The real tables of core, written and migrated from nothing."""

from __future__ import annotations

from core._db.migrate import AppMigrations, check
from tests.migration.world import World, bring_up


async def test_the_models_of_core_can_be_migrated_and_keep_the_rules(world: World, url: str) -> None:
    """What core declares can be written down, ends as declared on both databases, and has no rule broken."""
    world.app("core", "")
    world.apps = [AppMigrations("core", "core.models", world.apps[0].migrations)]
    world.make("core")

    await bring_up(world, url)

    assert await check(url, world.apps) == []
    assert world.make("core") is None
