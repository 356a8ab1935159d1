"""Every id that somebody sees, used by somebody else: in lookups, lists of ids, subscriptions' subjects and deeds."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLList, GraphQLNonNull, GraphQLObjectType, get_named_type

from core import errors
from core.ids import global_id
from schema.compose import profiles_of
from schema.declared import REGISTRY
from tests.acceptance import stranger_world
from tests.acceptance.test_stranger import OWN_DATA, REFUSALS, checksums
from tests.conftest import World
from tests.security import matrix, removals
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


# --- ids inside inputs ------------------------------------------------------------------------------------------------

EVERYBODYS = {"Person", "Community", "Matter"}
"""What ids name that everybody sees, or that is no one type."""
MOST = 3
"""How many foreign ids of a type are tried at each place."""


def nested_ids(taken: GraphQLInputObjectType, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the path and type of every id in an input, inside objects and lists too, but the object's own ``id``."""
    for name, field in taken.fields.items():
        inner = get_named_type(field.type)
        if isinstance(inner, GraphQLInputObjectType):
            yield from nested_ids(inner, (*path, name))
        elif inner.name == "ID":
            ref = field.extensions["strawberry-definition"].metadata.get("ref")
            if ref is not None and ref not in EVERYBODYS and (*path, name) != ("id",):
                yield (*path, name), ref


def with_id(
    inputs: Any, taken: GraphQLInputObjectType, given: Mapping[str, Any], path: tuple[str, ...], id: str
) -> dict[str, Any]:
    """Return an input with an id at a path; what lies on the way is made as the schema wants it."""
    name, *rest = path
    of, value = taken.fields[name].type, id
    if rest:
        inner = get_named_type(of)
        assert isinstance(inner, GraphQLInputObjectType)
        value = with_id(inputs, inner, inputs._object(inner), tuple(rest), id)  # type: ignore[assignment]
    bare = of.of_type if isinstance(of, GraphQLNonNull) else of
    return {**given, name: [value] if isinstance(bare, GraphQLList) else value}


async def test_ids_inside_inputs_do_nothing_for_whom_they_are_hidden_from(made: Stage) -> None:
    """Whoever may do a deed, but not see what an inner id names, is refused; so are outsiders; nothing moves."""
    reviewed = matrix.read()
    async with made.open() as world:
        inputs, told, places = await matrix.inputs(world), Counter[str](), set()
        ids = {name: [global_id(name, key) for keys in (await matrix.rows_at(world, name)).values() for key in keys]
               for name in REGISTRY}  # fmt: skip
        ids["Account"] = [one for one in ids["Account"] if one not in await new_to_all(world)]
        before, taken_in = await checksums(world), []
        with removals.rehearsed():  # so that one that is taken in does not change what the others meet
            for deed, (text, taken) in matrix.documents(world).items():
                for path, ref in nested_ids(taken):
                    admitted = [actor for actor, cell in reviewed[f"deed {deed}"].items() if cell == "+"]
                    for actor in (*admitted, "chair2", "property2", "stranger"):
                        seen = await matrix.seen(world, made.tokens[actor], ids[ref])
                        for key in [one for one in ids[ref] if one not in seen][:MOST]:
                            for given in list(inputs.of(taken))[:MOST]:
                                asked = with_id(inputs, taken, matrix.needed(taken, given), path, key)
                                found = await matrix.answers(world, made.tokens[actor], text, deed, asked)
                                told[found["__typename"]] += 1
                                places.add((deed, path))
                                if found.get("code") == errors.BEATEN().code:
                                    taken_in.append((deed, path, actor, key))
        assert taken_in == []
        assert await checksums(world) == before
        assert len(places) > 15, places
        assert told["NotFound"] + told["NotAllowed"] > 100, told


async def new_to_all(world: World) -> set[str]:
    """Return the accounts of persons without any appointment: no place is theirs, so whoever looks after accounts may help them."""
    rows = await world.kernel.database.fetch(
        "SELECT id FROM core_account WHERE person_id NOT IN (SELECT person_id FROM core_appointment)"
    )
    return {global_id("Account", row["id"]) for row in rows}


# --- cursors, tickets and addresses of others -------------------------------------------------------------------------


async def pages(world: World, token: str | None, field: str, after: str | None = None) -> tuple[list[str], list[str]]:
    """Return ids and cursors of a list, behind a cursor."""
    page = "edges { cursor node { id } }"
    at_place = "@" in field
    name, _, place = field.partition("@")
    given = f'first: 100, after: "{after}"' if after else "first: 100"
    inner = f"{name}({given}) {{ {page} }}"
    code = world.demo.places[place].code if at_place else ""
    answer = await matrix.ask(
        world, token, f'{{ community(code: "{code}") {{ {inner} }} }}' if at_place else f"{{ {inner} }}"
    )
    data = answer.get("data") or {}
    found = (data.get("community") if at_place else data) or {}
    edges = (found.get(name) or {"edges": []})["edges"]
    return [edge["node"]["id"] for edge in edges], [edge["cursor"] for edge in edges]


async def test_a_cursor_of_another_opens_nothing(made: Stage) -> None:
    """Behind every cursor that insiders get, outsiders and members find what they see anyway, in its order, and no more."""
    async with made.open() as world:
        lists = [
            f"{name}@compound"
            for name in sorted(set(matrix.connections(world, "Community")) - {"children", "descendants", "branches"})
        ]
        tried = 0
        for field in (*lists, *matrix.connections(world, "Query")):
            cursors = {
                one
                for insider in ("staff", "owner", "auditor")
                for one in (await pages(world, made.tokens[insider], field))[1]
            }
            for actor in ("anonymous", "stranger", "tenant", "captain"):
                whole, _ = await pages(world, made.tokens[actor], field)
                for cursor in sorted(cursors)[:: max(1, len(cursors) // 5)]:
                    behind, _ = await pages(world, made.tokens[actor], field, cursor)
                    assert behind == whole[len(whole) - len(behind) :], (field, actor, cursor)
                    tried += 1
        assert tried > 150, tried


async def test_a_place_in_the_feed_of_another_shows_nothing_more(made: Stage) -> None:
    """Cursors of the feed that an auditor got give a stranger a tail of what the stranger sees from the beginning."""
    query = "query($a: String) { changes(after: $a, first: 100) { cursor changes { cursor type at subject } } }"

    def shown(page: dict[str, Any]) -> list[tuple[str, ...]]:
        return [(one["type"], one["at"], one["subject"]) for one in page["data"]["changes"]["changes"]]

    async with made.open() as world:
        theirs = await matrix.ask(world, made.tokens["staff"], query, a="0")
        whole = shown(await matrix.ask(world, made.tokens["stranger"], query, a="0"))
        for change in theirs["data"]["changes"]["changes"][::10]:
            behind = shown(await matrix.ask(world, made.tokens["stranger"], query, a=change["cursor"]))
            assert behind == whole[len(whole) - len(behind) :]
        assert len(whole) > 20
        forged = await matrix.ask(
            world, made.tokens["stranger"], query, a=theirs["data"]["changes"]["cursor"][:-2] + "AA"
        )
        assert forged["errors"][0]["extensions"]["problem"] == "core.bad_cursor"


async def test_a_ticket_of_another_gives_no_file(made: Stage) -> None:
    """Who found a ticket may fill it for whoever asked: the file is theirs, not the finder's, who can neither see nor attach it."""
    async with made.open() as world:
        compound = world.demo.places["compound"].code
        text = (
            "mutation($i: CreateUploadInput!) { createUpload(input: $i) { ... on UploadTicket { attachmentId url } } }"
        )
        asked = await matrix.ask(world, made.tokens["owner"], text, i={"community": compound, "filename": "a.pdf"})
        ticket = asked["data"]["createUpload"]
        form = {"files": {"file": ("b.pdf", stranger_world.PDF, "application/pdf")}}
        headers = {"Authorization": f"Bearer {made.tokens['chair']}"}
        answer = await world.client.post(ticket["url"], files=form["files"], headers=headers)
        assert answer.json()["data"]["id"] == ticket["attachmentId"]
        for actor, sees in (("owner", True), ("chair", False), ("stranger", False), ("anonymous", False)):
            found = await matrix.seen(world, made.tokens[actor], [ticket["attachmentId"]])
            assert bool(found) is sees, actor
        again = await world.client.post(
            ticket["url"], files={"file": ("b.pdf", stranger_world.PDF + b"%", "application/pdf")}
        )
        assert again.json()["errors"][0]["extensions"]["problem"] == "core.upload_used"
        draft = {"community": compound, "kind": "GENERAL", "title": "他人附件", "body": "内容", "issuer": "业委会",
                 "attachments": [ticket["attachmentId"]]}  # fmt: skip
        document, _ = matrix.documents(world)["draftNotice"]
        refused = await matrix.answers(world, made.tokens["chair"], document, "draftNotice", draft)
        assert refused["__typename"] == "NotFound", refused
