"""Micro-wishes by HTTP: from posting to thanks, and everything that must not happen on the way."""

from __future__ import annotations

from typing import Any

import pytest

from core import background
from tests.conftest import World

ADDRESS = "1栋1单元302室，电话 12012345678"
CONTACT = "电话 12087654321"
SHOWN = (
    "{ id title state alias author { name } address story thanks screeningNote satisfaction isForMinor "
    "claims { totalCount nodes { id state contact reason message claimer { id } } } }"
)


@pytest.fixture
async def street(world: World) -> World:
    """Add two more neighbours, who could claim, to the cast."""
    await world.person("neighbour", "resident", world.demo.places["stairwell"])
    await world.person("helper", "resident", world.demo.places["stairwell"])
    return world


def code(world: World) -> str:
    """Return the code of the compound on whose wall the wishes hang."""
    return world.demo.places["compound"].code


async def step(
    world: World, mutation: str, wish: str, as_: str, fields: str = "... on Wish { state }", **more: Any
) -> Any:
    """Take one step with a wish; returns the member of the result union."""
    language = more.pop("language", "zh")
    return await world.do(mutation, {"id": wish, **more}, fields, as_=as_, language=language)


async def post(world: World, as_: str = "resident", **more: Any) -> str:
    """Write down a wish as one of the cast; returns its id."""
    wish = {
        "community": code(world), "title": "想要一副老花镜", "story": "旧的摔坏了，看不清报纸。", "type": "GOODS",
        "alias": "三月的风", "valueFen": 8000, "building": "1栋", "address": ADDRESS, **more,
    }  # fmt: skip
    made = await world.do("openWish", wish, "... on Wish { id state }", as_=as_)
    assert made["state"] == "DRAFT", made
    return str(made["id"])


async def publish(world: World, **more: Any) -> str:
    """Bring a new wish onto the wall; returns its id."""
    wish = await post(world, **more)
    assert (await step(world, "submitWish", wish, "resident"))["state"] == "SUBMITTED"
    assert (await step(world, "approveWish", wish, "staff"))["state"] == "SCREENED"
    assert (await step(world, "publishWish", wish, "staff"))["state"] == "PUBLISHED"
    return wish


async def claim(world: World, wish: str, as_: str = "neighbour", **more: Any) -> Any:
    """Claim a wish with a contact."""
    return await step(world, "claimWish", wish, as_, message="我有一副新的", contact=CONTACT, **more)


async def agreed(world: World) -> str:
    """Bring a new wish to where both agreed; returns its id."""
    wish = await publish(world)
    assert (await claim(world, wish))["state"] == "CLAIMED"
    assert (await step(world, "agreeClaim", wish, "resident"))["state"] == "AGREED"
    return wish


async def see(world: World, wish: str, as_: str | None) -> Any:
    """Return a wish as one of the cast sees it, or None."""
    return (await world.gql(f'{{ wish(id: "{wish}") {SHOWN} }}', as_=as_)).data["wish"]


async def states(world: World, wish: str, as_: str = "resident") -> tuple[str, list[str]]:
    """Return the state of a wish and those of its claims, newest first."""
    seen = await see(world, wish, as_)
    return seen["state"], [c["state"] for c in seen["claims"]["nodes"]]


async def test_a_wish_from_posting_to_thanks(street: World) -> None:
    """Posted, screened, published, claimed, agreed, fulfilled, confirmed, rated, closed; the address is shared only then."""
    wish = await publish(street)
    assert (await claim(street, wish))["state"] == "CLAIMED"
    early = await see(street, wish, "neighbour")
    assert early["address"] is None
    assert (await see(street, wish, "resident"))["claims"]["nodes"][0]["contact"] is None
    assert (await step(street, "agreeClaim", wish, "resident"))["state"] == "AGREED"
    assert (await see(street, wish, "neighbour"))["address"] == ADDRESS
    assert (await see(street, wish, "resident"))["claims"]["nodes"][0]["contact"] == CONTACT
    for mutation, as_, state in (
        ("beginWish", "neighbour", "FULFILLING"), ("deliverWish", "neighbour", "DELIVERED"),
        ("confirmWish", "resident", "CONFIRMED"),
    ):  # fmt: skip
        assert (await step(street, mutation, wish, as_))["state"] == state
    assert (await see(street, wish, "neighbour"))["address"] is None
    assert (await see(street, wish, "resident"))["address"] is None
    thanks = {"satisfaction": "GLAD", "thanks": "字又清楚了，谢谢！", "thanksIsPublic": True}
    assert (await step(street, "rateWish", wish, "resident", **thanks))["state"] == "RATED"
    assert (await step(street, "closeWish", wish, "staff"))["state"] == "CLOSED"
    shown = await see(street, wish, "helper")
    assert (shown["thanks"], shown["satisfaction"], shown["alias"]) == ("字又清楚了，谢谢！", None, "三月的风")
    figures = await street.gql(
        f'{{ community(code: "{code(street)}") {{ wishFigures {{ submitted claimed confirmed }} }} }}'
    )
    assert figures.data["community"]["wishFigures"] == {"submitted": 1, "claimed": 1, "confirmed": 1}


async def test_each_role_sees_no_more_than_it_needs(street: World) -> None:
    """The wall shows the alias; author and address stay hidden; strangers and nobody see no wish at all."""
    wish = await agreed(street)
    for other in ("helper", "chair", "staff"):
        seen = await see(street, wish, other)
        assert seen["alias"] == "三月的风"
        assert seen["address"] is None, other
        assert [c["contact"] for c in seen["claims"]["nodes"]] == ([None] if other == "staff" else [])
    assert (await see(street, wish, "helper"))["author"] is None
    assert (await see(street, wish, "neighbour"))["author"] is None
    assert (await see(street, wish, "staff"))["author"] is not None
    for outsider in ("stranger", None):
        assert await see(street, wish, outsider) is None
        found = await street.gql(
            f'{{ node(id: "{wish}") {{ id }} community(code: "{code(street)}") {{ wishes {{ totalCount nodes {{ id }} }} '
            "matters { totalCount nodes { id } } } }", as_=outsider,
        )  # fmt: skip
        empty = {"totalCount": 0, "nodes": []}
        assert found.data == {"node": None, "community": {"wishes": empty, "matters": empty}}
    seen = await street.gql(
        f'{{ node(id: "{wish}") {{ ... on Matter {{ author {{ id name }} }} }} }}', as_="helper"
    )  # the same field through the interface
    assert seen.data["node"] == {"author": None}


async def test_a_draft_is_seen_by_its_author_alone(street: World) -> None:
    """Not even those who screen see what was not handed in; what was handed in they see, and neighbours do not."""
    wish = await post(street, isForMinor=True, isByGuardian=True)
    assert await see(street, wish, "staff") is None
    await step(street, "submitWish", wish, "resident")
    assert (await see(street, wish, "staff"))["isForMinor"] is True
    assert await see(street, wish, "neighbour") is None
    await step(street, "approveWish", wish, "staff")
    await step(street, "publishWish", wish, "staff")
    assert (await see(street, wish, "neighbour"))["isForMinor"] is None


async def test_a_wish_referred_to_aid_never_reaches_the_wall(street: World) -> None:
    """What was handed to statutory aid and closed stays between the beneficiary and the screeners."""
    wish = await post(street)
    await step(street, "submitWish", wish, "resident")
    assert (await step(street, "referWish", wish, "staff", note="可申请临时救助"))["state"] == "REFERRED"
    assert (await step(street, "closeWish", wish, "staff"))["state"] == "CLOSED"
    assert await see(street, wish, "neighbour") is None
    assert (await see(street, wish, "resident"))["screeningNote"] == "可申请临时救助"


async def test_a_returned_wish_is_mended_and_handed_in_again(street: World) -> None:
    """The reason is the beneficiary's to read; after a change the wish is screened anew."""
    wish = await post(street)
    await step(street, "submitWish", wish, "resident")
    refused = await step(street, "returnWish", wish, "staff")
    assert (refused["code"], refused["path"]) == ("core.text_length", ["input", "note"])
    await step(street, "returnWish", wish, "staff", note="请写明度数")
    assert (await see(street, wish, "resident"))["screeningNote"] == "请写明度数"
    changed = await step(street, "reviseWish", wish, "resident", "... on Wish { title type }", title="想要 200 度老花镜",
                         type="SERVICE")  # fmt: skip
    assert (changed["title"], changed["type"]) == ("想要 200 度老花镜", "SERVICE")
    assert (await step(street, "submitWish", wish, "resident"))["state"] == "SUBMITTED"


async def test_a_claim_lapses_without_a_sweep_and_with_one(street: World) -> None:
    """After seven days the wish is open again by itself; the sweep afterwards gives it time on the wall anew."""
    wish = await publish(street)
    await claim(street, wish)
    street.clock.advance(days=7)
    assert await states(street, wish) == ("CLAIMED", ["OPEN"])
    street.clock.advance(days=1)
    assert await states(street, wish) == ("RELEASED", ["OPEN"])
    assert (await step(street, "agreeClaim", wish, "resident"))["code"] == "core.wrong_state"
    assert (await claim(street, wish, "helper"))["state"] == "CLAIMED"
    assert await states(street, wish) == ("CLAIMED", ["OPEN", "LAPSED"])
    street.clock.advance(days=9)
    await street.settle()
    assert await states(street, wish) == ("RELEASED", ["LAPSED", "LAPSED"])
    running = await street.gql(f'{{ wish(id: "{wish}") {{ deadlines {{ step }} }} }}', as_="resident")
    assert running.data["wish"]["deadlines"] == [{"step": "expire_wish"}]


async def test_a_lapsed_claimers_contact_is_not_left_to_the_next_agreement(street: World) -> None:
    """Whoever never came to an agreement is not shown to the beneficiary when somebody else does."""
    wish = await publish(street)
    await claim(street, wish)
    street.clock.advance(days=9)
    await claim(street, wish, "helper")
    await step(street, "agreeClaim", wish, "resident")
    claims = (await see(street, wish, "resident"))["claims"]["nodes"]
    assert [c["contact"] for c in claims] == [CONTACT, None]
    kept = await street.kernel.database.value("SELECT COUNT(*) FROM wishes_claim WHERE contact_sealed IS NOT NULL")
    assert kept == 1
    assert (await see(street, wish, "neighbour"))["address"] is None


async def test_an_overrun_wish_takes_the_address_back(street: World) -> None:
    """Thirty days after agreeing the claimer no longer sees the address, whether or not a sweep has run."""
    wish = await agreed(street)
    await step(street, "beginWish", wish, "neighbour")
    street.clock.advance(days=31)
    assert (await see(street, wish, "neighbour"))["address"] is None
    assert (await step(street, "deliverWish", wish, "neighbour"))["code"] == "core.wrong_state"
    await street.settle()
    assert await states(street, wish) == ("RELEASED", ["LAPSED"])


async def test_a_wish_that_nobody_claims_expires_with_its_address(street: World) -> None:
    """After ninety days on the wall a wish expires; the sweep erases its address."""
    wish = await publish(street)
    street.clock.advance(days=92)
    assert (await states(street, wish))[0] == "EXPIRED"
    await street.settle()
    assert (await see(street, wish, "resident"))["address"] is None


async def test_a_wish_that_expires_among_much_else_loses_its_address(
    street: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What follows an event happens, too, when it lies behind more events than are looked through at a time."""
    monkeypatch.setattr(background, "LOOK", 1)
    wish = await publish(street)
    street.clock.advance(days=92)
    await street.settle()
    assert (await see(street, wish, "resident"))["address"] is None


async def test_wishes_are_small_and_never_money(street: World) -> None:
    """Over the cap, for cash, or for a minor without the guardian: refused at the door, with what to do, in both languages."""
    base = {
        "community": code(street), "title": "t", "story": "s", "type": "GOODS", "alias": "a", "valueFen": 50_001,
    }  # fmt: skip
    over = await street.do("openWish", base, as_="resident")
    assert (over["code"], over["path"]) == ("wishes.over_cap", ["input", "valueFen"])
    assert over["message"] == "心愿价值不能超过 500 元。"
    cash = await street.do("openWish", {**base, "valueFen": 1, "asksForCash": True}, as_="resident", language="en")
    assert cash["code"] == "wishes.cash"
    assert cash["message"].startswith("A wish cannot be for money")
    minor = await street.do("openWish", {**base, "valueFen": 1, "isForMinor": True}, as_="resident")
    assert minor["code"] == "wishes.guardian_needed"
    below = await street.do("openWish", {**base, "valueFen": -1}, as_="resident")
    assert (below["code"], below["path"]) == ("core.invalid", ["input", "valueFen"])


@pytest.mark.parametrize(
    ("field", "value", "problem"),
    [
        ("story", "送到 302室", "wishes.shows_address"),
        ("building", "1-2-302", "wishes.shows_address"),
        ("title", "打 13800138000", "wishes.shows_address"),
        ("alias", "示例居民", "wishes.own_name"),
    ],
)
async def test_the_wall_shows_neither_name_nor_door(street: World, field: str, value: str, problem: str) -> None:
    """What would tell everybody who the beneficiary is or where they live is refused, naming the field."""
    given = {
        "title": "t",
        "story": "s",
        "alias": "a",
        "type": "GOODS",
        "valueFen": 1,
        "community": code(street),
        field: value,
    }
    refused = await street.do("openWish", given, as_="resident")
    assert (refused["code"], refused["path"]) == (problem, ["input", field])


async def test_nobody_claims_their_own_wish(street: World) -> None:
    """The beneficiary cannot claim, and is told so before trying."""
    wish = await publish(street)
    assert (await claim(street, wish, "resident"))["code"] == "wishes.own_wish"
    can = await street.gql(
        f'{{ wish(id: "{wish}") {{ viewerCan {{ deed allowed reason {{ code }} }} }} }}', as_="resident"
    )
    abilities = {ability["deed"]: ability for ability in can.data["wish"]["viewerCan"]}
    assert abilities["wishes.claim_wish"] == {
        "deed": "wishes.claim_wish", "allowed": False, "reason": {"code": "wishes.own_wish"},
    }  # fmt: skip
    assert abilities["wishes.withdraw_wish"]["allowed"]


async def test_a_household_does_not_help_itself(street: World) -> None:
    """Whoever is verified to live in the beneficiary's flat cannot claim; before verification the register knows nothing."""
    stairwell = street.demo.places["stairwell"].code
    flat = {"community": stairwell, "label": "302", "registryArea": "80.00"}
    assert (await street.do("addUnit", flat, as_="staff"))["__typename"] == "Unit"
    asked = []
    for person in ("resident", "neighbour"):
        wanted = {"community": stairwell, "unit": "302", "kind": "FAMILY"}
        made = await street.do("requestResidency", wanted, "... on Resident { id }", as_=person)
        asked.append(made["id"])
    unverified = await publish(street)
    assert (await claim(street, unverified))["state"] == "CLAIMED"
    await step(street, "releaseWish", unverified, "neighbour")
    for request in asked:
        assert (await street.do("verifyResident", {"id": request}, as_="staff"))["__typename"] == "Resident"
    assert (await claim(street, unverified))["code"] == "wishes.same_household"
    assert (await claim(street, unverified, "helper"))["state"] == "CLAIMED"


async def test_without_the_register_wishes_go_on(street: World) -> None:
    """The register is of use, not a need: where it is off, a wish is claimed all the same."""
    off = {"community": code(street), "plugin": "register"}
    for plugin in ("elections", "voting", "register"):
        assert (await street.do("disablePlugin", {**off, "plugin": plugin}, as_="staff"))["__typename"] == "Community"
    assert (await claim(street, await publish(street)))["state"] == "CLAIMED"


async def test_one_open_claim_per_person(street: World) -> None:
    """A second claim waits until the first is done or released; one that lapsed unseen by any sweep counts no more."""
    first, second = await publish(street), await publish(street, title="第二个心愿")
    await claim(street, first)
    refused = await claim(street, second, language="en")
    assert refused["code"] == "wishes.too_many_claims"
    assert refused["message"] == "You have 1 open claims; finish or release them first."
    street.clock.advance(days=9)
    assert (await claim(street, second))["state"] == "CLAIMED"


async def test_the_beneficiary_may_decline_a_claimer_for_good(street: World) -> None:
    """Declined without a reason; the wish is open to others, not to that claimer, who keeps it on the wall only."""
    wish = await publish(street)
    await claim(street, wish)
    assert (await step(street, "refuseClaim", wish, "neighbour"))["code"] == "wishes.not_the_beneficiary"
    assert (await step(street, "refuseClaim", wish, "resident"))["state"] == "RELEASED"
    assert (await claim(street, wish))["code"] == "wishes.refused_before"
    assert (await claim(street, wish, "helper"))["state"] == "CLAIMED"


async def test_steps_belong_to_whom_they_concern(street: World) -> None:
    """A bystander can neither agree, nor begin, nor confirm; a stranger does not even find the wish."""
    wish = await agreed(street)
    assert (await step(street, "beginWish", wish, "helper"))["code"] == "wishes.not_the_claimer"
    await step(street, "beginWish", wish, "neighbour")
    await step(street, "deliverWish", wish, "neighbour")
    assert (await step(street, "confirmWish", wish, "neighbour"))["code"] == "wishes.not_the_beneficiary"
    assert (await step(street, "confirmWish", wish, "staff"))["code"] == "wishes.not_the_beneficiary"
    assert (await step(street, "confirmWish", wish, "stranger"))["__typename"] == "NotFound"
    refused = await street.do(
        "openWish",
        {"community": code(street), "title": "t", "story": "s", "type": "INFO", "alias": "a", "valueFen": 0},
        as_="stranger",
    )
    assert refused["__typename"] == "NotAllowed"


async def test_nobody_screens_their_own_wish(street: World) -> None:
    """A community worker's own wish is screened by somebody else."""
    wish = await post(street, as_="staff")
    await step(street, "submitWish", wish, "staff")
    assert (await step(street, "approveWish", wish, "staff"))["code"] == "wishes.own_screening"
    assert (await step(street, "approveWish", wish, "town"))["state"] == "SCREENED"


async def test_a_contested_delivery_goes_on(street: World) -> None:
    """Only the beneficiary's word counts: what did not arrive is being fulfilled again, and the claimer reads why."""
    wish = await agreed(street)
    await step(street, "beginWish", wish, "neighbour")
    await step(street, "deliverWish", wish, "neighbour")
    street.clock.advance(days=60)
    assert (await states(street, wish))[0] == "DELIVERED"  # silence is not confirmation
    contested = await step(street, "contestDelivery", wish, "resident", reason="没有收到")
    assert contested["state"] == "FULFILLING"
    assert (await see(street, wish, "neighbour"))["claims"]["nodes"][0]["reason"] == "没有收到"
    assert (await see(street, wish, "neighbour"))["address"] == ADDRESS


async def test_withdrawal_erases_the_address(street: World) -> None:
    """A wish taken back is gone for others, its address and the claimer's contact are erased."""
    wish = await agreed(street)
    assert (await step(street, "withdrawWish", wish, "resident"))["state"] == "WITHDRAWN"
    seen = await see(street, wish, "resident")
    assert (seen["address"], seen["claims"]["nodes"][0]["contact"]) == (None, None)
    for other in ("neighbour", "helper"):
        assert await see(street, wish, other) is None
    stored = await street.kernel.database.fetch(
        "SELECT address_sealed, contact_sealed FROM wishes_wish w JOIN wishes_claim c ON c.wish_id = w.matter_id"
    )
    assert [tuple(row) for row in stored] == [(None, None)]


async def test_addresses_are_sealed_in_the_database(street: World) -> None:
    """Whoever reads the tables reads no address."""
    await agreed(street)
    row = (await street.kernel.database.fetch("SELECT address_sealed, contact_sealed FROM wishes_wish w JOIN wishes_claim c "
                                              "ON c.wish_id = w.matter_id"))[0]  # fmt: skip
    assert "302" not in row["address_sealed"]
    assert "12087654321" not in row["contact_sealed"]


async def test_visits_by_two_need_a_second_neighbour(street: World) -> None:
    """The beneficiary agrees to two people or to nobody; neither claimer nor beneficiary is the second one."""
    wish = await publish(street, isVisitedByTwo=True)
    await claim(street, wish)
    assert (await step(street, "agreeClaim", wish, "resident"))["code"] == "wishes.companion_needed"
    assert (await step(street, "joinVisit", wish, "neighbour"))["code"] == "wishes.companion_unfit"
    assert (await step(street, "joinVisit", wish, "resident"))["code"] == "wishes.own_wish"
    assert (await step(street, "joinVisit", wish, "helper"))["state"] == "CLAIMED"
    assert (await step(street, "agreeClaim", wish, "resident"))["state"] == "AGREED"
    assert (await see(street, wish, "helper"))["address"] is None


async def test_a_released_wish_is_claimed_by_another(street: World) -> None:
    """Nobody is held to a claim; its contact is erased and somebody else may step in."""
    wish = await agreed(street)
    assert (await step(street, "releaseWish", wish, "neighbour", reason="要出差"))["state"] == "RELEASED"
    await street.settle()
    assert (await claim(street, wish, "helper"))["state"] == "CLAIMED"
    assert await states(street, wish) == ("CLAIMED", ["OPEN", "RELEASED"])


async def test_the_feed_tells_a_wish_to_its_wall_only(street: World) -> None:
    """A neighbour follows what happens on the wall; a stranger hears nothing of it."""
    start = (await street.gql("{ changes { cursor } }", as_="neighbour")).data["changes"]["cursor"]
    await publish(street)
    heard = "query($a: String) { changes(after: $a) { changes { type } } }"
    mine = (await street.gql(heard, {"a": start}, as_="neighbour")).data["changes"]["changes"]
    assert "wishes.wish_published" in [change["type"] for change in mine]
    assert (await street.gql(heard, {"a": start}, as_="stranger")).data["changes"]["changes"] == []
