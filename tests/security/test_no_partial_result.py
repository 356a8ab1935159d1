"""Before the close nobody learns a partial result: two worlds that differ only in what was voted answer alike."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from core.clock import CHINA
from tests.acceptance.separated_world import drop, neighbours, survey
from tests.acceptance.test_turnout import FOLLOW
from tests.acceptance.voting_world import Entry, cast, make_roll, opened
from tests.conftest import ROOT, SECRET, World, copy_of, filled_for, served
from tests.conftest import opened as running
from tests.security.test_subscriptions import following
from tests.security.test_subscriptions import told as one_told

VOTERS, HAVE_VOTED = 30, 12
READERS = (None, "chair", "member", "staff", "town", "district", "scrutineer", "property", "captain", "secretary",
           "auditor", "sysadmin", "secadmin", "resident")  # fmt: skip
FOLLOWERS = ("chair", "scrutineer", "staff", "owner29")
COMMANDS = (("trace", "export"), ("trace", "verify"), ("trace", "head"), ("verify",))
FEED = "subscription($after: String) { changes(after: $after) { type subject payload } }"
# Hashes before keys: one in a thousand hashes begins with fifteen digits.
CHANCE = re.compile(r"[0-9a-f]{32,}|[A-Za-z0-9_-]{43,}|\d{15,}")
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
    found += await followed(world, {"joint": joint, "separated": separated, "named": named}, partial(
        one_more, world, names[HAVE_VOTED], (joint, motions[0]), (separated, questions), (named, asked[0]), choices))  # fmt: skip
    found += [await command(world, *words) for words in COMMANDS]
    return [renamed(text) for text in found]


async def one_more(
    world: World, name: str, joint: tuple[str, str], separated: tuple[str, list[str]], named: tuple[str, str],
    choices: tuple[int, str],
) -> None:  # fmt: skip
    """Let somebody vote in all three polls, while others follow them."""
    await drop(world, *separated, choices[0], choices[0], as_=name)
    answer = {"id": named[0], "answers": [{"motion": named[1], "options": [choices[0]]}]}
    assert (await world.do("answerSurvey", answer, as_=name))["__typename"] == "Poll"
    assert "receipt" in await cast(world, joint[0], {joint[1]: choices[1]}, as_=name)


async def followed(world: World, polls: dict[str, str], happen: Callable[[], Awaitable[None]]) -> list[str]:
    """Return every message that followers of the feed and of the turnout get while something happens, to its last effect."""
    cursor = (await world.gql("{ changes { cursor } }")).data["changes"]["cursor"]
    found = []
    async with served(world) as address, AsyncExitStack() as stack:
        sockets = []
        for reader in FOLLOWERS:
            token = await world.token(reader)
            feed = await stack.enter_async_context(following(address, token, FEED, after=cursor))
            turnout = await stack.enter_async_context(following(address, token, FOLLOW, poll=polls["joint"]))
            assert str(HAVE_VOTED) in json.dumps(await one_told(turnout))
            sockets.append((feed, turnout))
        await happen()
        for feed, turnout in sockets:
            found.append(json.dumps(await one_told(turnout)))
            seen = [(await one_told(feed))["payload"]["data"]["changes"] for _ in range(2)]
            assert {change["subject"] for change in seen} == {polls["joint"], polls["named"]}
            found += [json.dumps(change) for change in seen]
    return found


async def command(world: World, *words: str) -> str:
    """Run a command of the server's program on the database of the world; returns what it says."""
    ours = {
        "DATABASE_URL": world.kernel.config.database_url,
        "DATA_DIR": str(world.kernel.config.data_dir),
        "SECRET": SECRET,
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith("SHANZHI_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "server.py", *words, cwd=ROOT, env=kept | {f"SHANZHI_{name}": value for name, value in ours.items()},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    today = datetime.now(CHINA).date().isoformat()  # the program has the machine's clock, the world its own
    return re.sub(rf"[A-Za-z0-9+/=]{{44,}}|(?<=shanzhi/trace/)\w+|{today}T[\d:.]+", "~", said.decode())


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
