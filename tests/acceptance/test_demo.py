"""The demo world with every plugin's part: built on an empty database by the deeds that people use, and queried."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from core import demo
from core.clock import SetClock
from core.host import PluginList, explain
from core.kernel import Kernel
from schema.asgi import application
from tests import conftest
from tests.conftest import World

QUERY = """{ community(code: "%s") {
  notices { totalCount nodes { title state issuingBody eventAt } }
  wishes { totalCount nodes { title state } }
  ratings { totalCount nodes { subject state myRating { score } } }
} }"""


@pytest.fixture
async def built(database: str, plugin_list: PluginList, tmp_path: Path) -> AsyncIterator[World]:
    """Run a server on a database with the whole demo world in it."""
    url = f"sqlite:///{tmp_path / 'demo.db'}"
    if database == "postgres":
        url = await conftest._create(f"shanzhi_demo_{uuid.uuid4().hex[:12]}")
    clock = SetClock(conftest.START)
    config = conftest.config_for(tmp_path, url, secret=conftest.SECRET)
    kernel = await Kernel.open(config, clock=clock, host=conftest.load_host(plugin_list))
    made = await demo.build(kernel, conftest.DIVISIONS, compounds=conftest.SMALL, plugins=True)
    transport = httpx.ASGITransport(app=application(kernel))
    async with httpx.AsyncClient(transport=transport, base_url="http://server") as client:
        yield World(kernel, clock, client, made)
    await kernel.close()
    if database == "postgres":
        await conftest._drop(url)


async def test_the_whole_demo_world_is_there(built: World) -> None:
    """Every plugin fills its part, and each of the cast sees what is theirs to see."""
    query = QUERY % built.demo.places["compound"].code
    mine = (await built.gql(query, as_="resident")).data["community"]
    titles = {notice["title"]: notice["state"] for notice in mine["notices"]["nodes"]}
    assert titles["关于召开业主大会会议的公告"] == "POSTED"
    assert titles["停水通知"] == "WITHDRAWN"
    assert titles["本单元电梯年检停梯半天"] == "POSTED"
    assert "议事会记录（草稿）" not in titles
    assert {wish["title"]: wish["state"] for wish in mine["wishes"]["nodes"]} == {
        "想要一副老花镜": "RATED", "想学用手机挂号": "PUBLISHED", "想找人陪练普通话": "CLAIMED", "换一台旧风扇": "REFERRED",
    }  # fmt: skip
    assert [(r["subject"], r["state"], r["myRating"]) for r in mine["ratings"]["nodes"]] == [
        ("楼道保洁", "OPEN", {"score": "SATISFIED"})
    ]
    outside = (await built.gql(query)).data["community"]
    assert outside["wishes"]["totalCount"] == outside["ratings"]["totalCount"] == 0
    assert "本单元电梯年检停梯半天" not in {notice["title"] for notice in outside["notices"]["nodes"]}


async def test_the_queries_that_the_demo_offers_work(built: World) -> None:
    """What the server prints to try out gives data and no errors."""
    for query in demo.QUERIES:
        assert (await built.gql(query, as_="resident")).data


async def test_no_plugin_is_left_out(built: World) -> None:
    """Everything that the server loads is ready and switched on."""
    host = built.kernel.host
    assert set(host.plugins) == {plugin.id for plugin in host.ready()}, explain(host)
    code = built.demo.places["compound"].code
    found = (await built.gql(f'{{ community(code: "{code}") {{ plugins {{ id enabled }} }} }}')).data
    assert all(plugin["enabled"] for plugin in found["community"]["plugins"])
