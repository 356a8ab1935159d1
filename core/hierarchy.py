"""The tree of places: paths, look-ups, and the deeds that add, rename and move nodes.

``path`` is a materialised path of segments each ended by ``/``, e.g. ``44/06/04/010/001/C001/``. A subtree is one index
range on every database: ``path >= p AND path < p⁺`` where p⁺ is p with its last ``/`` replaced by ``0``, the next byte.
"""

from __future__ import annotations

from dataclasses import dataclass

from core import errors
from core._db.seam import Row, Tx
from core.kinds import CommunityKind

PLACE_COLUMNS = "id, code, kind, name, parent_id, path, closed_at"


@dataclass(frozen=True)
class Place:
    """One community as deeds and decisions see it."""

    id: int
    code: str
    kind: CommunityKind
    name: str
    parent_id: int | None
    path: str
    closed_at: str | None = None

    @classmethod
    def of(cls, row: Row) -> Place:
        """Make a place of a database row with PLACE_COLUMNS."""
        return cls(
            row["id"], row["code"], CommunityKind(row["kind"]), row["name"], row["parent_id"], row["path"], row["closed_at"]
        )


def subtree_range(path: str) -> tuple[str, str]:
    """Return the half-open range of paths that are this one or below it."""
    return path, path[:-1] + "0"


def lineage(path: str) -> tuple[str, ...]:
    """Return the paths from the root down to this one, itself included."""
    ends = [i + 1 for i, c in enumerate(path) if c == "/"]
    return tuple(path[:end] for end in ends)


def significant(code: str) -> str:
    """Return a statistical code without the zeros that only fill it up: ``440604000000`` → ``440604``."""
    if len(code) != 12 or not code.isdigit():
        return code
    for length in (2, 4, 6, 9):
        if not code[length:].strip("0"):
            return code[:length]
    return code


def segment(code: str, parent_code: str | None) -> str:
    """Return the path segment of a node: what its code adds to its parent's."""
    own = significant(code)
    if parent_code is None:
        return own
    above = significant(parent_code)
    return own[len(above) :].lstrip("-") if own.startswith(above) and len(own) > len(above) else own


async def place_by_code(tx: Tx, code: str) -> Place:
    """Find a community by its code, or raise NotFound."""
    row = await tx.one(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE code = ?", (code,))
    if row is None:
        raise errors.NOT_FOUND(path=("input", "community"), what=f"community {code[:40]}")
    return Place.of(row)


async def place_by_id(tx: Tx, key: int) -> Place:
    """Find a community by its key, or raise NotFound."""
    row = await tx.one(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE id = ?", (key,))
    if row is None:
        raise errors.NOT_FOUND(what=f"community {key}")
    return Place.of(row)
