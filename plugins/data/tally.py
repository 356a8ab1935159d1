"""Counting: each indicator once a period over all places, summed up the tree, written where it changed.

What is settled is not counted again, and what is frozen is not written again, so that a sweep has little to do; readers
never count anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from core.clock import to_wire
from core.database import Row, Tx
from core.ids import new_id
from core.indicators import Indicator, IndicatorKind, counted
from core.kernel import Kernel
from core.periods import Period, PeriodKind
from core.plugin import Viewer
from core.settings import SettingsBook
from plugins.data import rules
from plugins.data.rules import Sums
from plugins.data.service import note_silence
from plugins.data.settings import DataSettings

MOST_AT_ONCE = 600
PATHS_AT_ONCE = 500
COLUMNS = (
    "numerator", "denominator", "covered", "coverable", "value", "low", "high", "is_suppressed", "is_thin", "is_silent",
)  # fmt: skip
_SET = ", ".join(f"{name} = ?" for name in COLUMNS)


@dataclass(frozen=True)
class Round:
    """One indicator for one period, counted at one moment."""

    indicator: Indicator
    period: Period
    now: datetime

    @property
    def is_settled(self) -> bool:
        """Say whether nothing changes by itself any more."""
        return rules.settles_at(self.indicator, self.period) <= self.now


async def count_due(kernel: Kernel) -> None:
    """Count what is not settled: running periods, those just over, and those never counted; a bounded number at once."""
    now, book = kernel.clock.now(), await kernel.settings_book()
    if not book.enabled_ranges("data", now):
        return
    rows = await kernel.database.fetch("SELECT indicator, period FROM data_tally WHERE is_settled")
    done = {(row["indicator"], row["period"]) for row in rows}
    for one in list(_rounds(kernel, now, done))[:MOST_AT_ONCE]:
        await count(kernel, one, book)


def _rounds(kernel: Kernel, now: datetime, done: set[tuple[str, str]]) -> Iterator[Round]:
    for indicator in kernel.host.indicators.values():
        for period in rules.due(indicator, now):
            if (indicator.code, period.code) not in done:
                yield Round(indicator, period, now)


async def count(kernel: Kernel, one: Round, book: SettingsBook) -> None:
    """Count one indicator for one period over all places, and write what is new."""
    sums = rules.rolled_up(await counted(kernel.database, one.indicator, one.period))
    silences = await _watched(kernel, one, sums)
    hidden = rules.suppressed(sums, one.indicator)
    places = await _places(kernel, sorted(sums))
    before = await _standing(kernel, one)
    wanted = {}
    for path, found in sums.items():
        if path in places:
            settings = book.resolve("data", DataSettings, path, one.now).values
            series, outside = silences.get(path, ([], None))
            quiet = rules.fell_silent(found.numerator, series, settings.silence_percent, outside)
            thin = rules.is_thin(found, settings.coverage_percent)
            wanted[places[path]] = told(
                one.indicator, found, is_suppressed=path in hidden, is_thin=thin, is_silent=quiet
            )
    await kernel.database.run(partial(_write, one=one, wanted=wanted, before=before))
    for path, key in places.items():
        if key in wanted and wanted[key][-1] and not (key in before and before[key]["is_silent"]):
            await kernel.perform(
                note_silence, Viewer(system="data.count_due"), f"silent-{key}-{one.indicator.code}-{one.period.code}",
                community=await kernel.database.value("SELECT code FROM core_community WHERE path = ?", (path,)),
                indicator=one.indicator.code, period=one.period.code,
            )  # fmt: skip


def told(
    indicator: Indicator, sums: Sums, *, is_suppressed: bool, is_thin: bool = False, is_silent: bool = False
) -> tuple[Any, ...]:
    """Return the COLUMNS of a figure; what is not told has neither share nor interval."""
    value = low = high = None
    if indicator.kind is IndicatorKind.SHARE and not is_suppressed:
        value = rules.share(sums.numerator, sums.denominator)
        if indicator.has_interval:
            low, high = rules.wilson(sums.numerator, sums.denominator) or (None, None)
    figures = (sums.numerator, sums.denominator, sums.covered, sums.coverable)
    return (*figures, value, low, high, is_suppressed, is_thin, is_silent)


async def _places(kernel: Kernel, paths: Sequence[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for at in range(0, len(paths), PATHS_AT_ONCE):
        some = paths[at : at + PATHS_AT_ONCE]
        marks = ", ".join("?" * len(some))
        rows = await kernel.database.fetch(f"SELECT id, path FROM core_community WHERE path IN ({marks})", some)
        found.update({row["path"]: row["id"] for row in rows})
    return found


async def _standing(kernel: Kernel, one: Round) -> dict[int, Row]:
    """Return the figures as they stand, by place."""
    rows = await kernel.database.fetch(
        f"SELECT id, community_id, release_id, {', '.join(COLUMNS)} FROM data_figure WHERE indicator = ? AND period = ?",
        (one.indicator.code, one.period.code),
    )
    return {row["community_id"]: row for row in rows}


async def _watched(
    kernel: Kernel, one: Round, sums: dict[str, Sums]
) -> Mapping[str, tuple[list[int], tuple[int, list[int]] | None]]:
    """Return what a closed quarter of a channel is held against, by place; a place that fell silent gets its 0."""
    is_watched = one.indicator.kind is IndicatorKind.VOLUME and one.period.kind is PeriodKind.QUARTER
    if not is_watched or one.period.end > one.now:
        return {}
    quarters = [one.period.shifted(-back).code for back in range(1, rules.PAST_QUARTERS + 1)]
    own = await _series(kernel, [one.indicator.code], quarters)
    for path in own:
        sums.setdefault(path, Sums())
    outside = [code for code, other in kernel.host.indicators.items() if other.kind is IndicatorKind.EXTERNAL]
    external = await _series(kernel, outside, [one.period.code, *quarters]) if outside else {}
    found: dict[str, tuple[list[int], tuple[int, list[int]] | None]] = {}
    for path, series in own.items():
        fed = external.get(path)
        before = [series.get(code, 0) for code in quarters]
        found[path] = before, ((fed.get(one.period.code, 0), [fed.get(code, 0) for code in quarters]) if fed else None)
    return found


async def _series(kernel: Kernel, indicators: Sequence[str], periods: Sequence[str]) -> dict[str, dict[str, int]]:
    """Return the numerators of indicators together, by path and period."""
    rows = await kernel.database.fetch(
        "SELECT c.path, f.period, CAST(SUM(f.numerator) AS BIGINT) AS counted FROM data_figure f "
        f"JOIN core_community c ON c.id = f.community_id WHERE f.indicator IN ({', '.join('?' * len(indicators))}) "
        f"AND f.period IN ({', '.join('?' * len(periods))}) GROUP BY c.path, f.period",
        (*indicators, *periods),
    )
    found: dict[str, dict[str, int]] = {}
    for row in rows:
        found.setdefault(row["path"], {})[row["period"]] = row["counted"]
    return found


async def _write(tx: Tx, one: Round, wanted: Mapping[int, tuple[Any, ...]], before: Mapping[int, Row]) -> None:
    """Write the figures that changed, drop those of places where nothing is counted any more, and note how far it is."""
    now = to_wire(one.now)
    changed = [
        (*columns, now, before[place]["id"]) for place, columns in wanted.items()
        if place in before and tuple(before[place][name] for name in COLUMNS) != columns
    ]  # fmt: skip
    await tx.execute_many(f"UPDATE data_figure SET {_SET}, counted_at = ? WHERE id = ? AND release_id IS NULL", changed)
    about = (one.indicator.code, one.period.code, one.period.kind.value, one.period.begin.date().isoformat())
    settles = to_wire(rules.settles_at(one.indicator, one.period))
    await tx.execute_many(
        "INSERT INTO data_figure (id, community_id, indicator, period, kind, begins_on, settles_at, counted_at, version, "
        f"{', '.join(COLUMNS)}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 1, {', '.join('?' * len(COLUMNS))}) "
        "ON CONFLICT (community_id, period, indicator) DO NOTHING",
        [(new_id(), place, *about, settles, now, *columns) for place, columns in wanted.items() if place not in before],
    )
    gone = [(row["id"],) for place, row in before.items() if place not in wanted]
    await tx.execute_many("DELETE FROM data_figure WHERE id = ? AND release_id IS NULL AND NOT EXISTS "
                          "(SELECT 1 FROM data_version v WHERE v.figure_id = data_figure.id)", gone)  # fmt: skip
    await tx.execute(
        "INSERT INTO data_tally (id, indicator, period, is_settled, counted_at) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (period, indicator) DO UPDATE SET is_settled = excluded.is_settled, counted_at = excluded.counted_at",
        (new_id(), one.indicator.code, one.period.code, one.is_settled, now),
    )
