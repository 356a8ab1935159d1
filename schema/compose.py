"""Schemas from plugins: the superset of all that are loaded, and one profile per distinct set of enabled ones.

A profile only removes: every type, field and argument of it stands in the superset as it is there. Each set of plugins
has one schema object, kept in a small cache; enabling a plugin for a community is a look-up of another one.
"""

import copy
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakKeyDictionary

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.schema.config import StrawberryConfig
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.field import StrawberryField

from core import declarations, errors
from core.host import Host, HostError, Plugin, Said
from schema import offices, personal
from schema.declared import REGISTRY
from schema.errors import HANDLERS, MEMBERS
from schema.following import asked_each_time
from schema.news import NewsItem
from schema.policies import Policies, leaks
from schema.root import Query, Subscription
from schema.scalars import SCALARS
from schema.sessions import SESSIONS, Mutation
from schema.trace import TraceStep
from schema.types import Community, Matter, Person, TraceRecord

PROFILES_KEPT = 64
ROOTS = {"Query": Query, "Mutation": Mutation, "Subscription": Subscription}
CORE_TYPES: tuple[type, ...] = (
    Community,
    Person,
    TraceRecord,
    TraceStep,
    Matter,
    NewsItem,
    *offices.TYPES,
    *personal.TYPES,
    *MEMBERS,
)


@dataclass(frozen=True)
class Fragments:
    """What a plugin adds to the schema: types that must exist, and fields for types of the kernel.

    ``extends`` maps a type's name to a class of fields: ``Query``, ``Mutation`` and ``Subscription`` to plain
    ``@strawberry.type`` classes, a declared type (``Community``) to an ``@extension`` class.
    """

    types: tuple[type, ...] = ()
    extends: Mapping[str, type] = field(default_factory=dict)


AS_SAID = Said("请按上面所说改名或声明。", "Rename or declare it as the message says.")


class SchemaProblem(Exception):
    """A plugin's part of the schema breaks a rule; the message names the plugins and the remedy."""

    def __init__(self, plugin: str, message: Said | str, remedy: Said | str = AS_SAID) -> None:
        super().__init__(Said.of(message).en)
        self.plugin = plugin
        self.cause = message
        self.remedy = remedy


class OnlyWhereOn(FieldExtension):
    """Refuse an ordinary resolver that a plugin adds to a place where that plugin is off."""

    def __init__(self, plugin: str) -> None:
        self.plugin = plugin

    async def resolve_async(self, next_: Any, source: Any, info: strawberry.Info, **arguments: Any) -> Any:
        """Check, then resolve."""
        path = getattr(source, "path", None)
        if path is not None and not info.context.reading.is_on(self.plugin, path):
            raise errors.PLUGIN_DISABLED(place=getattr(source, "name", ""), plugin=self.plugin)
        found = next_(source, info, **arguments)
        return await found if hasattr(found, "__await__") else found


class ProfileSchema(strawberry.Schema):
    """The schema of one set of plugins."""

    def __init__(self, plugins: Iterable[Plugin], *, suggestions: bool = True) -> None:
        self._plugins = tuple(plugins)
        types: list[type] = [*CORE_TYPES]
        for plugin in self._plugins:
            types += fragments(plugin).types
        super().__init__(
            query=Query,
            mutation=Mutation,
            subscription=Subscription,
            types=types,
            exception_handlers=HANDLERS,
            config=StrawberryConfig(
                scalar_map=SCALARS, disable_field_suggestions=not suggestions, relay_max_results=100
            ),
        )

        following = self._schema.subscription_type
        for name, found in following.fields.items() if following is not None else ():
            found.subscribe = asked_each_time(name, found.subscribe)

    def get_fields(self, type_definition: StrawberryObjectDefinition) -> list[StrawberryField]:
        """Return the fields of a type with those that this set of plugins adds.

        Copies: field extensions and default resolvers are applied to field objects, which several schemas would share.
        """
        own = [copy.copy(f) for f in super().get_fields(type_definition)]
        for module in (offices, personal):
            if (extra := module.EXTENDS.get(type_definition.name)) is not None:
                own += [copy.copy(f) for f in _fields(extra)]
        for plugin in self._plugins:
            extra = fragments(plugin).extends.get(type_definition.name)
            if extra is not None:
                own += [_guarded(f, plugin.id, type_definition.name) for f in _fields(extra)]
        return own


_BY_HOST: "WeakKeyDictionary[Host, Profiles]" = WeakKeyDictionary()


def profiles_of(host: Host, *, suggestions: bool) -> "Profiles":
    """Return the checked schemas of a host, composed once however many applications serve it."""
    found = _BY_HOST.get(host)
    if found is None or found.suggestions != suggestions:
        found = _BY_HOST[host] = Profiles(host, suggestions)
        found.check()
    return found


def fragments(plugin: Plugin) -> Fragments:
    """Return what a plugin adds to the schema."""
    found = plugin.graphql
    return found if isinstance(found, Fragments) else Fragments()


def _fields(cls: type) -> list[StrawberryField]:
    return list(cls.__strawberry_definition__.fields)  # type: ignore[attr-defined]


def _guarded(original: StrawberryField, plugin: str, type_name: str) -> StrawberryField:
    made = copy.copy(original)
    if type_name not in ROOTS and not _is_relation(original):
        made.extensions = [*made.extensions, OnlyWhereOn(plugin)]
    return made


def _is_relation(original: StrawberryField) -> bool:
    resolver = original.base_resolver
    return resolver is not None and getattr(resolver.wrapped_func, "__module__", "") == "schema.declared"


@dataclass
class Profiles:
    """All schemas of a server: the superset, and the cached profiles of communities."""

    host: Host
    suggestions: bool = True
    _cache: "OrderedDict[frozenset[str], ProfileSchema]" = field(default_factory=OrderedDict)

    def usable(self) -> dict[str, Plugin]:
        """Return the plugins that are ready, by id."""
        return {plugin.id: plugin for plugin in self.host.ready()}

    def superset(self) -> ProfileSchema:
        """Return the schema of all plugins that are ready."""
        return self.of(frozenset(self.usable()))

    def of(self, plugins: frozenset[str]) -> ProfileSchema:
        """Return the schema of a set of plugins, those that are not ready left out."""
        usable = self.usable()
        key = frozenset(plugins & usable.keys())
        found = self._cache.get(key)
        if found is None:
            found = ProfileSchema([p for name, p in usable.items() if name in key], suggestions=self.suggestions)
            self._cache[key] = found
            if len(self._cache) > PROFILES_KEPT:
                self._cache.popitem(last=False)
        self._cache.move_to_end(key)
        return found

    def kept(self) -> set[frozenset[str]]:
        """Return the sets of plugins whose schemas are cached."""
        return set(self._cache)

    def check(self) -> None:
        """Build every plugin's part by itself and compare them; a plugin that breaks a rule is marked failed."""
        names: dict[str, str] = {}
        _check_core(ProfileSchema([]))
        for plugin in list(self.host.ready()):
            try:
                solo = self._solo(plugin)
                _check_plugin(plugin, solo, names)
                _check_policies(plugin.id, solo, self.permissions())
            except SchemaProblem as problem:
                self.host.fail(plugin.id, "schema", problem.cause, problem.remedy)
            except Exception as error:  # noqa: BLE001 - whatever a plugin's types raise is that plugin's failure
                self.host.fail(plugin.id, "schema", f"{type(error).__name__}: {error}", "Mend the plugin's schema.py.")

    def permissions(self) -> frozenset[str]:
        """Return the codes of all permissions that the kernel and the usable plugins declare."""
        own = (permission for plugin in self.host.ready() for permission in plugin.permissions)
        return frozenset(permission.code for permission in (*declarations.PERMISSIONS, *own))

    def _solo(self, plugin: Plugin) -> ProfileSchema:
        usable = self.usable()
        needed = self.host.requires_closure(plugin.id)
        return ProfileSchema([p for name, p in usable.items() if name in needed or name == plugin.id])


def _check_plugin(plugin: Plugin, schema: ProfileSchema, names: dict[str, str]) -> None:
    """Refuse names taken by others, third-party names without their prefix, unbounded lists, mutations without a deed."""
    for type_name, cls in fragments(plugin).extends.items():
        for found in _fields(cls):
            name = f"{type_name}.{schema.config.name_converter.get_graphql_name(found)}"
            _take(names, name, plugin)
            _check_prefix(plugin, name.partition(".")[2], type_name)
            if type_name == "Mutation" and "deed" not in (found.metadata or {}) and name not in SESSIONS:
                raise SchemaProblem(plugin.id, f"{name} of {plugin.id} is no deed; make it with mutation(deed, …)")
    for name in _own_types(plugin, schema):
        _take(names, name, plugin)
        _check_prefix(plugin, name, None)
    _check_lists(plugin, schema)


def _check_core(schema: ProfileSchema) -> None:
    """Raise HostError when something of the kernel itself says nobody who may use it."""
    try:
        _check_policies(None, schema, frozenset(permission.code for permission in declarations.PERMISSIONS))
    except SchemaProblem as problem:
        raise HostError(f"{problem} {Said.of(problem.remedy).en}") from None


def _check_policies(plugin: str | None, schema: ProfileSchema, permissions: frozenset[str]) -> None:
    """Refuse what says nobody who may use it, and filters or orders by which a mask could be looked through."""
    name = plugin or "core"
    missing = Policies(schema._schema, permissions).missing()
    if missing:
        raise SchemaProblem(name, _unguarded(name, ", ".join(missing)), GUARD_IT)
    for told in leaks(plugin):
        raise SchemaProblem(
            name, Said(f"{name}：{told}（被遮盖的列不可用于筛选、排序或另行显示）。", f"{name}: {told}."), UNMASK
        )


def _unguarded(name: str, what: str) -> Said:
    return Said(f"{name} 的 {what} 没有说明谁可以使用。", f"{what} of {name} says nobody who may use it.")


GUARD_IT = Said(
    "普通字段请写 metadata=guarded(Guard.…, 理由)；行为请用 @deed 给出权限或步骤；ID 参数请用 ref(类型) 或 named(说明)。",
    "An ordinary resolver takes metadata=guarded(Guard.…, why); a mutation's deed takes a permission that is declared, or a "
    "step with one; an ID argument takes ref(type) or named(what).",
)
UNMASK = Said(
    "请去掉该筛选或排序，或去掉遮盖。",
    "Take the filter, the order or the field away, or the mask.",
)


def _take(names: dict[str, str], name: str, plugin: Plugin) -> None:
    owner = names.setdefault(name, plugin.id)
    if owner != plugin.id:
        raise SchemaProblem(plugin.id, f"{name} is declared by {owner} and by {plugin.id}; rename one of them")


def _check_prefix(plugin: Plugin, name: str, type_name: str | None) -> None:
    """Refuse names of an installed package that do not carry its own; a verb may stand before it in a mutation."""
    space = plugin.namespace
    carried = space.allows_type(name) if type_name is None else space.allows_field(name) or space.types in name
    if not carried:
        raise SchemaProblem(plugin.id, f"{name} of the installed package {plugin.id} must carry its name {space.types}")


def _own_types(plugin: Plugin, schema: ProfileSchema) -> list[str]:
    """Return the names of the types that come from this plugin's modules."""
    own = []
    for name, graphql_type in schema._schema.type_map.items():
        definition = (graphql_type.extensions or {}).get("strawberry-definition")
        origin = getattr(definition, "origin", None) or getattr(definition, "wrapped_cls", None)
        module = getattr(origin, "__module__", "") or ""
        if module == plugin.module or module.startswith(plugin.module + "."):
            own.append(name)
    return own


def _check_lists(plugin: Plugin, schema: ProfileSchema) -> None:
    """Refuse lists of rows that are no connection: nothing would bound them."""
    rows = {d.cls for d in REGISTRY.values()}
    for name in _own_types(plugin, schema):
        cls: Any = schema.get_type_by_name(name)
        for found in getattr(cls, "fields", []):
            inner = getattr(found.type, "of_type", None)
            if (
                inner in rows
                and type(found.type).__name__ == "StrawberryList"
                and "bound" not in (found.metadata or {})
            ):
                raise SchemaProblem(
                    plugin.id, f"{name}.{found.python_name} of {plugin.id} lists rows without a bound; make it to_many"
                )
