"""Cancel storms: clients that begin mutations and leave at once, again and again."""

import asyncio
import itertools
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from strawberry.asgi import GraphQL
from tortoise import Tortoise
from websockets.asyncio.client import ClientConnection, connect

from schema.execution import Caller, StockExecutor, Work
from schema.sockets import PROTOCOL, GraphQLSocket
from tests.unit.front_world import serving
from tests.unit.storm_world import SCHEMA, Row

WRITE = 'mutation { write(text: "x") }'


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[None]:
    """Open an SQLite file with Tortoise's ordinary client."""
    url = f"sqlite://{tmp_path}/storm.db?journal_mode=WAL&synchronous=OFF"
    await Tortoise.init(db_url=url, modules={"models": ["tests.unit.storm_world"]})
    await Tortoise.generate_schemas()
    yield
    await Tortoise.close_connections()


@asynccontextmanager
async def socket(address: str) -> AsyncIterator[ClientConnection]:
    """Open an acknowledged connection."""
    async with connect(f"ws://{address}/", subprotocols=[PROTOCOL], compression=None) as client:
        await say(client, type="connection_init")
        assert json.loads(await client.recv())["type"] == "connection_ack"
        yield client


async def say(client: ClientConnection, **message: Any) -> None:
    """Send one message."""
    await client.send(json.dumps(message))


async def begin_and_leave(client: ClientConnection, id: str, chance: random.Random) -> None:
    """Begin a mutation and complete it after a moment too short to name."""
    await say(client, id=id, type="subscribe", payload={"query": WRITE})
    for _ in range(chance.randrange(4)):
        await asyncio.sleep(0)
    await say(client, id=id, type="complete")


async def answers(client: ClientConnection, seconds: float) -> bool:
    """Tell whether a mutation on this connection is answered in time."""
    await say(client, id="last", type="subscribe", payload={"query": WRITE})
    try:
        async with asyncio.timeout(seconds):
            while (message := json.loads(await client.recv())).get("id") != "last":
                pass
            return bool(message["type"] == "next")
    except TimeoutError:
        return False


async def storm(client: ClientConnection, wanted: int, chance: random.Random) -> int:
    """Leave so many mutations after they were accepted; return how many more were refused as too many at once."""
    refused = 0
    ids = itertools.count()
    for _ in range(wanted):
        while True:
            await begin_and_leave(client, str(next(ids)), chance)
            await say(client, type="ping")
            heard = [json.loads(await client.recv())]
            while heard[-1]["type"] != "pong":
                heard.append(json.loads(await client.recv()))
            if not any(message["type"] == "error" for message in heard):
                break
            refused += 1
    return refused


@pytest.mark.slow
async def test_three_thousand_mutations_left_alone_all_end(database: None) -> None:
    """Six clients leave 3,000 mutations at random moments: every accepted one is written, and the next is answered."""

    async def make_context(caller: Caller) -> None:
        return None

    work = Work()
    front = GraphQLSocket(StockExecutor(SCHEMA, make_context), work)
    chance = random.Random(20261123)
    async with serving(front) as address:
        async with asyncio.TaskGroup() as group:
            for _ in range(6):
                group.create_task(one_client(address, 500, chance))
        async with socket(address) as client:
            assert await answers(client, 10)
        assert await work.drain(10) == 0
    assert await Row.all().count() == 3001


async def one_client(address: str, wanted: int, chance: random.Random) -> None:
    """Run one client of a storm; it hangs up without waiting for anything."""
    async with socket(address) as client:
        await storm(client, wanted, chance)


@pytest.mark.slow
async def test_the_stock_handler_stops_for_ever(database: None) -> None:
    """The control: Strawberry's own handler cancels the mutation inside BEGIN, and the lock is never released again.

    Should this ever pass a mutation after 200 leavers, the libraries have changed and ``sockets.py`` can be simpler.
    """
    chance = random.Random(20261123)
    async with serving(GraphQL(SCHEMA)) as address:
        async with socket(address) as client:
            for number in range(200):
                await begin_and_leave(client, str(number), chance)
        async with socket(address) as other:
            assert not await answers(other, 2)
