"""Filling a database as fast as it can be done, on the file itself or in one session: indexes last, keys checked at the end."""

from __future__ import annotations

import asyncio
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from bench.nation_fill import Copies, Dialect

Say = Callable[[str], None]
CACHE_KIB = 2_000_000


class BrokenWorld(Exception):
    """A foreign key of the built world points nowhere; the message says which."""


class Filler(ABC):
    """Runs the statements that fill the nation's world."""

    @abstractmethod
    async def execute(self, sql: str) -> int:
        """Run a statement and return how many rows it touched."""

    @abstractmethod
    async def sample(self, sql: str) -> Mapping[str, Any] | None:
        """Return the first row of a query."""

    @abstractmethod
    async def add(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows of three columns."""

    @abstractmethod
    async def check(self) -> None:
        """Raise BrokenWorld when a foreign key points nowhere."""

    @abstractmethod
    async def settle(self) -> None:
        """Leave the database as a server expects it."""

    async def helper(self, name: str, rows: Sequence[tuple[int, int, str]]) -> None:
        """Make a table that numbers places, for joins."""
        await self.execute(f"CREATE TABLE {name} (n INTEGER PRIMARY KEY, id BIGINT, path VARCHAR(255))")
        await self.add(name, rows)

    async def run(self, copies: Copies, dialect: Dialect) -> int:
        """Make the copies; returns how many."""
        find = copies.find_sample()
        sample = {} if find is None else await self.sample(find)
        if sample is None:
            raise BrokenWorld(f"the district has no row of {copies.table} where {copies.sample}")
        return await self.execute(copies.insert(dialect, sample))

    async def finish(self, say: Say) -> None:
        """Drop the helpers, make the indexes, check the keys."""
        for name in ("bench_place", "bench_busy", "bench_compound"):
            await self.execute(f"DROP TABLE {name}")
        for index in self.indexes:
            await self.execute(index)
        say(f"{len(self.indexes)} indexes made")
        await self.check()
        say("foreign keys hold")
        await self.settle()

    indexes: list[str]


class SqliteFiller(Filler):
    """Writes to the file itself, without a journal."""

    def __init__(self, path: str) -> None:
        self._raw = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._raw.row_factory = sqlite3.Row
        pragmas = (
            "journal_mode=OFF",
            "synchronous=OFF",
            f"cache_size=-{CACHE_KIB}",
            "locking_mode=EXCLUSIVE",
            "threads=2",
        )
        for pragma in pragmas:
            self._raw.execute(f"PRAGMA {pragma}")
        found = self._raw.execute(
            "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        ).fetchall()
        self.indexes = [row["sql"] for row in found]
        for row in found:
            self._raw.execute(f'DROP INDEX "{row["name"]}"')

    async def execute(self, sql: str) -> int:
        """Run a statement on a thread."""
        return (await asyncio.to_thread(self._raw.execute, sql)).rowcount

    async def sample(self, sql: str) -> Mapping[str, Any] | None:
        """Return the first row."""
        row = self._raw.execute(sql).fetchone()
        return None if row is None else dict(row)

    async def add(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Write rows in one transaction."""
        self._raw.execute("BEGIN")
        self._raw.executemany(f"INSERT INTO {table} VALUES (?, ?, ?)", rows)  # noqa: S608 - a name from here
        self._raw.execute("COMMIT")

    async def check(self) -> None:
        """Ask SQLite."""
        broken = await asyncio.to_thread(lambda: self._raw.execute("PRAGMA foreign_key_check").fetchmany(5))
        if broken:
            raise BrokenWorld("; ".join(str(tuple(row)) for row in broken))

    async def settle(self) -> None:
        """Turn the write-ahead log on again."""
        self._raw.execute("PRAGMA locking_mode=NORMAL")
        self._raw.execute("PRAGMA journal_mode=WAL")

    def close(self) -> None:
        """Close the file."""
        self._raw.close()


_INDEXES = """SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexname NOT IN
(SELECT conname FROM pg_constraint WHERE contype IN ('p', 'u', 'x'))"""
_UNIQUE = """SELECT conrelid::regclass AS table, conname, pg_get_constraintdef(oid) AS text FROM pg_constraint
WHERE contype = 'u' AND connamespace = 'public'::regnamespace"""
_FOREIGN = """SELECT c.conrelid::regclass::text AS child, a.attname AS column, c.confrelid::regclass::text AS parent, p.attname AS key
FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]
JOIN pg_attribute p ON p.attrelid = c.confrelid AND p.attnum = c.confkey[1] WHERE c.contype = 'f'"""


class PostgresFiller(Filler):
    """Writes in one session that fires no triggers: the foreign keys are checked by joins afterwards."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.indexes = []

    async def open(self) -> None:
        """Take the indexes and unique constraints away."""
        for setting in ("session_replication_role = replica", "synchronous_commit = off", "maintenance_work_mem = '1GB'",
                        "work_mem = '256MB'", "jit = off"):  # fmt: skip
            await self.execute(f"SET {setting}")
        for row in await self._connection.fetch(_UNIQUE):
            self.indexes.append(f'ALTER TABLE {row["table"]} ADD CONSTRAINT "{row["conname"]}" {row["text"]}')
            await self.execute(f'ALTER TABLE {row["table"]} DROP CONSTRAINT "{row["conname"]}"')
        for row in await self._connection.fetch(_INDEXES):
            self.indexes.append(row["indexdef"])
            await self.execute(f'DROP INDEX "{row["indexname"]}"')

    async def execute(self, sql: str) -> int:
        """Run a statement."""
        tail: str = (await self._connection.execute(sql, timeout=3600)).rpartition(" ")[2]
        return int(tail) if tail.isdigit() else 0

    async def sample(self, sql: str) -> Mapping[str, Any] | None:
        """Return the first row."""
        row = await self._connection.fetchrow(sql)
        return None if row is None else dict(row)

    async def add(self, table: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """Copy rows in."""
        await self._connection.copy_records_to_table(table, records=rows)
        await self.execute(f"ANALYZE {table}")

    async def check(self) -> None:
        """Look for every child without its parent."""
        for row in await self._connection.fetch(_FOREIGN):
            missing = await self._connection.fetchval(
                f"SELECT COUNT(*) FROM {row['child']} c WHERE c.{row['column']} IS NOT NULL AND NOT EXISTS "  # noqa: S608 - from the catalogue
                f"(SELECT 1 FROM {row['parent']} p WHERE p.{row['key']} = c.{row['column']})",
                timeout=3600,
            )
            if missing:
                raise BrokenWorld(f"{row['child']}.{row['column']}: {missing} rows point nowhere")

    async def settle(self) -> None:
        """Do at once what autovacuum would do in the minutes after."""
        await self.execute("VACUUM ANALYZE")
        await self.execute("CHECKPOINT")


@asynccontextmanager
async def filler(url: str) -> AsyncIterator[Filler]:
    """Open the filler of a database."""
    if url.startswith("sqlite:"):
        file = SqliteFiller(url.removeprefix("sqlite://"))
        try:
            yield file
        finally:
            file.close()
        return
    connection = await asyncpg.connect(url)
    try:
        session = PostgresFiller(connection)
        await session.open()
        yield session
    finally:
        await connection.close()
