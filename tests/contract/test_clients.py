"""The clients that front ends use, and the published audits of GraphQL over HTTP, against the real server.

They are programs of npm, locked in ``tests/clients``; without node or a registry these tests are left out and say so.
"""

import json
import os
import shutil
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from schema.limits import Limits
from tests.reliability.servers import HOST, Server, Site, fill, running, token_of

PROGRAMS = Path(__file__).parents[1] / "clients"
CONTRADICTED = {
    "SHOULD use a status code of 400 on variable coercion failure when accepting application/graphql-response+json"
}
"""Audits of the 2025 draft that the text of 2026 contradicts: it asks for 422, which ``hybrid`` gives."""

pytestmark = pytest.mark.timeout(240)


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the clients, as locked, in a folder of their own."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("there is no npm: the published audits and clients cannot run")
    folder: Path = tmp_path_factory.mktemp("clients") / "npm"
    shutil.copytree(PROGRAMS, folder, ignore=shutil.ignore_patterns("node_modules"))
    words = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode and any(sign in done.stderr for sign in ("ENOTFOUND", "ECONNREFUSED", "ETIMEDOUT", "EAI_AGAIN")):
        pytest.skip("npm reaches no registry: the published audits and clients cannot run")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder for the server's files."""
    return tmp_path_factory.mktemp("server")


@asynccontextmanager
async def served(home: Path, **options: str) -> AsyncIterator[tuple[Server, str, str]]:
    """Run the server on the demo world; gives it with the token of the chair and a cursor before everything."""
    url = f"sqlite://{home / 'shanzhi.db'}"
    kept = home / "token"
    if not kept.exists():
        world = await fill(url, home)
        kept.write_text(await token_of(url, home, world, "chair"), encoding="ascii")
    async with running(Site(url, home, options=dict(options))) as server:
        yield server, kept.read_text(encoding="ascii"), "0"


def told_by(programs: Path, program: str, *words: str) -> Any:
    """Run a program and return the JSON that it prints."""
    node = shutil.which("node") or "node"
    kept = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
    done = subprocess.run(
        [node, program, *words], cwd=programs, env=kept, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize(("profile", "contradicted"), [("hybrid", True), ("draft", False)])
async def test_the_published_audits_pass(programs: Path, home: Path, profile: str, contradicted: bool) -> None:
    """All of them in the profile of the draft that they were written for; in the default all but the named ones."""
    async with served(home, INTROSPECTION="true", STATUS_PROFILE=profile) as (server, _, _):
        told = told_by(programs, "audits.mjs", f"http://{HOST}:{server.port}/graphql")
    assert told["audits"] == 61
    assert {item["name"] for item in told["failed"]} == (CONTRADICTED if contradicted else set()), told["failed"]


DEPTH = {"data": {"meta": {"limits": {"maxDepth": Limits().max_depth}}}}
TYPENAME = {"data": {"__typename": "Query"}}


async def test_the_websocket_client_of_front_ends_works(programs: Path, home: Path) -> None:
    """Queries, deeds, refusals, many operations at once, a subscription from a cursor on, a token that is no good."""
    async with served(home) as (server, token, cursor):
        told = told_by(programs, "sockets.mjs", f"ws://{HOST}:{server.port}/graphql", token, cursor)
    assert told["query"] == [{"data": {"viewer": {"person": None}, **DEPTH["data"]}}]
    assert {"role": "committee_chair"} in told["me"][0]["data"]["viewer"]["roles"]
    assert told["mutation"] == [{"data": {"logout": {"__typename": "LoggedOut"}}}]
    assert told["refused"] == [{"thrown": ["GRAPHQL_VALIDATION_FAILED"]}]
    assert told["together"] == [TYPENAME] * 3
    assert told["unknownPoll"] == [{"thrown": ["NOT_FOUND"]}]
    assert told["wrongToken"] == [{"thrown": {"code": 4403, "reason": "UNAUTHENTICATED"}}]
    assert [set(item["data"]["changes"]) for item in told["changes"]] == [{"type"}] * 2


async def test_the_event_stream_client_of_front_ends_works(programs: Path, home: Path) -> None:
    """The same over Server-Sent Events; a token that is no good is an HTTP status."""
    async with served(home) as (server, token, cursor):
        told = told_by(programs, "streams.mjs", f"http://{HOST}:{server.port}/graphql", token, cursor)
    assert told["query"] == [DEPTH]
    assert {"role": "committee_chair"} in told["me"][0]["data"]["viewer"]["roles"]
    assert told["mutation"] == [{"data": {"logout": {"__typename": "LoggedOut"}}}]
    assert told["refused"] == [{"codes": ["GRAPHQL_VALIDATION_FAILED"]}]
    assert told["wrongToken"] == [{"thrown": 401}]
    assert [set(item["data"]["changes"]) for item in told["changes"]] == [{"type"}] * 2
