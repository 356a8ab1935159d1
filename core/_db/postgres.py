"""PostgreSQL: each deed in a task of its own that no cancellation reaches, on a pooled connection (trust.md T2).

A deed has a transaction of its own, unless it is declared to be shared: of those, as many as are waiting share one, so
that thousands of ballots do not cost a transaction each. When one of them fails after it wrote, all are done one by one.

What a deed may do is the same as on SQLite: it may await only the database. Its coroutine is watched for that, so that
a deed that would be refused there is refused here too, and only its own task may use its connection.
"""

from __future__ import annotations

import asyncio
import logging
import re
import types
from collections.abc import Generator, Sequence
from functools import lru_cache
from typing import Any, cast

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.backends.base.client import ConnectionWrapper, NestedTransactionContext, TransactionContext
from tortoise.context import TortoiseContext, _current_context

from core._db.lanes import Job, Lanes
from core._db.seam import (
    SUSPENDED,
    Deed,
    DeedSuspended,
    Params,
    Row,
    Statement,
    StorageUnavailable,
    Sums,
    T,
    Tx,
    dollar_placeholders,
)

log = logging.getLogger("shanzhi.db")

ACQUIRE_SECONDS = 10.0
STATEMENT_SECONDS = 30.0
CLOSE_SECONDS = 10.0
RETRIES = 5
GROUP_LIMIT = 64
COPY_FROM = 500  # rows: COPY is 1.6 times as quick as one INSERT after the other, but asks for the column types first
_UNAVAILABLE = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,  # shutting down, starting up, statement cancelled
    asyncpg.InsufficientResourcesError,  # disk full, out of memory, too many connections
    OSError,
    TimeoutError,
)


_REFUSED = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)
_PLAIN_INSERT = re.compile(r"INSERT INTO (?P<table>\w+) \((?P<columns>\w+(?:, \w+)*)\) VALUES \(\?(?:, \?)*\)")


class _Guard:
    """One attempt at a deed: whose connection it is, whether it waits for the database just now, what it has done."""

    __slots__ = ("has_failed", "has_written", "owner", "sums", "waits")

    def __init__(self) -> None:
        self.owner: asyncio.Task[Any] | None = None
        self.waits = 0
        self.has_written = self.has_failed = False
        self.sums = Sums()

    def __enter__(self) -> None:
        if asyncio.current_task() is not self.owner:
            raise DeedSuspended("the transaction of a deed belongs to the deed alone, not to tasks that it started")
        self.waits += 1

    def __exit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self.waits -= 1
        if failed is not None:
            self.has_failed = True


class PostgresTx:
    """Plain SQL inside a deed; implements ``seam.Tx``."""

    dialect = "postgres"
    for_update = " FOR UPDATE"
    for_share = " FOR SHARE"
    next_seq = "NULL"

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
        self._guard.has_written = True
        with self._guard:
            status: str = await self._connection.execute(dollar_placeholders(sql), *params)
        tail = status.rpartition(" ")[2]
        return int(tail) if tail.isdigit() else 0

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> None:
        self._guard.has_written = True
        plain = _PLAIN_INSERT.fullmatch(sql) if len(rows) >= COPY_FROM else None
        with self._guard:
            if plain is not None:
                columns = plain["columns"].split(", ")
                await self._connection.copy_records_to_table(plain["table"], records=rows, columns=columns)
            else:
                await self._connection.executemany(dollar_placeholders(sql), rows)

    async def together(self, statements: Sequence[Statement]) -> list[int]:
        if len(statements) < 2:
            return [await self.execute(sql, params) for sql, params in statements]
        self._guard.has_written = True
        params = [value for _, given in statements for value in given]
        row = await self.one(_merged(tuple(sql for sql, _ in statements)), params)
        return [] if row is None else list(row)

    def add_up(self, update: str, amounts: Sequence[int], key: Params) -> None:
        self._guard.sums.add(update, amounts, key)


@lru_cache(maxsize=512)
def _merged(statements: tuple[str, ...]) -> str:
    """Write several changes as one statement that gives how many rows each touched."""
    parts = ", ".join(f"s{at} AS ({sql} RETURNING 1)" for at, sql in enumerate(statements))
    counts = ", ".join(f"(SELECT COUNT(*) FROM s{at})" for at in range(len(statements)))
    return f"WITH {parts} SELECT {counts}"


class _GuardedConnection(ConnectionWrapper[Any]):
    """Tortoise's way to a connection; no lock, since only one task may come."""

    def __init__(self, client: AsyncpgDBClient, guard: _Guard) -> None:
        self.connection = client._connection
        self._guard = guard

    async def __aenter__(self) -> Any:
        self._guard.__enter__()
        self._guard.has_written = True
        return self.connection

    async def __aexit__(self, failed: type[BaseException] | None, *_: object) -> None:
        self._guard.__exit__(failed)


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
        self._alone = Lanes(self._work_off, size)
        self._shared = Lanes(self._work_off, max(1, size * 2 // 5), GROUP_LIMIT)
        self._ending: set[asyncio.Task[None]] = set()
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

    async def run(self, deed: Deed[T], *, shared: bool = False) -> T:
        """Run a deed in a task that no cancellation of the caller reaches."""
        return await (self._shared if shared else self._alone).run(deed)

    async def close(self) -> None:
        """Let running deeds end, then close the connections."""
        while running := {*self._alone.running, *self._shared.running, *self._ending}:
            _, left = await asyncio.wait(running, timeout=CLOSE_SECONDS)
            if left:
                break
        try:
            await asyncio.wait_for(self._pool.close(), CLOSE_SECONDS)
        except TimeoutError:
            self._pool.terminate()

    async def _work_off(self, jobs: list[Job]) -> None:
        """Do deeds to their end; they are answered once what follows their commit is done, while the next ones begin."""
        if len(jobs) == 1 or not await self._together(jobs):
            for job in jobs:
                await self._by_itself(job)
        task = asyncio.create_task(self._end(jobs))
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def _by_itself(self, job: Job) -> None:
        job.error = None
        try:
            work = asyncio.create_task(self._attempts(job.deed), context=job.context)
            job.result = await work
        except BaseException as error:  # noqa: BLE001 - it is the caller's
            job.error = error

    async def _end(self, jobs: list[Job]) -> None:
        try:
            if self._after_commit is not None and any(job.error is None for job in jobs):
                await self._follow_up(self._after_commit)
        finally:
            for job in jobs:
                job.answer()

    async def _together(self, jobs: list[Job]) -> bool:
        """Do several deeds in one transaction; False when nothing was kept, and each has to be done by itself."""
        try:
            connection = await self._take()
        except StorageUnavailable:
            return False
        try:
            transaction = connection.transaction()
            try:
                await transaction.start()
                well = await self._bodies(jobs, connection)
            except _REFUSED:
                well = False
            if not well:
                if not _is_gone(connection):
                    await transaction.rollback()
                return False
            try:
                await transaction.commit()
            except (
                *_UNAVAILABLE,
                asyncpg.InterfaceError,
            ) as error:  # kept or not: nobody knows, and none is done twice
                for job in jobs:
                    job.error = job.error or _outage(error)
            return True
        except _REFUSED:
            return False
        finally:
            await self._pool.release(connection)

    async def _bodies(self, jobs: list[Job], connection: Any) -> bool:
        """Do deeds one after the other; False when one failed that may have changed something, or lost the connection."""
        sums = Sums()
        for job in jobs:
            guard, job.error = _Guard(), None
            try:
                body = self._body(job.deed, connection, guard)
                job.result = await asyncio.create_task(body, context=job.context.copy())
            except BaseException as error:  # noqa: BLE001 - it is the caller's
                job.error = error
            if guard.has_failed or (job.error is not None and guard.has_written):
                return False
            if job.error is None:
                sums.merge(guard.sums)
        await _add_up(connection, sums)
        return True

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
                guard = _Guard()
                result = await self._body(deed, connection, guard)
                await _add_up(connection, guard.sums)
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

    async def _body(self, deed: Deed[T], connection: Any, guard: _Guard) -> T:
        _current_context.set(self._tortoise)
        guard.owner = asyncio.current_task()
        parent = AsyncpgDBClient(connection_name="default")
        parent._connection = connection
        token = self._tortoise.connections.set("default", DeedClient(parent, guard))
        try:
            return cast(T, await _watch(deed(PostgresTx(connection, guard)), guard))
        finally:
            guard.owner = None
            self._tortoise.connections.reset(token)


async def _add_up(connection: Any, sums: Sums) -> None:
    for sql, params in sums.statements():
        await connection.execute(dollar_placeholders(sql), *params)


def _outage(cause: BaseException) -> StorageUnavailable:
    error = StorageUnavailable(str(cause))
    error.__cause__ = cause
    return error


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
