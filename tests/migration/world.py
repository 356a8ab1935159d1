"""A small world for migration tests: apps written into packages of their own, and databases of both kinds."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import asyncpg
from tortoise.connection import get_connection
from tortoise.context import TortoiseContext
from tortoise.migrations.autodetector import MigrationAutodetector
from tortoise.migrations.executor import MigrationExecutor
from tortoise.migrations.writer import MigrationWriter

from core._db.makemigrations import make_migrations
from core._db.migrate import AppMigrations, MigrationReport, migrate
from core._db.migrate_target import sqlite_path, statements

MODELS = """
from tortoise import fields
from tortoise.indexes import Index, PartialIndex
from tortoise.fields import CASCADE, NO_ACTION, RESTRICT, SET_NULL
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.models import Model
"""
MIGRATION = """
from tortoise import fields, migrations
from tortoise.indexes import Index
from tortoise.fields import CASCADE, NO_ACTION, RESTRICT, SET_NULL
from tortoise.migrations import operations as ops
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
"""

COMMUNITY = """
class Community(Model):
    id = fields.BigIntField(primary_key=True, generated=False)
    name = fields.CharField(60, db_index=True)
    note = fields.CharField(100, default="")

    class Meta:
        table = "core_community"
"""
POLL = """
class Poll(Model):
    id = fields.BigIntField(primary_key=True, generated=False)
    community = fields.ForeignKeyField("core.Community", on_delete=CASCADE, db_index=True, related_name=False)
    title = fields.CharField(60)
    round = fields.IntField(default=1)

    class Meta:
        table = "vote_poll"
        unique_together = (("community", "title"),)
        indexes = (("title", "round"),)
"""


class World:
    """Apps under one package name that no other test uses."""

    def __init__(self, folder: Path, package: str) -> None:
        self.folder = folder
        self.package = package
        self.apps: list[AppMigrations] = []
        (folder / package).mkdir()
        (folder / package / "__init__.py").touch()

    def app(self, label: str, models: str) -> AppMigrations:
        """Add an app with these models and no migrations yet."""
        home = self.folder / self.package / label
        (home / "migrations").mkdir(parents=True)
        (home / "__init__.py").touch()
        (home / "migrations" / "__init__.py").touch()
        name = f"{self.package}.{label}"
        self.apps.append(AppMigrations(label, f"{name}.models", f"{name}.migrations"))
        self.models(label, models)
        return self.apps[-1]

    def models(self, label: str, models: str) -> None:
        """Give an app other models, as a new version of its code would."""
        (self.folder / self.package / label / "models.py").write_text(MODELS + dedent(models), encoding="utf-8")
        sys.modules.pop(f"{self.package}.{label}.models", None)
        importlib.invalidate_caches()

    def make(self, label: str, name: str | None = None) -> Path | None:
        """Write the next migration of an app."""
        return make_migrations(self.apps, label=label, name=name)

    def step(
        self, label: str, name: str, operations: str, needs: Sequence[tuple[str, str]] = (), head: str = ""
    ) -> None:
        """Write a migration by hand; ``operations`` is what stands in the list."""
        body = indent(dedent(operations).strip(), " " * 8)
        text = f"{MIGRATION}{dedent(head)}\n\nclass Migration(migrations.Migration):\n"
        text += f"    dependencies = {list(needs)!r}\n    operations = [\n{body}\n    ]\n"
        (self.folder / self.package / label / "migrations" / f"{name}.py").write_text(text, encoding="utf-8")
        importlib.invalidate_caches()

    def read(self, label: str, name: str) -> str:
        """Return the text of a migration."""
        return (self.folder / self.package / label / "migrations" / f"{name}.py").read_text(encoding="utf-8")

    def drop(self, label: str, name: str) -> None:
        """Delete a migration, as an older release of the code would be."""
        (self.folder / self.package / label / "migrations" / f"{name}.py").unlink()
        sys.modules.pop(f"{self.package}.{label}.migrations.{name}", None)
        importlib.invalidate_caches()

    def config(self, url: str) -> dict[str, Any]:
        """Return the configuration that stock Tortoise wants."""
        apps = {
            app.label: {"models": [app.models], "migrations": app.migrations, "default_connection": "default"}
            for app in self.apps
        }
        return {"connections": {"default": url}, "apps": apps}


async def query(url: str, sql: str, *values: Any) -> list[tuple[Any, ...]]:
    """Run SQL on a connection of its own, with foreign keys on as in the server, and return the rows."""
    if url.startswith("sqlite"):
        return _query_sqlite(sqlite_path(url), sql, values)
    connection = await asyncpg.connect(url)
    try:
        if values:
            return [tuple(row) for row in await connection.fetch(sql, *values)]
        return (
            [tuple(row) for row in await connection.fetch(sql)]
            if sql[:6] == "SELECT"
            else [_done(await connection.execute(sql))]
        )
    finally:
        await connection.close()


def _done(_: object) -> tuple[Any, ...]:
    return ()


def _query_sqlite(path: str, sql: str, values: Sequence[Any]) -> list[tuple[Any, ...]]:
    import sqlite3

    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA foreign_keys=ON")
        rows: list[tuple[Any, ...]] = []
        for statement in statements(sql):
            rows = connection.execute(statement, values).fetchall()
        return rows
    finally:
        connection.close()


async def tables(url: str) -> set[str]:
    """Return the names of the tables, Tortoise's and SQLite's own left out."""
    if url.startswith("sqlite"):
        rows = await query(url, "SELECT name FROM sqlite_master WHERE type = 'table'")
    else:
        rows = await query(
            url, "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
    return {row[0] for row in rows if not row[0].startswith(("sqlite_", "tortoise_"))}


async def indexes(url: str, table: str) -> list[str]:
    """Return the definitions of a table's indexes, without their names."""
    if url.startswith("sqlite"):
        found = await query(
            url,
            "SELECT i.\"unique\" || ' ' || (SELECT group_concat(name) FROM pragma_index_info(i.name)) "
            f"FROM pragma_index_list('{table}') AS i WHERE i.origin <> 'pk' ORDER BY 1",
        )
    else:
        found = await query(
            url,
            "SELECT i.indisunique::int || ' ' || (SELECT string_agg(a.attname, ',' ORDER BY n.place) FROM "
            "unnest(i.indkey) WITH ORDINALITY AS n(number, place) JOIN pg_attribute AS a ON a.attrelid = i.indrelid "
            "AND a.attnum = n.number) FROM pg_index AS i "
            f"WHERE i.indrelid = '{table}'::regclass AND NOT i.indisprimary ORDER BY 1",
        )
    return [row[0] for row in found]


def copies(folder: Path, name: str = "shanzhi") -> list[Path]:
    """Return the copies of a database, the oldest first."""
    return sorted(folder.glob(f"{name}-*"))


async def bring_up(world: World, url: str, **options: Any) -> MigrationReport:
    """Migrate all apps of a world; every one of them must succeed."""
    report = await migrate(url, world.apps, **{"backup_dir": None, **options})
    assert report.failed == {}, report.failed
    return report


async def stock_migrate(world: World, url: str) -> None:
    """Run the migrations as Tortoise itself does."""
    async with TortoiseContext() as context:
        await context.init(world.config(url))
        await MigrationExecutor(get_connection("default"), world.config(url)["apps"]).migrate()


async def stock_makemigrations(world: World, url: str) -> dict[str, MigrationWriter]:
    """Let Tortoise detect the changes of all apps at once; nothing is written."""
    async with TortoiseContext() as context:
        await context.init(world.config(url))
        assert context.apps is not None
        writers = await MigrationAutodetector(context.apps, world.config(url)["apps"]).changes()
        return {writer.app_label: writer for writer in writers}
