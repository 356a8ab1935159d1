"""A running server per test: real SQLite always, real PostgreSQL where it answers, driven by GraphQL over HTTP."""

from __future__ import annotations

import asyncio
import os
import socket
import sqlite3
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
import uvicorn

from core import accounts, demo, roles
from core.background import Background
from core.clock import CHINA, SetClock
from core.config import Config, load_config
from core.hierarchy import Place
from core.host import Host, PluginList, read_plugin_list
from core.kernel import Kernel
from schema.asgi import application
from tests import services

ROOT = Path(__file__).parent.parent
DIVISIONS = ROOT / "examples" / "data" / "divisions-440604.csv"
START = datetime(2026, 3, 2, 9, 0, tzinfo=CHINA)  # a Monday
SMALL = (demo.Compound("示例花园01", 2, 2), demo.Compound("示例花园02", 1, 1))
DATABASES = ("sqlite", "postgres")


def config_for(data_dir: Path, database_url: str | None = None, **overrides: Any) -> Config:
    """Return a development configuration in a folder of its own; ``SHANZHI_TEST_ENGINE=off`` runs without the engine."""
    engine = os.environ.get("SHANZHI_TEST_ENGINE", "on").lower() != "off"
    found = {"data_dir": data_dir, "environment": "development", "port": 0, "engine": engine, **overrides}
    if database_url:
        found["database_url"] = database_url
    return load_config({}, None, found)


@dataclass
class Answer:
    """The body of a GraphQL answer."""

    status: int
    body: dict[str, Any]

    @property
    def data(self) -> Any:
        """Return the data; fails the test when there are errors."""
        assert "errors" not in self.body, self.body["errors"]
        return self.body["data"]

    @property
    def errors(self) -> list[dict[str, Any]]:
        """Return the errors; fails the test when there are none."""
        assert self.body.get("errors"), self.body
        return list(self.body["errors"])


@dataclass
class World:
    """A server with the cast of the demo world, and one client."""

    kernel: Kernel
    clock: SetClock
    client: httpx.AsyncClient
    demo: demo.DemoWorld

    async def gql(
        self,
        query: str,
        variables: dict[str, Any] | None = None,
        *,
        as_: str | None = None,
        community: str | None = None,
        language: str = "zh",
    ) -> Answer:
        """Send a document as one of the cast (or as nobody), to the superset or to a community's own endpoint."""
        headers = {"Accept-Language": "en" if language == "en" else "zh-CN"}
        if as_ is not None:
            headers["Authorization"] = f"Bearer {await self.token(as_)}"
        path = f"/c/{community}/graphql" if community else "/graphql"
        found = await self.client.post(path, json={"query": query, "variables": variables or {}}, headers=headers)
        return Answer(found.status_code, found.json())

    async def do(
        self, mutation: str, input: dict[str, Any], fields: str = "__typename", *, as_: str, **more: Any
    ) -> Any:
        """Do a mutation; returns the member of its result union, with ``code message path`` when it is an error."""
        pascal = mutation[:1].upper() + mutation[1:]
        document = (
            f"mutation($input: {pascal}Input!) {{ {mutation}(input: $input) "
            f"{{ __typename ... on UserError {{ code message path }} {fields} }} }}"
        )
        return (await self.gql(document, {"input": input}, as_=as_, **more)).data[mutation]

    async def token(self, key: str) -> str:
        """Return an access token of one of the cast, valid at the world's present moment."""
        return await accounts.access_token_for(self.kernel, self.demo.people[key])

    async def person(self, key: str, role: str, place: Place, name: str | None = None) -> int:
        """Add a person with a login to the cast."""
        return await self.demo.person(key, name or f"示例{key}", role, place)

    async def settle(self) -> None:
        """Do all follow-up work that is due: deadlines, sweeps, events to reactions."""
        await Background(self.kernel).run_once()


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Hold the databases that were filled once and are copied for every test."""
    return {"folder": tmp_path_factory.mktemp("template"), "made": {}}


@pytest.fixture(params=DATABASES)
def database(request: pytest.FixtureRequest) -> str:
    """Name the database a test runs on; PostgreSQL only where it answers."""
    name: str = request.param
    if name == "postgres" and services.postgres_url() is None:
        pytest.skip("PostgreSQL is not reachable: set SHANZHI_TEST_DATABASE_URL or start one on 127.0.0.1:5432")
    return name


@pytest.fixture
def plugin_list() -> PluginList:
    """Return which plugins the server of ``world`` loads: those of production; override it where others are tested."""
    return read_plugin_list(ROOT / "plugins.toml")


_HOSTS: dict[PluginList, Host] = {}


def load_host(wanted: PluginList) -> Host:
    """Load plugins of this tree and of installed packages; once, as long as no test has made one of them fail."""
    found = _HOSTS.get(wanted)
    if found is None or not all(plugin.usable for plugin in found.plugins.values()):
        found = _HOSTS[wanted] = Host.load(ROOT / "plugins", wanted, roles.CODES)
    return found


@pytest.fixture
async def world(
    database: str, plugin_list: PluginList, tmp_path: Path, _template: dict[str, Any]
) -> AsyncIterator[World]:
    """Run a server on a fresh copy of the filled database, its clock at 2 March 2026, 9:00."""
    made, people = await filled_for(database, plugin_list, _template)
    async with opened(await copy_of(made, tmp_path), tmp_path, plugin_list, people) as running:
        yield running


async def filled_for(database: str, plugin_list: PluginList, template: dict[str, Any]) -> tuple[str, demo.DemoWorld]:
    """Return the address of the database that was filled for these plugins, and who and what is in it."""
    key = (database, plugin_list)
    if key not in template["made"]:
        template["made"][key] = await _fill(database, plugin_list, template["folder"])
    found: tuple[str, demo.DemoWorld] = template["made"][key]
    return found


@asynccontextmanager
async def opened(
    url: str,
    folder: Path,
    plugin_list: PluginList,
    people: demo.DemoWorld,
    start: datetime = START,
    *,
    keep: bool = False,
) -> AsyncIterator[World]:
    """Run a server on a filled database, its clock stopped; ``people`` tells who and what is in it.

    The database is dropped afterwards, unless it is to be kept.
    """
    clock = SetClock(start)
    kernel = await Kernel.open(config_for(folder, url, secret=SECRET), clock=clock, host=load_host(plugin_list))
    transport = httpx.ASGITransport(app=application(kernel))
    filled = demo.DemoWorld(kernel, people=dict(people.people), places=dict(people.places),
                            compounds=list(people.compounds), buildings=dict(people.buildings),
                            stairwells=dict(people.stairwells))  # fmt: skip
    try:
        async with httpx.AsyncClient(transport=transport, base_url="http://shanzhi.test") as client:
            yield World(kernel, clock, client, filled)
    finally:
        await kernel.close()
        if url.startswith("postgres") and not keep:
            await _drop(url)


@asynccontextmanager
async def answered_by(world: World, *, engine: bool, **more: Any) -> AsyncIterator[World]:
    """Serve a world a second time, with the engine or with graphql-core alone, whatever the other tests run with.

    ``more`` sets other options, as ``rate_limit=0`` for one client that asks thousands of things.
    """
    config = world.kernel.config.model_copy(update={"engine": engine, **more})
    transport = httpx.ASGITransport(app=application(replace(world.kernel, config=config)))
    async with httpx.AsyncClient(transport=transport, base_url="http://shanzhi.test") as client:
        yield replace(world, client=client)


@pytest.fixture
async def live(world: World) -> AsyncIterator[str]:
    """Serve the world on a real port of this machine; gives ``127.0.0.1:port``."""
    async with served(world) as address:
        yield address


@asynccontextmanager
async def served(world: World) -> AsyncIterator[str]:
    """Serve a world on a real port of this machine; gives ``127.0.0.1:port``. What follows it ends with the serving."""
    listening = socket.create_server(("127.0.0.1", 0))
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does so only for sockets that it made
    config = uvicorn.Config(application(world.kernel), lifespan="off", log_level="warning", ws_max_size=1 << 20)
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    world.kernel.feed.close()
    await serving


SECRET = "tests-0Jx7v1Qm9sZ4kR8wYb3NfTgH5uLcPdEa"


async def _fill(database: str, wanted: PluginList, folder: Path) -> tuple[str, demo.DemoWorld]:
    if database == "postgres":
        url = await _create(f"shanzhi_template_{uuid.uuid4().hex[:12]}")
    else:
        url = f"sqlite:///{folder / f'filled-{uuid.uuid4().hex[:12]}.db'}"
    clock = SetClock(START)
    kernel = await Kernel.open(config_for(folder, url, secret=SECRET), clock=clock, host=load_host(wanted))
    built = await demo.build(kernel, DIVISIONS, compounds=SMALL, plugins=False)
    await kernel.close()
    return url, built


async def copy_of(url: str, folder: Path) -> str:
    """Copy a filled database and return the copy's address."""
    if url.startswith("sqlite"):
        target = folder / "shanzhi.db"
        with (
            closing(sqlite3.connect(url.removeprefix("sqlite://"))) as filled,
            closing(sqlite3.connect(target)) as copied,
        ):
            filled.backup(copied)  # with what is still in the write-ahead log
        return f"sqlite:///{target}"
    return await _create(f"shanzhi_test_{uuid.uuid4().hex[:12]}", template=url.rpartition("/")[2])


async def _create(name: str, template: str | None = None) -> str:
    base = str(services.postgres_url())
    connection = await asyncpg.connect(base)
    try:
        await connection.execute(f'CREATE DATABASE "{name}"' + (f' TEMPLATE "{template}"' if template else ""))
    finally:
        await connection.close()
    return f"{base.rpartition('/')[0]}/{name}"


async def _drop(url: str) -> None:
    connection = await asyncpg.connect(str(services.postgres_url()))
    try:
        await connection.execute(f'DROP DATABASE IF EXISTS "{url.rpartition("/")[2]}" WITH (FORCE)')
    finally:
        await connection.close()


@pytest.fixture(scope="session", autouse=True)
def _no_templates_left(_template: dict[str, Any]) -> Iterator[None]:
    """Drop the template databases of this session at its end."""
    yield
    for url, _ in _template["made"].values():
        if url.startswith("postgres"):
            asyncio.run(_drop(url))
