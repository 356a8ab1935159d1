"""What published figures give away: the share of votes that follow from them with certainty.

The attacker knows what everybody may know: the exact area of every unit, who took part, and the published sums. A vote is
revealed when every way to fill in the ballots that fits the sums has it the same. ``python -m tests.security.area_attack``
prints the table of ``plugins/voting/README.md``.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from plugins.voting.separated import pooled

CHOICES = "FAB"
SHARES = (0.6, 0.3, 0.1)
SMALLEST, LARGEST = 6_000, 14_000  # hundredths of m²


@dataclass(frozen=True)
class Vote:
    """One voter's area, known to all, and choice, known to nobody."""

    area: int
    choice: str


def electorate(size: int, chance: random.Random) -> list[Vote]:
    """Draw a house: areas of 60 to 140 m² to the hundredth, choices as they are common."""
    return [Vote(chance.randrange(SMALLEST, LARGEST), chance.choices(CHOICES, SHARES)[0]) for _ in range(size)]


def revealed_by_area(votes: Sequence[Vote], *, rounded: bool) -> float:
    """Return the share of votes that follow from the sums of area and heads by choice, as published."""
    areas = [vote.area for vote in votes]
    certain = {choice: _certain(areas, *_published(votes, choice, rounded=rounded)) for choice in CHOICES}
    return sum(_is_revealed({c: certain[c][at] for c in CHOICES}) for at in range(len(votes))) / len(votes)


def _published(votes: Sequence[Vote], choice: str, *, rounded: bool) -> tuple[int, int, int]:
    """Return how many chose this, and between which sums of area theirs lies."""
    own = [vote.area for vote in votes if vote.choice == choice]
    if not rounded:
        return len(own), sum(own), sum(own)
    middle = (sum(own) + 50) // 100 * 100  # to the whole m², halves up
    return len(own), middle - 50, middle + 49


def _is_revealed(known: dict[str, bool | None]) -> bool:
    return any(known.values()) or sum(value is False for value in known.values()) == len(CHOICES) - 1


def _certain(areas: Sequence[int], heads: int, low: int, high: int) -> list[bool | None]:
    """Say of each voter: certainly among those who chose this, certainly not, or open (None).

    Sums that can be reached are bits of whole numbers, one for each number of heads, from both ends.
    """
    behind = _reachable(areas[::-1], heads, high)[::-1]
    before = _reachable(areas, heads, high)
    return [_known(before[at], behind[at + 1], area, heads, low, high) for at, area in enumerate(areas)]


def _reachable(areas: Sequence[int], heads: int, high: int) -> list[list[int]]:
    """Return for each prefix, by the number of heads in it, the bits of the sums that its subsets reach."""
    mask, rows = (1 << max(high, 0) + 1) - 1, [[1] + [0] * heads]
    for area in areas:
        last = rows[-1]
        rows.append([last[0], *(last[n] | (last[n - 1] << area & mask) for n in range(1, heads + 1))])
    return rows


def _known(before: list[int], behind: list[int], area: int, heads: int, low: int, high: int) -> bool | None:
    inside = _meet(before, behind, heads - 1, low - area, high - area)
    outside = _meet(before, behind, heads, low, high)
    return None if inside and outside else inside


def _meet(before: list[int], behind: list[int], heads: int, low: int, high: int) -> bool:
    """Say whether sums of both sides, together of so many heads, meet the published range."""
    if heads < 0 or high < 0:
        return False
    for count in range(heads + 1):
        one, other = before[count], behind[heads - count]
        if one and other and _sums_meet(one, other, max(low, 0), high):
            return True
    return False


def _sums_meet(one: int, other: int, low: int, high: int) -> bool:
    if one.bit_count() > other.bit_count():
        one, other = other, one
    window = (1 << high - low + 1) - 1
    while one:
        lowest = one & -one
        sum_of = lowest.bit_length() - 1
        if sum_of > high:
            return False
        start = low - sum_of
        found = other >> start if start >= 0 else other & ((1 << high - sum_of + 1) - 1)
        if found & window:
            return True
        one ^= lowest
    return False


def revealed_by_heads(groups: Sequence[Sequence[Vote]]) -> float:
    """Return the share of votes that follow from heads by group, as separated polls publish them."""
    inside = [(f"{at}栋", vote.choice) for at, votes in enumerate(groups) for vote in votes]
    together = pooled(inside)
    shown: dict[str, list[str]] = {}
    for group, choice in inside:
        shown.setdefault("" if group in together else group, []).append(choice)
    return sum(len(said) for said in shown.values() if len(set(said)) == 1) / len(inside)


def measure(size: int, trials: int, *, rounded: bool, seed: int = 20_260_302) -> float:
    """Return the mean share revealed by area over several houses."""
    chance = random.Random(seed)
    return sum(revealed_by_area(electorate(size, chance), rounded=rounded) for _ in range(trials)) / trials


def main() -> None:
    """Print the table."""
    sys.stdout.write("| voters | exact area | area rounded to 1 m² |\n|---|---|---|\n")
    for size, trials in ((5, 200), (10, 50), (16, 10), (24, 20), (30, 10), (60, 3)):
        found = [f"{measure(size, trials, rounded=rounded):.0%}" for rounded in (False, True)]
        sys.stdout.write(f"| {size} | {found[0]} | {found[1]} |\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
