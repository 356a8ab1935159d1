"""How fast ballots are cast: ``python -m bench.casting``.

Three ways of writing the same rows, by turns in every round: a bare ``sqlite3`` loop with one durable commit for each
ballot, the deed alone in this process, and the whole way through GraphQL over HTTP, the last two by 32 at a time.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import secrets
import sqlite3
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.load import drive
from bench.servers import serving
from bench.workloads import VOTERS as CLIENTS
from bench.workloads import workloads
from bench.world import FULL, SMALL, Copy, Store, copy_of, kernel_on, stores
from core._db.sqlite import connect
from core.access import Viewer
from core.database import sqlite_path
from core.ids import new_id, parse_global_id
from core.kernel import Kernel
from core.viewers import load_viewer
from plugins.voting.rules import Choice
from plugins.voting.service.casting import AREA_TURNOUT, BALLOT, TURNOUT, cast_ballot

RESULTS = Path(__file__).parent / "casting.json"
AT = "2026-11-23T18:00:00.000+08:00"

_VALUES = {
    "voting_returned": "id, poll_id, entry_id, owner_id, person_id, at, nonce, receipt, channel, marks, is_signed",
    "core_trace_leaf": "id, seq, community_id, matter_id, at, body, leaf_hash, deed, hash_name",
    "core_trace_salt": "leaf_id, person_id, salt",
    "core_event": "id, seq, at, community_id, path, matter_id, payload, type, plugin",
    "core_idempotency_key": "id, owner, key, request_hash, answer, at",
}


def _insert(table: str) -> str:
    columns = _VALUES[table]
    marks = ", ".join("?" * len(columns.split(", ")))
    return f"INSERT INTO {table} ({columns}) VALUES ({marks})"  # noqa: S608 - names from here


BARE = (BALLOT, TURNOUT, AREA_TURNOUT, *map(_insert, _VALUES))
ROWS_OF_BALLOTS = (
    "SELECT COUNT(*) FROM voting_returned WHERE poll_id = ?",
    "SELECT COUNT(DISTINCT owner_id) FROM voting_returned WHERE poll_id = ?",
    "SELECT COUNT(*) FROM voting_ballot WHERE poll_id = ?",
    "SELECT COUNT(DISTINCT entry_id) FROM voting_ballot WHERE poll_id = ?",
    "SELECT SUM(heads) FROM voting_turnout WHERE poll_id = ?",
    "SELECT SUM(entries) FROM voting_area_turnout WHERE poll_id = ?",
    "SELECT COUNT(*) FROM core_trace_leaf WHERE matter_id = ? AND deed = 'voting.cast_ballot' AND seq IS NOT NULL",
    "SELECT COUNT(*) FROM core_event WHERE matter_id = ? AND type = 'voting.ballot_cast' AND seq IS NOT NULL",
)
"""What there is once for each ballot of a poll in which nobody changes theirs."""


@dataclass(frozen=True)
class Rate:
    """Ballots per second of one way on one database: the median of the rounds, and the lowest and the highest."""

    variant: str
    database: str
    per_second: float
    lowest: float
    highest: float
    to_bare: float | None


Round = Callable[[int], Awaitable[float]]


class Miscounted(Exception):
    """The rows are not as many as the ballots that were cast."""


def bare(path: str, poll: int) -> Round:
    """Write the rows of ballots with all values ready, one commit each."""
    connection = connect(path)
    rows = iter(_bare_rows(connection, poll))

    async def once(count: int) -> float:
        batch = list(itertools.islice(rows, count))
        begun = time.perf_counter()
        for values in batch:
            connection.execute("BEGIN IMMEDIATE")
            for sql, given in zip(BARE, values, strict=True):
                connection.execute(sql, given)
            connection.execute("COMMIT")
        return len(batch) / (time.perf_counter() - begun)

    return once


def _bare_rows(connection: sqlite3.Connection, poll: int) -> Iterator[list[tuple[object, ...]]]:
    place, where = connection.execute("SELECT community_id, path FROM core_matter WHERE id = ?", (poll,)).fetchone()
    number = connection.execute(
        "SELECT MAX((SELECT COALESCE(MAX(seq), 0) FROM core_event), (SELECT COALESCE(MAX(seq), 0) FROM core_trace_leaf))"
    ).fetchone()[0]
    voters = connection.execute(
        "SELECT e.id, e.area_centi, e.buildings, v.owner_id, v.person_id FROM voting_poll p "
        "JOIN register_roll_entry e ON e.roll_id = p.roll_id JOIN register_roll_voter v ON v.entry_id = e.id "
        "WHERE p.matter_id = ? ORDER BY e.id",
        (poll,),
    ).fetchall()
    for seq, (entry, area, building, owner, person) in enumerate(voters, number + 1):
        key, leaf, digest = new_id(), new_id(), secrets.token_hex(32)
        yield [
            (new_id(), poll, entry, "F", area, 1, building, AT),
            (area, 1, poll, building),
            (1, poll, area),
            (key, poll, entry, owner, person, AT, secrets.token_hex(16), digest, "ONLINE", "F", True),
            (leaf, seq, place, poll, AT, digest * 7, digest, "voting.cast_ballot", "SHA-256"),
            (leaf, person, secrets.token_hex(16)),
            (new_id(), seq, AT, place, where, poll, "{}", "voting.ballot_cast", "voting"),
            (new_id(), str(person), f"bare-{seq}", digest, str(key), AT),
        ]


async def deeds(kernel: Kernel, poll: int, motion: int) -> Round:
    """Do the deed as its viewers, without HTTP and GraphQL."""
    people = await kernel.database.fetch(
        "SELECT v.person_id FROM voting_poll p JOIN register_roll_voter v ON v.roll_id = p.roll_id "
        "WHERE p.matter_id = ? ORDER BY v.id",
        (poll,),
    )
    left = iter(enumerate(row["person_id"] for row in people))

    async def once(count: int) -> float:
        now = kernel.clock.now()
        await kernel.settings_book()
        voters = [
            (n, await load_viewer(kernel.database, person, now=now)) for n, person in itertools.islice(left, count)
        ]
        waiting = iter(voters)
        begun = time.perf_counter()
        await asyncio.gather(*(_voting(kernel, waiting, poll, motion) for _ in range(CLIENTS)))
        return len(voters) / (time.perf_counter() - begun)

    return once


async def _voting(kernel: Kernel, waiting: Iterator[tuple[int, Viewer | None]], poll: int, motion: int) -> None:
    for number, viewer in waiting:
        if viewer is not None:
            choices = [{"motion": motion, "choice": Choice.FOR}]
            await kernel.perform(cast_ballot, viewer, f"bench-{number}", id=poll, choices=choices)


def over_http(port: int, copy: Copy) -> Round:
    """Cast through GraphQL over HTTP."""
    [work] = [work for work in workloads(copy) if work.name == "W5"]

    async def once(count: int) -> float:
        sample = await drive(
            port, itertools.islice(work.requests, count), work.check, clients=CLIENTS, seconds=count / 10
        )
        return sample.count / sample.seconds

    return once


async def check(url: str, copy: Copy, poll: int, cast: int) -> None:
    """Compare the rows with the ballots cast; raises Miscounted."""
    async with kernel_on(copy.folder, url, copy.secret) as kernel:
        for sql in ROWS_OF_BALLOTS:
            found = await kernel.database.value(sql, (poll,))
            if found != cast:
                raise Miscounted(f"{found} instead of {cast}: {sql}")


async def measure(store: Store, rounds: int, count: int) -> list[Rate]:
    """Measure all ways on one database by turns, and count what was written."""
    async with AsyncExitStack() as stack:
        copy = await stack.enter_async_context(copy_of(store))
        votes = copy.facts.votes
        if votes is None:
            raise Miscounted(copy.facts.why_no_votes)
        poll, motion = _key(votes.open), _key(votes.motion)
        ways: dict[str, Round] = {}
        urls = {"deeds": await store.copy(store.prefix + "deeds"), "http": copy.url}
        stack.push_async_callback(store.drop, store.prefix + "deeds")
        if store.postgres is None:
            urls["bare"] = await store.copy(store.prefix + "bare")
            stack.push_async_callback(store.drop, store.prefix + "bare")
            ways["bare"] = bare(sqlite_path(urls["bare"]), poll)
        kernel = await stack.enter_async_context(kernel_on(copy.folder, urls["deeds"], copy.secret))
        ways["deeds"] = await deeds(kernel, poll, motion)
        server = await stack.enter_async_context(serving("engine", copy.folder, copy.url, copy.secret))
        ways["http"] = over_http(server.port, copy)
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, once in ways.items():
                rates[name].append(await once(count))
        for name in ways:
            await check(urls[name], copy, poll, rounds * count)
    return [_rate(name, store.database, found, rates.get("bare")) for name, found in rates.items()]


def _rate(name: str, database: str, found: list[float], bare_found: list[float] | None) -> Rate:
    ratio = round(median(a / b for a, b in zip(found, bare_found, strict=True)), 2) if bare_found else None
    return Rate(name, database, round(median(found)), round(min(found)), round(max(found)), ratio)


def _key(global_id: str) -> int:
    parsed = parse_global_id(global_id)
    assert parsed is not None  # noqa: S101 - the world wrote it
    return parsed[1]


async def main(stores: list[Store], rounds: int, count: int) -> list[Rate]:
    """Measure and print."""
    found: list[Rate] = []
    for store in stores:
        found += await measure(store, rounds, count)
    for rate in found:
        print(f"{rate.database:<9}{rate.variant:<7}{rate.per_second:>7.0f}/s ({rate.lowest:.0f}–{rate.highest:.0f})"
              + (f"  {rate.to_bare:.2f} of bare" if rate.to_bare else ""))  # fmt: skip
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.casting", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few ballots of the small world")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "shanzhi-bench")
    parser.add_argument("--database", choices=("sqlite", "postgres"), help="only this one; nothing is kept")
    given = parser.parse_args()
    chosen = stores(given.data, SMALL if given.quick else FULL, given.database)
    measured = asyncio.run(main(chosen, *((3, 300) if given.quick else (5, 2_000))))
    if not given.quick and given.database is None:
        RESULTS.write_text(json.dumps([asdict(rate) for rate in measured], indent=1) + "\n", encoding="utf-8")
