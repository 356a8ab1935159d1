"""PostgreSQL: each deed in a shielded task of its own on a pooled connection (trust.md T2).

What a deed may do is the same as on SQLite: it may await only the database. Its coroutine is watched for that, so that
a deed that would be refused there is refused here too, and only its own task may use its connection.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
import types
from collections.abc import Generator, Sequence
from typing import Any, cast

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import ConnectionWrapper, NestedTransactionContext, TransactionContext
from tortoise.context import TortoiseContext, _current_context

from core._db.seam import SUSPENDED, Deed, DeedSuspended, Params, Row, StorageUnavailable, T, Tx, dollar_placeholders

log = logging.getLogger("shanzhi.db")

ACQUIRE_SECONDS = 10.0
STATEMENT_SECONDS = 30.0
CLOSE_SECONDS = 10.0
RETRIES = 5
COPY_FROM = 500  # rows: COPY is 1.6 times as quick as one INSERT after the other, but asks for the column types first
_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, statement cancelled
    asyncpg.InsufficientResourcesError,  # disk full, out of memory, too many connections
    OSError,
    TimeoutError,
)


_PLAIN_INSERT = re.compile(r"INSERT INTO (?P<table>\w+) \((?P<columns>\w+(?:, \w+)*)\) VALUES \(\?(?:, \?)*\)")


class _Guard:
    """Whose connection it is, and whether its deed is waiting for the database just now."""

    __slots__ = ("owner", "waits")

    def __init__(self) -> None:
        self.owner = asyncio.current_task()
        self.waits = 0

    def __enter__(self) -> None:
        if asyncio.current_task() is not self.owner:
            raise DeedSuspended("the transaction of a deed belongs to the deed alone, not to tasks that it started")
        self.waits += 1

    def __exit__(self, *_: object) -> None:
        self.waits -= 1


class PostgresTx:
    """Plain SQL inside a deed; implements ``seam.Tx``."""

    dialect = "postgres"
    for_update = " FOR UPDATE"

    def __init__(self, connection: Any, guard: _Guard) -> None:
        self._connection = connection
        self._guard = guard

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        with self._guard:
            rows: list[Row] = await self._connection.fetch(dollar_placeholders(sql), *params)
            return rows

    async def one(self, sql: str, params: Params = ()) -> Row | None:
        with self._guard:
            return await self._connection.fetchrow(dollar_placeholders(sql), *params)

    async def value(self, sql: str, params: Params = ()) -> Any:
        with self._guard:
            return await self._connection.fetchval(dollar_placeholders(sql), *params)

    async def execute(self, sql: str, params: Params = ()) -> int:
        with self._guard:
            status: str = await self._connection.execute(dollar_placeholders(sql), *params)
        tail = status.rpartition(" ")[2]
        return int(tail) if tail.isdigit() else 0

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> None:
        plain = _PLAIN_INSERT.fullmatch(sql) if len(rows) >= COPY_FROM else None
        with self._guard:
            if plain is not None:
                columns = plain["columns"].split(", ")
                await self._connection.copy_records_to_table(plain["table"], records=rows, columns=columns)
            else:
                await self._connection.executemany(dollar_placeholders(sql), rows)


class _GuardedConnection(ConnectionWrapper[Any]):
    """Tortoise's way to a connection; no lock, since only one task may come."""

    def __init__(self, client: AsyncpgDBClient, guard: _Guard) -> None:
        self.connection = client._connection
        self._guard = guard

    async def __aenter__(self) -> Any:
        self._guard.__enter__()
        return self.connection

    async def __aexit__(self, *_: object) -> None:
        self._guard.__exit__()


class DeedClient(TransactionWrapper):
    """Tortoise on the connection of one deed."""

    def __init__(self, parent: AsyncpgDBClient, guard: _Guard) -> None:
        super().__init__(parent)
        self.fetch_inserted = parent.fetch_inserted
        self._guard = guard

    def acquire_connection(self) -> ConnectionWrapper[Any]:
        return _GuardedConnection(self, self._guard)

    def _in_transaction(self) -> TransactionContext:
        return NestedTransactionContext(DeedClient(self, self._guard))

    async def begin(self) -> None:
        with self._guard:
            await super().begin()

    async def commit(self) -> None:
        with self._guard:
            await super().commit()

    async def rollback(self) -> None:
        with self._guard:
            await super().rollback()


class Pool:
    """A pool of connections that runs deeds and reads."""

    def __init__(
        self, url: str, tortoise: TortoiseContext, after_commit: Deed[None] | None = None, *, size: int = 10
    ) -> None:
        self._url = url
        self._tortoise = tortoise
        self._after_commit = after_commit
        self._size = size
        self._pool: Any = None
        self._running: set[asyncio.Task[Any]] = set()
        self._following = asyncio.Lock()
        self._committed = 0
        self._followed = 0

    async def open(self) -> None:
        """Connect; raises StorageUnavailable when the server does not answer."""
        try:
            self._pool = await asyncpg.create_pool(
                self._url,
                min_size=1,
                max_size=self._size,
                command_timeout=STATEMENT_SECONDS,
                server_settings={"application_name": "shanzhi"},
            )
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise StorageUnavailable(f"PostgreSQL does not answer: {error}") from error

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        """Return all rows of a read outside of any deed."""
        connection = await self._take()
        try:
            rows: list[Row] = await connection.fetch(dollar_placeholders(sql), *params)
            return rows
        except _UNAVAILABLE as error:
            raise StorageUnavailable(str(error)) from error
        finally:
            await self._pool.release(connection)

    async def run(self, deed: Deed[T]) -> T:
        """Run a deed in a task that no cancellation of the caller reaches."""
        task = asyncio.create_task(self._whole(deed), context=contextvars.copy_context())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Let running deeds end, then close the connections."""
        if self._running:
            await asyncio.wait(self._running, timeout=CLOSE_SECONDS)
        try:
            await asyncio.wait_for(self._pool.close(), CLOSE_SECONDS)
        except TimeoutError:
            self._pool.terminate()

    async def _whole(self, deed: Deed[T]) -> T:
        result = await self._attempts(deed)
        if self._after_commit is not None:
            await self._follow_up(self._after_commit)
        return result

    async def _follow_up(self, after_commit: Deed[None]) -> None:
        """Do what follows commits, once for all the deeds that were committed meanwhile.

        A failure is not the deed's: the deed is committed, and the next one makes up for it.
        """
        self._committed += 1
        mine = self._committed
        async with self._following:
            if self._followed >= mine:
                return
            latest = self._committed
            try:
                await self._attempts(after_commit)
            except (StorageUnavailable, asyncpg.PostgresError) as error:
                log.warning("what follows a commit has to wait for the next one: %s", error)
            else:
                self._followed = latest

    async def _attempts(self, deed: Deed[T]) -> T:
        for _ in range(RETRIES):
            try:
                return await self._once(deed)
            except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError) as error:
                last = error
        raise StorageUnavailable(f"the deed met others on every attempt: {last}") from last

    async def _take(self) -> Any:
        try:
            return await self._pool.acquire(timeout=ACQUIRE_SECONDS)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            raise StorageUnavailable(str(error) or "no connection became free in time") from error

    async def _once(self, deed: Deed[T]) -> T:
        connection = await self._take()
        try:
            transaction = connection.transaction()
            await transaction.start()
            try:
                result = await self._body(deed, connection)
            except BaseException:
                if not _is_gone(connection):
                    await transaction.rollback()
                raise
            await transaction.commit()
            return result
        except _UNAVAILABLE as error:
            raise StorageUnavailable(str(error)) from error
        except asyncpg.InterfaceError as error:
            if _is_gone(connection):
                raise StorageUnavailable(str(error)) from error
            raise
        finally:
            await self._pool.release(connection)

    async def _body(self, deed: Deed[T], connection: Any) -> T:
        _current_context.set(self._tortoise)
        guard = _Guard()
        parent = AsyncpgDBClient(connection_name="default")
        parent._connection = connection
        token = self._tortoise.connections.set("default", DeedClient(parent, guard))
        try:
            return cast(T, await _watch(deed(PostgresTx(connection, guard)), guard))
        finally:
            guard.owner = None
            self._tortoise.connections.reset(token)


def _is_gone(connection: Any) -> bool:
    """Say whether a connection is closed; one that the server cut is taken back by the pool at once."""
    try:
        return bool(connection.is_closed())
    except asyncpg.InterfaceError:
        return True


@types.coroutine
def _watch(deed: Any, guard: _Guard) -> Generator[Any, Any, Any]:
    """Await a deed, and refuse it as soon as it waits for anything but its database."""
    resume, value = deed.send, None
    while True:
        try:
            awaited = resume(value)
        except StopIteration as stop:
            return stop.value
        if not guard.waits:
            deed.close()
            raise DeedSuspended(SUSPENDED)
        try:
            resume, value = deed.send, (yield awaited)
        except BaseException as error:  # noqa: BLE001 - handed on to the deed, which is what waits
            resume, value = deed.throw, error


_: type[Tx] = PostgresTx
