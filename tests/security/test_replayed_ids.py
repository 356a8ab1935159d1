"""Every id that somebody sees, used by somebody else: in lookups, lists of ids, subscriptions' subjects and deeds."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from graphql import GraphQLObjectType

from core.ids import global_id
from schema.compose import profiles_of
from schema.declared import REGISTRY
from tests.acceptance.test_stranger import OWN_DATA, REFUSALS, checksums
from tests.conftest import World
from tests.security import matrix
from tests.security.matrix import Stage

OUTSIDE = ("anonymous", "nobody", "neighbour", "chair2", "property2", "farstaff", "stranger", "former")
"""People without any right in the compound: some hold the same offices next door, one lives where all is closed."""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Fill the world once for the tests of this file."""
    folder = tmp_path_factory.mktemp("replayed")
    return asyncio.run(matrix.stage({"folder": folder, "made": {}}, folder))


def lookups(world: World) -> dict[str, str]:
    """Return the root fields that find one row by its id, with the type they give."""
    schema = profiles_of(world.kernel.host, suggestions=False).superset()._schema
    assert isinstance(schema.query_type, GraphQLObjectType)
    found = {
        name: field.extensions["strawberry-definition"].metadata for name, field in schema.query_type.fields.items()
    }
    return {name: told["lookup"].target for name, told in found.items() if told.get("lookup") and name != "community"}


async def test_a_lookup_gives_no_more_than_a_list_of_ids(made: Stage) -> None:
    """``poll(id:)``, ``node(id:)`` and their like scope as ``nodes(ids:)`` does, for every row and every outsider."""
    async with made.open() as world:
        tried = 0
        for field, name in lookups(world).items():
            ids = [global_id(name, key) for keys in (await matrix.rows_at(world, name)).values() for key in keys]
            for actor in OUTSIDE:
                token = made.tokens[actor]
                allowed = await matrix.seen(world, token, ids)
                for one in ids:
                    query = f"query($i: ID!) {{ one: {field}(id: $i) {{ id }} node(id: $i) {{ id }} }}"
                    answer = await matrix.ask(world, token, query, i=one)
                    wanted = {"id": one} if one in allowed else None
                    assert answer["data"] == {"one": wanted, "node": wanted}, (field, actor, one)
                    tried += 1
        assert tried > 200, tried


async def test_ids_of_others_do_nothing_in_deeds(made: Stage) -> None:
    """In every deed, with real ids of the compound, outsiders are refused as strangers are, and no row of any table moves."""
    async with made.open() as world:
        inputs, told = await matrix.inputs(world), Counter[str]()
        before = await checksums(world)
        for name, (text, taken) in matrix.documents(world).items():
            if name == "requestResidency":  # anybody signed in may ask to be registered: it gives no right
                continue
            for given in list(inputs.of(taken))[:3]:
                for actor in ("anonymous",) if name in OWN_DATA else OUTSIDE:
                    found = await matrix.answers(world, made.tokens[actor], text, name, matrix.needed(taken, given))
                    assert found["__typename"] in {*REFUSALS, "InvalidInput"}, (name, actor, given, found)
                    told[found["__typename"]] += 1
        assert await checksums(world) == before
        assert sum(told[kind] for kind in REFUSALS) >= 0.9 * told.total(), told


async def test_what_may_not_be_seen_is_refused_as_what_is_not_there(made: Stage) -> None:
    """The answer to a deed about an invisible object is that about a number nobody has, but for the number."""
    async with made.open() as world:
        inputs, compared = await matrix.inputs(world), 0
        for name, (text, taken) in matrix.documents(world).items():
            about = (
                taken.fields["id"].extensions["strawberry-definition"].metadata["ref"] if "id" in taken.fields else None
            )
            if about is None or about not in REGISTRY:
                continue
            given = matrix.needed(taken, next(iter(inputs.of(taken))))
            for actor in ("stranger", "chair2"):
                if await matrix.seen(world, made.tokens[actor], [given["id"]]):
                    continue
                real = await matrix.answers(world, made.tokens[actor], text, name, given)
                none = await matrix.answers(world, made.tokens[actor], text, name, {**given, "id": f"{about}_5"})
                assert str(real).replace(given["id"], "") == str(none).replace(f"{about}_5", ""), (name, actor)
                compared += 1
        assert compared > 60, compared
