"""Real servers of several processes, started by their command line, and clients that know which process they talk to."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shutil import which
from typing import Any

import httpx
import pytest
import websockets
from websockets.asyncio.client import ClientConnection

from core import accounts, demo
from core.kernel import Kernel
from tests.conftest import DIVISIONS, ROOT, SECRET, SMALL, config_for, load_host, read_plugin_list

HOST = "127.0.0.1"
TRUSTED = ssl.create_default_context()  # read once: every client of its own would take 30 ms for it
START_SECONDS, STOP_SECONDS = 60.0, 30.0


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server((HOST, 0)) as found:
        return int(found.getsockname()[1])


@dataclass
class Client:
    """Connections to one process, one at a time: one that was idle for five seconds is closed by the server."""

    port: int
    http: httpx.AsyncClient
    process: int

    async def health(self) -> dict[str, Any]:
        """Return what ``/readyz`` of this process says; the next request goes the same way."""
        async with asyncio.timeout(30):
            while (found := (await self.http.get("/readyz")).json())["process"] != self.process:
                await self.http.aclose()
                self.http = connection_to(self.port)
        return dict(found)

    async def post(
        self, query: str, variables: dict[str, Any] | None = None, token: str | None = None, language: str = "en"
    ) -> httpx.Response:
        """Send a document."""
        await self.health()
        headers = {"Accept-Language": language} | ({"Authorization": f"Bearer {token}"} if token else {})
        return await self.http.post("/graphql", json={"query": query, "variables": variables or {}}, headers=headers)

    async def gql(self, query: str, variables: dict[str, Any] | None = None, token: str | None = None) -> Any:
        """Send a document that succeeds; returns its data."""
        body = (await self.post(query, variables, token)).json()
        assert "errors" not in body, body
        return body["data"]


def connection_to(port: int) -> httpx.AsyncClient:
    """Return a client of one connection."""
    most = httpx.Limits(max_connections=1)
    return httpx.AsyncClient(base_url=f"http://{HOST}:{port}", limits=most, timeout=30, verify=TRUSTED)


@dataclass
class Server:
    """A running server."""

    port: int
    supervisor: subprocess.Popen[bytes]

    async def health(self) -> dict[str, Any]:
        """Return what ``/readyz`` of one of the processes says."""
        async with httpx.AsyncClient(base_url=f"http://{HOST}:{self.port}", verify=TRUSTED) as client:
            found: dict[str, Any] = (await client.get("/readyz")).json()
            return found

    async def until(self, key: str, value: Any, seconds: float = 15.0) -> None:
        """Wait until every process that answers says so of itself."""
        async with asyncio.timeout(seconds):
            agreed = 0
            while agreed < 8:
                agreed = agreed + 1 if (await self.health())[key] == value else 0
                await asyncio.sleep(0.05)  # a process of its own cannot tell us otherwise

    @asynccontextmanager
    async def clients(self, count: int) -> AsyncIterator[list[Client]]:
        """Give a client for each of so many processes."""
        found: dict[int, Client] = {}
        try:
            async with asyncio.timeout(30):
                while len(found) < count:
                    http = connection_to(self.port)
                    process = int((await http.get("/readyz")).json()["process"])
                    if process in found:
                        await http.aclose()
                    else:
                        found[process] = Client(self.port, http, process)
            yield [found[process] for process in sorted(found)]
        finally:
            for client in found.values():
                await client.http.aclose()

    async def socket_to(self, process: int) -> ClientConnection:
        """Open a WebSocket to one process: each connection is asked whose it is before it is upgraded."""
        while True:
            link = socket.create_connection((HOST, self.port), timeout=10)
            link.sendall(b"GET /readyz HTTP/1.1\r\nHost: shanzhi\r\n\r\n")
            head, _, body = link.recv(65536).partition(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200"), head
            if json.loads(body or link.recv(65536))["process"] == process:
                break
            link.close()
        link.setblocking(False)
        uri = f"ws://{HOST}:{self.port}/graphql"
        opened = await websockets.connect(uri, sock=link, subprotocols=["graphql-transport-ws"])  # type: ignore[list-item]
        await opened.send(json.dumps({"type": "connection_init", "payload": {}}))
        assert json.loads(await opened.recv())["type"] == "connection_ack"
        return opened


async def subscribe(link: ClientConnection, query: str, variables: dict[str, Any]) -> None:
    """Begin a subscription on a WebSocket."""
    await link.send(json.dumps({"id": "1", "type": "subscribe", "payload": {"query": query, "variables": variables}}))


async def following(link: ClientConnection) -> dict[str, Any]:
    """Return the next event of a subscription to ``changes``."""
    async with asyncio.timeout(15):
        message = json.loads(await link.recv())
    assert message["type"] == "next", message
    found: dict[str, Any] = message["payload"]["data"]["changes"]
    return found


@dataclass
class Site:
    """Where a server lives: its database, its folder, its port; it may be started and ended again and again."""

    url: str
    folder: Path
    workers: int = 1
    options: dict[str, str | None] = field(default_factory=dict)
    program: tuple[str, ...] = ("server.py",)
    port: int = field(default_factory=free_port)
    surroundings: dict[str, str] = field(default_factory=dict)
    """Environment variables that are not the project's own: a false clock, for one."""

    @property
    def log(self) -> Path:
        """Return the file of what the server says."""
        return self.folder / f"server-{self.port}.log"

    @property
    def environment(self) -> dict[str, str]:
        """Return the environment of the server and of commands beside it."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("SHANZHI_")}
        ours = {"DATABASE_URL": self.url, "DATA_DIR": str(self.folder), "SECRET": SECRET, "RATE_LIMIT": "0"}
        given = {**ours, **self.options}
        return (
            kept | self.surroundings | {f"SHANZHI_{name}": value for name, value in given.items() if value is not None}
        )

    def start(self) -> Server:
        """Start the server; it need not answer yet."""
        command = [sys.executable, *self.program, "serve", "--port", str(self.port), "--workers", str(self.workers)]
        with self.log.open("ab") as log:
            process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=log, stderr=log)
        return Server(self.port, process)

    async def started(self) -> tuple[Server, float]:
        """Start the server and wait until it answers; returns after how many seconds that was."""
        began = time.monotonic()
        server = self.start()
        await _until_ready(server, self.log)
        return server, time.monotonic() - began

    async def command(self, *words: str) -> tuple[int, str]:
        """Run a command of the server beside it; returns its exit code and what it said."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "server.py", *words, cwd=ROOT, env=self.environment, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )  # fmt: skip
        said, _ = await process.communicate()
        return process.returncode or 0, said.decode()


@asynccontextmanager
async def serving(url: str, folder: Path, workers: int, **options: str | None) -> AsyncIterator[Server]:
    """Run ``server.py serve`` on a filled database; options are environment variables without their prefix."""
    async with running(Site(url, folder, workers, options)) as server:
        yield server


@asynccontextmanager
async def running(site: Site) -> AsyncIterator[Server]:
    """Run the server of a site; it has to end well."""
    server = site.start()
    try:
        await _until_ready(server, site.log)
        async with server.clients(site.workers):
            pass  # all of them answer
        yield server
    finally:
        ended = await stop(server)
    assert ended in {0, -15}, site.log.read_text()


async def stop(server: Server) -> int:
    """Tell a server to stop, and wait until it has."""
    server.supervisor.terminate()
    return await asyncio.to_thread(server.supervisor.wait, STOP_SECONDS)


async def kill(server: Server) -> None:
    """End a server with SIGKILL."""
    server.supervisor.kill()
    await asyncio.to_thread(server.supervisor.wait, STOP_SECONDS)


async def _until_ready(server: Server, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{server.port}", verify=TRUSTED, timeout=5) as client:
        while time.monotonic() < end:
            assert server.supervisor.poll() is None, log.read_text()
            try:
                if (await client.get("/readyz")).json()["status"] == "ok":
                    return
            except (httpx.HTTPError, KeyError, ValueError):
                await asyncio.sleep(0.02)  # a process of its own cannot tell us otherwise
    raise AssertionError(log.read_text())


async def fill(url: str, folder: Path) -> demo.DemoWorld:
    """Fill an empty database with the small demo world of today."""
    kernel = await Kernel.open(
        config_for(folder, url, secret=SECRET), host=load_host(read_plugin_list(ROOT / "plugins.toml"))
    )
    try:
        return await demo.build(kernel, DIVISIONS, compounds=SMALL, plugins=False)
    finally:
        await kernel.close()


async def token_of(url: str, folder: Path, world: demo.DemoWorld, key: str) -> str:
    """Return an access token of one of the cast."""
    kernel = await Kernel.open(
        config_for(folder, url, secret=SECRET), host=load_host(read_plugin_list(ROOT / "plugins.toml"))
    )
    try:
        return await accounts.access_token_for(kernel, world.people[key])
    finally:
        await kernel.close()


@contextmanager
def redis_server(port: int) -> Iterator[str]:
    """Run a Redis of our own on a port; gives its address."""
    program = which("redis-server")
    if program is None:
        pytest.skip("there is no program redis-server to start and to stop")
    command = [program, "--port", str(port), "--bind", HOST, "--save", "", "--appendonly", "no"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, cwd="/")
    try:
        for _ in range(100):
            try:
                socket.create_connection((HOST, port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.05)  # a process of its own cannot tell us otherwise
        yield f"redis://{HOST}:{port}/0"
    finally:
        process.terminate()
        process.wait(10)
