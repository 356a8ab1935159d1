"""Calendar periods that figures are told for: a month, a quarter, a year, in China Standard Time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from core.clock import CHINA, to_wire
from core.labels import LabelledEnum

_CODE = re.compile(r"(?P<year>2\d{3})(?:-(?:(?P<month>0[1-9]|1[0-2])|Q(?P<quarter>[1-4])))?")


class PeriodKind(LabelledEnum):
    """How long a period is."""

    MONTH = "MONTH", "月", "Month", "A calendar month: 2026-03."
    QUARTER = "QUARTER", "季度", "Quarter", "Three calendar months: 2026-Q1."
    YEAR = "YEAR", "年", "Year", "A calendar year: 2026."

    @property
    def months(self) -> int:
        """Return how many months it has."""
        return {"MONTH": 1, "QUARTER": 3, "YEAR": 12}[self.value]


@dataclass(frozen=True, order=True)
class Period:
    """One month, quarter or year, by its first month; ``code`` is how it is written: 2026-03, 2026-Q1, 2026."""

    year: int
    month: int
    kind: PeriodKind

    @classmethod
    def parse(cls, code: str) -> Period | None:
        """Read a period's code; None when it is none."""
        found = _CODE.fullmatch(code)
        if found is None:
            return None
        year = int(found["year"])
        if found["month"]:
            return cls(year, int(found["month"]), PeriodKind.MONTH)
        if found["quarter"]:
            return cls(year, 3 * int(found["quarter"]) - 2, PeriodKind.QUARTER)
        return cls(year, 1, PeriodKind.YEAR)

    @classmethod
    def containing(cls, day: date, kind: PeriodKind) -> Period:
        """Return the period of a kind in which a day lies."""
        return cls(day.year, day.month - (day.month - 1) % kind.months, kind)

    @cached_property
    def code(self) -> str:
        """Return how it is written."""
        if self.kind is PeriodKind.YEAR:
            return f"{self.year}"
        if self.kind is PeriodKind.QUARTER:
            return f"{self.year}-Q{(self.month + 2) // 3}"
        return f"{self.year}-{self.month:02d}"

    @property
    def begin(self) -> datetime:
        """Return its first instant."""
        return datetime(self.year, self.month, 1, tzinfo=CHINA)

    @property
    def end(self) -> datetime:
        """Return the first instant after it."""
        return self.shifted(1).begin

    def shifted(self, by: int) -> Period:
        """Return the period of the same kind so many later; before it when negative."""
        months = self.year * 12 + self.month - 1 + by * self.kind.months
        return Period(months // 12, months % 12 + 1, self.kind)

    def title(self, language: str) -> str:
        """Return its name in ``zh`` or ``en``."""
        if language == "en":
            return self.code
        if self.kind is PeriodKind.YEAR:
            return f"{self.year}年"
        if self.kind is PeriodKind.QUARTER:
            return f"{self.year}年第{'一二三四'[(self.month - 1) // 3]}季度"
        return f"{self.year}年{self.month}月"

    @property
    def bounds(self) -> dict[str, str]:
        """Return what an indicator's SQL may name, as columns hold it: instants, and days for columns of days."""
        begin, end = self.begin, self.end
        return {
            "begin": to_wire(begin), "end": to_wire(end),
            "begin_day": begin.date().isoformat(), "end_day": end.date().isoformat(),
        }  # fmt: skip
