"""The demo world as ``make run`` makes it, with a clock that can be moved: what the documents of the pages run against."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import uvicorn

from core import demo
from core.clock import SetClock
from core.host import read_plugin_list
from core.kernel import Kernel
from schema.asgi import application
from tests.conftest import DIVISIONS, ROOT, SECRET, START, World, config_for, load_host


@pytest.fixture
async def demo_world(tmp_path: Path) -> AsyncIterator[World]:
    """Run a server with the whole demo world, what the plugins add to it included."""
    clock = SetClock(START)
    host = load_host(read_plugin_list(ROOT / "plugins.toml"))
    kernel = await Kernel.open(config_for(tmp_path, secret=SECRET), clock=clock, host=host)
    filled = await demo.build(kernel, DIVISIONS)
    transport = httpx.ASGITransport(app=application(kernel))
    async with httpx.AsyncClient(transport=transport, base_url="http://shanzhi.test") as client:
        yield World(kernel, clock, client, filled)
    await kernel.close()


@pytest.fixture
async def demo_address(demo_world: World) -> AsyncIterator[str]:
    """Serve the demo world on a port of this machine; gives ``127.0.0.1:port``."""
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(application(demo_world.kernel), lifespan="off", log_level="warning"))
    serving = asyncio.create_task(server.serve(sockets=[listening]))
    yield f"127.0.0.1:{listening.getsockname()[1]}"
    server.should_exit = True
    demo_world.kernel.feed.close()
    await serving
