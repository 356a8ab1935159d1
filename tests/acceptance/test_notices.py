"""Notices by HTTP: periods that the law sets, who sees them, and what stays when they change or go."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from core.clock import CHINA
from tests.conftest import World

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=CHINA)
PNG = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00\x00IEND\xaeB`\x82"
)
NOTHING = {"totalCount": 0, "nodes": []}


@pytest.fixture
async def place(world: World) -> World:
    """Set the clock to noon, and add a resident of the building's other stairwell to the cast."""
    world.clock.set(NOON)
    building = world.demo.places["building"]
    await world.person("across", "resident", world.demo.stairwells[building.code][1])
    return world


async def draft(world: World, as_: str = "chair", **more: Any) -> Any:
    """Draft a notice of the compound; returns the member of the result union."""
    notice = {
        "community": world.demo.places["compound"].code, "kind": "GENERAL", "title": "电梯年检", "body": "三月五日停梯半天。",
        "issuer": "示例花园01业主委员会", **more,
    }  # fmt: skip
    return await world.do("draftNotice", notice, "... on Notice { id state issuingBody }", as_=as_)


async def post(world: World, as_: str = "chair", **more: Any) -> str:
    """Draft and post a notice; returns its id."""
    made = await draft(world, as_, **more)
    posted = await step(world, "postNotice", made["id"], as_)
    assert posted.get("state") == "POSTED", posted
    return str(made["id"])


async def step(
    world: World, mutation: str, notice: str, as_: str, fields: str = "... on Notice { state }", **more: Any
) -> Any:
    """Take one step with a notice; returns the member of the result union."""
    language = more.pop("language", "zh")
    return await world.do(mutation, {"id": notice, **more}, fields, as_=as_, language=language)


async def see(world: World, notice: str, fields: str, as_: str | None = None) -> Any:
    """Return a notice as one of the cast sees it, or None."""
    return (await world.gql(f'{{ notice(id: "{notice}") {{ {fields} }} }}', as_=as_)).data["notice"]


async def test_a_meeting_is_announced_fifteen_days_before(place: World) -> None:
    """Posted at noon on 2 March, a meeting may begin on 18 March at midnight and not a moment earlier."""
    early = (await draft(place, kind="ASSEMBLY_MEETING", eventAt="2026-03-17T23:59:59.999+08:00"))["id"]
    refused = await step(place, "postNotice", early, "chair", language="en")
    assert (refused["code"], refused["path"]) == ("notices.too_late", ["input", "eventAt"])
    assert "15 Days" in refused["message"]
    assert "2026-03-18T00:00:00.000+08:00" in refused["message"]
    assert "须提前 15 日发布" in (await step(place, "postNotice", early, "chair"))["message"]
    assert await see(place, early, "state", "resident") is None  # nothing of it was left behind
    revised = await step(place, "reviseNotice", early, "chair", eventAt="2026-03-18T00:00:00.000+08:00")
    assert revised["state"] == "DRAFT"
    assert (await step(place, "postNotice", early, "chair"))["state"] == "POSTED"
    shown = await see(place, early, "displayUntil deadlines { step at source } frozenSettings")
    assert shown["displayUntil"] == "2026-03-18T00:00:00.000+08:00"
    assert [(d["step"], d["at"]) for d in shown["deadlines"]] == [("end_display", shown["displayUntil"])]
    assert "物业管理条例14" in shown["deadlines"][0]["source"]
    assert shown["frozenSettings"]["jurisdiction"]["value"] == "CN-440604"


async def test_an_event_must_be_named_where_the_period_depends_on_it(place: World) -> None:
    """A meeting without its time cannot be announced."""
    made = (await draft(place, kind="ASSEMBLY_MEETING"))["id"]
    refused = await step(place, "postNotice", made, "chair")
    assert (refused["code"], refused["path"]) == ("notices.event_needed", ["input", "eventAt"])


async def test_a_stairwells_notice_is_for_that_stairwell(place: World) -> None:
    """Neighbours of another stairwell see nothing of it: not by id, not in lists, not in counts, not in the feed."""
    stairwell = place.demo.places["stairwell"].code
    start = (await place.gql("{ changes { cursor } }", as_="across")).data["changes"]["cursor"]
    notice = await post(place, isPublic=False, audience=[stairwell])
    compound = place.demo.places["compound"].code
    lists = (
        f'{{ node(id: "{notice}") {{ id }} community(code: "{compound}") {{ notices {{ totalCount nodes {{ id }} }} '
        "matters { totalCount nodes { id } } } myNotices { totalCount nodes { id } } }"
    )
    one = {"totalCount": 1, "nodes": [{"id": notice}]}
    for reader in ("resident", "tenant"):
        found = (await place.gql(lists, as_=reader)).data
        assert found == {"node": {"id": notice}, "community": {"notices": one, "matters": one}, "myNotices": one}, (
            reader
        )
    for outsider in ("across", "stranger", "property", None):
        found = (await place.gql(lists, as_=outsider)).data
        hidden = {"notices": NOTHING, "matters": NOTHING}
        assert found == {"node": None, "community": hidden, "myNotices": NOTHING}, outsider
    heard = "query($a: String) { changes(after: $a) { changes { type } } }"
    assert (await place.gql(heard, {"a": start}, as_="across")).data["changes"]["changes"] == []
    assert (await step(place, "acknowledgeNotice", notice, "across"))["__typename"] == "NotFound"
    assert (await see(place, notice, "issuer", "captain"))["issuer"] == "示例花园01业主委员会"


async def test_parts_of_a_hidden_notice_are_hidden(place: World) -> None:
    """Versions, postings and audience of a notice for others cannot be fetched by their own ids."""
    notice = await post(place, isPublic=False, audience=[place.demo.places["stairwell"].code])
    parts = await see(
        place, notice, "versions { nodes { id } } postings { nodes { id } } audience { nodes { id } }", "resident"
    )
    for key in ("versions", "postings", "audience"):
        found = parts[key]["nodes"][0]["id"]
        assert (await place.gql(f'{{ node(id: "{found}") {{ id }} }}', as_="resident")).data["node"] == {"id": found}
        assert (await place.gql(f'{{ node(id: "{found}") {{ id }} }}', as_="across")).data["node"] is None


async def test_an_audience_lies_within_the_place(place: World) -> None:
    """A notice cannot be addressed to people elsewhere."""
    refused = await draft(place, audience=[place.demo.places["elsewhere"].code])
    assert (refused["code"], refused["path"]) == ("notices.strange_audience", ["input", "audience", "0"])


async def test_a_draft_is_seen_by_its_issuer_alone(place: World) -> None:
    """The committee's draft is neither the residents' nor the provider's to read or change."""
    made = (await draft(place, "member"))["id"]
    assert (await see(place, made, "issuingBody", "chair"))["issuingBody"] == "COMMITTEE"
    for outsider in ("resident", "property", None):
        assert await see(place, made, "id", outsider) is None
    assert (await step(place, "reviseNotice", made, "property", title="改"))["__typename"] == "NotFound"
    assert (await step(place, "postNotice", made, "member"))["__typename"] == "NotAllowed"
    assert (await step(place, "postNotice", made, "chair"))["state"] == "POSTED"


async def test_one_body_does_not_touch_what_another_issued(place: World) -> None:
    """The provider can neither correct nor withdraw the committee's notice; the community can withdraw it, with a reason."""
    notice = await post(place)
    for mutation, more in (("correctNotice", {"reason": "x", "body": "y"}), ("withdrawNotice", {"reason": "x"})):
        refused = await step(place, mutation, notice, "property", language="en", **more)
        assert refused["code"] == "notices.not_the_issuer"
        assert "Owners' committee" in refused["message"]
    assert (await step(place, "correctNotice", notice, "staff", reason="x"))["code"] == "notices.not_the_issuer"
    assert (await step(place, "withdrawNotice", notice, "staff", reason="内容违法"))["state"] == "WITHDRAWN"


async def test_a_correction_keeps_the_old_text_and_starts_the_clock_again(place: World) -> None:
    """Corrected three days later, a roll is shown for its seven days anew; both texts stay readable."""
    notice = await post(place, kind="VOTER_ROLL", body="名册一")
    assert (await see(place, notice, "displayUntil"))["displayUntil"] == "2026-03-10T00:00:00.000+08:00"
    place.clock.advance(days=3)
    assert (await step(place, "correctNotice", notice, "chair", reason=" "))["code"] == "notices.reason_needed"
    await step(place, "correctNotice", notice, "chair", reason="漏列一户", body="名册二")
    seen = await see(
        place, notice, "body number postedAt displayUntil deadlines { at } versions { nodes { number body reason } } "
        "postings { totalCount }",
    )  # fmt: skip
    assert (seen["body"], seen["number"]) == ("名册二", 2)
    assert seen["postedAt"] == "2026-03-02T12:00:00.000+08:00"
    assert seen["displayUntil"] == "2026-03-13T00:00:00.000+08:00"
    assert seen["deadlines"] == [{"at": seen["displayUntil"]}]
    assert seen["versions"]["nodes"] == [
        {"number": 1, "body": "名册一", "reason": ""}, {"number": 2, "body": "名册二", "reason": "漏列一户"},
    ]  # fmt: skip
    assert seen["postings"] == {"totalCount": 1}


async def test_a_meetings_notice_is_not_rewritten_at_the_last_moment(place: World) -> None:
    """A correction must keep the notice period too: postpone the meeting with it."""
    notice = await post(place, kind="ASSEMBLY_MEETING", eventAt="2026-03-18T09:00:00+08:00")
    place.clock.advance(days=5)
    late = await step(place, "correctNotice", notice, "chair", reason="换议题", body="新议题")
    assert late["code"] == "notices.too_late"
    assert (await see(place, notice, "body"))["body"] == "三月五日停梯半天。"
    moved = await step(
        place, "correctNotice", notice, "chair", reason="换议题", body="新议题", eventAt="2026-03-23T09:00:00+08:00"
    )
    assert moved["state"] == "POSTED"


async def test_the_issuer_may_show_it_longer_but_not_shorter(place: World) -> None:
    """displayUntil binds what no rule binds, and may only lengthen what one does."""
    short = (await draft(place, kind="VOTER_ROLL", displayUntil="2026-03-05T00:00:00+08:00"))["id"]
    assert (await step(place, "postNotice", short, "chair"))["code"] == "notices.too_short"
    own = await post(place, displayUntil="2026-03-05T00:00:00+08:00")
    assert (await see(place, own, "displayUntil state")) == {
        "displayUntil": "2026-03-05T00:00:00.000+08:00",
        "state": "POSTED",
    }
    lasting = (await draft(place, kind="SERVICE_INFORMATION", displayUntil="2026-04-01T00:00:00+08:00"))["id"]
    assert (await step(place, "postNotice", lasting, "chair"))["path"] == ["input", "displayUntil"]


async def test_display_ends_by_itself(place: World) -> None:
    """At the first instant after its period a notice has ended, without any sweep; the sweep changes nothing more."""
    notice = await post(place, kind="VOTER_ROLL")
    ended = datetime(2026, 3, 10, 0, 0, tzinfo=CHINA)
    mine = "{ myNotices(onDisplay: true) { totalCount } }"
    place.clock.set(ended)
    place.clock.advance(seconds=-1)
    assert (await see(place, notice, "state"))["state"] == "POSTED"
    assert (await place.gql(mine, as_="resident")).data["myNotices"]["totalCount"] == 1
    place.clock.set(ended)
    assert (await see(place, notice, "state stateCode")) == {"state": "ENDED", "stateCode": "ENDED"}
    assert (await place.gql(mine, as_="resident")).data["myNotices"]["totalCount"] == 0
    assert (await step(place, "objectToNotice", notice, "resident", "__typename", text="晚了"))[
        "code"
    ] == "core.wrong_state"
    await place.settle()
    assert (await see(place, notice, "state"))["state"] == "ENDED"


async def test_acknowledging_counts_once(place: World) -> None:
    """Saying it twice counts once; the issuer sees who did, others see the number, and who does not belong here cannot."""
    notice = await post(place)
    for _ in range(2):
        assert (await step(place, "acknowledgeNotice", notice, "resident"))["state"] == "POSTED"
    fields = "acknowledgedCount acknowledgedByMe acknowledgements { totalCount }"
    assert await see(place, notice, fields, "resident") == {
        "acknowledgedCount": 1, "acknowledgedByMe": True, "acknowledgements": {"totalCount": 1},
    }  # fmt: skip
    assert await see(place, notice, fields, "tenant") == {
        "acknowledgedCount": 1, "acknowledgedByMe": False, "acknowledgements": {"totalCount": 0},
    }  # fmt: skip
    assert (await see(place, notice, fields, "chair"))["acknowledgements"] == {"totalCount": 1}
    assert (await step(place, "acknowledgeNotice", notice, "stranger"))["__typename"] == "NotAllowed"


async def test_an_objection_is_answered(place: World) -> None:
    """Objected once at a time, due in five working days, answered with reasons; read by objector and issuer alone."""
    notice = await post(place, kind="VOTER_ROLL")
    fields = "... on NoticeObjection { id state answerDue answer }"
    made = await step(place, "objectToNotice", notice, "resident", fields, text="我家面积有误")
    assert (made["state"], made["answerDue"]) == ("OPEN", "2026-03-10T00:00:00.000+08:00")
    again = await step(place, "objectToNotice", notice, "resident", fields, text="再提一次")
    assert again["code"] == "notices.already_objected"
    listed = "objections { totalCount nodes { text person { name } } }"
    for reader in ("resident", "chair", "staff"):
        assert (await see(place, notice, listed, reader))["objections"]["totalCount"] == 1, reader
    for other in ("tenant", "property", "captain", None):
        assert (await see(place, notice, listed, other))["objections"] == NOTHING, other
        assert (await place.gql(f'{{ node(id: "{made["id"]}") {{ id }} }}', as_=other)).data["node"] is None
    answer = {"objection": made["id"], "upheld": True, "answer": "已更正"}
    assert (await step(place, "answerObjection", notice, "property", fields, **answer))[
        "code"
    ] == "notices.not_the_issuer"
    assert (await step(place, "answerObjection", notice, "resident", fields, **answer))["__typename"] == "NotAllowed"
    answered = await step(place, "answerObjection", notice, "chair", fields, **answer)
    assert (answered["state"], answered["answer"]) == ("UPHELD", "已更正")
    assert (await step(place, "answerObjection", notice, "chair", fields, **answer))[
        "code"
    ] == "notices.already_answered"
    other = await post(place, kind="VOTER_ROLL")
    mixed = await step(place, "answerObjection", other, "chair", fields, **answer)
    assert mixed["code"] == "notices.no_such_objection"


async def test_a_withdrawn_notice_leaves_a_tombstone(place: World) -> None:
    """Title and reason stay for everybody; the text is gone, also from its versions."""
    notice = await post(place, body="误发的内容")
    assert (await step(place, "withdrawNotice", notice, "chair", reason=""))["code"] == "core.text_length"
    assert (await step(place, "withdrawNotice", notice, "chair", reason="内容有误"))["state"] == "WITHDRAWN"
    for reader in (None, "resident", "chair"):
        seen = await see(
            place, notice, "title body withdrawalReason withdrawnAt versions { nodes { number body } }", reader
        )
        assert seen == {
            "title": "电梯年检", "body": None, "withdrawalReason": "内容有误", "withdrawnAt": "2026-03-02T12:00:00.000+08:00",
            "versions": {"nodes": [{"number": 1, "body": None}]},
        }  # fmt: skip


async def upload(world: World, filename: str, content: bytes, as_: str) -> str:
    """Upload a file of the compound through a ticket; returns the attachment's id."""
    ticket = await world.do(
        "createUpload", {"community": world.demo.places["compound"].code, "filename": filename},
        "... on UploadTicket { attachmentId url }", as_=as_,
    )  # fmt: skip
    sent = await world.client.post(ticket["url"], files={"file": (filename, content)})
    assert sent.status_code == 200, sent.text
    return str(ticket["attachmentId"])


async def test_posting_on_a_board_is_proved_by_a_photograph(place: World) -> None:
    """A photograph is uploaded, tied to the posting, and downloaded by its signed address; a text file is no photograph."""
    notice = await post(place, displayUntil="2026-04-01T00:00:00+08:00")
    board = {"place": "BOARD", "location": "1栋大堂"}
    assert (await step(place, "recordPosting", notice, "chair", **board))["code"] == "notices.photo_needed"
    plain = await upload(place, "x.txt", "不是照片".encode(), "chair")
    assert (await step(place, "recordPosting", notice, "chair", photo=plain, **board))["code"] == "notices.not_a_photo"
    photo = await upload(place, "board.png", PNG, "chair")
    before = await step(place, "recordPosting", notice, "chair", photo=photo, at="2026-03-02T11:00:00+08:00", **board)
    assert before["code"] == "notices.wrong_time"
    assert (await step(place, "recordPosting", notice, "chair", photo=photo, **board))["state"] == "POSTED"
    shown = await see(place, notice, "postings { nodes { place location photo { url sha256 mediaType } } }")
    assert [(p["place"], p["location"]) for p in shown["postings"]["nodes"]] == [("ONLINE", ""), ("BOARD", "1栋大堂")]
    found = await place.client.get(shown["postings"]["nodes"][1]["photo"]["url"])
    assert (found.status_code, found.content) == (200, PNG)
    assert (await place.client.get(shown["postings"]["nodes"][1]["photo"]["url"] + "x")).status_code == 404
    made_up = await step(place, "recordPosting", notice, "chair", place="ONLINE")
    assert made_up["path"] == ["input", "place"]


async def test_a_notice_comes_with_its_files(place: World) -> None:
    """Attachments of a draft are shown with the notice, with a digest that anybody can check."""
    scan = await upload(place, "roll.png", PNG, "chair")
    notice = await post(place, attachments=[scan])
    files = (await see(place, notice, "attachments { nodes { id filename size } }"))["attachments"]["nodes"]
    assert files == [{"id": scan, "filename": "roll.png", "size": len(PNG)}]


async def test_the_permalink_is_a_plain_address(place: World) -> None:
    """A GET of the permalink shows a public notice to anybody, in a browser too."""
    notice = await post(place)
    link = (await see(place, notice, "permalink"))["permalink"]
    found = await place.client.get(link, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert found.status_code == 200, found.text
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    assert "<h1>电梯年检</h1>" in found.text
    assert "三月五日停梯半天。" in found.text


async def test_who_may_not_draft_is_told(place: World) -> None:
    """A resident cannot issue notices, in Chinese and in English."""
    zh = await draft(place, "resident")
    assert zh["message"].startswith("您在“示例花园01”没有")
    refused = await place.do(
        "draftNotice",
        {"community": place.demo.places["compound"].code, "kind": "GENERAL", "title": "t", "body": "b", "issuer": "i"},
        as_="resident", language="en",
    )  # fmt: skip
    assert refused["message"].startswith("You do not hold the permission notices.draft_notice")
