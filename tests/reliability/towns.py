"""Towns to do harm to: filled databases with an open poll whose voters are signed in, one copy for each experiment."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx

from bench import polls, rows
from bench.world import tokens_of
from core import demo
from core.database import Tx
from core.ids import global_id
from core.kernel import Kernel
from tests.conftest import ROOT, SECRET, _create, _drop, config_for, copy_of, load_host, read_plugin_list
from tests.reliability.servers import HOST, TRUSTED, Site, fill, free_port, token_of

VOTER = "voter-"
KEEPERS = ("core_lease",)


@dataclass
class Town:
    """One filled database with an open poll, and where its server would be."""

    site: Site
    world: demo.DemoWorld
    poll: str
    motion: str
    tokens: list[str]
    staff: str

    @property
    def kind(self) -> str:
        """Say which kind of database this is."""
        return "sqlite" if self.site.url.startswith("sqlite") else "postgres"

    @property
    def poll_key(self) -> int:
        """Return the key of the poll."""
        return int(self.poll.rpartition("_")[2])

    @asynccontextmanager
    async def kernel(self) -> AsyncIterator[Kernel]:
        """Open the database by this process, beside a server or without."""
        kernel = await Kernel.open(
            config_for(self.site.folder, self.site.url, secret=SECRET),
            host=load_host(read_plugin_list(ROOT / "plugins.toml")),
        )
        try:
            yield kernel
        finally:
            await kernel.close()

    async def change(self, sql: str, *params: Any) -> None:
        """Change rows directly."""
        async with self.kernel() as kernel:

            async def work(tx: Tx) -> None:
                await tx.execute(sql, params)

            await kernel.database.run(work)

    async def value(self, sql: str, *params: Any) -> Any:
        """Read one value directly."""
        async with self.kernel() as kernel:
            return await kernel.database.value(sql, params)

    def client(self, timeout: float = 30.0, connections: int = 64) -> httpx.AsyncClient:
        """Return a client of the town's server."""
        most = httpx.Limits(max_connections=connections, max_keepalive_connections=connections)
        return httpx.AsyncClient(
            base_url=f"http://{HOST}:{self.site.port}", timeout=timeout, limits=most, verify=TRUSTED
        )


@dataclass
class Ground:
    """One kind of database, filled once and copied for each town."""

    url: str
    folder: Path
    voters: int
    world: demo.DemoWorld
    opened: polls.Opened
    tokens: list[str]
    staff: str
    copy: Callable[[str, Path], Awaitable[str]] = copy_of
    drop: Callable[[str], Awaitable[None]] = field(default=_drop)

    @asynccontextmanager
    async def town(self, **options: Any) -> AsyncIterator[Town]:
        """Give a copy of it; ``options`` are those of the site."""
        folder = Path(tempfile.mkdtemp(prefix="shanzhi_town_"))
        url = await self.copy(self.url, folder)
        site = Site(url, folder, **{"port": free_port(), **options})
        try:
            yield Town(
                site, self.world, global_id("Poll", self.opened.poll), global_id("Motion", self.opened.motion),
                list(self.tokens), self.staff,
            )  # fmt: skip
        finally:
            if url.startswith("postgres"):
                await self.drop(url)
            await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


@asynccontextmanager
async def ground(kind: str, voters: int, url: str | None = None) -> AsyncIterator[Ground]:
    """Fill a database of a kind, or the empty one at ``url``; it is dropped at the end if it was made here."""
    folder = Path(tempfile.mkdtemp(prefix="shanzhi_ground_"))
    made = url or (f"sqlite:///{folder / 'ground.db'}" if kind == "sqlite" else await _create(f"shanzhi_{folder.name}"))
    try:
        yield await _filled(made, folder, voters)
    finally:
        if url is None and kind == "postgres":
            await _drop(made)
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _filled(url: str, folder: Path, voters: int) -> Ground:
    world = await fill(url, folder)
    kernel = await Kernel.open(
        config_for(folder, url, secret=SECRET), host=load_host(read_plugin_list(ROOT / "plugins.toml"))
    )
    try:
        around = rows.Neighbourhood(world.places["compound"], world.people["staff"], ())
        opened = await polls.to_cast(kernel, around, voters, VOTER)
        tokens = await tokens_of(kernel, VOTER)
    finally:
        await kernel.close()
    return Ground(url, folder, voters, world, opened, tokens, await token_of(url, folder, world, "town"))


async def closing_in(town: Town, **delta: float) -> str:
    """Let the poll close so long from now; returns the moment."""
    async with town.kernel() as kernel:
        at = polls.to_wire(kernel.clock.now() + timedelta(**delta))

        async def work(tx: Tx) -> None:
            await tx.execute("UPDATE core_deadline SET at = ? WHERE matter_id = ?", (at, town.poll_key))
            await tx.execute("UPDATE voting_poll SET closes_at = ? WHERE matter_id = ?", (at, town.poll_key))

        await kernel.database.run(work)
    return at


def beside(town: Town, **options: Any) -> Town:
    """Return a second server of a town, on a port of its own."""
    return replace(town, site=Site(town.site.url, town.site.folder, **{"port": free_port(), **options}))
