"""Who may vote for which entry of the rolls that are still open: follows links, representatives and mandates.

A roll's heads and areas are fixed on its record date; who acts for a head is not, until the roll is closed. An owner who
signs up after the roll was made can vote all the same, and co-owners may still designate one of them.
"""

from __future__ import annotations

from core.plugin import Act

_OPEN = (
    "SELECT r.matter_id FROM register_roll r JOIN core_matter m ON m.id = r.matter_id "
    "WHERE r.closed_at IS NULL AND m.state <> 'WITHDRAWN'"
)
_UPDATE_PERSON = f"UPDATE register_roll_voter SET person_id = ? WHERE owner_id = ? AND roll_id IN ({_OPEN})"
_ENTRIES = (
    "SELECT DISTINCT e.id FROM register_roll_unit x JOIN register_roll_entry e ON e.id = x.entry_id "
    f"WHERE x.unit_id = ? AND e.struck_at IS NULL AND e.roll_id IN ({_OPEN})"
)


async def acting_person(act: Act, owner: int) -> int | None:
    """Return who acts for an owner: the person itself, or the holder of its mandate; None while nobody is known."""
    row = await act.tx.one("SELECT kind, person_id, representative_id FROM register_owner WHERE id = ?", (owner,))
    if row is None:
        return None
    found: int | None = row["person_id"] if row["kind"] == "PERSON" else row["representative_id"]
    return found


async def follow_owner(act: Act, owner: int) -> None:
    """Bring the open rolls up to date after somebody began or ceased to act for an owner."""
    await act.tx.execute(_UPDATE_PERSON, (await acting_person(act, owner), owner))


async def follow_unit(act: Act, unit: int) -> None:
    """Bring the open rolls up to date after the co-owners of a unit designated a representative, or took that back."""
    for row in await act.tx.fetch(_ENTRIES, (unit,)):
        await designate(act, row["id"])


async def designate(act: Act, entry: int) -> None:
    """Let the designated representatives of an entry's units vote for it; all its owners where none is designated."""
    rows = await act.tx.fetch(
        "SELECT DISTINCT u.representative_id AS owner_id FROM register_roll_unit x JOIN register_unit u ON u.id = x.unit_id "
        "JOIN register_roll_voter v ON v.entry_id = x.entry_id AND v.owner_id = u.representative_id WHERE x.entry_id = ?",
        (entry,),
    )
    chosen = {row["owner_id"] for row in rows}
    voters = await act.tx.fetch("SELECT id, owner_id FROM register_roll_voter WHERE entry_id = ?", (entry,))
    await act.tx.execute_many(
        "UPDATE register_roll_voter SET may_vote = ? WHERE id = ?",
        [(not chosen or row["owner_id"] in chosen, row["id"]) for row in voters],
    )
