"""The databases as the hand-written server uses them: ``sqlite3`` on the loop's own thread, and asyncpg; nothing between."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import cache
from typing import Any, Protocol

import asyncpg

from core._db.seam import dollar_placeholders

Named = Mapping[str, Any]
_NAMED = re.compile(r"(?<!:):([a-z]\w*)")


class Tx(Protocol):
    """An open transaction."""

    async def rows(self, sql: str, named: Named) -> Sequence[Any]:
        """Run a statement and return its rows."""


class Door(Tx, Protocol):
    """A way into a database."""

    async def fetch(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        """Run a statement with ``?`` placeholders and return its rows."""

    def transaction(self) -> Any:
        """Open a transaction for writing: an asynchronous context manager that gives a ``Tx``."""

    async def close(self) -> None:
        """Close every connection."""


@cache
def lite(sql: str) -> str:
    """Write a statement for SQLite."""
    return sql.replace("OBJECT(", "json_object(").replace("LIST(", "json_group_array(")


@cache
def numbered(sql: str) -> tuple[str, tuple[str, ...]]:
    """Write a statement for PostgreSQL, with the names of its parameters in their order."""
    names = tuple(dict.fromkeys(_NAMED.findall(sql)))
    sql = _NAMED.sub(lambda found: f"${names.index(found[1]) + 1}", sql)
    return _coalesced(sql.replace("OBJECT(", "json_build_object(")), names


def _coalesced(sql: str) -> str:
    """Write ``LIST(…)`` so that no rows give an empty list."""
    while (begin := sql.find("LIST(")) >= 0:
        depth, end = 1, begin + len("LIST(")
        while depth:
            depth += {"(": 1, ")": -1}.get(sql[end], 0)
            end += 1
        inner = sql[begin + len("LIST(") : end - 1]
        sql = f"{sql[:begin]}COALESCE(json_agg({inner}), '[]'::json){sql[end:]}"
    return sql


class LiteDoor:
    """SQLite: one connection reads, one writes with a durable commit."""

    def __init__(self, path: str) -> None:
        self._reading = self._connect(path)
        self._writing = self._connect(path)
        self._writing.execute("PRAGMA synchronous=FULL")

    @staticmethod
    def _connect(path: str) -> sqlite3.Connection:
        connection = sqlite3.connect(path, isolation_level=None, timeout=10, cached_statements=512)
        connection.row_factory = sqlite3.Row
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA cache_size=-65536")
        return connection

    async def rows(self, sql: str, named: Named) -> Sequence[Any]:
        """Run a statement and return its rows."""
        return self._reading.execute(lite(sql), named).fetchall()

    async def fetch(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        """Run a statement with ``?`` placeholders and return its rows."""
        return self._reading.execute(sql, params).fetchall()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Open a transaction; nothing in it suspends, so no other can come between."""
        self._writing.execute("BEGIN IMMEDIATE")
        try:
            yield _LiteTx(self._writing)
        except BaseException:
            self._writing.execute("ROLLBACK")
            raise
        self._writing.execute("COMMIT")

    async def close(self) -> None:
        """Close both connections."""
        self._reading.close()
        self._writing.close()


class _LiteTx:
    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, named: Named) -> Sequence[Any]:
        return self._connection.execute(sql, named).fetchall()


class PostgresDoor:
    """PostgreSQL: a pool of ten connections, as many as our own server has."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    @classmethod
    async def open(cls, url: str) -> PostgresDoor:
        """Connect."""
        return cls(await asyncpg.create_pool(url, min_size=10, max_size=10))

    async def rows(self, sql: str, named: Named) -> Sequence[Any]:
        """Run a statement and return its rows."""
        text, names = numbered(sql)
        found: Sequence[Any] = await self._pool.fetch(text, *(named[name] for name in names))
        return found

    async def fetch(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        """Run a statement with ``?`` placeholders and return its rows."""
        found: list[Any] = await self._pool.fetch(_dollars(sql), *params)
        return found

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Tx]:
        """Open a transaction on a connection of its own."""
        async with self._pool.acquire() as connection, connection.transaction():
            yield _PostgresTx(connection)

    async def close(self) -> None:
        """Close every connection."""
        await self._pool.close()


class _PostgresTx:
    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def rows(self, sql: str, named: Named) -> Sequence[Any]:
        text, names = numbered(sql)
        found: Sequence[Any] = await self._connection.fetch(text, *(named[name] for name in names))
        return found


_dollars = cache(dollar_placeholders)
