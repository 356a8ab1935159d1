"""Who may do what, as it comes out over HTTP: the table that ``matrix.csv`` keeps for review.

    make matrix        # write matrix.csv anew, in some minutes; review its diff like code

A row is an operation, a column an actor. Beside offices and memberships there are ``owner``, who has two units,
``proxy``, who may vote for one of the owners, and ``former``, who lives in a place that was closed; all but a few once more
with the appointment over, once with the account suspended, and once with the account closed, each of whom is told of in the
tests. Rows of types are told apart by scope: own stairwell, same building, same compound, sibling compound, closed place,
village, other town.

- ``node`` and ``list``: how many rows of a type at a place the actor gets, one by one or counted by a list
- ``field``: of how many rows the actor is shown what a field keeps from some
- ``file``: how many files the actor downloads by the addresses that they are given
- ``deed``: ``+`` (authorised: it was done, or refused for its state or input alone), ``-`` (not for this actor),
  ``closed`` (the place is), ``off`` (the plugin is, there)
- ``follow``: how many values a subscription gives, how many polls may be followed
- ``session``: of one as the actor is whose appointment or account has ended: how many rows are seen, or ``ended``

``follow`` is asked over graphql-transport-ws alone; rows marked ``ws`` are asked over HTTP and over it, and come out alike.
"""

from __future__ import annotations

import csv
import io
import shutil
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from graphql import GraphQLNonNull, GraphQLObjectType, GraphQLSchema, get_named_type, is_required_argument

from core import people
from core.demo import DemoWorld
from core.host import Host, PluginList
from core.ids import global_id
from schema.compose import profiles_of
from schema.declared import REGISTRY
from tests.acceptance.test_stranger import REFUSALS, SESSIONS, Inputs
from tests.conftest import World, copy_of, filled_for, opened
from tests.differential import rich_world
from tests.security import matrix_world, sockets

FILE = Path(__file__).with_name("matrix.csv")
PLUGINS = PluginList(installed=frozenset({"book_drifting"}))

# Who acts, in which role, at which place; told here, not asked of the code. ``nobody`` is signed in without any role.
ACTORS: Mapping[str, tuple[str, str] | None] = {
    "anonymous": None, "nobody": None,
    "resident": ("resident", "stairwell"), "tenant": ("tenant", "stairwell"),
    "owner": ("owner", "stairwell"), "owner2": ("owner", "stairwell"), "proxy": ("tenant", "stairwell"),
    "captain": ("building_captain", "building"), "member": ("committee_member", "compound"),
    "chair": ("committee_chair", "compound"), "scrutineer": ("scrutineer", "compound"),
    "property": ("property_staff", "compound"), "secretary": ("branch_secretary", "compound"),
    "staff": ("community_staff", "community"), "town": ("town_staff", "town"), "district": ("district_staff", "district"),
    "auditor": ("auditor", "district"), "sysadmin": ("system_admin", "district"), "secadmin": ("security_admin", "district"),
    "audadmin": ("audit_admin", "district"),
    # the same offices at a sibling compound, in another village, in another town
    "neighbour": ("resident", "second"), "chair2": ("committee_chair", "second"), "property2": ("property_staff", "second"),
    "village": ("community_staff", "village"), "farstaff": ("community_staff", "elsewhere"),
    "fartown": ("town_staff", "othertown"), "stranger": ("resident", "elsewhere"), "former": ("resident", "closed"),
}  # fmt: skip
PLACES = ("compound", "second", "closed", "village", "elsewhere")
SCOPES = ("stairwell", "building", *PLACES)
"""Where rows lie, the narrowest first."""
ENDED = tuple(
    name for name, role in ACTORS.items() if role is not None and name not in ("neighbour", "stranger", "former")
)
OUTSIDE = (
    "anonymous",
    "nobody",
    "neighbour",
    "chair2",
    "property2",
    "village",
    "farstaff",
    "fartown",
    "stranger",
    "former",
)
"""People without any right in the compound: some hold the same offices next door."""

# Of a sample of rows the same is asked over WebSocket: reads of every kind of rule, deeds of every kind of right.
OVER_SOCKETS = (
    *(f"node {name}@compound" for name in ("Notice", "Owner", "Poll", "Wish", "PaperSlip", "VoterRoll", "MyRating")),
    "node Account", "node TraceRecord", "node Wish@second", "field Owner.phone@compound", "field Person.name",
    "field Wish.address@compound", "list matters@compound", "list securityEvents", "list units@compound", "list changes",
    *(f"deed {name}" for name in ("castBallot", "claimWish", "correctUnitArea", "endAppointment", "exportBallots",
                                  "postNotice", "suspendAccount")),
)  # fmt: skip


@dataclass
class Stage:
    """The filled database, to be opened again and again, and who holds which token."""

    url: str
    people: DemoWorld
    now: datetime
    tokens: dict[str, str | None] = field(default_factory=dict)
    folder: Path = Path()
    files: Path = Path()
    number: int = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[World]:
        """Serve a copy of it."""
        self.number += 1
        folder = self.folder / str(self.number)
        folder.mkdir()
        shutil.copytree(self.files, folder / "files")
        async with opened(await copy_of(self.url, folder), folder, PLUGINS, self.people, self.now) as world:
            yield world


async def stage(template: dict[str, Any], folder: Path) -> Stage:
    """Fill a world, add who is missing from its cast, and sign everybody in; then end some appointments and accounts."""
    made, cast = await filled_for("sqlite", PLUGINS, template)
    filled = folder / "filled"
    filled.mkdir()
    url = await copy_of(made, filled)
    found = Stage(url, cast, datetime.now().astimezone(), folder=folder, files=filled / "files")
    async with opened(url, filled, PLUGINS, cast) as world:
        await rich_world.fill(world)
        await matrix_world.complete(world, ACTORS)
        for name in ACTORS:
            found.tokens[name] = None if name == "anonymous" else await world.token(name)
        for name in ENDED:
            await _over(world, name, found)
        found.tokens["gone"] = await matrix_world.gone(world)
        found.people, found.now = world.demo, world.clock.now()
    return found


async def _over(world: World, name: str, found: Stage) -> None:
    """Add one whose appointment is over, and one whose account is suspended, both once as ``name`` is."""
    role, place = ACTORS[name]  # type: ignore[misc]
    for how in ("expired", "suspended"):
        who = f"{how}_{name}"
        await world.person(who, role, world.demo.places[place])
        found.tokens[who] = await world.token(who)
    await matrix_world.end_all(world, f"expired_{name}")
    account = await world.kernel.database.value(
        "SELECT id FROM core_account WHERE person_id = ?", (world.demo.people[f"suspended_{name}"],)
    )
    await world.demo.perform(people.suspend_account, community=world.demo.places[place].code, account_id=account)


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
    paths = {world.demo.places[place].path: place for place in SCOPES}
    found: dict[str, list[int]] = {}
    for row in rows:
        place = next((label for at, label in paths.items() if (row["path"] or "").startswith(at)), "")
        found.setdefault(f"{name}@{place}" if place else name, []).append(row["pk"])
    return found


PUBLIC = ("Community", "Person", "Branch", "BranchService")
"""Types whose rows are everybody's; what their fields keep from some is told by ``field`` rows."""


def in_compound(placed: Mapping[str, list[int]], name: str) -> list[int]:
    """Return the keys of a type's rows in the compound and its buildings, as ``rows_at`` gave them."""
    return sorted(key for scope in ("stairwell", "building", "compound") for key in placed.get(f"{name}@{scope}", ()))


async def reads(
    world: World, tokens: Mapping[str, str | None], actors: Sequence[str], names: Collection[str] | None = None
) -> Table:
    """Count what each actor gets of every node type (or of some), by ``nodes``."""
    table: Table = {}
    for name in sorted(set(REGISTRY) - set(PUBLIC) if names is None else names):
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


@cache
def superset(host: Host) -> GraphQLSchema:
    """Return the schema with every plugin of a host."""
    return profiles_of(host, suggestions=False).superset()._schema


def connections(world: World, type_name: str) -> list[str]:
    """Return the fields of a type that are lists with a count and need no argument."""
    named = superset(world.kernel.host).type_map[type_name]
    assert isinstance(named, GraphQLObjectType)
    return [
        name for name, found in named.fields.items() if get_named_type(found.type).name.endswith("Connection")
        and not any(is_required_argument(one) for one in found.args.values())
    ]  # fmt: skip


async def lists(world: World, tokens: Mapping[str, str | None], actors: Sequence[str]) -> Table:
    """Tell the total of every list of a place, of every list at the root, and of the feed."""
    table: Table = {}
    public = {"children", "descendants", "branches"}
    at_root = sorted(connections(world, "Query"))
    of_place = sorted(set(connections(world, "Community")) - public)
    for actor in actors:
        answer = await ask(world, tokens[actor], "{ " + " ".join(f"{name} {{ totalCount }}" for name in at_root) + " }")
        for name in at_root:
            table.setdefault(f"list {name}", {})[actor] = str(answer["data"][name]["totalCount"])
        table.setdefault("list changes", {})[actor] = str(await changes(world, tokens[actor]))
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


async def changes(world: World, token: str | None) -> int:
    """Count all that the feed shows somebody, from its beginning."""
    count, after, more = 0, "0", True
    while more:
        query = "query($a: String) { changes(after: $a, first: 100) { cursor more changes { type } } }"
        page = (await ask(world, token, query, a=after))["data"]["changes"]
        count, after, more = count + len(page["changes"]), page["cursor"], page["more"]
    return count


# What is kept from some who see the row, with the selection that shows it; the name of a row is that of the first field.
FIELDS: Mapping[str, tuple[str, ...]] = {
    "BookDriftingBook": ("loanCount",),
    "ElectionCandidate": ("ground", "citation", "finding", "answer", "appeal", "appealAnswer"),
    "Notice": ("body",),
    "NoticeVersion": ("body",),
    "Owner": ("name", "phone", "document", "ownerships { totalCount }"),
    "Person": ("name",),
    "Proxy": ("marks",),
    "Resident": ("personName", "phone"),
    "RollCorrection": ("reason",),
    "ServiceRating": ("result { answered }", "reasons", "myRating { id }"),
    "Unit": ("ownerships { totalCount }", "residents { totalCount }"),
    "VoterRoll": ("entries { totalCount }", "struckEntries { totalCount }", "viewerEntries { totalCount }"),
    "Wish": ("isForMinor", "screeningNote", "satisfaction", "thanks", "address", "author { id }"),
    "WishClaim": ("contact",),
}


def is_shown(value: Any) -> bool:
    """Say whether a field gave something that is not masked: no null, nothing empty, no mask's asterisk."""
    if isinstance(value, dict):
        return any(is_shown(part) for part in value.values())
    return bool(value) and not (isinstance(value, str) and ("*" in value or value == "0"))


async def fields(
    world: World, tokens: Mapping[str, str | None], actors: Sequence[str], names: Collection[str] = tuple(FIELDS)
) -> Table:
    """Count of how many rows each actor is shown what a field keeps from some."""
    table: Table = {}
    for name in sorted(names):
        asked = " ".join(f"f{number}: {selection}" for number, selection in enumerate(FIELDS[name]))
        query = f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {name} {{ {asked} }} }} }}"
        for label, keys in sorted((await rows_at(world, name)).items()):
            ids = [global_id(name, key) for key in keys]
            scope = label.removeprefix(name)
            for actor in actors:
                shown = await _shown(world, tokens[actor], query, ids)
                for number, selection in enumerate(FIELDS[name]):
                    row = table.setdefault(f"field {name}.{selection.split()[0]}{scope}", {"of": str(len(keys))})
                    row[actor] = str(shown[f"f{number}"])
    return table


async def _shown(world: World, token: str | None, query: str, ids: list[str]) -> Counter[str]:
    found: Counter[str] = Counter()
    for start in range(0, len(ids), 50):
        answer = await ask(world, token, query, ids=ids[start : start + 50])
        found.update(key for node in answer["data"]["nodes"] if node for key, value in node.items() if is_shown(value))
    return found


async def files(world: World, tokens: Mapping[str, str | None], actors: Sequence[str]) -> Table:
    """Count the files that each actor downloads by the addresses that they are given."""
    ids = [global_id("Attachment", key) for keys in (await rows_at(world, "Attachment")).values() for key in keys]
    row = {"of": str(len(ids))}
    for actor in actors:
        row[actor] = str(len(await downloads(world, await addresses(world, tokens[actor], ids))))
    return {"file Attachment": row}


async def addresses(world: World, token: str | None, ids: Sequence[str]) -> list[str]:
    """Return the addresses of files that somebody is given."""
    answer = await ask(world, token, "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Attachment { url } } }", ids=ids)
    return [node["url"] for node in answer["data"]["nodes"] if node and node["url"]]


async def downloads(world: World, paths: Sequence[str]) -> list[str]:
    """Return the addresses that give a file now."""
    return [path for path in paths if (await world.client.get(path)).status_code == 200]


# --- deeds ------------------------------------------------------------------------------------------------------------


async def inputs(world: World) -> Inputs:
    """Gather an object of every type in the compound, of matters one in every state; a number of nothing where there is none."""
    keys: dict[str, list[int]] = {}
    for name, declaration in REGISTRY.items():
        if declaration.matter is not None:
            rows = await world.kernel.database.fetch(
                "SELECT MIN(id) AS id FROM core_matter WHERE kind = ? AND path LIKE ? GROUP BY state ORDER BY state",
                (declaration.matter.kind, world.demo.places["compound"].path + "%"),
            )
            keys[name] = [row["id"] for row in rows] or [0]
        else:
            placed = await rows_at(world, name)
            keys[name] = in_compound(placed, name) or next(iter(placed.values()), [0])
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
    mutations = superset(world.kernel.host).mutation_type
    assert mutations is not None
    found = {}
    for name, made in sorted(mutations.fields.items()):
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


async def deed_row(made: Stage, name: str, actors: Sequence[str]) -> dict[str, str]:
    """Try a deed as every actor, with an object in every state; ``+`` when any try was authorised."""
    async with made.open() as world:
        return {actor: await deed_cell(world, made.tokens[actor], name) for actor in actors}


async def deed_cell(world: World, token: str | None, name: str) -> str:
    """Try a deed as somebody, with an object in every state, until one try is authorised."""
    text, taken = documents(world)[name]
    for given in [needed(taken, given) for given in (await inputs(world)).of(taken)]:
        if (await answers(world, token, text, name, given))["__typename"] not in REFUSALS:
            return "+"
    return "-"


ELSEWHERE = (
    *(f"{name}@closed" for name in ("addUnit", "draftNotice", "openRating", "openWish", "prepareRoll")),
    "draftPoll@second", "openRating@second", "openWish@second",
)  # fmt: skip
"""Deeds that are tried at a closed place, and where their plugin is off, too."""
CLOSED = {"core.place_closed": "closed", "core.plugin_disabled": "off"}


async def elsewhere(world: World, tokens: Mapping[str, str | None], actors: Sequence[str]) -> Table:
    """Try deeds at a place that is closed, and where their plugin is off."""
    table: Table = {}
    for deed in ELSEWHERE:
        for actor in actors:
            table.setdefault(f"deed {deed}", {})[actor] = await elsewhere_cell(world, tokens[actor], deed)
    return table


async def elsewhere_cell(world: World, token: str | None, deed: str) -> str:
    """Try a deed at another place, ``name@place``."""
    name, _, place = deed.partition("@")
    text, taken = documents(world)[name]
    given = {**needed(taken, next(iter((await inputs(world)).of(taken)))), "community": world.demo.places[place].code}
    found = await answers(world, token, text, name, given)
    return CLOSED.get(found.get("code", ""), "-" if found["__typename"] in REFUSALS else "+")


KINDS_SEEN = ("Notice", "Owner", "Poll", "TraceRecord", "Unit", "VoterRoll", "Wish")


async def session_rows(world: World, tokens: Mapping[str, str | None], actors: Sequence[str]) -> Table:
    """Tell what becomes of those whose appointment is over, and of those whose account is suspended or closed."""
    table: Table = {"session gone": {"owner": await session_cell(world, tokens["gone"])}}
    for how in ("expired", "suspended"):
        table[f"session {how}"] = {
            actor: await session_cell(world, tokens[f"{how}_{actor}"]) for actor in actors if actor in ENDED
        }
    return table


async def session_cell(world: World, token: str | None) -> str:
    """Count how many rows of some types somebody sees; ``ended`` when the session is."""
    answer = await ask(world, token, "{ viewer { language } }")
    if "errors" in answer:
        return "ended" if answer["errors"][0]["extensions"]["problem"] == "core.session_ended" else "error"
    ids = [
        global_id(name, key) for name in KINDS_SEEN for keys in (await rows_at(world, name)).values() for key in keys
    ]
    return str(len(await seen(world, token, ids)))


# --- the file ---------------------------------------------------------------------------------------------------------


def write(table: Table) -> str:
    """Write a table as CSV: operations down, actors across."""
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(["operation", "over", "of", *ACTORS])
    for name in sorted(table):
        over = "ws" if name.startswith("follow ") else "http, ws" if name in OVER_SOCKETS else "http"
        lines.writerow([name, over, table[name].get("of", ""), *(table[name].get(actor, "") for actor in ACTORS)])
    return out.getvalue()


def read() -> Table:
    """Read the table that was reviewed."""
    with FILE.open(encoding="utf-8", newline="") as file:
        rows = {row.pop("operation"): row for row in csv.DictReader(file)}
    return {
        name: {key: cell for key, cell in row.items() if key != "over" and cell != ""} for name, row in rows.items()
    }


async def read_rows(world: World, tokens: Mapping[str, str | None], actors: Sequence[str]) -> Table:
    """Work out all rows that change nothing but the log of who looked, which is counted first."""
    return {
        **await reads(world, tokens, actors),
        **await lists(world, tokens, actors),
        **await fields(world, tokens, actors),
        **await files(world, tokens, actors),
        **await elsewhere(world, tokens, actors),
        **await session_rows(world, tokens, actors),
    }


async def whole(made: Stage) -> Table:
    """Work out the whole table."""
    actors = tuple(ACTORS)
    async with made.open() as world:
        table = await read_rows(world, made.tokens, actors)
        names = list(documents(world))
    async with made.open() as world:
        table |= await sockets.follow_rows(world, made.tokens, actors)
    for name in names:
        table[f"deed {name}"] = await deed_row(made, name, actors)
    return table
