"""The database that is being migrated: a private connection, a transaction per step, one migrating process at a time.

SQLite runs with ``foreign_keys=OFF``, set when connecting (inside a transaction the pragma is ignored): with them on,
the DROP TABLE of a table rebuild deletes the rows of every table that points at it with CASCADE. What the switched-off
keys would have refused is found by ``foreign_key_check`` before the commit.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from datetime import UTC, datetime
from glob import escape
from pathlib import Path
from typing import Any, Protocol

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.asyncpg.client import TransactionWrapper as AsyncpgTransaction
from tortoise.backends.base.client import BaseDBAsyncClient, NestedTransactionContext, TransactionContext
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.backends.sqlite.client import SqliteClient, SqliteTransactionWrapper
from tortoise.exceptions import OperationalError

from core._db.seam import dollar_placeholders

KEEP_BACKUPS = 5
BUSY_SECONDS = 30
POLL_SECONDS = 0.1
WAIT_SECONDS = 600.0
ADVISORY_LOCK = 0x5368616E7A6869  # "Shanzhi": any number that nothing else in the database locks
ENDS_TRANSACTION = {"ABORT", "ATTACH", "BEGIN", "COMMIT", "DETACH", "END", "ROLLBACK", "START", "VACUUM"}


class NotMigratable(Exception):
    """The database cannot be migrated now; the message says why and what to do."""


class Target(Protocol):
    """An open database, as the runner sees it."""

    dialect: str
    client: BaseDBAsyncClient

    async def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query with ``?`` placeholders."""

    async def run(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement."""

    def step(self) -> AbstractAsyncContextManager[None]:
        """Return a transaction: ``async with target.step()`` keeps all of it, or nothing."""

    async def assert_in_step(self) -> None:
        """Raise if SQL of a migration has ended the step's transaction."""


@asynccontextmanager
async def open_target(url: str, *, backup_dir: Path | None = None, alone: bool = True) -> AsyncIterator[Target]:
    """Connect; with ``alone`` wait until no other process migrates this database, and keep others waiting meanwhile."""
    target = SqliteTarget(sqlite_path(url), backup_dir) if url.startswith("sqlite:") else PostgresTarget(url)
    try:
        try:
            await target.open(alone)
        except (OSError, sqlite3.Error, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
            raise NotMigratable(f"the database cannot be opened ({error}); check its address and rights") from error
        yield target
    finally:
        await target.close()


def is_missing(url: str) -> bool:
    """Say whether this is an SQLite file that does not exist yet."""
    return url.startswith("sqlite:") and not Path(sqlite_path(url)).exists()


def sqlite_path(url: str) -> str:
    """Return the file of ``sqlite:///abs/path.db`` or ``sqlite://path.db``."""
    path = url.removeprefix("sqlite://").partition("?")[0]
    if not path or ":memory:" in path:
        raise NotMigratable("a database in memory belongs to one connection and cannot be migrated; use a file")
    return path


def statements(script: str) -> Iterator[str]:
    """Split an SQL script at the semicolons that end statements, not at those in literals, comments or triggers."""
    text = ""
    for piece in script.split(";"):
        text += f"{piece};"
        if sqlite3.complete_statement(text):
            if text.strip(" \t\r\n;"):
                yield text.strip()
            text = ""
    if text.strip(" \t\r\n;"):
        yield text.strip().removesuffix(";")


def _refuse_to_end(statement: str) -> None:
    words = statement.upper().replace(";", " ").split()
    if words and words[0] in ENDS_TRANSACTION and "TO" not in words:
        raise OperationalError(f"{words[0]} has no place in a migration: the runner begins and commits the step")


class StepClient(SqliteTransactionWrapper):
    """Tortoise on the transaction of a step. A script runs statement by statement: ``executescript`` would commit."""

    async def execute_script(self, query: str) -> None:
        """Run all statements of a script inside the step."""
        for statement in statements(query):
            await self.execute_query(statement)

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, Sequence[dict[str, Any]]]:
        """Run a statement, unless it would end the step's transaction."""
        _refuse_to_end(query)
        found: tuple[int, Sequence[dict[str, Any]]] = await super().execute_query(query, values)
        return found

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(StepClient(self))


class SqliteTarget:
    """An SQLite file; a neighbouring file ``<name>.migrating`` is the lock, freed by the system if the process dies."""

    dialect = "sqlite"

    def __init__(self, path: str, backup_dir: Path | None) -> None:
        self._path = path
        self._backup_dir = backup_dir
        self._parent = SqliteClient(
            path, connection_name="default", busy_timeout=BUSY_SECONDS * 1000, foreign_keys="OFF", synchronous="FULL"
        )
        self._lock: sqlite3.Connection | None = None
        self._worth_keeping = False
        self.client: BaseDBAsyncClient

    async def open(self, alone: bool) -> None:
        """Take the lock, then connect."""
        if alone:
            self._lock = sqlite3.connect(f"{self._path}.migrating", timeout=0, isolation_level=None)
            await _patiently(self._try_lock)
        await self._parent.create_connection(with_db=True)
        self.client = StepClient(self._parent)
        if (await self.rows("PRAGMA foreign_keys"))[0][0]:
            raise NotMigratable("foreign_keys could not be switched off; a rebuild would delete rows by cascade")
        self._worth_keeping = bool(await self.rows("SELECT 1 FROM sqlite_master WHERE type = 'table' LIMIT 1"))

    async def _try_lock(self) -> bool:
        try:
            self._lock.execute("BEGIN EXCLUSIVE") if self._lock else None
        except sqlite3.OperationalError:
            return False
        return True

    async def close(self) -> None:
        """Disconnect, which rolls back what is open, then let the next process in."""
        await self._parent.close()
        if self._lock is not None:
            self._lock.close()

    async def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query."""
        return list((await self.client.execute_query(sql, list(params)))[1])

    async def run(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement."""
        await self.client.execute_query(sql, list(params))

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """Write-lock at once (a deferred BEGIN fails when another process writes); check and copy before the commit."""
        raw = self.client._connection
        await raw.execute("BEGIN IMMEDIATE")
        try:
            yield
            await self._check_foreign_keys()
            await self._back_up()
            await raw.execute("COMMIT")
        finally:
            if raw.in_transaction:
                await raw.execute("ROLLBACK")

    async def assert_in_step(self) -> None:
        """Nothing to do: the client refuses statements that would end it."""

    async def _check_foreign_keys(self) -> None:
        broken = await self.rows('SELECT DISTINCT "table", parent FROM pragma_foreign_key_check ORDER BY 1, 2')
        if broken:
            pairs = ", ".join(f"{row[0]} -> {row[1]}" for row in broken)
            raise NotMigratable(f"rows would point at nothing (foreign_key_check): {pairs}")

    async def _back_up(self) -> None:
        """Copy the database as it was before the first step that is kept: readers still see it until the commit."""
        if self._worth_keeping and self._backup_dir is not None:
            await asyncio.to_thread(copy_database, Path(self._path), self._backup_dir)
        self._worth_keeping = False


def copy_database(source: Path, folder: Path) -> Path:
    """Copy a live SQLite database into the folder, under its name and the moment; keep the last five."""
    folder.mkdir(parents=True, exist_ok=True)
    for unfinished in folder.glob(f"{escape(source.stem)}-*.part"):
        unfinished.unlink()
    copy = folder / f"{source.stem}-{datetime.now(UTC):%Y%m%dT%H%M%S%f}Z.sqlite3"
    unfinished = copy.with_suffix(".part")
    with (
        closing(sqlite3.connect(f"{source.resolve().as_uri()}?mode=ro", uri=True)) as live,
        closing(sqlite3.connect(unfinished)) as target,
    ):
        live.backup(target)
    unfinished.replace(copy)
    for old in sorted(folder.glob(f"{escape(source.stem)}-*Z.sqlite3"))[:-KEEP_BACKUPS]:
        old.unlink()
    return copy


class PostgresStepClient(AsyncpgTransaction):
    """Tortoise on the transaction of a step; ``?`` placeholders work here as everywhere in this project."""

    async def execute_script(self, query: str) -> None:
        """Run a script as a whole, unless it would end the step's transaction."""
        if "$" not in query:  # the body of a function, which this does not read, is full of BEGIN and END
            for statement in statements(query):
                _refuse_to_end(statement)
        await super().execute_script(query)

    async def execute_query(self, query: str, values: list[Any] | None = None) -> tuple[int, list[dict[str, Any]]]:
        """Run a statement."""
        sql = dollar_placeholders(query) if values and "$1" not in query else query
        found: tuple[int, list[dict[str, Any]]] = await super().execute_query(sql, values)
        return found

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(PostgresStepClient(self))


class PostgresTarget:
    """A PostgreSQL database; a session's advisory lock keeps other migrating processes waiting."""

    dialect = "postgres"

    def __init__(self, url: str) -> None:
        self._url = url
        self.client: BaseDBAsyncClient
        self._raw: asyncpg.Connection[Any] | None = None
        self._step = ""

    async def open(self, alone: bool) -> None:
        """Connect without cached statements (a plan made before an ALTER TABLE fails after it), then take the lock."""
        given = expand_db_url(self._url)["credentials"]
        wanted = {key: given[key] for key in ("host", "port", "user", "password", "database", "ssl") if key in given}
        self._raw = await asyncpg.connect(**wanted, statement_cache_size=0)
        client = PostgresStepClient(AsyncpgDBClient(connection_name="default"))
        client._connection = self._raw
        self.client = client
        await self.run(f"SET lock_timeout = '{BUSY_SECONDS}s'")
        if alone:
            await _patiently(self._try_lock)

    async def _try_lock(self) -> bool:
        return bool((await self.rows("SELECT pg_try_advisory_lock(?)", [ADVISORY_LOCK]))[0][0])

    async def close(self) -> None:
        """Disconnect, which rolls back what is open and frees the lock."""
        if self._raw is not None:
            await self._raw.close()

    async def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        """Return the rows of a query."""
        return list(await self.client._connection.fetch(dollar_placeholders(sql), *params))

    async def run(self, sql: str, params: Sequence[Any] = ()) -> None:
        """Run one statement."""
        await self.client._connection.execute(dollar_placeholders(sql), *params)

    @asynccontextmanager
    async def step(self) -> AsyncIterator[None]:
        """Open a transaction."""
        async with self.client._connection.transaction():
            self._step = await self._transaction_number()
            yield
            await self.assert_in_step()

    async def assert_in_step(self) -> None:
        """Compare transaction numbers: what ended the transaction inside a script is only seen afterwards."""
        if self._step != await self._transaction_number():
            raise NotMigratable("its SQL says COMMIT or ROLLBACK, so that parts of the step may be in force")

    async def _transaction_number(self) -> str:
        return str((await self.rows("SELECT pg_current_xact_id()::text"))[0][0])


async def _patiently(attempt: Any) -> None:
    """Try until it works; another process that migrates takes minutes at most."""
    for _ in range(int(WAIT_SECONDS / POLL_SECONDS)):
        if await attempt():
            return
        await asyncio.sleep(POLL_SECONDS)
    raise NotMigratable(f"another process has been migrating this database for {WAIT_SECONDS:.0f} s; stop it first")
