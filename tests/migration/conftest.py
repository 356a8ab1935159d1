"""Databases and apps that vanish after each test."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest
from tortoise.backends.base.executor import EXECUTOR_CACHE

from tests.migration.world import World
from tests.services import postgres_url

NO_POSTGRES = "no PostgreSQL: set SHANZHI_TEST_DATABASE_URL, or run one on 127.0.0.1:5432 that trusts postgres"


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A package of apps that only this test knows."""
    # A source rewritten within a second and with equal length would be taken from its stale bytecode.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    monkeypatch.syspath_prepend(str(tmp_path))
    package = f"world_{uuid4().hex}"
    # Tortoise's statements are kept per process under the table's name, and all worlds use the same names.
    EXECUTOR_CACHE.clear()
    yield World(tmp_path, package)
    for name in [name for name in sys.modules if name.startswith(package)]:
        del sys.modules[name]


@pytest.fixture
def sqlite(tmp_path: Path) -> str:
    """The address of an SQLite file that does not exist yet."""
    return f"sqlite://{tmp_path / 'data' / 'shanzhi.db'}"


@pytest.fixture
def backups(tmp_path: Path) -> Path:
    """A folder for copies that does not exist yet."""
    return tmp_path / "backups"


@pytest.fixture(autouse=True)
def data(tmp_path: Path) -> None:
    """The folder of the SQLite file."""
    (tmp_path / "data").mkdir()


@pytest.fixture
async def postgres() -> AsyncIterator[str]:
    """The address of an empty PostgreSQL database."""
    server = postgres_url()
    if server is None:
        pytest.skip(NO_POSTGRES)
    name = f"shanzhi_migration_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(server)
    await connection.execute(f'CREATE DATABASE "{name}"')
    yield server.rpartition("/")[0] + f"/{name}"
    await connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')
    await connection.close()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest) -> str:
    """One database of each kind in turn."""
    address: str = request.getfixturevalue(request.param)
    return address
