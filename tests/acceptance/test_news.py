"""News of a place and the thread of a matter: told in words, to whoever may see what they are about."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest

from core.clock import to_wire
from tests.conftest import World

FEED = """query($code: ID!, $below: Boolean = true, $plugin: String, $first: Int = 20, $after: String) { community(code: $code) {
  feed(first: $first, after: $after, below: $below, plugin: $plugin) { totalCount pageInfo { endCursor hasNextPage } nodes {
    type title isAddressedToYou community { code } matter { id title stateCode } } } } }"""
THREAD = "query($id: ID!) { node(id: $id) { ... on Matter { thread { id kind title } links { relation isSource matter { id } } } } }"


async def feed(world: World, place: str, as_: str | None = None, **more: Any) -> list[dict[str, Any]]:
    """Return the news of a place as somebody sees them."""
    code = world.demo.places[place].code
    language = more.pop("language", "zh")
    found = await world.gql(FEED, {"code": code, **more}, as_=as_, language=language)
    return list(found.data["community"]["feed"]["nodes"])


async def survey(world: World, opens: timedelta = timedelta()) -> str:
    """Announce a survey in the compound; returns its id."""
    code, now = world.demo.places["compound"].code, world.clock.now()
    poll = await world.do(
        "draftPoll",
        {"community": code, "title": "健身角选址", "body": "请选择。", "kind": "SURVEY", "mode": "OPEN",
         "opensAt": to_wire(now + opens)},
        "... on Poll { id }", as_="chair",
    )  # fmt: skip
    motion = {"id": poll["id"], "title": "建在哪里？", "options": ["东门", "西门"]}
    assert (await world.do("addMotion", motion, as_="chair"))["__typename"] == "Poll"
    return str(poll["id"])


async def post(world: World, place: str, **more: Any) -> str:
    """Draft and post a notice at a place; returns its id."""
    notice = {
        "community": world.demo.places[place].code, "kind": "GENERAL", "title": f"{place}停水通知", "body": "检修。",
        "issuer": "示例社区", **more,
    }  # fmt: skip
    made = await world.do("draftNotice", notice, "... on Notice { id }", as_="staff")
    posted = await world.do("postNotice", {"id": made["id"]}, as_="staff")
    assert posted["__typename"] == "Notice", posted
    return str(made["id"])


async def test_news_of_a_place_are_told_newest_first_in_both_languages(world: World) -> None:
    """A notice and a survey are told with their matters; drafts and ballots are not."""
    poll = await survey(world)
    assert [item for item in await feed(world, "compound", "resident") if item["matter"]["id"] == poll] == []
    await world.do("announcePoll", {"id": poll}, as_="chair")
    notice = await post(world, "compound")
    told = await feed(world, "compound", "resident")
    assert [item["type"] for item in told[:3]] == [
        "notices.notice_posted", "notices.notice_posted", "voting.poll_announced",
    ]  # fmt: skip
    assert told[0]["title"] == "公示已发布"
    assert told[0]["matter"]["id"] == notice
    assert told[2]["matter"]["id"] == poll
    assert (await feed(world, "compound", "resident", language="en"))[0]["title"] == "A notice was posted"
    before = len(told)
    answers = await world.gql(
        "query($id: ID!) { poll(id: $id) { motions { nodes { id } } } }", {"id": poll}, as_="chair"
    )
    question = answers.data["poll"]["motions"]["nodes"][0]["id"]
    world.clock.advance(minutes=5)
    cast = {"id": poll, "answers": [{"motion": question, "options": [0]}]}
    assert "Error" not in (await world.do("answerSurvey", cast, as_="resident"))["__typename"]
    later = await feed(world, "compound", "resident")
    assert "voting.ballot_cast" not in {item["type"] for item in later}
    assert len(later) <= before + 1  # that voting began, at most


async def test_news_end_where_sight_ends(world: World) -> None:
    """A notice for members is no news to strangers; of a withdrawn plugin nothing is told."""
    await post(world, "compound", isPublic=False)
    assert [item["type"] for item in await feed(world, "compound", "resident")][:1] == ["notices.notice_posted"]
    assert await feed(world, "compound", "stranger") == []
    assert await feed(world, "compound") == []
    off = {"community": world.demo.places["district"].code, "plugin": "notices", "reason": "试"}
    for plugin in ("elections", "voting", "rating", "wishes", "notices"):
        await world.do("disablePlugin", {**off, "plugin": plugin}, as_="sysadmin")
    assert await feed(world, "compound", "resident") == []


async def test_a_feed_holds_what_lies_below_and_is_paged(world: World) -> None:
    """The community's feed holds the compound's news unless asked for its own alone; pages follow without a gap."""
    below = [await post(world, "compound") for _ in range(3)]
    own = await post(world, "community")
    everything = await feed(world, "community", "staff", plugin="notices")
    assert [item["matter"]["id"] for item in everything][:4] == [own, *reversed(below)]
    assert [item["matter"]["id"] for item in await feed(world, "community", "staff", below=False)] == [own]
    assert await feed(world, "community", "staff", plugin="wishes") == []
    seen: list[str] = []
    after: str | None = None
    for _ in range(10):
        code = world.demo.places["community"].code
        page = await world.gql(FEED, {"code": code, "first": 1, "after": after, "plugin": "notices"}, as_="staff")
        found = page.data["community"]["feed"]
        seen += [item["matter"]["id"] for item in found["nodes"]]
        after = found["pageInfo"]["endCursor"]
        if not found["pageInfo"]["hasNextPage"]:
            break
    assert seen == [item["matter"]["id"] for item in everything]


async def test_what_concerns_one_person_is_told_to_that_person_alone(world: World) -> None:
    """That a wish was sent back is news to who made it; also after it hangs on the wall, nobody else is told."""
    code = world.demo.places["compound"].code
    wish = await world.do(
        "openWish",
        {"community": code, "title": "修一盏台灯", "story": "灯不亮了。", "type": "SKILL", "alias": "小王", "valueFen": 0},
        "... on Wish { id }", as_="resident",
    )  # fmt: skip
    key = {"id": wish["id"]}
    await world.do("submitWish", key, as_="resident")
    await world.do("returnWish", {**key, "note": "请补充。"}, as_="staff")
    rows = await world.kernel.database.fetch("SELECT type, person_id FROM core_news WHERE plugin = 'wishes'")
    assert [(row["type"], row["person_id"]) for row in rows] == [
        ("wishes.wish_returned", world.demo.people["resident"])
    ]
    for viewer in ("resident", "staff", "stranger"):
        assert [item for item in await feed(world, "compound", viewer) if item["type"].startswith("wishes")] == []
    item = f"NewsItem_{await world.kernel.database.value('SELECT id FROM core_news WHERE plugin = ?', ('wishes',))}"
    node = "query($id: ID!) { node(id: $id) { ... on NewsItem { title isAddressedToYou matter { id } } } }"
    mine = (await world.gql(node, {"id": item}, as_="resident")).data["node"]
    assert mine == {"title": "心愿已退回", "isAddressedToYou": True, "matter": {"id": wish["id"]}}
    assert (await world.gql(node, {"id": item}, as_="staff")).data["node"] is None


async def test_a_thread_leads_from_end_to_end_over_what_is_seen(world: World) -> None:
    """A survey, its notice and a rating of it are one thread from each end; an unseen matter cuts it."""
    poll = await survey(world)
    await world.do("announcePoll", {"id": poll}, as_="chair")
    thread = (await world.gql(THREAD, {"id": poll}, as_="resident")).data["node"]
    assert [found["kind"] for found in thread["thread"]] == ["POLL", "NOTICE"]
    assert thread["thread"][0]["id"] == poll
    notice = thread["thread"][1]["id"]
    other_end = (await world.gql(THREAD, {"id": notice}, as_="resident")).data["node"]
    assert other_end["thread"] == thread["thread"]
    # A chain over a draft that only its authors see: for others it ends there, though what lies behind is public.
    draft, behind = await survey(world), await post(world, "compound")
    keys = [int(key.rpartition("_")[2]) for key in (notice, draft, behind)]

    async def tie(tx: Any) -> None:
        for number, (source, target) in enumerate(pairwise(keys), start=1):
            await tx.execute(
                "INSERT INTO core_link (id, source_id, target_id, relation, made_at) VALUES (?, ?, ?, 'FOLLOWS', ?)",
                (number, source, target, to_wire(world.clock.now())),
            )

    await world.kernel.database.run(tie)
    seen = (await world.gql(THREAD, {"id": poll}, as_="resident")).data["node"]["thread"]
    assert [found["id"] for found in seen] == [poll, notice]
    whole = (await world.gql(THREAD, {"id": behind}, as_="chair")).data["node"]["thread"]
    assert {found["id"] for found in whole} == {poll, notice, draft, behind}


@pytest.mark.parametrize("late", [timedelta(minutes=9), timedelta(minutes=11)])
async def test_a_survey_that_opens_now_opens_at_once(world: World, late: timedelta) -> None:
    """Whoever says "now" is heard a little later: the survey opens at once; an hour that has passed is a mistake."""
    poll = await survey(world)
    world.clock.advance(seconds=late.total_seconds())
    answer = await world.do("announcePoll", {"id": poll}, "... on Poll { state opensAt }", as_="chair")
    if late < timedelta(minutes=10):
        assert answer["state"] == "VOTING", answer
    else:
        assert answer["code"] == "voting.in_the_past"
