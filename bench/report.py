"""Figures: rows of ``bench/results.json``, and the table that is printed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bench.load import Sample

VARIANT = "shanzhi-stock"


@dataclass(frozen=True)
class Figures:
    """What one workload took on one database, of one round or as the median of several."""

    workload: str
    variant: str
    database: str
    rps: float
    p50_ms: float
    p99_ms: float
    cpu_us_per_request: float
    rss_mib: float


def figures_of(workload: str, database: str, sample: Sample, cpu_seconds: float, rss_mib: float) -> Figures:
    """Return the figures of one round."""
    return Figures(
        workload, VARIANT, database, round(sample.count / sample.seconds, 1), round(sample.percentile(0.5), 3),
        round(sample.percentile(0.99), 3), round(cpu_seconds / sample.count * 1e6, 1), round(rss_mib, 1),
    )  # fmt: skip


def medians(rounds: Sequence[Figures]) -> list[Figures]:
    """Return the medians of the rounds for each workload and database, in the order of their first round."""
    grouped: dict[tuple[str, str], list[Figures]] = {}
    for one in rounds:
        grouped.setdefault((one.workload, one.database), []).append(one)
    return [_median(group) for _, group in sorted(grouped.items())]


def _median(group: Sequence[Figures]) -> Figures:
    first = group[0]
    middle = {
        name: round(median(getattr(one, name) for one in group), 3)
        for name in ("rps", "p50_ms", "p99_ms", "cpu_us_per_request", "rss_mib")
    }
    return Figures(first.workload, first.variant, first.database, **middle)


def table(figures: Sequence[Figures]) -> str:
    """Return the figures as a table for reading."""
    lines = [f"{'workload':<9}{'database':<10}{'rps':>10}{'p50 ms':>10}{'p99 ms':>10}{'CPU µs/req':>12}{'RSS MiB':>9}"]
    lines += [
        f"{f.workload:<9}{f.database:<10}{f.rps:>10.1f}{f.p50_ms:>10.2f}{f.p99_ms:>10.2f}"
        f"{f.cpu_us_per_request:>12.0f}{f.rss_mib:>9.0f}"
        for f in figures
    ]
    return "\n".join(lines)


def write(figures: Sequence[Figures], path: Path) -> None:
    """Keep the figures as JSON, one row a line."""
    rows = ",\n".join(f"  {json.dumps(asdict(one))}" for one in figures)
    path.write_text(f"[\n{rows}\n]\n", encoding="utf-8")
