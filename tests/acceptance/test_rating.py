"""One-click rating by HTTP: one answer per person, figures after the close and only when enough answered, never of persons."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from plugins.rating.kinds import RatingScore
from plugins.rating.service import cast_rating
from tests.conftest import World

SHOWN = (
    "state period subject result { isWithheld smallestGroup asked satisfied answered satisfiedShare { numerator denominator } "
    "answerRate { numerator denominator } lowerBound } reasons myRating { score reason } reply"
)


async def ask(world: World, as_: str = "staff", fields: str = "... on ServiceRating { id state }", **more: Any) -> Any:
    """Open a rating of a service of the compound; returns the member of the result union."""
    rating = {
        "community": world.demo.places["compound"].code, "title": "保洁服务怎么样？", "period": "2026年第一季度",
        "kind": "SERVICE", "subject": "楼道保洁", **more,
    }  # fmt: skip
    return await world.do("openRating", {k: v for k, v in rating.items() if v is not None}, fields, as_=as_)


async def rate(world: World, rating: str, as_: str, score: str, reason: str = "", **more: Any) -> Any:
    """Rate as one of the cast; returns the member of the result union."""
    said = {"id": rating, "score": score, "reason": reason}
    return await world.do("castRating", said, "... on ServiceRating { myRating { score reason } }", as_=as_, **more)


async def step(world: World, mutation: str, rating: str, as_: str, **more: Any) -> Any:
    """Take another step with a rating; returns the member of the result union."""
    return await world.do(mutation, {"id": rating, **more}, "... on ServiceRating { state reply }", as_=as_)


async def see(world: World, rating: str, as_: str | None) -> Any:
    """Return a rating as one of the cast sees it, or None."""
    return (await world.gql(f'{{ serviceRating(id: "{rating}") {{ {SHOWN} }} }}', as_=as_)).data["serviceRating"]


async def crowd(world: World, rating: str, scores: list[RatingScore]) -> None:
    """Let as many further residents rate as there are scores."""
    for number, score in enumerate(scores):
        key = f"crowd{number}"
        await world.demo.person(key, f"示例众人{number}", "resident", world.demo.places["stairwell"], login=False)
        await world.demo.perform(
            cast_rating, key, id=int(rating.partition("_")[2]), score=score,
            reason="不够干净" if score is RatingScore.DISSATISFIED else "",
        )  # fmt: skip


async def test_a_rating_from_question_to_reply(world: World) -> None:
    """Asked, answered, changed, closed by the clock; then the figures are everybody's, and those responsible reply."""
    made = await ask(world, closesAt="2026-03-09T00:00:00+08:00")
    assert made["state"] == "OPEN"
    rating = made["id"]
    assert (await rate(world, rating, "resident", "FAIR"))["myRating"] == {"score": "FAIR", "reason": ""}
    assert (await rate(world, rating, "resident", "DISSATISFIED", "电梯口有垃圾"))["myRating"][
        "score"
    ] == "DISSATISFIED"
    await crowd(world, rating, [RatingScore.SATISFIED] * 9)
    during = await see(world, rating, "staff")
    assert (during["result"], during["reasons"]) == (None, [])
    world.clock.advance(days=7)
    closed = await see(world, rating, "tenant")
    assert closed["state"] == "CLOSED"
    assert closed["result"] == {
        "isWithheld": False, "smallestGroup": 10, "asked": 2, "satisfied": 9, "answered": 10,
        "satisfiedShare": {"numerator": "9", "denominator": "10"}, "answerRate": {"numerator": "1", "denominator": "1"},
        "lowerBound": "0.5958",
    }  # fmt: skip
    assert closed["myRating"] is None
    assert closed["reasons"] == []
    assert (await see(world, rating, "property"))["reasons"] == ["电梯口有垃圾"]
    assert (await rate(world, rating, "resident", "SATISFIED"))["code"] == "core.wrong_state"
    assert (await step(world, "replyToRating", rating, "resident", reply="x"))["__typename"] == "NotAllowed"
    assert (await step(world, "replyToRating", rating, "property", reply="已加派人手"))["reply"] == "已加派人手"
    assert (await step(world, "replyToRating", rating, "property", reply="再答"))["code"] == "rating.replied"
    await world.settle()
    assert (await see(world, rating, "resident"))["reply"] == "已加派人手"


async def test_too_few_answers_tell_nothing(world: World) -> None:
    """With nine answers every figure is withheld, and so are the reasons, from everybody."""
    rating = (await ask(world))["id"]
    await rate(world, rating, "resident", "DISSATISFIED", "太吵")
    await crowd(world, rating, [RatingScore.SATISFIED] * 8)
    assert (await step(world, "closeRating", rating, "staff"))["state"] == "CLOSED"
    for reader in ("resident", "staff", "property", "auditor"):
        seen = await see(world, rating, reader)
        assert seen["result"] == {
            "isWithheld": True, "smallestGroup": 10, "asked": 2, "satisfied": None, "answered": None,
            "satisfiedShare": None, "answerRate": None, "lowerBound": None,
        }, reader  # fmt: skip
        assert seen["reasons"] == []


async def test_nobody_sees_what_another_said(world: World) -> None:
    """A rating given is its giver's alone: not by its id, not in the trace, not in the feed of others."""
    rating = (await ask(world))["id"]
    start = (await world.gql("{ changes { cursor } }", as_="tenant")).data["changes"]["cursor"]
    said = await world.do(
        "castRating", {"id": rating, "score": "DISSATISFIED", "reason": "太吵"},
        "... on ServiceRating { myRating { id } }", as_="resident",
    )  # fmt: skip
    mine = said["myRating"]["id"]
    assert (await world.gql(f'{{ node(id: "{mine}") {{ id }} }}', as_="resident")).data["node"] == {"id": mine}
    for other in ("tenant", "staff", "auditor", "property", None):
        assert (await world.gql(f'{{ node(id: "{mine}") {{ id }} }}', as_=other)).data["node"] is None, other
    heard = "query($a: String) { changes(after: $a) { changes { type payload } } }"
    assert (await world.gql(heard, {"a": start}, as_="tenant")).data["changes"]["changes"] == []
    leaves = await world.kernel.database.fetch("SELECT body FROM core_trace_leaf WHERE deed = 'rating.cast_rating'")
    assert len(leaves) == 1
    assert "DISSATISFIED" not in leaves[0]["body"]
    assert '"actor":null' in leaves[0]["body"]


async def test_one_answer_per_person_whatever_the_haste(world: World) -> None:
    """Clicking five times at once leaves one answer."""
    rating = (await ask(world))["id"]
    await asyncio.gather(*(rate(world, rating, "resident", "SATISFIED") for _ in range(5)))
    count = await world.kernel.database.value("SELECT COUNT(*) FROM rating_score")
    assert count == 1


async def test_one_rating_of_a_subject_per_period(world: World) -> None:
    """Asking again for the same period is refused, also when written a little differently; another period is not."""
    await ask(world)
    again = await ask(world, subject=" 楼道 保洁！", period="２０２６年第一季度")
    assert again["code"] == "rating.already_asked"
    assert (await ask(world, period="2026年第二季度"))["state"] == "OPEN"


async def test_persons_are_never_rated(world: World) -> None:
    """A subject or a question that holds the name of somebody of the place is refused."""
    refused = await ask(world, kind="PROVIDER", subject="示例物业管家", fields="__typename")
    assert (refused["code"], refused["path"]) == ("rating.no_persons", ["input", "subject"])
    asked = await ask(world, title="示例楼长做得好吗？")
    assert (asked["code"], asked["path"]) == ("rating.no_persons", ["input", "title"])


async def test_only_what_is_finished_is_rated(world: World) -> None:
    """A notice on display cannot be rated; once its display has ended it can, and the two are linked."""
    code = world.demo.places["compound"].code
    notice = await world.do(
        "draftNotice", {"community": code, "kind": "VOTER_ROLL", "title": "名册", "body": "b", "issuer": "i"},
        "... on Notice { id }", as_="chair",
    )  # fmt: skip
    await world.do("postNotice", {"id": notice["id"]}, as_="chair")
    about = {"kind": "MATTER", "about": notice["id"], "subject": None}
    early = await ask(world, **about)
    assert (early["code"], early["path"]) == ("rating.not_finished", ["input", "about"])
    world.clock.advance(days=9)
    made = await ask(
        world, **about, fields="... on ServiceRating { id subject about { id } links { relation matter { id } } }"
    )
    assert made["about"] == {"id": notice["id"]}
    assert made["links"] == [{"relation": "RATES", "matter": {"id": notice["id"]}}]
    assert (await ask(world, kind="MATTER"))["code"] == "rating.subject_missing"
    assert (await ask(world, kind="MATTER", subject=None, about="Notice_1"))["code"] == "core.not_found"
    assert (await ask(world, kind="MATTER", subject=None, about=made["id"]))["code"] == "core.bad_id"


async def test_a_rating_opens_by_itself(world: World) -> None:
    """Announced for later, it is seen by staff alone until it opens; then people rate without any sweep having run."""
    rating = (await ask(world, opensAt="2026-03-05T08:00:00+08:00"))["id"]
    assert await see(world, rating, "resident") is None
    assert (await see(world, rating, "staff"))["state"] == "DRAFT"
    assert (await rate(world, rating, "resident", "FAIR"))["__typename"] == "NotFound"
    world.clock.advance(days=3)
    assert (await see(world, rating, "resident"))["state"] == "OPEN"
    assert (await rate(world, rating, "resident", "FAIR"))["myRating"]["score"] == "FAIR"
    await world.settle()
    world.clock.advance(days=30)
    assert (await see(world, rating, "resident"))["state"] == "CLOSED"


@pytest.mark.parametrize(
    ("window", "field"),
    [
        ({"opensAt": "2026-03-01T08:00:00+08:00"}, "opensAt"),
        ({"closesAt": "2026-03-02T09:00:00+08:00"}, "closesAt"),
        ({"closesAt": "2026-09-02T09:00:00+08:00"}, "closesAt"),
    ],
)
async def test_a_window_has_bounds(world: World, window: dict[str, str], field: str) -> None:
    """Neither in the past, nor closing before it opens, nor open for half a year."""
    refused = await ask(world, **window)
    assert (refused["code"], refused["path"]) == ("rating.bad_window", ["input", field])


async def test_who_may_rate_and_who_may_ask(world: World) -> None:
    """People of the place rate; strangers, nobody and those responsible do not; residents ask for no ratings."""
    rating = (await ask(world))["id"]
    assert (await rate(world, rating, "stranger", "FAIR"))["__typename"] == "NotFound"
    assert (await rate(world, rating, "chair", "FAIR"))["__typename"] == "NotAllowed"
    assert await see(world, rating, None) is None
    assert (await ask(world, "resident"))["__typename"] == "NotAllowed"
    without = await rate(world, rating, "resident", "DISSATISFIED", language="en")
    assert (without["code"], without["path"]) == ("rating.reason_needed", ["input", "reason"])
    assert without["message"].startswith("Say what was not good")
    assert (await rate(world, rating, "resident", "DISSATISFIED"))["message"].startswith("请写明不满意的原因")
    also = {
        "personId": f"Person_{world.demo.people['property']}",
        "role": "resident",
        "community": world.demo.places["compound"].code,
    }
    assert (await world.do("appoint", also, as_="staff"))["__typename"] == "Appointment"
    assert (await rate(world, rating, "property", "SATISFIED"))["code"] == "rating.own_work"


async def test_the_smallest_group_is_only_raised(world: World) -> None:
    """A place may ask for more answers before figures are told, never for fewer."""
    code = world.demo.places["compound"].code
    lower = {"community": code, "plugin": "rating", "key": "smallest_group", "value": "3"}
    assert (await world.do("setSetting", lower, as_="staff"))["__typename"] == "InvalidInput"
    assert (await world.do("setSetting", {**lower, "value": "30"}, as_="staff"))["__typename"] != "InvalidInput"
    rating = (await ask(world))["id"]
    await world.do("closeRating", {"id": rating}, as_="staff")
    assert (await see(world, rating, "resident"))["result"]["smallestGroup"] == 30
