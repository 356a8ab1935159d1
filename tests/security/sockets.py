"""The table of rights over graphql-transport-ws: the same questions through sockets, and what can only be followed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

from core.clock import to_wire
from tests.conftest import World, served

FEED = 'subscription { changes(after: "0") { type at } }'
TURNOUT = "subscription($poll: ID!) { turnout(poll: $poll) { isQuorate } }"


@dataclass
class Sockets:
    """Answers what is posted as a client over HTTP would, through one socket for each token."""

    address: str
    stack: AsyncExitStack
    client: httpx.AsyncClient
    open: dict[str, ClientConnection]
    asked: int = 0

    async def post(self, path: str, *, json: Mapping[str, Any], headers: Mapping[str, str]) -> httpx.Response:
        """Send one operation and return its only answer."""
        socket, number = await self.socket(headers.get("Authorization", "")), await self.send(headers, json)
        found = await self.next(socket, number)
        if "data" in found:
            assert (await _message(socket))["type"] == "complete"
        return httpx.Response(200, json=found)

    async def get(self, path: str) -> httpx.Response:
        """Fetch what is not GraphQL."""
        return await self.client.get(path)

    async def send(self, headers: Mapping[str, str], payload: Mapping[str, Any]) -> str:
        """Begin an operation; returns its id."""
        socket = await self.socket(headers.get("Authorization", ""))
        self.asked += 1
        await socket.send(json.dumps({"id": str(self.asked), "type": "subscribe", "payload": payload}))
        return str(self.asked)

    async def next(self, socket: ClientConnection, number: str) -> dict[str, Any]:
        """Return the next answer of an operation; what was begun and left before may still say that it is complete."""
        message = await _message(socket)
        while message["id"] != number:
            message = await _message(socket)
        payload = message["payload"]
        return payload if message["type"] == "next" else {"errors": payload}

    async def socket(self, authorization: str) -> ClientConnection:
        """Return the socket of a token; opened when it is first asked for."""
        if authorization not in self.open:
            connecting = websockets.connect(f"ws://{self.address}/graphql", subprotocols=["graphql-transport-ws"])  # type: ignore[list-item]
            socket = self.open[authorization] = await self.stack.enter_async_context(connecting)
            payload = {"authorization": authorization} if authorization else {}
            await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
            assert (await _message(socket))["type"] == "connection_ack"
        return self.open[authorization]


async def _message(socket: ClientConnection) -> dict[str, Any]:
    async with asyncio.timeout(20):
        found: dict[str, Any] = json.loads(await socket.recv())
    return found


@asynccontextmanager
async def over_sockets(world: World) -> AsyncIterator[World]:
    """Give the same world, asked through sockets."""
    async with served(world) as address, AsyncExitStack() as stack:
        yield replace(world, client=Sockets(address, stack, world.client, {}))  # type: ignore[arg-type]


async def follow_rows(
    world: World, tokens: Mapping[str, str | None], actors: Sequence[str]
) -> dict[str, dict[str, str]]:
    """Count what the feed gives each actor from its beginning on, and how many polls they may follow."""
    last = await _mark(world)
    polls = [
        f"Poll_{row['matter_id']}" for row in await world.kernel.database.fetch("SELECT matter_id FROM voting_poll")
    ]
    table: dict[str, dict[str, str]] = {"follow changes": {}, "follow turnout": {"of": str(len(polls))}}
    async with over_sockets(world) as asked:
        sockets: Any = asked.client
        for actor in actors:
            headers = {"Authorization": f"Bearer {tokens[actor]}"} if tokens[actor] else {}
            table["follow changes"][actor] = str(await _changes(sockets, headers, last))
            given = [await _first(sockets, headers, TURNOUT, poll) for poll in polls]
            table["follow turnout"][actor] = str(len([one for one in given if "errors" not in one]))
    return table


async def _mark(world: World) -> str:
    """Let something happen that everybody may see, later than all the rest; returns when."""
    world.clock.set(world.clock.now() + timedelta(seconds=1))
    answer = await world.do(
        "disablePlugin", {"community": world.demo.places["elsewhere"].code, "plugin": "rating"}, as_="district"
    )
    assert answer["__typename"] == "Community", answer
    return to_wire(world.clock.now())


async def _changes(sockets: Sockets, headers: Mapping[str, str], last: str) -> int:
    number, socket = (
        await sockets.send(headers, {"query": FEED}),
        await sockets.socket(headers.get("Authorization", "")),
    )
    count, at = 0, ""
    while at[:19] != last[:19]:
        answer = await sockets.next(socket, number)
        count, at = count + 1, answer["data"]["changes"]["at"]
    await socket.send(json.dumps({"id": number, "type": "complete"}))
    return count - 1


async def _first(sockets: Sockets, headers: Mapping[str, str], query: str, poll: str) -> dict[str, Any]:
    number = await sockets.send(headers, {"query": query, "variables": {"poll": poll}})
    socket = await sockets.socket(headers.get("Authorization", ""))
    found = await sockets.next(socket, number)
    await socket.send(json.dumps({"id": number, "type": "complete"}))
    return found
