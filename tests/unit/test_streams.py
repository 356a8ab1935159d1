"""GraphQL over Server-Sent Events: the protocol to the letter, over real connections."""

import asyncio
import json
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from schema.limits import Limits
from schema.operations import document_id
from schema.streams import EVENTS, StreamLimits
from tests.unit.front_world import World, make_world, serving

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)
JSONS = "application/graphql-response+json, application/json"


class Stream:
    """An open event stream, read event by event."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.beats = 0
        self._lines = response.aiter_lines()

    async def event(self) -> tuple[str, Any] | None:
        """Return the next event with its data, or None at the end of the connection."""
        kind, data = "", ""
        async for line in self._lines:
            if line.startswith(":"):
                self.beats += 1
            elif line.startswith("event:"):
                kind = line.removeprefix("event:").strip()
            elif line.startswith("data:"):
                data = line.removeprefix("data:").strip()
            elif not line and kind:
                return kind, json.loads(data) if data else None
        return None

    async def rest(self) -> list[tuple[str, Any]]:
        """Return all events to the end of the connection."""
        found = []
        while (event := await self.event()) is not None:
            found.append(event)
        return found


@asynccontextmanager
async def served(world: World, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Serve a world to one client that accepts events only."""
    async with (
        serving(world.front, **options) as address,
        httpx.AsyncClient(base_url=f"http://{address}", headers={"accept": EVENTS}, timeout=20) as client,
    ):
        yield client


@asynccontextmanager
async def asking(client: httpx.AsyncClient, query: str, **options: Any) -> AsyncIterator[Stream]:
    """Open a stream by POST."""
    body = {"query": query, "variables": options.pop("variables", {})}
    async with client.stream("POST", "/", json=body, **options) as response:
        yield Stream(response)


async def answers(client: httpx.AsyncClient, query: str, **options: Any) -> list[tuple[str, Any]]:
    """Return all events of an operation that ends."""
    async with asking(client, query, **options) as stream:
        assert (stream.response.status_code, stream.response.headers["content-type"]) == (
            200,
            f"{EVENTS}; charset=utf-8",
        )
        return await stream.rest()


def next_of(data: Any) -> tuple[str, Any]:
    """Return the event that carries an answer."""
    return "next", {"data": data}


COMPLETE = ("complete", None)


async def test_all_three_kinds_of_operation_run() -> None:
    """A query and a mutation answer once, a subscription as often as there are events; then they complete."""
    async with served(make_world()) as client:
        assert await answers(client, "query ($value: Int!) { number(value: $value) }", variables={"value": 3}) == [
            next_of({"number": 3}), COMPLETE,
        ]  # fmt: skip
        assert await answers(client, 'mutation { login(name: "x") }') == [next_of({"login": "x"}), COMPLETE]
        assert await answers(client, "subscription { count(to: 2) }") == [
            next_of({"count": 0}), next_of({"count": 1}), COMPLETE,
        ]  # fmt: skip


async def test_a_stream_has_the_headers_of_one() -> None:
    """Not stored, not sniffed, not gathered by a proxy, with an id; and the first bytes come at once."""
    world = make_world()
    async with served(world) as client, asking(client, "subscription { listen }") as stream:
        headers = stream.response.headers
        assert (headers["cache-control"], headers["x-accel-buffering"]) == ("no-store", "no")
        assert (headers["x-content-type-options"], headers["vary"]) == ("nosniff", "Accept")
        assert len(headers["x-request-id"]) == 16
        assert await stream.event() == next_of({"listen": 1})


async def test_a_browsers_event_source_may_subscribe() -> None:
    """It can send a GET only, and no header but Accept; a mutation never comes that way."""
    async with served(make_world()) as client:
        async with client.stream("GET", f"/?query={quote('subscription { count(to: 1) }')}") as response:
            assert await Stream(response).rest() == [next_of({"count": 0}), COMPLETE]
        refused = await client.get(f"/?query={quote('mutation { act }')}")
        assert (refused.status_code, refused.headers["allow"]) == (405, "POST")
        assert refused.headers["content-type"].startswith("application/json")


@pytest.mark.parametrize("accept", [f"{JSONS}, {EVENTS}", f"{EVENTS}, {JSONS}", f"{EVENTS};q=0.1, */*"])
async def test_who_reads_both_gets_events_for_subscriptions_only(accept: str) -> None:
    """So one set of headers serves every operation of a client."""
    async with served(make_world()) as client:
        plain = await client.post("/", json={"query": "{ hello }"}, headers={"accept": accept})
        assert plain.json() == {"data": {"hello": "hello world"}}
        found = await answers(client, "subscription { count(to: 1) }", headers={"accept": accept})
        assert found == [next_of({"count": 0}), COMPLETE]


async def test_who_reads_no_events_is_told_how_to_subscribe() -> None:
    """The refusal names both ways."""
    async with served(make_world()) as client:
        response = await client.post(
            "/", json={"query": "subscription { count(to: 1) }"}, headers={"accept": "application/json"}
        )
        error = response.json()["errors"][0]
        assert error["extensions"]["code"] == "UNSUPPORTED_OPERATION"
        assert "graphql-transport-ws" in error["message"]
        assert EVENTS in error["message"]


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{ polls(first: 90000) { nodes { title } } }", {}, "COST_LIMIT"),
        ("query ($value: Int!) { number(value: $value) }", {}, "BAD_USER_INPUT"),
        ("subscription ($to: Int!) { count(to: $to) }", {"to": "x"}, "BAD_USER_INPUT"),
    ],
)
async def test_what_is_wrong_with_a_document_is_told_in_an_event(
    query: str, variables: dict[str, Any], code: str
) -> None:
    """With the codes that every transport gives; an EventSource shows nothing of another status."""
    async with served(make_world()) as client:
        told, completed = await answers(client, query, variables=variables)
        assert (told[0], told[1]["errors"][0]["extensions"]["code"], completed) == ("next", code, COMPLETE)
        assert "data" not in told[1]


@pytest.mark.parametrize(
    ("content", "headers", "status", "code"),
    [
        (b"{", {}, 400, "BAD_JSON"),
        (b'{"query": 7}', {}, 400, "BAD_REQUEST"),
        (b"x" * 2000, {}, 413, "BODY_LIMIT"),
        (b"{}", {"content-type": "text/plain"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        (b'{"query": "{ hello }"}', {"authorization": "Bearer bad"}, 401, "UNAUTHENTICATED"),
        (b'{"query": "subscription { count(to: 1) }"}', {"authorization": "Bearer bad"}, 401, "UNAUTHENTICATED"),
        (b'{"query": "subscription { count(to: 1) }"}', {"authorization": "Bearer often"}, 429, "TOO_MANY_REQUESTS"),
        (b'{"query": "subscription { count(to: 1) }"}', {"authorization": "Bearer down"}, 503, "UNAVAILABLE"),
    ],
)
async def test_what_is_wrong_with_the_request_keeps_its_status(
    content: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    """Nothing was opened: the answer is JSON, and a client need not read a stream to learn of it."""
    async with served(make_world(Limits(max_bytes=1000))) as client:
        given = {"content-type": "application/json"} | headers
        response = await client.post("/", content=content, headers=given)
        assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (status, code)
        assert response.headers["content-type"].startswith("application/json")


async def test_failures_are_masked() -> None:
    """What breaks in the middle is told as an error without its text, and ends the operation."""
    async with served(make_world()) as client:
        first, second, last = await answers(client, "subscription { breaks }")
        assert (first, last) == (next_of({"breaks": 1}), COMPLETE)
        assert second[1]["errors"][0]["extensions"]["code"] == "INTERNAL"
        assert "hunter2" not in json.dumps(second)


async def test_hanging_up_stops_the_events() -> None:
    """The source is closed as soon as its reader has gone."""
    world = make_world()
    async with served(world) as client:
        async with asking(client, "subscription { listen }") as stream:
            assert await stream.event() == next_of({"listen": 1})
            await world.events.started.wait()
        async with asyncio.timeout(10):
            await world.events.cancelled.wait()


async def test_whoever_leaves_does_not_stop_a_mutation() -> None:
    """It goes on to its end, though nobody reads the answer."""
    world = make_world()
    async with served(world) as client:
        asked = asyncio.create_task(answers(client, "mutation { act }"))
        await world.events.started.wait()
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        world.events.release.set()
        async with asyncio.timeout(10):
            await world.events.finished.wait()
    assert not world.events.cancelled.is_set()


async def test_a_token_that_expires_ends_the_stream() -> None:
    """With an error that says so; whoever has a new token connects again."""
    world = make_world(expires_at=NOW + timedelta(milliseconds=50), now=lambda: NOW)
    async with served(world) as client:
        first, second, last = await answers(client, "subscription { listen }")
        assert (first, last) == (next_of({"listen": 1}), COMPLETE)
        assert second[1]["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
    assert world.events.cancelled.is_set()


async def test_a_silent_stream_says_that_it_is_alive() -> None:
    """Proxies cut what says nothing for long."""
    world = make_world(streams=StreamLimits(beat_seconds=0.01))
    async with served(world) as client, asking(client, "subscription { listen }") as stream:
        assert await stream.event() == next_of({"listen": 1})
        ended = asyncio.create_task(stream.event())
        while stream.beats < 5 and not ended.done():
            await asyncio.wait([ended], timeout=0.05)
        assert stream.beats >= 5
        ended.cancel()
        await asyncio.gather(ended, return_exceptions=True)


async def test_a_reader_that_stops_reading_is_dropped() -> None:
    """What waits for it is bounded, its source ends, and its connection is cut."""
    world = make_world(streams=StreamLimits(stall_seconds=0.3))
    async with serving(world.front) as address:
        host, port = address.split(":")
        with sockets.socket() as deaf:
            deaf.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
            deaf.settimeout(10)
            await asyncio.to_thread(deaf.connect, (host, int(port)))
            body = b'{"query": "subscription { flood(size: 50000) }"}'
            head = f"POST / HTTP/1.1\r\nHost: x\r\nAccept: {EVENTS}\r\nContent-Type: application/json\r\n"
            deaf.sendall(head.encode() + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            async with asyncio.timeout(10):
                while not (tasks := {task for task in asyncio.all_tasks() if "_tell" in repr(task)}):  # noqa: ASYNC110
                    await asyncio.sleep(0)
            await asyncio.wait(tasks, timeout=10)
            assert all(task.done() for task in tasks)
            assert await asyncio.to_thread(_bytes_before_the_cut, deaf) < 8 << 20


def _bytes_before_the_cut(deaf: sockets.socket) -> int:
    """Read what the kernel holds, to the end of the connection; the end of an answer is not among it."""
    taken, last = 0, b""
    try:
        while found := deaf.recv(1 << 16):
            taken, last = taken + len(found), found
    except ConnectionResetError:
        return taken
    assert not last.endswith(b"0\r\n\r\n")
    return taken


async def test_a_server_that_stops_ends_its_streams() -> None:
    """At once and without `complete`, so that clients know to come back."""
    world = make_world()
    async with httpx.AsyncClient(headers={"accept": EVENTS}, timeout=20) as client:
        async with serving(world.front, patient=True) as address:
            sent = client.build_request("POST", f"http://{address}/", json={"query": "subscription { listen }"})
            response = await client.send(sent, stream=True)
            stream = Stream(response)
            assert await stream.event() == next_of({"listen": 1})
        # The server has ended, which it does only when its last connection has.
        assert await stream.rest() == []
        await response.aclose()
    assert world.events.cancelled.is_set()


async def test_stored_documents_may_be_all_that_runs() -> None:
    """In the mode for production front ends a stream runs what the server knows, and nothing else."""
    source = "subscription { count(to: 1) }"
    world = make_world(mode="trusted", documents=[source])
    async with served(world) as client:
        body = {"documentId": document_id(source)}
        async with client.stream("POST", "/", json=body) as response:
            assert await Stream(response).rest() == [next_of({"count": 0}), COMPLETE]
        told, _ = await answers(client, source)
        assert told[1]["errors"][0]["extensions"]["code"] == "TRUSTED_DOCUMENTS_ONLY"
