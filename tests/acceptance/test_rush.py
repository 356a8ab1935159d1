"""A rush to the poll: everybody votes at once, some twice by retrying, while others watch; nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection

from bench import polls, rows
from bench.casting import ROWS_OF_BALLOTS
from core.access import Viewer
from core.clock import from_wire
from core.kernel import Kernel
from core.tokens import make_access_token
from core.viewers import load_viewer
from plugins.voting.rules import Choice
from plugins.voting.service.casting import cast_ballot
from schema.asgi import application
from tests.acceptance.test_live import open_feed
from tests.acceptance.voting_world import Entry, cast, make_roll, opened, show
from tests.conftest import World

OWNERS = 100
WATCHERS = 5
CAST = """mutation($i: CastBallotInput!) { castBallot(input: $i) { __typename
  ... on BallotReceipt { receipt nonce body castAt entry channel choices { motion choice } } ... on UserError { code } } }"""


async def electorate(world: World) -> list[str]:
    """Add owners with open sessions and a roll of them; returns their names in the cast."""
    now, place = world.clock.now(), world.demo.places["compound"]
    people = rows.persons((f"示例业主{n}" for n in range(OWNERS)), now)
    keys = [row[0] for row in people]
    await rows.add(world.kernel.database, rows.PERSON, people)
    await rows.add(world.kernel.database, rows.APPOINTMENT, rows.appointments(keys, "owner", place, now))
    await rows.sign_in(world.kernel.database, keys, "rush-", now)
    names = [f"rush{n}" for n in range(OWNERS)]
    world.demo.people.update(zip(names, keys, strict=True))
    return names


async def tokens(world: World) -> list[str]:
    """Sign access tokens for the owners, in their order."""
    found = await world.kernel.database.fetch(
        "SELECT a.id, t.family FROM core_account a JOIN core_refresh_token t ON t.account_id = a.id "
        "WHERE a.username LIKE 'rush-%' ORDER BY a.id"
    )
    now = world.clock.now()
    return [make_access_token(world.kernel, row["id"], 1, row["family"], now)[0] for row in found]


async def casts_seen(socket: ClientConnection) -> int:
    """Wait until a watcher has seen as many casts as there are owners, each event once."""
    cursors = set()
    async with asyncio.timeout(120):
        while len(cursors) < OWNERS:
            change = json.loads(await socket.recv())["payload"]["data"]["changes"]
            if change["type"] == "voting.ballot_cast":
                assert change["cursor"] not in cursors
                cursors.add(change["cursor"])
    await socket.close()
    return len(cursors)


async def test_a_rush_loses_and_doubles_nothing(world: World, live: str) -> None:
    """Every owner votes, twice at once under one key: one receipt, one ballot, one head, one leaf, one event each."""
    roll = await make_roll(world, *(Entry(5_000 + n, 1, (name,)) for n, name in enumerate(await electorate(world))))
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    signed = await tokens(world)
    start = (await world.gql("{ changes { cursor } }")).data["changes"]["cursor"]
    sockets = [await open_feed(live, token, start) for token in signed[:WATCHERS]]
    watching = [asyncio.create_task(casts_seen(socket)) for socket in sockets]

    async def once(n: int) -> Any:
        value = {"id": poll, "choices": [{"motion": motion, "choice": "FOR"}], "idempotencyKey": f"rush-{n}"}
        answer = await world.client.post(
            "/graphql",
            json={"query": CAST, "variables": {"i": value}},
            headers={"Authorization": f"Bearer {signed[n]}"},
        )
        return answer.json()["data"]["castBallot"]

    answers = await asyncio.gather(*(once(n % OWNERS) for n in range(2 * OWNERS)))
    assert [answer["__typename"] for answer in answers] == ["BallotReceipt"] * (2 * OWNERS)
    assert answers[:OWNERS] == answers[OWNERS:]
    assert len({answer["receipt"] for answer in answers}) == OWNERS
    assert await asyncio.gather(*watching) == [OWNERS] * WATCHERS
    for sql in (
        "SELECT COUNT(*) FROM voting_returned",
        "SELECT COUNT(*) FROM voting_ballot",
        "SELECT COUNT(*) FROM core_trace_leaf WHERE deed = 'voting.cast_ballot' AND seq IS NOT NULL",
        "SELECT COUNT(*) FROM core_event WHERE type = 'voting.ballot_cast' AND seq IS NOT NULL",
        "SELECT SUM(entries) FROM voting_area_turnout",
    ):
        assert await world.kernel.database.value(sql) == OWNERS, sql
    turnout = (await show(world, poll, as_="rush0"))["turnout"]
    assert turnout["heads"]["numerator"] == str(OWNERS)
    assert turnout["fewestVoters"] == 0


async def test_two_who_vote_for_one_entry_see_each_other(world: World) -> None:
    """Two owners of one entry vote differently at the same moment, on two servers: whatever the order, neither counts."""
    await electorate(world)
    roll = await make_roll(world, *(Entry(5_000, 1, (f"rush{n}", f"rush{n + 1}")) for n in range(0, 40, 2)))
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    keys = [int(poll.rpartition("_")[2]), int(motion.rpartition("_")[2])]

    await world.settle()
    viewers = [await viewer_of(world, world.demo.people[f"rush{n}"]) for n in range(40)]

    async def once(n: int) -> None:
        choices = [{"motion": keys[1], "choice": Choice.FOR if n % 2 else Choice.AGAINST}]
        await servers[n % 2].perform(cast_ballot, viewers[n], id=keys[0], choices=choices)

    async with second_server(world) as other:
        servers = (world.kernel, other.kernel)  # one alone would put both into one transaction
        for n in range(0, 40, 2):
            await asyncio.gather(once(n), once(n + 1))
    found = await world.kernel.database.fetch("SELECT choices FROM voting_ballot")
    assert [row["choices"] for row in found] == ["C"] * 20
    assert await world.kernel.database.value("SELECT SUM(heads) FROM voting_turnout") == 0


@pytest.mark.slow
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_two_thousand_at_once_are_all_counted(world: World) -> None:
    """Two thousand ballots are asked for at the same moment on two servers: each is cast once, none is refused."""
    place = world.demo.places["compound"]
    around = rows.Neighbourhood(place, world.demo.people["staff"], ())
    large = await polls.to_cast(world.kernel, around, 2_000, "thousands-")
    people = await world.kernel.database.fetch("SELECT person_id FROM core_account WHERE username LIKE 'thousands-%'")
    viewers = await asyncio.gather(*(viewer_of(world, row["person_id"]) for row in people))
    choices = [{"motion": large.motion, "choice": Choice.FOR}]
    async with second_server(world) as other:
        servers = itertools.cycle((world.kernel, other.kernel))
        await asyncio.gather(
            *(next(servers).perform(cast_ballot, one, "rush", id=large.poll, choices=choices) for one in viewers)
        )
    for sql in ROWS_OF_BALLOTS:
        assert await world.kernel.database.value(sql, (large.poll,)) == 2_000, sql


async def test_a_poll_closed_from_two_connections_is_counted_once(world: World) -> None:
    """Four who close a poll at one moment, on two servers: one does, the others are told so, and one result stands."""
    names = (await electorate(world))[:9]
    roll = await make_roll(world, *(Entry(5_000, 1, (name,)) for name in names))
    poll, (motion,) = await opened(world, roll, "SERVICE_PROVIDER")
    for name in names:
        await cast(world, poll, {motion: "FOR"}, as_=name)
    world.clock.set(from_wire((await show(world, poll, as_="chair"))["closesAt"]))
    async with second_server(world) as other:
        answers = await asyncio.gather(
            *(server.do("countPoll", {"id": poll}, "... on Poll { state certificateHash }", as_=who)
              for who in ("chair", "staff") for server in (world, other))
        )  # fmt: skip
    [counted] = [answer for answer in answers if answer["__typename"] == "Poll"]
    refusals = {answer["code"] for answer in answers if answer is not counted}
    assert refusals <= {"core.wrong_state", "core.beaten"}, answers
    await world.settle()
    shown = await show(world, poll, as_="chair")
    assert (shown["state"], shown["round"], shown["certificateHash"]) == ("PRELIMINARY", 1, counted["certificateHash"])
    assert shown["certificate"]["sha256"] == hashlib.sha256(shown["certificate"]["text"].encode()).hexdigest()
    assert shown["certificate"]["sha256"] == counted["certificateHash"]
    for sql in (
        "SELECT COUNT(*) FROM voting_result",
        "SELECT COUNT(*) FROM core_event WHERE type = 'voting.poll_closed'",
        "SELECT COUNT(*) FROM core_event WHERE type = 'voting.poll_counted'",
        "SELECT COUNT(*) FROM core_trace_leaf WHERE deed = 'voting.count_poll'",
        "SELECT COUNT(*) FROM notices_notice WHERE kind = 'VOTE_RESULT'",
    ):
        assert await world.kernel.database.value(sql) == 1, sql


@asynccontextmanager
async def second_server(world: World) -> AsyncIterator[World]:
    """Serve a world's database a second time, by connections of its own."""
    kernel = await Kernel.open(world.kernel.config, clock=world.clock, host=world.kernel.host)
    transport = httpx.ASGITransport(app=application(kernel))
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://shanzhi.test") as client:
            yield replace(world, kernel=kernel, client=client)
    finally:
        await kernel.close()


async def viewer_of(world: World, person: int) -> Viewer:
    """Return somebody as the server knows them."""
    found = await load_viewer(world.kernel.database, person, now=world.clock.now())
    assert found is not None
    return found
