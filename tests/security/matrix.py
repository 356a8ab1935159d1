"""Who may do what, as it comes out over HTTP: the table that ``matrix.csv`` keeps for review.

    make matrix        # write matrix.csv anew, in some minutes; review its diff like code

A row is an operation, a column an actor. Reads tell how many rows of a type at a place the actor gets; deeds tell ``+``
(authorised: it was done, or refused for its state or input alone) or ``-`` (not for this actor).
"""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from graphql import GraphQLNonNull, GraphQLObjectType, get_named_type, is_required_argument

from core import people
from core.demo import DemoWorld
from core.host import PluginList
from core.ids import global_id
from schema.compose import profiles_of
from schema.declared import REGISTRY
from tests.acceptance.test_stranger import REFUSALS, SESSIONS, Inputs
from tests.conftest import World, copy_of, filled_for, opened
from tests.differential import rich_world

FILE = Path(__file__).with_name("matrix.csv")
PLUGINS = PluginList(installed=frozenset({"book_drifting"}))

# Who acts, in which role, at which place; told here, not asked of the code. ``nobody`` is signed in without any role.
ACTORS: Mapping[str, tuple[str, str] | None] = {
    "anonymous": None, "nobody": None,
    "resident": ("resident", "stairwell"), "tenant": ("tenant", "stairwell"),
    "owner": ("owner", "stairwell"), "owner2": ("owner", "stairwell"),
    "captain": ("building_captain", "building"), "member": ("committee_member", "compound"),
    "chair": ("committee_chair", "compound"), "scrutineer": ("scrutineer", "compound"),
    "property": ("property_staff", "compound"), "secretary": ("branch_secretary", "compound"),
    "staff": ("community_staff", "community"), "town": ("town_staff", "town"), "district": ("district_staff", "district"),
    "auditor": ("auditor", "district"), "sysadmin": ("system_admin", "district"), "secadmin": ("security_admin", "district"),
    "audadmin": ("audit_admin", "district"),
    # the same offices at a sibling compound, in another village, in another town
    "neighbour": ("resident", "second"), "chair2": ("committee_chair", "second"), "property2": ("property_staff", "second"),
    "village": ("community_staff", "village"), "farstaff": ("community_staff", "elsewhere"),
    "fartown": ("town_staff", "othertown"), "stranger": ("resident", "elsewhere"),
}  # fmt: skip
PLACES = ("compound", "second", "closed", "village", "elsewhere")
ENDED = tuple(name for name, role in ACTORS.items() if role is not None and name not in ("neighbour", "stranger"))


@dataclass
class Stage:
    """The filled database, to be opened again and again, and who holds which token."""

    url: str
    people: DemoWorld
    now: datetime
    tokens: dict[str, str | None] = field(default_factory=dict)
    folder: Path = Path()
    number: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[World]:
        """Serve a copy of it."""
        self.number += 1
        folder = self.folder / str(self.number)
        folder.mkdir()
        async with opened(await copy_of(self.url, folder), folder, PLUGINS, self.people, self.now) as world:
            yield world


async def stage(template: dict[str, Any], folder: Path) -> Stage:
    """Fill a world, add who is missing from its cast, and sign everybody in; then end some appointments and accounts."""
    made, cast = await filled_for("sqlite", PLUGINS, template)
    filled = folder / "filled"
    filled.mkdir()
    url = await copy_of(made, filled)
    found = Stage(url, cast, datetime.now().astimezone(), folder=folder)
    async with opened(url, filled, PLUGINS, cast) as world:
        await rich_world.fill(world)
        await _complete(world)
        for name in ACTORS:
            found.tokens[name] = None if name == "anonymous" else await world.token(name)
        for name in ENDED:
            await _over(world, name, found)
        found.people, found.now = world.demo, world.clock.now()
    return found


async def _complete(world: World) -> None:
    places = world.demo.places
    places["second"] = world.demo.compounds[1]
    places["othertown"] = await world.demo.place("440604011000")
    for name, given in ACTORS.items():
        if given is not None and name not in world.demo.people:
            await world.person(name, given[0], places[given[1]])
    await world.person("nobody", "resident", places["elsewhere"])
    await _end_all(world, "nobody")


async def _over(world: World, name: str, found: Stage) -> None:
    """Add one whose appointment is over, and one whose account is suspended, both once as ``name`` is."""
    role, place = ACTORS[name]  # type: ignore[misc]
    for how in ("expired", "suspended"):
        who = f"{how}_{name}"
        await world.person(who, role, world.demo.places[place])
        found.tokens[who] = await world.token(who)
    await _end_all(world, f"expired_{name}")
    account = await world.kernel.database.value(
        "SELECT id FROM core_account WHERE person_id = ?", (world.demo.people[f"suspended_{name}"],)
    )
    await world.demo.perform(people.suspend_account, community=world.demo.places[place].code, account_id=account)


async def _end_all(world: World, who: str) -> None:
    rows = await world.kernel.database.fetch(
        "SELECT id FROM core_appointment WHERE person_id = ? AND until IS NULL", (world.demo.people[who],)
    )
    for row in rows:
        await world.demo.perform(people.end_appointment, id=row["id"])


# --- asking -----------------------------------------------------------------------------------------------------------


async def ask(world: World, token: str | None, query: str, **variables: Any) -> dict[str, Any]:
    """Send a document under a token over HTTP."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    answer = await world.client.post("/graphql", json={"query": query, "variables": variables}, headers=headers)
    found: dict[str, Any] = answer.json()
    return found


Table = dict[str, dict[str, str]]


async def rows_at(world: World, name: str) -> dict[str, list[int]]:
    """Return the keys of a type's rows, by the place where they are."""
    declaration = REGISTRY[name]
    path = declaration.expand(declaration.path) if declaration.path else "''"
    rows = await world.kernel.database.fetch(
        f"SELECT {declaration.pk} AS pk, {path} AS path FROM {declaration.source} ORDER BY {declaration.pk}"
    )
    paths = {world.demo.places[place].path: place for place in PLACES}
    found: dict[str, list[int]] = {}
    for row in rows:
        place = next((label for at, label in paths.items() if (row["path"] or "").startswith(at)), "")
        found.setdefault(f"{name}@{place}" if place else name, []).append(row["pk"])
    return found


async def reads(world: World, tokens: Mapping[str, str | None], actors: tuple[str, ...]) -> Table:
    """Count what each actor gets of every node type, by ``nodes``."""
    table: Table = {}
    for name in sorted(REGISTRY):
        if name in ("Community", "Person", "Branch", "BranchService"):  # everybody's; their fields are masked
            continue
        for label, keys in sorted((await rows_at(world, name)).items()):
            table[f"node {label}"] = row = {"of": str(len(keys))}
            ids = [global_id(name, key) for key in keys]
            for actor in actors:
                row[actor] = str(len(await seen(world, tokens[actor], ids)))
    return table


async def seen(world: World, token: str | None, ids: list[str]) -> set[str]:
    """Return which objects somebody gets by their ids."""
    found: set[str] = set()
    for start in range(0, len(ids), 100):
        asked = ids[start : start + 100]
        answer = await ask(world, token, "query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=asked)
        found |= {node["id"] for node in answer["data"]["nodes"] if node}
    return found


def connections(world: World, type_name: str) -> list[str]:
    """Return the fields of a type that are lists with a count and need no argument."""
    schema = profiles_of(world.kernel.host, suggestions=False).superset()._schema
    named = schema.type_map[type_name]
    assert isinstance(named, GraphQLObjectType)
    return [
        name for name, found in named.fields.items() if get_named_type(found.type).name.endswith("Connection")
        and not any(is_required_argument(one) for one in found.args.values())
    ]  # fmt: skip


async def lists(world: World, tokens: Mapping[str, str | None], actors: tuple[str, ...]) -> Table:
    """Tell the total of every list of a place, and of every list at the root."""
    table: Table = {}
    public = {"children", "descendants", "branches"}
    at_root = sorted(connections(world, "Query"))
    of_place = sorted(set(connections(world, "Community")) - public)
    for actor in actors:
        answer = await ask(world, tokens[actor], "{ " + " ".join(f"{name} {{ totalCount }}" for name in at_root) + " }")
        for name in at_root:
            table.setdefault(f"list {name}", {})[actor] = str(answer["data"][name]["totalCount"])
        for place in PLACES:
            code = world.demo.places[place].code
            for name in of_place:
                query = f'{{ community(code: "{code}") {{ {name} {{ totalCount nodes {{ id }} }} }} }}'
                answer = await ask(world, tokens[actor], query)
                found = ((answer.get("data") or {}).get("community") or {}).get(name)
                table.setdefault(f"list {name}@{place}", {})[actor] = (
                    "off" if found is None else str(found["totalCount"])
                )
    return table


# --- deeds ------------------------------------------------------------------------------------------------------------


async def inputs(world: World) -> Inputs:
    """Gather an object of every type in the compound, of matters one in every state."""
    keys: dict[str, list[int]] = {}
    for name, declaration in REGISTRY.items():
        if declaration.matter is not None:
            rows = await world.kernel.database.fetch(
                "SELECT MIN(id) AS id FROM core_matter WHERE kind = ? AND path LIKE ? GROUP BY state ORDER BY state",
                (declaration.matter.kind, world.demo.places["compound"].path + "%"),
            )
            keys[name] = [row["id"] for row in rows]
        else:
            placed = await rows_at(world, name)
            keys[name] = placed.get(f"{name}@compound") or next(iter(placed.values()), [0])
    keys["Account"] = [await _key(world, "core_account", "property")]
    keys["Appointment"] = [await _key(world, "core_appointment", "property")]
    keys["Person"] = [world.demo.people["property"]]
    branch = await world.kernel.database.value("SELECT code FROM core_branch")
    return Inputs(world, keys, branch)


def needed(taken: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Leave out what may be left out, but a place; name a unit that there is."""
    kept = {
        key: value
        for key, value in given.items()
        if key == "community" or isinstance(taken.fields[key].type, GraphQLNonNull)
    }
    return {**kept, "unit": "0101"} if kept.get("unit") == "示例文字" else kept


async def _key(world: World, table: str, who: str) -> int:
    key: int = await world.kernel.database.value(
        f"SELECT MIN(id) FROM {table} WHERE person_id = ?", (world.demo.people[who],)
    )
    return key


def documents(world: World) -> dict[str, tuple[str, Any]]:
    """Return the document and the input type of every mutation that is a deed."""
    schema = profiles_of(world.kernel.host, suggestions=False).superset()._schema
    assert schema.mutation_type is not None
    found = {}
    for name, made in sorted(schema.mutation_type.fields.items()):
        if name not in SESSIONS:
            taken = get_named_type(made.args["input"].type)
            text = f"mutation($i: {taken}!) {{ {name}(input: $i) {{ __typename ... on UserError {{ code message path }} }} }}"
            found[name] = (text, taken)
    return found


async def answers(world: World, token: str | None, text: str, name: str, given: dict[str, Any]) -> dict[str, Any]:
    """Do a deed; returns the member of its union."""
    answer = await ask(world, token, text, i=given)
    if "data" not in answer or not answer["data"]:
        return {"__typename": "NotSignedIn", "errors": answer["errors"]}
    found: dict[str, Any] = answer["data"][name]
    return found


async def deed_row(made: Stage, name: str, actors: tuple[str, ...]) -> tuple[dict[str, str], Counter[str]]:
    """Try a deed as every actor, with an object in every state; ``+`` when any try was authorised."""
    row, told = dict.fromkeys(actors, "-"), Counter[str]()
    async with made.open() as world:
        text, taken = documents(world)[name]
        tries = [needed(taken, given) for given in (await inputs(world)).of(taken)]
        for actor in actors:
            for given in tries:
                found = await answers(world, made.tokens[actor], text, name, given)
                told[found["__typename"]] += 1
                if found["__typename"] not in REFUSALS:
                    row[actor] = "+"
                    break
    return row, told


# --- the file ---------------------------------------------------------------------------------------------------------


def write(table: Table) -> str:
    """Write a table as CSV: operations down, actors across."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["operation", "of", *ACTORS])
    for name in sorted(table):
        lines.writerow([name, table[name].get("of", ""), *(table[name].get(actor, "") for actor in ACTORS)])
    return out.getvalue()


def read() -> Table:
    """Read the table that was reviewed."""
    with FILE.open(encoding="utf-8", newline="") as file:
        return {row.pop("operation"): {k: v for k, v in row.items() if v != ""} for row in csv.DictReader(file)}


async def whole(made: Stage) -> Table:
    """Work out the whole table."""
    actors = tuple(ACTORS)
    async with made.open() as world:
        table = {**await reads(world, made.tokens, actors), **await lists(world, made.tokens, actors)}
        names = list(documents(world))
    for name in names:
        table[f"deed {name}"] = (await deed_row(made, name, actors))[0]
    return table
