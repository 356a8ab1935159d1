"""The close of a large poll: ``python -m bench.closing``.

A poll in which 100,000 owners have voted is counted and certified through GraphQL over HTTP, and its certificate is
checked as a stranger would. The same run times one plain scan of the tables that a count reads: its time is the measure.
Before that, the turnout is asked of polls with 1,000 and with 100,000 ballots by turns. Fails (exit 1) with a sentence when
a figure, the certificate or its hash is wrong.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

import uvloop

from bench import polls
from bench.load import Line, WrongAnswer, drive, request_of
from bench.report import keep
from bench.servers import Server, ServerFailed, serving
from bench.workloads import has
from bench.world import SMALL, Store, compounds_of, copy_of, kernel_on, stores, vacuum
from core.clock import to_wire
from core.database import Tx
from core.ids import global_id
from core.kernel import Kernel
from verifier.shanzhi_verify import certificate_checks, sha256

RESULTS = Path(__file__).parent / "closing.json"
FEW, MANY = 1_000, 100_000
SCANS = (
    "SELECT COUNT(*), SUM(LENGTH(choices)), SUM(area_centi), SUM(heads) FROM voting_ballot",
    "SELECT COUNT(*), SUM(LENGTH(marks)), SUM(LENGTH(nonce)), SUM(LENGTH(receipt)) FROM voting_returned",
    "SELECT COUNT(*), SUM(LENGTH(units_text)), SUM(area_centi), SUM(heads) FROM register_roll_entry",
    "SELECT COUNT(*), SUM(CASE WHEN may_vote THEN 1 ELSE 0 END) FROM register_roll_voter",
)
ROUNDS = 5
SECONDS = 1.0
TURNOUT = """query($id: ID!) { poll(id: $id) { turnout { area { numerator denominator } heads { numerator denominator }
  isQuorate gapZh fewestVoters } } }"""
COUNT = """mutation($input: CountPollInput!) { countPoll(input: $input) { __typename ... on UserError { code message }
  ... on Poll { state certificateHash motions(first: 1) { nodes { result {
    verdict { strict { inFavour { heads } against { heads } } } } } } } } }"""
CERTIFICATE = "query($id: ID!) { poll(id: $id) { certificate { text sha256 } } }"


@dataclass(frozen=True)
class Figures:
    """What a close took on one database."""

    database: str
    ballots: int
    close_ms: float
    scan_ms: float
    close_to_scan: float
    close_few_ms: float
    certificate_ms: float
    turnout_few_ms: float
    turnout_many_ms: float
    turnout_many_to_few: float
    load_before: float


class WrongResult(Exception):
    """A poll was counted or certified wrongly."""


async def measure(store: Store, many: int) -> Figures:
    """Ask and close both polls on one database; raises WrongAnswer or WrongResult."""
    async with copy_of(store) as copy, kernel_on(copy.folder, copy.url, copy.secret) as kernel:
        places = await compounds_of(kernel)
        few, large = [await polls.to_close(kernel, *one) for one in ((places[0], FEW), (places[1], many))]
        if store.postgres:
            await vacuum(copy.url)
        load = os.getloadavg()[0]
        async with serving("engine", copy.folder, copy.url, copy.secret) as server:
            turnouts = await _turnouts(server, copy.staff, [few, large])
            close_few = await _close(kernel, server, copy.staff, few, FEW)
            close = await _close(kernel, server, copy.staff, large, many)
            scan = median([await _scan(kernel) for _ in range(ROUNDS)])
            certificate = await _certificate(server, copy.staff, large, many)
    ratio = median(b / a for a, b in zip(*turnouts, strict=True))
    return Figures(
        store.database, many, _ms(close), _ms(scan), round(close / scan, 1), _ms(close_few), _ms(certificate),
        *(round(median(found), 3) for found in turnouts), round(ratio, 2), round(load, 2),
    )  # fmt: skip


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


async def _turnouts(server: Server, token: str, opened: Sequence[polls.Opened]) -> list[list[float]]:
    """Return for each poll the median milliseconds of its turnout in every round, asked by one client by turns."""
    found: list[list[float]] = [[] for _ in opened]
    for _ in range(ROUNDS):
        for rounds, one in zip(found, opened, strict=True):
            request = request_of(TURNOUT, {"id": global_id("Poll", one.poll)}, token=token)
            sample = await drive(
                server.port, itertools.repeat(request), has(b'"isQuorate":true'), clients=1, seconds=SECONDS
            )
            rounds.append(sample.percentile(0.5))
    return found


async def _close(kernel: Kernel, server: Server, token: str, opened: polls.Opened, ballots: int) -> float:
    """Bring the end of a poll forward to now, let it be counted, and return the seconds; raises WrongResult."""
    await kernel.database.run(lambda tx: _end_now(tx, opened.poll, to_wire(kernel.clock.now())))
    seconds, data = await _asked(server, COUNT, {"input": {"id": global_id("Poll", opened.poll)}}, token)
    counted = data["countPoll"]
    if counted.get("state") != "PRELIMINARY" or not counted["certificateHash"]:
        raise WrongResult(f"the poll was not counted: {counted}")
    strict = counted["motions"]["nodes"][0]["result"]["verdict"]["strict"]
    heads = strict["inFavour"]["heads"], strict["against"]["heads"]
    expected = ballots - (-(-ballots // 3)), -(-ballots // 3)
    if heads != expected:
        raise WrongResult(f"{heads} heads were counted for and against, not {expected}")
    return seconds


async def _end_now(tx: Tx, poll: int, now: str) -> None:
    await tx.execute("UPDATE voting_poll SET closes_at = ? WHERE matter_id = ?", (now, poll))
    await tx.execute("UPDATE core_deadline SET at = ? WHERE matter_id = ?", (now, poll))


async def _scan(kernel: Kernel) -> float:
    """Return the seconds of one plain scan of every table that a count reads."""
    begun = time.perf_counter()
    for sql in SCANS:
        await kernel.database.fetch(sql)
    return time.perf_counter() - begun


async def _certificate(server: Server, token: str, opened: polls.Opened, ballots: int) -> float:
    """Fetch the certificate and check it; returns the seconds that fetching took. Raises WrongResult."""
    seconds, data = await _asked(server, CERTIFICATE, {"id": global_id("Poll", opened.poll)}, token)
    found = data["poll"]["certificate"]
    document = json.loads(found["text"])
    wrong = [
        check.about for check in certificate_checks(document) if not check.holds and check.name != "notice-too-late"
    ]
    if sha256(found["text"]) != found["sha256"] or len(document["receipts"]) != ballots or wrong:
        raise WrongResult(f"the certificate of {len(document['receipts'])} receipts does not hold: {wrong}")
    return seconds


async def _asked(server: Server, document: str, variables: dict[str, Any], token: str) -> tuple[float, dict[str, Any]]:
    """Return how long an answer took and its data; raises WrongAnswer."""
    line = await Line.to(server.port)
    begun = time.perf_counter()
    answer = await line.ask(request_of(document, variables, token=token))
    seconds = time.perf_counter() - begun
    line.close()
    has(b'"data"')(answer)
    data: dict[str, Any] = json.loads(answer.body)["data"]
    return seconds, data


async def main(chosen: Sequence[Store], many: int) -> list[Figures]:
    """Measure and print."""
    found = []
    for store in chosen:
        found.append(one := await measure(store, many))
        print(" ".join(f"{name}={value}" for name, value in asdict(one).items()), flush=True)
    return found


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.closing", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "shanzhi-bench")
    parser.add_argument("--database", choices=("sqlite", "postgres"), help="only this one")
    parser.add_argument("--ballots", type=int, default=MANY, help="of the large poll (default: %(default)s)")
    given = parser.parse_args()
    try:
        measured = uvloop.run(main(stores(given.data, SMALL, given.database), given.ballots))
    except (WrongAnswer, WrongResult, ServerFailed) as error:
        sys.exit(f"the close failed: {error}")
    if given.ballots == MANY:
        keep([asdict(one) for one in measured], RESULTS)
