"""Write the next migration of one app by comparing its models with what its migrations amount to.

Tortoise's autodetector does the comparing. Around it: the dependencies it forgets, fields it writes down wrongly, prose
(docstrings, descriptions) that is no part of a schema, and a proof: the written file is run, without a database, and
must end at the models, for SQLite and for PostgreSQL. What it cannot express is refused with the difference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from importlib import import_module, invalidate_caches
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from tortoise.backends.asyncpg.client import AsyncpgDBClient
from tortoise.backends.sqlite.client import SqliteClient
from tortoise.fields.base import Field
from tortoise.fields.relational import ForeignKeyFieldInstance
from tortoise.migrations.migration import Migration
from tortoise.migrations.operations import CreateModel, Operation
from tortoise.migrations.schema_generator.operation_generator import OperationGenerator
from tortoise.migrations.schema_generator.state import ModelState, State
from tortoise.migrations.schema_generator.state_apps import StateApps
from tortoise.migrations.writer import ImportManager, MigrationWriter, _render_call, slugify_migration_name
from tortoise.models import Model

from core._db.migrate_editor import ExactEditor, PostgresEditor, SqliteEditor
from core._db.migrate_files import AppMigrations, Files, MigrationFailed, read_files, relations_of
from core._db.migrate_state import declared, forward, models_of, project, sound

UNSAID = {"table_description", "app", "pk_attr"}
REMEDY = "Write the migration by hand, or change the models in steps that can be told apart."


def make_migrations(apps: Sequence[AppMigrations], *, label: str, name: str | None = None) -> Path | None:
    """Write the next migration of one app and return its path, or None when its models have not changed.

    Equal models give equal files. Pass every loaded app: foreign keys into other apps become dependencies.

    Raises:
        MigrationFailed: files or models cannot be used, or the change cannot be expressed.
    """
    folder = _folder(next((app for app in apps if app.label == label), None), label)
    files = sound(read_files(apps))
    if label in files.unusable:
        raise files.unusable[label]
    before = project(files, files.steps)
    models = declared(apps)
    operations = _operations(before, models, label)
    number = len(files.names(label)) + 1
    title = f"{number:04d}_{slugify_migration_name(name or _title(operations, number))}"
    needs = _dependencies(files, before, label, models[label])
    source = _source(title, label, operations, needs) if operations else None
    _prove(label, title, source, before, models[label])
    if source is None:
        return None
    path = folder / f"{title}.py"
    path.write_text(source, encoding="utf-8")
    invalidate_caches()
    return path


def _folder(app: AppMigrations | None, label: str) -> Path:
    """Return the folder of an app's migrations; the first one makes the package."""
    if app is None:
        raise MigrationFailed(label, None, "it is not loaded", "Name a loaded plugin, or add it to plugins.toml.")
    parent, _, last = app.migrations.rpartition(".")
    spec = find_spec(parent)
    if spec is None or not spec.submodule_search_locations:
        raise MigrationFailed(app.label, None, f"there is no package {parent}", "Give the app a folder of its own.")
    folder = Path(next(iter(spec.submodule_search_locations))) / last
    folder.mkdir(exist_ok=True)
    (folder / "__init__.py").touch()
    invalidate_caches()
    import_module(app.migrations)
    return folder


def _operations(before: State, models: dict[str, list[type[Model]]], label: str) -> list[Operation]:
    now = State({}, StateApps())
    for owner, group in models.items():
        for model in group:
            now.models[owner, model.__name__] = _comparable(ModelState.make_from_model(owner, model))
    old = State({key: _comparable(state.clone()) for key, state in before.models.items()}, before.apps)
    found: list[Operation] = list(OperationGenerator(old, now).generate([label]))
    for operation in found:
        if isinstance(operation, CreateModel):
            operation.bases = None
    return found


def _comparable(state: ModelState) -> ModelState:
    """Leave out what says nothing about a table (prose, Python's inheritance) and what Tortoise spells in two ways."""
    state.bases = (Model,)
    state.description = ""
    state.options = {key: value for key, value in state.options.items() if key not in UNSAID}
    state.pk_field_name = next(name for name, field in state.fields.items() if field.pk)
    for name, field in state.fields.items():
        field.description = field.docstring = None
        if isinstance(field, ForeignKeyFieldInstance):
            field.source_field = _column(name, field)
    return state


def _column(name: str, relation: ForeignKeyFieldInstance[Any]) -> str:
    """Return the column of a relation, which is named at the relation until that is resolved, then at its key."""
    known = relation.model._meta.fields_map if relation.model else {}
    key = known.get(relation.source_field or f"{name}_id")
    return (key.source_field if key else None) or relation.source_field or f"{name}_id"


def _dependencies(files: Files, before: State, label: str, models: Iterable[type[Model]]) -> list[tuple[str, str]]:
    """The app's own last migration, and the last one of every app that its relations point into."""
    wanted = {label}
    for owner, name in relations_of(models):
        wanted.add(owner)
        if owner != label and (owner, name) not in before.models:
            cause = f"it points at {owner}.{name}, which no migration of {owner} makes"
            raise MigrationFailed(label, None, cause, f"Make the migration of {owner} first.")
    return sorted((owner, files.names(owner)[-1]) for owner in wanted if files.names(owner))


def _title(operations: Sequence[Operation], number: int) -> str:
    if number == 1:
        return "initial"
    words = " ".join(re.sub(r"[^A-Za-z0-9]+", " ", operation.describe()) for operation in operations[:1])
    return f"{words} and more" if len(operations) > 1 else words


def _source(title: str, label: str, operations: Sequence[Operation], dependencies: list[tuple[str, str]]) -> str:
    writer = _Writer(
        title, label, operations, dependencies=dependencies, initial=True if title.startswith("0001") else None
    )
    try:
        return writer.as_string()
    except ValueError as error:
        raise MigrationFailed(label, title, error, "Give the field a default that can be imported.") from error


class _Writer(MigrationWriter):
    """Tortoise's writer, with the arguments that its fields forget to mention, and without those that say nothing."""

    def _render_field(self, field: Field[Any], imports: ImportManager) -> str:
        path, args, arguments = field.deconstruct()
        silent = _said_anyway(field)
        arguments = {name: value for name, value in arguments.items() if silent.get(name, ...) != value}
        if field.pk and not field.generated and field.allows_generated:
            arguments["generated"] = False  # BigIntField(primary_key=True) is generated unless it says that it is not
        text: str = _render_call(path, args, arguments, imports)
        return text


def _said_anyway(field: Field[Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"unique": True, "db_index": True} if field.pk else {}
    if isinstance(field, ForeignKeyFieldInstance):
        key = field.related_model._meta.pk_attr
        found |= {"db_constraint": True, "source_field": f"{field.model_field_name}_id", "to_field": key}
    return found


def _prove(label: str, title: str, source: str | None, before: State, models: list[type[Model]]) -> None:
    """Run the file over the state before it: it must end at the models, as both databases would store them."""
    if source is not None:
        namespace: dict[str, Any] = {"__name__": f"{label}_{title}"}
        try:
            exec(compile(source, title, "exec"), namespace)  # noqa: S102 - it is our own text, about to become a file
            migration: Migration = namespace["Migration"](title, label)
        except Exception as error:
            cause = f"a field cannot be written down ({error!r})"
            raise MigrationFailed(
                label, title, cause, "Give its class a deconstruct() that names its arguments."
            ) from error
        forward(migration, before)
    for editor in (SqliteEditor(SqliteClient(":memory:", connection_name="default")), _postgres()):
        got, wanted = _lines(editor, models_of(before, label)), _lines(editor, models)
        if got != wanted:
            difference = "; ".join(
                [*(f"- {line}" for line in sorted(got - wanted)), *(f"+ {line}" for line in sorted(wanted - got))]
            )
            raise MigrationFailed(label, title, f"this change cannot be written automatically: {difference}", REMEDY)


def _postgres() -> PostgresEditor:
    editor = PostgresEditor(AsyncpgDBClient(connection_name="default"))
    editor.references = True
    return editor


def _lines(editor: ExactEditor, models: Iterable[type[Model]]) -> set[str]:
    """Return the lines of the CREATE statements, each with its table; their order says nothing."""
    return {
        f"{model._meta.db_table}: {line.strip().rstrip(',;')}"
        for model in models
        for statement in editor.creation(model)
        for line in statement.splitlines()
        if not line.startswith("COMMENT ON")
    }
