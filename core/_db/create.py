"""Throw-away databases for tests and benches: tables straight from the models, without migrations.

A database that anybody will want to keep is made by ``core._db.migrate``.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from urllib.parse import urlsplit, urlunsplit

import asyncpg
from tortoise.backends.base.config_generator import expand_db_url
from tortoise.context import TortoiseContext


class App(Protocol):
    """An app whose tables are wanted: ``AppMigrations`` is one."""

    @property
    def label(self) -> str:
        """Return the prefix of its tables."""

    @property
    def models(self) -> str:
        """Return the name of its models module."""


async def create_schema(url: str, apps: Sequence[App]) -> None:
    """Create the tables of these apps that do not exist yet, as their models declare them."""
    async with TortoiseContext() as context:
        await context.init(
            {
                "connections": {"default": _connection(url)},
                "apps": {app.label: {"models": [app.models], "default_connection": "default"} for app in apps},
            }
        )
        await context.generate_schemas(safe=True)


def _connection(url: str) -> dict[str, Any]:
    if url.startswith("sqlite:"):
        return {"engine": "tortoise.backends.sqlite", "credentials": {"file_path": url.removeprefix("sqlite://")}}
    return dict(expand_db_url(url))


@asynccontextmanager
async def scratch_database(server: str) -> AsyncIterator[str]:
    """Make an empty database on a PostgreSQL server, give its URL, and drop it afterwards, whoever is connected."""
    name = f"shanzhi_scratch_{secrets.token_hex(6)}"
    await _administer(server, f'CREATE DATABASE "{name}"')
    try:
        yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
    finally:
        await _administer(server, f'DROP DATABASE "{name}" WITH (FORCE)')


async def _administer(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server)
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
