"""What both databases offer to the kernel: deeds run in transactions, reads outside of them."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import lru_cache
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Params = Sequence[Any]
Row = Any  # sqlite3.Row or asyncpg.Record: both answer row["name"] and row[0]


class Tx(Protocol):
    """Plain SQL with ``?`` placeholders inside the transaction of a deed."""

    dialect: str
    for_update: str

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        """Return all rows."""

    async def one(self, sql: str, params: Params = ()) -> Row | None:
        """Return the first row, or None."""

    async def value(self, sql: str, params: Params = ()) -> Any:
        """Return the first column of the first row, or None."""

    async def execute(self, sql: str, params: Params = ()) -> int:
        """Run a statement and return how many rows it touched."""

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> None:
        """Run a statement once per row of parameters."""


Deed = Callable[[Tx], Awaitable[T]]


SUSPENDED = "a deed awaited something other than its database; move that before or after the deed"


class DeedSuspended(RuntimeError):
    """A deed awaited something other than its database; it was rolled back. Load and call before, or react after."""


class StorageUnavailable(Exception):
    """The database could not take the write (disk full, server gone, locked by another process); nothing was kept."""


_TOKENS = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|\?")


@lru_cache(maxsize=4096)
def dollar_placeholders(sql: str) -> str:
    """Rewrite ``?`` to ``$1, $2 …`` for PostgreSQL, leaving literals and quoted names alone."""
    count = 0

    def number(match: re.Match[str]) -> str:
        nonlocal count
        if match.group() != "?":
            return match.group()
        count += 1
        return f"${count}"

    return _TOKENS.sub(number, sql)
