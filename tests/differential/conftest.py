"""The rich world, filled once per database and copied for every test, behind two applications."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from core.demo import DemoWorld
from core.host import PluginList
from tests import conftest
from tests.conftest import World
from tests.differential import rich_world
from tests.differential.gathering import gather
from tests.differential.twin import Twins
from tests.differential.values import Pools


@dataclass(frozen=True)
class Filled:
    """Who and what is in the filled database, when it was left, and what documents can ask about."""

    demo: DemoWorld
    now: datetime
    pools: Pools


@pytest.fixture
def plugin_list() -> PluginList:
    """Load every plugin: those of the tree, and the example's installed package."""
    return PluginList(installed=frozenset({"book_drifting"}))


@pytest.fixture
async def rich(
    database: str, plugin_list: PluginList, tmp_path: Path, _template: dict[str, Any]
) -> AsyncIterator[World]:
    """Run a server on a fresh copy of the rich world."""
    key = ("rich", database)
    if key not in _template["made"]:
        _template["made"][key] = await _fill(database, plugin_list, _template)
    url, filled = _template["made"][key]
    copy = await conftest.copy_of(url, tmp_path)
    async with conftest.opened(copy, tmp_path, plugin_list, filled.demo, filled.now) as running:
        yield running


async def _fill(database: str, plugin_list: PluginList, template: dict[str, Any]) -> tuple[str, Filled]:
    """Make the rich world out of the filled database that all tests begin with; returns its address."""
    made, people = await conftest.filled_for(database, plugin_list, template)
    folder: Path = template["folder"] / "rich"
    folder.mkdir(exist_ok=True)
    url = await conftest.copy_of(made, folder)
    async with conftest.opened(url, folder, plugin_list, people, keep=True) as running:
        await rich_world.fill(running)
        return url, Filled(running.demo, running.clock.now(), await gather(Twins(running)))


@pytest.fixture
def twins(rich: World) -> Twins:
    """Serve the rich world twice, with the engine and without."""
    return Twins(rich)


@pytest.fixture
def pools(rich: World, database: str, _template: dict[str, Any]) -> Pools:
    """Return what documents can ask about in the rich world."""
    found: Pools = _template["made"]["rich", database][1].pools
    return found
