"""Measure our own server over HTTP: ``python -m bench``, or ``make bench ARGS=--quick``."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

from bench.load import WrongAnswer, drive
from bench.report import Figures, figures_of, medians, table, write
from bench.servers import Server, ServerFailed, serving
from bench.workloads import Workload, workloads
from bench.world import FULL, SMALL, Size, Store, copy_of
from tests.services import postgres_url

RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    size: Size
    rounds: int
    seconds: float
    warm_up: float


DEFAULT = Plan(FULL, rounds=3, seconds=2.5, warm_up=0.5)
QUICK = Plan(SMALL, rounds=1, seconds=0.8, warm_up=0.2)


@dataclass(frozen=True)
class Subject:
    """A running server on a copy of the world, with its workloads."""

    database: str
    server: Server
    workloads: Sequence[Workload]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the server over HTTP on this machine."
    )
    parser.add_argument("--quick", action="store_true", help="a tenth of the world and one short round: does it run?")
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "shanzhi-bench",
                        help="where the world is kept between runs (default: %(default)s)")  # fmt: skip
    parser.add_argument("--database", choices=("sqlite", "postgres"), help="only this one")
    parser.add_argument("--only", nargs="+", metavar="W", help="only these workloads, e.g. --only W3 W4")
    parser.add_argument(
        "--results", type=Path, help="where the figures go (default: bench/results.json; none if quick)"
    )
    return parser.parse_args()


def stores(folder: Path, size: Size, only: str | None) -> list[Store]:
    """Return where to measure: SQLite, and PostgreSQL where it answers."""
    address = postgres_url()
    found = [Store(folder, size)] + ([Store(folder, size, address)] if address else [])
    if address is None:
        print("PostgreSQL does not answer on this machine: measuring SQLite only")
    return [store for store in found if only in (None, store.database)]


async def main(given: argparse.Namespace) -> None:
    """Build what is missing, start the servers, measure, report."""
    plan = QUICK if given.quick else DEFAULT
    async with AsyncExitStack() as stack:
        subjects = [await _subject(stack, store, given.only) for store in stores(given.data, plan.size, given.database)]
        rounds: list[Figures] = []
        for number in range(plan.rounds):
            print(f"round {number + 1} of {plan.rounds}", flush=True)
            rounds += await _round(subjects, plan)
    figures = medians(rounds)
    print(table(figures))
    target = given.results or (None if given.quick or given.only or given.database else RESULTS)
    if target is not None:
        write(figures, target)
        print(f"written to {target}")


async def _subject(stack: AsyncExitStack, store: Store, only: Sequence[str] | None) -> Subject:
    begun = time.perf_counter()
    copy = await stack.enter_async_context(copy_of(store))
    server = await stack.enter_async_context(serving(copy.folder, copy.url, copy.secret))
    print(f"{store.database}: ready after {time.perf_counter() - begun:.1f} s", flush=True)
    if copy.facts.why_no_votes:
        print(f"{store.database}: W5 and W6 are left out: {copy.facts.why_no_votes}")
    return Subject(store.database, server, [w for w in workloads(copy) if only is None or w.name in only])


async def _round(subjects: Sequence[Subject], plan: Plan) -> list[Figures]:
    """Go once over all workloads, the databases taking turns within each."""
    pairs = [(subject, workload) for subject in subjects for workload in subject.workloads]
    pairs.sort(key=lambda pair: pair[1].name)
    return [figures for pair in pairs if (figures := await _measure(*pair, plan)) is not None]


async def _measure(subject: Subject, work: Workload, plan: Plan) -> Figures | None:
    try:
        return await _sampled(subject, work, plan)
    except WrongAnswer as wrong:
        raise WrongAnswer(f"{work.name} on {subject.database}: {wrong}") from wrong


async def _sampled(subject: Subject, work: Workload, plan: Plan) -> Figures | None:
    server = subject.server
    await drive(server.port, work.requests, work.check, clients=work.clients, seconds=plan.warm_up)
    before = server.cpu_seconds()
    sample = await drive(server.port, work.requests, work.check, clients=work.clients, seconds=plan.seconds)
    if not sample.count:
        print(f"{work.name} on {subject.database}: no requests are left")
        return None
    return figures_of(work.name, subject.database, sample, server.cpu_seconds() - before, server.rss_mib())


if __name__ == "__main__":
    try:
        asyncio.run(main(arguments()))
    except (WrongAnswer, ServerFailed) as error:
        sys.exit(f"not measured: {error}")
