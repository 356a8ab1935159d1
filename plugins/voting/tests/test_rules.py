"""Tallies, gaps, silence, channels, proxies and surveys, down to the last head and the last 0.01 m²."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from fractions import Fraction
from itertools import combinations
from random import Random

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from core.clock import CHINA
from plugins.voting.rules import (
    QUORUM,
    RULES,
    BallotStatus,
    BallotSums,
    Channel,
    Choice,
    DecisionBasis,
    Delivery,
    FollowBarrier,
    JointDecisionMatter,
    Leg,
    Outcome,
    Proxy,
    ProxyBarrier,
    ReturnedBallot,
    RollVoter,
    Silence,
    SurveyCount,
    Verdict,
    Weight,
    describe_gap,
    follow_barriers,
    proxy_barriers,
    quorum_legs,
    resolve_channels,
    sum_choices,
    sum_silent,
    sum_voters,
    tally,
    tally_survey,
    what_is_missing,
)

# Nothing here is about speed, and the machine may be busy.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

FOR, AGAINST, ABSTAIN = Choice.FOR, Choice.AGAINST, Choice.ABSTAIN
BY_CODE = {rule.code: rule.matter for rule in RULES.values()}
M2 = 100  # hundredths in a square metre


def voters_of(*areas: int) -> list[RollVoter]:
    """Make one served voter for each area, given in whole m²."""
    return [
        RollVoter(f"v{number:02d}", area * M2, f"{number % 3 + 1}幢", delivery=Delivery.PROVEN)
        for number, area in enumerate(areas)
    ]


def cast(*counts: tuple[Choice, int]) -> list[Choice]:
    """Write down choices in a row: ``cast((FOR, 2), (AGAINST, 1))`` is for, for, against."""
    return [choice for choice, count in counts for _ in range(count)]


def count(code: int, voters: list[RollVoter], choices: list[Choice]) -> Verdict:
    """Tally a matter by its code, the first voters having made the choices in order."""
    made = {voter.key: choice for voter, choice in zip(voters, choices, strict=False)}
    return tally(BY_CODE[code], sum_voters(voters), sum_choices(voters, made))


def heads_only(in_favour: int, against: int, abstaining: int) -> BallotSums:
    """Make sums of voters of 1 m² each."""
    return BallotSums(*(Weight(number * M2, number) for number in (in_favour, against, abstaining)))


def served(silent: int, **changes: object) -> Silence:
    """Make a clause whose every precondition holds, with so many silent owners of 1 m² each."""
    lawful = Silence(
        Weight(silent * M2, silent), has_clause=True, is_on_ballot=True, is_reviewed=True, undeliverable_posted_days=7
    )
    return replace(lawful, **changes)  # type: ignore[arg-type]


TWELVE = voters_of(*[100] * 12)
DEVELOPER_FIRST = [replace(voters_of(600)[0], key="developer", is_developer_stock=True), *voters_of(*[100] * 6)]


# --- The vectors of the reference (domain.md §2.5) -------------------------------------------------------------------


@dataclass(frozen=True)
class Vector:
    """One row of the table: who was on the roll, what was cast, what must come out."""

    name: str
    code: int
    voters: list[RollVoter]
    choices: list[Choice]
    participating: tuple[int, int]
    in_favour: tuple[int, int]
    outcome: Outcome


VECTORS = [
    Vector("TV01 five for, three against, exactly two thirds", 5, TWELVE, cast((FOR, 5), (AGAINST, 3)),
           (800, 8), (500, 5), Outcome.PASSED),
    Vector("TV02 exactly half", 5, TWELVE, cast((FOR, 4), (AGAINST, 4)),
           (800, 8), (400, 4), Outcome.NOT_PASSED),
    Vector("TV03 seven for, none against", 5, TWELVE, cast((FOR, 7)),
           (700, 7), (700, 7), Outcome.QUORUM_NOT_MET),
    Vector("TV04 exactly three quarters", 8, TWELVE, cast((FOR, 6), (AGAINST, 2)),
           (800, 8), (600, 6), Outcome.PASSED),
    Vector("TV05 five for, three against, special matter", 8, TWELVE, cast((FOR, 5), (AGAINST, 3)),
           (800, 8), (500, 5), Outcome.NOT_PASSED),
    Vector("TV06 abstentions stay in the denominator", 5, TWELVE, cast((FOR, 4), (AGAINST, 2), (ABSTAIN, 3)),
           (900, 9), (400, 4), Outcome.NOT_PASSED),
    Vector("TV07 against holds both majorities", 4, TWELVE, cast((FOR, 3), (AGAINST, 5)),
           (800, 8), (300, 3), Outcome.NOT_PASSED),
    Vector("TV08 developer's stock is silent", 5, DEVELOPER_FIRST[1:] + DEVELOPER_FIRST[:1], cast((FOR, 6)),
           (600, 6), (600, 6), Outcome.QUORUM_NOT_MET),
    Vector("TV09 developer against, area exactly half", 5, DEVELOPER_FIRST, cast((AGAINST, 1), (FOR, 6)),
           (1200, 7), (600, 6), Outcome.NOT_PASSED),
    Vector("TV10 developer for", 8, DEVELOPER_FIRST, cast((FOR, 7)),
           (1200, 7), (1200, 7), Outcome.PASSED),
    Vector("TV11 area yes, heads no", 5, voters_of(300, *[100] * 9), cast((FOR, 3), (AGAINST, 4)),
           (900, 7), (500, 3), Outcome.NOT_PASSED),
    Vector("TV12 one large owner", 5, voters_of(400, *[80] * 10), cast((FOR, 3), (AGAINST, 5)),
           (960, 8), (560, 3), Outcome.NOT_PASSED),
]  # fmt: skip


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.name)
def test_vector(vector: Vector) -> None:
    """Each vector gives the participation, the support and the outcome printed in the reference."""
    verdict = count(vector.code, vector.voters, vector.choices)
    sums = verdict.strict.sums
    assert sums.participating == Weight(vector.participating[0] * M2, vector.participating[1])
    assert sums.in_favour == Weight(vector.in_favour[0] * M2, vector.in_favour[1])
    assert verdict.outcome is vector.outcome
    assert verdict.decision_basis is DecisionBasis.STRICT


def test_tv01_quorum_is_met_without_anything_to_spare() -> None:
    """Exactly two thirds on both axes: met (以上 includes the number itself)."""
    reading = count(5, TWELVE, cast((FOR, 5), (AGAINST, 3))).strict
    assert reading.quorum_area == Leg(80_000, 120_000, Fraction(2, 3), ">=")
    assert reading.quorum_heads == Leg(8, 12, Fraction(2, 3), ">=")
    assert reading.quorum_area.margin == reading.quorum_heads.margin == 0


def test_tv08_fails_on_area_alone() -> None:
    """Six of seven heads took part, but half the area is the developer's and did not."""
    reading = count(5, DEVELOPER_FIRST[1:] + DEVELOPER_FIRST[:1], cast((FOR, 6))).strict
    assert reading.quorum_heads.met
    assert not reading.quorum_area.met
    assert reading.quorum_gap("zh") == "还需 200.00 平方米"


@pytest.mark.parametrize(("area_centi", "met"), [(66_66, False), (66_67, True)])
def test_tv13_rounding_trap(area_centi: int, met: bool) -> None:
    """TV13: 66.66 of 100.00 m² is not two thirds, although it rounds to 67 %; 66.67 is more."""
    leg, _ = quorum_legs(Weight(100_00, 3), Weight(area_centi, 2))
    assert leg.met is met
    assert leg.margin == (0 if met else 1)


def test_tv14_strict() -> None:
    """TV14: (2022)沪02民初16号 counted strictly: 1147 of 2261 took part."""
    verdict = tally(BY_CODE[4], Weight(2261 * M2, 2261), heads_only(995, 27, 125))
    assert verdict.strict.sums.participating.heads == 1147
    assert verdict.outcome is Outcome.QUORUM_NOT_MET
    assert verdict.strict.quorum_heads.margin == 361  # 1508 are needed


@pytest.mark.parametrize(
    ("sums", "in_favour", "percent"),
    [(heads_only(995, 27, 125), 2066, "91.38"), (heads_only(991, 25, 131), 2062, "91.20")],
    ids=["TV15", "TV16"],
)
def test_tv15_and_tv16_follow_the_majority(sums: BallotSums, in_favour: int, percent: str) -> None:
    """TV15, TV16: the same ballots with the clause: 2218 of 2261, passed, and the banner says on what it rests."""
    verdict = tally(BY_CODE[4], Weight(2261 * M2, 2261), sums, served(1071))
    assert verdict.deciding.sums.participating.heads == 2218
    assert verdict.deciding.sums.in_favour.heads == in_favour
    assert f"{in_favour / 2261:.2%}" == f"{percent}%"
    assert verdict.outcome is Outcome.PASSED
    assert verdict.decision_basis is DecisionBasis.FOLLOW_MAJORITY
    assert verdict.depends_on_follow_clause
    assert verdict.strict.outcome is Outcome.QUORUM_NOT_MET


# --- What the law says ------------------------------------------------------------------------------------------------


def test_the_nine_matters_follow_the_article() -> None:
    """Codes 1 to 9 in the order of 民法典 278; 6, 7 and 8 need three quarters, spending the fund does not."""
    assert [rule.code for rule in RULES.values()] == list(range(1, 10))
    assert [matter.value for matter in RULES] == [
        "BYLAWS", "COVENANT", "COMMITTEE_ELECTION", "SERVICE_PROVIDER", "MAINTENANCE_FUND_USE",
        "MAINTENANCE_FUND_RAISE", "REBUILD", "COMMON_PART_CHANGE_OR_BUSINESS", "OTHER_MAJOR",
    ]  # fmt: skip
    assert [rule.code for rule in RULES.values() if rule.is_special] == [6, 7, 8]
    assert RULES[JointDecisionMatter.MAINTENANCE_FUND_USE].article == "民法典278条1款（五）项"


def test_thresholds_are_exact_and_sourced() -> None:
    """Two thirds at least, more than a half, three quarters at least; each with its article and mark."""
    ordinary, special = RULES[BY_CODE[1]], RULES[BY_CODE[7]]
    assert (QUORUM.share, QUORUM.comparison) == (Fraction(2, 3), ">=")
    assert (ordinary.approval.share, ordinary.approval.comparison) == (Fraction(1, 2), ">")
    assert (special.approval.share, special.approval.comparison) == (Fraction(3, 4), ">=")
    assert str(QUORUM.source) == "民法典278、1259 [V]"


def test_only_some_matters_may_be_decided_by_a_building() -> None:
    """Fund use, rebuilding, common parts and other major matters may concern a part of the area alone."""
    assert [rule.code for rule in RULES.values() if rule.may_be_sub_area] == [5, 7, 8, 9]


# --- Boundaries -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "area", "in_favour", "outcome"),
    [
        (5, 90_000, 45_001, Outcome.PASSED),
        (5, 90_000, 45_000, Outcome.NOT_PASSED),
        (6, 90_000, 67_500, Outcome.PASSED),
        (6, 90_000, 67_499, Outcome.NOT_PASSED),
        (6, 90_001, 67_500, Outcome.NOT_PASSED),
        (6, 80_000, 80_000, Outcome.PASSED),
        (6, 79_999, 79_999, Outcome.QUORUM_NOT_MET),
    ],
)
def test_one_hundredth_of_a_square_metre_decides(code: int, area: int, in_favour: int, outcome: Outcome) -> None:
    """At each threshold 0.01 m² less or more turns the outcome, heads being well beyond it."""
    sums = BallotSums(Weight(in_favour, 11), Weight(area - in_favour, 1))
    assert tally(BY_CODE[code], Weight(120_000, 12), sums).outcome is outcome


@pytest.mark.parametrize(
    ("code", "in_favour", "against", "outcome"),
    [
        (5, 5, 3, Outcome.PASSED),
        (5, 4, 4, Outcome.NOT_PASSED),
        (7, 6, 2, Outcome.PASSED),
        (7, 5, 3, Outcome.NOT_PASSED),
        (7, 7, 0, Outcome.QUORUM_NOT_MET),
    ],
)
def test_one_head_decides(code: int, in_favour: int, against: int, outcome: Outcome) -> None:
    """At each threshold one head turns the outcome, area being well beyond it."""
    sums = BallotSums(Weight(119_000, in_favour), Weight(1_000, against))
    assert tally(BY_CODE[code], Weight(120_000, 12), sums).outcome is outcome


def test_large_sums_stay_exact() -> None:
    """A share that a float cannot tell from two thirds is told from it."""
    whole = 3 * 10**17
    exact, short = (quorum_legs(Weight(whole, 3), Weight(part, 2))[0] for part in (2 * 10**17, 2 * 10**17 - 1))
    assert (2 * 10**17 - 1) / whole == 2 / 3
    assert (exact.met, short.met, short.margin) == (True, False, 1)


def test_no_ballot_at_all() -> None:
    """Without ballots no leg is met, not even three quarters of nothing."""
    verdict = tally(BY_CODE[8], Weight(120_000, 12), BallotSums())
    assert verdict.outcome is Outcome.QUORUM_NOT_MET
    assert not verdict.strict.approval_area.met
    assert verdict.strict.approval_heads.margin == 1


def test_a_void_vote_keeps_its_figures() -> None:
    """A void vote has no other outcome, on either basis, and its legs can still be read."""
    verdict = tally(BY_CODE[4], Weight(2261 * M2, 2261), heads_only(995, 27, 125), served(1071), is_void=True)
    assert verdict.outcome is verdict.strict.outcome is Outcome.VOID
    assert verdict.deciding.quorum_heads.met
    assert not verdict.depends_on_follow_clause


@pytest.mark.parametrize(
    ("scope", "sums", "silence"),
    [
        (Weight(0, 0), BallotSums(), None),
        (Weight(10_000, 1), BallotSums(Weight(10_000, 2)), None),
        (Weight(10_000, 1), BallotSums(Weight(10_001, 1)), None),
        (Weight(300, 3), heads_only(2, 0, 0), served(2)),
    ],
)
def test_impossible_sums_never_become_a_result(scope: Weight, sums: BallotSums, silence: Silence | None) -> None:
    """An empty roll, or more votes than voters, is a mistake of the caller and not a verdict."""
    with pytest.raises(ValueError, match=r"roll"):
        tally(BY_CODE[1], scope, sums, silence)


def test_negative_sums_are_refused() -> None:
    """No sum of a vote is negative."""
    with pytest.raises(ValueError, match="negative"):
        Weight(-1, 0)


def test_a_vote_by_a_stranger_is_refused() -> None:
    """A ballot without a roll entry must not be summed."""
    with pytest.raises(ValueError, match="not on the roll: nobody"):
        sum_choices(TWELVE, {"nobody": FOR})


# --- Against an independent count -------------------------------------------------------------------------------------

ballots = st.lists(
    st.tuples(st.integers(1, 30_000), st.sampled_from([None, FOR, FOR, FOR, AGAINST, ABSTAIN])), min_size=1, max_size=24
)
matters = st.sampled_from(list(JointDecisionMatter))


def by_hand(matter: JointDecisionMatter, cast_ballots: list[tuple[int, Choice | None]]) -> str:
    """Decide with fractions of lists, as one would on paper; shares no code with the rules."""

    def lower_share(part: list[int], whole: list[int]) -> Fraction:
        return min(Fraction(sum(part), sum(whole)), Fraction(len(part), len(whole)))

    roll = [area for area, _ in cast_ballots]
    took_part = [area for area, choice in cast_ballots if choice]
    if lower_share(took_part, roll) * 3 < 2:
        return "QUORUM_NOT_MET"
    support = lower_share([area for area, choice in cast_ballots if choice is FOR], took_part)
    needs_most = matter.value in {"MAINTENANCE_FUND_RAISE", "REBUILD", "COMMON_PART_CHANGE_OR_BUSINESS"}
    passed = Fraction(3, 4) <= support if needs_most else Fraction(1, 2) < support
    return "PASSED" if passed else "NOT_PASSED"


def rolled(cast_ballots: list[tuple[int, Choice | None]]) -> tuple[list[RollVoter], dict[str, Choice]]:
    """Turn drawn ballots into a roll and the choices made."""
    voters = [RollVoter(f"v{n}", area, f"{n % 4}幢") for n, (area, _) in enumerate(cast_ballots)]
    return voters, {f"v{n}": choice for n, (_, choice) in enumerate(cast_ballots) if choice}


@unhurried
@given(matters, ballots)
def test_every_outcome_agrees_with_a_count_by_hand(
    matter: JointDecisionMatter, cast_ballots: list[tuple[int, Choice | None]]
) -> None:
    """For any ballots, the tally and a count on paper come to the same outcome."""
    voters, choices = rolled(cast_ballots)
    verdict = tally(matter, sum_voters(voters), sum_choices(voters, choices))
    assert verdict.outcome.value == by_hand(matter, cast_ballots)


@unhurried
@given(matters, ballots)
def test_a_motion_and_its_opposite_never_both_pass(
    matter: JointDecisionMatter, cast_ballots: list[tuple[int, Choice | None]]
) -> None:
    """The opposite motion would need a vote of its own; with the ballots turned round at most one passes."""
    turned = {FOR: AGAINST, AGAINST: FOR, ABSTAIN: ABSTAIN, None: None}
    outcomes = [
        tally(matter, sum_voters(voters), sum_choices(voters, choices)).outcome
        for voters, choices in (rolled(cast_ballots), rolled([(area, turned[c]) for area, c in cast_ballots]))
    ]
    assert outcomes.count(Outcome.PASSED) <= 1


def test_no_outcome_stands_for_the_opposite() -> None:
    """There is no word for "rejected": not passing decides nothing."""
    assert {outcome.value for outcome in Outcome} == {"PASSED", "NOT_PASSED", "QUORUM_NOT_MET", "VOID"}


@unhurried
@given(st.integers(0, 10**9), st.integers(1, 10**9), st.fractions(0, 1), st.sampled_from([">", ">="]))
def test_the_margin_is_exactly_what_is_missing(part: int, whole: int, share: Fraction, comparison: str) -> None:
    """With the margin the leg is met, with one unit less it is not."""
    assume(share > 0 and part <= whole)
    leg = Leg(part, whole, share, comparison)

    def meets(numerator: int) -> bool:
        return Fraction(numerator, whole) > share if comparison == ">" else Fraction(numerator, whole) >= share

    assert leg.met is meets(part) is (leg.margin == 0)
    assert meets(part + leg.margin)
    assert leg.met or not meets(part + leg.margin - 1)


# --- Silence ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "barrier"),
    [
        ({"is_first_assembly": True}, FollowBarrier.FIRST_ASSEMBLY),
        ({"has_clause": False}, FollowBarrier.NO_CLAUSE),
        ({"is_on_ballot": False}, FollowBarrier.NOT_ON_BALLOT),
        ({"undeliverable_posted_days": 6}, FollowBarrier.UNDELIVERABLE_NOT_POSTED),
        ({"is_reviewed": False}, FollowBarrier.NOT_REVIEWED),
    ],
)
def test_every_precondition_of_the_clause_is_needed(changes: dict[str, object], barrier: FollowBarrier) -> None:
    """With one precondition missing only the strict reading exists, and the verdict says which one it was."""
    verdict = tally(BY_CODE[4], Weight(2261 * M2, 2261), heads_only(995, 27, 125), served(1071, **changes))
    assert verdict.follow_barriers == (barrier,)
    assert verdict.follow_majority is None
    assert verdict.outcome is Outcome.QUORUM_NOT_MET


@pytest.mark.parametrize("code", [6, 7, 8])
def test_matters_that_need_three_quarters_never_follow(code: int) -> None:
    """Raising the fund, rebuilding and business on common parts need active consent."""
    verdict = tally(BY_CODE[code], Weight(2261 * M2, 2261), heads_only(995, 27, 125), served(1071))
    assert verdict.follow_barriers == (FollowBarrier.SPECIAL_MATTER,)
    assert verdict.follow_majority is None


def test_nothing_need_be_posted_when_everybody_was_served() -> None:
    """The notice of undeliverable ballots is asked for only where there are any."""
    assert not follow_barriers(RULES[BY_CODE[4]], served(1, undeliverable_posted_days=None))


@pytest.mark.parametrize(
    "sums",
    [
        BallotSums(Weight(500, 4), Weight(400, 5)),  # one side leads by area, the other by heads
        heads_only(4, 4, 0),
        heads_only(4, 3, 4),  # no more votes than abstentions
        heads_only(1, 2, 6),  # abstention leads, but is no side
        BallotSums(),
    ],
)
def test_without_a_leader_on_both_axes_nobody_is_added(sums: BallotSums) -> None:
    """Silent owners follow a side only if it is ahead of everything else by area and by heads."""
    verdict = tally(BY_CODE[4], Weight(1500, 15), sums, served(4))
    assert verdict.follow_majority is None
    assert verdict.decision_basis is DecisionBasis.STRICT


def test_silence_may_follow_the_side_against() -> None:
    """If those against lead, the silent join them: participation is reached and the motion has not passed."""
    verdict = tally(BY_CODE[4], Weight(1200, 12), heads_only(1, 3, 1), served(5))
    assert verdict.outcome is Outcome.NOT_PASSED
    assert verdict.strict.outcome is Outcome.QUORUM_NOT_MET
    assert verdict.deciding.sums.against.heads == 8


def test_the_banner_is_absent_when_the_strict_reading_agrees() -> None:
    """A motion that passes without the silent does not depend on them."""
    verdict = tally(BY_CODE[4], Weight(1200, 12), heads_only(8, 1, 0), served(2))
    assert verdict.decision_basis is DecisionBasis.FOLLOW_MAJORITY
    assert not verdict.depends_on_follow_clause


def test_only_provably_served_and_truly_silent_owners_are_counted() -> None:
    """Undelivered, disputed and developer stock never follow; nor does whoever returned a ballot, even a spoilt one."""
    silent, voted, spoilt, unreached, disputed, stock = voters_of(1, 2, 4, 8, 16, 32)
    roll = [
        silent,
        voted,
        spoilt,
        replace(unreached, delivery=Delivery.NOT_DELIVERED),
        replace(disputed, delivery=Delivery.DISPUTED),
        replace(stock, is_developer_stock=True),
    ]
    assert sum_silent(roll, {voted.key, spoilt.key}) == Weight(1 * M2, 1)


@unhurried
@given(matters, ballots, st.integers(0, 40))
def test_following_never_helps_the_weaker_side(
    matter: JointDecisionMatter, cast_ballots: list[tuple[int, Choice | None]], silent: int
) -> None:
    """A motion passed by silence led on both axes among the ballots cast, and silence never undoes a strict pass."""
    voters, choices = rolled(cast_ballots)
    sums, extra = sum_choices(voters, choices), Weight(silent * M2, silent)
    verdict = tally(matter, sum_voters(voters) + extra, sums, served(silent))
    if verdict.strict.outcome is Outcome.PASSED:
        assert verdict.outcome is Outcome.PASSED
    if verdict.depends_on_follow_clause and verdict.outcome is Outcome.PASSED:
        assert sums.in_favour.area_centi > sums.against.area_centi
        assert sums.in_favour.heads > sums.against.heads


@unhurried
@given(matters, ballots, st.integers(0, 40))
def test_the_strict_reading_is_untouched_by_a_clause(
    matter: JointDecisionMatter, cast_ballots: list[tuple[int, Choice | None]], silent: int
) -> None:
    """Whatever the bylaws say about silence, the strict tally published beside it is the same."""
    voters, choices = rolled(cast_ballots)
    scope = sum_voters(voters) + Weight(silent * M2, silent)
    sums = sum_choices(voters, choices)
    assert tally(matter, scope, sums, served(silent)).strict == tally(matter, scope, sums).strict


# --- What is missing --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("area", "heads", "zh", "en"),
    [
        (41_250, 3, "还需 3 位业主、412.50 平方米", "3 more owners and 412.50 m² needed"),
        (0, 1, "还需 1 位业主", "1 more owner needed"),
        (5, 0, "还需 0.05 平方米", "0.05 m² needed"),
        (0, 0, "已达到", "Reached"),
    ],
)
def test_the_gap_is_said_in_words(area: int, heads: int, zh: str, en: str) -> None:
    """People read how many owners and how much area are missing, in their language."""
    legs = Leg(200_000 - area, 300_000, QUORUM.share, ">="), Leg(20 - heads, 30, QUORUM.share, ">=")
    assert describe_gap(*legs, "zh") == zh
    assert describe_gap(*legs, "en") == en


def test_approval_gap_is_told_at_this_participation() -> None:
    """Half in favour lacks one head and 0.01 m² of those who took part."""
    reading = count(5, TWELVE, cast((FOR, 4), (AGAINST, 4))).strict
    assert reading.approval_gap("zh") == "还需 1 位业主、0.01 平方米"


def test_the_way_to_the_quorum_is_grouped_by_building() -> None:
    """Two more heads and 400 m² are missing; the two largest flats suffice and are listed by building."""
    voters = [
        RollVoter("a", 20_000, "1幢"), RollVoter("b", 20_000, "2幢"), RollVoter("c", 10_000, "2幢"),
        RollVoter("d", 30_000, "1幢"), RollVoter("e", 30_000, "3幢"), RollVoter("f", 10_000, "1幢"),
    ]  # fmt: skip
    runway = what_is_missing(voters, {"a", "b"})
    assert runway.gap("zh") == "还需 2 位业主、400.00 平方米"
    assert [(group.building, group.keys) for group in runway.smallest] == [("1幢", ("d",)), ("3幢", ("e",))]
    assert [(group.building, group.weight) for group in runway.outstanding] == [
        ("1幢", Weight(40_000, 2)), ("2幢", Weight(10_000, 1)), ("3幢", Weight(30_000, 1)),
    ]  # fmt: skip
    assert runway.fewest_voters == 2
    assert not runway.is_reached


def test_nothing_is_missing_once_the_quorum_stands() -> None:
    """At the quorum no further voter is asked for, though some are outstanding."""
    runway = what_is_missing(TWELVE, {voter.key for voter in TWELVE[:8]})
    assert runway.is_reached
    assert not runway.smallest
    assert sum(group.weight.heads for group in runway.outstanding) == 4


@unhurried
@given(st.lists(st.tuples(st.integers(1, 500), st.booleans()), min_size=1, max_size=9))
def test_the_smallest_set_is_smallest(drawn: list[tuple[int, bool]]) -> None:
    """No smaller set of waiting voters reaches both legs: tried out on all of them."""
    voters = [RollVoter(f"v{n}", area, f"{n % 2}幢") for n, (area, _) in enumerate(drawn)]
    took_part = [voter for voter, (_, done) in zip(voters, drawn, strict=True) if done]
    waiting = [voter for voter in voters if voter not in took_part]

    def reaches(more: tuple[RollVoter, ...]) -> bool:
        areas = [voter.area_centi for voter in (*took_part, *more)]
        return 3 * sum(areas) >= 2 * sum(area for area, _ in drawn) and 3 * len(areas) >= 2 * len(drawn)

    best = next(size for size in range(10) if any(map(reaches, combinations(waiting, size))))
    runway = what_is_missing(voters, {voter.key for voter in took_part})
    named = {key for group in runway.smallest for key in group.keys}
    assert runway.fewest_voters == len(named) == best
    assert reaches(tuple(voter for voter in waiting if voter.key in named))


# --- Which ballot counts ----------------------------------------------------------------------------------------------

DEADLINE = datetime(2026, 11, 11, tzinfo=CHINA)
ONLINE, PAPER = Channel.ONLINE, Channel.PAPER


def returned(number: int, channel: Channel, *marks: Choice, owner: int = 1, **changes: object) -> ReturnedBallot:
    """Make a ballot returned ``number`` hours after the vote opened ten days before the deadline."""
    at = DEADLINE - timedelta(days=10) + timedelta(hours=number)
    ballot = ReturnedBallot(number, at, channel, frozenset(marks), owner)
    return replace(ballot, **changes)  # type: ignore[arg-type]


def test_the_first_channel_wins() -> None:
    """Paper after online is a duplicate for the scrutineers, and the other way round."""
    for first, second in ((ONLINE, PAPER), (PAPER, ONLINE)):
        resolution = resolve_channels([returned(2, second, AGAINST), returned(1, first, FOR)], DEADLINE)
        assert resolution.choice is FOR
        assert resolution.statuses == {1: BallotStatus.COUNTED, 2: BallotStatus.DUPLICATE}
        assert resolution.for_scrutineers == (2,)


def test_a_ballot_withdrawn_in_person_gives_way() -> None:
    """Once the first is withdrawn in person the other counts."""
    resolution = resolve_channels([returned(1, ONLINE, FOR, is_withdrawn=True), returned(2, PAPER, AGAINST)], DEADLINE)
    assert resolution.choice is AGAINST
    assert resolution.statuses[1] is BallotStatus.WITHDRAWN


def test_an_online_ballot_may_be_changed_until_the_deadline() -> None:
    """The last change counts, all are kept; with changes forbidden the first counts."""
    cast_ballots = [returned(1, ONLINE, FOR), returned(2, ONLINE, AGAINST), returned(3, ONLINE)]
    resolution = resolve_channels(cast_ballots, DEADLINE)
    assert resolution.choice is ABSTAIN
    assert resolution.statuses[1] is resolution.statuses[2] is BallotStatus.REPLACED
    assert not resolution.for_scrutineers
    assert resolve_channels(cast_ballots, DEADLINE, may_change=False).choice is FOR


def test_a_change_after_a_paper_duplicate_still_counts() -> None:
    """Paper in between does not take the online voter's right to change."""
    cast_ballots = [returned(1, ONLINE, FOR), returned(2, PAPER, FOR), returned(3, ONLINE, AGAINST)]
    assert resolve_channels(cast_ballots, DEADLINE).choice is AGAINST


def test_paper_cannot_be_replaced_by_more_paper() -> None:
    """Of two papers of one voter the first counts."""
    resolution = resolve_channels([returned(1, PAPER, FOR), returned(2, PAPER, AGAINST)], DEADLINE)
    assert resolution.choice is FOR
    assert resolution.for_scrutineers == (2,)


@pytest.mark.parametrize(
    ("ballot", "status"),
    [
        (returned(1, PAPER, FOR, AGAINST), BallotStatus.INVALID),
        (returned(1, PAPER, FOR, ABSTAIN), BallotStatus.INVALID),
        (returned(1, PAPER, FOR, is_signed=False), BallotStatus.INVALID),
        (returned(1, PAPER, is_signed=False), BallotStatus.INVALID),
        (returned(240, ONLINE, FOR), BallotStatus.LATE),
        (returned(241, PAPER, FOR, AGAINST), BallotStatus.LATE),
    ],
)
def test_spoilt_and_late_ballots_take_no_part(ballot: ReturnedBallot, status: BallotStatus) -> None:
    """Two marks, no signature, or the deadline itself: kept, named, not counted."""
    resolution = resolve_channels([ballot], DEADLINE)
    assert resolution.statuses == {ballot.id: status}
    assert resolution.counted is None
    assert resolution.choice is None


def test_a_spoilt_ballot_does_not_block_a_good_one() -> None:
    """The first valid ballot counts, not the first one."""
    assert resolve_channels([returned(1, PAPER, FOR, AGAINST), returned(2, ONLINE, FOR)], DEADLINE).choice is FOR


def test_a_blank_ballot_abstains_and_takes_part() -> None:
    """Whoever returns a signed blank takes part in the vote."""
    assert resolve_channels([returned(1, PAPER)], DEADLINE).choice is ABSTAIN


def test_the_last_millisecond_is_in_time() -> None:
    """The deadline is the first instant too late."""
    ballot = returned(1, ONLINE, FOR, at=DEADLINE - timedelta(milliseconds=1))
    assert resolve_channels([ballot], DEADLINE).choice is FOR


def test_co_owners_who_agree_have_one_vote() -> None:
    """The same choice twice counts once; the later ballot is listed as a duplicate."""
    resolution = resolve_channels([returned(1, ONLINE, FOR), returned(2, PAPER, FOR, owner=2)], DEADLINE)
    assert resolution.choice is FOR
    assert resolution.statuses == {1: BallotStatus.COUNTED, 2: BallotStatus.DUPLICATE}


def test_co_owners_who_disagree_do_not_count() -> None:
    """Neither is counted, and both are shown to the scrutineers."""
    resolution = resolve_channels([returned(1, ONLINE, FOR), returned(2, PAPER, AGAINST, owner=2)], DEADLINE)
    assert resolution.choice is None
    assert resolution.for_scrutineers == (1, 2)


def test_a_designated_representative_settles_it() -> None:
    """Once the co-owners designate one of them, only that one's ballots matter."""
    cast_ballots = [returned(1, ONLINE, FOR), returned(2, PAPER, AGAINST, owner=2)]
    resolution = resolve_channels(cast_ballots, DEADLINE, representative_id=2)
    assert resolution.choice is AGAINST
    assert resolution.statuses[1] is BallotStatus.NOT_REPRESENTATIVE


def test_no_ballot_no_part() -> None:
    """An entry without ballots takes no part."""
    assert resolve_channels([], DEADLINE).choice is None


some_ballots = st.lists(
    st.builds(
        returned,
        st.integers(1, 260),
        st.sampled_from(Channel),
        st.sampled_from(Choice),
        st.sampled_from(Choice),
        owner=st.integers(1, 2),
        is_signed=st.booleans(),
        is_withdrawn=st.booleans(),
    ),
    max_size=7,
    unique_by=lambda ballot: ballot.id,
)


@unhurried
@given(some_ballots, st.randoms(use_true_random=False))
def test_the_order_of_reading_does_not_matter(cast_ballots: list[ReturnedBallot], random: Random) -> None:
    """Every ballot gets one status, at most one counts, and shuffling the box changes nothing."""
    shuffled = list(cast_ballots)
    random.shuffle(shuffled)
    resolution = resolve_channels(shuffled, DEADLINE)
    statuses = list(resolution.statuses.values())
    assert resolution == resolve_channels(cast_ballots, DEADLINE)
    assert resolution.statuses.keys() == {ballot.id for ballot in cast_ballots}
    assert statuses.count(BallotStatus.COUNTED) == (resolution.counted is not None)


# --- Proxies ----------------------------------------------------------------------------------------------------------

NOW = DEADLINE - timedelta(days=1)
LAWFUL = Proxy(is_written=True, states_terms=True, begins=NOW - timedelta(days=5), until=DEADLINE)


def test_a_lawful_proxy_may_vote() -> None:
    """Written, with its terms, in time and as the principal wants."""
    assert proxy_barriers(LAWFUL, NOW, FOR) == ()
    assert proxy_barriers(replace(LAWFUL, stated_choice=FOR), NOW, FOR, must_state_choice=True) == ()


@pytest.mark.parametrize(
    ("changes", "barrier"),
    [
        ({"is_written": False}, ProxyBarrier.NOT_WRITTEN),
        ({"states_terms": False}, ProxyBarrier.TERMS_MISSING),
        ({"begins": NOW + timedelta(hours=1)}, ProxyBarrier.OUT_OF_PERIOD),
        ({"until": NOW}, ProxyBarrier.OUT_OF_PERIOD),
        ({"stated_choice": AGAINST}, ProxyBarrier.CHOICE_DIFFERS),
        ({"is_property_staff": True}, ProxyBarrier.PROPERTY_STAFF),
        ({"is_developer_staff": True}, ProxyBarrier.DEVELOPER_STAFF),
        ({"is_candidate": True}, ProxyBarrier.CANDIDATE),
        ({"other_principals": 3}, ProxyBarrier.TOO_MANY_PRINCIPALS),
    ],
)
def test_each_barrier_stops_a_proxy(changes: dict[str, object], barrier: ProxyBarrier) -> None:
    """One defect is enough, and it is named."""
    assert proxy_barriers(replace(LAWFUL, **changes), NOW, FOR) == (barrier,)  # type: ignore[arg-type]


def test_the_choice_must_be_stated_where_the_place_asks_for_it() -> None:
    """Where proxies vote by the principal's opinion, an open authorisation is not enough."""
    assert proxy_barriers(LAWFUL, NOW, FOR, must_state_choice=True) == (ProxyBarrier.CHOICE_MISSING,)


def test_a_third_principal_is_the_last() -> None:
    """Three owners per proxy by default."""
    assert proxy_barriers(replace(LAWFUL, other_principals=2), NOW, FOR) == ()


# --- Surveys ----------------------------------------------------------------------------------------------------------


def test_a_survey_is_counted_by_head() -> None:
    """Options are summed over the groups; groups of ten and more are shown."""
    groups = {"1幢": SurveyCount(10, {"A": 6, "B": 4}), "2幢": SurveyCount(12, {"B": 12})}
    result = tally_survey(groups)
    assert result.total == SurveyCount(22, {"A": 6, "B": 16})
    assert result.groups == groups


def test_small_groups_of_a_survey_are_withheld() -> None:
    """Nine heads are withheld, and with them the next group, or subtraction would tell."""
    groups = {name: SurveyCount(heads, {"A": heads}) for name, heads in (("1幢", 9), ("2幢", 10), ("3幢", 20))}
    result = tally_survey(groups)
    assert [name for name, shown in result.groups.items() if shown is None] == ["1幢", "2幢"]
    assert result.total == SurveyCount(39, {"A": 39})


def test_a_small_survey_tells_nothing() -> None:
    """Fewer than ten answers in all: no total either; ten are enough."""
    result = tally_survey({"": SurveyCount(9, {"A": 9})})
    assert result.total is None
    assert result.groups == {"": None}
    assert tally_survey({"": SurveyCount(10, {"A": 10})}).total == SurveyCount(10, {"A": 10})
