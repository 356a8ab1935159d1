"""Public pages and open data: readable without a script, escaped, the same predicates as over GraphQL, gone where off."""

from __future__ import annotations

import csv
import io
import re
from datetime import datetime
from typing import Any

from python_calamine import CalamineWorkbook

from core import administration
from core.clock import CHINA
from plugins.notices.rules import NoticeKind
from plugins.notices.service import draft_notice, post_notice, withdraw_notice
from tests.acceptance import stranger_world
from tests.acceptance.test_data import correct, freeze, later, rated
from tests.conftest import World

EVIL = "<script>alert(1)</script>\"&'=1+1"


async def noticed(world: World, title: str, *, is_public: bool = True, posted: bool = True) -> int:
    """Draft a notice at the compound, and post it."""
    key: int = await world.demo.perform(
        draft_notice, "chair", community=world.demo.places["compound"].code, kind=NoticeKind.GENERAL, title=title,
        body=f"第一段 {title}\n第二行\n\n第二段", issuer="示例业委会", is_public=is_public,
    )  # fmt: skip
    if posted:
        await world.demo.perform(post_notice, "chair", id=key)
    return key


async def get(world: World, path: str, as_: str | None = None, language: str = "zh-CN") -> Any:
    """Ask for an address as one of the cast."""
    headers = {"Accept-Language": language, "Accept": "text/html"}
    if as_ is not None:
        headers["Authorization"] = f"Bearer {await world.token(as_)}"
    return await world.client.get(path, headers=headers)


def check_page(found: Any) -> str:
    """Hold a page against what every page keeps; returns its text."""
    assert found.status_code == 200, found.text
    html: str = found.text
    assert found.headers["content-security-policy"].startswith("default-src 'none'; style-src 'self'")
    assert "script" not in found.headers["content-security-policy"]
    assert not re.search(r"<script|<iframe|\son\w+=|\sstyle=|javascript:", html)
    assert html.count("<h1>") == 1
    addresses = re.findall(r'(?:src|href)="([^"]*)"', html)
    assert all(one.startswith(("/", "#", "http://shanzhi.test/")) for one in addresses), addresses
    for picture in re.findall(r"<svg[^>]*>", html):
        assert 'aria-label="' in picture or 'class="qr"' in picture
    assert html.count('<svg class="chart"') <= html.count("<table>")
    return html


async def test_a_notice_as_a_page(world: World) -> None:
    """Its text is shown and escaped, a QR code leads back; withdrawn, only the tombstone is left."""
    key = await noticed(world, EVIL)
    html = check_page(await get(world, f"/p/notices/{key}"))
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&quot;&amp;" in html
    assert "<p>第二段</p>" in html
    assert f"http://shanzhi.test/p/notices/{key}" in html
    assert 'class="qr"' in html
    english = check_page(await get(world, f"/p/notices/{key}?lang=en"))
    assert '<html lang="en">' in english
    assert "Issued by" in english
    await world.demo.perform(withdraw_notice, "chair", id=key, reason="写错了")
    gone = check_page(await get(world, f"/p/notices/{key}"))
    assert "写错了" in gone
    assert "第二段" not in gone


async def test_a_page_shows_no_more_than_graphql(world: World) -> None:
    """Drafts and notices for a part are not there for others; those they are for see them; off, nobody does."""
    draft, inner = await noticed(world, "草稿", posted=False), await noticed(world, "内部", is_public=False)
    for key in (draft, inner, 1, "x", "9" * 40):
        assert (await get(world, f"/p/notices/{key}")).status_code == 404
        assert (await get(world, f"/p/notices/{key}", "stranger")).status_code == 404
    assert (await get(world, f"/p/notices/{inner}", "resident")).status_code == 200
    assert (await get(world, f"/p/notices/{inner}", "resident")).headers["cache-control"] == "no-store"
    public = await noticed(world, "公开")
    assert (await get(world, f"/p/notices/{public}")).status_code == 200
    resting = {*world.kernel.host.dependents_of("notices"), "notices"}
    for plugin in [one.id for one in reversed(world.kernel.host.ready()) if one.id in resting]:
        await world.demo.perform(
            administration.disable_plugin, community=world.demo.places["district"].code, plugin=plugin, reason="停用"
        )
    assert (await get(world, f"/p/notices/{public}")).status_code == 404


async def test_a_result_as_a_page(world: World) -> None:
    """After the count whoever sees the poll reads outcome and conditions, and gets the certificate its hash was taken of."""
    await stranger_world.fill(world)
    poll = await stranger_world.joint_decision(world)
    assert (await get(world, f"/p/voting/{poll}/result", "owner")).status_code == 404, "not counted yet"
    await stranger_world.vote_and_count(world)
    html = check_page(await get(world, f"/p/voting/{poll}/result", "owner"))
    assert "参与未达法定数" in html
    assert "民法典278" in html
    text = (await get(world, f"/p/voting/{poll}/certificate.json", "owner")).text
    query = f'{{ poll(id: "Poll_{poll}") {{ certificate {{ text sha256 }} }} }}'
    told = (await world.gql(query, as_="owner")).data["poll"]["certificate"]
    assert text == told["text"]
    assert told["sha256"] in html


async def test_figures_as_a_page(world: World) -> None:
    """Figures, their past, definitions and corrections; in both languages; with a table for each chart."""
    await rated(world, "compound", 12, 9)
    await world.settle()
    code = world.demo.places["compound"].code
    html = check_page(await get(world, f"/c/{code}/data"))
    assert "满意率" in html
    assert "75.0%" in html
    assert "暂定" in html
    english = check_page(await get(world, f"/c/{code}/data?period=2026-03", language="en"))
    assert "Satisfied" in english
    assert "46.7%–91.1%" in english or "46.8%–91.1%" in english
    world.clock.set(datetime(2026, 5, 2, tzinfo=CHINA))
    await later(world)
    release = (await freeze(world, "2026-Q1"))["id"]
    await world.do("publishRelease", {"id": release}, as_="town")
    query = f'{{ community(code: "{code}") {{ indicators(period: "2026-Q1", indicator: "rating.satisfied") {{ nodes {{ id }} }} }} }}'
    figure = (await world.gql(query)).data["community"]["indicators"]["nodes"][0]["id"]
    await correct(world, release, figure, numerator="10", denominator="14", reason=EVIL)
    corrected = check_page(await get(world, f"/c/{code}/data?period=2026-Q1"))
    assert "更正记录" in corrected
    assert "9 / 12" in corrected
    assert "&lt;script&gt;" in corrected
    assert (await get(world, "/c/nowhere/data")).status_code == 404
    for odd in ("2026-13", "<b>", ""):
        check_page(await get(world, f"/c/{code}/data?period={odd}"))


async def test_open_data_in_three_formats(world: World) -> None:
    """CSV, JSON and a spreadsheet say the same, each with its dictionary; what is not told is empty in all."""
    await rated(world, "compound", 12, 9)
    await world.settle()
    base = f"/c/{world.demo.places['compound'].code}/data"
    data = (await world.client.get(f"{base}.json")).json()
    satisfied = [
        one for one in data["figures"] if one["indicator"] == "rating.satisfied" and one["period"] == "2026-03"
    ]
    assert [(one["numerator"], one["denominator"], one["value"]) for one in satisfied] == [(9, 12, "0.7500")]
    assert {one["code"] for one in data["dictionary"]} >= {one["indicator"] for one in data["figures"]}

    raw = (await world.client.get(f"{base}.csv")).content
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"))))
    assert [{k: "" if v is None else str(v) for k, v in one.items()} for one in data["figures"]] == rows

    book = CalamineWorkbook.from_filelike(io.BytesIO((await world.client.get(f"{base}.xlsx")).content))
    assert book.sheet_names == ["数据 Figures", "指标 Dictionary", "列 Columns"]
    sheet = book.get_sheet_by_name("数据 Figures").to_python()
    assert len(sheet) == len(rows) + 1
    assert sheet[0] == [one["name"] for one in data["columns"]]
    definitions = (await world.client.get(f"{base}-dictionary.csv")).text
    assert "rating.satisfied" in definitions
