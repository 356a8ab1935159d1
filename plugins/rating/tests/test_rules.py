"""The Wilson bound against its defining inequality, and figures that must not be told."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.rating.rules import Z95, RatingCount, summarise, summarise_groups, wilson_lower_bound

# Nothing here is about speed, and the machine may be busy.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


@pytest.mark.parametrize(
    ("satisfied", "answered", "bound"),
    [
        (0, 0, "0.0000"),
        (0, 25, "0.0000"),
        (1, 1, "0.2065"),
        (9, 10, "0.5958"),
        (10, 10, "0.7224"),
        (50, 100, "0.4038"),
        (95, 100, "0.8882"),
        (950, 1000, "0.9346"),
    ],
)
def test_known_bounds(satisfied: int, answered: int, bound: str) -> None:
    """Values of the textbook formula, rounded down; the same share is worth more with more answers."""
    assert wilson_lower_bound(satisfied, answered) == Decimal(bound)


@unhurried
@given(st.integers(1, 10**9), st.integers(0, 10**9))
def test_the_bound_solves_the_inequality_it_comes_from(satisfied: int, others: int) -> None:
    """Wilson's interval holds the shares p with (s/n - p)² ≤ z²·p(1-p)/n: checked exactly, without any root.

    The published bound lies at or below the interval's end, the next four-decimal value above it.
    """
    answered = satisfied + others
    bound = Fraction(wilson_lower_bound(satisfied, answered))

    def lies_in_the_interval(share: Fraction) -> bool:
        distance = Fraction(satisfied, answered) - share
        return distance * distance * answered < Fraction(Z95) ** 2 * share * (1 - share)

    assert bound <= Fraction(satisfied, answered)
    assert not lies_in_the_interval(bound)
    above = bound + Fraction(1, 10_000)
    assert above >= Fraction(satisfied, answered) or lies_in_the_interval(above)


@unhurried
@given(st.integers(0, 5_000), st.integers(0, 5_000))
def test_one_more_satisfied_never_lowers_the_bound(satisfied: int, others: int) -> None:
    """A further satisfied answer helps or leaves the bound, a further dissatisfied one does not help."""
    bound = wilson_lower_bound(satisfied, satisfied + others)
    assert wilson_lower_bound(satisfied + 1, satisfied + others + 1) >= bound
    assert wilson_lower_bound(satisfied, satisfied + others + 1) <= bound


def test_more_satisfied_than_answered_is_refused() -> None:
    """Impossible counts must not become a score."""
    with pytest.raises(ValueError, match="11 satisfied of 10"):
        wilson_lower_bound(11, 10)
    with pytest.raises(ValueError, match="must not decrease"):
        RatingCount(satisfied=1, answered=5, asked=4)


def test_a_rating_of_ten_is_told_and_one_of_nine_is_not() -> None:
    """Fewer than ten answers are withheld whole: counts, bound, shares."""
    told, withheld = summarise(RatingCount(9, 10, 40)), summarise(RatingCount(9, 9, 40))
    assert (told.satisfied_share, told.answer_rate) == (Fraction(9, 10), Fraction(1, 4))
    assert told.lower_bound == Decimal("0.5958")
    assert withheld.is_withheld
    assert (withheld.count, withheld.lower_bound, withheld.satisfied_share, withheld.answer_rate) == (None,) * 4


def test_no_answers_are_withheld_even_without_a_limit() -> None:
    """Nothing can be said about nobody."""
    assert summarise(RatingCount(0, 0, 5), smallest_group=0).is_withheld


def test_small_groups_are_withheld_together_with_what_would_reveal_them() -> None:
    """Beside a total, one small group alone could be computed; the next larger one is withheld with it."""
    groups = {"1幢": RatingCount(3, 4, 9), "2幢": RatingCount(8, 11, 20), "3幢": RatingCount(30, 33, 60)}
    shown = summarise_groups(groups)
    assert [name for name, summary in shown.items() if summary.is_withheld] == ["1幢", "2幢"]
    assert shown["3幢"].count == groups["3幢"]


def test_counts_add_up() -> None:
    """Groups sum to their total."""
    assert RatingCount(1, 2, 3) + RatingCount(4, 5, 6) == RatingCount(5, 7, 9)
