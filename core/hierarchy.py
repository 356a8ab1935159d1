"""The tree of places: paths, look-ups, and what moving a subtree rewrites.

``path`` is a materialised path of segments each ended by ``/``, e.g. ``44/06/04/010/001/C001/``. A subtree is one index
range on every database: ``path >= p AND path < p⁺`` where p⁺ is p with its last ``/`` replaced by ``0``, the next byte.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from core import errors
from core._db.seam import Params, Row, Tx
from core.kinds import CommunityKind

PLACE_COLUMNS = "id, code, kind, name, parent_id, path, closed_at"
NATION_CODE = "100000000000"
PATH_LENGTH = 255
PAGE = 1_000

# Which kinds a node of a kind may stand under. Where a level is missing in reality (Dongguan has no districts,
# Tianmen belongs to no city) the next one above takes its place.
PARENTS: Mapping[CommunityKind, tuple[CommunityKind, ...]] = {
    CommunityKind.NATION: (),
    CommunityKind.PROVINCE: (CommunityKind.NATION,),
    CommunityKind.CITY: (CommunityKind.PROVINCE,),
    CommunityKind.DISTRICT: (CommunityKind.CITY, CommunityKind.PROVINCE),
    CommunityKind.TOWN: (CommunityKind.DISTRICT, CommunityKind.CITY),
    CommunityKind.COMMUNITY: (CommunityKind.TOWN,),
    CommunityKind.VILLAGE: (CommunityKind.TOWN,),
    CommunityKind.COMPOUND: (CommunityKind.COMMUNITY, CommunityKind.VILLAGE),
    CommunityKind.BUILDING: (CommunityKind.COMPOUND,),
    CommunityKind.STAIRWELL: (CommunityKind.BUILDING,),
}
# The kinds that the State names and numbers: they come from the official file. The others are ours to add.
OFFICIAL = frozenset(PARENTS) - {CommunityKind.COMPOUND, CommunityKind.BUILDING, CommunityKind.STAIRWELL}

# Every table that copies the path of a place for its own range reads, rewritten when a subtree moves.
PATH_TABLES = ("core_community", "core_matter", "core_event", "core_news")

_CODE_TEXT = re.compile(r"[0-9][0-9A-Za-z-]*")
_LETTERS = re.compile(r"[A-Za-z]")
_AFTER_ALL = "\U0010ffff"


class Reads(Protocol):
    """Anything that reads: the database outside of deeds, or the transaction of one."""

    async def fetch(self, sql: str, params: Params = ()) -> list[Row]:
        """Return all rows."""


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
            row["id"], row["code"], CommunityKind(row["kind"]), row["name"], row["parent_id"], row["path"],
            row["closed_at"],
        )  # fmt: skip


# -- paths ------------------------------------------------------------------------------------------------------------


def subtree_range(path: str) -> tuple[str, str]:
    """Return the half-open range of paths that are this one or below it."""
    return path, path[:-1] + "0"


def lineage(path: str) -> tuple[str, ...]:
    """Return the paths from the root down to this one, itself included."""
    ends = [i + 1 for i, c in enumerate(path) if c == "/"]
    return tuple(path[:end] for end in ends)


def significant(code: str) -> str:
    """Return a statistical code without the zeros that only fill it up: ``440604000000`` → ``440604``."""
    if len(code) != 12 or not code.endswith("000") or not code.isdigit():
        return code
    for length in (2, 4, 6, 9):
        if not code[length:].strip("0"):
            return code[:length]
    return code


def segment(code: str, parent_code: str | None) -> str:
    """Return the path segment of a node: what its code adds to its parent's.

    A town of a city without districts keeps the digits of the missing level (``441900003000`` under ``441900000000`` is
    ``00003``). A code that does not go on from its parent's, as after a move, stands whole: siblings never share one.
    """
    if parent_code is None or parent_code == NATION_CODE:
        return significant(code)
    own, above = significant(code), significant(parent_code)
    if own.isdigit() and own.startswith(above) and len(own) > len(above):
        return own[len(above) :]
    return code.removeprefix(f"{parent_code}-")


def path_under(code: str, parent: Place | None) -> str:
    """Return the path of the node with this code under a parent; raises Invalid when the tree would get too deep."""
    above, parent_code = (parent.path, parent.code) if parent is not None else ("", None)
    path = f"{above}{segment(code, parent_code)}/"
    if len(path) > PATH_LENGTH:
        raise errors.invalid(
            "层级过深。", f"The path of {code} would exceed {PATH_LENGTH} characters.", "input", "code"
        )
    return path


async def rewrite_paths(tx: Tx, old: str, new: str) -> int:
    """Give everything at a path and below it a new beginning, in every table that copies paths; counts the places."""
    low, high = subtree_range(old)
    if tx.for_update:
        # Whoever is adding below the subtree holds its parent's row: wait for them, then the update sees their row.
        await tx.fetch(f"SELECT id FROM core_community WHERE path >= ? AND path < ?{tx.for_update}", (low, high))
    moved = 0
    for table in PATH_TABLES:
        touched = await tx.execute(
            f"UPDATE {table} SET path = ? || SUBSTR(path, ?) WHERE path >= ? AND path < ?",
            (new, len(old) + 1, low, high),
        )
        moved = moved or touched
    return moved


# -- look-ups ---------------------------------------------------------------------------------------------------------


async def place_by_code(tx: Reads, code: str) -> Place:
    """Find a community by its code, or raise NotFound."""
    rows = await tx.fetch(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE code = ?", (code,))
    if not rows:
        raise errors.NOT_FOUND(path=("input", "community"), what=f"community {code[:40]}")
    return Place.of(rows[0])


async def place_by_id(tx: Reads, key: int) -> Place:
    """Find a community by its key, or raise NotFound."""
    rows = await tx.fetch(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE id = ?", (key,))
    if not rows:
        raise errors.NOT_FOUND(what=f"community {key}")
    return Place.of(rows[0])


async def parent_of(db: Reads, place: Place) -> Place | None:
    """Return the place right above, or None at the root."""
    return None if place.parent_id is None else await place_by_id(db, place.parent_id)


async def ancestors(db: Reads, place: Place) -> list[Place]:
    """Return the places above this one, from the root down, without itself."""
    above = lineage(place.path)[:-1]
    if not above:
        return []
    marks = ", ".join("?" * len(above))
    rows = await db.fetch(f"SELECT {PLACE_COLUMNS} FROM core_community WHERE path IN ({marks}) ORDER BY path", above)
    return [Place.of(row) for row in rows]


async def descendants(
    db: Reads, place: Place, *, kind: CommunityKind | None = None, after: str | None = None, limit: int = 100
) -> list[Place]:
    """Return at most ``limit`` places below this one in the order of their paths, from the one after a path on.

    To go on, pass the path of the last place of the page before.
    """
    bounds, of_kind = (max(after or "", place.path), subtree_range(place.path)[1]), ""
    params: tuple[Any, ...] = bounds
    if kind is not None:
        of_kind, params = " AND kind = ?", (*bounds, kind.value)
    rows = await db.fetch(
        f"SELECT {PLACE_COLUMNS} FROM core_community WHERE path > ? AND path < ?{of_kind} "
        f"ORDER BY path LIMIT {int(limit)}",
        params,
    )
    return [Place.of(row) for row in rows]


async def subtree(db: Reads, place: Place, *, kind: CommunityKind | None = None) -> AsyncIterator[Place]:
    """Go through a place and all below it in the order of their paths, a page at a time."""
    if kind in (None, place.kind):
        yield place
    after: str | None = None
    while True:
        page = await descendants(db, place, kind=kind, after=after, limit=PAGE)
        for found in page:
            yield found
        if len(page) < PAGE:
            return
        after = page[-1].path


async def find(
    db: Reads, text: str, under: Place | None = None, kind: CommunityKind | None = None, limit: int = 20
) -> list[Place]:
    """Search places by the beginning of their code, then by the beginning of their name, then by any part of it.

    ASCII letters match in either case. The groups are in the order of codes, of names, of the tree; ``limit`` bounds all
    of them together.
    """
    text = text.strip()
    found: dict[int, Place] = {}
    for match in _matches(text):
        if len(found) >= limit:
            break
        for place in await _search(db, match, under, kind, limit):
            found.setdefault(place.id, place)
    return list(found.values())[:limit]


@dataclass(frozen=True)
class _Match:
    """One way in which places answer to a text, and the order in which they are found so."""

    condition: str
    params: tuple[str, ...]
    order: str


def _matches(text: str) -> list[_Match]:
    """Return the ways of a search: those before the last read the beginning of a range, the last one every name."""
    if not text:
        return []
    anywhere = "%" + re.sub(r"([\\%_])", r"\\\1", text.lower()) + "%"
    name = "LOWER(name)" if _LETTERS.search(text) else "name"  # without letters of two cases it takes half the time
    # The empty text keeps SQLite from walking the whole index on path in search of a rare name.
    matches = [
        _Match("name >= ? AND name < ?", (text, text + _AFTER_ALL), "name, path"),
        _Match(f"{name} LIKE ? ESCAPE '\\'", (anywhere,), "path || ''"),
    ]
    if _CODE_TEXT.fullmatch(text):
        code = text.upper()
        matches.insert(0, _Match("code >= ? AND code < ?", (code, code + _AFTER_ALL), "code"))
    return matches


async def _search(db: Reads, match: _Match, under: Place | None, kind: CommunityKind | None, limit: int) -> list[Place]:
    where, given = [match.condition], list(match.params)
    if under is not None:
        where.append("path >= ? AND path < ?")
        given += subtree_range(under.path)
    if kind is not None:
        where.append("kind = ?")
        given.append(kind.value)
    rows = await db.fetch(
        f"SELECT {PLACE_COLUMNS} FROM core_community WHERE {' AND '.join(where)} ORDER BY {match.order} LIMIT {int(limit)}",
        given,
    )
    return [Place.of(row) for row in rows]
