"""A small load generator: HTTP/1.1 over kept-alive connections, one request at a time on each."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

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
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - a TCP connection has no other
        self._transport = transport

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

    Raises WrongAnswer for the first answer that is none, or when answers stay out.
    """
    sample = Sample()
    lines = [await Line.to(port) for _ in range(clients)]
    begun = time.perf_counter()
    try:
        async with asyncio.timeout(seconds + PATIENCE):
            await asyncio.gather(*(_client(line, requests, check, sample, begun + seconds) for line in lines))
    except TimeoutError:
        raise WrongAnswer(f"no answer within {PATIENCE:g} seconds") from None
    finally:
        for line in lines:
            line.close()
    sample.seconds = time.perf_counter() - begun
    return sample


async def _client(line: Line, requests: Iterator[bytes], check: Check, sample: Sample, end: float) -> None:
    """Ask in a closed loop; the first request is always sent, however short the round."""
    while (request := next(requests, None)) is not None:
        begun = time.perf_counter()
        answer = await line.ask(request)
        done = time.perf_counter()
        check(answer)
        sample.latencies.append(done - begun)
        if done >= end:
            return
