"""Erasing a person: what is declared to be erased goes, what a law wants kept stays without a name, and a report says so.

Ballots, rolls and the log stay countable: they lose what ties them to the person, never what they count. What has to be
kept only for a time (the name of who owns a unit now) is looked at again every day, and erased when that is over.

Backups made before still hold what was erased. They stop being readable when the secret they were sealed under is
destroyed (``core.resealing``), and ``server.py personal erase --from`` erases again after one of them was restored.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from core.access import Viewer
from core.clock import to_wire
from core.fields import canonical_json
from core.personal import Held, PersonalData
from core.work import Act, DeedSpec, deed

if TYPE_CHECKING:
    from core.kernel import Fetching, Kernel

LOOK_AGAIN = timedelta(days=1)
BATCH = 100


@dataclass(frozen=True)
class Outcome:
    """What became of one category: rows erased or emptied, rows that stay, and those of them that are erased later."""

    category: str
    erased: int
    kept: int
    later: int


async def erase(act: Act, person_id: int, by: str) -> list[dict[str, Any]]:
    """Erase a person from within a deed; doing it again erases what is left to erase. Returns the report."""
    declared = act.kernel.personal_data
    for data in declared:
        if data.prepares is not None:
            await data.prepares(act, person_id)
    outcomes = [await erase_category(act, person_id, data) for data in declared]
    report = [asdict(outcome) for outcome in outcomes if outcome.erased or outcome.kept]
    await act.tx.execute(
        "INSERT INTO core_erasure (person_id, at, made_by, is_complete, looked_at, report) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (person_id) DO UPDATE SET is_complete = excluded.is_complete, looked_at = excluded.looked_at, "
        "report = excluded.report",
        (person_id, to_wire(act.now), by, not any(outcome.later for outcome in outcomes), to_wire(act.now),
         canonical_json(report)),
    )  # fmt: skip
    act.note(categories={outcome["category"]: [outcome["erased"], outcome["kept"]] for outcome in report})
    return report


async def erase_category(act: Act, person_id: int, data: PersonalData) -> Outcome:
    """Erase what a category declares to be erased of a person."""
    erased = kept = later = 0
    for held in data.held:
        if not held.of:
            continue
        waiting = await _count(act.tx, held, person_id, held.keeps_while) if held.keeps_while else 0
        if held.is_kept:
            kept += await _count(act.tx, held, person_id)
            continue
        changed = await _erase_rows(act, held, person_id)
        erased += changed
        kept += waiting + (changed if held.stays else 0)
        later += waiting
    return Outcome(data.code, erased, kept, later)


async def _erase_rows(act: Act, held: Held, person_id: int) -> int:
    where = f"({held.of})" + (f" AND NOT ({held.keeps_while})" if held.keeps_while else "")
    parameters = held.parameters(person_id)
    if held.deletes:
        return await act.tx.execute(f"DELETE FROM {held.table} WHERE {where}", parameters)
    settings = ", ".join(f"{column} = {value}" for column, value in held.clears.items())
    return await act.tx.execute(f"UPDATE {held.table} SET {settings} WHERE {where}", parameters)


async def _count(reader: Fetching, held: Held, person_id: int, more: str = "TRUE") -> int:
    [row] = await reader.fetch(
        f"SELECT COUNT(*) FROM {held.table} WHERE ({held.of}) AND ({more})", held.parameters(person_id)
    )
    return int(row[0])


async def count(reader: Fetching, data: PersonalData, person_id: int) -> int:
    """Count the rows of a category that are about a person."""
    return sum([await _count(reader, held, person_id) for held in data.held if held.of])


async def _at_the_top(act: Act, arguments: Any) -> Any:
    from core.rights import at_the_top

    return await at_the_top(act, arguments)


@deed("core.answer_requests", place=_at_the_top, traces_actor=False)
async def erase_person(act: Act, *, person_id: int, by: str) -> list[dict[str, Any]]:
    """Erase a person who has no account, or finish an erasure: for the command line and the daily follow-up."""
    return await erase(act, person_id, by)


async def finish(kernel: Kernel) -> int:
    """Erase what had to wait and need not any more; returns how many persons that concerned. Bounded; a sweep."""
    now = kernel.clock.now()
    rows = await kernel.database.fetch(
        f"SELECT person_id, made_by FROM core_erasure WHERE NOT is_complete AND looked_at <= ? ORDER BY looked_at LIMIT {BATCH}",
        (to_wire(now - LOOK_AGAIN),),
    )
    finished = 0
    for row in rows:
        if await _is_over(kernel, row["person_id"]):
            await kernel.perform(_SPEC, Viewer(system="erasure"), person_id=row["person_id"], by=row["made_by"])
            finished += 1
        else:
            await kernel.database.run(
                lambda tx, key=row["person_id"]: tx.execute(  # type: ignore[misc]
                    "UPDATE core_erasure SET looked_at = ? WHERE person_id = ?", (to_wire(now), key)
                )
            )
    return finished


async def _is_over(kernel: Kernel, person_id: int) -> bool:
    """Say whether a row that had to be kept need not be kept any more."""
    waiting = [held for data in kernel.personal_data for held in data.held if held.keeps_while]
    for held in waiting:
        if await _count(kernel.database, held, person_id, f"NOT ({held.keeps_while})"):
            return True
    return False


_SPEC: DeedSpec = erase_person
