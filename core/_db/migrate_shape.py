"""The shape of tables: what a database has, what models say, and the difference in words.

What models say is found by letting the same database create their tables where they vanish again (SQLite: in memory;
PostgreSQL: temporary tables, rolled back) and reading both with the same queries: no own idea of how a database spells
a type, a default or a check can then be wrong. Names of indexes and constraints are no part of the comparison.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Any

from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.models import Model

from core._db.migrate_editor import ExactEditor
from core._db.migrate_target import Target

Rows = Callable[[str, Sequence[Any]], Awaitable[list[Any]]]


@dataclass(frozen=True)
class Column:
    """A column. ``computed`` ones are filled by the database and never copied."""

    type: str
    null: bool
    default: str | None
    primary: bool
    computed: bool = False

    def __str__(self) -> str:
        parts = [self.type, "PRIMARY KEY" if self.primary else "", "" if self.null else "NOT NULL"]
        return " ".join([part for part in parts if part] + ([f"DEFAULT {self.default}"] if self.default else []))


@dataclass(frozen=True, order=True)
class Link:
    """A foreign key of one column."""

    column: str
    table: str
    target: str
    on_delete: str

    def __str__(self) -> str:
        return f"{self.column} -> {self.table}.{self.target} ON DELETE {self.on_delete}"


@dataclass(frozen=True)
class Index:
    """An index or a UNIQUE: what it says, its name if it has one, the SQL that makes it, or ``constraint``."""

    says: str
    unique: bool
    name: str
    sql: str
    columns: tuple[str, ...]
    constraint: bool

    def __str__(self) -> str:
        return f"{'unique' if self.unique else 'index'} on {self.says}"


@dataclass(frozen=True)
class Table:
    """A table; links, indexes and checks under what they say, with what is needed to make or drop them."""

    name: str
    sql: str = ""
    columns: dict[str, Column] = field(default_factory=dict)
    links: dict[Link, str] = field(default_factory=dict)
    indexes: dict[str, Index] = field(default_factory=dict)
    checks: dict[str, str] = field(default_factory=dict)


async def actual_tables(target: Target) -> dict[str, Table]:
    """Read every ordinary table of the database."""
    if target.dialect == "sqlite":
        return await _read_sqlite(target.rows)
    return await _read_postgres(target.rows, "current_schema()::regnamespace")


async def expected_tables(target: Target, editor: ExactEditor, models: Iterable[type[Model]]) -> dict[str, Table]:
    """Read the tables as these models would create them."""
    models = list(models)
    if target.dialect == "sqlite":
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as scratch:
            for statement in (part for model in models for part in editor.creation(model)):
                scratch.execute(statement)

            async def rows(sql: str, params: Sequence[Any]) -> list[Any]:
                return scratch.execute(sql, params).fetchall()

            return await _read_sqlite(rows)
    scratch_transaction = target.client._connection.transaction()
    await scratch_transaction.start()
    try:
        await target.run("SET LOCAL search_path TO pg_temp")
        for statement in (part for model in models for part in editor.creation(model)):
            await target.client._connection.execute(statement)
        tables = await _read_postgres(target.rows, "pg_my_temp_schema()") if models else {}
    finally:
        await scratch_transaction.rollback()
    return {name: replace(table, links=links_of(models, name)) for name, table in tables.items()}


def links_of(models: Iterable[type[Model]], table: str) -> dict[Link, str]:
    """Return the foreign keys that the models declare on one table."""
    return dict.fromkeys((link for model in models for owner, link in _links(model) if owner == table), "")


def _links(model: type[Model]) -> Iterator[tuple[str, Link]]:
    meta = model._meta
    for relation in meta.fields_map.values():
        if isinstance(relation, ForeignKeyFieldInstance) and relation.db_constraint:
            key = meta.fields_map[str(relation.source_field)]
            target = relation.to_field_instance
            column = key.source_field or key.model_field_name
            yield meta.db_table, _link(column, relation, target.source_field or target.model_field_name)
        elif isinstance(relation, ManyToManyFieldInstance) and relation.db_constraint and not relation._generated:
            here = Link(relation.backward_key, meta.db_table, meta.db_pk_column, str(relation.on_delete))
            yield relation.through, here
            yield relation.through, _link(relation.forward_key, relation, relation.related_model._meta.db_pk_column)


def _link(column: str, relation: Any, target: str) -> Link:
    return Link(column, relation.related_model._meta.db_table, target, str(relation.on_delete.value))


async def _read_sqlite(rows: Rows) -> dict[str, Table]:
    found = await rows("SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'", ())
    texts = await rows("SELECT type, name, tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL", ())
    sql = {(row[0], row[1]): str(row[3]) for row in texts}
    names = [row[0] for row in found if not row[0].startswith("sqlite_")]
    tables = {name: Table(name, sql["table", name], checks=_checks(sql["table", name])) for name in names}
    for row in await rows(_SQLITE_COLUMNS, ()):
        if row[0] in tables:
            tables[row[0]].columns[row[1]] = Column(row[2].upper(), not row[3], row[4], bool(row[5]), row[6] > 1)
    for row in await rows(_SQLITE_LINKS, ()):
        if row[0] in tables:
            tables[row[0]].links[Link(row[1], row[2], row[3] or "id", row[4])] = ""
    for row in await rows(_SQLITE_INDEXES, ()):
        if row[0] in tables:
            _add(tables[row[0]], _sqlite_index(row, sql.get(("index", row[1]), "")))
    return tables


_PER_TABLE = "FROM sqlite_master AS m JOIN"
_SQLITE_COLUMNS = (
    f'SELECT m.name, c.name, c.type, c."notnull" OR c.pk, c.dflt_value, c.pk, c.hidden {_PER_TABLE} '
    "pragma_table_xinfo(m.name) AS c WHERE m.type = 'table' ORDER BY m.name, c.cid"
)
_SQLITE_LINKS = (
    f'SELECT m.name, f."from", f."table", f."to", f.on_delete {_PER_TABLE} '
    "pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table'"
)
_SQLITE_INDEXES = (
    f'SELECT m.name, i.name, i."unique", i.origin, group_concat(c.name, char(31)) {_PER_TABLE} '
    "pragma_index_list(m.name) AS i JOIN pragma_index_info(i.name) AS c "
    "WHERE m.type = 'table' AND i.origin <> 'pk' GROUP BY m.name, i.name, i.\"unique\", i.origin"
)


def _sqlite_index(row: Any, sql: str) -> Index:
    _table, name, unique, origin, columns = row
    names = tuple((columns or "").split("\x1f"))
    constraint = origin != "c"
    says = f"({', '.join(names)})" if constraint else _plain(sql[sql.index("(") :])
    return Index(says, bool(unique), "" if constraint else name, sql, names, constraint)


def _plain(sql: str) -> str:
    """Write a piece of SQL without quotes around names and with single spaces, to compare it."""
    return " ".join(sql.replace('"', "").split()).rstrip("; ")


def _checks(sql: str) -> dict[str, str]:
    """Return the named CHECKs in the text of a CREATE TABLE."""
    found = {}
    for start in re.finditer(r'CONSTRAINT\s+"?(\w+)"?\s+CHECK\s*\(', sql):
        depth, end = 1, start.end()
        for token in re.finditer(r"'(?:[^']|'')*'|[()]", sql[start.end() :]):
            depth += {"(": 1, ")": -1}.get(token.group(), 0)
            end = start.end() + token.start()
            if depth == 0:
                break
        found[f"CHECK ({_plain(sql[start.end() : end])})"] = start.group(1)
    return found


def _add(table: Table, index: Index) -> None:
    """Keep one of several indexes that say the same, rather the one that is part of the table."""
    key = str(index)
    if index.constraint or key not in table.indexes:
        table.indexes[key] = index


async def _read_postgres(rows: Rows, schema: str) -> dict[str, Table]:
    names = await rows(f"SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = {schema}", ())
    tables = {row[0]: Table(row[0]) for row in names}
    for row in await rows(_POSTGRES_COLUMNS.format(schema=schema), ()):
        tables[row[0]].columns[row[1]] = Column(row[2], not row[3], _default(row[4]), row[5], bool(row[6]))
    for row in await rows(_POSTGRES_CONSTRAINTS.format(schema=schema), ()):
        table, name, kind, text, column, other, target, on_delete = row
        if kind == "c":
            tables[table].checks[text] = name
        else:
            tables[table].links[Link(column, other, target, _ON_DELETE[on_delete])] = name
    for row in await rows(_POSTGRES_INDEXES.format(schema=schema), ()):
        table, name, unique, sql, constraint, columns = row
        says = _plain(sql[sql.index(" USING ") + 7 :].removeprefix("btree "))
        making = re.sub(r" ON pg_temp(_\d+)?\.", " ON ", sql)
        _add(tables[table], Index(says, unique, name, making, tuple(columns or ()), constraint))
    return tables


_ON_DELETE = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
_POSTGRES_COLUMNS = """
    SELECT t.relname, a.attname,
           format_type(a.atttypid, a.atttypmod) || COALESCE(' COLLATE ' || c.collname, ''), a.attnotnull,
           pg_get_expr(d.adbin, d.adrelid),
           EXISTS (SELECT 1 FROM pg_index AS i
                   WHERE i.indrelid = t.oid AND i.indisprimary AND a.attnum = ANY(i.indkey)),
           a.attgenerated <> ''
    FROM pg_class AS t JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type AS y ON y.oid = a.atttypid
    LEFT JOIN pg_collation AS c ON c.oid = a.attcollation AND a.attcollation <> y.typcollation
    LEFT JOIN pg_attrdef AS d ON d.adrelid = t.oid AND d.adnum = a.attnum
    WHERE t.relkind IN ('r', 'p') AND t.relnamespace = {schema} ORDER BY t.relname, a.attnum"""
_POSTGRES_CONSTRAINTS = """
    SELECT t.relname, k.conname, k.contype::text, pg_get_constraintdef(k.oid),
           (SELECT attname FROM pg_attribute WHERE attrelid = k.conrelid AND attnum = k.conkey[1]),
           o.relname,
           (SELECT attname FROM pg_attribute WHERE attrelid = k.confrelid AND attnum = k.confkey[1]),
           k.confdeltype::text
    FROM pg_constraint AS k JOIN pg_class AS t ON t.oid = k.conrelid LEFT JOIN pg_class AS o ON o.oid = k.confrelid
    WHERE k.contype IN ('c', 'f') AND t.relkind IN ('r', 'p') AND t.relnamespace = {schema}"""
_POSTGRES_INDEXES = """
    SELECT t.relname, x.relname, i.indisunique, pg_get_indexdef(x.oid),
           EXISTS (SELECT 1 FROM pg_constraint AS k WHERE k.conindid = x.oid AND k.contype = 'u'),
           ARRAY(SELECT a.attname::text FROM unnest(i.indkey) WITH ORDINALITY AS n(number, place)
                 JOIN pg_attribute AS a ON a.attrelid = t.oid AND a.attnum = n.number ORDER BY n.place)
    FROM pg_index AS i JOIN pg_class AS x ON x.oid = i.indexrelid JOIN pg_class AS t ON t.oid = i.indrelid
    WHERE NOT i.indisprimary AND t.relkind IN ('r', 'p') AND t.relnamespace = {schema}"""


def _default(text: str | None) -> str | None:
    """A sequence is named after its first table; which one it is does not matter."""
    return "nextval" if text and text.startswith("nextval(") else text


def differences(expected: Mapping[str, Table], actual: Mapping[str, Table]) -> list[str]:
    """Say in words where the database is not as expected; more indexes than expected are welcome."""
    found: list[str] = []
    for name, wanted in sorted(expected.items()):
        if name not in actual:
            found.append(f"table {name} is missing")
        else:
            found.extend(_table_differences(wanted, actual[name]))
    return found


def _table_differences(wanted: Table, there: Table) -> Iterator[str]:
    for name in sorted(wanted.columns.keys() | there.columns.keys()):
        is_, should_be = there.columns.get(name), wanted.columns.get(name)
        if is_ != should_be:
            yield f"{wanted.name}.{name} is {is_ or 'missing'}, not {should_be or 'missing'}"
    has, wants = _says(there), _says(wanted)
    yield from (f"{wanted.name}: {item} is missing" for item in sorted(wants - has))
    only_faster = {key for key, index in there.indexes.items() if not index.unique}
    yield from (f"{wanted.name}: {item} is in the database only" for item in sorted(has - wants - only_faster))


def _says(table: Table) -> set[str]:
    return {*table.indexes, *table.checks, *(f"foreign key {link}" for link in table.links)}
