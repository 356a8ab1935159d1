"""A small load generator: HTTP/1.1 over kept-alive connections, one request at a time on each."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, cast

HOST = "127.0.0.1"
PATIENCE = 30.0
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class WrongAnswer(Exception):
    """The server answered something that is not a result: the figures would mean nothing."""


@dataclass(frozen=True)
class Answer:
    """One answer as it came."""

    status: int
    body: bytes


Check = Callable[[Answer], None]


def request_of(
    document: str, variables: Mapping[str, Any] | None = None, *, token: str | None = None, path: str = "/graphql"
) -> bytes:
    """Write a GraphQL request as it goes over the wire."""
    body = json.dumps({"query": document, "variables": variables or {}}, ensure_ascii=False).encode()
    head = [f"POST {path} HTTP/1.1", f"Host: {HOST}", "Content-Type: application/json", "Accept: application/json"]
    if token is not None:
        head.append(f"Authorization: Bearer {token}")
    return "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""]).encode() + body


class Line(asyncio.Protocol):
    """A connection that asks one thing after the other."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._end = 0
        self._head = 0
        self._answer: asyncio.Future[Answer] | None = None

    @classmethod
    async def to(cls, port: int) -> Line:
        """Connect to the server on a port of this machine."""
        _, line = await asyncio.get_running_loop().create_connection(cls, HOST, port)
        return line

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to write on."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Collect an answer and hand it over when it is whole."""
        self._buffer += data
        if not self._end:
            self._read_head()
        if self._end and len(self._buffer) >= self._end and self._answer is not None:
            answer = Answer(int(self._buffer[9:12]), bytes(self._buffer[self._head : self._end]))
            self._buffer, self._end = bytearray(), 0
            if not self._answer.done():
                self._answer.set_result(answer)

    def _read_head(self) -> None:
        found = self._buffer.find(b"\r\n\r\n")
        if found < 0:
            return
        length = _LENGTH.search(self._buffer, 0, found)
        self._head = found + 4
        self._end = self._head + (int(length[1]) if length else 0)

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits that no answer will come."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(WrongAnswer(f"the server closed the connection: {exc}"))

    async def ask(self, request: bytes) -> Answer:
        """Send a request and wait for its answer."""
        if self._transport is None or self._transport.is_closing():
            raise WrongAnswer("the server closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()


@dataclass
class Sample:
    """What one round over one workload took."""

    seconds: float = 0.0
    latencies: list[float] = field(default_factory=list)

    @property
    def count(self) -> int:
        """Return how many requests were answered."""
        return len(self.latencies)

    def percentile(self, share: float) -> float:
        """Return the latency in milliseconds below which this share of the requests lies."""
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000


async def drive(port: int, requests: Iterator[bytes], check: Check, *, clients: int, seconds: float) -> Sample:
    """Send requests from so many clients until the time is up or no request is left; every answer is checked.

    Each client asks again as soon as it has its answer. An answer that equals the one before on its connection was
    checked with that one. Raises WrongAnswer for the first answer that is none, or when answers stay out.
    """
    loop = asyncio.get_running_loop()
    campaign = _Round(requests, check, clients, loop.create_future())
    askers = [(await loop.create_connection(lambda: _Asker(campaign), HOST, port))[1] for _ in range(clients)]
    begun = time.perf_counter()
    campaign.end = begun + seconds
    try:
        for asker in askers:
            asker.ask()
        await asyncio.wait_for(campaign.over, seconds + PATIENCE)
    except TimeoutError:
        raise WrongAnswer(f"no answer within {PATIENCE:g} seconds") from None
    finally:
        for asker in askers:
            asker.close()
    return Sample(time.perf_counter() - begun, campaign.latencies)


@dataclass
class _Round:
    """What the clients of one round share."""

    requests: Iterator[bytes]
    check: Check
    asking: int
    over: asyncio.Future[None]
    end: float = 0.0
    latencies: list[float] = field(default_factory=list)

    def leave(self) -> None:
        """Count a client that is through."""
        self.asking -= 1
        if not self.asking and not self.over.done():
            self.over.set_result(None)

    def fail(self, error: WrongAnswer) -> None:
        """End the round."""
        if not self.over.done():
            self.over.set_exception(error)


class _Asker(asyncio.Protocol):
    """A client without tasks or futures of its own, so that the generator takes little from the server's machine."""

    def __init__(self, campaign: _Round) -> None:
        self._round = campaign
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._head = self._end = 0
        self._begun = 0.0
        self._last = b""
        self._is_through = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to write on."""
        self._transport = cast("asyncio.Transport", transport)

    def ask(self) -> None:
        """Send the next request, the first one however short the round."""
        request = next(self._round.requests, None)
        if request is None or self._transport is None:
            self._leave()
            return
        self._begun = time.perf_counter()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Collect an answer; when it is whole, check it and ask again."""
        buffer = self._buffer
        buffer += data
        if not self._end:
            found = buffer.find(b"\r\n\r\n")
            if found < 0:
                return
            length = _LENGTH.search(buffer, 0, found)
            self._head = found + 4
            self._end = self._head + (int(length[1]) if length else 0)
        if len(buffer) >= self._end:
            self._answered(time.perf_counter())

    def _answered(self, done: float) -> None:
        answer = Answer(int(self._buffer[9:12]), bytes(self._buffer[self._head : self._end]))
        self._buffer.clear()
        self._end = 0
        if answer.status != 200 or answer.body != self._last:
            try:
                self._round.check(answer)
            except WrongAnswer as wrong:
                self._round.fail(wrong)
                return
            self._last = answer.body
        self._round.latencies.append(done - self._begun)
        if done < self._round.end:
            self.ask()
        else:
            self._leave()

    def _leave(self) -> None:
        if not self._is_through:
            self._is_through = True
            self._round.leave()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the round that no answer will come."""
        if not self._is_through:
            self._round.fail(WrongAnswer(f"the server closed the connection: {exc}"))

    def close(self) -> None:
        """Hang up."""
        self._is_through = True
        if self._transport is not None:
            self._transport.close()
