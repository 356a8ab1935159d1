"""Those who follow what happens: readers that stop reading, subscriptions that are cut; and a long mixed load."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import time
from pathlib import Path
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection
from websockets.typing import Subprotocol

from tests.reliability.casting import Campaign, Cast
from tests.reliability.figures import Figures, at_most, descriptors, equal, p99, resident_mib
from tests.reliability.invariants import check
from tests.reliability.requests import abort
from tests.reliability.servers import HOST, kill, running, stop
from tests.reliability.towns import Ground, Town

SEED = 440604
FOLLOW = "subscription($after: String) { changes(after: $after) { cursor type payload } }"
ADD = """mutation($input: AddCommunityInput!) { addCommunity(input: $input)
  { __typename ... on Community { code } ... on UserError { code message } } }"""
LARGE = "{ __schema { types { name description fields { name description args { name description } } } } }"
OUTBOX_MIB = 1.0
OPERATIONS = 18
ESTABLISHED = "01"
DROPPED_SECONDS = 60.0
"""A reader is given up after ten seconds; its connection ends with the next ping or the system's own patience."""


async def not_reading(ground: Ground, rounds: int) -> Figures:
    """So many clients ask for large answers and read none: they are dropped, memory stays bounded, others go on."""
    async with ground.town(options={"INTROSPECTION": "true"}) as town:
        campaign = Campaign(town)
        async with running(town.site) as server, town.client() as client:
            await campaign.all_of(client, [Cast(n % 40, turn=n // 40) for n in range(200)], 4)
            before, rested = p99(campaign.latencies), resident_mib(server)
            asked = len((await client.post("/graphql", json={"query": LARGE})).content)
            links = await asyncio.gather(*(_deaf(town) for _ in range(rounds)))
            campaign.latencies.clear()
            await campaign.all_of(client, [Cast(n % 40, turn=1000 + n // 40) for n in range(200)], 4)
            during, grown = p99(campaign.latencies), resident_mib(server) - rested
            ports = {link.local_address[1] for link in links}
            async with asyncio.timeout(DROPPED_SECONDS):
                while _open_to(town.site.port) & ports:  # noqa: ASYNC110 - another process cannot tell us
                    await asyncio.sleep(0.2)
            for link in links:
                link.transport.abort()
        counted = await check(town, campaign)
    # What is asked for at once is made at once: the answers that wait for room, and the outbox; each as objects, text and
    # bytes, and once more as what has not been given back yet.
    most = 4 * (OUTBOX_MIB + OPERATIONS * asked / (1 << 20))
    at_most("MiB per reader", grown / rounds, most)
    return {"readers": rounds, "dropped": rounds, "MiB grown": round(grown, 1), "MiB each at most": round(most, 1),
            "others' p99 ms before": before,
            "during": during, **counted}  # fmt: skip


def _open_to(port: int) -> set[int]:
    """Return the ports of the clients whose connections a server on a port still holds."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    mine = (
        row for row in rows if int(row[1].rpartition(":")[2], 16) == port and row[3] == ESTABLISHED and row[9] != "0"
    )
    return {int(row[2].rpartition(":")[2], 16) for row in mine}


async def _deaf(town: Town) -> ClientConnection:
    """Ask for more than any buffer holds, and read nothing."""
    link = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    link.setblocking(False)
    await asyncio.get_running_loop().sock_connect(link, (HOST, town.site.port))
    opened = await websockets.connect(
        f"ws://{HOST}:{town.site.port}/graphql", sock=link, subprotocols=[Subprotocol("graphql-transport-ws")],
        max_queue=1, compression=None, ping_interval=None, max_size=None,
    )  # fmt: skip
    await opened.send(json.dumps({"type": "connection_init", "payload": {}}))
    await opened.recv()
    for number in range(OPERATIONS):
        body = {"query": LARGE}
        await opened.send(json.dumps({"id": str(number), "type": "subscribe", "payload": body}))
    return opened


async def cut(ground: Ground, rounds: int) -> Figures:
    """Cut a subscription twenty times and restart the server three times: every event comes, in order."""
    async with ground.town() as town:
        server, _ = await town.site.started()
        follower = _Follower(town)
        async with town.client() as client:
            begin = (await client.post("/graphql", json={"query": "{ changes { cursor } }"})).json()["data"]["changes"][
                "cursor"
            ]
        following = asyncio.create_task(follower.run(begin, rounds, every=max(1, rounds // 20)))
        try:
            async with town.client() as client:
                for number in range(rounds):
                    if number in {rounds // 4, rounds // 2, rounds * 3 // 4}:
                        await kill(server)
                        server, _ = await town.site.started()
                    await _add(client, town, number)
            async with asyncio.timeout(60):
                await following
        finally:
            following.cancel()
            await stop(server)
        counted = await check(town)
        async with town.kernel() as kernel:
            made = await kernel.database.fetch("SELECT id FROM core_community WHERE name LIKE '示例里%' ORDER BY name")
    equal("events, in order, without repeats", follower.places(), [str(row["id"]) for row in made])
    equal("places", len(made), rounds)
    return {"events": rounds, "cuts": follower.cuts, "restarts": 3, **counted}


async def _add(client: Any, town: Town, number: int) -> None:
    code = town.world.places["community"].code
    variables = {
        "input": {
            "community": code,
            "kind": "COMPOUND",
            "name": f"示例里{number:05}",
            "idempotencyKey": f"add-{number}",
        }
    }
    headers = {"Authorization": f"Bearer {town.staff}"}
    told = (await client.post("/graphql", json={"query": ADD, "variables": variables}, headers=headers)).json()
    equal("added", told["data"]["addCommunity"]["__typename"], "Community")


class _Follower:
    """One that comes back with its last cursor whenever it was cut off."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._seen: dict[str, str] = {}
        self.cuts = 0

    def places(self) -> list[str]:
        """Return the keys of the places that were told, each event once."""
        return list(self._seen.values())

    async def run(self, begin: str, wanted: int, every: int) -> None:
        """Follow until so many came, hanging up after each few."""
        while len(self._seen) < wanted:
            cursor = next(reversed(self._seen), begin)
            try:
                await self._for_a_while(cursor, wanted, every)
            except (OSError, websockets.WebSocketException):
                await asyncio.sleep(0.05)
            self.cuts += 1

    async def _for_a_while(self, cursor: str, wanted: int, every: int) -> None:
        uri = f"ws://{HOST}:{self._town.site.port}/graphql"
        link = await websockets.connect(uri, subprotocols=[Subprotocol("graphql-transport-ws")])
        try:
            await link.send(json.dumps({"type": "connection_init", "payload": {}}))
            await link.recv()
            body = {"query": FOLLOW, "variables": {"after": cursor}}
            await link.send(json.dumps({"id": "1", "type": "subscribe", "payload": body}))
            enough = min(wanted, len(self._seen) + every)
            while len(self._seen) < enough:
                change = json.loads(await link.recv())["payload"]["data"]["changes"]
                if change["type"] == "core.community_added":
                    self._seen.setdefault(change["cursor"], str(change["payload"]["id"]))
        finally:
            link.transport.abort()


async def soaked(ground: Ground, rounds: int) -> Figures:
    """Cast, ask and hang up for so many seconds: memory and descriptors stay as they are."""
    chance = random.Random(SEED)
    async with ground.town() as town:
        campaign = Campaign(town)
        async with running(town.site) as server, town.client() as client:
            first = await _load(campaign, client, chance, seconds=rounds * 0.3, turn=0)
            memory, files = resident_mib(server), descriptors(server)
            asked = await _load(campaign, client, chance, seconds=rounds * 0.7, turn=first)
            slope = (resident_mib(server) - memory) / asked * 10_000
            grown = descriptors(server) - files
        counted = await check(town, campaign)
    at_most("descriptors more than before", grown, 16)
    at_most("MiB per 10,000 requests", slope, 1.0 if rounds >= 30 else 1000)
    return {"seconds": rounds, "requests": first + asked, "MiB per 10,000 requests": round(slope, 2),
            "descriptors more": grown, **counted}  # fmt: skip


async def _load(campaign: Campaign, client: Any, chance: random.Random, *, seconds: float, turn: int) -> int:
    """Do what neighbourhoods do, eight at once, for so long; returns how many requests that were."""
    end, done = time.monotonic() + seconds, turn

    async def work() -> None:
        nonlocal done
        while time.monotonic() < end:
            done += 1
            cast = Cast(done % len(campaign.town.tokens), turn=done)
            kind = chance.random()
            if kind < 0.2:
                await campaign.once(client, cast)
            elif kind < 0.3:
                await abort(campaign, client, cast, chance.random() * 0.01)
            else:
                await client.post("/graphql", json={"query": "{ viewer { language } __typename }"})

    await asyncio.gather(*(work() for _ in range(8)))
    return done - turn
