"""Who follows little of what happens: the feed and the reactions look through every event once, a bounded number at a time."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import pytest

from core import background
from core.background import Background
from schema import feed
from tests.acceptance.plans import Spy, spy
from tests.acceptance.test_live import next_change, open_feed
from tests.conftest import World

__all__ = ["spy"]

PAGE = """query($after: String, $first: Int, $code: ID) { changes(after: $after, first: $first, community: $code) {
  more cursor changes { type community payload } } }"""


async def switch(world: World, times: int, place: str = "compound", as_: str = "staff") -> None:
    """Make events that everybody sees, two for each time."""
    given = {"community": world.demo.places[place].code, "plugin": "wishes"}
    for mutation in ("disablePlugin", "enablePlugin") * times:
        assert (await world.do(mutation, given, as_=as_))["__typename"] == "Community"


async def page(world: World, **variables: Any) -> dict[str, Any]:
    """Read a page of the feed as an auditor."""
    found: dict[str, Any] = (await world.gql(PAGE, variables, as_="auditor")).data["changes"]
    return found


async def pages(world: World, **variables: Any) -> list[dict[str, Any]]:
    """Read the feed from its beginning to its end."""
    found = [await page(world, after="0", **variables)]
    while found[-1]["more"]:
        found.append(await page(world, **{**variables, "after": found[-1]["cursor"]}))
    return found


def changes_of(found: Sequence[dict[str, Any]]) -> list[Any]:
    """Return the changes of all pages."""
    return [change for one in found for change in one["changes"]]


async def test_a_feed_in_which_little_may_be_seen_is_read_in_short_steps(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Page by page all that one read gives comes once and in order, though pages are short or empty before the last."""
    await switch(world, 3)
    await switch(world, 1, "community")
    code = world.demo.places["compound"].code
    whole = {None: await pages(world, first=100), code: await pages(world, first=100, code=code)}
    assert [len(found) for found in whole.values()] == [1, 1]
    monkeypatch.setattr(feed, "LOOK", 3)
    for place, found in whole.items():
        stepped = await pages(world, first=2, code=place)
        assert changes_of(stepped) == changes_of(found) != []
        assert all(len(one["changes"]) <= 2 for one in stepped)
    assert any(one["changes"] == [] for one in await pages(world, first=2, code=code))
    assert changes_of([await page(world, after=stepped[-1]["cursor"])]) == []
    assert (await page(world, after="0", first=0))["more"] is True


def bounds(heard: Sequence[str], pattern: str) -> list[tuple[int, int]]:
    """Return which events each heard statement looked through: behind the first, up to the second."""
    found = (re.search(pattern, sql) for sql in heard)
    return [(int(one[1]), int(one[2])) for one in found if one is not None]


def follow_each_other(ranges: Sequence[tuple[int, int]]) -> bool:
    """Say whether nothing is looked through twice, and nothing left out."""
    return all(before[1] == after[0] for before, after in pairwise(ranges))


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_whoever_follows_a_quiet_place_does_not_read_the_log_again(
    spy: Spy, world: World, live: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A subscription to one place catches up in short steps; at each ring it looks from where it has looked to."""
    monkeypatch.setattr(feed, "LOOK", 3)
    await switch(world, 2)
    await switch(world, 1, "village", "village")
    code = world.demo.places["village"].code
    socket = await open_feed(live, None, "0", code)
    with spy.listening() as heard:
        seen = [(await next_change(socket))["type"] for _ in range(2)]
        for _ in range(3):
            await switch(world, 1)
        await switch(world, 1, "village", "village")
        seen += [(await next_change(socket))["type"] for _ in range(2)]
        looked = bounds(list(heard), r"e\.seq > (\d+) AND e\.seq <= (\d+)")
    await socket.close()
    assert seen == ["core.plugin_disabled", "core.plugin_enabled"] * 2
    assert len(looked) > 3
    assert follow_each_other(looked), looked
    assert all(high - low <= 3 for low, high in looked)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_quiet_reaction_looks_through_every_event_once(
    spy: Spy, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However little a reaction is interested in, what others did is not read again at the next deed."""
    monkeypatch.setattr(background, "LOOK", 3)
    follow_up = Background(world.kernel)
    with spy.listening() as heard:
        for times in (3, 1, 2):
            await switch(world, times)
            while await follow_up.deliver():
                pass
        newest = await world.kernel.database.value("SELECT MAX(seq) FROM core_event")
        read = list(heard)
    for _, reaction in world.kernel.host.reactions:
        looked = bounds(read, rf"core_event WHERE seq > (\d+) AND seq <= (\d+) AND type = '{reaction.event}'")
        assert looked[0][0] == 0
        assert looked[-1][1] == newest
        assert follow_each_other(looked), looked
