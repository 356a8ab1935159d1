"""What voting reads of the voter roll: its totals, its entries, who may vote for them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from core.clock import to_wire
from core.database import Row
from core.matters import STATE_NOW
from core.plugin import Act

ENTRY_COLUMNS = "e.id, e.number, e.area_centi, e.heads, e.buildings, e.is_developer_stock"


@dataclass(frozen=True)
class Voter:
    """An entry of the roll, and the owner of it for whom somebody may vote."""

    entry_id: int
    number: int
    area_centi: int
    heads: int
    building: str
    owner_id: int
    may_vote: bool
    proxy_id: int | None = None


async def load_roll(act: Act, roll_id: int) -> Row | None:
    """Return a roll with its place and its state at this moment."""
    return await act.tx.one(
        "SELECT r.matter_id, r.record_date, r.scope, r.include_parking, r.heads_key, r.area_centi, r.heads, r.hash, "
        f"m.path, m.community_id, {STATE_NOW.format(m='m')} AS state "
        "FROM register_roll r JOIN core_matter m ON m.id = r.matter_id WHERE r.matter_id = ?",
        (to_wire(act.now), roll_id),
    )


async def buildings(act: Act, roll_id: int) -> Sequence[Row]:
    """Return the sums of a roll by building, on both axes."""
    return await act.tx.fetch(
        "SELECT buildings AS building, SUM(area_centi) AS area_centi, SUM(heads) AS heads FROM register_roll_entry "
        "WHERE roll_id = ? AND struck_at IS NULL GROUP BY buildings ORDER BY buildings",
        (roll_id,),
    )


async def areas(act: Act, roll_id: int) -> Sequence[Row]:
    """Return how many entries of a roll have each area."""
    return await act.tx.fetch(
        "SELECT area_centi, COUNT(*) AS entries FROM register_roll_entry "
        "WHERE roll_id = ? AND struck_at IS NULL GROUP BY area_centi ORDER BY area_centi",
        (roll_id,),
    )


_OWNERS = (
    f"SELECT {ENTRY_COLUMNS}, v.owner_id, v.may_vote, NULL AS proxy_id, p.kind, p.closes_at, p.roll_id FROM voting_poll p "
    "JOIN register_roll_voter v ON v.roll_id = p.roll_id JOIN register_roll_entry e ON e.id = v.entry_id "
    "WHERE p.matter_id = ? AND v.person_id = ? AND e.struck_at IS NULL"
)
_PROXIES = (
    f"SELECT {ENTRY_COLUMNS}, x.owner_id, 1 AS may_vote, x.id AS proxy_id, p.kind, p.closes_at, p.roll_id "
    "FROM voting_poll p JOIN voting_proxy x ON x.poll_id = p.matter_id JOIN register_roll_entry e ON e.id = x.entry_id "
    "WHERE p.matter_id = ? AND x.holder_id = ? AND x.revoked_at IS NULL"
)


async def voters_of(act: Act, poll_id: int, person_id: int, entry_id: int | None) -> Sequence[Row]:
    """Return what a person may vote for, as an owner or for one, else as a proxy, each row with its poll.

    The entries are locked: two who vote for one entry do so one after the other, and the second sees the first's ballot.
    """
    only, extra = (" AND e.id = ?", (entry_id,)) if entry_id is not None else ("", ())
    lock = f"{act.tx.for_update} OF e" if act.tx.for_update else ""
    for sql in (_OWNERS, _PROXIES):
        rows = await act.tx.fetch(f"{sql}{only} ORDER BY e.number{lock}", (poll_id, person_id, *extra))
        if rows:
            return rows
    return []


def voter_of(row: Row) -> Voter:
    """Make a voter of a row of ``voters_of``."""
    return Voter(
        row["id"], row["number"], row["area_centi"], row["heads"], row["buildings"], row["owner_id"], bool(row["may_vote"]),
        row["proxy_id"],
    )  # fmt: skip


async def entry(act: Act, entry_id: int) -> Row:
    """Return one entry of a roll."""
    [found] = await act.tx.fetch(f"SELECT {ENTRY_COLUMNS} FROM register_roll_entry e WHERE e.id = ?", (entry_id,))
    return found


async def owners(act: Act, entry_id: int) -> Sequence[Row]:
    """Return the owners behind an entry, those first who may vote for it."""
    rows = await act.tx.fetch(
        "SELECT owner_id, person_id, may_vote FROM register_roll_voter WHERE entry_id = ? ORDER BY id", (entry_id,)
    )
    return sorted(rows, key=lambda row: not row["may_vote"])


async def representative(act: Act, entry_id: int) -> int | None:
    """Return the owner whom the co-owners of an entry designated; None when they designated nobody."""
    found = await owners(act, entry_id)
    able = [row["owner_id"] for row in found if row["may_vote"]]
    return able[0] if len(able) == 1 and len(found) > 1 else None
