"""What the quorum lacks, from sums by area alone, is what the whole roll says."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from plugins.voting.rules import AreaGroup, RollVoter, fewest_voters, what_is_missing

ROLLS = st.lists(st.tuples(st.sampled_from([0, 1, 50, 4_500, 8_952, 12_000]) | st.integers(0, 20_000), st.booleans()))


@given(ROLLS)
def test_sums_by_area_say_the_same_as_the_roll(roll: list[tuple[int, bool]]) -> None:
    """For any roll and whoever takes part, the fewest further voters are equally many."""
    voters = [RollVoter(str(at), area) for at, (area, _) in enumerate(roll)]
    taking_part = {str(at) for at, (_, votes) in enumerate(roll) if votes}
    everybody, some = Counter(area for area, _ in roll), Counter(area for area, votes in roll if votes)
    groups = [AreaGroup(area, count, some[area]) for area, count in everybody.items()]
    assert fewest_voters(groups) == what_is_missing(voters, taking_part).fewest_voters
