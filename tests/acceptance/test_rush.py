"""A rush to the poll: everybody votes at once, some twice by retrying, while others watch; nothing is lost or doubled."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from websockets.asyncio.client import ClientConnection

from bench import rows
from core.access import Viewer
from core.kernel import Kernel
from core.tokens import make_access_token
from core.viewers import load_viewer
from plugins.voting.rules import Choice
from plugins.voting.service.casting import cast_ballot
from tests.acceptance.test_live import _open
from tests.acceptance.voting_world import Entry, make_roll, opened, show
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
    sockets = [await _open(live, token, start) for token in signed[:WATCHERS]]
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

    other = await Kernel.open(world.kernel.config, clock=world.clock, host=world.kernel.host)
    servers = (world.kernel, other)  # one alone would put both into one transaction
    for n in range(0, 40, 2):
        await asyncio.gather(once(n), once(n + 1))
    await other.close()
    found = await world.kernel.database.fetch("SELECT choices FROM voting_ballot")
    assert [row["choices"] for row in found] == ["C"] * 20
    assert await world.kernel.database.value("SELECT SUM(heads) FROM voting_turnout") == 0


async def viewer_of(world: World, person: int) -> Viewer:
    """Return somebody as the server knows them."""
    found = await load_viewer(world.kernel.database, person, now=world.clock.now())
    assert found is not None
    return found
