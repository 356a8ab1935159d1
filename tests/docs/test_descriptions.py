"""Everything in the published schema is described, for a front-end developer who has never seen the tables."""

from __future__ import annotations

import re
from collections.abc import Iterator

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
)

from core.kernel import load_host
from schema.compose import Profiles
from tests.conftest import ROOT

TABLES = re.compile(r"\b(SQL|foreign key|primary key|core_[a-z]+|database table|LEFT JOIN)\b", re.IGNORECASE)


def superset() -> GraphQLSchema:
    """Build the schema of all plugins from its SDL, as a client would."""
    return build_schema(Profiles(load_host(ROOT)).superset().as_str())


def descriptions(schema: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    """Yield every type, field, argument, input field and enum value with its description."""
    for name, kind in schema.type_map.items():
        if is_introspection_type(kind) or is_specified_scalar_type(kind):
            continue
        yield name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{value}", found.description) for value, found in kind.values.items())
        elif isinstance(kind, GraphQLInputObjectType):
            yield from ((f"{name}.{field}", found.description) for field, found in kind.fields.items())
        elif isinstance(kind, GraphQLObjectType | GraphQLInterfaceType):
            for field, found in kind.fields.items():
                yield f"{name}.{field}", found.description
                yield from ((f"{name}.{field}({argument}:)", one.description) for argument, one in found.args.items())


def test_everything_is_described() -> None:
    """Every type, field, argument, input field and enum value has a description."""
    assert [name for name, text in descriptions(superset()) if not (text or "").strip()] == []


def test_descriptions_do_not_speak_of_tables() -> None:
    """Descriptions speak of the neighbourhood's business, not of how it is stored."""
    assert [(name, text) for name, text in descriptions(superset()) if TABLES.search(text or "")] == []
