"""Membership follows the register: whoever is known to own a unit is ``owner`` of the place the unit lies in."""

from __future__ import annotations

from collections.abc import Iterable

from core import people
from core.clock import to_wire
from core.hierarchy import Place, subtree_range
from core.plugin import Act

OWNER_SOURCE = "register.ownership"
RESIDENT_SOURCE = "register.residency"


async def sync_members(act: Act, compound: Place, owners: Iterable[int]) -> None:
    """Give and end the role ``owner`` for the persons behind some owners, as the register says now. Idempotent."""
    for person in await _persons(act, owners):
        await sync_person(act, compound, person)


async def sync_person(act: Act, compound: Place, person: int) -> None:
    """Give and end one person's role ``owner`` within a compound, as the register says now. Idempotent."""
    wanted = await _owned_places(act, compound, person)
    held = await _held_places(act, compound, person)
    for place in sorted(wanted - held):
        await people.appoint(act, person, "owner", place, source=OWNER_SOURCE)
    for place in sorted(held - wanted):
        await people.end_appointments(act, person, "owner", place, source=OWNER_SOURCE)


async def _persons(act: Act, owners: Iterable[int]) -> list[int]:
    found: set[int] = set()
    keys = sorted(set(owners))
    for start in range(0, len(keys), 500):
        part = keys[start : start + 500]
        marks = ", ".join("?" * len(part))
        rows = await act.tx.fetch(
            f"SELECT DISTINCT person_id FROM register_owner WHERE person_id IS NOT NULL AND id IN ({marks})", part
        )
        found |= {row["person_id"] for row in rows}
    return sorted(found)


async def _owned_places(act: Act, compound: Place, person: int) -> set[int]:
    rows = await act.tx.fetch(
        "SELECT DISTINCT u.community_id FROM register_owner w JOIN register_ownership o ON o.owner_id = w.id "
        "JOIN register_unit u ON u.id = o.unit_id "
        "WHERE w.person_id = ? AND w.community_id = ? AND o.until IS NULL AND u.status = 'ACTIVE'",
        (person, compound.id),
    )
    return {row["community_id"] for row in rows}


async def _held_places(act: Act, compound: Place, person: int) -> set[int]:
    low, high = subtree_range(compound.path)
    rows = await act.tx.fetch(
        "SELECT DISTINCT a.community_id FROM core_appointment a JOIN core_community c ON c.id = a.community_id "
        "WHERE a.person_id = ? AND a.role_id = 'owner' AND a.source = ? AND (a.until IS NULL OR a.until > ?) "
        "AND c.path >= ? AND c.path < ?",
        (person, OWNER_SOURCE, to_wire(act.now), low, high),
    )
    return {row["community_id"] for row in rows}
