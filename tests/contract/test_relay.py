"""Relay's rules over the whole schema: object identification and cursor connections, of the core and every plugin.

The shapes are read from the schema, the behaviour is asked of a server with rows of every type.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)

from core.host import PluginList
from schema.compose import profiles_of
from schema.declared import REGISTRY
from tests.acceptance import stranger_world
from tests.conftest import World, load_host
from tests.contract import conformance

PLUGINS = PluginList(installed=frozenset(conformance.installed()))


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    """Return the schema of the core and of every plugin there is."""
    return profiles_of(load_host(PLUGINS), suggestions=False).superset()._schema


def objects(schema: GraphQLSchema) -> Iterator[tuple[GraphQLObjectType | GraphQLInterfaceType, str, GraphQLField]]:
    """Yield every field of every object type."""
    for named in schema.type_map.values():
        if isinstance(named, GraphQLObjectType | GraphQLInterfaceType) and not named.name.startswith("__"):
            for name, found in named.fields.items():
                yield named, name, found


def connections(schema: GraphQLSchema) -> list[GraphQLObjectType]:
    """Return the types of pages."""
    return [t for t in schema.type_map.values() if isinstance(t, GraphQLObjectType) and t.name.endswith("Connection")]


def test_objects_are_identified(schema: GraphQLSchema) -> None:
    """`Node` has one field, `node` and `nodes` find what has it, and every node's id is the same field."""
    node = schema.type_map["Node"]
    assert isinstance(node, GraphQLInterfaceType)
    assert {name: str(field.type) for name, field in node.fields.items()} == {"id": "ID!"}
    assert schema.query_type is not None
    fields = schema.query_type.fields
    assert str(fields["node"].type) == "Node"
    assert {name: str(argument.type) for name, argument in fields["node"].args.items()} == {"id": "ID!"}
    assert str(fields["nodes"].type) == "[Node]!"
    assert {name: str(argument.type) for name, argument in fields["nodes"].args.items()} == {"ids": "[ID!]!"}
    found = schema.get_possible_types(node)
    assert {t.name for t in found} == {name for name in REGISTRY if name in schema.type_map}
    assert all(str(t.fields["id"].type) == "ID!" for t in found)


def test_pages_have_the_shape_of_connections(schema: GraphQLSchema) -> None:
    """`edges` with `node` and `cursor`, `pageInfo` with its four fields; nothing else is called a connection."""
    info = schema.type_map["PageInfo"]
    assert isinstance(info, GraphQLObjectType)
    assert {name: str(field.type) for name, field in info.fields.items()} == {
        "hasNextPage": "Boolean!", "hasPreviousPage": "Boolean!", "startCursor": "String", "endCursor": "String",
    }  # fmt: skip
    found = connections(schema)
    assert len(found) > 30
    for page in found:
        assert str(page.fields["pageInfo"].type) == "PageInfo!"
        edge = get_named_type(page.fields["edges"].type)
        assert (str(page.fields["edges"].type), edge.name) == (f"[{edge.name}!]!", edge.name)
        assert edge.name == page.name.removesuffix("Connection") + "Edge"
        assert isinstance(edge, GraphQLObjectType)
        assert str(edge.fields["cursor"].type) == "String!"
        node = get_named_type(edge.fields["node"].type)
        assert not edge.fields["node"].args
        assert str(page.fields["nodes"].type) == f"[{node.name}!]!"
    edges = {get_named_type(page.fields["edges"].type).name for page in found}
    assert {t for t in schema.type_map if t.endswith("Edge")} == edges


def test_every_connection_goes_forward(schema: GraphQLSchema) -> None:
    """Whatever returns a page takes `first` and `after`; a page needs no other argument to be read."""
    names = {page.name for page in connections(schema)}
    paged = [(t, name, f) for t, name, f in objects(schema) if get_named_type(f.type).name in names]
    assert len(paged) > 40
    for owner, name, field in paged:
        where = f"{owner.name}.{name}"
        assert isinstance(field.type, GraphQLNonNull), where
        assert str(field.args["first"].type) in {"Int!", "Int"}, where
        assert not is_required_argument(field.args["first"]), where
        assert str(field.args["after"].type) == "String", where
        assert not {"last", "before", "offset", "skip", "limit", "page"} & set(field.args), where


@pytest.fixture
def plugin_list() -> PluginList:
    """Serve every plugin there is."""
    return PLUGINS


def _paged(schema: GraphQLSchema, owner: GraphQLObjectType) -> list[str]:
    """Return the connections of a type that can be read without another argument."""
    names = {page.name for page in connections(schema)}
    return [
        name for name, field in owner.fields.items()
        if get_named_type(field.type).name in names and not any(map(is_required_argument, field.args.values()))
    ]  # fmt: skip


async def _page(world: World, id: str, owner: str, field: str, first: int, after: str | None) -> Any:
    """Read one page of a connection of a node."""
    document = (
        f"query($id: ID!, $first: Int!, $after: String) {{ node(id: $id) {{ ... on {owner} {{ "
        f"{field}(first: $first, after: $after) {{ totalCount nodes {{ __typename }} edges {{ cursor node {{ __typename }} }} "
        "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } } }"
    )
    answer = await world.gql(document, {"id": id, "first": first, "after": after}, as_="staff")
    return answer.body["data"]["node"] and answer.body["data"]["node"][field] if "errors" not in answer.body else None


async def test_pages_fit_together(world: World, schema: GraphQLSchema) -> None:
    """Every connection of every type: page by page it gives what it gives at once, and says truly where it ends."""
    await stranger_world.fill(world)
    await stranger_world.vote_and_count(world)
    walked, longer = 0, 0
    for name, kind in sorted(REGISTRY.items()):
        owner = schema.type_map.get(name)
        if not isinstance(owner, GraphQLObjectType):
            continue
        rows = await world.kernel.database.fetch(
            f"SELECT {kind.key} AS id FROM {kind.table} ORDER BY {kind.key} LIMIT 12"
        )
        for field in _paged(schema, owner):
            for row in rows:
                whole = await _page(world, f"{name}_{row['id']}", name, field, 100, None)
                if whole is None or not whole["edges"]:
                    continue
                walked += 1
                longer += len(whole["edges"]) > 1
                await _walk(world, f"{name}_{row['id']}", name, field, whole)
                break
    assert walked > 15
    assert longer > 8


async def _walk(world: World, id: str, owner: str, field: str, whole: Any) -> None:
    """Go through a connection in pages of one and compare with all of it."""
    where = f"{owner}.{field}"
    edges, info = whole["edges"], whole["pageInfo"]
    assert [edge["node"] for edge in edges] == whole["nodes"], where
    assert (info["startCursor"], info["endCursor"]) == (edges[0]["cursor"], edges[-1]["cursor"]), where
    assert (info["hasPreviousPage"], info["hasNextPage"]) == (False, whole["totalCount"] > len(edges)), where
    assert len({edge["cursor"] for edge in edges}) == len(edges), where
    after, found = None, []
    for number in range(min(len(edges), 5)):
        page = await _page(world, id, owner, field, 1, after)
        assert page["totalCount"] == whole["totalCount"], where
        assert page["pageInfo"]["hasPreviousPage"] is (number > 0), where
        assert page["pageInfo"]["hasNextPage"] is (number + 1 < whole["totalCount"]), where
        after = page["pageInfo"]["endCursor"]
        found += page["edges"]
    assert found == edges[:5], where
    none = await _page(world, id, owner, field, 0, None)
    assert (none["edges"], none["pageInfo"]["endCursor"]) == ([], None), where


def test_leaves_of_a_page_are_few(schema: GraphQLSchema) -> None:
    """Beside its items a page tells its count and nothing else: what is computed over a list has a field of its own."""
    for page in connections(schema):
        leaves = {name for name, field in page.fields.items() if is_leaf_type(get_named_type(field.type))}
        assert leaves <= {"totalCount"}, page.name
