"""Which real services the tests may use: PostgreSQL and Redis, each only where it answers.

An address in the environment is taken at its word, so that a mistake in it fails loudly. Without one, the usual port
of this machine is asked in the service's own protocol: a PostgreSQL that wants a password is not ours to use.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from collections.abc import Callable
from functools import cache

HOST = "127.0.0.1"
PATIENCE = 1.0
DEFAULT_POSTGRES = f"postgres://postgres@{HOST}:5432/postgres"
DEFAULT_REDIS = f"redis://{HOST}:6379/15"


@cache
def postgres_url() -> str | None:
    """Return the address of a PostgreSQL whose default database tests may reach, or None."""
    return os.environ.get("SHANZHI_TEST_DATABASE_URL") or (DEFAULT_POSTGRES if _postgres_answers() else None)


@cache
def redis_url() -> str | None:
    """Return the address of a Redis database that tests may empty, or None."""
    return os.environ.get("SHANZHI_TEST_REDIS_URL") or (DEFAULT_REDIS if _redis_answers() else None)


def _postgres_answers() -> bool:
    """Ask for a session without a password: the answer ``R`` with code 0 means that it is granted."""
    words = b"user\0postgres\0database\0postgres\0\0"
    start = struct.pack("!II", 8 + len(words), 196608) + words
    return _ask(5432, start, size=9) == b"R" + struct.pack("!II", 8, 0)


def _redis_answers() -> bool:
    return _ask(6379, b"PING\r\n", size=5) == b"+PONG"


def _ask(port: int, question: bytes, size: int) -> bytes:
    """Return the first bytes of the answer, or nothing when nobody answers in time."""
    try:
        with socket.create_connection((HOST, port), timeout=PATIENCE) as link:
            link.sendall(question)
            return link.recv(size, socket.MSG_WAITALL)
    except OSError:
        return b""


def _tell(name: str, url: Callable[[], str | None], variable: str) -> str:
    """Say in one sentence, on the error stream, what was found; return the address or nothing."""
    found = url() or ""
    where = f"reachable, as {variable} says" if os.environ.get(variable) else "reachable on this machine"
    print(f"{name}: {where if found else 'not reachable, its tests are left out'}", file=sys.stderr)
    return found


if __name__ == "__main__":
    told = {
        "postgres": ("PostgreSQL", postgres_url, "SHANZHI_TEST_DATABASE_URL"),
        "redis": ("Redis", redis_url, "SHANZHI_TEST_REDIS_URL"),
    }
    print(_tell(*told[sys.argv[1]]))
