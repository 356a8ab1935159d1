"""A real server on a real port: the change feed over graphql-transport-ws, resumed without loss."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx
import websockets
from websockets.asyncio.client import ClientConnection

from tests.conftest import World

FOLLOW = """subscription($after: String, $code: ID) {
  changes(after: $after, community: $code) { cursor type payload } }"""


async def open_feed(live: str, token: str | None, after: str | None, code: str | None = None) -> ClientConnection:
    """Subscribe to the changes behind a cursor, of everywhere or of one place."""
    socket = await websockets.connect(f"ws://{live}/graphql", subprotocols=["graphql-transport-ws"])  # type: ignore[list-item]
    payload = {"authorization": f"Bearer {token}"} if token else {}
    await socket.send(json.dumps({"type": "connection_init", "payload": payload}))
    assert json.loads(await socket.recv())["type"] == "connection_ack"
    subscribe = {"query": FOLLOW, "variables": {"after": after, "code": code}}
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": subscribe}))
    return socket


async def next_change(socket: ClientConnection) -> dict[str, Any]:
    """Return what comes next."""
    async with asyncio.timeout(10):
        message = json.loads(await socket.recv())
    assert message["type"] == "next", message
    found: dict[str, Any] = message["payload"]["data"]["changes"]
    return found


async def test_a_subscription_shows_what_was_missed_and_then_goes_on_live(world: World, live: str) -> None:
    """A client that was away resumes with its last cursor: every event once, in order, the missed ones first."""
    start = (await world.gql("{ changes { cursor } }")).data["changes"]["cursor"]
    place = {"community": world.demo.places["compound"].code, "plugin": "wishes"}
    await world.do("disablePlugin", place, as_="staff")
    socket = await open_feed(live, None, start)
    missed = await next_change(socket)
    assert missed["type"] == "core.plugin_disabled"
    await world.do("enablePlugin", place, as_="staff")
    assert (await next_change(socket))["type"] == "core.plugin_enabled"
    await socket.close()
    await world.do("disablePlugin", place, as_="staff")
    again = await open_feed(live, None, missed["cursor"])
    assert [(await next_change(again))["type"], (await next_change(again))["type"]] == [
        "core.plugin_enabled",
        "core.plugin_disabled",
    ]
    await again.close()


async def test_a_deed_in_one_client_reaches_the_subscription_of_another(world: World, live: str) -> None:
    """What one client does over HTTP, another sees over the socket, within its rights."""
    socket = await open_feed(live, await world.token("auditor"), "0")
    for _ in range(200):
        if (await next_change(socket))["type"] == "core.plugin_enabled":
            break
    await socket.close()
    async with httpx.AsyncClient(base_url=f"http://{live}") as client:
        found = await client.get("/graphql", params={"query": "{ viewer { language } }"})
        assert found.json() == {"data": {"viewer": {"language": "zh"}}}
        assert found.headers["cache-control"] == "no-store"
        assert "server" not in found.headers or found.headers["server"] == "uvicorn"
        assert (await client.get("/readyz")).json()["status"] == "ok"
        sdl = (await client.get("/schema.graphql")).text
        assert "type Community implements Node" in sdl
