"""The database as the kernel sees it: reads, and deeds in transactions; SQLite or PostgreSQL behind one face."""

from __future__ import annotations

from collections.abc import Sequence
from contextvars import ContextVar
from typing import Any

import asyncpg
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.context import TortoiseContext

from core._db.migrate_files import AppMigrations
from core._db.postgres import Pool
from core._db.replicas import Replica, Replicas
from core._db.seam import (
    Deed,
    DeedSuspended,
    Overloaded,
    Params,
    Row,
    Statement,
    StorageUnavailable,
    T,
    Tx,
    is_sqlite,
    sqlite_path,
)
from core._db.sqlite import DearReader, Reader, Writer

__all__ = [
    "AppMigrations",
    "Database",
    "Deed",
    "DeedSuspended",
    "Overloaded",
    "Row",
    "Statement",
    "StorageUnavailable",
    "Tx",
    "is_sqlite",
    "sqlite_path",
]

# Events and leaves get their place in the feed and in the log when they are committed: on SQLite within the one
# writer's commit, on PostgreSQL right after it under a lock (a number given inside would be visible out of order).
SEQUENCE = tuple(
    f"UPDATE {table} SET seq = n.seq FROM (SELECT id, (SELECT COALESCE(MAX(seq), 0) FROM {table}) "
    f"+ ROW_NUMBER() OVER (ORDER BY id) AS seq FROM {table} WHERE seq IS NULL) AS n "
    f"WHERE {table}.id = n.id"
    for table in ("core_event", "core_trace_leaf")
)
SEQUENCE_LOCK = 0x5348414E  # any number that nothing else in this database locks

# The replica that answers the reads of what runs now; one for all reads of a query, so that they fit together.
_ANSWERING: ContextVar[Replica | None] = ContextVar("answering replica", default=None)


class Database:
    """Open with ``await Database.open(url, apps)``; close when done."""

    def __init__(
        self, url: str, tortoise: TortoiseContext, *, pool_size: int = 10, replicas: Sequence[str] = (),
        replica_lag: float = 5.0,
    ) -> None:  # fmt: skip
        self.url = url
        self.tortoise = tortoise
        self.commits = 0
        """How many deeds of this process were committed."""
        self.replicas: Replicas | None = None
        self._reader: Reader | Pool
        self._dear_reader: DearReader | Pool
        self._writer: Writer | Pool
        if is_sqlite(url):
            self.dialect = "sqlite"
            self._writer = Writer(sqlite_path(url), tortoise, SEQUENCE)
        else:
            self.dialect = "postgres"
            self._writer = self._reader = self._dear_reader = Pool(url, tortoise, _sequence, size=pool_size)
            if replicas:
                followers = [Replica(one, Pool(one, tortoise, size=pool_size)) for one in replicas]
                self.replicas = Replicas(self._reader, followers, replica_lag)

    @classmethod
    async def open(
        cls, url: str, apps: Sequence[AppMigrations], *, pool_size: int = 10, replicas: Sequence[str] = (),
        replica_lag: float = 5.0,
    ) -> Database:  # fmt: skip
        """Connect to a migrated database and make the models of these apps usable inside deeds.

        ``replicas`` are standbys of a PostgreSQL that may answer queries while they are not more than ``replica_lag``
        seconds behind. Tortoise keeps one dialect per model and process: several databases may be open, but not of
        both kinds.
        """
        database = cls(url, await _tortoise(url, apps), pool_size=pool_size, replicas=replicas, replica_lag=replica_lag)
        await database._writer.open()
        if isinstance(database._writer, Writer):
            database._reader = Reader(sqlite_path(url))
            database._dear_reader = DearReader(sqlite_path(url))
        return database

    async def fetch(self, sql: str, params: Params = (), *, dear: bool = False) -> list[Row]:
        """Return all rows of a read outside of any deed; ``?`` placeholders.

        ``dear`` says that it takes long enough to be read beside the event loop: a millisecond or more.
        """
        if (replica := _ANSWERING.get()) is not None:
            try:
                return await replica.pool.fetch(sql, params)
            except (StorageUnavailable, asyncpg.SerializationError, asyncpg.InterfaceError) as error:
                # Gone, or what was read is being removed by the primary, which then answers for the rest of the query.
                replica.leave_out(str(error))
                _ANSWERING.set(None)
        return await (self._dear_reader if dear else self._reader).fetch(sql, params)

    async def value(self, sql: str, params: Params = ()) -> Any:
        """Return the first column of the first row of a read, or None."""
        rows = await self.fetch(sql, params)
        return rows[0][0] if rows else None

    def answer_from_replica(self, person_id: int | None) -> None:
        """Let a replica answer the reads of the running query, if there is one that has what this person did last."""
        _ANSWERING.set(self.replicas.choose(person_id) if self.replicas is not None else None)

    async def run(self, deed: Deed[T], *, shared: bool = False) -> T:
        """Run a deed in one transaction: all of it, or nothing.

        A ``shared`` deed locks nothing that others wait for in another order, so that several may be committed together
        on PostgreSQL, too; on SQLite all are.
        """
        result = await self._writer.run(deed, shared=shared)
        self.commits += 1
        return result

    async def close(self) -> None:
        """Finish running deeds and close every connection."""
        if isinstance(self._dear_reader, DearReader):
            await self._dear_reader.close()
        if isinstance(self._reader, Reader):
            self._reader.close()  # first: the last connection to close tidies the write-ahead log away, if it may write
        if self.replicas is not None:
            await self.replicas.close()
        await self._writer.close()


async def _sequence(tx: Tx) -> None:
    """Number what is committed and unnumbered; one process at a time."""
    await tx.execute("SELECT pg_advisory_xact_lock(?)", (SEQUENCE_LOCK,))
    for statement in SEQUENCE:
        await tx.execute(statement)


async def _tortoise(url: str, apps: Sequence[AppMigrations]) -> TortoiseContext:
    engine = "tortoise.backends.sqlite" if is_sqlite(url) else "tortoise.backends.asyncpg"
    credentials: dict[str, Any] = {"file_path": ":memory:"} if is_sqlite(url) else {}
    EXECUTOR_CACHE.clear()  # it holds finished SQL by table name, in the dialect of whatever was open before
    with TortoiseContext() as context:
        await context.init(
            {
                "connections": {"default": {"engine": engine, "credentials": credentials}},
                "apps": {app.label: {"models": [app.models], "default_connection": "default"} for app in apps},
                "use_tz": True,
                "timezone": "Asia/Shanghai",
            }
        )
    return context
