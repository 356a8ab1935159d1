"""GraphQL over WebSocket: the protocol to the letter, and nobody who can hurt another."""

import asyncio
import json
import socket as sockets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from schema.limits import Limits
from schema.sockets import PROTOCOL, GraphQLSocket, SocketLimits
from tests.unit.front_world import World, make_world, serving

NOW = datetime(2026, 11, 23, 18, 0, tzinfo=UTC)


class Client:
    """A client that speaks the protocol."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, **message: Any) -> None:
        """Send one message."""
        await self.connection.send(json.dumps(message))

    async def hear(self) -> dict[str, Any]:
        """Receive one message."""
        heard: dict[str, Any] = json.loads(await self.connection.recv())
        return heard

    async def subscribe(self, query: str, id: str = "1", **payload: Any) -> None:
        """Begin an operation."""
        await self.say(id=id, type="subscribe", payload={"query": query, **payload})

    async def init(self, **payload: Any) -> None:
        """Introduce the client."""
        await self.say(type="connection_init", payload=payload)
        assert await self.hear() == {"type": "connection_ack"}

    async def closing_code(self) -> int:
        """Wait until the server ends the connection, and return why."""
        try:
            async for _ in self.connection:
                pass
        except ConnectionClosed:
            pass
        assert self.connection.close_code is not None
        return self.connection.close_code


@asynccontextmanager
async def served(world: World, **options: Any) -> AsyncIterator[str]:
    """Serve the sockets of a world and give their address."""
    limits = SocketLimits(**options)
    app = GraphQLSocket(world.executor, world.work, limits=limits, now=lambda: NOW)
    async with serving(app, ws_ping_interval=None) as address:
        yield f"ws://{address}/"


@asynccontextmanager
async def stranger(address: str, **options: Any) -> AsyncIterator[Client]:
    """Open a connection without introducing the client."""
    options = {"subprotocols": [PROTOCOL], "compression": None} | options
    async with connect(address, **options) as connection:
        yield Client(connection)


@asynccontextmanager
async def client_of(world: World, **options: Any) -> AsyncIterator[Client]:
    """Serve a world to one introduced client."""
    async with served(world, **options) as address, stranger(address) as client:
        await client.init()
        yield client


def next_of(data: Any, id: str = "1") -> dict[str, Any]:
    """Return the message that carries an answer."""
    return {"id": id, "type": "next", "payload": {"data": data}}


COMPLETE = {"id": "1", "type": "complete"}


async def test_all_three_kinds_of_operation_run() -> None:
    """A query and a mutation answer once, a subscription as often as there are events; then they complete."""
    async with client_of(make_world()) as client:
        await client.subscribe("query ($value: Int!) { number(value: $value) }", variables={"value": 3})
        assert [await client.hear(), await client.hear()] == [next_of({"number": 3}), COMPLETE]
        await client.subscribe('mutation A { login(name: "x") } query B { hello }', operationName="A")
        assert [await client.hear(), await client.hear()] == [next_of({"login": "x"}), COMPLETE]
        await client.subscribe("subscription { count(to: 2) }")
        heard = [await client.hear() for _ in range(3)]
        assert heard == [next_of({"count": 0}), next_of({"count": 1}), COMPLETE]


async def test_operations_run_beside_each_other() -> None:
    """A query that waits does not hold up the next one on the same socket."""
    world = make_world()
    async with client_of(world) as client:
        await client.subscribe("{ wait }", id="slow")
        await client.subscribe("{ hello }", id="quick")
        assert await client.hear() == next_of({"hello": "hello world"}, "quick")
        assert await client.hear() == {"id": "quick", "type": "complete"}
        world.events.release.set()
        assert await client.hear() == next_of({"wait": "done"}, "slow")


@pytest.mark.parametrize(
    ("query", "payload", "code"),
    [
        ("{", {}, "GRAPHQL_PARSE_FAILED"),
        ("{ nope }", {}, "GRAPHQL_VALIDATION_FAILED"),
        ("{ polls(first: 90000) { nodes { title } } }", {}, "COST_LIMIT"),
        ("{ hello }", {"operationName": "X"}, "OPERATION_RESOLUTION_FAILURE"),
        ("query ($value: Int!) { number(value: $value) }", {}, "BAD_USER_INPUT"),
        ("subscription ($to: Int!) { count(to: $to) }", {"variables": {"to": "x"}}, "BAD_USER_INPUT"),
    ],
)
async def test_what_http_refuses_is_refused_here_too(query: str, payload: dict[str, Any], code: str) -> None:
    """The same limits and codes, in an error message; the socket and the id stay usable."""
    async with client_of(make_world()) as client:
        await client.subscribe(query, **payload)
        heard = await client.hear()
        assert (heard["type"], heard["payload"][0]["extensions"]["code"]) == ("error", code)
        await client.subscribe("{ hello }")
        assert (await client.hear())["type"] == "next"


async def test_failures_are_masked() -> None:
    """A field that breaks leaves a reference, and so does a source of events that breaks."""
    async with client_of(make_world()) as client:
        await client.subscribe("{ boom }")
        heard = [await client.hear(), await client.hear()]
        assert heard[0]["payload"]["errors"][0]["extensions"]["code"] == "INTERNAL"
        await client.subscribe("subscription { breaks }")
        heard += [await client.hear(), await client.hear()]
        assert heard[2] == next_of({"breaks": 1})
        assert (heard[3]["type"], heard[3]["payload"][0]["extensions"]["code"]) == ("error", "INTERNAL")
        assert "hunter2" not in json.dumps(heard)


async def test_ping_is_answered() -> None:
    """With its payload, before and after the introduction; a pong needs no answer."""
    async with served(make_world()) as address, stranger(address) as client:
        await client.say(type="pong")
        await client.say(type="ping")
        assert await client.hear() == {"type": "pong"}
        await client.init()
        await client.say(type="ping", payload={"at": 1}, other="x")
        assert await client.hear() == {"type": "pong", "payload": {"at": 1}}


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 4400),
        ("[]", 4400),
        (b'{"type": "ping"}', 4400),
        ('{"type": "ping", "type": "pong"}', 4400),
        ('{"type": "start"}', 4400),
        ('{"type": ["ping"]}', 4400),
        ('{"id": "1"}', 4400),
        ('{"type": "ping", "payload": 1}', 4400),
        ('{"type": "subscribe", "payload": {"query": "{ hello }"}}', 4400),
        ('{"type": "subscribe", "id": 1, "payload": {"query": "{ hello }"}}', 4400),
        ('{"type": "subscribe", "id": "", "payload": {"query": "{ hello }"}}', 4400),
        (json.dumps({"type": "subscribe", "id": "x" * 129, "payload": {"query": "{ hello }"}}), 4400),
        ('{"type": "subscribe", "id": "1"}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {}}', 4400),
        ('{"type": "subscribe", "id": "1", "payload": {"query": "{ hello }", "variables": []}}', 4400),
        ('{"type": "complete"}', 4400),
        ('{"type": "connection_init"}', 4429),
        ('{"type": "ping", "payload": {"x": "' + "x" * 2000 + '"}}', 1009),
    ],
)
async def test_a_message_that_breaks_the_protocol_ends_the_connection(message: str | bytes, code: int) -> None:
    """At once, with the code that the protocol gives it."""
    async with client_of(make_world(Limits(max_bytes=1000))) as client:
        await client.connection.send(message)
        assert await client.closing_code() == code


async def test_nothing_runs_before_the_introduction() -> None:
    """An operation before the acknowledgement ends the connection, so does a long silence."""
    async with served(make_world(), init_seconds=0.1) as address:
        async with stranger(address) as client:
            await client.subscribe("{ hello }")
            assert await client.closing_code() == 4401
        async with stranger(address) as client:
            assert await client.closing_code() == 4408


@pytest.mark.parametrize("protocols", [None, ["graphql-ws"]])
async def test_other_subprotocols_are_not_spoken(protocols: list[str] | None) -> None:
    """The older protocol of the same purpose least of all."""
    async with served(make_world()) as address, stranger(address, subprotocols=protocols) as client:
        assert await client.closing_code() == 4406


async def test_an_id_in_use_ends_the_connection() -> None:
    """Two operations of one name cannot be told apart; one that has ended frees its id."""
    world = make_world()
    async with client_of(world) as client:
        for _ in range(2):
            await client.subscribe("{ wait }")
        assert await client.closing_code() == 4409


@pytest.mark.parametrize(
    ("payload", "headers", "seen"),
    [
        ({"authorization": "Bearer a"}, {}, "Bearer a"),
        ({"Authorization": "Bearer a"}, {"Authorization": "Bearer b"}, "Bearer a"),
        ({}, {"Authorization": "Bearer b"}, "Bearer b"),
        ({}, {"Cookie": "session=1"}, None),
    ],
)
async def test_the_token_comes_with_the_introduction(
    payload: dict[str, str], headers: dict[str, str], seen: str | None
) -> None:
    """It reaches the context of every operation; cookies, which foreign pages can make a browser send, do not."""
    world = make_world()
    async with served(world) as address, stranger(address, additional_headers=headers) as client:
        await client.init(**payload)
        await client.subscribe("{ authorization }")
        assert await client.hear() == next_of({"authorization": seen})
    assert {context.caller.transport for context in world.contexts} == {"websocket"}
    assert all("cookie" not in context.caller.headers for context in world.contexts)


@pytest.mark.parametrize(
    ("token", "code"),
    [("Bearer bad", 4403), ("Bearer often", 4403), ("Bearer down", 1013), ("Bearer broken", 1013), (7, 4400)],
)
async def test_a_bad_token_ends_the_connection(token: object, code: int) -> None:
    """Turned away for good, or asked to come back if the failure was ours."""
    async with served(make_world()) as address, stranger(address) as client:
        await client.say(type="connection_init", payload={"authorization": token})
        assert await client.closing_code() == code


async def test_a_token_that_expires_ends_the_connection() -> None:
    """The client must come back with a new one; until then everything works."""
    soon = make_world(expires_at=NOW + timedelta(milliseconds=50))
    async with client_of(soon) as client:
        assert await client.closing_code() == 4403
    later = make_world(expires_at=NOW + timedelta(days=365))
    async with client_of(later) as client:
        await client.subscribe("{ hello }")
        assert (await client.hear())["type"] == "next"


async def test_complete_stops_the_events_of_a_subscription() -> None:
    """Its source is closed; nothing is said of it any more, and the id is free."""
    world = make_world()
    async with client_of(world) as client:
        await client.subscribe("subscription { listen }")
        assert await client.hear() == next_of({"listen": 1})
        await client.say(id="1", type="complete")
        await world.events.cancelled.wait()
        await client.subscribe("{ hello }")
        assert await client.hear() == next_of({"hello": "hello world"})


async def test_an_event_that_is_being_resolved_is_not_cut_off() -> None:
    """It may be reading the database: the subscription ends around it."""
    world = make_world()
    async with client_of(world) as client:
        await client.subscribe("subscription { happen { wait } }")
        await world.events.started.wait()
        await client.say(id="1", type="complete")
        await client.say(type="ping")
        assert await client.hear() == {"type": "pong"}
        world.events.release.set()
        await world.events.finished.wait()
        assert not world.events.cancelled.is_set()


async def test_hanging_up_stops_the_events_of_a_subscription() -> None:
    """Its source is closed when the connection is."""
    world = make_world()
    async with client_of(world) as client:
        await client.subscribe("subscription { listen }")
        await client.hear()
        await world.events.started.wait()
        client.connection.transport.abort()
        await world.events.cancelled.wait()


@pytest.mark.parametrize("query", ["mutation { act }", "{ wait }"])
@pytest.mark.parametrize("hang_up", [False, True])
async def test_whoever_leaves_does_not_stop_what_runs(query: str, hang_up: bool) -> None:
    """After a complete, and after a broken connection, the operation ends as if somebody listened."""
    world = make_world()
    async with client_of(world) as client:
        await client.subscribe(query)
        await world.events.started.wait()
        if hang_up:
            client.connection.transport.abort()
            await client.connection.wait_closed()
        else:
            await client.say(id="1", type="complete")
            await client.say(type="ping")
            assert await client.hear() == {"type": "pong"}
        world.events.release.set()
        await world.events.finished.wait()
        assert not world.events.cancelled.is_set()
        if not hang_up:
            await client.say(type="ping")
            assert await client.hear() == {"type": "pong"}
    assert await world.work.drain(5) == 0


async def test_operations_at_once_are_counted_heard_or_not() -> None:
    """Leaving an operation makes no room for the next one while it runs; the socket stays usable."""
    world = make_world()
    async with client_of(world, max_operations=3) as client:
        for number in range(3):
            await client.subscribe("{ wait }", id=str(number))
            await client.say(id=str(number), type="complete")
        await client.subscribe("{ hello }")
        heard = await client.hear()
        assert (heard["type"], heard["payload"][0]["extensions"]["code"]) == ("error", "OPERATION_LIMIT")
        world.events.release.set()
        assert await world.work.drain(5) == 0


async def test_subscriptions_that_are_left_at_once_leave_nothing() -> None:
    """A hundred subscriptions begun and completed in one breath take no room, even those that never started."""
    async with client_of(make_world(), max_operations=3) as client:
        for number in range(100):
            await client.subscribe("subscription { listen }", id=str(number))
            await client.say(id=str(number), type="complete")
        heard: dict[str, Any] = {}
        while heard.get("type") != "complete":
            # Until the last of those left has ended, this may be refused; should one never end, it always is.
            await client.subscribe("{ hello }", id="last")
            while (heard := await client.hear())["id"] != "last" or heard["type"] == "next":
                pass


async def test_a_query_that_takes_too_long_is_stopped() -> None:
    """The deadline is the same as over HTTP."""
    world = make_world(Limits(operation_seconds=0.02))
    async with client_of(world) as client:
        await client.subscribe("{ wait }")
        heard = await client.hear()
        assert heard["payload"]["errors"][0]["extensions"]["code"] == "DEADLINE"
        assert world.events.cancelled.is_set()


async def test_a_reader_that_stops_reading_is_dropped() -> None:
    """What waits for it is bounded, its subscription ends, and another client notices nothing."""
    world = make_world()
    async with served(world, stall_seconds=0.3, outbox_bytes=100_000) as address:
        host, port = address.removeprefix("ws://").removesuffix("/").split(":")
        raw = sockets.socket()
        raw.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
        raw.connect((host, int(port)))
        raw.setblocking(False)
        deaf = await connect(address, sock=raw, subprotocols=[PROTOCOL], compression=None, max_queue=1).__aenter__()
        deaf_client = Client(deaf)
        await deaf_client.init()
        await deaf_client.subscribe("subscription { flood(size: 50000) }")
        async with stranger(address) as other:
            await other.init()
            tasks = {task for task in asyncio.all_tasks() if "_stream" in repr(task)}
            assert len(tasks) == 1
            await asyncio.wait(tasks, timeout=10)
            assert all(task.done() for task in tasks)
            await other.subscribe("{ hello }")
            assert await other.hear() == next_of({"hello": "hello world"})
        deaf.transport.abort()


async def test_a_server_that_stops_takes_no_more_operations() -> None:
    """While it drains, an operation is refused with a code that says to come back."""
    world = make_world()
    async with client_of(world) as client:
        await world.work.drain(0)
        await client.subscribe("{ hello }")
        heard = await client.hear()
        assert (heard["type"], heard["payload"][0]["extensions"]["code"]) == ("error", "STOPPING")
