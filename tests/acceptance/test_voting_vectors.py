"""The vectors of the counting rules, TV01 to TV16, each from ballots over HTTP to the verdict that the API shows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.acceptance.voting_world import Entry, announce, cast, close, draft, make_roll, opening, owner, show
from tests.conftest import World

PLAIN = tuple(Entry() for _ in range(12))
WITH_STOCK = (*(Entry() for _ in range(6)), Entry(60_000, is_stock=True))
THREE_UNITS = (Entry(30_000), *(Entry() for _ in range(9)))
ONE_LARGE = (Entry(40_000), *(Entry(8_000) for _ in range(10)))
# The real case of 2261 votes: its groups of equal ballots stand as entries with their own numbers of heads.
COURT = tuple(Entry(heads * 10_000, heads) for heads in (995, 27, 125, 1071, 43))
SECOND = tuple(Entry(heads * 10_000, heads) for heads in (991, 25, 131, 1071, 43))


@dataclass(frozen=True)
class Vector:
    """A roll, what its entries vote in their order (F, A, B, or nothing), and what must come of it."""

    name: str
    entries: tuple[Entry, ...]
    votes: str
    matter: str
    participating: tuple[int, int]
    in_favour: tuple[int, int]
    outcome: str
    is_following: bool = False


FUND, PROVIDER, COMMON = "MAINTENANCE_FUND_USE", "SERVICE_PROVIDER", "COMMON_PART_CHANGE_OR_BUSINESS"
VECTORS = (
    Vector("TV01", PLAIN, "FFFFFAAA", FUND, (80_000, 8), (50_000, 5), "PASSED"),
    Vector("TV02", PLAIN, "FFFFAAAA", FUND, (80_000, 8), (40_000, 4), "NOT_PASSED"),
    Vector("TV03", PLAIN, "FFFFFFF", FUND, (70_000, 7), (70_000, 7), "QUORUM_NOT_MET"),
    Vector("TV04", PLAIN, "FFFFFFAA", COMMON, (80_000, 8), (60_000, 6), "PASSED"),
    Vector("TV05", PLAIN, "FFFFFAAA", COMMON, (80_000, 8), (50_000, 5), "NOT_PASSED"),
    Vector("TV06", PLAIN, "FFFFAABBB", FUND, (90_000, 9), (40_000, 4), "NOT_PASSED"),
    Vector("TV07", PLAIN, "FFFAAAAA", PROVIDER, (80_000, 8), (30_000, 3), "NOT_PASSED"),
    Vector("TV08", WITH_STOCK, "FFFFFF", FUND, (60_000, 6), (60_000, 6), "QUORUM_NOT_MET"),
    Vector("TV09", WITH_STOCK, "FFFFFFA", FUND, (120_000, 7), (60_000, 6), "NOT_PASSED"),
    Vector("TV10", WITH_STOCK, "FFFFFFF", COMMON, (120_000, 7), (120_000, 7), "PASSED"),
    Vector("TV11", THREE_UNITS, "FFFAAAA", FUND, (90_000, 7), (50_000, 3), "NOT_PASSED"),
    Vector("TV12", ONE_LARGE, "FFFAAAAA", FUND, (96_000, 8), (56_000, 3), "NOT_PASSED"),
    Vector(
        "TV13 66.66", (Entry(3_333), Entry(3_333), Entry(3_334)), "FF", FUND, (6_666, 2), (6_666, 2), "QUORUM_NOT_MET"
    ),
    Vector("TV13 66.67", (Entry(3_334), Entry(3_333), Entry(3_333)), "FF", FUND, (6_667, 2), (6_667, 2), "PASSED"),
    Vector("TV14", COURT, "FAB", PROVIDER, (11_470_000, 1147), (9_950_000, 995), "QUORUM_NOT_MET"),
    Vector("TV15", COURT, "FAB", PROVIDER, (22_180_000, 2218), (20_660_000, 2066), "PASSED", is_following=True),
    Vector("TV16", SECOND, "FAB", PROVIDER, (22_180_000, 2218), (20_620_000, 2062), "PASSED", is_following=True),
)
CHOICES = {"F": "FOR", "A": "AGAINST", "B": "ABSTAIN"}


@pytest.mark.parametrize("vector", VECTORS, ids=[v.name for v in VECTORS])
async def test_vector(world: World, vector: Vector) -> None:
    """Ballots of a vector lead to its outcome, with its exact figures on both axes."""
    await owner(world, "owner")
    if vector.is_following:
        await _follow_the_majority(world)
    roll = await make_roll(world, *vector.entries)
    clause = {"silenceText": "送达后未表决的，视为同意已表决的多数意见。", "legalReviewNote": "社区已审查。"}
    poll, (motion,) = await draft(world, roll, vector.matter, **(clause if vector.is_following else {}))
    await announce(world, poll)
    if vector.is_following:
        await _serve(world, poll)
    world.clock.set(opening(world))
    for number, vote in enumerate(vector.votes, start=1):
        receipt = await cast(world, poll, {motion: CHOICES[vote]}, entry=roll.entry(number))
        assert receipt["__typename"] == "BallotReceipt", receipt
    await close(world, poll)
    _check(vector, await show(world, poll, as_="owner"))


async def _follow_the_majority(world: World) -> None:
    """Have the bylaws count silent owners with the majority, before the vote is announced."""
    community = world.demo.places["compound"].code
    found = await world.do(
        "setSetting",
        {
            "community": community,
            "plugin": "voting",
            "key": "silence_policy",
            "value": '"FOLLOW_MAJORITY"',
            "reason": "章程",
        },
        as_="staff",
    )
    assert found["__typename"] == "Community", found


async def _serve(world: World, poll: str) -> None:
    """Deliver the slips of the entries one to four with proof; the fifth cannot be delivered, and that is posted."""
    await world.do("issueSlips", {"id": poll}, as_="staff")
    for number in (1, 2, 3, 4):
        found = await world.do(
            "recordDelivery", {"id": poll, "number": number, "delivery": "PROVEN", "how": "IN_PERSON"}, as_="staff"
        )
        assert found["__typename"] == "PaperSlip", found
    assert (await world.do("postUndeliverable", {"id": poll}, as_="staff"))["__typename"] == "Poll"


def _check(vector: Vector, poll: dict[str, Any]) -> None:
    result = poll["motions"]["nodes"][0]["result"]
    verdict = result["verdict"]
    legs = {leg["name"]: leg["share"] for leg in verdict["legs"]}
    assert result["outcome"] == verdict["outcome"] == vector.outcome
    assert (int(legs["QUORUM_AREA"]["numerator"]), int(legs["QUORUM_HEADS"]["numerator"])) == vector.participating
    assert (int(legs["APPROVAL_AREA"]["numerator"]), int(legs["APPROVAL_HEADS"]["numerator"])) == vector.in_favour
    assert int(legs["QUORUM_AREA"]["denominator"]) == sum(e.area_centi for e in vector.entries)
    assert int(legs["QUORUM_HEADS"]["denominator"]) == sum(e.heads for e in vector.entries)
    assert verdict["decisionBasis"] == ("FOLLOW_MAJORITY" if vector.is_following else "STRICT")
    assert verdict["banner"] is vector.is_following
    assert verdict["strict"]["outcome"] == ("QUORUM_NOT_MET" if vector.is_following else vector.outcome)
