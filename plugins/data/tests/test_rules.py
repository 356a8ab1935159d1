"""Sums, suppression, intervals and silence, without a database."""

from __future__ import annotations

import random

import pytest

from core.indicators import Count
from core.periods import Period, PeriodKind
from plugins.data.rules import Sums, fell_silent, rolled_up, share, suppressed, wilson
from plugins.wishes.indicators import INDICATORS

FULFILLED = next(one for one in INDICATORS if one.code == "wishes.fulfilled")


def test_sums_go_up_the_tree() -> None:
    """A place has what was counted there and everywhere below, and nothing of its neighbours."""
    found = rolled_up([Count("1/2/3/", 1, 4, 0, 0), Count("1/2/", 2, 2, 0, 0), Count("1/9/", 5, 9, 1, 2)])
    assert found == {
        "1/": Sums(8, 15, 1, 2), "1/2/": Sums(3, 6), "1/2/3/": Sums(1, 4), "1/9/": Sums(5, 9, 1, 2),
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(200))
def test_nothing_small_is_left_when_one_subtracts(seed: int) -> None:
    """In random trees, a told figure less all that is told right below it is nothing, or about ten persons at least."""
    chance = random.Random(seed)
    paths = [f"1/{a}/{b}/{c}/" for a in range(3) for b in range(3) for c in range(3)]
    counts = [
        Count(path, 0, chance.choice([1, 3, 8, 12, 25, 60]), 0, 0)
        for path in chance.sample(paths, chance.randint(1, 20))
    ]
    sums = rolled_up([*counts, Count("1/1/", 0, 4, 0, 0)])
    hidden = suppressed(sums, FULFILLED)
    told = {path: one.denominator for path, one in sums.items() if path not in hidden}
    assert all(group >= 10 for group in told.values())
    for path, group in told.items():
        below = [one for one in told if one != path and one.startswith(path)]
        highest = [one for one in below if not any(one != other and one.startswith(other) for other in below)]
        rest = group - sum(told[one] for one in highest)
        assert rest == 0 or rest >= 10, (path, rest)


def test_a_small_neighbour_hides_one_more() -> None:
    """A compound of 4 beside one of 30: the 30 are not told either, or 34 less 30 would give the 4 away."""
    sums = rolled_up([Count("1/a/", 1, 4, 0, 0), Count("1/b/", 9, 30, 0, 0)])
    assert suppressed(sums, FULFILLED) == {"1/a/", "1/b/"}


@pytest.mark.parametrize(("numerator", "denominator", "expected"), [
    (8, 10, ("0.4901", "0.9434")), (0, 10, ("0.0000", "0.2776")), (10, 10, ("0.7224", "1.0000")), (0, 0, None),
])  # fmt: skip
def test_wilson(numerator: int, denominator: int, expected: tuple[str, str] | None) -> None:
    """The textbook values, rounded outwards."""
    assert wilson(numerator, denominator) == expected


def test_shares_are_exact_to_four_decimals() -> None:
    """A half is rounded up; nothing out of nothing is no share."""
    assert (share(2, 3), share(1, 20000), share(1, 0)) == ("0.6667", "0.0001", None)


@pytest.mark.parametrize(("now", "before", "outside", "expected"), [
    (4, [10, 10, 10, 10], None, True), (5, [10, 10, 10, 10], None, False), (0, [4, 4, 4, 4], None, False),
    (4, [10, 10, 10, 10], (9, [10, 10, 10, 10]), False), (4, [10, 10, 10, 10], (10, [10, 10, 10, 10]), True),
    (0, [30, 30], None, False),
])  # fmt: skip
def test_silence(now: int, before: list[int], outside: tuple[int, list[int]] | None, expected: bool) -> None:
    """Below half of the own mean, unless the outside fell as well, or there was too little before to tell."""
    assert fell_silent(now, before, 50, outside) is expected


def test_periods_are_read_and_told() -> None:
    """Months, quarters and years, over the turn of a year; what is none is none."""
    quarter = Period.parse("2026-Q1")
    assert quarter is not None
    assert (quarter.shifted(-1).code, quarter.end.isoformat()) == ("2025-Q4", "2026-04-01T00:00:00+08:00")
    assert [Period.parse(text) for text in ("2026-13", "2026-Q5", "26", "", "2026-3")] == [None] * 5
    month = Period.parse("2026-12")
    assert month is not None
    assert (month.shifted(1).code, month.title("zh"), month.kind) == ("2027-01", "2026年12月", PeriodKind.MONTH)
