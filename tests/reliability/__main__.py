"""Run every experiment of the table and write ``docs/reliability.md``: ``python -m tests.reliability``."""

from __future__ import annotations

import argparse
import asyncio
import os
import platform
import time
from datetime import datetime
from pathlib import Path

from tests.conftest import ROOT
from tests.reliability.experiments import EXPERIMENTS, Experiment
from tests.reliability.figures import NotHere
from tests.reliability.towns import Ground, ground
from tests.services import postgres_url

VOTERS = 40
REPORT = ROOT / "docs" / "reliability.md"
KINDS = {"sqlite": "SQLite", "postgres": "PostgreSQL"}


async def _outcome(experiment: Experiment, made: Ground, rounds: int) -> tuple[str, str]:
    """Run one experiment; returns its figures, and how it ended."""
    try:
        figures = await experiment.run(made, rounds)
    except NotHere as missing:
        return str(missing), "not run"
    except Exception as error:  # noqa: BLE001 - the report says what happened, and the others go on
        return f"{type(error).__name__}: {str(error)[:300]}", "**failed**"
    return "; ".join(f"{name} {value}" for name, value in figures.items()), "passed"


def _page(rows: list[str], share: float, note: str) -> str:
    """Return the report."""
    machine = f"{os.cpu_count()} processors, {platform.system()}, Python {platform.python_version()}"
    reduced = "" if share == 1 else f" Run with {share:.0%} of the rounds of the table."
    return "\n".join([
        "# Reliability: what was done to the server, and what held 可靠性实验",
        "",
        "Written by `make reliability`; do not edit. The short forms run with the tests.",
        f"{datetime.now().astimezone():%Y-%m-%d}, {machine}.{reduced} {note}".rstrip(),
        "",
        "After each experiment: what was acknowledged is there exactly once; what was not, once or not at all; ballots and leaves match;",
        "the tally is a recomputation; nothing after the close; pages and foreign keys whole; the outbox drained.",
        "A `kill -9` cannot show what a power cut does to a disk that lies: `synchronous=FULL` is set, and not proven by these.",
        "",
        "| Experiment | Database | Rounds | Figures | Bound | Outcome |",
        "| --- | --- | --- | --- | --- | --- |",
        *rows,
        "",
    ])  # fmt: skip


async def _run(share: float, only: str, kinds: list[str], target: Path, note: str) -> int:
    rows, failed = [], 0
    for kind in kinds:
        async with ground(kind, VOTERS) as made:
            for experiment in EXPERIMENTS:
                if kind not in experiment.kinds or only not in experiment.run.__name__:
                    continue
                rounds, began = max(experiment.few, 2, round(experiment.many * share)), time.monotonic()
                told, outcome = await _outcome(experiment, made, rounds)
                failed += "failed" in outcome
                told = told.replace("|", "/").replace("\n", " ")
                rows.append(
                    f"| {experiment.name} | {KINDS[kind]} | {rounds} | {told} | {experiment.bound} | {outcome} |"
                )
                print(f"{time.monotonic() - began:6.1f} s  {rows[-1]}", flush=True)
                target.write_text(_page(rows, share, note), encoding="utf-8")
    return failed


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="this part of the rounds only")
    parser.add_argument("--only", default="", help="experiments whose function's name holds this")
    parser.add_argument("--database", choices=KINDS, help="one kind only")
    parser.add_argument("--report", type=Path, default=REPORT, help="where to write")
    parser.add_argument("--note", default="", help="a sentence about the circumstances, for the report")
    given = parser.parse_args()
    kinds = [given.database] if given.database else [kind for kind in KINDS if kind == "sqlite" or postgres_url()]
    raise SystemExit(1 if asyncio.run(_run(given.share, given.only, kinds, given.report, given.note)) else 0)


if __name__ == "__main__":
    main()
