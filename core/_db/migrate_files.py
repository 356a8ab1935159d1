"""Migration files: what is on disk, what each needs, and in which order they run.

The files are Tortoise migrations. Two things that Tortoise leaves open are settled here: a foreign key into another app
is a dependency even where the file does not say so (a first ``makemigrations`` for several apps forgets it), and within
one app the names give the order. A plugin whose files cannot be used is left out together with those that need it.
"""

from __future__ import annotations

import heapq
import importlib
import pkgutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.migrations.migration import Migration
from tortoise.migrations.operations import AddField, AlterField, CreateModel, Operation, RenameModel
from tortoise.models import Model

CORE = "core"
RELATIONS = (ForeignKeyFieldInstance, ManyToManyFieldInstance)
Key = tuple[str, str]


@dataclass(frozen=True)
class AppMigrations:
    """One app: its label (the prefix of its tables), its models module and its migrations package."""

    label: str
    models: str
    migrations: str


class MigrationFailed(RuntimeError):
    """A step failed and was rolled back. The message names the plugin, the migration, the cause and the remedy."""

    def __init__(self, label: str, migration: str | None, cause: object, remedy: str) -> None:
        self.label = label
        self.migration = migration
        who = "core" if label == CORE else f"plugin {label}"
        where = f", migration {migration}" if migration else ""
        super().__init__(f"{who}{where}: {str(cause).rstrip('.')}. {remedy}")


@dataclass(frozen=True)
class Files:
    """The usable migrations in the order they run, what each needs, and why the other apps are left out."""

    steps: Mapping[Key, Migration]
    needs: Mapping[Key, frozenset[Key]]
    unusable: Mapping[str, MigrationFailed]

    def names(self, label: str) -> list[str]:
        """Return the names of one app's migrations in the order they run."""
        return [name for owner, name in self.steps if owner == label]

    def without(self, failure: MigrationFailed) -> Files:
        """Leave out an app that cannot be used, and those that need it."""
        unusable = {**self.unusable, failure.label: failure}
        _leave_out_dependents(self.needs, unusable)
        steps = {key: step for key, step in self.steps.items() if key[0] not in unusable}
        return Files(steps, {key: self.needs[key] for key in steps}, unusable)

    def closure(self, label: str) -> set[Key]:
        """Return the migrations of an app and everything they need."""
        found: set[Key] = set()
        waiting = [key for key in self.steps if key[0] == label]
        while waiting:
            key = waiting.pop()
            if key not in found:
                found.add(key)
                waiting.extend(self.needs[key])
        return found


def read_files(apps: Sequence[AppMigrations], applied: Iterable[Key] = ()) -> Files:
    """Import the migrations of all apps and put them in order; an app that cannot be used is explained, not raised.

    ``applied`` is what the database has on record: an app whose files do not account for it cannot be used either.
    """
    importlib.invalidate_caches()
    found: dict[Key, Migration] = {}
    unusable: dict[str, MigrationFailed] = {}
    for app in apps:
        try:
            found.update(_import_app(app))
        except MigrationFailed as failure:
            unusable[app.label] = failure
    needs = _edges(found, {app.label for app in apps}, unusable)
    _compare_with_record(needs, set(applied), {app.label for app in apps}, unusable)
    _leave_out_dependents(needs, unusable)
    usable = {key: needs[key] for key in needs if key[0] not in unusable}
    rank = {app.label: position for position, app in enumerate(sorted(apps, key=lambda app: app.label != CORE))}
    order = _ordered(usable, rank, unusable)
    return Files({key: found[key] for key in order}, usable, unusable)


def _import_app(app: AppMigrations) -> dict[Key, Migration]:
    remedy = "Correct the file, or turn the plugin off in plugins.toml."
    try:
        package = importlib.import_module(app.migrations)
    except Exception as error:
        raise MigrationFailed(app.label, None, f"{app.migrations} cannot be imported ({error!r})", remedy) from error
    steps: dict[Key, Migration] = {}
    for module in pkgutil.iter_modules(getattr(package, "__path__", ())):
        if module.ispkg or module.name[0] in "_~":
            continue
        try:
            migration = importlib.import_module(f"{app.migrations}.{module.name}").Migration(module.name, app.label)
        except Exception as error:
            raise MigrationFailed(app.label, module.name, f"the file cannot be imported ({error!r})", remedy) from error
        steps[app.label, module.name] = _accept(migration)
    return steps


def _accept(migration: Migration) -> Migration:
    if not migration.atomic:
        cause = "it asks for atomic = False, so a crash could leave it half applied"
        raise MigrationFailed(
            migration.app_label, migration.name, cause, "Remove that line; every step is one transaction."
        )
    if migration.replaces:
        cause = "it replaces other migrations, which is not supported"
        raise MigrationFailed(migration.app_label, migration.name, cause, "Keep the original files.")
    return migration


def _edges(
    found: Mapping[Key, Migration], labels: set[str], unusable: dict[str, MigrationFailed]
) -> dict[Key, frozenset[Key]]:
    makers = _makers(found)
    needs: dict[Key, set[Key]] = {}
    for key, migration in found.items():
        try:
            needs[key] = {
                *_declared(key, migration, found, labels, unusable),
                *_implied(key, migration, makers, labels),
            }
        except MigrationFailed as failure:
            unusable[key[0]] = failure
            needs[key] = set()
    for key, migration in found.items():
        for child in migration.run_before:
            if child in needs:
                needs[child].add(key)
    return {key: frozenset(parents) for key, parents in needs.items()}


def _declared(
    key: Key, migration: Migration, found: Mapping[Key, Migration], labels: set[str], unusable: Mapping[str, object]
) -> Iterator[Key]:
    label, name = key
    siblings = sorted(sibling for owner, sibling in found if owner == label)
    own = {parent for owner, parent in migration.dependencies if owner == label} & set(siblings)
    if not own and name != siblings[0]:
        yield label, siblings[siblings.index(name) - 1]
    for owner, wanted in migration.dependencies:
        names = sorted(other for app, other in found if app == owner)
        parent = {"__first__": names[:1], "__latest__": names[-1:]}.get(wanted, [wanted])
        if owner not in labels:
            raise MigrationFailed(
                label, name, f"it needs {owner}, which is not loaded", f"Load {owner}, or turn {label} off."
            )
        if owner in unusable:
            yield owner, wanted
        elif not parent or (owner, parent[0]) not in found:
            raise MigrationFailed(label, name, f"it needs {owner}.{wanted}, which does not exist", f"Update {owner}.")
        elif (owner, parent[0]) != key:
            yield owner, parent[0]


def _makers(found: Mapping[Key, Migration]) -> dict[tuple[str, str], Key]:
    """Say which migration brings each model into being."""
    makers: dict[tuple[str, str], Key] = {}
    for key in sorted(found):
        for operation in found[key].operations:
            if isinstance(operation, CreateModel):
                makers.setdefault((key[0], operation.name), key)
            elif isinstance(operation, RenameModel):
                makers[key[0], operation.new_name] = key
    return makers


def _implied(key: Key, migration: Migration, makers: Mapping[tuple[str, str], Key], labels: set[str]) -> Iterator[Key]:
    label, name = key
    for owner, model in _targets(migration.operations):
        if owner == label:
            continue
        if owner not in labels:
            raise MigrationFailed(
                label, name, f"it points at {owner}.{model}, and {owner} is not loaded", f"Load {owner}."
            )
        yield makers.get((owner, model), (owner, ""))


def _targets(operations: Iterable[Operation]) -> Iterator[tuple[str, str]]:
    """Yield the (app, model) every relation of these operations points at."""
    for operation in operations:
        fields = [field for _, field in operation.fields] if isinstance(operation, CreateModel) else []
        if isinstance(operation, (AddField, AlterField)):
            fields.append(operation.field)
        for field in fields:
            if isinstance(field, RELATIONS):
                owner, _, model = str(field.model_name).partition(".")
                yield owner, model


def _compare_with_record(
    needs: Mapping[Key, frozenset[Key]], applied: set[Key], labels: set[str], unusable: dict[str, MigrationFailed]
) -> None:
    """Find apps whose database is ahead of their code, or has steps on record without the steps before them."""
    for label, name in sorted(applied):
        if label not in labels or label in unusable:
            continue
        if (label, name) not in needs:
            cause = "the database has it, the installed code does not: the code is older than the database"
            unusable[label] = MigrationFailed(
                label, name, cause, "Install the newer code, or restore the backup made before it."
            )
            continue
        gaps = sorted(
            before for owner, before in needs[label, name] if owner == label and (owner, before) not in applied
        )
        if gaps:
            cause = f"it is on record as applied, {gaps[0]} before it is not"
            unusable[label] = MigrationFailed(
                label, name, cause, "Give the new file a higher number and let it depend on the last one."
            )


def _leave_out_dependents(needs: Mapping[Key, frozenset[Key]], unusable: dict[str, MigrationFailed]) -> None:
    """Block every app that needs an unusable one, or a model that no migration makes, until nothing changes."""
    changed = True
    while changed:
        changed = False
        for (label, name), parents in needs.items():
            missing = sorted(owner for owner, parent in parents if owner in unusable or not parent)
            if missing and label not in unusable:
                unusable[label] = blocked(label, name, missing[0])
                changed = True


def blocked(label: str, name: str, culprit: str) -> MigrationFailed:
    """Explain that an app waits for another one's migrations."""
    return MigrationFailed(
        label, name, f"blocked: it needs migrations of {culprit} that are not there", f"Repair {culprit} first."
    )


def _ordered(
    needs: Mapping[Key, frozenset[Key]], rank: Mapping[str, int], unusable: dict[str, MigrationFailed]
) -> list[Key]:
    sorter = TopologicalSorter(needs)
    try:
        sorter.prepare()
    except CycleError as error:
        circle = " -> ".join(f"{label}.{name}" for label, name in error.args[1])
        label = max((key[0] for key in error.args[1]), key=lambda owner: rank[owner])
        raise MigrationFailed(
            label, None, f"its migrations need each other in a circle: {circle}", "Break the circle."
        ) from error
    ready: list[tuple[int, str, Key]] = []
    order: list[Key] = []
    while sorter.is_active():
        for key in sorter.get_ready():
            heapq.heappush(ready, (rank[key[0]], key[1], key))
        key = heapq.heappop(ready)[2]
        order.append(key)
        sorter.done(key)
    return order


def relations_of(models: Iterable[type[Model]]) -> set[tuple[str, str]]:
    """Return the (app, model) that the relations of these models point at."""
    relations = (field for model in models for field in model._meta.fields_map.values() if isinstance(field, RELATIONS))
    return {(str(field.related_model._meta.app), field.related_model.__name__) for field in relations}
