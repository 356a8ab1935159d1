"""The turnout of a poll, followed live: what a cast changes, who may not follow, and the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from core.clock import from_wire
from core.database import Tx
from core.upgrade import upgrade
from tests.acceptance.voting_world import Entry, announce, cast, draft, make_roll, opened, opening, owner, show
from tests.conftest import World

FOLLOW = """subscription($poll: ID!) { turnout(poll: $poll) {
  heads { numerator denominator } area { numerator } isQuorate fewestVoters buildings { building heads { numerator } } } }"""


@asynccontextmanager
async def following(live: str, token: str | None, poll: str) -> AsyncIterator[ClientConnection]:
    """Follow the turnout of a poll over a socket of one's own."""
    async with websockets.connect(f"ws://{live}/graphql", subprotocols=["graphql-transport-ws"]) as socket:  # type: ignore[list-item]
        payload = {"authorization": f"Bearer {token}"} if token else {}
        await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert json.loads(await socket.recv())["type"] == "connection_ack"
        subscribe = {"query": FOLLOW, "variables": {"poll": poll}}
        await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": subscribe}))
        yield socket


async def told(socket: ClientConnection) -> dict[str, Any]:
    """Return the next message."""
    async with asyncio.timeout(20):
        message: dict[str, Any] = json.loads(await socket.recv())
    return message


async def heads(socket: ClientConnection) -> str:
    """Return the heads of the next value."""
    found: str = (await told(socket))["payload"]["data"]["turnout"]["heads"]["numerator"]
    return found


async def test_followers_see_every_cast_and_the_end(world: World, live: str) -> None:
    """The present turnout at once, then what a cast made of it, the same for all; the close ends it after the last."""
    await owner(world, "owner", "second")
    roll = await make_roll(world, Entry(8_952), Entry(10_000, voters=("second",), building="2栋"), Entry(9_000))
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    tokens = [await world.token(name) for name in ("owner", "chair")]
    async with following(live, tokens[0], poll) as one, following(live, tokens[1], poll) as other:
        assert [await heads(one), await heads(other)] == ["0", "0"]
        await cast(world, poll, {motion: "FOR"}, as_="second")
        values = [(await told(socket))["payload"]["data"]["turnout"] for socket in (one, other)]
        assert values[0] == values[1] == {
            "heads": {"numerator": "1", "denominator": "3"}, "area": {"numerator": "10000"}, "isQuorate": False,
            "fewestVoters": 1, "buildings": [{"building": "1栋、2栋", "heads": {"numerator": "1"}}],
        }  # fmt: skip
        await cast(world, poll, {motion: "AGAINST"}, as_="owner", entry=roll.entry(1))
        world.clock.set(from_wire((await show(world, poll, as_="chair"))["closesAt"]))
        await world.settle()
        for socket in (one, other):
            assert await heads(socket) == "2"
            assert (await told(socket))["type"] == "complete"
    async with following(live, await world.token("owner"), poll) as late:
        assert await heads(late) == "2"
        assert (await told(late))["type"] == "complete"


@pytest.mark.parametrize(
    ("sizes", "shown"),
    [
        ((6, 5), {"1栋": 6, "2栋": 5}),
        ((6, 1), {"1栋、2栋": 7}),
        ((8, 6, 2, 1), {"1栋": 8, "2栋、3栋、4栋": 9}),
        ((8, 4, 3), {"1栋": 8, "2栋、3栋": 7}),
        ((2, 1), {"1栋、2栋": 3}),
    ],
)
async def test_small_buildings_are_shown_together(world: World, sizes: tuple[int, ...], shown: dict[str, int]) -> None:
    """A cast in a building of fewer than five heads moves a sum of at least five, and its event names no building."""
    await owner(world, "owner", "second")
    entries = [Entry(voters=(), building=f"{at}栋") for at, size in enumerate(sizes, start=1) for _ in range(size)]
    smallest = Entry(voters=("second",), building=f"{len(sizes)}栋")
    poll, (motion,) = await opened(world, await make_roll(world, *entries[:-1], smallest), "SERVICE_PROVIDER")
    await cast(world, poll, {motion: "FOR"}, as_="second")
    found = (await show(world, poll, as_="owner"))["turnout"]["buildings"]
    assert {one["building"]: int(one["heads"]["denominator"]) for one in found} == shown
    assert [int(one["heads"]["numerator"]) for one in found] == [0] * (len(shown) - 1) + [1]
    payloads = await world.kernel.database.fetch("SELECT payload FROM core_event WHERE type = 'voting.ballot_cast'")
    assert [row["payload"] for row in payloads] == ["{}"]


async def test_a_database_with_ballots_gets_its_sums_by_area(world: World) -> None:
    """An upgrade from before there were sums by area fills them from roll and ballots: as casting would have counted."""
    await owner(world, "owner", "second", "third", "fourth")
    roll = await make_roll(
        world, Entry(8_952), Entry(8_952, voters=("second",)), Entry(8_952, voters=("second", "third")),
        Entry(10_000, voters=("fourth",)), Entry(12_000, voters=("third",)),
    )  # fmt: skip
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    await draft(world, roll, "SERVICE_PROVIDER")  # which has a roll, but is not announced
    for name, choice, entry in (
        ("owner", "FOR", 1),
        ("second", "AGAINST", 3),
        ("third", "FOR", 3),
        ("fourth", "ABSTAIN", 4),
    ):
        assert (await cast(world, poll, {motion: choice}, as_=name, entry=roll.entry(entry)))["receipt"]
    counted = await _by_area(world)
    key = int(poll.rpartition("_")[2])
    assert counted == [(key, 8_952, 3, 1), (key, 10_000, 1, 1), (key, 12_000, 1, 0)]  # two who differ do not count

    async def before_that_release(tx: Tx) -> None:
        for table in ("area_turnout", "box", "box_part", "box_answer", "tick"):
            await tx.execute(f"DROP TABLE voting_{table}")
        for column in ("mode", "by_standing"):
            await tx.execute(f"ALTER TABLE voting_poll DROP COLUMN {column}")
        await tx.execute("DELETE FROM tortoise_migrations WHERE app = 'voting' AND name >= '0002'")

    await world.kernel.database.run(before_that_release)
    report = await upgrade(world.kernel.config, world.kernel.host)
    assert (report.applied, report.failed) == (
        (("voting", "0002_area_turnout"), ("voting", "0003_ballot_modes"), ("voting", "0004_receipt_key")), {},
    )  # fmt: skip
    assert await _by_area(world) == counted
    modes = await world.kernel.database.fetch("SELECT DISTINCT mode FROM voting_poll")
    assert [row["mode"] for row in modes] == ["OPEN"]
    await cast(world, poll, {motion: "FOR"}, as_="third", entry=roll.entry(5))
    assert await _by_area(world) == [*counted[:2], (key, 12_000, 1, 1)]


async def _by_area(world: World) -> list[tuple[int, ...]]:
    rows = await world.kernel.database.fetch(
        "SELECT poll_id, area_centi, all_entries, entries FROM voting_area_turnout ORDER BY poll_id, area_centi"
    )
    return [tuple(row) for row in rows]


async def test_nothing_is_shown_before_voting_begins(world: World, live: str) -> None:
    """A poll that is announced shows null, as the query does, and its turnout once it is open."""
    await owner(world, "owner")
    poll, _ = await draft(world, await make_roll(world, Entry()), "SERVICE_PROVIDER")
    await announce(world, poll)
    world.clock.advance(minutes=1)
    async with following(live, await world.token("owner"), poll) as socket:
        assert (await told(socket))["payload"]["data"] == {"turnout": None}
        world.clock.set(opening(world))
        await world.settle()
        assert await heads(socket) == "0"


async def test_who_may_not_see_the_poll_is_told_that_there_is_none(world: World, live: str) -> None:
    """A stranger and nobody get the same error for a poll as for one that does not exist, or for something else."""
    await owner(world, "owner")
    poll, _ = await opened(world, await make_roll(world, Entry()), "SERVICE_PROVIDER")

    async def refused(who: str | None, asked: str) -> Any:
        async with following(live, await world.token(who) if who else None, asked) as socket:
            message = await told(socket)
        assert message["type"] == "error", message
        return json.loads(json.dumps(message["payload"]).replace(asked, "…"))

    answers = [await refused(who, asked) for who in ("stranger", None) for asked in (poll, "Poll_1", "Notice_1")]
    assert answers.count(answers[0]) == len(answers), answers
    assert answers[0][0]["extensions"]["code"] == "NOT_FOUND"
