"""Bring tables into the shape that models say, inside the transaction of a migration step.

SQLite can only rebuild a table to change it: create it anew under another name, copy, drop, rename. Everything that
hangs on the old table is made again from what the models say; indexes and triggers made by hand are kept.
PostgreSQL changes constraints and indexes in place. Whatever still differs afterwards fails the step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tortoise.models import Model

from core._db.migrate_editor import ExactEditor, default_value
from core._db.migrate_shape import Column, Index, Table, actual_tables, differences, expected_tables
from core._db.migrate_target import Target


class NotSettled(Exception):
    """The tables cannot be, or are not, as the models say."""


async def settle(target: Target, editor: ExactEditor, models: Iterable[type[Model]]) -> None:
    """Make the tables of these models exactly what the models say, or raise."""
    models = list(models)
    expected = await expected_tables(target, editor, models)
    actual = await actual_tables(target)
    owners = {model._meta.db_table: model for model in models}
    for name, wanted in expected.items():
        if name in actual and target.dialect == "sqlite":
            await _settle_sqlite(target, editor, wanted, actual[name], owners.get(name))
        elif name in actual:
            await _settle_postgres(target, wanted, actual[name])
    editor.dropped.clear()
    left = differences(expected, await actual_tables(target))
    if left:
        raise NotSettled(f"the database would not be as the models say: {'; '.join(left)}")


async def _settle_sqlite(
    target: Target, editor: ExactEditor, wanted: Table, there: Table, model: type[Model] | None
) -> None:
    if _needs_rebuild(editor, wanted, there):
        await _rebuild(target, editor, wanted, there, model)
        return
    for index in _missing(wanted, there):
        stale = there.indexes.get(str(index))
        if stale is not None:
            await target.run(f'DROP INDEX "{stale.name}"')
        await target.run(_index_sql(editor, wanted.name, index))


def _missing(wanted: Table, there: Table) -> list[Index]:
    """Return the indexes that are not there, or are there under a name that will be wanted for another one."""
    found = []
    for key, index in wanted.indexes.items():
        present = there.indexes.get(key)
        if present is None or (present.name and index.name and present.name != index.name):
            found.append(index)
    return found


def _index_sql(editor: ExactEditor, table: str, index: Index) -> str:
    if not index.constraint:
        return index.sql
    name = editor._generate_index_name_for_table("uid", table, list(index.columns))
    columns = ", ".join(editor.quote(column) for column in index.columns)
    return f'CREATE UNIQUE INDEX "{name}" ON "{table}" ({columns})'


def _needs_rebuild(editor: ExactEditor, wanted: Table, there: Table) -> bool:
    surplus = {key for key, index in there.indexes.items() if index.constraint} - wanted.indexes.keys()
    return (
        wanted.columns != there.columns
        or wanted.links.keys() != there.links.keys()
        or wanted.checks.keys() != there.checks.keys()
        or bool(surplus)
        or any(table == wanted.name for table, _ in editor.dropped)
    )


async def _rebuild(target: Target, editor: ExactEditor, wanted: Table, there: Table, model: type[Model] | None) -> None:
    name, fresh = wanted.name, f"new__{wanted.name}"
    kept = await _kept_objects(target, wanted, there)
    columns, values, params = await _copying(target, editor, wanted, there, model)
    sequence = await _sequence(target, name)
    await target.run(wanted.sql.replace(f'CREATE TABLE "{name}"', f'CREATE TABLE "{fresh}"', 1))
    await target.run(f'INSERT INTO "{fresh}" ({", ".join(columns)}) SELECT {", ".join(values)} FROM "{name}"', params)
    await target.run(f'DROP TABLE "{name}"')
    # The modern rename would check, and rewrite, triggers and views that mention the table, which is away just now.
    await target.run("PRAGMA legacy_alter_table=ON")
    try:
        await target.run(f'ALTER TABLE "{fresh}" RENAME TO "{name}"')
    finally:
        await target.run("PRAGMA legacy_alter_table=OFF")
    if sequence is not None:
        await target.run("DELETE FROM sqlite_sequence WHERE name = ?", [name])
        await target.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", [name, sequence])
    for sql in [*(index.sql for index in wanted.indexes.values() if not index.constraint), *kept]:
        await target.run(sql)


async def _kept_objects(target: Target, wanted: Table, there: Table) -> list[str]:
    """Return the SQL of the triggers, and of the indexes that no model knows but whose columns all stay."""
    triggers = await target.rows("SELECT sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", [wanted.name])
    known = {index.name for index in wanted.indexes.values()}
    indexes = [
        index.sql
        for key, index in there.indexes.items()
        if not index.constraint
        and key not in wanted.indexes
        and index.name not in known
        and set(filter(None, index.columns)) <= wanted.columns.keys()
    ]
    return [*indexes, *(row[0] for row in triggers)]


async def _copying(
    target: Target, editor: ExactEditor, wanted: Table, there: Table, model: type[Model] | None
) -> tuple[list[str], list[str], list[Any]]:
    """Return the columns to fill, from which expressions, with which parameters."""
    gone = {column for table, column in editor.dropped if table == wanted.name}
    lost = there.columns.keys() - wanted.columns.keys() - gone
    if lost:
        raise NotSettled(f"{wanted.name} has columns that no field stands for and no migration removes: {sorted(lost)}")
    defaults = _defaults(model)
    has_rows = bool(await target.rows(f'SELECT 1 FROM "{wanted.name}" LIMIT 1'))
    columns, values, params = [], [], []
    for name, column in wanted.columns.items():
        source = None if name in gone else there.columns.get(name)
        value = _source(name, column, source, defaults)
        if value is None and has_rows and not (column.null or column.default or column.computed):
            raise NotSettled(
                f"{wanted.name}.{name} is new and must not be empty, but there are rows; give it a default"
            )
        if value is not None:
            columns.append(f'"{name}"')
            values.append(value)
            params.extend([defaults[name]] if "?" in value else [])
    return columns, values, params


def _source(name: str, column: Column, source: Column | None, defaults: Mapping[str, Any]) -> str | None:
    """Say where the values of a column come from: the old column, the field's default, or nothing."""
    if column.computed:
        return None
    if source is None:
        return "?" if name in defaults and not (column.default or column.null) else None
    if source.null and not column.null and name in defaults:
        return f'COALESCE("{name}", ?)'
    return f'"{name}"'


def _defaults(model: type[Model] | None) -> dict[str, Any]:
    if model is None:
        return {}
    meta = model._meta
    found = {column: default_value(model, meta.fields_map[name]) for name, column in meta.fields_db_projection.items()}
    return {column: value for column, value in found.items() if value is not None}


async def _sequence(target: Target, table: str) -> int | None:
    """Return how far an AUTOINCREMENT table has counted: numbers of deleted rows must not come back."""
    if not await target.rows("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_sequence'"):
        return None
    rows = await target.rows("SELECT seq FROM sqlite_sequence WHERE name = ?", [table])
    return rows[0][0] if rows else None


async def _settle_postgres(target: Target, wanted: Table, there: Table) -> None:
    table = f'ALTER TABLE "{wanted.name}"'
    for link, name in there.links.items():
        if link not in wanted.links:
            await target.run(f'{table} DROP CONSTRAINT "{name}"')
    for index in _missing(wanted, there):
        await _settle_postgres_index(target, wanted, there, index)
    for text, name in wanted.checks.items():
        if text not in there.checks:
            await target.run(f'{table} ADD CONSTRAINT "{name}" {text}')
    for link in sorted(wanted.links.keys() - there.links.keys()):
        reference = f'REFERENCES "{link.table}" ("{link.target}") ON DELETE {link.on_delete}'
        await target.run(f'{table} ADD FOREIGN KEY ("{link.column}") {reference}')


async def _settle_postgres_index(target: Target, wanted: Table, there: Table, index: Index) -> None:
    present = there.indexes.get(str(index))
    if present is not None:
        await target.run(f'ALTER INDEX "{present.name}" RENAME TO "{index.name}"')
    elif index.constraint:
        columns = ", ".join(f'"{column}"' for column in index.columns)
        await target.run(f'ALTER TABLE "{wanted.name}" ADD CONSTRAINT "{index.name}" UNIQUE ({columns})')
    else:
        await target.run(index.sql)
