"""Indicators: what a plugin counts, declared once with its definition, so that figures can be summed up the tree.

An indicator is one SELECT over a plugin's own tables. It answers for one period and for *all places at once*: one row a
place where something happened, with what was counted there itself. A place's figure is the sum over the rows of it and of
everything below it; so whatever is counted must belong to one place only, and shares are kept as numerator and denominator.

    Indicator(
        "wishes.fulfilled", "圆梦率", "Wishes fulfilled", IndicatorKind.SHARE,
        numerator=Words("三十日内由许愿人确认的心愿", "Wishes confirmed by their beneficiaries within 30 days"),
        denominator=Words("提交的心愿", "Wishes handed in"), …,
        sql="SELECT m.community_id AS place, COUNT(…) AS numerator, COUNT(*) AS denominator FROM … GROUP BY m.community_id",
    )

``:begin`` and ``:end`` are the period's bounds as instants, the end not within it; ``:begin_day`` and ``:end_day`` the same
for columns of days. ``DAYS(a, b)`` is how many days pass from one instant to another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

from core._db.seam import Params, Row
from core.labels import LabelledEnum, Source
from core.periods import Period, PeriodKind

NAMES = ("begin", "end", "begin_day", "end_day")

_NAMED = re.compile(r"(?<!:):([a-z_]+)")
_DAYS = re.compile(r"\bDAYS\(\s*([\w.]+)\s*,\s*([\w.:]+)\s*\)")
_TABLE = re.compile(r"\b(?:FROM|JOIN)\s+([a-z]\w*)", re.IGNORECASE)
_WITH = re.compile(r"(?:\bWITH\s+|,\s*)([a-z]\w*)\s+AS\s*\(", re.IGNORECASE)


class FiveZero(LabelledEnum):
    """Which of the five zeros (五零) an indicator tells something of; an open question each, never a target."""

    ZERO_DISTANCE = "ZERO_DISTANCE", "服务群众零距离", "Zero distance", "Services are near those who need them."
    ZERO_BARRIER = "ZERO_BARRIER", "邻里互助零障碍", "Zero barrier", "Neighbours find help from one another."
    ZERO_ERRAND = "ZERO_ERRAND", "治理参与零跑腿", "Zero errand", "Taking part costs nobody a way."
    ZERO_DELAY = "ZERO_DELAY", "诉求处理零延迟", "Zero delay", "Requests are answered in time."
    ZERO_PETITION = (
        "ZERO_PETITION", "信访上访零发生", "Zero petition",
        "Issues are settled early; never read as few petitions recorded, whose ways out always stay open.",
    )  # fmt: skip


class IndicatorKind(LabelledEnum):
    """How an indicator is read."""

    SHARE = "SHARE", "占比", "Share", "A numerator out of a denominator, both always shown."
    COUNT = "COUNT", "数量", "Count", "A number for context; more is neither better nor worse."
    VOLUME = (
        "VOLUME", "诉求量", "Volume",
        "How much people have come forward with; more is not worse, and falling silent is a reason to check the channel.",
    )  # fmt: skip
    EXTERNAL = (
        "EXTERNAL", "外部渠道量", "External volume",
        "What came in by channels outside of the assessed unit; it tells whether a silence is real.",
    )  # fmt: skip


@dataclass(frozen=True)
class Words:
    """A few words in both languages."""

    zh: str
    en: str

    def text(self, language: str) -> str:
        """Return them in ``zh`` or ``en``."""
        return self.en if language == "en" else self.zh


@dataclass(frozen=True)
class Indicator:
    """One thing that is counted; see the module for how.

    ``sql`` gives the columns ``place`` (a community's key), ``numerator``, with a SHARE ``denominator``, and with
    ``coverage`` also ``covered`` and ``coverable``: how many of those that could have been looked at were.
    ``of_persons`` says that persons are counted: groups under ten are not told. ``has_interval`` is false where what is
    counted are no cases: an area has no sampling error. ``settles_days`` is how many days after its end a period is still
    counted, because what began in it may be finished later. ``guard`` says how the figure could be made to look good and
    what is done against it.
    """

    code: str
    title_zh: str
    title_en: str
    kind: IndicatorKind
    sql: str
    numerator: Words
    unit: Words
    source: Source
    denominator: Words | None = None
    coverage: Words | None = None
    zero: FiveZero | None = None
    guard: Words | None = None
    of_persons: bool = False
    has_interval: bool = True
    settles_days: int = 0
    periods: Sequence[PeriodKind] = tuple(PeriodKind)

    @property
    def plugin(self) -> str:
        """Return the plugin that declares it."""
        return self.code.partition(".")[0]

    def title(self, language: str) -> str:
        """Return its title in ``zh`` or ``en``."""
        return self.title_en if language == "en" else self.title_zh

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Return the columns that its SQL gives beside ``place``."""
        return (
            "numerator",
            *(("denominator",) if self.kind is IndicatorKind.SHARE else ()),
            *(("covered", "coverable") if self.coverage is not None else ()),
        )

    @property
    def tables(self) -> frozenset[str]:
        """Return the tables that its SQL reads."""
        return frozenset(_TABLE.findall(self.sql)) - frozenset(_WITH.findall(self.sql))

    @property
    def names(self) -> frozenset[str]:
        """Return the bounds that its SQL names, and whatever else it names so."""
        return frozenset(_NAMED.findall(self.sql))

    def statement(self, period: Period, dialect: str) -> tuple[str, tuple[str, ...]]:
        """Return what counts a period: rows of ``path`` and the five figures, 0 where it gives none."""
        bounds = period.bounds
        shown = ", ".join(
            f"CAST({f'q.{name}' if name in self.columns else '0'} AS BIGINT) AS {name}" for name in FIGURES
        )
        counted = _DAYS.sub(_DAYS_IN[dialect], self.sql)
        params = tuple(bounds[name] for name in _NAMED.findall(counted))
        return (
            f"SELECT c.path AS path, {shown} FROM ({_NAMED.sub('?', counted)}) q "
            "JOIN core_community c ON c.id = q.place"
        ), params


FIGURES = ("numerator", "denominator", "covered", "coverable")
_DAYS_IN = {
    "sqlite": r"(julianday(\2) - julianday(\1))",
    "postgres": r"(EXTRACT(EPOCH FROM CAST(\2 AS timestamptz) - CAST(\1 AS timestamptz)) / 86400)",
}


@dataclass(frozen=True)
class Count:
    """What was counted at one place itself, without what lies below."""

    path: str
    numerator: int
    denominator: int
    covered: int
    coverable: int


class Reads(Protocol):
    """Anything that reads, and says which database it reads."""

    dialect: str

    async def fetch(self, sql: str, params: Params = (), *, dear: bool = False) -> list[Row]:
        """Return all rows."""


async def counted(reads: Reads, indicator: Indicator, period: Period) -> list[Count]:
    """Count an indicator for a period in one statement; one row a place where there was something to count."""
    sql, params = indicator.statement(period, reads.dialect)
    rows: Sequence[Any] = await reads.fetch(sql, params, dear=True)
    return [Count(row["path"], *(int(row[name] or 0) for name in FIGURES)) for row in rows]


def faults(indicator: Indicator, readable: Sequence[str]) -> Iterator[Words]:
    """Yield what is wrong with a declaration; ``readable`` are beginnings of the names of tables it may read."""
    sql = indicator.sql.strip()
    if not sql.upper().startswith(("SELECT", "WITH")) or ";" in sql:
        yield Words("sql 应为一条 SELECT", "its sql is not one SELECT")
    for column in ("place", *indicator.columns):
        if not re.search(rf"\bAS\s+{column}\b", sql, re.IGNORECASE):
            yield Words(f"sql 没有给出列 {column}", f"its sql gives no column {column}")
    for name in sorted(indicator.names - set(NAMES)):
        yield Words(f"sql 中的 :{name} 未知", f"its sql names :{name}; there are :begin, :end, :begin_day, :end_day")
    for table in sorted(indicator.tables):
        if not table.startswith(tuple(readable)):
            yield Words(f"sql 读取了 {table}", f"its sql reads {table}, which is not its own")
    if (indicator.denominator is None) is (indicator.kind is IndicatorKind.SHARE):
        yield Words("占比须有分母，其他指标没有分母", "a SHARE tells its denominator, and nothing else has one")
    told = (indicator.numerator, indicator.denominator, indicator.coverage, indicator.unit, indicator.guard)
    if not all(words.zh and words.en for words in told if words is not None):
        yield Words("文字缺少中文或英文", "some of its words are missing in Chinese or in English")
    if not indicator.periods or indicator.settles_days < 0:
        yield Words("没有周期，或沉淀天数为负", "it has no kind of period, or settles before its end")
