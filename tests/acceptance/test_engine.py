"""The engine through the front door: which strategy documents take, and that no deed is done twice."""

from __future__ import annotations

from typing import Any

import pytest

from bench import workloads
from tests.conftest import World

DISTRICT = "440604000000"
COMMUNITY = "440604010001"


async def taken(world: World) -> dict[str, int]:
    """Return how many operations took which strategy so far."""
    answer = await world.client.get("/readyz")
    counts: dict[str, int] = answer.json()["engine"]
    return counts


async def strategy(world: World, document: str, variables: dict[str, Any] | None = None, **more: Any) -> str:
    """Ask once; return the one strategy that it took."""
    before = await taken(world)
    (await world.gql(document, variables, **more)).data  # noqa: B018 - fails the test when there are errors
    after = await taken(world)
    [found] = [name for name, count in after.items() if count != before.get(name, 0)]
    return found


async def test_each_standard_document_takes_its_strategy(world: World) -> None:
    """Pages of notices and wishes with their authors are written by SQL alone."""
    deep = "B" if world.kernel.database.dialect == "sqlite" else "A"  # SQLite's parser ends where W3's notices begin
    assert await strategy(world, "{__typename}") == "A"
    assert await strategy(world, workloads.W1, {"code": COMMUNITY}) == "A"
    assert await strategy(world, workloads.W2, {"code": COMMUNITY}) == "A"
    assert await strategy(world, workloads.W3, {"code": DISTRICT}, as_="district") == deep
    document = f'{{ community(code: "{COMMUNITY}") {workloads.W4_WISHES} }}'
    assert await strategy(world, document, as_="staff") == "A"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ("{ viewer { language } }", "C"),
        (f'{{ community(code: "{DISTRICT}") {{ descendants(first: 2) {{ nodes {{ name }} }} }} }}', "C"),
        ('{ __type(name: "Community") { name } }', "stock"),
    ],
)
async def test_resolvers_run_above_compiled_reads_and_introspection_stays_with_graphql_core(
    world: World, document: str, expected: str
) -> None:
    """What only Python knows is C; what is about the schema is not the engine's."""
    assert await strategy(world, document) == expected


async def test_depth_is_no_reason_to_leave_the_engine(world: World) -> None:
    """What is too deep for SQLite's parser is read a level later."""
    inner = "name"
    for _ in range(4):
        inner = f"name parent {{ code children(first: 1) {{ nodes {{ {inner} }} }} }}"
    document = f'{{ community(code: "{COMMUNITY}") {{ {inner} }} }}'
    assert await strategy(world, document) in ("A", "B")


async def test_a_field_of_a_plugin_that_is_off_is_an_error_where_it_stands(world: World) -> None:
    """SQL marks the place, and graphql-core finds the exact error; the plan made before the switch is not used after."""
    code = world.demo.places["compound"].code
    document = f'{{ community(code: "{code}") {{ name wishes(first: 1) {{ nodes {{ id }} }} }} }}'
    assert await strategy(world, document) == "A"
    await world.do("disablePlugin", {"community": code, "plugin": "wishes"}, as_="staff")
    before = await taken(world)
    answer = await world.gql(document)
    assert [(e["path"], e["extensions"]["code"]) for e in answer.errors] == [
        (["community", "wishes"], "PLUGIN_DISABLED")
    ]
    assert (await taken(world))["again"] == before.get("again", 0) + 1


async def test_a_deed_is_done_once_even_when_its_answer_needs_graphql_core(world: World) -> None:
    """The answer of a mutation is made again, what it did is not."""
    code = world.demo.places["compound"].code
    await world.do("disablePlugin", {"community": code, "plugin": "wishes"}, as_="staff")
    draft = {
        "community": code,
        "kind": "GENERAL",
        "title": "停水通知",
        "body": "明日停水。",
        "issuer": "示例花园01业主委员会",
    }
    document = (
        "mutation($input: DraftNoticeInput!) { draftNotice(input: $input) { __typename ... on UserError { code message } "
        "... on Notice { title community { wishes(first: 1) { nodes { id } } } } } }"
    )
    mine = f'{{ community(code: "{code}") {{ notices(first: 10) {{ totalCount }} }} }}'
    count = (await world.gql(mine, as_="chair")).data["community"]["notices"]["totalCount"]
    before = (await taken(world)).get("again", 0)
    answer = await world.gql(document, {"input": draft}, as_="chair")
    assert answer.errors[0]["extensions"]["code"] == "PLUGIN_DISABLED"
    assert (await taken(world))["again"] == before + 1
    assert (await world.gql(mine, as_="chair")).data["community"]["notices"]["totalCount"] == count + 1
