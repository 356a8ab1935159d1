"""What every plugin must satisfy, as functions that say what is wrong; an empty list is good.

Written for the plugins of this repository and for those of others: load your plugin beside this tree, then

    host = load_with("book_drifting")
    assert conformance.declared_faults(host, "book_drifting") == []
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from importlib.metadata import entry_points, requires, version
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
)  # fmt: skip
from packaging.requirements import Requirement
from tortoise.models import Model

from core import models, roles
from core.host import Host, Plugin, PluginList, models_of
from core.indicators import Count, counted
from core.kernel import Kernel
from core.own_data import PERSONAL_DATA
from core.periods import Period
from core.personal import undeclared, unknown
from core.routes import Admits
from core.work import DeedSpec
from schema.compose import Profiles, fragments
from schema.declared import REGISTRY
from schema.policies import Policies, leaks
from tests.unit.test_imports import imports, is_private

ROOT = Path(__file__).resolve().parents[2]
GROUP = "shanzhi.plugins"
HOUSE = ("core", "schema", "plugins", "server")


def first_party() -> list[str]:
    """Return the ids of the plugins in ``plugins/``."""
    return sorted(path.parent.name for path in (ROOT / "plugins").glob("*/plugin.toml"))


def installed() -> list[str]:
    """Return the ids of the plugins that installed packages offer."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load(wanted: PluginList, folder: Path | None = None) -> Host:
    """Load plugins into a host that no other test shares."""
    return Host.load(folder or ROOT / "plugins", wanted, roles.CODES)


def load_with(*wanted: str, folder: Path | None = None) -> Host:
    """Load the named plugins with all that they require, and nothing else."""
    everything = load(PluginList(installed=frozenset(installed())), folder)
    return load(list_of(everything, *wanted), folder)


def list_of(host: Host, *wanted: str) -> PluginList:
    """Return the ``plugins.toml`` that loads the named plugins with all that they require."""
    needed = frozenset(wanted).union(*(host.requires_closure(name) for name in wanted))
    packages = frozenset(name for name in needed if host.plugins[name].manifest.third_party)
    return PluginList(load=needed - packages, installed=packages)


# -- declarations ------------------------------------------------------------------------------------------------------


def declared_faults(host: Host, name: str) -> list[str]:
    """Say why the host does not accept it: manifest, unknown hooks, names, tables, lifecycles."""
    return [reason.text("en") for reason in host.plugins[name].reasons]


def manifest_faults(plugin: Plugin) -> list[str]:
    """Say what its manifest leaves open: both descriptions, and a data class wherever it has tables."""
    said, found = plugin.manifest, []
    if not (said.description_zh and said.description_en):
        found.append("plugin.toml: describe it in both languages (description_zh, description_en)")
    if plugin.models is not None and not said.data_classes:
        found.append("plugin.toml: it has tables, so say in data_classes what it stores, how long and what for")
    return found


def import_faults(plugin: Plugin) -> list[str]:
    """Say where it imports what is not public: an underscored module or name, or another plugin beside its ``api``.

    A plugin that is only in ``after`` may be imported where its being on was asked first.
    """
    return [
        f"{path.relative_to(plugin.folder)}:{line}: imports {target}"
        for path in sorted(plugin.folder.rglob("*.py"))
        if "tests" not in path.relative_to(plugin.folder).parts
        for line, target in imports(ast.parse(path.read_text("utf-8"), str(path)))
        if not _may_import(plugin, target)
    ]


def _may_import(plugin: Plugin, target: str) -> bool:
    if target == plugin.module or target.startswith(f"{plugin.module}."):
        return True
    layer, *rest = target.split(".")
    if layer not in HOUSE:
        return not target.startswith(".")
    if layer == "plugins":
        return len(rest) > 1 and rest[0] in (*plugin.requires, *plugin.manifest.after) and rest[1] == "api"
    return layer != "server" and not any(map(is_private, rest))


def readme_faults(plugin: Plugin) -> list[str]:
    """Name every permission, event, setting and error code that its README does not mention."""
    path = plugin.folder / "README.md"
    text = path.read_text("utf-8") if path.exists() else ""
    names = {
        "permission": [permission.code for permission in plugin.permissions],
        "event": [event.code for event in plugin.event_types],
        "setting": list(plugin.settings.model_fields) if plugin.settings else [],
        "error code": [problem.code for problem in plugin.problems],
    }
    missing = [f"README.md: the {what} `{name}`" for what, all_of in names.items() for name in all_of]
    return [line for line in missing if line.partition("`")[2].rstrip("`") not in text]


def requirement_faults(name: str) -> list[str]:
    """Say which requirements of an installed plugin's package exclude the versions that this server runs with."""
    (point,) = entry_points(group=GROUP, name=name)
    if point.dist is None:
        return [f"the entry point {name} belongs to no package"]
    found = [Requirement(line) for line in requires(point.dist.name) or []]
    wanted = [need for need in found if need.marker is None or need.marker.evaluate({"extra": ""})]
    return [str(need) for need in wanted if not need.specifier.contains(version(need.name), prereleases=True)]


# -- schema ------------------------------------------------------------------------------------------------------------


def schema_with(host: Host, *names: str) -> GraphQLSchema:
    """Return the schema of a community with these plugins."""
    return Profiles(host).of(frozenset(names))._schema


def own_schemas(host: Host, name: str) -> tuple[GraphQLSchema, GraphQLSchema]:
    """Return the schema with only this plugin and what it requires, and that without itself."""
    needed = host.requires_closure(name)
    return schema_with(host, name, *needed), schema_with(host, *needed)


def schema_faults(host: Host, name: str) -> list[str]:
    """Say what the schema check of the host refuses: names of others, missing prefixes, mutations that are no deeds."""
    profiles = Profiles(host)
    profiles.check()
    return declared_faults(profiles.host, name)


def subset_faults(part: GraphQLSchema, whole: GraphQLSchema) -> list[str]:
    """Say where a schema has something that a larger one has not, or has otherwise: a profile only removes."""
    found: list[str] = []
    for type_name, small in part.type_map.items():
        large = whole.type_map.get(type_name)
        if type(small) is not type(large):
            found.append(f"{type_name} is missing or of another kind")
            continue
        there = _members(large)
        found += [f"{type_name}.{key}: {text}" for key, text in _members(small).items() if there.get(key) != text]
    return found


def _members(named: GraphQLNamedType | None) -> dict[str, str]:
    """Return what a type has, each with its type as text: fields, arguments, input fields, enum values."""
    if isinstance(named, GraphQLEnumType):
        return dict.fromkeys(named.values, "value")
    if isinstance(named, GraphQLInputObjectType):
        return {key: str(field.type) for key, field in named.fields.items()}
    found: dict[str, str] = {}
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        for key, field in named.fields.items():
            found[key] = str(field.type)
            found |= {f"{key}({name}:)": str(argument.type) for name, argument in field.args.items()}
    return found


def description_faults(host: Host, name: str) -> list[str]:
    """Name everything that it adds to the schema and does not describe."""
    return [f"{what} has no description" for what, said in _added(*own_schemas(host, name)) if not said]


def _added(with_it: GraphQLSchema, without: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Yield what one schema has beyond another: types, fields, arguments, values, each with its description."""
    for type_name, named in with_it.type_map.items():
        before = without.type_map.get(type_name)
        if before is None:
            yield type_name, named.description
        known = _members(before)
        for key, said in _described(named):
            if key not in known:
                yield f"{type_name}.{key}", said


def _described(named: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    members: Mapping[str, Any] = getattr(named, "values", None) or getattr(named, "fields", None) or {}
    for key, member in members.items():
        yield key, member.description
        for name, argument in getattr(member, "args", {}).items():
            yield f"{key}({name}:)", argument.description


def list_faults(host: Host, name: str) -> list[str]:
    """Name every field it adds that lists rows of a table otherwise than as a connection."""
    with_it, without = own_schemas(host, name)
    return [
        f"{type_name}.{key} lists {get_named_type(field.type)}; make it a connection"
        for type_name, key, field in _new_fields(with_it, without)
        if _is_list(field) and get_named_type(field.type).name in REGISTRY and not type_name.endswith("Connection")
    ]


def _new_fields(with_it: GraphQLSchema, without: GraphQLSchema) -> Iterator[tuple[str, str, GraphQLField]]:
    for type_name, named in with_it.type_map.items():
        if isinstance(named, GraphQLObjectType):
            known = _members(without.type_map.get(type_name))
            yield from ((type_name, key, field) for key, field in named.fields.items() if key not in known)


def _is_list(field: GraphQLField) -> bool:
    inner = field.type.of_type if isinstance(field.type, GraphQLNonNull) else field.type
    return isinstance(inner, GraphQLList)


def deed_faults(plugin: Plugin) -> list[str]:
    """Name every mutation that is no deed, or whose deed neither a permission nor a lifecycle's step guards."""
    extra: Any = fragments(plugin).extends.get("Mutation")
    found = []
    for field in extra.__strawberry_definition__.fields if extra is not None else ():
        spec = (field.metadata or {}).get("deed")
        guarded = isinstance(spec, DeedSpec) and (spec.permission is not None or spec.step is not None)
        if not guarded:
            found.append(f"the mutation {field.name} is no deed with a permission or a step")
    return found


def policy_faults(host: Host, name: str) -> list[str]:
    """Name every field, argument and deed it adds that says nobody who may use it, and what would tell what a mask hides."""
    with_it, without = own_schemas(host, name)
    known = Profiles(host).permissions()
    unsaid = set(Policies(with_it, known).missing()) - set(Policies(without, known).missing())
    return [f"{what} says nobody who may use it" for what in sorted(unsaid)] + list(leaks(name))


def community_fields(host: Host, name: str) -> dict[str, str]:
    """Return what it adds to a community and can be asked without arguments, each with a selection that asks for it."""
    with_it, without = own_schemas(host, name)
    return {
        key: _selection(field)
        for type_name, key, field in _new_fields(with_it, without)
        if type_name == "Community" and not any(isinstance(a.type, GraphQLNonNull) and a.default_value is None for a in field.args.values())
    }  # fmt: skip


def _selection(field: GraphQLField) -> str:
    named = get_named_type(field.type)
    if not isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        return ""
    return "{ totalCount nodes { __typename } }" if named.name.endswith("Connection") else "{ __typename }"


# -- personal data -----------------------------------------------------------------------------------------------------


def personal_faults(host: Host, name: str) -> list[str]:
    """Name every column about a person that it does not declare, and everything it declares and has not."""
    plugin = host.plugins[name]
    known = [*core_models(), *host.models()]
    return [*undeclared(models_of(plugin), plugin.personal_data), *unknown(known, plugin.personal_data)]


def core_models() -> list[type[Model]]:
    """Return the models of the kernel."""
    return list(models.__models__)


def core_personal_faults() -> list[str]:
    """Name what the kernel itself holds of persons and does not declare."""
    return [*undeclared(core_models(), PERSONAL_DATA), *unknown(core_models(), PERSONAL_DATA)]


# -- indicators --------------------------------------------------------------------------------------------------------


async def indicator_faults(kernel: Kernel, name: str) -> list[str]:
    """Count every indicator for the running period of each of its kinds, and say what cannot be."""
    today, found = kernel.clock.now().date(), []
    for indicator in kernel.host.plugins[name].indicators:
        for kind in indicator.periods:
            period = Period.containing(today, kind)
            rows = await counted(kernel.database, indicator, period)
            found += [f"{indicator.code} {period.code}: {said}" for said in _impossible(rows, indicator.columns)]
    return found


def _impossible(rows: list[Count], columns: tuple[str, ...]) -> Iterator[str]:
    if len({row.path for row in rows}) != len(rows):
        yield "more than one row for a place"
    for row in rows:
        if min(row.numerator, row.denominator, row.covered, row.coverable) < 0:
            yield f"a figure below nothing at {row.path}"
        if "denominator" in columns and row.numerator > row.denominator:
            yield f"{row.numerator} out of {row.denominator} at {row.path}"
        if row.covered > row.coverable:
            yield f"{row.covered} covered out of {row.coverable} at {row.path}"


# -- addresses ---------------------------------------------------------------------------------------------------------


def addresses_at(plugin: Plugin, code: str) -> list[str]:
    """Return the public addresses of a plugin that need nothing but a place, as they are for one."""
    found = [
        route.path.replace(f"{{{route.place}}}", code)
        + ("" if f"{{{route.place}}}" in route.path else f"?{route.place}={code}")
        for route in plugin.routes
        if route.place and route.method == "GET" and route.admits is Admits.EVERYBODY
    ]
    return [path for path in found if "{" not in path]
