"""Nothing tells of a row that one may not see: two worlds that differ in one hidden row answer alike, byte for byte.

For rows of every type the answers of a stranger and of a member are compared with and without the row: lists with their
counts, pages and cursors, every filter with every value, the search, figures, the feed, look-ups by the id of the row, and the
refusals of every deed about it. So what is not there and what is not yours are one answer, whatever it costs to find out.
"""

from __future__ import annotations

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from typing import Any

import pytest
from graphql import GraphQLEnumType, GraphQLObjectType, get_named_type

from core.ids import global_id
from schema.declared import REGISTRY
from tests.conftest import World, answered_by
from tests.security import matrix, removals
from tests.security.matrix import Stage

READERS = ("stranger", "proxy")
EACH = 1
"""How many hidden rows of a type are taken away, one after the other."""
TEXTS = ("", "示", "0101", "西", "%", "_", "resident", "NOTICE")
"""Values of filters that take a text: of titles, labels, roles and kinds that there are, and what LIKE would read as a sign."""
SEALED = re.compile(rb'"cursor": ?"1\.[^"]+"|1\.[a-z0-9]+\.[0-9a-f]+\.[A-Za-z0-9_-]+')
"""Cursors of the feed, sealed anew for every answer."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Fill the world once for the tests of this file."""
    folder = tmp_path_factory.mktemp("two_worlds")
    return asyncio.run(matrix.stage({"folder": folder, "made": {}}, folder))


@asynccontextmanager
async def without(world: World, name: str, key: int) -> AsyncIterator[None]:
    """Let a row not be there for a while, with the row of its matter; what points at it stays."""
    declaration = REGISTRY[name]
    gone = [(declaration.table, declaration.key), *([("core_matter", "id")] if declaration.matter else [])]
    kept: list[tuple[str, dict[str, Any]]] = []
    with past_every_rule(world) as connection:
        for table, column in gone:
            kept += [
                (table, dict(row)) for row in connection.execute(f"SELECT * FROM {table} WHERE {column} = ?", (key,))
            ]
            connection.execute(f"DELETE FROM {table} WHERE {column} = ?", (key,))
    assert len(kept) == len(gone)
    yield
    with past_every_rule(world) as connection:
        for table, row in kept:
            marks = ", ".join("?" * len(row))
            connection.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({marks})", tuple(row.values()))


@contextmanager
def past_every_rule(world: World) -> Iterator[sqlite3.Connection]:
    """Open the database beside the server, without foreign keys; what is done is committed at the end."""
    with closing(sqlite3.connect(world.kernel.config.database_url.removeprefix("sqlite://"), timeout=10)) as connection:
        connection.row_factory = sqlite3.Row
        with connection:
            yield connection


def filters(world: World, type_name: str) -> Iterator[tuple[str, str]]:
    """Yield the connections of a type, each as it is and with every value of every filter, as text of a field."""
    named = matrix.superset(world.kernel.host).type_map[type_name]
    assert isinstance(named, GraphQLObjectType)
    for name in matrix.connections(world, type_name):
        yield name, name
        for argument, taken in named.fields[name].args.items():
            of = get_named_type(taken.type)
            if isinstance(of, GraphQLEnumType):
                yield from ((name, f"{name}({argument}: {value})") for value in of.values)
            elif of.name == "String" and argument != "after":
                yield from ((name, f'{name}({argument}: "{text}")') for text in TEXTS)
            elif of.name == "Boolean":
                yield from ((name, f"{name}({argument}: {value})") for value in ("true", "false"))


PAGE = "{ totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id } } }"


def questions(world: World, inputs: Inputs, name: str, key: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield what is asked about a hidden row: documents with their variables."""
    mine = global_id(name, key)
    code = world.demo.places["compound"].code
    for _, field in filters(world, "Community"):
        yield f'{{ community(code: "{code}") {{ {field} {PAGE} }} }}', {}
        if "(" not in field:
            for first in (0, 1, 3):
                yield f'{{ community(code: "{code}") {{ {field}(first: {first}) {PAGE} }} }}', {}
            yield f'{{ community(code: "{code}") {{ {field}(after: "{key}") {PAGE} }} }}', {}
    for _, field in filters(world, "Query"):
        yield f"{{ {field} {PAGE} }}", {}
    community = world.demo.places["community"].code
    yield (
        f'{{ community(code: "{community}") {{ matters(below: true) {PAGE} }} }}',
        {},
    )
    if name != "WishClaim":  # that a wish was claimed counts in a figure that is everybody's
        yield f'{{ community(code: "{code}") {{ wishFigures {{ submitted claimed confirmed }} }} }}', {}
    yield "query($i: ID!) { node(id: $i) { __typename id } nodes(ids: [$i, $i]) { __typename id } }", {"i": mine}
    for lookup in ("poll", "notice", "wish", "voterRoll", "rosterImport", "serviceRating", "bookDriftingBook"):
        yield f"query($i: ID!) {{ {lookup}(id: $i) {{ id }} }}", {"i": mine}
    yield "query($i: ID!) { trace(matter: $i) { totalCount nodes { id deed } } }", {"i": mine}
    yield "query($i: ID!) { traceInclusion(leaf: $i) { __typename } }", {"i": mine}
    yield '{ changes(after: "0", first: 100) { more cursor changes { type at subject payload } } }', {}
    yield '{ searchCommunities(text: "示例") { id name } traceHead { size rootHash } }', {}
    yield from refusals(world, inputs, name, mine)


Inputs = dict[str, dict[str, Any]]


async def plausible(world: World) -> Inputs:
    """Return an input of every deed, by the name of its type; made once, for it is made of rows."""
    made = await matrix.inputs(world)
    return {
        taken.name: matrix.needed(taken, next(iter(made.of(taken)))) for _, taken in matrix.documents(world).values()
    }


def refusals(world: World, inputs: Inputs, name: str, mine: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the deeds that are about rows of a type."""
    for text, taken in matrix.documents(world).values():
        field = taken.fields.get("id")
        if field is not None and field.extensions["strawberry-definition"].metadata.get("ref") == name:
            yield text, {"i": {**inputs[taken.name], "id": mine}}


async def answers(world: World, inputs: Inputs, token: str, name: str, key: int) -> dict[str, bytes]:
    """Return the bytes of every answer."""
    headers = {"Authorization": f"Bearer {token}"}
    found = {}
    for text, variables in questions(world, inputs, name, key):
        answer = await world.client.post("/graphql", json={"query": text, "variables": variables}, headers=headers)
        found[f"{text} {variables}"] = SEALED.sub(b"~", answer.content)
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("reader", READERS)
async def test_a_hidden_row_is_told_by_nothing(made: Stage, reader: str) -> None:
    """Rows of every type that hides some: with them and without them each answer is the same."""
    compared, types, token = 0, set(), str(made.tokens[reader])
    async with made.open() as opened, answered_by(opened, engine=True, rate_limit=0) as world:
        inputs = await plausible(world)
        with removals.rehearsed():
            for name in sorted(set(REGISTRY) - set(matrix.PUBLIC)):
                for key in (await hidden(world, token, name))[:EACH]:
                    there = await answers(world, inputs, token, name, key)
                    async with without(world, name, key):
                        gone = await answers(world, inputs, token, name, key)
                    for question, answer in there.items():
                        assert gone[question] == answer, (name, question)
                    compared += len(there)
                    types.add(name)
    assert len(types) > 25, sorted(types)
    assert compared > 2_500, compared


async def hidden(world: World, token: str, name: str) -> list[int]:
    """Return the keys of the rows of a type that somebody does not see: those in the compound, if there are any.

    Of wishes those that never went on the wall: the others count in ``wishFigures``, which are everybody's.
    """
    placed = await matrix.rows_at(world, name)
    keys = matrix.in_compound(placed, name) or [key for some in placed.values() for key in some]
    seen = await matrix.seen(world, token, [global_id(name, key) for key in keys])
    counted = set()
    if name == "Wish":
        rows = await world.kernel.database.fetch("SELECT matter_id FROM wishes_wish WHERE published_at IS NOT NULL")
        counted = {row["matter_id"] for row in rows}
    return [key for key in keys if global_id(name, key) not in seen and key not in counted]


@pytest.mark.timeout(900)
async def test_a_row_that_is_seen_is_told_of(made: Stage) -> None:
    """The comparison is sharp: taken from whoever sees them, rows change lists, look-ups and refusals."""
    async with made.open() as opened, answered_by(opened, engine=True, rate_limit=0) as world:
        inputs = await plausible(world)
        for name, reader in (("Notice", "tenant"), ("Wish", "tenant"), ("Unit", "owner"), ("VoterRoll", "owner")):
            token = made.tokens[reader]
            assert token is not None
            keys = matrix.in_compound(await matrix.rows_at(world, name), name)
            seen = await matrix.seen(world, token, [global_id(name, key) for key in keys])
            key = next(key for key in keys if global_id(name, key) in seen)
            there = await answers(world, inputs, token, name, key)
            async with without(world, name, key):
                gone = await answers(world, inputs, token, name, key)
            assert len([one for one in there if there[one] != gone[one]]) > 3, name
