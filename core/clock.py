"""Time: one injectable clock, the wire format of instants, and the zone of every date.

Instants are stored and sent as ``2026-11-23T18:00:00.000+08:00``: always China Standard Time, always milliseconds, so
that the order of the texts is the order of the times on every database and SQL can send a column unchanged.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Protocol

CHINA = timezone(timedelta(hours=8), "Asia/Shanghai")


class Clock(Protocol):
    """Anything that tells the time; tests inject one they can set."""

    def now(self) -> datetime:
        """Return the current instant, aware, in China Standard Time."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the current instant cut to milliseconds, the precision that is stored."""
        return floor_ms(datetime.now(CHINA))


class SetClock:
    """A clock that stands still until it is moved: for tests and for the demo world."""

    def __init__(self, at: datetime) -> None:
        self._at = floor_ms(at.astimezone(CHINA))

    def now(self) -> datetime:
        """Return the instant this clock was last set to."""
        return self._at

    def set(self, at: datetime) -> None:
        """Move the clock to an instant."""
        self._at = floor_ms(at.astimezone(CHINA))

    def advance(self, **delta: float) -> datetime:
        """Move the clock forward by a timedelta given in its keywords, e.g. ``advance(days=15)``."""
        self._at = floor_ms(self._at + timedelta(**delta))
        return self._at


def floor_ms(at: datetime) -> datetime:
    """Cut an instant to whole milliseconds."""
    return at.replace(microsecond=at.microsecond // 1000 * 1000)


def to_wire(at: datetime) -> str:
    """Write an aware instant in the wire format."""
    local = at if at.tzinfo is CHINA else at.astimezone(CHINA)
    return local.isoformat(timespec="milliseconds")


def from_wire(text: str) -> datetime:
    """Read the wire format, or any ISO-8601 instant with offset."""
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} has no offset; write it like 2026-11-23T18:00:00+08:00")
    return at.astimezone(CHINA)


def day_start(day: date) -> datetime:
    """Return the first instant of a day."""
    return datetime(day.year, day.month, day.day, tzinfo=CHINA)
