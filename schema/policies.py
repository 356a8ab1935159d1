"""Default deny: for every field, argument and deed it is said who may use it, or the server does not take it.

Most of that follows from declarations. A declared type has its predicate (``visible``), its columns their masks; a field
that gives rows of declared types gives them through that predicate; a mutation is a deed, which a permission or a step
guards. What an ordinary resolver reads beyond its own row nobody can see from outside: it says so itself.

    @strawberry.field(description="…", metadata=guarded(Guard.EVERYONE, "sums over published wishes only"))
"""

import inspect
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from enum import Enum
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
)

from core.work import DeedSpec
from schema.declared import EXTENSIONS, REGISTRY, Column, Declaration, Lookup, ToMany

ROOTS = ("Query", "Mutation", "Subscription")
INTERFACES = ("Node", "Matter")
PAGE = re.compile(r"Connection$|Edge$")
PLACE_ARGUMENTS = ("community", "under", "to")
"""ID arguments that by their names are codes of places, which everybody may know."""
COLUMN = re.compile(r"\{t\}\.(\w+)")


class Guard(Enum):
    """Who gets what an ordinary resolver gives."""

    ROW = "whoever sees the row"
    SELF = "the viewer, about themselves"
    CHECKED = "whom its resolver admits"
    EVERYONE = "everybody"


def guarded(by: Guard, because: str, **metadata: Any) -> dict[str, Any]:
    """Say for whom an ordinary resolver answers, and why that is safe: the metadata of its field."""
    if not because.strip():
        raise TypeError("a guard says why it is safe: guarded(Guard.EVERYONE, 'sums over published wishes only')")
    return {**metadata, "guard": (by, because)}


class Policies:
    """Who may use what in one schema."""

    def __init__(self, schema: GraphQLSchema, permissions: Collection[str]) -> None:
        self._schema = schema
        self._permissions = permissions

    def all(self) -> Iterator[tuple[str, str | None]]:
        """Yield every field and every id among the arguments, each with its policy; None where there is none."""
        for name, named in sorted(self._schema.type_map.items()):
            if name.startswith("__"):
                continue
            if isinstance(named, GraphQLObjectType):
                if _is_unregistered_node(named):
                    yield name, None
                for key, found in named.fields.items():
                    yield f"{name}.{key}", self.of(name, found)
                    yield from _arguments(f"{name}.{key}", found.args)
            elif isinstance(named, GraphQLInputObjectType):
                yield from _arguments(name, named.fields)

    def missing(self) -> list[str]:
        """Name everything that says nobody who may use it."""
        return [name for name, policy in self.all() if policy is None]

    def of(self, type_name: str, field: GraphQLField) -> str | None:
        """Tell who may use a field; None when nothing says so."""
        definition: Any = (field.extensions or {}).get("strawberry-definition")
        metadata: Mapping[str, Any] = getattr(definition, "metadata", None) or {}
        if "guard" in metadata:
            by, because = metadata["guard"]
            return f"{by.value}: {because}"
        if type_name == "Mutation":
            return self._deed(metadata.get("deed"))
        if type_name == "Subscription":  # rows of a stream are not read by the request that asks for them
            return None
        return _by_rows(type_name, definition, field, metadata)

    def _deed(self, spec: Any) -> str | None:
        """Tell who may do a deed: a declared permission, the author of the matter, or both."""
        if not isinstance(spec, DeedSpec):
            return None
        step = spec.step
        named = {code for code in (spec.permission, step.permission if step else None) if code is not None}
        if not named <= set(self._permissions):
            return None
        admitted = [*sorted(named), *(["the matter's author"] if step is not None and step.own else [])]
        return f"deed {spec.name}: {', '.join(admitted)}" if admitted else None


def _by_rows(type_name: str, definition: Any, field: GraphQLField, metadata: Mapping[str, Any]) -> str | None:
    """Tell who gets a field by whose rows it gives, or of whose row it is."""
    found: Lookup | None = metadata.get("lookup")
    given = PAGE.sub("", get_named_type(field.type).name)
    if found is not None or given in REGISTRY or given in INTERFACES:
        return f"rows of {found.target if found else given}"
    if type_name in ROOTS:
        return None
    resolver = getattr(definition, "base_resolver", None)
    if resolver is None:
        return _of_column(type_name, definition)
    if not _asks(resolver.wrapped_func) and "for_each" not in metadata:
        return "its row"  # without the request it can read nothing but the row it belongs to
    return None


def _of_column(type_name: str, definition: Any) -> str:
    declaration = REGISTRY.get(type_name)
    part = declaration.columns.get(definition.python_name) if declaration is not None and definition else None
    return "its row, masked" if part is not None and part.allowed is not None else "its row"


def _asks(resolver: Callable[..., Any]) -> bool:
    return "info" in inspect.signature(resolver).parameters


def _is_unregistered_node(named: GraphQLObjectType) -> bool:
    return any(one.name == "Node" for one in named.interfaces) and named.name not in REGISTRY


def _arguments(
    owner: str, arguments: Mapping[str, GraphQLArgument] | Mapping[str, GraphQLInputField]
) -> Iterator[tuple[str, str | None]]:
    """Yield the ids among arguments: each names a type whose rows it may be, or is the code of a place."""
    for name, argument in arguments.items():
        if get_named_type(argument.type).name != "ID":
            continue
        definition: Any = (argument.extensions or {}).get("strawberry-definition")
        told: Mapping[str, Any] = getattr(definition, "metadata", None) or {}
        target = told.get("ref") or told.get("names") or _target_of(owner, name)
        yield f"{owner}({name}:)" if "." in owner else f"{owner}.{name}", target and f"id of {target}"


def _target_of(owner: str, name: str) -> str | None:
    if name in PLACE_ARGUMENTS or owner == "Query.community":
        return "a place, by its code"
    if owner.startswith("Query.") and name in ("id", "ids"):
        return "the rows that are given"
    return None


def leaks(plugin: str | None) -> Iterator[str]:
    """Name every filter, order and field of a plugin (None: of the kernel) that would tell what a mask hides.

    A filter on a column that is masked gives it away by what remains, an order by what comes first.
    """
    for where, part in _relations(plugin):
        hidden = _masked(REGISTRY[part.target])
        narrowing = {f"({key}:)": one.sql for key, one in part.filters.items()}
        for what, sql in {**narrowing, " (order)": part.order.sql or ""}.items():
            for column in sorted(hidden & set(COLUMN.findall(sql))):
                yield f"{where}{what} tells {part.target}.{column}, which is masked"
    for declaration in REGISTRY.values():
        if declaration.plugin == plugin:
            yield from _shown_elsewhere(declaration)


def _relations(plugin: str | None) -> Iterator[tuple[str, ToMany]]:
    for owner in REGISTRY.values():
        if owner.plugin == plugin:
            yield from ((f"{owner.name}.{key}", part) for key, part in owner.to_many.items())
    for (name, key), part in EXTENSIONS.items():
        if isinstance(part, ToMany) and part.plugin == plugin:
            yield f"{name}.{key}", part


def _shown_elsewhere(declaration: Declaration) -> Iterator[str]:
    """Name the fields that show as it is what another field of the type masks."""
    hidden = _masked(declaration)
    for name, column in declaration.columns.items():
        if column.allowed is None and (bare := _bare(column)) in hidden:
            yield f"{declaration.name}.{name} shows {bare}, which is masked elsewhere"


def _masked(declaration: Declaration) -> set[str]:
    """Return the stored columns that a type shows to some only."""
    hidden = (_bare(column) for column in declaration.columns.values() if column.allowed is not None)
    return {name for name in hidden if name is not None}


def _bare(column: Column) -> str | None:
    """Return the stored column that is shown as it is, if that is all."""
    found = COLUMN.fullmatch(column.sql) if isinstance(column.sql, str) else None
    return found[1] if found else None


ROUTES: Mapping[str, str] = {
    "/graphql": "every field by its own policy",
    "/c/{code}/graphql": "every field by its own policy",
    "/": "everybody: it leads to /graphql",
    "/schema.graphql": "everybody: the schema is the manual",
    "/c/{code}/schema.graphql": "everybody: the schema is the manual, and what a place has switched on is public",
    "/uploads/{ticket}": "whoever holds the ticket that createUpload gave, once, within 15 minutes",
    "/files/{id}/{expires}/{signature}": "whoever holds the signed address that Attachment.url gave, for ten minutes",
    "/exports/{person}/{expires}/{signature}": "whoever holds the signed address that exportMyData gave the person, for ten minutes",
    "/assets/graphiql/{name}": "everybody: the explorer's own files, named one by one",
    "/assets/pages.css": "everybody: the style sheet of the public pages",
    "/trace/head": "everybody: a signed head is made to be kept elsewhere",
    "/trace/head.json": "everybody: the same, with the public keys",
    "/trace/heads/{size}": "everybody: earlier heads, as text or QR code",
    "/trace/consistency/{old}/{new}": "everybody: hashes that show that nothing before was changed",
    "/receipt": "everybody: a page without data, which asks by the receipt its reader holds",
    "/healthz": "everybody: that the process answers",
    "/readyz": "everybody: counts and names of plugins and processes, no data",
}
"""Who is admitted at each address."""


def check_routes(paths: Collection[str]) -> None:
    """Raise TypeError for an address of which nothing says who is admitted there."""
    unsaid = sorted(set(paths) - ROUTES.keys())
    if unsaid:
        raise TypeError(f"say in schema.policies.ROUTES who is admitted at {', '.join(unsaid)}")
