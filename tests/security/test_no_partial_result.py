"""Before the close nobody learns a partial result: two worlds that differ only in what was voted answer alike."""

from __future__ import annotations

import json
import logging
import re
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.separated_world import drop, neighbours, survey
from tests.acceptance.voting_world import Entry, cast, make_roll, opened
from tests.conftest import World, copy_of, filled_for
from tests.conftest import opened as running

VOTERS, HAVE_VOTED = 30, 12
READERS = (None, "chair", "member", "staff", "town", "district", "scrutineer", "property", "captain", "secretary",
           "auditor", "sysadmin", "secadmin", "resident")  # fmt: skip
CHANCE = re.compile(r"\d{15,}|[0-9a-f]{32,}|[A-Za-z0-9_-]{43,}")
TYPE = """query($n: String!) { __type(name: $n) { fields { name args { name type { kind } }
  type { ...t ofType { ...t ofType { ...t ofType { ...t ofType { kind name } } } } } } } } fragment t on __Type { kind name }"""
PLACE = """query($c: ID!) { community(code: $c) { trace(first: 50) { totalCount nodes { deed body } }
  matters(first: 50) { nodes { title stateCode updatedAt } } notices { nodes { title body } } }
  changes(after: "0", community: $c, first: 100) { more changes { type payload } } }"""


async def fields_of(world: World, type_name: str, depth: int) -> str:
    """Write the selection of every field of a type that needs no argument, nested so deep."""
    answer = await world.gql(TYPE, {"n": type_name})
    found = []
    for field in answer.data["__type"]["fields"]:
        if any(argument["type"]["kind"] == "NON_NULL" for argument in field["args"]):
            continue
        kind, name = _named(field["type"])
        if kind in ("SCALAR", "ENUM"):
            found.append(field["name"])
        elif kind == "OBJECT" and depth and name not in ("Community", "Person"):
            found.append(f"{field['name']} {{ {await fields_of(world, name, depth - 1)} }}")
    return " ".join(found) or "__typename"


def _named(type_: dict[str, Any]) -> tuple[str, str]:
    while type_.get("ofType"):
        type_ = type_["ofType"]
    return type_["kind"], type_["name"]


def renamed(text: str) -> str:
    """Replace keys, hashes and salts, which are chance, by numbers in the order in which they appear."""
    seen: dict[str, str] = {}
    return CHANCE.sub(lambda found: seen.setdefault(found.group(), f"#{len(seen)}"), text)


async def told(world: World, choices: tuple[int, str], caplog: pytest.LogCaptureFixture) -> list[str]:
    """Let some vote, and return everything that anybody can read before the close, and what was logged."""
    await world.settle()
    names = await neighbours(world, VOTERS)
    await neighbours(world, 1, "tenant")
    roll = await make_roll(world, *(Entry(voters=(name,), building=f"{n // 5}栋") for n, name in enumerate(names)))
    joint, motions = await opened(world, roll, "SERVICE_PROVIDER")
    separated, questions = await survey(world, questions=2)
    named, asked = await survey(world, mode="OPEN", questions=1)
    for name in names[:HAVE_VOTED]:
        await drop(world, separated, questions, choices[0], choices[0], as_=name)
        answer = {"id": named, "answers": [{"motion": asked[0], "options": [choices[0]]}]}
        assert (await world.do("answerSurvey", answer, as_=name))["__typename"] == "Poll"
        assert "receipt" in await cast(world, joint, {motions[0]: choices[1]}, as_=name)
    await world.settle()
    everything = await fields_of(world, "Poll", 2)
    query = f"query($i: ID!) {{ poll(id: $i) {{ {everything} }} }}"
    found = []
    for reader in READERS:
        for poll in (separated, named, joint):
            found.append(json.dumps((await world.gql(query, {"i": poll}, as_=reader)).body))
            asked_for = await world.do("exportBallots", {"id": poll, "reason": "查验"}, as_=reader or "tenant")
            assert asked_for["__typename"] != "BallotsBundle"
            found.append(json.dumps(asked_for))
        code = world.demo.places["compound"].code
        found.append(json.dumps((await world.gql(PLACE, {"c": code}, as_=reader)).body))
    # A separated ballot is not even shown to whoever cast it.
    found.append(json.dumps((await world.gql(query, {"i": separated}, as_=names[0])).body))
    found += [(await world.client.get(path)).text for path in ("/healthz", "/metrics")]
    ready = (await world.client.get("/readyz")).json()
    found.append(
        json.dumps({key: ready[key] for key in ready if key != "engine"})
    )  # which is how queries were answered
    found += [record.getMessage() for record in caplog.records if record.name.startswith("shanzhi")]
    return [renamed(text) for text in found]


async def test_nothing_tells_how_a_poll_stands(
    database: str,
    plugin_list: Any,
    tmp_path: Path,
    _template: dict[str, Any],  # noqa: PT019  its value is used
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whatever anybody reads of polls of both modes while they run is the same, letter by letter, however it was voted."""
    made, people = await filled_for(database, plugin_list, _template)
    answers = []
    with caplog.at_level(logging.DEBUG, "shanzhi"):
        for at, choices in enumerate(((0, "FOR"), (2, "AGAINST"))):
            folder = tmp_path / str(at)
            folder.mkdir()
            caplog.clear()
            async with running(await copy_of(made, folder), folder, plugin_list, people) as world:
                answers.append(await told(world, choices, caplog))
    first, second = answers
    assert len(first) == len(second) > 80
    for one, other in zip(first, second, strict=True):
        assert one == other
    assert sum('"poll": {' in one for one in first) > 20  # the readers did see the polls
