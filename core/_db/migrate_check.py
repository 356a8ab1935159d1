"""What is wrong with a database, or with the models it should hold: for CI, ``doctor`` commands and start-up."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module

from tortoise.models import Model

from core._db.migrate_editor import editor_for
from core._db.migrate_files import AppMigrations
from core._db.migrate_shape import Table, actual_tables, differences, expected_tables
from core._db.migrate_state import declared, tables_of
from core._db.migrate_target import is_missing, open_target

RELATIONS = {"ForeignKeyField", "OneToOneField", "ForeignKeyFieldInstance", "OneToOneFieldInstance"}


async def check(url: str, apps: Sequence[AppMigrations]) -> list[str]:
    """Say where the database differs from the models, and where the models break the rules of storage; [] is clean.

    Rules: a table bears its app's prefix, a foreign key has an index, and says what happens on delete.
    """
    if is_missing(url):
        return ["the database does not exist; migrate makes it"]
    models = declared(apps)
    async with open_target(url, alone=False) as target:
        everything = [model for group in models.values() for model in group]
        expected = await expected_tables(target, editor_for(target.dialect, target.client), everything)
        actual = await actual_tables(target)
    return [
        *(problem for app in apps for problem in _rules(app, models[app.label], expected)),
        *differences(expected, actual),
        *_strangers(models, expected, actual),
    ]


def _rules(app: AppMigrations, models: Sequence[type[Model]], expected: Mapping[str, Table]) -> Iterator[str]:
    yield from _silent_deletes(app)
    own = {model._meta.db_table for model in models}
    for name in sorted(tables_of(models)):
        if not name.startswith(f"{app.label}_"):
            yield f"{app.label}: table {name} must be called {app.label}_…"
        leading = {index.columns[0] for index in expected[name].indexes.values() if index.columns}
        leading |= {column for column, shape in expected[name].columns.items() if shape.primary}
        for link in sorted(expected[name].links):
            if link.column not in leading:
                remedy = "say db_index=True" if name in own else "make a model of its own for this table"
                yield f"{app.label}: {name}.{link.column} is a foreign key without an index; {remedy}"


def _silent_deletes(app: AppMigrations) -> Iterator[str]:
    """Find relations that leave on_delete to Tortoise's default, which is CASCADE."""
    module = import_module(app.models)
    for node in ast.walk(ast.parse(inspect.getsource(module))):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            if name in RELATIONS and "on_delete" not in {keyword.arg for keyword in node.keywords}:
                yield f"{app.label}: {app.models}, line {node.lineno}: {name} must say on_delete"


def _strangers(
    models: Mapping[str, object], expected: Mapping[str, Table], actual: Mapping[str, Table]
) -> Iterator[str]:
    """Find tables that bear the prefix of an app but that no model of it knows."""
    prefixes = tuple(f"{label}_" for label in models)
    for name in sorted(actual.keys() - expected.keys()):
        if name.startswith(prefixes):
            yield f"table {name} is in the database only"
