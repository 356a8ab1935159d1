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
    """Plain SQL with ``?`` placeholders inside the transaction of a deed.

    ``for_update`` and ``for_share`` end a SELECT that locks what it finds: for itself alone, or together with others who
    only rely on it. Both are empty where one thread writes. ``next_seq`` is the SQL of the next number in a table's
    column ``seq``, to be formatted with ``table``; NULL where the number is given after the commit.
    """

    dialect: str
    for_update: str
    for_share: str
    next_seq: str

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

    async def together(self, statements: Sequence[Statement]) -> list[int]:
        """Run plain INSERTs and UPDATEs of different rows, in one round trip; return how many rows each touched."""

    def add_up(self, update: str, amounts: Sequence[int], key: Params) -> None:
        """Add amounts to one counter row when the deed is committed: the UPDATE takes the amounts, then the key.

        Deeds that are committed together touch a row once, in one order, last of all: no counter is a bottleneck and
        none locks out another. What the deed itself reads is without it.
        """


Statement = tuple[str, Params]
Deed = Callable[[Tx], Awaitable[T]]


class Sums:
    """Amounts to be added to counter rows, by statement and row."""

    def __init__(self) -> None:
        self._amounts: dict[tuple[str, tuple[Any, ...]], tuple[int, ...]] = {}

    def add(self, update: str, amounts: Sequence[int], key: Params) -> None:
        """Add amounts to one row."""
        row = (update, tuple(key))
        before = self._amounts.get(row)
        self._amounts[row] = (
            tuple(amounts) if before is None else tuple(a + b for a, b in zip(before, amounts, strict=True))
        )

    def merge(self, other: Sums) -> None:
        """Take over what another one holds, and empty it."""
        for (update, key), amounts in other._amounts.items():
            self.add(update, amounts, key)
        other._amounts.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._amounts.clear()

    def statements(self) -> list[Statement]:
        """Return what adds it all up, in an order that is the same for everybody."""
        return [(update, (*amounts, *key)) for (update, key), amounts in sorted(self._amounts.items()) if any(amounts)]


SUSPENDED = "a deed awaited something other than its database; move that before or after the deed"


class DeedSuspended(RuntimeError):
    """A deed awaited something other than its database; it was rolled back. Load and call before, or react after."""


class StorageUnavailable(Exception):
    """The database could not take the write (disk full, server gone, locked by another process); nothing was kept."""


class Overloaded(StorageUnavailable):
    """More deeds wait than this server will hold; nothing was begun."""


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


def is_sqlite(url: str) -> bool:
    """Say whether a database URL names an SQLite file."""
    return url.startswith("sqlite:")


def sqlite_path(url: str) -> str:
    """Return the file of an SQLite URL: ``sqlite:///abs/path.db`` or ``sqlite://relative.db``."""
    path = url.removeprefix("sqlite://")
    if not path or path == ":memory:":
        raise ValueError("a database in memory belongs to one connection; name a file, e.g. sqlite:///srv/shanzhi.db")
    return "/" + path.lstrip("/") if path.startswith("/") else path
