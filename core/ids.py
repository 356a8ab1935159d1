"""Identifiers: 63-bit primary keys made here, and the opaque global ids that clients see.

A key is 41 bits of milliseconds since 2024-01-01 (UTC) above 22 random bits, so that keys sort by time, reveal no
volumes and do not collide across servers. A global id is ``Type_<key>``: SQL itself can build it.
"""

from __future__ import annotations

import secrets
import threading
import time

EPOCH_MS = 1_704_067_200_000
RANDOM_BITS = 22

_lock = threading.Lock()
_last = 0


def new_id() -> int:
    """Make a primary key: strictly increasing within this process, at most 63 bits."""
    global _last  # noqa: PLW0603 - one sequence per process is the point
    fresh = ((time.time_ns() // 1_000_000 - EPOCH_MS) << RANDOM_BITS) | secrets.randbits(RANDOM_BITS)
    with _lock:
        # Keys of one millisecond step by a random gap: order stays, and the gap hides how many there were.
        _last = fresh if fresh > _last else _last + 1 + secrets.randbelow(64)
        return _last


def untimed_id() -> int:
    """Make a key without time in it: for ballots of separated polls, whose order must say nothing."""
    return secrets.randbits(62) + 1


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
