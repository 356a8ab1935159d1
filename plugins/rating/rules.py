"""What a rating says: how many were satisfied, how sure that is, and when it must not be told.

A share of few answers says little, and sorting by it favours whoever was asked least. So the figure that is compared is
the lower bound of the 95 % Wilson score interval: for ``s`` satisfied among ``n`` answers and ``z`` = 1.959964

    lower = (2s + z² - z·√(z² + 4·s·(n-s)/n)) / (2·(n + z²))

It is rounded down to four decimals, so that the published bound never exceeds the exact one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal, localcontext
from fractions import Fraction
from types import MappingProxyType

from core.masks import SMALLEST_GROUP, small_groups

Z95 = Decimal("1.959964")

# Enough digits that a rounding inside the formula cannot reach the fourth decimal, for any count that fits 63 bits.
_EXACT = Context(prec=60)
_FOUR_DECIMALS = Decimal("0.0001")


@dataclass(frozen=True)
class RatingCount:
    """How many were asked, how many answered, how many of those were satisfied."""

    satisfied: int
    answered: int
    asked: int

    def __post_init__(self) -> None:
        if not 0 <= self.satisfied <= self.answered <= self.asked:
            raise ValueError(f"{self}: satisfied, answered and asked must not decrease in this order")

    def __add__(self, other: RatingCount) -> RatingCount:
        return RatingCount(self.satisfied + other.satisfied, self.answered + other.answered, self.asked + other.asked)


@dataclass(frozen=True)
class RatingSummary:
    """What may be told of a rating: ``count`` and ``lower_bound`` are None when too few answered."""

    count: RatingCount | None
    lower_bound: Decimal | None

    @property
    def is_withheld(self) -> bool:
        """Tell whether the figures are withheld because too few persons are behind them."""
        return self.count is None

    @property
    def satisfied_share(self) -> Fraction | None:
        """Return satisfied among answers, exactly."""
        return Fraction(self.count.satisfied, self.count.answered) if self.count else None

    @property
    def answer_rate(self) -> Fraction | None:
        """Return answers among those asked, exactly; a high score with a low answer rate is no praise."""
        return Fraction(self.count.answered, self.count.asked) if self.count else None


def wilson_lower_bound(satisfied: int, answered: int) -> Decimal:
    """Return the lower bound of the 95 % Wilson score interval, rounded down to four decimals; 0 without answers.

    Raises:
        ValueError: more are satisfied than answered.
    """
    if not 0 <= satisfied <= answered:
        raise ValueError(f"{satisfied} satisfied of {answered} answers")
    if not satisfied:
        return Decimal("0.0000")
    return _lower_bound(satisfied, answered).quantize(_FOUR_DECIMALS, rounding=ROUND_FLOOR)


def summarise(count: RatingCount, smallest_group: int = SMALLEST_GROUP) -> RatingSummary:
    """Summarise one rating, or withhold it when fewer than ``smallest_group`` answered."""
    if count.answered < max(1, smallest_group):
        return RatingSummary(None, None)
    return RatingSummary(count, wilson_lower_bound(count.satisfied, count.answered))


def summarise_groups(
    groups: Mapping[str, RatingCount], smallest_group: int = SMALLEST_GROUP
) -> Mapping[str, RatingSummary]:
    """Summarise groups shown beside their total, withholding small ones and whatever would give them away."""
    hidden = small_groups({name: count.answered for name, count in groups.items()}, smallest_group)
    withheld = RatingSummary(None, None)
    return MappingProxyType(
        {name: withheld if name in hidden else summarise(count, smallest_group) for name, count in groups.items()}
    )


def _lower_bound(satisfied: int, answered: int) -> Decimal:
    s, n = Decimal(satisfied), Decimal(answered)
    with localcontext(_EXACT):
        square = Z95 * Z95
        root = Z95 * (square + 4 * s * (n - s) / n).sqrt()
        return (2 * s + square - root) / (2 * (n + square))
