"""Identifiers: 63-bit primary keys made here, and the opaque global ids that clients see.

A key is 41 bits of milliseconds since 2024-01-01 (UTC) above 22 random bits, so that keys sort by time, reveal no
volumes and do not collide across servers. A global id is ``Type_<key>``: SQL itself can build it.
"""

from __future__ import annotations

import os
import secrets
import threading
import time

EPOCH_MS = 1_704_067_200_000
RANDOM_BITS = 22
_DAY_MS = 86_400_000
_CHINA_MS = 8 * 3_600_000

_lock = threading.Lock()
_last = 0
_chance = (
    bytearray()
)  # random bytes of the system, fetched a thousand keys' worth at a time: each call of it costs more
_BATCH = 4096
_LOW = (1 << RANDOM_BITS) - 1
os.register_at_fork(after_in_child=_chance.clear)


def new_id() -> int:
    """Make a primary key: strictly increasing within this process, at most 63 bits."""
    global _last  # noqa: PLW0603 - one sequence per process is the point
    moment = (time.time_ns() // 1_000_000 - EPOCH_MS) << RANDOM_BITS
    with _lock:
        if not _chance:
            _chance.extend(os.urandom(_BATCH))
        bits = int.from_bytes(_chance[-4:], "little")
        del _chance[-4:]
        fresh = moment | (bits & _LOW)
        # Keys of one millisecond step by a random gap: order stays, and the gap hides how many there were.
        _last = fresh if fresh > _last else _last + 1 + (bits >> RANDOM_BITS & 63)
        return _last


def untimed_id() -> int:
    """Make a key without time in it: for ballots of separated polls, whose order must say nothing."""
    return secrets.randbits(62) + 1


def day_id() -> int:
    """Make a key that tells the day and no more: any moment of the day before, in China, which says nothing of today's.

    It lies before every key that is made today: what is numbered in the order of keys (leaves after a commit on
    PostgreSQL) puts a ballot before the close of its poll, and several ballots in no order.
    """
    now = time.time_ns() // 1_000_000 - EPOCH_MS
    midnight = (now + _CHINA_MS) // _DAY_MS * _DAY_MS - _CHINA_MS
    moment = midnight - 1 - secrets.randbelow(_DAY_MS)
    return moment << RANDOM_BITS | secrets.randbits(RANDOM_BITS)


def global_id(type_name: str, key: int) -> str:
    """Write the opaque id of a row as clients see it, e.g. ``Poll_184320000``."""
    return f"{type_name}_{key}"


def parse_global_id(value: str) -> tuple[str, int] | None:
    """Read a global id into (type name, key), or None when it is not one."""
    name, separator, digits = value.rpartition("_")
    if not separator or not name.isidentifier() or not digits.isascii() or not digits.isdigit() or len(digits) > 19:
        return None
    key = int(digits)
    return (name, key) if key < 1 << 63 else None
