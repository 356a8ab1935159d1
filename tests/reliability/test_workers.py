"""Several processes on one PostgreSQL: they hear of each other, share limits and leases, and one may be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import asyncpg
import httpx
import pytest

from core import demo
from tests import services
from tests.conftest import _create, _drop
from tests.reliability.servers import (
    TRUSTED,
    Client,
    Server,
    fill,
    following,
    free_port,
    redis_server,
    serving,
    subscribe,
    token_of,
)

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(services.postgres_url() is None, reason="no PostgreSQL answers"),
]
FOLLOW = "subscription($after: String) { changes(after: $after) { cursor type payload } }"
ADD = """mutation($input: AddCommunityInput!) { addCommunity(input: $input)
  { __typename ... on Community { id code } ... on UserError { code message } } }"""
VIEWER = "{ viewer { language } }"


@dataclass
class Filled:
    """A filled database and a token of somebody who may add compounds."""

    url: str
    folder: Path
    world: demo.DemoWorld
    town: str

    def adding(self, name: str, key: str | None = None) -> dict[str, Any]:
        """Return the variables that add a compound."""
        code = self.world.places["community"].code
        return {"input": {"community": code, "kind": "COMPOUND", "name": name, "idempotencyKey": key}}

    async def rows(self, sql: str, *params: Any) -> list[Any]:
        """Ask the database itself."""
        connection = await asyncpg.connect(self.url)
        try:
            return list(await connection.fetch(sql, *params))
        finally:
            await connection.close()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, demo.DemoWorld]]:
    """Fill one database for all tests of this file."""
    folder = tmp_path_factory.mktemp("filled")
    url = asyncio.run(_create(f"shanzhi_workers_{os.getpid()}"))
    yield url, asyncio.run(fill(url, folder))
    asyncio.run(_drop(url))


@pytest.fixture
async def filled(template: tuple[str, demo.DemoWorld], tmp_path: Path) -> AsyncIterator[Filled]:
    """Give a copy of the filled database."""
    source, world = template
    url = await _create(f"shanzhi_worker_{os.getpid()}_{free_port()}", template=source.rpartition("/")[2])
    yield Filled(url, tmp_path, world, await token_of(url, tmp_path, world, "town"))
    await _drop(url)


@pytest.fixture
def redis() -> str:
    """Return the address of a Redis; the server's keys have a prefix made of its secret and its database."""
    url = services.redis_url()
    if url is None:
        pytest.skip("Redis is not reachable: set SHANZHI_TEST_REDIS_URL or start one on 127.0.0.1:6379")
    return url


async def _newest(client: Client) -> str:
    return str((await client.gql("{ changes { cursor } }"))["changes"]["cursor"])


@pytest.mark.parametrize(("workers", "by"), [(2, "redis"), (4, "redis"), (2, "postgres")])
async def test_a_deed_on_one_worker_reaches_subscriptions_on_all(
    filled: Filled, workers: int, by: str, request: pytest.FixtureRequest
) -> None:
    """Told by Redis or by PostgreSQL, every worker shows the event long before it would have looked by itself."""
    address = request.getfixturevalue("redis") if by == "redis" else None
    async with (
        serving(filled.url, filled.folder, workers, REDIS_URL=address) as server,
        server.clients(workers) as all_,
    ):
        await server.until("bus", by)
        start = await _newest(all_[0])
        links = [await server.socket_to(client.process) for client in all_]
        for link in links:
            await subscribe(link, FOLLOW, {"after": start})
        late = []
        for number in range(7):
            began = time.monotonic()
            await all_[0].gql(ADD, filled.adding(f"示例苑{number}"), filled.town)
            seen = await asyncio.gather(*(following(link) for link in links))
            late.append(time.monotonic() - began)
            assert {event["type"] for event in seen} == {"core.community_added"}
        assert median(late) < 0.4, late  # looking every second would take half a second in the middle
        for link in links:
            await link.close()


async def test_one_key_sent_to_two_workers_at_once_is_one_deed(filled: Filled, redis: str) -> None:
    """Both get the same answer, and there is one row."""
    async with serving(filled.url, filled.folder, 2, REDIS_URL=redis) as server, server.clients(2) as both:
        for number in range(20):
            name = f"示例同键{number}"
            asked = (client.gql(ADD, filled.adding(name, f"key-{number}"), filled.town) for client in both)
            one, other = await asyncio.gather(*asked)
            assert one == other
            assert one["addCommunity"]["__typename"] == "Community"
        [(count,)] = await filled.rows("SELECT COUNT(*) FROM core_community WHERE name LIKE '示例同键%'")
        assert count == 20


async def test_two_workers_share_one_budget(filled: Filled, redis: str) -> None:
    """What one person spends at one worker is gone at the other; sockets count, too, and others are not concerned."""
    options = {"REDIS_URL": redis, "RATE_LIMIT": "204"}  # 30 seconds' worth is 60 operations, and two more each second
    async with serving(filled.url, filled.folder, 2, **options) as server, server.clients(2) as both:
        await server.until("bus", "redis")
        began = time.monotonic()
        found = [await both[number % 2].post(VIEWER, token=filled.town) for number in range(120)]
        passed = sum(answer.status_code == 200 for answer in found)
        assert 55 <= passed <= 62 + 2 * (time.monotonic() - began)
        refused = found[-1]
        assert (refused.status_code, refused.json()["errors"][0]["extensions"]["code"]) == (429, "RATE_LIMITED")
        assert 1 <= int(refused.headers["retry-after"]) <= 2
        chinese = await both[0].post(VIEWER, token=filled.town, language="zh")
        assert "请求过于频繁" in chinese.text or chinese.status_code == 200
        assert (await both[0].post(VIEWER)).status_code == 200


async def test_a_lease_has_one_holder_and_another_one_after_it_was_killed(filled: Filled, redis: str) -> None:
    """Follow-up work is one worker's; after its death, when the lease has run out, another one has it."""
    query = "SELECT name, split_part(holder, '-', 1)::int AS process FROM core_lease WHERE name = 'outbox'"
    async with serving(filled.url, filled.folder, 2, REDIS_URL=redis) as server, server.clients(2) as both:
        async with asyncio.timeout(20):
            while not (held := await filled.rows(query)):  # noqa: ASYNC110 - another process cannot tell us
                await asyncio.sleep(0.1)
        [(_, first)] = held
        assert first in {client.process for client in both}
        os.kill(first, signal.SIGKILL)
        # Thirty seconds pass: the row is as it would be then.
        await filled.rows("UPDATE core_lease SET until = '2026-01-01T00:00:00.000+08:00' WHERE name = 'outbox'")
        async with asyncio.timeout(20):
            while (await filled.rows(query))[0]["process"] == first:  # noqa: ASYNC110 - another process cannot tell us
                await asyncio.sleep(0.1)


async def _stubbornly(server: Server, filled: Filled, number: int, gate: asyncio.Semaphore) -> dict[str, Any]:
    """Add a compound, again and again under one key until there is an answer."""
    variables = filled.adding(f"示例存{number}", f"kept-{number}")
    body = {"query": ADD, "variables": variables}
    headers = {"Authorization": f"Bearer {filled.town}"}
    async with (
        gate,
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{server.port}", timeout=10, verify=TRUSTED) as client,
    ):
        for _ in range(50):
            try:
                answer = await client.post("/graphql", json=body, headers=headers)
            except httpx.TransportError:
                continue
            if answer.status_code == 200:
                found: dict[str, Any] = answer.json()["data"]["addCommunity"]
                return found
    raise AssertionError(f"no answer for {number}")


@pytest.mark.parametrize("workers", [2, 4])
async def test_a_killed_worker_loses_nothing(filled: Filled, redis: str, workers: int) -> None:
    """SIGKILL in the midst of 200 deeds: each is there once, each has one answer, and a subscriber that comes back
    with its cursor has seen every event once.
    """  # fmt: skip
    async with serving(filled.url, filled.folder, workers, REDIS_URL=redis) as server, server.clients(workers) as all_:
        start, victim = await _newest(all_[0]), all_[0].process
        link = await server.socket_to(victim)
        await subscribe(link, FOLLOW, {"after": start})
        gate = asyncio.Semaphore(32)
        deeds = [asyncio.create_task(_stubbornly(server, filled, number, gate)) for number in range(200)]
        seen = [await following(link) for _ in range(40)]
        os.kill(victim, signal.SIGKILL)
        answers = await asyncio.gather(*deeds)
        assert {answer["__typename"] for answer in answers} == {"Community"}
        assert len({answer["id"] for answer in answers}) == 200
        rows = await filled.rows("SELECT id, code, name FROM core_community WHERE name LIKE '示例存%'")
        assert Counter(row["name"] for row in rows) == Counter(f"示例存{number}" for number in range(200))
        assert {row["code"] for row in rows} == {answer["code"] for answer in answers}
        again = await server.socket_to(all_[-1].process)
        await subscribe(again, FOLLOW, {"after": seen[-1]["cursor"]})
        seen += [await following(again) for _ in range(160)]
        assert Counter(event["payload"]["id"] for event in seen) == Counter(str(row["id"]) for row in rows)
        await again.close()
        async with server.clients(workers) as now:  # it was replaced
            assert victim not in {client.process for client in now}


async def test_redis_may_be_away_at_the_start_come_die_and_return(filled: Filled) -> None:
    """Without it the server serves, and its workers find each other's events by looking; with it, at once."""
    port = free_port()
    address = f"redis://127.0.0.1:{port}/0"
    options = {"REDIS_URL": address, "RATE_LIMIT": "20000"}
    async with serving(filled.url, filled.folder, 2, **options) as server, server.clients(2) as both:
        await server.until("bus", "polling")
        link = await server.socket_to(both[1].process)
        await subscribe(link, FOLLOW, {"after": await _newest(both[0])})

        async def told(name: str) -> None:
            async with server.clients(2) as fresh:
                here = next(client for client in fresh if client.process != both[1].process)
                await here.gql(ADD, filled.adding(name), filled.town)
            assert (await following(link))["type"] == "core.community_added"

        await told("示例无")
        for number in range(2):
            with redis_server(port):
                await server.until("bus", "redis")
                await told(f"示例有{number}")
            await server.until("bus", "polling")
            await told(f"示例又无{number}")
        await link.close()
