"""What documents can ask about: ids, codes and cursors that the rich world really holds."""

from __future__ import annotations

from typing import Any

from graphql import GraphQLObjectType, GraphQLSchema, get_named_type

from core.ids import global_id
from schema.compose import profiles_of
from schema.declared import REGISTRY
from tests.conftest import World
from tests.differential.twin import Ask, Twins
from tests.differential.values import Pools

IDS_PER_TYPE = 6
CURSORS_PER_FIELD = 6
SEES_MUCH = ("staff", "owner", "resident", "chair", "auditor")
PLACES = ("compound",) * 8 + ("community", "stairwell", "building", "town", "elsewhere", "village", "closed")


def superset_of(world: World) -> GraphQLSchema:
    """Return the schema of all plugins."""
    return profiles_of(world.kernel.host, suggestions=True).superset()._schema


async def gather(twins: Twins) -> Pools:
    """Look up what there is; the same number of everything in every run, so that a run can be repeated."""
    world = twins.world
    ids = {name: await _ids(world, name) for name in sorted(REGISTRY)}
    pools = Pools(ids={name: keys for name, keys in ids.items() if keys})
    places = [world.demo.places[name].code for name in PLACES]
    pools.codes = [*places, world.demo.compounds[1].code]
    pools.texts = {
        "kind": ("NOTICE", "POLL", "WISH", "RATING", "VOTER_ROLL", "BOOK"),
        "role": ("resident", "owner", "community_staff", "committee_chair"),
        "label": tuple(row[0] for row in await world.kernel.database.fetch("SELECT label FROM register_unit ORDER BY id LIMIT 4")),
        "title": ("西游记",),
        "deed": ("core.disable_plugin", "notices.draft_notice", "voting.draft_poll", "wishes.open_wish", "core.nothing"),
    }  # fmt: skip
    schema = superset_of(world)
    found: dict[tuple[str, str], list[str]] = {}
    for name, type_ in schema.type_map.items():
        if isinstance(type_, GraphQLObjectType) and (name in pools.ids or name == "Query"):
            for field in _connections(type_):
                found[name, field] = await _cursors(twins, pools, name, field)
    for field in _connections(schema.type_map["Matter"]):
        found["Matter", field] = sorted({c for (_, f), cursors in found.items() if f == field for c in cursors})[
            :CURSORS_PER_FIELD
        ]
    pools.cursors = {key: cursors for key, cursors in found.items() if cursors}
    return pools


async def _ids(world: World, name: str) -> list[str]:
    """Return ids of one type: of matters some in every state, of others the first and the last."""
    declaration, fetch = REGISTRY[name], world.kernel.database.fetch
    if declaration.matter is not None:
        rows = await fetch(
            "SELECT MIN(id), MAX(id) FROM core_matter WHERE kind = ? AND plugin = ? GROUP BY state ORDER BY state",
            (declaration.matter.kind, declaration.matter.plugin),
        )
        keys = [key for row in rows for key in (row[0], row[1])]
    else:
        rows = await fetch(f"SELECT {declaration.key} FROM {declaration.table} ORDER BY {declaration.key}")
        keys = [row[0] for row in (*rows[: IDS_PER_TYPE // 2], *rows[-IDS_PER_TYPE // 2 :])]
    return [global_id(name, key) for key in dict.fromkeys(keys)]


def _connections(type_: Any) -> list[str]:
    return [
        n for n, f in type_.fields.items() if "after" in f.args and get_named_type(f.type).name.endswith("Connection")
    ]


async def _cursors(twins: Twins, pools: Pools, type_name: str, field: str) -> list[str]:
    """Return cursors that a connection gives, to whoever sees some."""
    asked = f"{field}(first: 20) {{ edges {{ cursor }} }}"
    text = (
        f"{{ {asked} }}"
        if type_name == "Query"
        else (f"query($ids: [ID!]!) {{ nodes(ids: $ids) {{ ... on {type_name} {{ {asked} }} }} }}")
    )
    ids = pools.ids.get(type_name, ())
    if type_name == "Community":
        ids = [global_id(type_name, twins.world.demo.places[place].id) for place in PLACES]
    found: set[str] = set()
    for viewer in SEES_MUCH:
        found |= await twins.cursors(Ask(text, {} if type_name == "Query" else {"ids": list(ids)}, viewer=viewer))
    ordered = sorted(found)
    step = max(1, len(ordered) // CURSORS_PER_FIELD)
    return ordered[::step][:CURSORS_PER_FIELD]
