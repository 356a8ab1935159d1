"""PostgreSQL: each deed in a shielded task of its own on a pooled connection (trust.md T2)."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from collections.abc import Sequence
from typing import Any

import asyncpg
from tortoise.backends.asyncpg.client import AsyncpgDBClient, TransactionWrapper
from tortoise.context import TortoiseContext, _current_context

from core._db.seam import Deed, Params, Row, StorageUnavailable, T, dollar_placeholders

log = logging.getLogger("shanzhi.db")

ACQUIRE_SECONDS = 10.0
STATEMENT_SECONDS = 30.0
RETRIES = 5
_LOST = (asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.CannotConnectNowError, OSError, TimeoutError)


class PostgresTx:
    """Plain SQL inside a deed; implements ``seam.Tx``."""

    dialect = "postgres"
    for_update = " FOR UPDATE"

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        rows: list[Row] = await self._connection.fetch(dollar_placeholders(sql), *params)
        return rows

    async def one(self, sql: str, params: Params = ()) -> Row | None:
        return await self._connection.fetchrow(dollar_placeholders(sql), *params)

    async def value(self, sql: str, params: Params = ()) -> Any:
        return await self._connection.fetchval(dollar_placeholders(sql), *params)

    async def execute(self, sql: str, params: Params = ()) -> int:
        status: str = await self._connection.execute(dollar_placeholders(sql), *params)
        tail = status.rpartition(" ")[2]
        return int(tail) if tail.isdigit() else 0

    async def execute_many(self, sql: str, rows: Sequence[Params]) -> None:
        await self._connection.executemany(dollar_placeholders(sql), rows)


class Pool:
    """A pool of connections that runs deeds and reads."""

    def __init__(self, url: str, tortoise: TortoiseContext, *, size: int = 10) -> None:
        self._url = url
        self._tortoise = tortoise
        self._size = size
        self._pool: Any = None
        self._running: set[asyncio.Task[Any]] = set()

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
        except (*_LOST, asyncpg.PostgresError) as error:
            raise StorageUnavailable(f"PostgreSQL does not answer: {error}") from error

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        """Return all rows of a read outside of any deed."""
        try:
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                rows: list[Row] = await connection.fetch(dollar_placeholders(sql), *params)
                return rows
        except _LOST as error:
            raise StorageUnavailable(str(error)) from error

    async def run(self, deed: Deed[T]) -> T:
        """Run a deed in a task that no cancellation of the caller reaches."""
        task = asyncio.create_task(self._attempts(deed), context=contextvars.copy_context())
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)

    async def close(self) -> None:
        """Let running deeds end, then close the connections."""
        if self._running:
            await asyncio.wait(self._running, timeout=10)
        await self._pool.close()

    async def _attempts(self, deed: Deed[T]) -> T:
        for attempt in range(RETRIES):
            try:
                return await self._once(deed)
            except (asyncpg.SerializationError, asyncpg.DeadlockDetectedError):
                if attempt == RETRIES - 1:
                    raise
        raise StorageUnavailable("the deed met a deadlock on every attempt")

    async def _once(self, deed: Deed[T]) -> T:
        try:
            connection = await self._pool.acquire(timeout=ACQUIRE_SECONDS)
        except _LOST as error:
            raise StorageUnavailable(str(error)) from error
        try:
            transaction = connection.transaction()
            await transaction.start()
            try:
                result = await self._body(deed, connection)
            except BaseException:
                if not connection.is_closed():
                    await transaction.rollback()
                raise
            await transaction.commit()
            return result
        except _LOST as error:
            raise StorageUnavailable(str(error)) from error
        finally:
            await self._pool.release(connection)

    async def _body(self, deed: Deed[T], connection: Any) -> T:
        _current_context.set(self._tortoise)
        parent = AsyncpgDBClient(connection_name="default")
        parent._connection = connection
        token = self._tortoise.connections.set("default", TransactionWrapper(parent))
        try:
            return await deed(PostgresTx(connection))
        finally:
            self._tortoise.connections.reset(token)
