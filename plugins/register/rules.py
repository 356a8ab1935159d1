"""Who counts how much: from units and their owners to the entries of a voter roll.

民法典 278 measures every decision twice, by exclusive-part area and by heads. Area follows the unit. Heads follow the
owner (司法解释 9 [V]): each exclusive part is one head, but one owner of several parts is one head, and all the
developer has not sold or not handed over is one head.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from core.labels import Confidence, LabelledEnum, Source

HEADS_SOURCE = Source("建筑物区分所有权解释9", Confidence.VERIFIED)
AREA_SOURCE = Source("建筑物区分所有权解释8", Confidence.VERIFIED)
OVERLAP_SOURCE = Source("共有人交叉时的人数计算", Confidence.DESIGN)
PARKING_SOURCE = Source("业主大会和业主委员会指导规则25", Confidence.MEMORY)

K = TypeVar("K")


class AreaSource(LabelledEnum):
    """Where the area of a unit was taken from; the order of the members is the order of precedence (解释 8)."""

    REGISTRY = "REGISTRY", "不动产登记簿", "Land registry", "The area entered in the real-estate register."
    SURVEY = "SURVEY", "测绘成果", "Survey", "The area surveyed by a qualified body, for want of an entry."
    CONTRACT = "CONTRACT", "买卖合同", "Sale contract", "The area in the sale contract, for want of both."


class UnitKind(LabelledEnum):
    """What a unit is, as far as counting cares."""

    EXCLUSIVE = "EXCLUSIVE", "专有部分", "Exclusive part", "A dwelling, shop or other part owned exclusively."
    PARKING = "PARKING", "车位车库", "Parking space", "A parking space or stall with a title of its own."
    COMMON = "COMMON", "共有用房", "Common room", "A room that all owners own together; it never votes."


class HeadsKey(LabelledEnum):
    """What makes two units belong to the same head when co-owners overlap; frozen for each vote and disclosed."""

    OWNER_SET = "OWNER_SET", "按相同业主组合", "Same owner set", "Units with exactly the same owners are one head."
    ANY_OVERLAP = "ANY_OVERLAP", "按有共同业主", "Any shared owner", "Units linked by a shared owner are one head."


@dataclass(frozen=True)
class ChosenArea:
    """The area that counts, in hundredths of m², and where it was taken from."""

    area_centi: int
    source: AreaSource


@dataclass(frozen=True)
class OwnedUnit:
    """A unit on the record date.

    ``stock_of`` names the developer when the unit is unsold, or sold but not handed over; its buyers then do not count.
    """

    id: int
    area_centi: int
    owner_ids: frozenset[int] = frozenset()
    kind: UnitKind = UnitKind.EXCLUSIVE
    stock_of: int | None = None


@dataclass(frozen=True)
class RollEntry:
    """One voter of the roll: one head with the area of all its units."""

    key: str
    unit_ids: tuple[int, ...]
    area_centi: int
    heads: int = 1
    is_developer_stock: bool = False
    owner_ids: tuple[int, ...] = ()


@dataclass(frozen=True)
class RollTotals:
    """The two denominators of every decision."""

    area_centi: int
    heads: int


def choose_area(areas: Mapping[AreaSource, int | None]) -> ChosenArea | None:
    """Pick the area that counts: registry before survey before contract (解释 8). None when no source gives one.

    Raises:
        ValueError: a source gives an area that is not positive.
    """
    known = [(source, area) for source in AreaSource if (area := areas.get(source)) is not None]
    for source, area in known:
        if area <= 0:
            raise ValueError(f"the area from {source} is {area}; leave it out when it is unknown")
    return ChosenArea(known[0][1], known[0][0]) if known else None


def build_roll(
    units: Iterable[OwnedUnit], heads_key: HeadsKey = HeadsKey.OWNER_SET, include_parking: bool = False
) -> tuple[RollEntry, ...]:
    """Gather the voting units into roll entries, one head each, in the order of each entry's smallest unit id.

    Common rooms never count; parking counts only when the bylaws say so, and then merges by owner like the rest.

    Raises:
        ValueError: a unit is given twice, or has no positive area.
    """
    voting = sorted((unit for unit in units if _votes(unit, include_parking)), key=lambda unit: unit.id)
    _check(voting)
    developers = {unit.stock_of for unit in voting} - {None}
    keys = {unit.id: _owner_key(unit, developers) for unit in voting}
    if heads_key is HeadsKey.ANY_OVERLAP:
        keys = _join_overlaps(voting, keys)
    return tuple(_entry(key, members) for key, members in _gather(voting, keys).items())


def total(entries: Iterable[RollEntry]) -> RollTotals:
    """Add up the roll: exact hundredths of m², whole heads."""
    entries = tuple(entries)
    return RollTotals(sum(entry.area_centi for entry in entries), sum(entry.heads for entry in entries))


def _votes(unit: OwnedUnit, include_parking: bool) -> bool:
    return unit.kind is UnitKind.EXCLUSIVE or (include_parking and unit.kind is UnitKind.PARKING)


def _check(units: list[OwnedUnit]) -> None:
    for unit, following in pairwise(units):
        if following.id == unit.id:
            raise ValueError(f"unit {unit.id} is given twice; it would be counted twice")
    for unit in units:
        if unit.area_centi <= 0:
            raise ValueError(f"unit {unit.id} has the area {unit.area_centi}; choose its area before building a roll")


def _owner_key(unit: OwnedUnit, developers: set[int | None]) -> str:
    """Key a unit by developer, by owner set or, when nobody is known to own it, by itself: it is one head all the same.

    What a developer holds in its own name joins its stock: one legal person is never two heads.
    """
    sole = next(iter(unit.owner_ids)) if len(unit.owner_ids) == 1 else None
    if unit.stock_of is not None:
        return f"developer:{unit.stock_of}"
    if sole is not None and sole in developers:
        return f"developer:{sole}"
    return _owners_key(unit.owner_ids) if unit.owner_ids else f"unit:{unit.id}"


def _owners_key(owner_ids: Iterable[int]) -> str:
    return "owners:" + "+".join(str(owner) for owner in sorted(owner_ids))


def _join_overlaps(units: Iterable[OwnedUnit], keys: dict[int, str]) -> dict[int, str]:
    """Give units that are linked through shared owners one key.

    A developer's head stays apart, or one flat owned together with it would draw a resident into its stock.
    """
    linked = {unit.id: unit.owner_ids for unit in units if keys[unit.id].startswith("owners:")}
    group: dict[int, set[int]] = {}
    for owners in linked.values():
        merged = set(owners).union(*(group.get(owner, ()) for owner in owners))
        group.update(dict.fromkeys(merged, merged))
    return keys | {unit: _owners_key(group[min(owners)]) for unit, owners in linked.items()}


def _gather(units: Iterable[OwnedUnit], keys: Mapping[int, str]) -> dict[str, list[OwnedUnit]]:
    gathered: dict[str, list[OwnedUnit]] = {}
    for unit in units:
        gathered.setdefault(keys[unit.id], []).append(unit)
    return gathered


def _entry(key: str, units: list[OwnedUnit]) -> RollEntry:
    stock_of = {unit.stock_of for unit in units if unit.stock_of is not None}
    owners = stock_of or {owner for unit in units for owner in unit.owner_ids}
    return RollEntry(
        key=key,
        unit_ids=tuple(unit.id for unit in units),
        area_centi=sum(unit.area_centi for unit in units),
        is_developer_stock=bool(stock_of),
        owner_ids=tuple(sorted(owners)),
    )
