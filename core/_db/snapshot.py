"""A database as it is at one moment, for copies and checks: read row by row, however large it is, beside who writes."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import asyncpg

from core._db.seam import Params, Row, StorageUnavailable, dollar_placeholders, is_sqlite, sqlite_path

CHUNK = 2_000


class Snapshot(Protocol):
    """One state of a database; what others commit meanwhile is not in it."""

    dialect: str

    def rows(self, sql: str, params: Params = ()) -> AsyncIterator[Row]:
        """Give the rows of a query one by one; ``?`` placeholders."""

    async def tables(self) -> list[str]:
        """Return the names of all tables, in their order."""

    async def damage(self) -> list[str]:
        """Return what the database itself finds wrong: broken pages, rows that point at nothing."""


class SqliteSnapshot:
    """An SQLite file within one read transaction."""

    dialect = "sqlite"

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    async def rows(self, sql: str, params: Params = ()) -> AsyncIterator[Row]:
        for row in self._connection.execute(sql, params):
            yield row

    async def tables(self) -> list[str]:
        sql = (
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY 1"
        )
        return [row[0] for row in self._connection.execute(sql)]

    async def damage(self) -> list[str]:
        said = [row[0] for row in self._connection.execute("PRAGMA integrity_check(20)")]
        broken = self._connection.execute('SELECT DISTINCT "table", parent FROM pragma_foreign_key_check ORDER BY 1, 2')
        found = [f"integrity_check: {one}" for one in said if one != "ok"]
        return found + [f"{row[0]} has rows that point at nothing in {row[1]}" for row in broken]


class PostgresSnapshot:
    """A PostgreSQL database within one read transaction; ``name`` lets other sessions read the same state."""

    dialect = "postgres"

    def __init__(self, connection: Any, name: str) -> None:
        self._connection = connection
        self.name = name

    async def rows(self, sql: str, params: Params = ()) -> AsyncIterator[Row]:
        async for row in self._connection.cursor(dollar_placeholders(sql), *params, prefetch=CHUNK):
            yield row

    async def tables(self) -> list[str]:
        sql = 'SELECT tablename FROM pg_tables WHERE schemaname = current_schema() ORDER BY tablename COLLATE "C"'
        return [row[0] for row in await self._connection.fetch(sql)]

    async def damage(self) -> list[str]:
        links = await self._connection.fetch(
            "SELECT c.conrelid::regclass::text AS here, c.confrelid::regclass::text AS there, a.attname AS own, "
            "f.attname AS other FROM pg_constraint c "
            "JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] "
            "JOIN pg_attribute f ON f.attrelid = c.confrelid AND f.attnum = c.confkey[1] "
            "WHERE c.contype = 'f' AND c.connamespace = current_schema()::regnamespace ORDER BY 1, 2, 3"
        )
        found = []
        for here, there, own, other in links:
            orphans = await self._connection.fetchval(
                f'SELECT COUNT(*) FROM {here} h WHERE h."{own}" IS NOT NULL '
                f'AND NOT EXISTS (SELECT 1 FROM {there} t WHERE t."{other}" = h."{own}")'
            )
            if orphans:
                found.append(f"{here} has {orphans} rows that point at nothing in {there}")
        return found


@asynccontextmanager
async def open_snapshot(url: str) -> AsyncIterator[Snapshot]:
    """Read a database as it is now. Raises StorageUnavailable when it cannot be opened."""
    if is_sqlite(url):
        async with _sqlite(Path(sqlite_path(url))) as snapshot:
            yield snapshot
        return
    try:
        connection = await asyncpg.connect(url, server_settings={"application_name": "shanzhi snapshot"})
    except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
        raise StorageUnavailable(f"PostgreSQL does not answer: {error}") from error
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            yield PostgresSnapshot(connection, await connection.fetchval("SELECT pg_export_snapshot()"))
    finally:
        await connection.close()


@asynccontextmanager
async def _sqlite(path: Path) -> AsyncIterator[Snapshot]:
    try:
        connection = sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, isolation_level=None, timeout=30)
    except sqlite3.Error as error:
        raise StorageUnavailable(f"{path}: {error}") from error
    with closing(connection):
        connection.row_factory = sqlite3.Row
        connection.execute("BEGIN")
        try:
            connection.execute("SELECT 1 FROM sqlite_master").fetchone()  # the state begins with the first read
            yield SqliteSnapshot(connection)
        except sqlite3.DatabaseError as error:
            raise StorageUnavailable(f"{path}: {error}") from error


async def fingerprint(snapshot: Snapshot, table: str) -> tuple[int, str]:
    """Return how many rows a table has, and a hash of all they hold, whatever order they come in."""
    total = count = 0
    async for row in snapshot.rows(f'SELECT * FROM "{table}"'):
        text = json.dumps(list(row), ensure_ascii=False, default=str)
        total += int.from_bytes(hashlib.sha256(text.encode()).digest(), "big")
        count += 1
    return count, f"{total % 2**256:064x}"
