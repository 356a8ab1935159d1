"""When a message may be brought, and whether it may be brought to an address: decisions without I/O."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from urllib.parse import urlsplit

from core.clock import CHINA
from plugins.inbox.kinds import Rhythm

CODE_DIGITS = 8
CODE_LIFE = timedelta(hours=24)
MOST_GUESSES = 5
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=1), timedelta(days=1)
MOST_FAILURES = 15
"""So many failures in a row, some nine days of trying: then the channel is paused and its person is told."""
MONDAY = 0

# An address as RFC 5321 lets one be sent to, without quoted parts, comments and bare hosts, which nobody types.
_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,63}"
)
_TIME = re.compile(r"(?:[01]\d|2[0-3]):[0-5]\d")


def is_email(text: str) -> bool:
    """Say whether a text is an e-mail address."""
    return len(text) <= 254 and _EMAIL.fullmatch(text) is not None and ".." not in text


def is_time(text: str) -> bool:
    """Say whether a text is a time of the day, ``HH:MM``."""
    return _TIME.fullmatch(text) is not None


def mask_email(address: str) -> str:
    """Keep the first character and the domain: ``wang@example.cn`` → ``w***@example.cn``."""
    name, _, domain = address.rpartition("@")
    return f"{name[:1]}***@{domain}"


def mask_url(address: str) -> str:
    """Keep the origin of an address: a path may hold a secret."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}/…"


def origin_of(address: str) -> str | None:
    """Return scheme, host and port of an address, or None when it is no plain http(s) address."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    plain = parts.username is None and parts.password is None and not parts.fragment
    if (
        parts.scheme not in ("http", "https")
        or not parts.hostname
        or not plain
        or not address.isascii()
        or " " in address
    ):
        return None
    standard = {"http": 80, "https": 443}[parts.scheme]
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{parts.scheme}://{host}" + ("" if port in (None, standard) else f":{port}")


def may_be_called(address: str, origins: Iterable[str]) -> bool:
    """Say whether an address lies at an origin that the operator lets webhooks go to."""
    origin = origin_of(address)
    return origin is not None and origin in {origin_of(allowed) for allowed in origins}


def is_quiet(at: datetime, quiet_from: str | None, quiet_until: str | None) -> bool:
    """Say whether a moment lies in quiet hours, which may go past midnight; equal ends are none."""
    if quiet_from is None or quiet_until is None or quiet_from == quiet_until:
        return False
    now = at.astimezone(CHINA).strftime("%H:%M")
    if quiet_from < quiet_until:
        return quiet_from <= now < quiet_until
    return now >= quiet_from or now < quiet_until


def next_time(
    rhythm: Rhythm, after: datetime, *, quiet_from: str | None, quiet_until: str | None, digest_hour: int
) -> datetime:
    """Return the first moment, not before ``after``, at which messages may be brought.

    Digests go at their hour whatever the quiet hours say: who wants a digest at night has chosen so.
    """
    local = after.astimezone(CHINA)
    if rhythm is Rhythm.AT_ONCE:
        return _at(local, *_clock(quiet_until)) if quiet_until and is_quiet(local, quiet_from, quiet_until) else local
    day = _at(local, digest_hour, 0)
    while rhythm is Rhythm.WEEKLY and day.weekday() != MONDAY:
        day += timedelta(days=1)
    return day


def _clock(text: str) -> tuple[int, int]:
    return int(text[:2]), int(text[3:])


def _at(after: datetime, hour: int, minute: int) -> datetime:
    """Return the first moment not before ``after`` at which the clock shows a time."""
    found = after.replace(hour=hour, minute=minute, second=0, microsecond=0)
    return found if found >= after else found + timedelta(days=1)


def pause(failures: int) -> timedelta:
    """Return how long a channel that failed so often in a row is left alone."""
    return min(FIRST_PAUSE * 2 ** min(failures - 1, 20), LONGEST_PAUSE)
