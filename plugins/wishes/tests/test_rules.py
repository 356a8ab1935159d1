"""How a wish may move, what is screened out, who may claim, and how long things take."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import pytest

from core.calendar import national_calendar
from core.clock import CHINA
from plugins.wishes.rules import (
    BY_VERB,
    CLAIM_STATES,
    FINAL_STATES,
    OPEN_STATES,
    TRANSITIONS,
    VALUE_CAP_FEN,
    ClaimBarrier,
    ClaimFacts,
    ScreeningReason,
    WishActor,
    WishFacts,
    WishState,
    WishType,
    claim_barriers,
    fulfil_until,
    is_same_household,
    lease_until,
    moves_from,
    open_until,
    screen,
    screening_due,
    shows_address,
)

S = WishState
HAPPY_PATH = ("submit", "approve", "publish", "claim", "agree", "begin", "deliver", "confirm", "rate", "close")


def test_a_wish_runs_from_draft_to_closed() -> None:
    """The main line visits the states of the reference in order."""
    state, visited = S.DRAFT, [S.DRAFT]
    for verb in HAPPY_PATH:
        assert state in BY_VERB[verb].sources
        state = BY_VERB[verb].target
        visited.append(state)
    assert visited == [
        S.DRAFT, S.SUBMITTED, S.SCREENED, S.PUBLISHED, S.CLAIMED, S.AGREED, S.FULFILLING, S.DELIVERED, S.CONFIRMED,
        S.RATED, S.CLOSED,
    ]  # fmt: skip


def test_every_state_can_be_reached_and_left() -> None:
    """From a draft every state can be reached; only the final states have no way on."""
    reached = {S.DRAFT}
    while more := {move.target for state in reached for move in moves_from(state)} - reached:
        reached |= more
    assert reached == set(S)
    assert {state for state in S if not moves_from(state)} == FINAL_STATES


def test_verbs_are_unique() -> None:
    """A verb names one move, so that it can name one deed."""
    assert len(BY_VERB) == len(TRANSITIONS)


def test_only_the_beneficiary_confirms() -> None:
    """Silence is not confirmation: no clock and no claimer confirms a delivery, and nothing else leads there."""
    into = [move for move in TRANSITIONS if move.target is S.CONFIRMED]
    assert [(move.verb, move.by) for move in into] == [("confirm", WishActor.BENEFICIARY)]
    assert all(move.by is WishActor.BENEFICIARY for move in moves_from(S.DELIVERED))


def test_a_claim_that_falls_away_opens_the_wish_again() -> None:
    """Given up, refused, lapsed or overrun: the next person may claim."""
    for verb in ("release", "refuse", "lapse", "overrun"):
        assert BY_VERB[verb].target in OPEN_STATES
        assert BY_VERB[verb].sources <= CLAIM_STATES


def test_a_wish_can_be_withdrawn_until_it_is_delivered() -> None:
    """The beneficiary may take it back at any time before."""
    assert S.FULFILLING in BY_VERB["withdraw"].sources
    assert not BY_VERB["withdraw"].sources & {S.DELIVERED, S.CONFIRMED, S.RATED, *FINAL_STATES}


def test_aid_that_was_refused_brings_the_wish_back() -> None:
    """A wish referred to statutory aid may return to screening, or end there."""
    assert {move.target for move in moves_from(S.REFERRED)} == {S.SUBMITTED, S.CLOSED, S.WITHDRAWN}


def test_money_is_no_kind_of_wish() -> None:
    """The types are those of the reference, without cash."""
    assert [kind.value for kind in WishType] == ["GOODS", "SERVICE", "SKILL", "COMPANY", "INFO", "SPACE"]


def test_an_ordinary_wish_passes() -> None:
    """Up to and including the cap of ¥500."""
    assert VALUE_CAP_FEN.value == 50_000
    assert screen(WishFacts(value_fen=50_000)).state is S.SCREENED
    assert screen(WishFacts(value_fen=0)).reasons == ()


@pytest.mark.parametrize(
    ("facts", "reason"),
    [
        (WishFacts(10_000, asks_for_cash=True), ScreeningReason.CASH),
        (WishFacts(50_001), ScreeningReason.OVER_CAP),
        (WishFacts(10_000, is_for_minor=True), ScreeningReason.MINOR_WITHOUT_GUARDIAN),
        (WishFacts(10_000, shows_address=True), ScreeningReason.SHOWS_ADDRESS),
    ],
)
def test_a_wish_with_a_defect_is_returned_with_its_reason(facts: WishFacts, reason: ScreeningReason) -> None:
    """Returned, so that it can be changed and submitted again."""
    screening = screen(facts)
    assert (screening.state, screening.reasons) == (S.RETURNED, (reason,))


def test_a_guardian_may_wish_for_a_minor() -> None:
    """Only without a guardian is it returned."""
    assert screen(WishFacts(10_000, is_for_minor=True, is_by_guardian=True)).state is S.SCREENED


def test_statutory_aid_comes_first() -> None:
    """Even a wish for cash is referred when the law grants what it asks for; the other reasons are told too."""
    screening = screen(WishFacts(80_000, asks_for_cash=True, is_covered_by_statutory_aid=True))
    assert screening.state is S.REFERRED
    assert screening.reasons == (ScreeningReason.STATUTORY_AID, ScreeningReason.CASH, ScreeningReason.OVER_CAP)


def test_the_cap_can_be_set() -> None:
    """A community may choose another cap."""
    assert screen(WishFacts(30_001), value_cap_fen=30_000).state is S.RETURNED


NEIGHBOURS = ClaimFacts(S.PUBLISHED, beneficiary_id=1, claimer_id=2, beneficiary_household=10, claimer_household=20)


@pytest.mark.parametrize(
    ("changes", "barriers"),
    [
        ({}, ()),
        ({"state": S.RELEASED}, ()),
        ({"state": S.CLAIMED}, (ClaimBarrier.NOT_OPEN,)),
        ({"claimer_id": 1, "claimer_household": 10}, (ClaimBarrier.OWN_WISH,)),
        ({"claimer_household": 10}, (ClaimBarrier.SAME_HOUSEHOLD,)),
        ({"beneficiary_household": None, "claimer_household": None}, ()),
        ({"was_refused": True}, (ClaimBarrier.REFUSED,)),
        ({"open_claims": 1}, (ClaimBarrier.TOO_MANY_CLAIMS,)),
    ],
)
def test_who_may_claim(changes: dict[str, object], barriers: tuple[ClaimBarrier, ...]) -> None:
    """Any neighbour who has no claim at hand, but not oneself, not one's household, not whoever was declined."""
    assert claim_barriers(replace(NEIGHBOURS, **changes)) == barriers  # type: ignore[arg-type]


def test_unknown_households_are_not_the_same() -> None:
    """Two persons without a registered household are not taken for one."""
    assert not is_same_household(replace(NEIGHBOURS, beneficiary_household=None, claimer_household=None))


def test_more_open_claims_can_be_allowed() -> None:
    """The limit is a setting."""
    assert claim_barriers(replace(NEIGHBOURS, open_claims=1), most_open_claims=2) == ()


def test_screening_takes_two_working_days() -> None:
    """Submitted on the eve of the National Day holiday of 2025, due after it."""
    assert screening_due(datetime(2025, 9, 30, 9, tzinfo=CHINA), national_calendar()).last_day == date(2025, 10, 10)


def test_periods_among_neighbours() -> None:
    """Seven days to agree, thirty to fulfil, ninety on the wall; none moves for holidays."""
    start = datetime(2025, 9, 27, 9, tzinfo=CHINA)
    assert lease_until(start) == datetime(2025, 10, 5, tzinfo=CHINA)
    assert fulfil_until(start) == datetime(2025, 10, 28, tzinfo=CHINA)
    assert open_until(start) == datetime(2025, 12, 27, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("text", "leads_home"),
    [
        ("送到302室", True), ("送到 1204 房", True), ("1-2-302", True), ("打 13800138000", True), ("44060419900101123X", True),
        ("三室一厅", False), ("3室一厅", False), ("1栋楼下", False), ("2026年5月", False), ("想要200度的眼镜", False),
    ],
)  # fmt: skip
def test_what_leads_to_a_door_is_found(text: str, leads_home: bool) -> None:
    """Rooms, telephone and document numbers are found; a building, a date or a size is none of them."""
    assert shows_address("一个心愿", text) is leads_home
