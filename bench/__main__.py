"""Measure our own server and the baselines over HTTP: ``python -m bench``, or ``make bench ARGS=--quick``."""

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

import uvloop

from bench import node
from bench.agreement import Party, check_agreement
from bench.load import WrongAnswer, drive
from bench.ratios import losses, ratio_table, ratios
from bench.report import Figures, Subject, medians, read, table, write
from bench.servers import OURS, WORKERS, Server, ServerFailed, serving
from bench.workloads import Workload, workloads
from bench.world import FULL, SMALL, Copy, Size, Store, copy_of, stores

VARIANTS = ("engine", "shanzhi-stock", "stock", "stock-cached", "hand", "bare", "peer")
ONLY = {"bare": ("W0",), "peer": node.PEER_WORKLOADS}
"""Baselines that do not answer every workload."""
RESULTS = Path(__file__).parent / "results.json"


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    size: Size
    rounds: int
    seconds: float
    warm_up: float


DEFAULT = Plan(FULL, rounds=3, seconds=2.5, warm_up=0.5)
QUICK = Plan(SMALL, rounds=1, seconds=0.3, warm_up=0.1)


@dataclass(frozen=True)
class Running:
    """A variant that runs on a copy of the world, with its workloads."""

    database: str
    variant: str
    server: Server
    workloads: Sequence[Workload]


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the server over HTTP on this machine."
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="does it run? a small world, briefly, on SQLite",
    )
    parser.add_argument("--data", type=Path, default=Path(tempfile.gettempdir()) / "shanzhi-bench",
                        help="where the world is kept between runs (default: %(default)s)")  # fmt: skip
    parser.add_argument("--database", choices=("sqlite", "postgres"), help="only this one")
    parser.add_argument("--variants", nargs="+", choices=(*VARIANTS, *WORKERS), default=VARIANTS, help="only these")
    parser.add_argument("--rounds", type=int, help=f"how often all is measured (default: {DEFAULT.rounds})")
    parser.add_argument("--only", nargs="+", metavar="W", help="only these workloads, e.g. --only W3 W4")
    parser.add_argument(
        "--results", type=Path, help="where the figures go (default: bench/results.json; none if quick)"
    )
    parser.add_argument("--markdown", type=Path, help="where the tables go as Markdown")
    return parser.parse_args()


async def main(given: argparse.Namespace) -> None:
    """Build what is missing, start the servers, measure, report."""
    plan = QUICK if given.quick else DEFAULT
    given.variants = _runnable(given.variants)
    async with AsyncExitStack() as stack:
        running: list[Running] = []
        for store in stores(given.data, plan.size, given.database or ("sqlite" if given.quick else None)):
            running += await _start(stack, store, given)
        rounds: list[list[Figures]] = []
        count = given.rounds or plan.rounds
        for number in range(count):
            print(f"round {number + 1} of {count}", flush=True)
            rounds.append(await _round(running, plan, number))
    _report(given, rounds)


def _runnable(variants: Sequence[str]) -> list[str]:
    """Leave out the peer where Node cannot run it, and say why; what is left is then a partial run."""
    why = node.why_left_out() if "peer" in variants else None
    if why is not None:
        print(f"peer is left out: {why}", flush=True)
    return [name for name in variants if name != "peer" or why is None]


def _report(given: argparse.Namespace, rounds: Sequence[Sequence[Figures]]) -> None:
    """Print the tables and what was lost since the committed figures, and keep the new ones."""
    figures, found = medians(rounds), ratios(rounds)
    tables = f"{ratio_table(found)}\n\n{table(figures)}\n"
    print(tables)
    if given.markdown is not None:
        given.markdown.write_text(tables, encoding="utf-8")
    if not given.quick:
        for line in losses(found, read(RESULTS)):
            print(f"lost more than a tenth: {line}")
    is_partial = given.quick or given.only or given.database or set(given.variants) != set(VARIANTS)
    target = given.results or (None if is_partial else RESULTS)
    if target is not None:
        write(figures, target)
        print(f"written to {target}")


async def _start(stack: AsyncExitStack, store: Store, given: argparse.Namespace) -> list[Running]:
    """Start every variant on a copy of its own, all at once, and see that they answer alike."""
    begun = time.perf_counter()
    copies: list[Copy] = []
    variants = [name for name in given.variants if store.postgres or name not in WORKERS]
    for variant in variants:
        copies.append(await stack.enter_async_context(copy_of(store, variant, copies[0] if copies else None)))
    if copies[0].facts.why_no_votes:
        print(f"{store.database}: W5 and W6 are left out: {copies[0].facts.why_no_votes}")
    servers = await asyncio.gather(
        *(stack.enter_async_context(serving(variant, copy.folder, copy.url, copy.secret))
          for variant, copy in zip(variants, copies, strict=True))
    )  # fmt: skip
    started = [
        Running(store.database, variant, server, _wanted(variant, copy, given.only))
        for variant, server, copy in zip(variants, servers, copies, strict=True)
    ]
    await _agree(started)
    print(f"{store.database}: ready after {time.perf_counter() - begun:.1f} s", flush=True)
    return started


def _wanted(variant: str, copy: Copy, only: Sequence[str] | None) -> list[Workload]:
    found = [work for work in workloads(copy) if only is None or work.name in only]
    return [work for work in found if work.name in ONLY.get(variant, (work.name,))]


async def _agree(started: Sequence[Running]) -> None:
    """Compare the first answers of all variants; with none of ours among them there is nothing to compare with."""
    ours = next((one for one in started if one.variant in OURS), None)
    if ours is not None:
        await check_agreement([Party(one.variant, one.server, one.workloads) for one in started], ours.variant)


async def _round(running: Sequence[Running], plan: Plan, number: int) -> list[Figures]:
    """Go once over all workloads; within each, variants and databases take turns, beginning with another each round."""
    turn = number % len(running)
    pairs = [(one, work) for one in (*running[turn:], *running[:turn]) for work in one.workloads]
    pairs.sort(key=lambda pair: pair[1].name)
    return [figures for pair in pairs if (figures := await _measure(*pair, plan)) is not None]


async def _measure(one: Running, work: Workload, plan: Plan) -> Figures | None:
    try:
        return await _sampled(one, work, plan)
    except WrongAnswer as wrong:
        raise WrongAnswer(f"{work.name} on {one.database} with {one.variant}: {wrong}") from wrong


async def _sampled(one: Running, work: Workload, plan: Plan) -> Figures | None:
    server = one.server
    await drive(server.port, work.requests, work.check, clients=work.clients, seconds=plan.warm_up)
    before = server.cpu_seconds()
    sample = await drive(server.port, work.requests, work.check, clients=work.clients, seconds=plan.seconds)
    if not sample.count:
        print(f"{work.name} on {one.database} with {one.variant}: no requests are left")
        return None
    cpu = server.cpu_seconds() - before
    return Subject(work.name, one.variant, one.database).figures(sample, cpu, server.rss_mib())


if __name__ == "__main__":
    try:
        uvloop.run(main(arguments()))
    except (WrongAnswer, ServerFailed) as error:
        sys.exit(f"not measured: {error}")
