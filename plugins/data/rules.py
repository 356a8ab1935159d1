"""Pure decisions about figures: sums up the tree, what must not be told, how sure a share is, when silence is odd."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_UP, Context, Decimal, localcontext

from core.hierarchy import lineage
from core.indicators import Count, Indicator, IndicatorKind
from core.masks import SMALLEST_GROUP
from core.periods import Period, PeriodKind

Z95 = Decimal("1.959964")
KEPT: Mapping[PeriodKind, int] = {PeriodKind.MONTH: 6, PeriodKind.QUARTER: 6, PeriodKind.YEAR: 2}
"""How many periods before the running one are counted at all."""
PAST_QUARTERS = 4
FEWEST_BEFORE = 20
"""A channel with fewer than these in its four quarters before is not called silent: chance alone would do it."""

_FOUR = Decimal("0.0001")
_EXACT = Context(prec=60)


@dataclass(frozen=True)
class Sums:
    """What was counted at a place and everywhere below it."""

    numerator: int = 0
    denominator: int = 0
    covered: int = 0
    coverable: int = 0

    def plus(self, one: Count) -> Sums:
        """Add what was counted at one place."""
        return Sums(
            self.numerator + one.numerator, self.denominator + one.denominator, self.covered + one.covered,
            self.coverable + one.coverable,
        )  # fmt: skip

    def group(self, kind: IndicatorKind) -> int:
        """Return how many the figure is about: those out of whom, or those counted."""
        return self.denominator if kind is IndicatorKind.SHARE else self.numerator


def rolled_up(counts: Iterable[Count]) -> dict[str, Sums]:
    """Sum what was counted at places up the tree; the result is by path, every place above included."""
    sums: dict[str, Sums] = {}
    for one in counts:
        for path in lineage(one.path):
            sums[path] = sums.get(path, Sums()).plus(one)
    return sums


def suppressed(sums: Mapping[str, Sums], indicator: Indicator, smallest: int = SMALLEST_GROUP) -> set[str]:
    """Return the places whose figure is not told.

    First those about fewer persons than the smallest group. Then, from below, wherever a figure that is told less all that
    is told below it leaves such a group, the smallest figure below is withheld as well: else one could subtract.
    """
    if not indicator.of_persons:
        return set()
    size = {path: one.group(indicator.kind) for path, one in sums.items()}
    hidden = {path for path, group in size.items() if 0 < group < smallest}
    children: dict[str, list[str]] = {}
    for path in size:
        children.setdefault(path[: path.rstrip("/").rfind("/") + 1], []).append(path)
    below: dict[str, list[str]] = {}  # the highest of those that are told below a place
    rest: dict[str, int] = {}  # what is left of a place's figure when those are taken off
    for path in sorted(size, key=len, reverse=True):
        below[path] = [one for child in children.get(path, ()) for one in _highest(child, size, hidden, below)]
        rest[path] = size[path] - sum(size[one] for one in below[path])
        while path not in hidden and 0 < rest[path] < smallest and below[path]:
            least = min(below[path], key=lambda one: (rest[one] == 0, size[one], one))
            hidden.add(least)
            below[path].remove(least)
            below[path] += below[least]
            rest[path] += rest[least]
    return hidden


def _highest(path: str, size: Mapping[str, int], hidden: set[str], below: Mapping[str, list[str]]) -> Sequence[str]:
    return [path] if path not in hidden and size[path] else below[path]


def share(numerator: int, denominator: int) -> str | None:
    """Return a share with four decimals, a half rounded up; None out of nothing."""
    if not denominator:
        return None
    return str((Decimal(numerator) / Decimal(denominator)).quantize(_FOUR, rounding=ROUND_HALF_UP))


def wilson(numerator: int, denominator: int) -> tuple[str, str] | None:
    """Return the 95 % Wilson score interval of a share with four decimals, rounded outwards; None out of nothing."""
    if not denominator:
        return None
    low = _lower(numerator, denominator).quantize(_FOUR, rounding=ROUND_FLOOR)
    high = (1 - _lower(denominator - numerator, denominator)).quantize(_FOUR, rounding=ROUND_CEILING)
    return str(low), str(high)


def _lower(part: int, whole: int) -> Decimal:
    """Return the exact lower bound: (2s + z² - z·√(z² + 4·s·(n-s)/n)) / (2·(n + z²))."""
    if not part:
        return Decimal(0)
    with localcontext(_EXACT):
        s, n, square = Decimal(part), Decimal(whole), Z95 * Z95
        return (2 * s + square - Z95 * (square + 4 * s * (n - s) / n).sqrt()) / (2 * (n + square))


def is_thin(sums: Sums, percent: int) -> bool:
    """Say whether less was covered than so many percent of what could have been."""
    return sums.coverable > 0 and sums.covered * 100 < sums.coverable * percent


def fell_silent(
    now: int, before: Sequence[int], percent: int, outside: tuple[int, Sequence[int]] | None = None
) -> bool:
    """Say whether a channel has fallen silent against its own four quarters before (domain reference 5.2, Z5).

    ``outside`` is what came by external channels, now and before: where that fell as well, things are quieter indeed.
    """
    if len(before) < PAST_QUARTERS or sum(before) < FEWEST_BEFORE:
        return False
    if outside is not None and outside[1] and _below(outside[0], outside[1], 100):
        return False
    return _below(now, before, percent)


def _below(now: int, before: Sequence[int], percent: int) -> bool:
    return now * len(before) * 100 < sum(before) * percent


def due(indicator: Indicator, now: datetime) -> Iterator[Period]:
    """Yield the periods for which an indicator is counted, oldest first."""
    for kind in indicator.periods:
        running = Period.containing(now.date(), kind)
        yield from (running.shifted(-back) for back in range(KEPT[kind], -1, -1))


def settles_at(indicator: Indicator, period: Period) -> datetime:
    """Return from when on a period of an indicator does not change by itself any more."""
    return period.end + timedelta(days=indicator.settles_days)
