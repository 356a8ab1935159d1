"""Databases to test on: a fresh SQLite file, and a throw-away PostgreSQL database where a server answers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from core._db.create import create_schema, scratch_database
from core._db.migrate_files import AppMigrations
from core.database import Database
from tests.services import postgres_url

CORE = (AppMigrations("core", "core.models", "core.migrations"),)
KINDS = (
    "sqlite",
    pytest.param(
        "postgres",
        marks=(pytest.mark.postgres, pytest.mark.skipif(postgres_url() is None, reason="no PostgreSQL answers")),
    ),
)


@asynccontextmanager
async def made(kind: str, folder: Path, apps: Sequence[AppMigrations] = CORE) -> AsyncIterator[str]:
    """Give the URL of a new database with the tables of these apps."""
    if kind == "sqlite":
        url = f"sqlite://{folder / 'test.db'}"
        await create_schema(url, apps)
        yield url
        return
    async with scratch_database(postgres_url() or "") as url:
        await create_schema(url, apps)
        yield url


@asynccontextmanager
async def opened(
    kind: str, folder: Path, apps: Sequence[AppMigrations] = CORE, *, pool_size: int = 10
) -> AsyncIterator[Database]:
    """Give a new open database with the tables of these apps; closed, and on PostgreSQL dropped, afterwards."""
    async with made(kind, folder, apps) as url:
        database = await Database.open(url, apps, pool_size=pool_size)
        try:
            yield database
        finally:
            await database.close()
