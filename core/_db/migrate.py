"""Migrations: Tortoise's files, run by our own runner, because the stock one can silently destroy data.

Each migration is one transaction that holds its changes, their verification and its record: a crash leaves the old
state or the new one. A plugin whose migration fails keeps what it had; the others go on, and those that need the failed
migration wait. A failing core migration stops everything.

    report = await migrate("sqlite:///srv/shanzhi.db", apps, backup_dir=Path("/srv/backups"))
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from tortoise.context import TortoiseContext
from tortoise.migrations.migration import Migration
from tortoise.migrations.operations import Operation, SQLOperation
from tortoise.migrations.recorder import MigrationRecorder
from tortoise.migrations.schema_generator.state import State

from core._db.migrate_check import check
from core._db.migrate_editor import ExactEditor, editor_for
from core._db.migrate_files import CORE, AppMigrations, Files, Key, MigrationFailed, blocked, read_files
from core._db.migrate_settle import settle
from core._db.migrate_shape import actual_tables
from core._db.migrate_state import ADDING, STRUCTURAL, models_of, project, queryable, sound
from core._db.migrate_target import NotMigratable, Target, is_missing, open_target

__all__ = [
    "AppMigrations",
    "MigrationFailed",
    "MigrationReport",
    "NotMigratable",
    "check",
    "doomed_tables",
    "downgrade_to_zero",
    "drop_tables",
    "migrate",
    "pending",
]

RECORDS = "tortoise_migrations"
OnStep = Callable[[str, str], object]
Around = Callable[[Target, list[str]], AbstractAsyncContextManager[None]]
"""What a removal does besides, in its transaction: entered with the tables that are about to go, left when they are gone."""


@dataclass(frozen=True)
class MigrationReport:
    """What a run did: the steps applied, in order, and for each app that could not go on a sentence that says why."""

    applied: tuple[Key, ...]
    failed: dict[str, str] = field(default_factory=dict)


async def pending(url: str, apps: Sequence[AppMigrations]) -> list[Key]:
    """Return the migrations that ``migrate`` would run, in order; nothing is changed, not even a missing file made.

    Raises:
        MigrationFailed: the files of an app cannot be used.
    """
    applied: set[Key] = set()
    if not is_missing(url):
        async with open_target(url, alone=False) as target:
            applied = await _applied(target)
    files = sound(read_files(apps, applied))
    for failure in files.unusable.values():
        raise failure
    return [key for key in files.steps if key not in applied]


async def migrate(
    url: str,
    apps: Sequence[AppMigrations],
    *,
    backup_dir: Path | None,
    only: str | None = None,
    on_step: OnStep | None = None,
) -> MigrationReport:
    """Bring the database up to the migrations of all apps, or of ``only`` one of them and what that needs.

    Pass every loaded app, also with ``only``. ``on_step(label, name)`` is called after each step that is kept. A
    non-empty SQLite database is copied into ``backup_dir`` before the first change; the last five copies stay.

    Raises:
        MigrationFailed: core cannot be migrated, or ``only`` is not loaded.
        NotMigratable: the database cannot be opened, or another process migrates it for too long.
    """
    async with _session(url, backup_dir) as target:
        applied = await _applied(target)
        files = read_files(apps, applied)
        if files.steps.keys() - applied:
            files = sound(files)
        run = _Run(target, files, applied, {label: str(failure) for label, failure in files.unusable.items()})
        if CORE in files.unusable:
            raise files.unusable[CORE]
        if only is not None and only not in {app.label for app in apps}:
            raise MigrationFailed(only, None, "it is not loaded", "Name a loaded plugin, or add it to plugins.toml.")
        wanted = set(files.steps) if only is None else files.closure(only)
        for key in files.steps:
            if key in wanted and key not in applied:
                await run.attempt(key, on_step)
        return MigrationReport(tuple(run.done), run.failed)


@asynccontextmanager
async def _session(url: str, backup_dir: Path | None = None) -> AsyncIterator[Target]:
    """Open the database for this task alone, with a Tortoise context that no other task sees."""
    with TortoiseContext() as context:
        async with open_target(url, backup_dir=backup_dir) as target:
            context.connections._init_config({"default": {"engine": target.dialect, "credentials": {}}})
            context.connections.set("default", target.client)
            yield target


async def _applied(target: Target) -> set[Key]:
    """Read the record; an unreadable one raises, since taking it for an empty one would apply everything again."""
    if target.dialect == "sqlite":
        known = await target.rows("SELECT 1 FROM sqlite_master WHERE name = ?", [RECORDS])
    else:
        known = await target.rows("SELECT 1 WHERE to_regclass(?) IS NOT NULL", [RECORDS])
    rows = await target.rows(f"SELECT app, name FROM {RECORDS}") if known else []
    return {(row[0], row[1]) for row in rows}


class _Run:
    """One pass over the pending steps."""

    def __init__(self, target: Target, files: Files, applied: set[Key], failed: dict[str, str]) -> None:
        self.target = target
        self.files = files
        self.applied = set(applied)
        self.failed = failed
        self.done: list[Key] = []
        self._stuck: dict[Key, str] = {}
        self._state: State | None = None

    async def attempt(self, key: Key, on_step: OnStep | None) -> None:
        """Apply one step, or note why not; only a core step raises."""
        label, name = key
        culprit = next((self._stuck[need] for need in sorted(self.files.needs[key]) if need in self._stuck), None)
        if culprit is not None or label in self.failed:
            self._stuck[key] = culprit or label
            self.failed.setdefault(label, str(blocked(label, name, culprit or label)))
            return
        try:
            await self._apply(key)
        except MigrationFailed as failure:
            if label == CORE:
                raise
            self._stuck[key] = label
            self.failed[label] = str(failure)
            return
        self.applied.add(key)
        self.done.append(key)
        if on_step is not None:
            on_step(label, name)

    async def _apply(self, key: Key) -> None:
        """Change, verify and record in one transaction."""
        state, self._state = self._state or project(self.files, self.applied), None
        try:
            async with self.target.step():
                await _operate(self.target, self.files.steps[key], state)
                await _record(self.target, key)
        except Exception as error:
            remedy = "Nothing of this step was kept; remove the cause and start again."
            raise MigrationFailed(*key, str(error) or repr(error), remedy) from error
        self._state = state


async def _operate(target: Target, migration: Migration, state: State) -> None:
    """Run the operations of a migration, taking the state along; settle before data is touched and at the end."""
    label = migration.app_label
    editor = editor_for(target.dialect, target.client)
    unsettled = False
    for operation in migration.operations:
        if isinstance(operation, STRUCTURAL):
            before = state if isinstance(operation, ADDING) else state.clone()
            operation.state_forward(label, state)
            await operation.database_forward(label, before, state, editor)
            unsettled = True
            continue
        if unsettled:
            await settle(target, editor, models_of(state, label))
        await _touch_data(label, operation, state, editor)
        await target.assert_in_step()
        unsettled = False
    state.validate_relations_initialized()
    await settle(target, editor, models_of(state, label))


async def _touch_data(label: str, operation: Operation, state: State, editor: ExactEditor) -> None:
    if isinstance(operation, SQLOperation):
        await operation.run(label, state, False, editor)
        return
    with queryable(state) as before:
        operation.state_forward(label, state)
        await operation.database_forward(label, before, state, editor)


async def _record(target: Target, key: Key) -> None:
    """Note the step in Tortoise's own table, so that Tortoise's own tools read it."""
    creation = editor_for(target.dialect, target.client).creation(MigrationRecorder(None).model)[0]
    await target.run(creation.replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
    now = datetime.now(UTC)
    moment = now if target.dialect == "postgres" else now.isoformat(" ")
    await target.run(f"INSERT INTO {RECORDS} (app, name, applied_at) VALUES (?, ?, ?)", [*key, moment])


async def downgrade_to_zero(
    url: str, label: str, apps: Sequence[AppMigrations], *, backup_dir: Path | None = None, around: Around | None = None
) -> None:
    """Take an app's migrations back: undo its data operations, drop its tables, clean its records; all or nothing.

    Raises:
        MigrationFailed: the app is core, other tables point at its tables, or an undoing failed.
    """
    _refuse_core(label)
    async with _session(url, backup_dir) as target:
        applied = await _applied(target)
        files = read_files(apps, applied)
        steps = [key for key in files.steps if key[0] == label and key in applied]
        async with _undoing(target, label), _besides(around, target, await doomed_tables(target, f"{label}_")):
            if any(_can_undo(operation) for key in steps for operation in files.steps[key].operations):
                for key in reversed(steps):
                    applied.discard(key)
                    await _undo(target, files.steps[key], project(files, applied))
            await _drop(target, f"{label}_", label)


async def drop_tables(
    url: str, prefix: str, label: str, *, backup_dir: Path | None = None, around: Around | None = None
) -> None:
    """Drop the tables with this prefix and clean the app's records; for an app whose code is gone.

    A table that belongs to another known app with a longer label (``vote_extra_*`` beside ``vote_*``) stays.

    Raises:
        MigrationFailed: the app is core, or other tables point at its tables.
    """
    _refuse_core(label)
    async with (
        _session(url, backup_dir) as target,
        _undoing(target, label),
        _besides(around, target, await doomed_tables(target, prefix)),
    ):
        await _drop(target, prefix, label)


def _besides(around: Around | None, target: Target, tables: list[str]) -> AbstractAsyncContextManager[object]:
    return nullcontext() if around is None else around(target, tables)


def _refuse_core(label: str) -> None:
    if label == CORE:
        raise MigrationFailed(CORE, None, "core cannot be removed", "Delete the database if that is what you mean.")


@asynccontextmanager
async def _undoing(target: Target, label: str) -> AsyncIterator[None]:
    try:
        async with target.step():
            yield
    except Exception as error:
        remedy = "Nothing was removed; remove the cause and try again."
        raise MigrationFailed(label, None, f"it cannot be taken back: {str(error) or repr(error)}", remedy) from error


def _can_undo(operation: Operation) -> bool:
    """Say whether an operation did more than change its app's tables, and knows how to undo it."""
    return not isinstance(operation, (*STRUCTURAL, SQLOperation)) and operation.reversible


async def _undo(target: Target, migration: Migration, state: State) -> None:
    """Run a migration backwards; ``state`` is the one before it. What cannot be undone goes with the tables."""
    label = migration.app_label
    editor = editor_for(target.dialect, target.client)
    done: list[tuple[Operation, State, State]] = []
    for operation in migration.operations:
        if not isinstance(operation, SQLOperation):
            before = state.clone()
            operation.state_forward(label, state)
            done.append((operation, before, state.clone()))
    for operation, before, after in reversed(done):
        if isinstance(operation, STRUCTURAL):
            await operation.database_backward(label, after, before, editor)
        elif operation.reversible:
            await settle(target, editor, models_of(after, label))
            with queryable(after) as usable:
                await operation.database_backward(label, usable, before, editor)


async def doomed_tables(target: Target, prefix: str) -> list[str]:
    """Return the tables to drop: those with the prefix that are not another app's; refuse if others point at them."""
    tables = await actual_tables(target)
    longer = tuple(f"{owner}_" for owner, _ in await _applied(target) if owner.startswith(prefix))
    doomed = sorted(name for name in tables if name.startswith(prefix) and not name.startswith(longer))
    for table in tables.values():
        for link in table.links:
            if link.table in doomed and table.name not in doomed:
                raise RuntimeError(f"{table.name} points at {link.table}; remove its plugin first")
    return doomed


async def _drop(target: Target, prefix: str, label: str) -> None:
    """Drop an app's tables and forget its migrations."""
    doomed = [f'"{name}"' for name in await doomed_tables(target, prefix)]
    # One statement on PostgreSQL, where tables may point at each other; SQLite's keys are off.
    for names in doomed if target.dialect == "sqlite" else filter(None, [", ".join(doomed)]):
        await target.run(f"DROP TABLE {names}")
    if await _applied(target):
        await target.run(f"DELETE FROM {RECORDS} WHERE app = ?", [label])
