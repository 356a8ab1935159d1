"""What a plugin's tables may look like: own prefix, restricting and indexed foreign keys, to anchors only."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType

from tortoise.fields import CASCADE
from tortoise.fields.relational import ForeignKeyFieldInstance, ManyToManyFieldInstance
from tortoise.indexes import Index
from tortoise.models import Model

from core._host import messages as say
from core._host.reasons import Reason, did_you_mean
from core._host.record import Plugin

CORE_ANCHORS = ("core.Community", "core.Branch", "core.Person", "core.Matter")


@dataclass(frozen=True)
class _Reach:
    """What the foreign keys of a plugin may point at: its own models, and the anchors of the kernel and of others."""

    own: frozenset[str]
    anchors: tuple[str, ...]


def models_of(plugin: Plugin) -> list[type[Model]]:
    """Return the models that a plugin's ``__models__`` lists; none when it has no tables."""
    listed = getattr(_module(plugin), "__models__", ())
    return [model for model in listed if isinstance(model, type) and issubclass(model, Model)]


def tables_of(plugin: Plugin) -> Iterator[str]:
    """Yield the names of a plugin's tables."""
    yield from (model._meta.db_table for model in models_of(plugin))


def table_faults(plugin: Plugin, others: Mapping[str, Plugin]) -> Iterator[Reason]:
    """Yield a reason for everything that is wrong with a plugin's tables and anchors."""
    module = _module(plugin)
    if module is not None:
        yield from _listing(plugin, module)
    own = frozenset(f"{plugin.id}.{model.__name__}" for model in models_of(plugin))
    lent = [anchor for name in plugin.requires if name in others for anchor in others[name].anchors]
    for anchor in plugin.anchors:
        if anchor not in own:
            yield say.BAD_ANCHOR(did_you_mean(str(anchor), own), file=plugin.file("api.py"), name=anchor)
    for model in models_of(plugin):
        yield from _table(plugin, model, _Reach(own, (*CORE_ANCHORS, *lent)))


def _module(plugin: Plugin) -> ModuleType | None:
    return sys.modules.get(plugin.models) if plugin.models is not None else None


def _listing(plugin: Plugin, module: ModuleType) -> Iterator[Reason]:
    file, listed = plugin.file("models.py"), getattr(module, "__models__", None)
    if not isinstance(listed, list | tuple):
        yield say.NO_LIST(file=file)
        return
    for model in _written(module):
        if model not in listed:
            yield say.UNLISTED_MODEL(file=file, model=model.__name__)
    for entry in listed:
        if not isinstance(entry, type) or not entry.__module__.startswith(f"{plugin.module}."):
            yield say.FOREIGN_MODEL(file=file, model=getattr(entry, "__name__", repr(entry)))


def _written(module: ModuleType) -> list[type[Model]]:
    """Return the models that a module itself defines, without abstract ones."""
    classes = [value for value in vars(module).values() if isinstance(value, type) and issubclass(value, Model)]
    return [model for model in classes if model.__module__ == module.__name__ and not model._meta.abstract]


def _table(plugin: Plugin, model: type[Model], reach: _Reach) -> Iterator[Reason]:
    file, table, prefix = plugin.file("models.py"), model._meta.db_table, f"{plugin.id}_"
    if not table.startswith(prefix):
        yield say.UNPREFIXED_TABLE(file=file, model=model.__name__, table=table, prefix=prefix)
    for name, field in model._meta.fields_map.items():
        if isinstance(field, ManyToManyFieldInstance):
            yield say.MANY_TO_MANY(file=file, key=f"{model.__name__}.{name}")
        elif isinstance(field, ForeignKeyFieldInstance):
            indexed = field.index or field.unique or _leads_an_index(model, name)
            where: dict[str, object] = {"file": file, "key": f"{model.__name__}.{name}"}
            yield from _key(field, _target(plugin, field), reach, indexed, where)


def _key(
    field: ForeignKeyFieldInstance[Model], target: str, reach: _Reach, indexed: bool, where: dict[str, object]
) -> Iterator[Reason]:
    if target not in reach.own and target not in reach.anchors:
        yield say.NO_ANCHOR(**where, target=target, anchors=", ".join(reach.anchors))
    if target not in reach.own and field.on_delete == CASCADE:
        yield say.CASCADES(**where, target=target)
    if field.related_name is not False:
        yield say.BACKWARD_NAME(**where, target=target)
    if not indexed:
        yield say.NO_INDEX(**where)


def _target(plugin: Plugin, field: ForeignKeyFieldInstance[Model]) -> str:
    """Return ``plugin.Model``, also where the foreign key was given the class itself."""
    named = field.model_name
    if isinstance(named, str):
        return named
    package = named.__module__.rpartition(".")[0]
    return f"{plugin.id if package == plugin.module else package.rpartition('.')[2]}.{named.__name__}"


def _leads_an_index(model: type[Model], name: str) -> bool:
    """Say whether an index over several columns begins with this one, and so serves it as well."""
    groups = [tuple(index.fields) if isinstance(index, Index) else index for index in model._meta.indexes]
    return any(group and group[0] in {name, f"{name}_id"} for group in (*groups, *model._meta.unique_together))
