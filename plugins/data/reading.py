"""Figures of a place as pages and exports show them: finished rows, with what is not told left out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from core.clock import to_wire
from core.indicators import Indicator, IndicatorKind
from core.periods import Period
from core.plugin import Asked
from plugins.data.kinds import Quality

MOST_FIGURES = 5_000


@dataclass(frozen=True)
class Told:
    """One figure as everybody may read it; numbers are None where they are not told."""

    key: int
    indicator: Indicator
    period: Period
    numerator: int | None
    denominator: int | None
    covered: int | None
    coverable: int | None
    value: str | None
    low: str | None
    high: str | None
    quality: Quality
    is_silent: bool
    version: int
    counted_at: str


async def figures(asked: Asked) -> list[Told]:
    """Return the figures of a place, the latest periods first; those of plugins that are off there are left out."""
    rows = await asked.kernel.database.fetch(
        "SELECT * FROM data_figure WHERE community_id = ? ORDER BY begins_on DESC, id DESC LIMIT ?",
        (asked.here.id, MOST_FIGURES), dear=True,
    )  # fmt: skip
    known, now = asked.kernel.host.indicators, to_wire(asked.now)
    on = {
        plugin
        for plugin in {one.plugin for one in known.values()}
        if asked.book.is_enabled(plugin, asked.here.path, asked.now)
    }
    found = [_told(row, known[row["indicator"]], now) for row in rows if row["indicator"] in known]
    return [one for one in found if one is not None and one.indicator.plugin in on]


def _told(row: Any, indicator: Indicator, now: str) -> Told | None:
    period = Period.parse(row["period"])
    if period is None:
        return None
    quality = Quality.SOUND
    if row["is_suppressed"]:
        quality = Quality.SUPPRESSED
    elif row["release_id"] is None and row["settles_at"] > now:
        quality = Quality.PROVISIONAL
    elif row["is_thin"]:
        quality = Quality.LOW_COVERAGE
    is_share = indicator.kind is IndicatorKind.SHARE
    numbers = {
        "numerator": row["numerator"], "denominator": row["denominator"] if is_share else None,
        "covered": row["covered"] if indicator.coverage else None,
        "coverable": row["coverable"] if indicator.coverage else None,
    }  # fmt: skip
    if quality is Quality.SUPPRESSED:
        numbers = dict.fromkeys(numbers)
    return Told(
        row["id"], indicator, period, **numbers, value=row["value"], low=row["low"], high=row["high"], quality=quality,
        is_silent=bool(row["is_silent"]), version=row["version"], counted_at=row["counted_at"],
    )  # fmt: skip


@dataclass(frozen=True)
class Corrected:
    """One correction of a published figure."""

    indicator: str
    period: str
    number: int
    before: str
    after: str
    at: str
    reason: str


async def corrections(asked: Asked) -> list[Corrected]:
    """Return the corrections of a place's published figures, the latest first (at most 100)."""
    rows = await asked.kernel.database.fetch(
        "SELECT f.indicator, f.period, v.number, v.at, v.reason, v.numerator, v.denominator, v.is_suppressed, "
        "b.numerator AS was, b.denominator AS was_of, b.is_suppressed AS was_hidden FROM data_version v "
        "JOIN data_version b ON b.figure_id = v.figure_id AND b.number = v.number - 1 JOIN data_figure f ON f.id = v.figure_id "
        "WHERE f.community_id = ? AND v.reason <> '' ORDER BY v.id DESC LIMIT 100",
        (asked.here.id,),
    )
    return [
        Corrected(
            row["indicator"], row["period"], row["number"], _said(row["was"], row["was_of"], row["was_hidden"]),
            _said(row["numerator"], row["denominator"], row["is_suppressed"]), row["at"], row["reason"],
        ) for row in rows
    ]  # fmt: skip


def _said(numerator: int, denominator: int, is_hidden: bool) -> str:
    if is_hidden:
        return "—"
    return f"{numerator} / {denominator}" if denominator else f"{numerator}"


def dictionary(indicators: Mapping[str, Indicator]) -> list[dict[str, Any]]:
    """Return the data dictionary: one entry an indicator, in both languages."""
    return [
        {
            "code": one.code, "title_zh": one.title_zh, "title_en": one.title_en, "kind": one.kind.value,
            "zero": one.zero.value if one.zero else None,
            "numerator_zh": one.numerator.zh, "numerator_en": one.numerator.en,
            "denominator_zh": one.denominator.zh if one.denominator else None,
            "denominator_en": one.denominator.en if one.denominator else None,
            "coverage_zh": one.coverage.zh if one.coverage else None, "coverage_en": one.coverage.en if one.coverage else None,
            "unit_zh": one.unit.zh, "unit_en": one.unit.en, "source": str(one.source),
            "guard_zh": one.guard.zh if one.guard else None, "guard_en": one.guard.en if one.guard else None,
            "of_persons": one.of_persons, "settles_days": one.settles_days,
        }
        for one in indicators.values()
    ]  # fmt: skip


COLUMNS: Sequence[tuple[str, str, str]] = (
    ("place_code", "地点代码", "Code of the place"), ("place_name", "地点", "Name of the place"),
    ("indicator", "指标代码", "Code of the indicator: see the dictionary"), ("title_zh", "指标", "Its name in Chinese"),
    ("title_en", "指标（英文）", "Its name in English"), ("period", "周期", "2026-03, 2026-Q1 or 2026"),
    ("period_kind", "周期类别", "MONTH, QUARTER or YEAR"), ("numerator", "分子", "What was counted; empty where not told"),
    ("denominator", "分母", "Out of what; empty for plain numbers"), ("value", "数值", "Numerator by denominator"),
    ("low", "区间下限", "Lower end of the 95 % Wilson interval"), ("high", "区间上限", "Upper end of the interval"),
    ("covered", "已覆盖", "How many were looked at"), ("coverable", "应覆盖", "How many could have been"),
    ("quality", "质量标记", "SOUND, PROVISIONAL, LOW_COVERAGE or SUPPRESSED"),
    ("is_silent", "渠道异常安静", "Whether the channel fell far below its own past"),
    ("version", "版本", "Counts up with every correction"), ("counted_at", "统计时间", "When it was counted or corrected last"),
)  # fmt: skip
"""What an export has of a figure: the column, and what it is, in Chinese and English."""


def record(asked: Asked, one: Told) -> dict[str, Any]:
    """Return a figure by the names of COLUMNS."""
    return {
        "place_code": asked.here.code, "place_name": asked.here.name, "indicator": one.indicator.code,
        "title_zh": one.indicator.title_zh, "title_en": one.indicator.title_en, "period": one.period.code,
        "period_kind": one.period.kind.value, "numerator": one.numerator, "denominator": one.denominator,
        "value": one.value, "low": one.low, "high": one.high, "covered": one.covered, "coverable": one.coverable,
        "quality": one.quality.value, "is_silent": one.is_silent, "version": one.version, "counted_at": one.counted_at,
    }  # fmt: skip
