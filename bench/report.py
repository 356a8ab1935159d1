"""Figures: rows of ``bench/results.json``, the medians of several rounds, and the table that is printed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench.load import Sample

COLUMNS = ("rps", "p50_ms", "p99_ms", "cpu_us_per_request", "rss_mib")


@dataclass(frozen=True)
class Figures:
    """What one workload took with one variant on one database, of one round or as the median of several."""

    workload: str
    variant: str
    database: str
    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_request: float
    rss_mib: float


@dataclass(frozen=True)
class Subject:
    """What was measured: a workload with a variant on a database."""

    workload: str
    variant: str
    database: str

    def figures(self, sample: Sample, cpu_seconds: float, rss_mib: float) -> Figures:
        """Return the figures of one round."""
        return Figures(
            self.workload, self.variant, self.database, round(sample.count / sample.seconds, 1),
            round(sample.percentile(0.5), 3), round(sample.percentile(0.99), 3),
            round(cpu_seconds / sample.count * 1e6, 1), round(rss_mib, 1),
        )  # fmt: skip


def medians(rounds: Iterable[Sequence[Figures]]) -> list[Figures]:
    """Return the medians of the rounds, by workload and database; the variants stay in the order they ran in."""
    grouped: dict[tuple[str, str, str], list[Figures]] = {}
    for one in (one for figures in rounds for one in figures):
        grouped.setdefault((one.workload, one.database, one.variant), []).append(one)
    return sorted((_median(group) for group in grouped.values()), key=lambda one: (one.workload, one.database))


def _median(group: Sequence[Figures]) -> Figures:
    first = group[0]
    middle = {name: round(median(getattr(one, name) for one in group), 3) for name in COLUMNS}
    return Figures(first.workload, first.variant, first.database, **middle)


def table(figures: Sequence[Figures]) -> str:
    """Return the figures as a Markdown table."""
    lines = [
        "| | database | variant | requests/s | p50 ms | p99 ms | CPU µs per request | RSS MiB |",
        "|---|---|---|---:|---:|---:|---:|---:|",
    ]
    lines += [
        f"| {f.workload} | {f.database} | {f.variant} | {_short(f.rps)} | {_short(f.p50_ms)} | {_short(f.p99_ms)} "
        f"| {f.cpu_us_per_request:,.0f} | {f.rss_mib:.0f} |"
        for f in figures
    ]
    return "\n".join(lines)


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def write(figures: Sequence[Figures], path: Path) -> None:
    """Keep the figures as JSON, one row a line."""
    rows = ",\n".join(f"  {json.dumps(asdict(one))}" for one in figures)
    path.write_text(f"[\n{rows}\n]\n", encoding="utf-8")


def read(path: Path) -> list[Figures]:
    """Read figures that were kept; none where there is no file."""
    return [Figures(**row) for row in json.loads(path.read_text(encoding="utf-8"))] if path.exists() else []


def keep(rows: Sequence[dict[str, Any]], target: Path) -> None:
    """Write rows to a file that has one for each database; the row of one that was not measured stays."""
    before = json.loads(target.read_text(encoding="utf-8")) if target.exists() else []
    found = {row["database"]: row for row in (*before, *rows)}
    target.write_text(json.dumps(list(found.values()), indent=1) + "\n", encoding="utf-8")
