"""The schema editors of the migration runner: Tortoise's, with its errors put right.

An operation does here only what cannot wait: create, rename and drop tables, rename columns, and, on PostgreSQL, add,
alter and drop columns. All the rest (indexes, uniques, checks, foreign keys, and on SQLite every change of columns)
is done by ``migrate_settle`` before the next data operation and at the end of the migration, by comparing the table
with what the models say. One rebuild per table then does for all operations, and nothing can be forgotten on the way.
"""

from __future__ import annotations

import re
from typing import Any, cast

from tortoise.backends.base.client import BaseDBAsyncClient
from tortoise.fields.base import Field
from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.indexes import Index
from tortoise.migrations.constraints import CheckConstraint, UniqueConstraint
from tortoise.migrations.schema_editor.asyncpg import AsyncpgSchemaEditor
from tortoise.migrations.schema_editor.base import BaseSchemaEditor
from tortoise.migrations.schema_editor.data import ModelSqlData
from tortoise.migrations.schema_editor.sqlite import SqliteSchemaEditor
from tortoise.models import Model

from core._db.migrate_target import statements

_REFERENCE = re.compile(r' REFERENCES "[^"]+" \("[^"]+"\) ON DELETE CASCADE')
AnyConstraint = UniqueConstraint | CheckConstraint


class ExactEditor(BaseSchemaEditor):
    """What both databases share: CREATE statements that say all that the model says."""

    references = True
    """Whether CREATE TABLE names the foreign keys; else they are added afterwards, in any order and in circles."""

    def __init__(self, connection: BaseDBAsyncClient) -> None:
        super().__init__(connection, atomic=True)
        self.dropped: set[tuple[str, str]] = set()
        self._inner: list[str] = []

    def creation(self, model: type[Model]) -> list[str]:
        """Return the statements that create the model's table, its indexes and its many-to-many tables."""
        data = self._get_model_sql_data(model)
        script = "\n".join([data.table_sql, *data.m2m_tables_sql, *self._partial_uniques(model)])
        return list(statements(script)) if self.DIALECT == "sqlite" else [script]

    async def create_model(self, model: type[Model]) -> None:
        """Create the table."""
        for statement in self.creation(model):
            await self._run_sql(statement)

    def _get_model_sql_data(self, model: type[Model]) -> ModelSqlData:
        for index in model._meta.indexes:
            if isinstance(index, Index):
                index.resolve_expressions(model)
        self._inner = [self._constraint_sql(model, item) for item in model._meta.constraints if not _is_partial(item)]
        return super()._get_model_sql_data(model)

    def _get_inner_statements(self) -> list[str]:
        return self._inner

    def _constraint_sql(self, model: type[Model], constraint: AnyConstraint) -> str:
        if isinstance(constraint, CheckConstraint):
            return self.CHECK_CONSTRAINT_CREATE_TEMPLATE.format(name=constraint.name, check=constraint.check)
        columns = self._columns(model, constraint.fields)
        name = constraint.name or self._generate_index_name("uid", model, columns)
        return self.UNIQUE_CONSTRAINT_CREATE_TEMPLATE.format(
            index_name=name, fields=", ".join(self.quote(column) for column in columns)
        )

    def _partial_uniques(self, model: type[Model]) -> list[str]:
        found = []
        for constraint in filter(_is_partial, model._meta.constraints):
            columns = self._columns(model, constraint.fields)
            name = constraint.name or self._generate_index_name("uid", model, columns)
            fields = ", ".join(self.quote(column) for column in columns)
            table = self.quote(model._meta.db_table)
            found.append(f'CREATE UNIQUE INDEX "{name}" ON {table} ({fields}) WHERE {constraint.condition};')
        return found

    def _get_index_sql(
        self,
        model: type[Model],
        field_names: Any,
        safe: bool = False,
        index_name: str | None = None,
        index_type: str | None = None,
        extra: str | None = None,
    ) -> str:
        """Name columns, not fields: SQLite takes an unknown quoted name for a text and indexes that."""
        columns = self._columns(model, field_names)
        return super()._get_index_sql(model, columns, safe, index_name=index_name, index_type=index_type, extra=extra)

    def _columns(self, model: type[Model], names: Any) -> list[str]:
        columns = self._resolve_fields_to_columns(model, list(names))
        for column in columns:
            if column not in model._meta.fields_db_projection.values() and not self._is_index_expression(column):
                raise ValueError(f"{model.__name__} has no field {column!r} to index")
        return columns

    def _get_fk_field_definition(self, model: type[Model], key_field_name: str) -> str:
        key = model._meta.fields_map[key_field_name]
        if self.references and cast(ForeignKeyFieldInstance[Any], key.reference).db_constraint:
            return super()._get_fk_field_definition(model, key_field_name)
        return self._get_field_sql(
            db_field=model._meta.fields_db_projection[key_field_name],
            field_type=key.get_for_dialect(self.DIALECT, "SQL_TYPE"),
            nullable=key.null,
            unique=key.unique,
            is_pk=key.pk,
            comment="",
        )

    def _get_m2m_table_definition(self, model: type[Model], field: ManyToManyFieldInstance[Any]) -> str | None:
        sql = super()._get_m2m_table_definition(model, field)
        if sql is None or (self.references and field.db_constraint):
            return sql and sql.replace("ON DELETE CASCADE", f"ON DELETE {field.on_delete.value}")
        return _REFERENCE.sub("", sql)

    async def add_index(self, model: type[Model], index: Index) -> None:
        """Left to the settling."""

    async def rename_index(self, model: type[Model], old_index: Index, new_index: Index) -> None:
        """Left to the settling."""

    async def add_constraint(self, model: type[Model], constraint: AnyConstraint) -> None:
        """Left to the settling."""

    async def rename_constraint(self, model: type[Model], old_constraint: Any, new_constraint: Any) -> None:
        """Left to the settling."""

    def _index_name_for_model(self, model: type[Model], index: Index) -> str:
        return index.name or self._generate_index_name("idx", model, self._columns(model, index.field_names))

    def _drop_index_sql(self, model: type[Model], index_name: str) -> str:
        return f'DROP INDEX IF EXISTS "{index_name}"'

    async def alter_field(self, old_model: type[Model], new_model: type[Model], field_name: str) -> None:
        """Alter a column, but never turn one kind of value into another."""
        old, new = old_model._meta.fields_map[field_name], new_model._meta.fields_map[field_name]
        if old.field_type != new.field_type or _is_key(old) != _is_key(new):
            raise ValueError(
                f"{field_name} would become another kind of value; add a field, copy with RunPython, drop the old one"
            )
        await super().alter_field(old_model, new_model, field_name)


class SqliteEditor(ExactEditor, SqliteSchemaEditor):
    """SQLite: columns are added without a rebuild where they may be empty; the rest waits for one rebuild."""

    async def _run_sql(self, sql: str) -> None:
        for statement in statements(sql):
            await self.client.execute_query(statement)

    def _get_table_comment_sql(self, table: str, comment: str) -> str:
        return ""

    def _get_column_comment_sql(self, table: str, column: str, comment: str) -> str:
        return ""

    async def add_field(self, model: type[Model], field_name: str) -> None:
        """Add a column that may be empty at once."""
        field = model._meta.fields_map[field_name]
        if isinstance(field, ManyToManyFieldInstance) or (
            field.null and not field.unique and not field.generated and not field.has_db_default()
        ):
            await BaseSchemaEditor.add_field(self, model, field_name)

    async def remove_field(self, model: type[Model], field: Field[Any]) -> None:
        """Note that the column may go."""
        if isinstance(field, ManyToManyFieldInstance):
            await SqliteSchemaEditor.remove_field(self, model, field)
        else:
            self.dropped.add((model._meta.db_table, column_of(model, field)))

    async def _alter_field(self, model: type[Model], old_field: Field[Any], new_field: Field[Any]) -> None:
        table = model._meta.db_table
        old, new = (field.source_field or field.model_field_name for field in (old_field, new_field))
        if old != new:
            await self._run_sql(
                self.RENAME_FIELD_TEMPLATE.format(table=self.quote(table), old_column=old, new_column=new)
            )
        if old_field.index and not new_field.index:
            await self._drop_indexes(table, [new], unique=False)
        if old_field.unique and not new_field.unique:
            await self._drop_indexes(table, [new], unique=True)

    async def remove_index(self, model: type[Model], index: Index) -> None:
        """Drop the indexes over these columns, whatever they are called."""
        if index.name:
            await self._run_sql(self._drop_index_sql(model, index.name))
        elif index.fields:
            await self._drop_indexes(model._meta.db_table, self._columns(model, index.fields), unique=False)

    async def remove_constraint(self, model: type[Model], constraint: AnyConstraint) -> None:
        """Drop a UNIQUE that is an index; one in the table's own text goes with the rebuild."""
        if isinstance(constraint, UniqueConstraint):
            await self._drop_indexes(model._meta.db_table, self._columns(model, constraint.fields), unique=True)

    async def _drop_indexes(self, table: str, columns: list[str], *, unique: bool) -> None:
        _, rows = await self.client.execute_query(
            "SELECT i.name, group_concat(c.name, char(31)) FROM pragma_index_list(?) AS i "
            "JOIN pragma_index_info(i.name) AS c WHERE i.origin = 'c' AND i.\"unique\" = ? GROUP BY i.name",
            [table, int(unique)],
        )
        for row in rows:
            if row[1] == "\x1f".join(columns):
                await self._run_sql(f'DROP INDEX "{row[0]}"')


class PostgresEditor(ExactEditor, AsyncpgSchemaEditor):
    """PostgreSQL: columns change in place; values that a NOT NULL needs are filled in before it."""

    references = False

    async def add_field(self, model: type[Model], field_name: str) -> None:
        """Add a column; one that must not be empty gets its default in the rows that are there."""
        relation = model._meta.fields_map[field_name]
        name = str(relation.source_field) if _is_key(relation) else field_name
        field = model._meta.fields_map[name]
        if field.null or field.generated or field.has_db_default() or isinstance(field, ManyToManyFieldInstance):
            await super().add_field(model, field_name)
            return
        table, column = model._meta.db_table, column_of(model, field)
        await self._run_sql(
            f'ALTER TABLE "{table}" ADD COLUMN "{column}" {field.get_for_dialect(self.DIALECT, "SQL_TYPE")}'
        )
        await self._fill(model, field)
        await self._run_sql(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" SET NOT NULL')

    async def _alter_field(self, model: type[Model], old_field: Field[Any], new_field: Field[Any]) -> None:
        if old_field.null and not new_field.null:
            await self._fill(model, new_field, column=old_field.source_field or old_field.model_field_name)
        await super()._alter_field(model, old_field, new_field)

    async def _fill(self, model: type[Model], field: Field[Any], column: str = "") -> None:
        value = default_value(model, field)
        if value is not None:
            name = column or column_of(model, field)
            sql = f'UPDATE "{model._meta.db_table}" SET "{name}" = $1 WHERE "{name}" IS NULL'
            await self.client.execute_query(sql, [value])


def editor_for(dialect: str, client: BaseDBAsyncClient) -> ExactEditor:
    """Return the editor of a dialect."""
    return SqliteEditor(client) if dialect == "sqlite" else PostgresEditor(client)


def column_of(model: type[Model], field: Field[Any]) -> str:
    """Return the column of a field; a foreign key's is the one of its hidden key field."""
    key = model._meta.fields_map[str(field.source_field)] if _is_key(field) else field
    return key.source_field or key.model_field_name


def default_value(model: type[Model], field: Field[Any]) -> Any:
    """Return the field's default as the database stores it, or None; a callable is called once."""
    value = field.default() if callable(field.default) else field.default
    return None if value is None else field.to_db_value(value, model)


def _is_key(field: Field[Any]) -> bool:
    return isinstance(field, ForeignKeyFieldInstance)


def _is_partial(constraint: AnyConstraint) -> bool:
    return isinstance(constraint, UniqueConstraint) and bool(constraint.condition)
