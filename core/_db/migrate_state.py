"""Models as migrations know them: the state after some migrations, and the state that the code declares."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import count

from tortoise.apps import Apps
from tortoise.backends.base.executor import EXECUTOR_CACHE
from tortoise.connection import ConnectionHandler, get_connection, get_connections
from tortoise.migrations.migration import Migration
from tortoise.migrations.operations import (
    AddConstraint,
    AddField,
    AddIndex,
    AlterField,
    AlterModelOptions,
    CreateModel,
    DeleteModel,
    RemoveConstraint,
    RemoveField,
    RemoveIndex,
    RenameConstraint,
    RenameField,
    RenameIndex,
    RenameModel,
    SQLOperation,
)
from tortoise.migrations.schema_generator.state import State
from tortoise.migrations.schema_generator.state_apps import StateApps
from tortoise.models import Model

from core._db.migrate_files import CORE, AppMigrations, Files, Key, MigrationFailed

ADDING = (AddConstraint, AddField, AddIndex, AlterModelOptions, CreateModel)
STRUCTURAL = (
    *ADDING, AlterField, DeleteModel, RemoveConstraint, RemoveField, RemoveIndex, RenameConstraint, RenameField,
    RenameIndex, RenameModel,
)  # fmt: skip
_NAMES = count()


def sound(files: Files) -> Files:
    """Leave out the apps whose operations contradict each other, before anybody's tables are touched."""
    state = _empty(files)
    for key, migration in files.steps.items():
        try:
            forward(migration, state)
        except Exception as error:  # noqa: BLE001 - whatever an operation raises is its plugin's failure
            cause = f"its operations do not fit the ones before ({error!r})"
            return sound(files.without(MigrationFailed(*key, cause, "Correct the file; applied ones must not change.")))
    return files


def project(files: Files, applied: Collection[Key]) -> State:
    """Return the models as they are after the applied migrations."""
    state = _empty(files)
    for key, migration in files.steps.items():
        if key in applied:
            forward(migration, state)
    return state


def _empty(files: Files) -> State:
    # A handler without configuration keeps Tortoise from building querysets for every model after every operation.
    labels = {label for label, _ in files.steps}
    return State({}, StateApps(dict.fromkeys(labels, "default"), ConnectionHandler()))


def forward(migration: Migration, state: State) -> None:
    """Take a state over one migration without touching a database."""
    for operation in migration.operations:
        if not isinstance(operation, SQLOperation):
            operation.state_forward(migration.app_label, state)
    state.validate_relations_initialized()


def models_of(state: State, label: str) -> list[type[Model]]:
    """Return the models of one app in a state, made anew: relations may still hold a model's former version."""
    return list(state.clone().apps.apps.get(label, {}).values())


@contextmanager
def queryable(state: State) -> Iterator[State]:
    """Lend a copy whose models run on the current step's connection; slow, so only data operations get one.

    Tortoise keeps prepared statements per process under (connection name, table), whatever the model's columns are: the
    name is therefore used once, or these models would get, and leave behind, statements of others.
    """
    copy = state.clone()
    copy.apps._connections = get_connections()
    copy.apps._build_initial_querysets()
    client = get_connection("default")
    client.connection_name = f"migration {next(_NAMES)}"
    try:
        yield copy
    finally:
        for key in [key for key in EXECUTOR_CACHE if key[0] == client.connection_name]:
            del EXECUTOR_CACHE[key]


def declared(apps: Sequence[AppMigrations]) -> dict[str, list[type[Model]]]:
    """Return the models that the code declares, ready to be described; no connection is needed or made.

    The model classes are those of the process: their relations are resolved as ``Tortoise.init`` would, under the
    connection name ``default``, which is what the server uses too.
    """
    connections = ConnectionHandler()
    connections._init_config({"default": {}})
    ordered = sorted(apps, key=lambda app: app.label != CORE)
    config = {app.label: {"models": [app.models], "default_connection": "default"} for app in ordered}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # an app without models is fine
        found = Apps(config, connections, validate_connections=False)
    return {label: list(models.values()) for label, models in found.apps.items()}


def tables_of(models: Iterable[type[Model]]) -> set[str]:
    """Return the tables of models, those of their many-to-many relations included."""
    models = list(models)
    through = {model._meta.fields_map[name].through for model in models for name in model._meta.m2m_fields}  # type: ignore[attr-defined]
    return {model._meta.db_table for model in models} | through
