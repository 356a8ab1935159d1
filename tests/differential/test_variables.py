"""Variables: what the engine coerces is what graphql-core coerces, and what one refuses the other refuses, too."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    OperationDefinitionNode,
    is_list_type,
    is_non_null_type,
    parse,
)
from graphql.execution.values import get_variable_values
from hypothesis import given, settings
from hypothesis import strategies as st

from core.kernel import load_host
from schema.compose import profiles_of
from schema.engine.variables import Variables
from tests.conftest import ROOT

ODD = st.sampled_from(
    [None, True, 0, 7, 1 << 40, 0.5, "", "7", "FOR", "2026-11-24", [], ["x"], [None], {}, {"id": "x"}]
)
LEAVES: dict[str, st.SearchStrategy[Any]] = {
    "ID": st.sampled_from(["Poll_1", "x"]), "String": st.text(max_size=3), "Boolean": st.booleans(),
    "Int": st.integers(-3, 3), "Date": st.just("2026-11-24"), "DateTime": st.just("2026-11-24T10:00:00+08:00"),
}  # fmt: skip


@cache
def core_schema() -> Any:
    """Return the superset as graphql-core knows it."""
    return profiles_of(load_host(ROOT), suggestions=False).superset()._schema


def input_types() -> list[str]:
    """Return the names of all input objects."""
    return sorted(name for name, found in core_schema().type_map.items() if isinstance(found, GraphQLInputObjectType))


@st.composite
def values(draw: st.DrawFn, type_: GraphQLInputType) -> Any:
    """Draw a value that mostly fits a type."""
    if draw(st.integers(0, 19)) == 0:
        return draw(ODD)
    if is_non_null_type(type_):
        return draw(values(type_.of_type))
    if is_list_type(type_):
        return draw(st.lists(values(type_.of_type), max_size=2))
    if isinstance(type_, GraphQLInputObjectType):
        names = [name for name in type_.fields if draw(st.integers(0, 9)) > 0]
        found = {name: draw(values(type_.fields[name].type)) for name in names}
        return found | ({"strange": 1} if draw(st.integers(0, 29)) == 0 else {})
    if isinstance(type_, GraphQLEnumType):
        return draw(st.sampled_from(list(type_.values)))
    return draw(LEAVES.get(type_.name, ODD))  # type: ignore[union-attr]


@pytest.mark.parametrize("name", input_types())
def test_variables_are_coerced_as_the_library_does(name: str) -> None:
    """For every input type of the schema, whatever a client sends."""
    schema = core_schema()
    document = parse(f"query ($given: {name}!, $more: [{name}!]) {{ __typename }}")
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    definitions = operation.variable_definitions or ()
    ours = Variables(schema, definitions)

    @settings(max_examples=15, deadline=None)
    @given(
        one=values(schema.type_map[name]),
        more=st.one_of(st.none(), st.lists(values(schema.type_map[name]), max_size=2)),
    )
    def compare(one: Any, more: Any) -> None:
        sent = {"given": one, "more": more}
        expected = get_variable_values(schema, definitions, dict(sent))
        found = ours.coerced(sent)
        assert (found is None) == isinstance(expected, list)
        if found is not None and not isinstance(expected, list):
            assert found.coerced == expected.coerced
            given = ({key: source.value for key, source in side.sources.items()} for side in (found, expected))
            assert next(given) == next(given)

    compare()
