"""Rows of elections: written by column, read by key."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from core.clock import to_wire
from core.database import Row
from core.ids import new_id
from core.labels import LabelledEnum
from core.matters import STATE_NOW
from core.plugin import Act
from plugins.elections.kinds import Office
from plugins.elections.lifecycle import IN_OFFICE, S
from plugins.elections.problems import NO_COMMITTEE, NO_SEAT

VOTING_OFFICES = (Office.CHAIR.value, Office.VICE_CHAIR.value, Office.MEMBER.value)
_VOTING = "('CHAIR', 'VICE_CHAIR', 'MEMBER')"


def _wire(value: Any) -> Any:
    if isinstance(value, LabelledEnum):
        return value.value
    if isinstance(value, datetime):
        return to_wire(value)
    return value.isoformat() if isinstance(value, date) else value


async def insert(act: Act, table: str, **values: Any) -> int:
    """Write a row of a plugin's table; returns its key, which is made here unless the row shares its matter's."""
    if "matter_id" not in values:
        values = {"id": new_id(), **values}
    names, marks = ", ".join(values), ", ".join("?" * len(values))
    await act.tx.execute(
        f"INSERT INTO elections_{table} ({names}) VALUES ({marks})", tuple(_wire(value) for value in values.values())
    )
    return int(values.get("id") or values["matter_id"])


async def update(act: Act, table: str, key: int, **values: Any) -> None:
    """Change columns of one row, found by its key."""
    column = "matter_id" if table in ("election", "interim", "meeting", "recall") else "id"
    names = ", ".join(f"{name} = ?" for name in values)
    await act.tx.execute(
        f"UPDATE elections_{table} SET {names} WHERE {column} = ?", (*(_wire(value) for value in values.values()), key)
    )


async def own_row(act: Act, table: str, key: int | None = None) -> Row:
    """Return the row beside a matter: the deed's own unless another is named."""
    [found] = await act.tx.fetch(f"SELECT * FROM elections_{table} WHERE matter_id = ?", (key or act.matter.id,))
    return found


async def members(act: Act, body_id: int) -> list[Row]:
    """Return the seats with a vote that are in office now, in the order in which they were taken."""
    return await act.tx.fetch(
        f"SELECT * FROM elections_seat WHERE body_id = ? AND ended_at IS NULL AND office IN {_VOTING} ORDER BY id",
        (body_id,),
    )


async def seat_of_actor(act: Act, body_id: int) -> Row:
    """Return the seat that the actor holds in a committee; raises NO_SEAT: nobody acts for a member."""
    for seat in await members(act, body_id):
        if seat["person_id"] == act.person_id:
            return seat
    raise NO_SEAT()


async def in_office(act: Act) -> int:
    """Return the committee in office at the place of a deed, else its interim committee; raises NO_COMMITTEE."""
    committee = await standing_committee(act)
    if committee is not None:
        return committee
    found = await act.tx.value(
        "SELECT i.matter_id FROM elections_interim i JOIN core_matter m ON m.id = i.matter_id "
        f"WHERE m.community_id = ? AND {STATE_NOW.format(m='m')} = 'ACTIVE' ORDER BY m.id DESC LIMIT 1",
        (act.place.id, to_wire(act.now)),
    )
    if found is None:
        raise NO_COMMITTEE()
    return int(found)


async def standing_committee(act: Act, *, also_leaving: bool = False) -> int | None:
    """Return the election whose committee is in office at the place; with ``also_leaving`` one that still hands over."""
    states = [state.value for state in (*IN_OFFICE, *((S.HANDOVER,) if also_leaving else ()))]
    found = await act.tx.value(
        "SELECT e.matter_id FROM elections_election e JOIN core_matter m ON m.id = e.matter_id WHERE m.community_id = ? "
        f"AND e.term_begins <= ? AND {STATE_NOW.format(m='m')} IN ({', '.join('?' * len(states))}) "
        "ORDER BY e.term_begins DESC, m.id DESC LIMIT 1",
        (act.place.id, _wire(act.now.date()), to_wire(act.now), *states),
    )
    return None if found is None else int(found)
