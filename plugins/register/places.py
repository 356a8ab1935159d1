"""Where units lie: the buildings and stairwells of a compound, found however they are spelt, and added when missing."""

from __future__ import annotations

from dataclasses import dataclass

from core import communities
from core.hierarchy import PLACE_COLUMNS, Place, Reads, lineage, subtree_range
from core.kinds import CommunityKind
from core.plugin import Act
from plugins.register import words
from plugins.register.problems import PLACE_WRONG

BELOW_COMPOUND = (CommunityKind.COMPOUND, CommunityKind.BUILDING, CommunityKind.STAIRWELL)


@dataclass(frozen=True)
class Node:
    """A place of a compound with the keys of its building and stairwell, empty above them."""

    id: int
    keys: tuple[str, str]


class Tree:
    """The buildings and stairwells of one compound during a deed."""

    def __init__(self, act: Act, compound: Place, nodes: list[Place]) -> None:
        self._act = act
        self._compound = compound
        self._buildings: dict[str, Place] = {}
        self._stairwells: dict[tuple[int, str], Place] = {}
        for place in nodes:
            self._enter(place)

    @classmethod
    async def of(cls, act: Act, compound: Place) -> Tree:
        """Read the tree of a compound, closed places left out."""
        low, high = subtree_range(compound.path)
        rows = await act.tx.fetch(
            f"SELECT {PLACE_COLUMNS} FROM core_community WHERE path > ? AND path < ? AND closed_at IS NULL ORDER BY path",
            (low, high),
        )
        return cls(act, compound, [Place.of(row) for row in rows])

    async def node(self, building: str, stairwell: str) -> Node:
        """Return the node of a building and stairwell, adding what is missing."""
        if not building:
            return Node(self._compound.id, ("", ""))
        key = words.building_key(building)
        block = self._buildings.get(key) or await self._add(self._compound, CommunityKind.BUILDING, building, "幢")
        if not stairwell:
            return Node(block.id, (key, ""))
        entrance = words.stairwell_key(stairwell)
        found = self._stairwells.get((block.id, entrance))
        if found is None:
            found = await self._add(block, CommunityKind.STAIRWELL, stairwell, "单元")
        return Node(found.id, (key, entrance))

    async def _add(self, parent: Place, kind: CommunityKind, name: str, word: str) -> Place:
        """Add a place called as the roster calls it; a bare number gets its word."""
        made = await communities.add_child(
            self._act, parent, kind, f"{name}{word}" if name.isalnum() and name.isascii() else name
        )
        self._enter(made)
        return made

    def _enter(self, place: Place) -> None:
        if place.kind is CommunityKind.BUILDING:
            self._buildings.setdefault(words.building_key(place.name), place)
        elif place.kind is CommunityKind.STAIRWELL and place.parent_id is not None:
            self._stairwells.setdefault((place.parent_id, words.stairwell_key(place.name)), place)


async def change(act: Act, compound: Place) -> int:
    """Count a change of a compound's register, and hold it until the deed ends: no two deeds add the same unit or owner.

    Returns how many changes there were before.
    """
    count: int = await act.tx.value(
        "INSERT INTO register_ledger (community_id, version) VALUES (?, 1) "
        "ON CONFLICT (community_id) DO UPDATE SET version = register_ledger.version + 1 RETURNING version",
        (compound.id,),
    )
    return count - 1


async def version(reads: Reads, compound: Place) -> int:
    """Return how often the register of a compound has changed."""
    rows = await reads.fetch("SELECT version FROM register_ledger WHERE community_id = ?", (compound.id,))
    return int(rows[0]["version"]) if rows else 0


async def compound_of(act: Act, place: Place) -> Place:
    """Return the compound that a place lies in; raises PLACE_WRONG when it lies in none."""
    if place.kind in BELOW_COMPOUND:
        marks = ", ".join("?" * len(lineage(place.path)))
        row = await act.tx.one(
            f"SELECT {PLACE_COLUMNS} FROM core_community WHERE path IN ({marks}) AND kind = ?",
            (*lineage(place.path), CommunityKind.COMPOUND.value),
        )
        if row is not None:
            return Place.of(row)
    raise PLACE_WRONG(path=("input", "community"), place=place.name)


async def keys_of(act: Act, place: Place) -> tuple[str, str]:
    """Return the keys of building and stairwell of a place."""
    if place.kind is CommunityKind.COMPOUND:
        return "", ""
    if place.kind is CommunityKind.BUILDING:
        return words.building_key(place.name), ""
    above = await act.tx.value("SELECT name FROM core_community WHERE id = ?", (place.parent_id,))
    return words.building_key(above), words.stairwell_key(place.name)
