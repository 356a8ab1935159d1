"""GraphQL over Server-Sent Events, each operation on a connection of its own ("distinct connections mode").

An answer is a ``next`` event, the end of the operation a ``complete`` event with empty data. What is wrong with a
document is told in a ``next`` event too, because a browser's ``EventSource`` shows its page nothing of another status.
What is wrong with the request around it (method, body, token, load) keeps its HTTP status: nothing was opened yet.

A stream that ends without ``complete`` was cut off, by a server that stops or by the network: come back. A line that
begins with a colon says only that the connection is alive.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.types import Receive, Scope, Send

from schema.execution import Caller, refusal_of
from schema.http_errors import error
from schema.wire import connection_of

EVENTS = "text/event-stream"

_HEADERS = (
    (b"content-type", f"{EVENTS}; charset=utf-8".encode()),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"vary", b"Accept"),
    # A proxy that gathers an answer before it passes it on would hold back every event.
    (b"x-accel-buffering", b"no"),
)
_ALIVE = b":\n\n"
_COMPLETE = b"event: complete\ndata:\n\n"

Answers = AsyncGenerator[dict[str, Any], None]


@dataclass(frozen=True)
class StreamLimits:
    """How long one stream may keep the server waiting."""

    beat_seconds: float = 12
    """A silence after which the server says that it is there; proxies cut what is silent for long."""
    stall_seconds: float = 10
    """A reader that takes nothing for so long is dropped."""


async def once(answer: dict[str, Any]) -> Answers:
    """Give one answer."""
    yield answer


@dataclass
class EventStream:
    """The answers of one operation on their way to one reader."""

    caller: Caller
    answers: Answers
    seconds: float | None = None
    """How long the token of the caller is good."""
    limits: StreamLimits = StreamLimits()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send what there is until the operation, its reader, its token or the server ends it."""
        wire = _Wire(send, self.caller.request_id, self.limits.stall_seconds)
        connection = connection_of(scope)
        try:
            async with aclosing(self.answers):
                await self._serve(wire, receive, connection.leaving.wait)
        except TimeoutError:
            connection.drop()

    async def _serve(self, wire: _Wire, receive: Receive, leaving: Callable[[], Awaitable[Any]]) -> None:
        await wire.open()
        told = asyncio.create_task(self._tell(wire))
        others = [asyncio.create_task(job) for job in (_gone(receive), _beat(wire, self.limits.beat_seconds))]
        others.append(asyncio.ensure_future(leaving()))
        done, _ = await asyncio.wait([told, *others], timeout=self.seconds, return_when=asyncio.FIRST_COMPLETED)
        for job in (told, *others):
            job.cancel()
        # A source that takes long to close its things must not keep the connection.
        ended, _ = await asyncio.wait([told, *others], timeout=self.limits.stall_seconds)
        for job in ended:
            if not job.cancelled() and isinstance(job.exception(), TimeoutError):
                raise TimeoutError
        if not done:
            message = "The token expired: connect again with a new one."
            await wire.next({"errors": [error("UNAUTHENTICATED", message)]})
        await wire.close(complete=not done or told in done)

    async def _tell(self, wire: _Wire) -> None:
        try:
            async for answer in self.answers:
                await wire.next(answer)
                if "data" not in answer:
                    return
        except TimeoutError:
            raise
        except Exception as raised:  # noqa: BLE001  the last net: the client learns that it failed
            await wire.next({"errors": list(refusal_of(raised, self.caller).errors)})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _beat(wire: _Wire, seconds: float) -> None:
    while True:
        await asyncio.sleep(seconds)
        await wire.write(_ALIVE)


class _Wire:
    """The way to one reader, who must take what is sent within a time."""

    def __init__(self, send: Send, request_id: str, stall_seconds: float) -> None:
        self._send = send
        self._request_id = request_id.encode()
        self._stall_seconds = stall_seconds

    async def open(self) -> None:
        """Begin, and let the reader know at once."""
        headers = [*_HEADERS, (b"x-request-id", self._request_id)]
        await self._send({"type": "http.response.start", "status": 200, "headers": headers})
        await self.write(_ALIVE)

    async def next(self, answer: dict[str, Any]) -> None:
        """Send an answer."""
        await self.write(b"event: next\ndata: " + orjson.dumps(answer) + b"\n\n")

    async def write(self, body: bytes) -> None:
        """Send some bytes.

        Raises:
            TimeoutError: the reader takes nothing.
        """
        await self._within({"type": "http.response.body", "body": body, "more_body": True})

    async def close(self, *, complete: bool) -> None:
        """End the stream; without ``complete`` the reader knows that it was cut off."""
        await self._within({"type": "http.response.body", "body": _COMPLETE if complete else b""})

    async def _within(self, message: dict[str, Any]) -> None:
        async with asyncio.timeout(self._stall_seconds):
            await self._send(message)
