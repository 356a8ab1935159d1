"""Clients that cast ballots under idempotency keys and write down what they were told."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Self

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException
from websockets.typing import Subprotocol

from tests.reliability.servers import HOST
from tests.reliability.towns import Town

CAST = """mutation($i: CastBallotInput!) { castBallot(input: $i) { __typename
  ... on BallotReceipt { receipt } ... on UserError { code } } }"""
CHOICES = ("FOR", "AGAINST", "ABSTAIN")
PAUSE = 0.1
"""Seconds until a client that got no answer asks again."""


@dataclass(frozen=True)
class Cast:
    """One ballot that somebody wants to cast, under one key."""

    voter: int
    choice: str = "FOR"
    turn: int = 0

    @property
    def key(self) -> str:
        """Return its idempotency key."""
        return f"cast-{self.voter}-{self.turn}"


@dataclass
class Campaign:
    """Everything that was sent, and everything that was acknowledged."""

    town: Town
    sent: dict[str, Cast] = field(default_factory=dict)
    receipts: dict[str, str] = field(default_factory=dict)
    """The receipt that was told for each key."""
    refusals: Counter[str] = field(default_factory=Counter)
    retries: int = 0
    latencies: list[float] = field(default_factory=list)
    contradictions: list[str] = field(default_factory=list)

    def body(self, cast: Cast) -> dict[str, Any]:
        """Return the request of a cast."""
        choices = [{"motion": self.town.motion, "choice": cast.choice}]
        return {
            "query": CAST,
            "variables": {"i": {"id": self.town.poll, "choices": choices, "idempotencyKey": cast.key}},
        }

    def headers(self, cast: Cast) -> dict[str, str]:
        """Return the headers of a cast."""
        return {"Authorization": f"Bearer {self.town.tokens[cast.voter]}", "Accept-Language": "en"}

    async def once(self, client: httpx.AsyncClient, cast: Cast) -> str | None:
        """Send a cast; returns its receipt, or None when there was no answer, or none that settles it."""
        self.sent[cast.key] = cast
        began = time.monotonic()
        try:
            answer = await client.post("/graphql", json=self.body(cast), headers=self.headers(cast))
        except httpx.TransportError as error:
            self.refusals[type(error).__name__] += 1
            return None
        if answer.status_code == 503:
            self.refusals[str(answer.status_code)] += 1
            if "retry-after" not in answer.headers:
                self.contradictions.append("a 503 without Retry-After")
            return None
        receipt = self.told(cast, answer.json())
        if receipt is not None:
            self.latencies.append(time.monotonic() - began)
        return receipt

    def told(self, cast: Cast, body: dict[str, Any]) -> str | None:
        """Take in an answer; a second one for the same key has to be the same."""
        found = (body.get("data") or {}).get("castBallot") or {}
        if found.get("__typename") != "BallotReceipt":
            code = found.get("code") or [error["extensions"]["code"] for error in body.get("errors", ())]
            self.refusals[str(code)] += 1
            return None
        receipt = str(found["receipt"])
        if self.receipts.setdefault(cast.key, receipt) != receipt:
            self.contradictions.append(f"two different answers for {cast.key}")
        return receipt

    async def stubbornly(self, client: httpx.AsyncClient, cast: Cast, seconds: float = 60.0) -> str:
        """Send a cast again and again until it is acknowledged."""
        async with asyncio.timeout(seconds):
            while (receipt := await self.once(client, cast)) is None:
                self.retries += 1
                await asyncio.sleep(PAUSE)
        return receipt

    async def all_of(self, client: httpx.AsyncClient, casts: Iterable[Cast], at_once: int) -> None:
        """Cast all of these, so many at once, until each is acknowledged."""
        left = iter(casts)

        async def work() -> None:
            for cast in left:
                await self.stubbornly(client, cast)

        async with asyncio.TaskGroup() as group:
            for _ in range(at_once):
                group.create_task(work())


@dataclass
class Crowd:
    """Clients that cast without end while something happens to the server; some lose patience and never ask again."""

    campaign: Campaign
    at_once: int = 16
    gives_up: float = 0.2
    seed: int = 440604
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _ending: bool = False

    async def __aenter__(self) -> Self:
        """Begin."""
        chance = random.Random(self.seed)
        turns = ((voter, turn) for turn in range(1000) for voter in range(len(self.campaign.town.tokens)))
        casts = (Cast(voter, chance.choice(CHOICES), turn) for voter, turn in turns)
        self._client = self.campaign.town.client(timeout=10)
        self._tasks = [asyncio.create_task(self._work(casts, chance)) for _ in range(self.at_once)]
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let everybody finish what they began: the server has to be well by now."""
        self._ending = True
        try:
            await asyncio.gather(*self._tasks)
        finally:
            for task in self._tasks:
                task.cancel()
            await self._client.aclose()

    async def until(self, acknowledged: int, seconds: float = 60.0) -> None:
        """Wait until so many more casts were acknowledged."""
        wanted = len(self.campaign.receipts) + acknowledged
        async with asyncio.timeout(seconds):
            while len(self.campaign.receipts) < wanted:
                for task in self._tasks:
                    if task.done():
                        task.result()
                await asyncio.sleep(0.005)  # polled: the casts are many tasks'

    async def _work(self, casts: Iterable[Cast], chance: random.Random) -> None:
        for cast in casts:
            if await self.campaign.once(self._client, cast) is None:
                await asyncio.sleep(PAUSE)
                if chance.random() >= self.gives_up:
                    self.campaign.retries += 1
                    await self.campaign.stubbornly(self._client, cast)
            if self._ending:
                return


async def burst(campaign: Campaign, process: int, casts: list[Cast]) -> None:
    """Send so many casts at the same moment, each on a connection of its own: the server wakes when all are there."""
    site = campaign.town.site
    links = [await asyncio.open_connection(HOST, site.port) for _ in casts]
    try:
        async with asyncio.timeout(60):
            os.kill(process, signal.SIGSTOP)
            try:
                for (_, writer), cast in zip(links, casts, strict=True):
                    _send(campaign, writer, cast)
            finally:
                os.kill(process, signal.SIGCONT)
            began = time.monotonic()
            await asyncio.gather(
                *(_answered(campaign, link[0], cast, began) for link, cast in zip(links, casts, strict=True))
            )
    finally:
        for _, writer in links:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for _, writer in links), return_exceptions=True)


def _send(campaign: Campaign, writer: asyncio.StreamWriter, cast: Cast) -> None:
    """Send one cast."""
    campaign.sent[cast.key] = cast
    body = json.dumps(campaign.body(cast)).encode()
    named = campaign.headers(cast) | {
        "Host": HOST,
        "Content-Type": "application/json",
        "Content-Length": str(len(body)),
    }
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    writer.write(f"POST /graphql HTTP/1.1\r\n{head}\r\n".encode() + body)


async def _answered(campaign: Campaign, reader: asyncio.StreamReader, cast: Cast, began: float) -> None:
    """Take in an answer, whatever it is."""
    told = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
    length = int(told.partition("content-length: ")[2].partition("\r\n")[0])
    answer = json.loads(await reader.readexactly(length))
    if told.startswith("http/1.1 503"):
        campaign.refusals["503"] += 1
        if "retry-after: " not in told:
            campaign.contradictions.append("a 503 without Retry-After")
    elif campaign.told(cast, answer) is not None:
        campaign.latencies.append(time.monotonic() - began)


class Socket:
    """A WebSocket that casts."""

    def __init__(self, link: ClientConnection) -> None:
        self.link = link

    @classmethod
    async def open(cls, town: Town, voter: int) -> Socket:
        """Connect as one of the voters."""
        link = await connect(
            f"ws://{HOST}:{town.site.port}/graphql",
            subprotocols=[Subprotocol("graphql-transport-ws")],
            compression=None,
        )
        payload = {"authorization": f"Bearer {town.tokens[voter]}"}
        await link.send(json.dumps({"type": "connection_init", "payload": payload}))
        assert json.loads(await link.recv())["type"] == "connection_ack"
        return cls(link)

    async def begin(self, id: str, body: dict[str, Any]) -> None:
        """Begin an operation."""
        await self.link.send(json.dumps({"id": id, "type": "subscribe", "payload": body}))

    async def leave(self, id: str) -> None:
        """Stop listening to an operation."""
        await self.link.send(json.dumps({"id": id, "type": "complete"}))

    async def answer(self, id: str, seconds: float = 30.0) -> dict[str, Any]:
        """Return the payload of the next answer to an operation."""
        async with asyncio.timeout(seconds):
            while True:
                message = json.loads(await self.link.recv())
                if message.get("id") == id and message["type"] in {"next", "error"}:
                    found = message["payload"]
                    return {"errors": found} if message["type"] == "error" else dict(found)

    async def answers(self, count: int, seconds: float = 30.0) -> list[dict[str, Any]]:
        """Return the payloads of so many answers, in whatever order they come."""
        found: list[dict[str, Any]] = []
        async with asyncio.timeout(seconds):
            while len(found) < count:
                message = json.loads(await self.link.recv())
                if message["type"] in {"next", "error"}:
                    payload = message["payload"]
                    found.append({"errors": payload} if message["type"] == "error" else dict(payload))
        return found

    async def ask(self, id: str, body: dict[str, Any]) -> dict[str, Any]:
        """Run an operation to its answer."""
        await self.begin(id, body)
        return await self.answer(id)


GONE = (OSError, WebSocketException, httpx.TransportError)
