"""The rush to a poll: ``python -m bench.rush``.

All owners of a poll cast their ballots by HTTP at the same time, every tenth of them sends the same request twice, and
hundreds follow the turnout over WebSockets of the same server process. Nothing is tried again: any answer that is not a
receipt ends the run, an ``OVERLOADED`` with its Retry-After too. Fails (exit 1) with a sentence when anything was lost,
doubled or shown wrongly.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import os
import re
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from bench import polls
from bench.casting import Miscounted, check
from bench.load import HOST, Answer, Sample, WrongAnswer, drive
from bench.report import keep
from bench.servers import Server, ServerFailed, serving
from bench.workloads import ballots, has
from bench.world import SMALL, Store, compounds_of, copy_of, kernel_on, stores, tokens_of, vacuum
from core.ids import global_id
from core.kernel import Kernel

RESULTS = Path(__file__).parent / "rush.json"
OWNERS, WATCHERS, CONNECTIONS = 10_000, 500, 300
EVERY = 10
PATIENCE = 30.0
SLOWEST = 20
"""Casts a second, below which the run is given up."""
VOTER = "rush-voter"
FOLLOW = """subscription($poll: ID!) { turnout(poll: $poll) { heads { numerator } area { numerator } fewestVoters } }"""
TRUTH = (
    "SELECT SUM(e.heads) AS heads, SUM(e.area_centi) AS area, (SELECT COUNT(*) FROM register_roll_entry r "
    "WHERE r.roll_id = p.roll_id) AS entries FROM voting_poll p JOIN voting_ballot b ON b.poll_id = p.matter_id "
    "JOIN register_roll_entry e ON e.id = b.entry_id WHERE p.matter_id = ? GROUP BY p.roll_id"
)
_RECEIPT = re.compile(rb'"receipt":"([0-9a-f]{64})"')


@dataclass(frozen=True)
class Rush:
    """How many rush."""

    owners: int = OWNERS
    watchers: int = WATCHERS
    connections: int = CONNECTIONS


@dataclass(frozen=True)
class Figures:
    """What a rush took on one database. CPU time is the server process's, watchers served included."""

    database: str
    owners: int
    repeated: int
    watchers: int
    connections: int
    casts_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_cast: float
    rss_mib: float
    values_shown: int
    shown_after_ms: float
    load_before: float


class Receipts:
    """The receipts that came in: as many different ones as there are owners, whoever asked twice."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._is_receipt = has(b'"__typename":"BallotReceipt"')

    def check(self, answer: Answer) -> None:
        """Take a receipt in; raises WrongAnswer for anything else."""
        self._is_receipt(answer)
        found = _RECEIPT.search(answer.body)
        if found is None:
            raise WrongAnswer(f"no receipt: {answer.body[:1000].decode(errors='replace')}")
        self.seen.add(found[1])


class Watchers:
    """Those who follow the turnout of a poll, each over a socket of its own, and what each was shown last."""

    def __init__(self, sockets: Sequence[ClientConnection]) -> None:
        self.last: list[dict[str, Any] | None] = [None] * len(sockets)
        self.shown = 0
        self._news = asyncio.Event()
        self._following = [asyncio.create_task(self._follow(*one)) for one in enumerate(sockets)]

    async def _follow(self, number: int, socket: ClientConnection) -> None:
        """Keep what one of them is shown, until cancelled; raises WrongAnswer for an error or an early end."""
        async for text in socket:
            message = json.loads(text)
            if message["type"] == "ping":
                await socket.send(json.dumps({"type": "pong"}))
            elif message["type"] == "next" and "errors" not in message["payload"]:
                self.last[number] = message["payload"]["data"]["turnout"]
                self.shown += 1
                self._news.set()
            else:
                raise WrongAnswer(f"a watcher was sent {text!s:.500}")
        raise WrongAnswer("the server ended a watcher's connection")

    async def until(self, turnout: dict[str, Any] | None = None) -> None:
        """Wait until all were shown this turnout, or any at all; raises WrongAnswer for whoever was not, in time."""
        end = time.monotonic() + PATIENCE
        while waiting := [one for one in self.last if one is None or turnout not in (None, one)]:
            for task in self._following:
                if task.done():
                    task.result()
            if time.monotonic() > end:
                raise WrongAnswer(
                    f"{len(waiting)} of {len(self.last)} watchers were last shown {waiting[0]}, not {turnout}"
                )
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), 1.0)

    async def leave(self) -> None:
        """Stop following."""
        for task in self._following:
            task.cancel()
        await asyncio.gather(*self._following, return_exceptions=True)


@asynccontextmanager
async def watching(port: int, tokens: Sequence[str], poll: str) -> AsyncIterator[Watchers]:
    """Let everybody with these tokens follow the turnout of a poll; all have been shown a first value."""
    sockets = await asyncio.gather(*(_socket(port, token, poll) for token in tokens))
    watchers = Watchers(sockets)
    try:
        await watchers.until()
        yield watchers
    finally:
        await watchers.leave()
        await asyncio.gather(*(socket.close() for socket in sockets))


async def _socket(port: int, token: str, poll: str) -> ClientConnection:
    """Connect and subscribe; without compression, which would cost the generator's half of the machine, too."""
    socket = await connect(
        f"ws://{HOST}:{port}/graphql", subprotocols=[Subprotocol("graphql-transport-ws")], compression=None,
        open_timeout=PATIENCE,
    )  # fmt: skip
    await socket.send(json.dumps({"type": "connection_init", "payload": {"authorization": f"Bearer {token}"}}))
    answer = json.loads(await socket.recv())
    if answer["type"] != "connection_ack":
        raise WrongAnswer(f"a watcher was turned away: {answer}")
    subscription = {"query": FOLLOW, "variables": {"poll": poll}}
    await socket.send(json.dumps({"id": "1", "type": "subscribe", "payload": subscription}))
    return socket


async def measure(store: Store, rush: Rush) -> Figures:
    """Let everybody rush on one database; raises WrongAnswer or Miscounted when anything was lost, doubled or wrong."""
    async with copy_of(store) as copy, kernel_on(copy.folder, copy.url, copy.secret) as kernel:
        opened = await polls.to_cast(kernel, (await compounds_of(kernel))[0], rush.owners, VOTER)
        tokens = await tokens_of(kernel, VOTER)
        if store.postgres:
            await vacuum(copy.url)
        async with serving("engine", copy.folder, copy.url, copy.secret) as server:
            found = await _rush(server, kernel, opened, tokens, rush, store.database)
        await check(copy.url, copy, opened.poll, rush.owners)
        return found


async def _rush(
    server: Server, kernel: Kernel, opened: polls.Opened, tokens: Sequence[str], rush: Rush, database: str
) -> Figures:
    poll, receipts, load = global_id("Poll", opened.poll), Receipts(), os.getloadavg()[0]
    asked = list(repeated(ballots(poll, global_id("Motion", opened.motion), tokens)))
    async with watching(server.port, tokens[: rush.watchers], poll) as watchers:
        before, first = server.cpu_seconds(), watchers.shown
        sample = await drive(
            server.port, iter(asked), receipts.check, clients=rush.connections, seconds=len(asked) / SLOWEST
        )
        cpu, ended = server.cpu_seconds() - before, time.perf_counter()
        await watchers.until(await _truth(kernel, opened.poll))
        late, shown = time.perf_counter() - ended, watchers.shown - first
    _check_answers(sample, len(asked), receipts, rush.owners)
    return Figures(
        database, rush.owners, len(asked) - rush.owners, rush.watchers, rush.connections,
        round(sample.count / sample.seconds, 1), round(sample.percentile(0.5), 1), round(sample.percentile(0.99), 1),
        round(cpu / sample.count * 1e6, 1), round(server.rss_mib(), 1), shown, round(late * 1000), round(load, 2),
    )  # fmt: skip


def repeated(requests: Iterator[bytes]) -> Iterator[bytes]:
    """Give every request, and every tenth a second time at once, as a client that lost patience."""
    for number, request in enumerate(requests):
        yield from itertools.repeat(request, 1 if number % EVERY else 2)


async def _truth(kernel: Kernel, poll: int) -> dict[str, Any]:
    """Return the turnout as the ballots say it, one by one, in the form that watchers are shown."""
    [row] = await kernel.database.fetch(TRUTH, (poll,))
    missing = max(0, -(-2 * row["entries"] // 3) - int(row["heads"]))  # all areas are equal here
    return {
        "heads": {"numerator": str(int(row["heads"]))},
        "area": {"numerator": str(int(row["area"]))},
        "fewestVoters": missing,
    }


def _check_answers(sample: Sample, asked: int, receipts: Receipts, owners: int) -> None:
    if sample.count != asked:
        raise WrongAnswer(f"{sample.count} of {asked} requests were answered in time")
    if len(receipts.seen) != owners:
        raise Miscounted(f"{owners} owners got {len(receipts.seen)} different receipts")


async def main(chosen: Sequence[Store], rush: Rush) -> list[Figures]:
    """Measure and print."""
    found = []
    for store in chosen:
        found.append(one := await measure(store, rush))
        print(" ".join(f"{name}={value}" for name, value in asdict(one).items()), flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.rush", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "shanzhi-bench")
    parser.add_argument("--database", choices=("sqlite", "postgres"), help="only this one")
    parser.add_argument("--owners", type=int, default=OWNERS, help="who all cast (default: %(default)s)")
    parser.add_argument("--watchers", type=int, default=WATCHERS, help="who follow the turnout (default: %(default)s)")
    given = parser.parse_args()
    if given.watchers > given.owners:
        parser.error("the watchers are owners: there cannot be more of them")
    wanted = Rush(given.owners, given.watchers)
    try:
        measured = uvloop.run(main(stores(given.data, SMALL, given.database), wanted))
    except (WrongAnswer, Miscounted, ServerFailed) as error:
        sys.exit(f"the rush failed: {error}")
    if wanted == Rush():
        keep([asdict(one) for one in measured], RESULTS)
