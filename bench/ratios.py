"""Ratios: how our server does against each baseline of the same round, with its spread, and against what is asked."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.report import Figures

OURS = "engine"
LOST = 0.9
"""A ratio below this share of the committed one is reported."""

BARS: Mapping[tuple[str, str], float] = {
    **{("stock", name): bar for name, bar in
       {"W1": 40, "W2": 25, "W3": 60, "W4": 60, "W5": 10, "W6": 15}.items()},
    **{("hand", name): 0.7 for name in ("W1", "W2", "W3", "W4", "W6")},
    ("bare", "W0"): 0.8,
    **{("peer", name): bar for name, bar in {"W1": 1.2, "W2": 2, "W3": 3, "W4": 3, "W5": 1}.items()},
}  # fmt: skip
"""Requests per second of our engine over those of a baseline: what is asked."""


@dataclass(frozen=True)
class Ratio:
    """Our throughput over a baseline's, of one workload and database: the median over the rounds, least and most."""

    workload: str
    database: str
    against: str
    middle: float
    least: float
    most: float
    cpu: float
    """The baseline's CPU time per request over ours."""

    @property
    def bar(self) -> float | None:
        """Return what is asked of it."""
        return BARS.get((self.against, self.workload))

    @property
    def key(self) -> tuple[str, str, str]:
        """Return which ratio it is."""
        return self.workload, self.database, self.against


def ratios(rounds: Iterable[Sequence[Figures]]) -> list[Ratio]:
    """Compare our engine with every other variant, round by round; a round without both says nothing."""
    found: dict[tuple[str, str, str], list[tuple[float, float]]] = {}
    for figures in rounds:
        ours = {(one.workload, one.database): one for one in figures if one.variant == OURS}
        for other in figures:
            mine = ours.get((other.workload, other.database))
            if mine is None or other.variant == OURS:
                continue
            cpu = other.cpu_us_per_request / mine.cpu_us_per_request if mine.cpu_us_per_request else 0.0
            found.setdefault((other.workload, other.database, other.variant), []).append((mine.rps / other.rps, cpu))
    return [_ratio(key, pairs) for key, pairs in sorted(found.items())]


def _ratio(key: tuple[str, str, str], pairs: Sequence[tuple[float, float]]) -> Ratio:
    speeds = [speed for speed, _ in pairs]
    return Ratio(*key, median(speeds), min(speeds), max(speeds), median(cpu for _, cpu in pairs))


def ratio_table(found: Sequence[Ratio]) -> str:
    """Return the ratios as a Markdown table, with whether each bar is met."""
    lines = [
        "| | database | engine against | requests/s | from – to | CPU | asked | |",
        "|---|---|---|---:|---:|---:|---:|---|",
    ]
    lines += [
        f"| {r.workload} | {r.database} | {r.against} | {r.middle:.2f} | {r.least:.2f} – {r.most:.2f} | {r.cpu:.2f} "
        f"| {'' if r.bar is None else f'{r.bar:g}'} | {_verdict(r)} |"
        for r in found
    ]
    return "\n".join(lines)


def _verdict(ratio: Ratio) -> str:
    if ratio.bar is None:
        return ""
    return "met" if ratio.middle >= ratio.bar else "not met"


def losses(now: Sequence[Ratio], committed: Sequence[Figures]) -> list[str]:
    """Name every ratio that lost more than a tenth against the committed figures."""
    before = {ratio.key: ratio for ratio in ratios([committed])}
    lost = [(one, before[one.key]) for one in now if one.key in before and one.middle < LOST * before[one.key].middle]
    return [
        f"{one.workload} on {one.database} against {one.against}: {one.middle:.2f}, was {earlier.middle:.2f}"
        for one, earlier in lost
    ]
