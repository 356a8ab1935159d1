"""Addresses of plugins: declared with who is admitted, served within limits, gone where the plugin is off."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from core import administration, roles
from core.clock import SetClock
from core.host import Host, PluginList
from core.kernel import Kernel
from core.plugin import Viewer
from core.ratelimit import LocalLimiter
from core.routes import overlap
from schema.asgi import application
from tests.conftest import START, World, config_for
from tests.contract.host_samples import Samples, why

ROUTES = """
async def told(asked):
    return Reply.json([asked.place.name if asked.place else None, asked.language, asked.body.decode()], max_age=60)

async def broken(asked):
    raise RuntimeError("a secret of the plugin")

async def slow(asked):
    import asyncio
    await asyncio.Event().wait()

async def refusing(asked):
    raise invalid("不对。", "Not so.", "x")

def own_words(refusal):
    return Reply.json([{{"code": refusal.status}}], status=refusal.status)

@hookimpl
def routes():
    return [{routes}]
"""
GOOD = (
    'Route("/p/m/{code}/told", "GET", told, Admits.EVERYBODY, "a name", place="code"), '
    'Route("/elsewhere/{code}.json", "GET", told, Admits.EVERYBODY, "a name", place="code"), '
    'Route("/p/m/by-query", "GET", told, Admits.EVERYBODY, "a name", place="jurisdiction_id"), '
    'Route("/p/m/said", "POST", told, Admits.EVERYBODY, "what was said", body_bytes=10), '
    'Route("/p/m/mine", "GET", told, Admits.SIGNED_IN, "nothing of others"), '
    'Route("/p/m/broken", "GET", broken, Admits.EVERYBODY, "nothing"), '
    'Route("/p/m/slow", "GET", slow, Admits.EVERYBODY, "nothing", seconds=0.01), '
    'Route("/p/m/refusing", "GET", refusing, Admits.EVERYBODY, "nothing"), '
    'Route("/p/m/own-words", "GET", refusing, Admits.EVERYBODY, "nothing", refuse=own_words)'
)


@pytest.fixture
def samples(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Samples:
    """Return an empty folder of plugins."""
    return Samples(tmp_path, monkeypatch)


BAD = {
    "another's folder": ('"/p/other/x", "GET", told, Admits.EVERYBODY, "x"', "below /p/ it has only /p/m/"),
    "no reason": ('"/p/m/x", "GET", told, Admits.EVERYBODY, " "', "does not say why"),
    "a method": ('"/p/m/x", "DELETE", told, Admits.EVERYBODY, "x"', "neither GET nor POST"),
    "no path": ('"p/m//x", "GET", told, Admits.EVERYBODY, "x"', "not written as one"),
    "a body without end": ('"/p/m/x", "POST", told, Admits.EVERYBODY, "x", body_bytes=1 << 40', "bytes and take 30 s"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_address_is_refused(samples: Samples, case: str) -> None:
    """The sentence names the file, the address and what is wrong with it."""
    samples.plugin("m", ROUTES.format(routes=f"Route({BAD[case][0]})"))
    assert BAD[case][1] in why(samples.load(), "m")


def test_two_plugins_cannot_have_one_address(samples: Samples) -> None:
    """Whatever the parameters are called: the later is refused, naming both."""
    samples.plugin("m", ROUTES.format(routes='Route("/open/{a}/x", "GET", told, Admits.EVERYBODY, "x")'))
    samples.plugin("n", ROUTES.format(routes='Route("/open/b/{c}", "GET", told, Admits.EVERYBODY, "x")'))
    said = why(samples.load(), "n")
    assert "/open/b/{c}" in said
    assert "/open/{a}/x of m" in said


@pytest.mark.parametrize(("one", "other", "expected"), [
    ("/c/{code}/data", "/c/{code}/graphql", False), ("/c/{x}/data", "/c/{y}/data", True), ("/a/{id}", "/a/b/c", False),
    ("/a/{id}.json", "/a/{id}.csv", False), ("/a/{id}.json", "/a/{name}", True), ("/a/x.json", "/a/{id}.json", True),
    ("/a/.json", "/a/{id}.json", False),
])  # fmt: skip
def test_overlapping(one: str, other: str, expected: bool) -> None:
    """Two paths overlap when one address fits both."""
    assert overlap(one, other) is overlap(other, one) is expected


@asynccontextmanager
async def serving(samples: Samples, world: World, routes: str = GOOD, **more: Any) -> AsyncIterator[World]:
    """Serve a world's database with the sample plugin as well, on at the first compound."""
    samples.plugin("m", ROUTES.format(routes=routes))
    host = Host.load(samples.folder, PluginList(), roles.CODES)
    config = config_for(
        Path(world.kernel.config.data_dir), world.kernel.config.database_url, secret=world.kernel.config.secret
    )
    kernel = await Kernel.open(config, clock=SetClock(START), host=host)
    for name, value in more.items():
        setattr(kernel, name, value)
    place = world.demo.places["compound"]

    transport = httpx.ASGITransport(app=application(kernel), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shanzhi.test") as client:
        opened = replace(world, kernel=kernel, client=client)
        await kernel.perform(
            administration.enable_plugin, Viewer(system="tests"), community=place.code, plugin="m", reason="试行"
        )
        yield opened
    await kernel.close()


async def test_served_where_it_is_on(samples: Samples, world: World) -> None:
    """By code in the path, before a suffix or in the query; 404 at a place where it is off, or that does not exist."""
    async with serving(samples, world) as here:
        place, off = world.demo.places["compound"], world.demo.places["town"].code
        for path in ("/p/m/{}/told", "/elsewhere/{}.json", "/p/m/by-query?jurisdiction_id={}"):
            found = await here.client.get(path.format(place.code))
            assert found.json() == [place.name, "zh", ""]
            for code in (off, "nowhere"):
                assert (await here.client.get(path.format(code))).status_code == 404
        headers = found.headers
        assert headers["cache-control"] == "public, max-age=60"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        head = await here.client.head(path.format(place.code))
        assert (head.status_code, head.content) == (200, b"")
        assert (await here.client.get("/p/m/nothing")).status_code == 404
        assert (await here.client.get("/healthz")).json() == {"status": "ok"}


async def test_limits_and_refusals(samples: Samples, world: World) -> None:
    """Bodies, methods, deadlines, sign-in and failures answer with a status and a sentence, and tell nothing else."""
    async with serving(samples, world) as here:
        get, post = here.client.get, here.client.post
        assert (await post("/p/m/said", content=b"0123456789")).json() == [None, "zh", "0123456789"]
        assert (await post("/p/m/said", content=b"0123456789x")).status_code == 413
        wrong = await get("/p/m/said")
        assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
        assert (await get("/p/m/mine")).status_code == 401
        assert (await get("/p/m/slow")).json()["errors"][0]["extensions"]["code"] == "TIMEOUT"
        failed = await get("/p/m/broken")
        assert failed.status_code == 500
        assert "secret" not in failed.text
        refused = await get("/p/m/refusing?lang=en", headers={"Accept-Language": "en"})
        assert (refused.status_code, refused.json()["errors"][0]["message"]) == (422, "Not so.")
        assert (await get("/p/m/own-words")).json() == [{"code": 422}]


async def test_requests_count_against_the_rate_limit(samples: Samples, world: World) -> None:
    """Who asks too often waits, and is told how long."""
    async with serving(samples, world, limiter=LocalLimiter(0.5, now=lambda: 0.0)) as here:
        path = f"/p/m/{world.demo.places['compound'].code}/told"
        asked = [(await here.client.get(path)) for _ in range(2)]
        assert [one.status_code for one in asked] == [200, 429]
        assert int(asked[1].headers["retry-after"]) > 0


async def test_an_address_of_the_server_is_refused(samples: Samples, world: World) -> None:
    """The server's own address is never a plugin's."""
    taken = 'Route("/c/{code}/graphql", "GET", told, Admits.EVERYBODY, "x")'
    samples.plugin("m", ROUTES.format(routes=taken))
    host = Host.load(samples.folder, PluginList(), roles.CODES)
    application(replace(world.kernel, host=host))
    assert "which the server itself answers" in why(host, "m")
