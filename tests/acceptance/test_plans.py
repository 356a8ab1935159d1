"""No read of the API walks a large table: the plans of everything the schema offers, for different viewers."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from graphql import GraphQLEnumType, GraphQLField, GraphQLObjectType, GraphQLSchema, build_schema, get_named_type

from bench import workloads
from core import people
from core.ids import global_id
from schema.declared import REGISTRY
from tests.acceptance import stranger_world
from tests.acceptance.plans import Spy, explain_postgres, postgres_scans, spy, sqlite_faults, told
from tests.conftest import World

__all__ = ["spy"]

VIEWERS = (None, "owner", "manyfold")


@pytest.fixture
async def full(spy: Spy, world: World) -> World:
    """A world with rows of every type, and a worker with offices in several places."""
    await stranger_world.fill(world)
    await stranger_world.vote_and_count(world)
    await world.person("manyfold", "community_staff", world.demo.places["community"], "示例片区工作者")
    for key in ("village", "elsewhere"):
        await world.demo.perform(
            people.appoint_person,
            person_id=world.demo.people["manyfold"],
            role="community_staff",
            community=world.demo.places[key].code,
        )
    return world


# --- documents out of the schema --------------------------------------------------------------------------------------

SDL = (Path(__file__).parents[2] / "schema" / "superset.graphql").read_text(encoding="utf-8")
WORDS: Mapping[str, str] = {"text": '"花园"', "kind": '"NOTICE"', "label": '"0101"', "number": "1"}


def _argument(name: str, of: Any) -> str | None:
    """Return a value for an optional argument of a connection, or None when none is known."""
    kind = get_named_type(of)
    if isinstance(kind, GraphQLEnumType):
        return next(iter(kind.values))
    return {"Boolean": "true", "Int": "1"}.get(kind.name, WORDS.get(name))


def _selection(schema: GraphQLSchema, field: GraphQLField) -> str:
    """Return what is asked of a field's type: its columns, or an id."""
    kind = get_named_type(field.type)
    if not hasattr(kind, "fields"):
        return "{ __typename }" if hasattr(kind, "types") else ""
    if "pageInfo" in kind.fields:
        node = get_named_type(kind.fields["nodes"].type)
        return f"{{ nodes {{ {_columns(node)} }} pageInfo {{ endCursor }} }}"
    return f"{{ {_columns(kind)} }}"


def _columns(kind: Any) -> str:
    leaves = [
        name for name, field in kind.fields.items() if not hasattr(get_named_type(field.type), "fields")
        and not hasattr(get_named_type(field.type), "types") and not field.args
    ]  # fmt: skip
    return " ".join(["__typename", *leaves])


def fields_of(schema: GraphQLSchema, kind: GraphQLObjectType) -> Iterator[tuple[str, str]]:
    """Yield selections of a type: its columns, each field of an object type, each connection by every argument."""
    yield "columns", _columns(kind)
    for name, field in kind.fields.items():
        of = get_named_type(field.type)
        if (not hasattr(of, "fields") and not hasattr(of, "types")) or _needs(field):
            continue
        inside = _selection(schema, field)
        given = "(first: 3)" if "first" in field.args else ""
        yield name, f"{name}{given} {inside}"
        for argument, declared in field.args.items():
            value = _argument(argument, declared.type)
            if argument not in ("first", "after") and value is not None:
                yield f"{name}({argument})", f"{name}(first: 3, {argument}: {value}) {inside}"


def _needs(field: GraphQLField) -> bool:
    """Say whether a field has an argument that must be given."""
    return any(str(one.type).endswith("!") and one.default_value is None for one in field.args.values())


def documents(schema: GraphQLSchema) -> Iterator[tuple[str, str, str]]:
    """Yield for every declared type and everything it shows: its name, the field, and a document with ``$id``."""
    for name in [
        name for name in REGISTRY if name in schema.type_map
    ]:  # others are of packages that other tests have loaded
        for label, selection in fields_of(schema, schema.type_map[name]):  # type: ignore[arg-type]
            yield name, label, f"query($id: ID!) {{ node(id: $id) {{ ... on {name} {{ {selection} }} }} }}"


def roots(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield documents of the root fields and the standard workloads."""
    code, district = world.demo.places["compound"].code, world.demo.places["district"].code
    yield "W1", workloads.W1, {"code": code}
    yield "W2", workloads.W2, {"code": code}
    yield "W3", workloads.W3, {"code": district}
    yield "W4", f'{{ community(code: "{code}") {workloads.W4_WISHES} }}', {}
    yield "viewer", "{ viewer { person { name } roles { role community { code } permissions } } }", {}
    yield "changes", "{ changes(first: 5) { changes { type } } }", {}
    yield (
        "changes here",
        'query($code: ID!) { changes(after: "0", community: $code) { changes { type } } }',
        {"code": code},
    )
    yield "myNotices", "{ myNotices(first: 5, onDisplay: true) { nodes { title } } }", {}
    for key in ("district", "compound", "building"):
        for field in ("units", "residents"):
            document = f"query($code: ID!) {{ community(code: $code) {{ {field}(first: 5) {{ nodes {{ id }} }} }} }}"
            yield f"{field} of a {key}", document, {"code": world.demo.places[key].code}
    for label, text, most in (("code", "440604", 5), ("name", "示例", 2), ("inside", "花园", 5)):
        document = f"query($text: String!) {{ searchCommunities(text: $text, first: {most}) {{ code }} }}"
        yield f"search {label}", document, {"text": text}


async def _ids(world: World, schema: GraphQLSchema) -> dict[str, str]:
    """Return the global id of some row of every type that is declared here; the newest, as it has most behind it."""
    found = {}
    for name, declaration in REGISTRY.items():
        if name not in schema.type_map:  # of a package that other tests have loaded
            continue
        key = await world.kernel.database.value(
            f"SELECT {declaration.key} FROM {declaration.table} ORDER BY 1 DESC LIMIT 1"
        )
        if key is not None:
            found[name] = global_id(name, key)
    return found


async def _read_everything(world: World, spy: Spy) -> dict[str, tuple[tuple[Any, ...], str]]:
    """Ask everything as everybody, twice over, as an engine may compile at the second time; returns what was sent."""
    schema = build_schema(SDL)
    ids = await _ids(world, schema)
    sent: dict[str, tuple[tuple[Any, ...], str]] = {}
    asked = [(name, label, document, {"id": ids[name]}) for name, label, document in documents(schema) if name in ids]
    asked += [("Query", label, document, variables) for label, document, variables in roots(world)]
    for viewer in VIEWERS:
        for name, label, document, variables in asked:
            with spy.listening() as heard:
                for _ in range(2):
                    answer = await world.gql(document, variables, as_=viewer)
                await _next_page(world, document, variables, answer.body, viewer)
            assert answer.status == 200, answer.body
            for sql, args in heard.items():
                sent.setdefault(sql, (args, f"{name}.{label} as {viewer}"))
    return sent


async def _next_page(world: World, document: str, variables: Mapping[str, Any], body: Any, viewer: str | None) -> None:
    """Ask the same connection once more, behind what the first page ended with."""
    node = (body.get("data") or {}).get("node") or {}
    for value in node.values():
        cursor = value.get("pageInfo", {}).get("endCursor") if isinstance(value, dict) else None
        if cursor is not None:
            await world.gql(document.replace("(first: 3", f'(first: 3, after: "{cursor}"'), dict(variables), as_=viewer)


KNOWN: tuple[str, ...] = (
    "Election.meetings",  # sorts the meetings of one committee
    "Community.matters(below)",  # sorts fewer than MANY matters (schema/types.py); of more it goes through the newest
    "Query.units of a district",  # sorts the units of all compounds below
    "Query.residents",  # sorts the residents of all stairwells below
    "Query.search inside",  # reads the names of all places
)
"""What sorts, or reads a table whole: bounded by what lies below one place, by the tree of places, or by a number."""


def _tables_of(sql: str) -> set[str]:
    """Return the tables of plugins and kernel that a statement names."""
    return set(re.findall(r"\b(?:FROM|JOIN) ((?:core|register|voting|notices|wishes|rating|book_drifting)_\w+)", sql))


def _unknown(faults: list[tuple[str, str, str]]) -> list[tuple[str, str, str]]:
    return [fault for fault in faults if not fault[1].startswith(KNOWN)]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_sqlite_finds_what_is_asked_by_an_index(full: World, spy: Spy, tmp_path: Path) -> None:
    """Nothing is scanned or sorted whole by the planner as it is: the server makes no statistics."""
    sent = await _read_everything(full, spy)
    path = full.kernel.database.url.removeprefix("sqlite://")
    with closing(sqlite3.connect(path)) as plain:
        tables = {row[0] for row in plain.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        ours = {
            sql: where for sql, (_, where) in sent.items() if _tables_of(sql) <= tables
        }  # other tests' servers aside
        faults = [(fault, where, sql) for sql, where in ours.items() for fault in sqlite_faults(plain, sql)]
    assert len(sent) > 200
    assert not _unknown(faults), told(_unknown(faults))


@pytest.mark.postgres
@pytest.mark.timeout(600)
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_postgres_has_an_index_for_whatever_is_asked(full: World, spy: Spy) -> None:
    """Where it scans a table though it should not, no index serves. Which one it takes of many rows, few cannot show."""
    sent = await _read_everything(full, spy)
    connection = await asyncpg.connect(full.kernel.database.url)
    try:
        await connection.execute("SET enable_seqscan = off")
        plans = [(where, sql, await explain_postgres(connection, sql, args)) for sql, (args, where) in sent.items()]
    finally:
        await connection.close()
    faults = [(fault, where, sql) for where, sql, plan in plans for fault in postgres_scans(plan)]
    assert len(sent) > 200
    assert not _unknown(faults), told(_unknown(faults))
