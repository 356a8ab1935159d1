"""Counting days as 民法典 201-203 does [V]: the start day is not counted; the last day ends at 24:00 and, when it is a
day of rest, moves to the next working day.

The end of a period is given as the first instant after it: "until 10 November 24:00" is 11 November 00:00 +08:00, and
``at < due.at`` asks whether something was in time.

Which days are worked is data, not arithmetic: the State Council moves weekends every year (调休). For a year whose
arrangement is not yet published the weekday decides, and every answer that rests on it says ``estimated`` (推定).

To let one period follow another, start it on the *day* the first one ended (``Due.last_day``). The instant ``Due.at``
already belongs to the following day and would make a gift of one day.
"""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import NamedTuple

import chinese_calendar

from core.clock import CHINA, day_start
from core.labels import Confidence, LabelledEnum, Source

COUNTING_SOURCE = Source("民法典201-203", Confidence.VERIFIED)
FIXED_HOLIDAYS_SOURCE = Source("全国年节及纪念日放假办法（2024修订）", Confidence.MEMORY)

# The statutory holidays that the solar calendar alone fixes. They hold in every year, published or not; the lunar ones
# and the moved weekends are what an estimate cannot know.
FIXED_HOLIDAYS = frozenset({(1, 1), (5, 1), (5, 2), (10, 1), (10, 2), (10, 3)})

_SATURDAY = 5
_DAY = timedelta(days=1)


class DayKind(LabelledEnum):
    """What the days of a period are."""

    CALENDAR_DAY = "CALENDAR_DAY", "自然日", "Calendar day", "Every day counts; only the last day may move."
    WORKING_DAY = "WORKING_DAY", "工作日", "Working day", "Only working days count, make-up weekends included."


class DayStatus(NamedTuple):
    """Whether a day is worked, and whether that is only estimated; true in a condition when the day is worked."""

    is_working: bool
    estimated: bool

    def __bool__(self) -> bool:
        return self.is_working


class Reached(NamedTuple):
    """The day a count ended on, and whether the calendar of any day it depended on is only estimated."""

    day: date
    estimated: bool


@dataclass(frozen=True)
class Due:
    """The end of a period: ``at`` is the first instant too late, ``last_day`` the last day still in time."""

    at: datetime
    last_day: date
    estimated: bool = False


@dataclass(frozen=True)
class WorkingCalendar:
    """The days off and the make-up working days of the years whose arrangement is published."""

    days_off: frozenset[date] = frozenset()
    make_up_days: frozenset[date] = frozenset()
    published_years: frozenset[int] = frozenset()

    @classmethod
    def from_rows(cls, rows: Iterable[tuple[date, bool]], published_years: Iterable[int]) -> WorkingCalendar:
        """Build the calendar from rows ``(day, is_working)``, one for each day that departs from its weekday.

        ``published_years`` is not read off the rows: an arrangement often settles a few days of the year after it.

        Raises:
            ValueError: a day is said to be both worked and off.
        """
        table = set(rows)
        worked = frozenset(day for day, is_working in table if is_working)
        off = frozenset(day for day, is_working in table if not is_working)
        if worked & off:
            raise ValueError(f"{min(worked & off)} is given both as a working day and as a day off")
        return cls(off, worked, frozenset(published_years))

    def is_working_day(self, day: date) -> DayStatus:
        """Say whether a day is worked; ``estimated`` when nobody has published the arrangement of its year."""
        estimated = day.year not in self.published_years
        if day in self.make_up_days or day in self.days_off:
            return DayStatus(day in self.make_up_days, estimated=False)
        fixed = estimated and (day.month, day.day) in FIXED_HOLIDAYS
        return DayStatus(day.weekday() < _SATURDAY and not fixed, estimated)


@cache
def national_calendar() -> WorkingCalendar:
    """Return the State Council's arrangements as far as the package ``chinesecalendar`` knows them.

    A year counts as published when its own National Day is listed.
    """
    off, worked = chinese_calendar.holidays, chinese_calendar.workdays
    rows = [(day, False) for day in off] + [(day, True) for day in worked]
    return WorkingCalendar.from_rows(rows, {day.year for day in off if (day.month, day.day) == (10, 1)})


def day_of(at: date | datetime) -> date:
    """Return the day in China on which an instant falls; a day is returned as it is.

    Raises:
        ValueError: the instant has no zone.
    """
    if not isinstance(at, datetime):
        return at
    if at.tzinfo is None:
        raise ValueError(f"{at} has no zone; a day can only be told from an aware instant")
    return at.astimezone(CHINA).date()


def due(start: date | datetime, days: int, kind: DayKind, calendar: WorkingCalendar, roll_forward: bool = True) -> Due:
    """Return the end of a period of ``days`` that something on ``start`` set going.

    Args:
        start: the instant or the day of the event; that day is not counted.
        roll_forward: whether a last day of rest moves to the next working day (民法典 203).
    """
    if kind is DayKind.WORKING_DAY:
        return _ending(*add_working_days(start, days, calendar))
    return _closing(day_of(start) + _at_least_one(days) * _DAY, calendar, roll_forward)


def due_months(start: date | datetime, months: int, calendar: WorkingCalendar, roll_forward: bool = True) -> Due:
    """Return the end of a period of months (民法典 202): the same day of the due month, or that month's last day."""
    return _closing(add_months(day_of(start), _at_least_one(months)), calendar, roll_forward)


def display_until(posted_at: date | datetime, days: int) -> datetime:
    """Return when something posted has been shown for ``days`` whole days (公示期), the day of posting not counted.

    A minimum of display is not a deadline for anybody, so it does not move; use ``due`` for the time to object.
    """
    return day_start(day_of(posted_at) + (_at_least_one(days) + 1) * _DAY)


def earliest_start(notice_at: date | datetime, days: int) -> datetime:
    """Return the earliest start of what must be announced at least ``days`` before.

    Announced on 1 March with 15 days, a meeting may not start before 17 March 00:00: 2 to 16 March are the 15 days.
    """
    return display_until(notice_at, days)


def latest_notice(event_at: date | datetime, days: int) -> datetime:
    """Return the first instant too late to announce an event that needs ``days`` of notice."""
    return day_start(day_of(event_at) - _at_least_one(days) * _DAY)


def add_working_days(start: date | datetime, days: int, calendar: WorkingCalendar) -> Reached:
    """Return the day on which the ``days``-th working day after ``start`` falls."""
    day, left, estimated = day_of(start), _at_least_one(days), False
    while left:
        day += _DAY
        status = calendar.is_working_day(day)
        left -= status.is_working
        estimated |= status.estimated
    return Reached(day, estimated)


def next_working_day(day: date, calendar: WorkingCalendar) -> Reached:
    """Return the day itself when it is worked, otherwise the next working day after it."""
    status = calendar.is_working_day(day)
    if status:
        return Reached(day, status.estimated)
    following = add_working_days(day, 1, calendar)
    return Reached(following.day, status.estimated or following.estimated)


def add_months(day: date, months: int) -> date:
    """Return the same day ``months`` later, or the last day of that month when it has no such day."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def _closing(last_day: date, calendar: WorkingCalendar, roll_forward: bool) -> Due:
    return _ending(*next_working_day(last_day, calendar)) if roll_forward else _ending(last_day, False)


def _ending(last_day: date, estimated: bool) -> Due:
    return Due(day_start(last_day + _DAY), last_day, estimated)


def _at_least_one(length: int) -> int:
    if length < 1:
        raise ValueError(f"a period has at least one day or month, not {length}")
    return length
