"""The connection below ASGI: heads that take too long or are too large, and goodbyes that nobody reads."""

import asyncio
import json
import socket as sockets
import time
from contextlib import suppress
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from schema import wire
from schema.sockets import PROTOCOL, GraphQLSocket
from tests.unit.front_world import make_world, serving

HEAD = b"POST / HTTP/1.1\r\nHost: test\r\nContent-Type: application/json\r\n"
BODY = b'{"query": "{ hello }"}'
WHOLE = HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY


async def _told(address: str, *parts: bytes, drip: bytes = b"") -> tuple[int, str]:
    """Send some bytes, then drip until the server has answered and closed; return status and code."""
    host, port = address.split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        for part in parts:
            writer.write(part)
            with suppress(ConnectionError):
                await writer.drain()
        answer = asyncio.create_task(reader.read(-1))
        while drip and not answer.done():
            writer.write(drip)
            await asyncio.wait([answer], timeout=0.01)
        async with asyncio.timeout(10):
            head, _, body = (await answer).rpartition(b"\r\n\r\n")
    finally:
        writer.transport.abort()
    last = head[head.rindex(b"HTTP/1.1 ") :]
    assert b"connection: close" in last
    assert b"content-type: application/json" in last
    return int(last.split()[1]), json.loads(body)["errors"][0]["extensions"]["code"]


@pytest.mark.parametrize("began", [b"", b"GET /?", HEAD, WHOLE + HEAD], ids=["nothing", "line", "headers", "second"])
async def test_a_head_that_takes_too_long_is_cut_off(began: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """However it drips, and on a connection that was used well before, too."""
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.2)
    async with serving(make_world().front) as address:
        started = time.monotonic()
        assert await _told(address, began, drip=began and (b"x: y\r\n" if began.endswith(HEAD) else b"x")) == (
            408, "HEAD_TIMEOUT",
        )  # fmt: skip
        assert time.monotonic() - started < 20


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (HEAD + b"X: " + b"y" * wire.HEAD_BYTES + b"\r\nY: z\r\n", 431, "HEAD_LIMIT"),
        (HEAD + b"X: y\r\n" * 6000, 431, "HEAD_LIMIT"),
        (HEAD + b"X: " + b"y" * (wire.HEAD_BYTES + wire.URL_BYTES), 431, "HEAD_LIMIT"),
        (b"GET /?" + b"x" * (wire.URL_BYTES + 1) + b" HTTP/1.1\r\n\r\n", 414, "URI_LIMIT"),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400, "BAD_HTTP"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", 400, "BAD_HTTP"),
        (HEAD + b"Content-Length: -1\r\n\r\n", 400, "BAD_HTTP"),
    ],
    ids=["long header", "many headers", "endless header", "long address", "TLS", "two lengths", "negative length"],
)
async def test_a_head_that_cannot_be_is_answered_in_json(sent: bytes, status: int, code: str) -> None:
    """With a code, and the connection is closed: nobody knows where the next request would begin."""
    async with serving(make_world().front) as address:
        assert await _told(address, sent) == (status, code)


async def test_large_bodies_and_busy_connections_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bounds are those of heads: a body may be larger, and a connection serve for longer."""
    monkeypatch.setattr(wire, "HEAD_SECONDS", 0.2)
    large = json.dumps({"query": "{ hello }", "extensions": {"x": "y" * 500_000}}).encode()
    async with serving(make_world().front) as address:
        host, port = address.split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        try:
            ends = time.monotonic() + 0.6
            while time.monotonic() < ends:
                for body in (large, BODY):
                    writer.write(HEAD + b"Content-Length: %d\r\n\r\n" % len(body) + body)
                for _ in range(2):
                    head = await reader.readuntil(b"\r\n\r\n")
                    assert head.startswith(b"HTTP/1.1 200")
                    assert b"hello world" in await reader.readuntil(b"}}")
        finally:
            writer.transport.abort()


async def test_a_goodbye_that_nobody_reads_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A WebSocket client that was told to go, and takes nothing, loses its connection."""
    monkeypatch.setattr(wire, "LINGER_SECONDS", 0.2)
    world = make_world()
    async with serving(GraphQLSocket(world.executor, world.work), ws_ping_interval=None) as address:
        host, port = address.split(":")
        link = sockets.socket()
        link.connect((host, int(port)))
        link.setblocking(False)
        async with connect(f"ws://{address}/", sock=link, subprotocols=[PROTOCOL], compression=None) as deaf:
            deaf.transport.pause_reading()
            await deaf.send("no message of the protocol")
            async with asyncio.timeout(8):
                # The server gives a peer ten seconds for its own goodbye; ours ends sooner.
                while _is_held(int(port), link.getsockname()[1]):  # noqa: ASYNC110  the kernel tells nobody
                    await asyncio.sleep(0.05)
            deaf.transport.abort()


def _is_held(port: int, client: int) -> bool:
    """Say whether the server's side of a connection is still there."""
    rows = [line.split() for line in Path("/proc/net/tcp").read_text("ascii").splitlines()[1:]]
    return any(
        int(row[1].rpartition(":")[2], 16) == port and int(row[2].rpartition(":")[2], 16) == client and row[3] == "01"
        for row in rows
    )
