"""Heads and areas of the voter roll, from ordinary flats to overlapping owners and developer stock."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.register.rules import (
    AreaSource,
    ChosenArea,
    HeadsKey,
    OwnedUnit,
    RollEntry,
    RollTotals,
    UnitKind,
    build_roll,
    choose_area,
    total,
)

# Nothing here is about speed, and the machine may be busy.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

DEVELOPER = 900


def unit(number: int, *owners: int, area: int = 10_000, **more: object) -> OwnedUnit:
    """Make a unit of 100 m² unless said otherwise."""
    return OwnedUnit(number, area, frozenset(owners), **more)  # type: ignore[arg-type]


def units_of(roll: tuple[RollEntry, ...]) -> list[tuple[int, ...]]:
    """Return which units each head holds."""
    return [entry.unit_ids for entry in roll]


def test_each_unit_with_an_owner_of_its_own_is_one_head() -> None:
    """The ordinary case: heads equal units."""
    assert total(build_roll([unit(1, 11), unit(2, 12), unit(3, 13)])) == RollTotals(30_000, 3)


def test_one_buyer_of_several_units_is_one_head() -> None:
    """解释 9: several exclusive parts of one person are one head with all their area."""
    roll = build_roll([unit(1, 11, area=8_952), unit(2, 12), unit(3, 11, area=1)])
    assert roll[0] == RollEntry("owners:11", (1, 3), 8_953, owner_ids=(11,))
    assert total(roll) == RollTotals(18_953, 2)


def test_co_owners_are_one_head() -> None:
    """A couple owning one flat is one head, with both as owners."""
    assert build_roll([unit(1, 12, 11)]) == (RollEntry("owners:11+12", (1,), 10_000, owner_ids=(11, 12)),)


def test_spouses_with_a_flat_each_are_two_heads() -> None:
    """The register decides, not the family."""
    assert total(build_roll([unit(1, 11), unit(2, 12)])).heads == 2


def test_developer_stock_is_one_head_with_all_its_area() -> None:
    """Unsold units and units sold but not handed over are one head in total; their buyers do not count yet."""
    roll = build_roll([unit(1, stock_of=DEVELOPER), unit(2, 11, stock_of=DEVELOPER), unit(3, 12)])
    assert roll[0] == RollEntry(f"developer:{DEVELOPER}", (1, 2), 20_000, 1, True, (DEVELOPER,))
    assert total(roll) == RollTotals(30_000, 2)


def test_each_developer_has_its_own_head() -> None:
    """Two phases by two developers: two heads."""
    assert total(build_roll([unit(1, stock_of=901), unit(2, stock_of=902), unit(3, stock_of=901)])).heads == 2


@pytest.mark.parametrize("key", list(HeadsKey))
def test_what_a_developer_owns_by_itself_joins_its_stock(key: HeadsKey) -> None:
    """One legal person is never two heads."""
    roll = build_roll([unit(1, DEVELOPER), unit(2, stock_of=DEVELOPER)], key)
    assert [(entry.unit_ids, entry.is_developer_stock) for entry in roll] == [((1, 2), True)]


def test_a_former_developer_without_stock_is_an_owner_like_any_other() -> None:
    """Nothing unsold, nothing special."""
    roll = build_roll([unit(1, DEVELOPER), unit(2, DEVELOPER)])
    assert [(entry.key, entry.is_developer_stock) for entry in roll] == [(f"owners:{DEVELOPER}", False)]


def test_overlapping_owners_are_separate_heads_by_default() -> None:
    """A alone, A with B, and B alone: three different owner sets, three heads."""
    assert total(build_roll([unit(1, 11), unit(2, 11, 12), unit(3, 12)])).heads == 3


def test_overlapping_owners_are_one_head_if_the_community_chose_so() -> None:
    """ANY_OVERLAP follows shared owners from unit to unit."""
    units = [unit(1, 11), unit(2, 11, 12), unit(3, 13), unit(4, 12, 14)]
    roll = build_roll(units, HeadsKey.ANY_OVERLAP)
    assert units_of(roll) == [(1, 2, 4), (3,)]
    assert roll[0].key == "owners:11+12+14"
    assert roll[0].owner_ids == (11, 12, 14)


def test_owning_with_the_developer_does_not_make_one_part_of_its_stock() -> None:
    """A flat owned together with the developer keeps its co-owner out of the developer's head."""
    units = [unit(1, stock_of=DEVELOPER), unit(2, 11, DEVELOPER), unit(3, 11)]
    assert units_of(build_roll(units, HeadsKey.ANY_OVERLAP)) == [(1,), (2, 3)]


def test_a_unit_without_a_known_owner_is_still_one_head() -> None:
    """Each exclusive part is one head; two unknown owners are not taken for one."""
    roll = build_roll([unit(1), unit(2)], HeadsKey.ANY_OVERLAP)
    assert [entry.key for entry in roll] == ["unit:1", "unit:2"]


def test_parking_does_not_count_by_default() -> None:
    """A parking space adds neither area nor a head."""
    units = [
        unit(1, 11),
        unit(2, 11, area=1_300, kind=UnitKind.PARKING),
        unit(3, 12, area=1_300, kind=UnitKind.PARKING),
    ]
    assert total(build_roll(units)) == RollTotals(10_000, 1)


def test_parking_counts_where_the_bylaws_say_so_and_merges_by_owner() -> None:
    """Included, it adds area; only somebody who owns nothing else becomes a head by it."""
    units = [
        unit(1, 11),
        unit(2, 11, area=1_300, kind=UnitKind.PARKING),
        unit(3, 12, area=1_300, kind=UnitKind.PARKING),
    ]
    assert total(build_roll(units, include_parking=True)) == RollTotals(12_600, 2)


def test_common_rooms_never_count() -> None:
    """Rooms owned by all are no exclusive parts, whoever is entered as keeping them."""
    common = unit(2, 11, kind=UnitKind.COMMON)
    assert total(build_roll([unit(1, 11), common], include_parking=True)) == RollTotals(10_000, 1)


def test_the_order_of_units_does_not_matter() -> None:
    """The roll is in the order of unit ids, however it was read."""
    units = [unit(3, 12), unit(1, 11), unit(2, 12)]
    assert build_roll(units) == build_roll(reversed(units))
    assert units_of(build_roll(units)) == [(1,), (2, 3)]


def test_a_unit_given_twice_is_refused() -> None:
    """A join that doubles rows must not double a vote."""
    with pytest.raises(ValueError, match="unit 7 is given twice"):
        build_roll([unit(7, 11), unit(8, 12), unit(7, 11)])


def test_a_unit_without_area_is_refused() -> None:
    """The area is settled before the roll is made."""
    with pytest.raises(ValueError, match="choose its area"):
        build_roll([unit(1, 11, area=0)])


@pytest.mark.parametrize(
    ("areas", "chosen"),
    [
        ({AreaSource.CONTRACT: 1, AreaSource.SURVEY: 2, AreaSource.REGISTRY: 3}, ChosenArea(3, AreaSource.REGISTRY)),
        ({AreaSource.CONTRACT: 1, AreaSource.SURVEY: 2}, ChosenArea(2, AreaSource.SURVEY)),
        ({AreaSource.CONTRACT: 1, AreaSource.REGISTRY: None}, ChosenArea(1, AreaSource.CONTRACT)),
        ({AreaSource.REGISTRY: None}, None),
        ({}, None),
    ],
)
def test_the_area_is_taken_from_the_best_source(areas: dict[AreaSource, int | None], chosen: ChosenArea | None) -> None:
    """解释 8: registry, else survey, else contract; None when no source knows."""
    assert choose_area(areas) == chosen


def test_an_area_of_nothing_is_refused() -> None:
    """Zero is not "unknown": even a lower source may not say it."""
    with pytest.raises(ValueError, match="CONTRACT is 0"):
        choose_area({AreaSource.REGISTRY: 8_952, AreaSource.CONTRACT: 0})


owner_sets = st.lists(st.frozensets(st.integers(1, 8), min_size=1, max_size=3), min_size=1, max_size=10)


@unhurried
@given(owner_sets)
def test_heads_by_owner_set_are_the_distinct_sets(owners: list[frozenset[int]]) -> None:
    """Without a developer there are as many heads as different owner sets, and no area is lost."""
    roll = build_roll(unit(n, *each, area=n + 1) for n, each in enumerate(owners))
    assert len(roll) == len(set(owners))
    assert total(roll).area_centi == sum(range(1, len(owners) + 1))


@unhurried
@given(owner_sets)
def test_heads_by_overlap_are_the_components(owners: list[frozenset[int]]) -> None:
    """Merging any two sets that touch until none do gives the same heads."""
    merged = [set(each) for each in owners]
    while pair := next(((a, b) for a in merged for b in merged if a is not b and a & b), None):
        merged = [group for group in merged if group is not pair[1]]
        pair[0].update(pair[1])
    roll = build_roll((unit(n, *each) for n, each in enumerate(owners)), HeadsKey.ANY_OVERLAP)
    assert sorted(entry.owner_ids for entry in roll) == sorted(tuple(sorted(group)) for group in merged)
    assert sorted(number for entry in roll for number in entry.unit_ids) == list(range(len(owners)))


def test_no_units_make_no_roll() -> None:
    """Where nothing votes there is no head, and nothing to trip over."""
    assert build_roll([]) == ()
    assert total(build_roll([unit(1, 11, kind=UnitKind.COMMON)])) == RollTotals(0, 0)
