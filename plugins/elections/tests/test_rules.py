"""The rules of elections, without a server."""

from __future__ import annotations

import hashlib
from datetime import date

import pytest

from plugins.elections import rules
from plugins.elections.rules import Tally, Whole

WHOLE = Whole(area_centi=100_000, heads=10)


def tally(key: int, heads: int, area: int, *, passed: bool = True) -> Tally:
    """Make one candidate's figures."""
    return Tally(key, passed, area, heads)


def test_the_order_is_the_sum_of_both_shares() -> None:
    """Six heads with a third of the area stand behind five heads with half of it; who failed stands nowhere."""
    found = rules.rank([tally(1, 6, 30_000), tally(2, 5, 50_000), tally(3, 9, 90_000, passed=False)], WHOLE, seats=1)
    assert (found.order, found.tied) == ((2, 1), frozenset())


def test_equal_sums_are_told_apart_by_area() -> None:
    """One more head and a tenth less area is the same sum: area decides, and no lot is needed."""
    found = rules.rank([tally(1, 7, 60_000), tally(2, 6, 70_000)], WHOLE, seats=1)
    assert (found.order, found.tied) == ((2, 1), frozenset())


@pytest.mark.parametrize(
    ("seats", "tied"),
    [(1, {1, 2, 3}), (2, {1, 2, 3}), (3, set())],
)
def test_a_tie_matters_only_where_it_decides(seats: int, tied: set[int]) -> None:
    """Three alike need a lot for one or two seats, and none for three: all of them are in."""
    found = rules.rank([tally(key, 7, 70_000) for key in (1, 2, 3)], WHOLE, seats=seats)
    assert found.tied == tied


def test_alternates_beyond_the_last_are_not_drawn() -> None:
    """There are as many alternates as seats; a tie behind them decides nothing."""
    found = rules.rank(
        [tally(1, 9, 90_000), tally(2, 8, 80_000), tally(3, 7, 70_000), tally(4, 7, 70_000)], WHOLE, seats=1
    )
    assert (found.order[:2], found.tied) == ((1, 2), frozenset())


def test_anybody_draws_the_same_lot() -> None:
    """The order of the tied is that of SHA-256 over certificate hash, seed and candidate."""
    lot = ("ab" * 32, "5 2 7")
    found = rules.rank([tally(key, 7, 70_000) for key in (1, 2, 3)], WHOLE, seats=1, lot=lot)
    expected = sorted((1, 2, 3), key=lambda key: hashlib.sha256(f"{lot[0]}|{lot[1]}|{key}".encode()).hexdigest())
    assert (list(found.order), found.tied) == (expected, frozenset())


@pytest.mark.parametrize(
    ("elected", "seats", "stands"),
    [(5, 5, True), (4, 5, False), (5, 11, False), (6, 11, True), (5, 9, True), (3, 3, True)],
)
def test_a_committee_stands_with_the_minimum_and_more_than_half(elected: int, seats: int, stands: bool) -> None:
    """Five of nine are a committee; five of eleven are not more than half."""
    assert rules.stands(elected, seats, fewest=5) is stands


@pytest.mark.parametrize(
    ("text", "cites"),
    [
        ("物业管理条例第16条", True),
        ("民法典278", True),
        ("本小区议事规则第十二条", True),
        ("群众有意见", False),
        ("物业管理条例", False),
    ],
)
def test_a_citation_names_title_and_article(text: str, cites: bool) -> None:
    """A title without an article, or an opinion, is no citation."""
    assert rules.is_citation(text) is cites


def test_exactly_half_is_not_more_than_half() -> None:
    """民法典 1259: 过半数 does not include half; a share of nobody is none."""
    assert not rules.is_more_than_half(2, 4)
    assert rules.is_more_than_half(3, 5)
    assert rules.reaches(2, 10, 20)
    assert not rules.reaches(0, 0, 20)


def test_a_group_is_odd_half_of_owners_and_led_by_the_street() -> None:
    """Each fault of a preparatory group is said on its own."""
    assert rules.group_faults(["STREET", "OWNER", "OWNER"], ["STREET"]) == []
    assert len(rules.group_faults(["STREET", "DEVELOPER", "PARTY", "OWNER"], ["OWNER"])) == 3


def test_a_term_ends_on_the_same_day() -> None:
    """Five years from a leap day end on the last day of February."""
    assert rules.term_end(date(2024, 2, 29), 5) == date(2029, 2, 28)
