"""The access log: who read a sealed field of another person, in which role, when; for that person to read.

Written before the value is given out: where it cannot be written, nothing is shown. The looks of one reader at one field of
one row within an hour are one row with a count, so that a page that is loaded again does not fill the table. Kept for a
year after the last look (网络安全法 21 wants six months), then dropped by the hourly tidying.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from core.access import Viewer
from core.clock import to_wire
from core.ids import new_id
from core.kinds import Reach

if TYPE_CHECKING:
    from core._db.seam import Tx
    from core.kernel import Kernel
    from core.work import Act

KEPT_DAYS = 365
BATCH = 5_000

_SEEN = (
    "INSERT INTO core_access_look (id, person_id, reader_id, role, community_id, source, row_id, field, category, operation, "
    "hour, at, last_at, times) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 1) "
    "ON CONFLICT (reader_id, source, row_id, field, hour) DO UPDATE SET times = core_access_look.times + 1, "
    "last_at = excluded.last_at"
)


@dataclass(frozen=True)
class Look:
    """One field of one row, and whose it is as far as that is known."""

    row_id: int
    person_id: int | None


async def record(
    kernel: Kernel,
    viewer: Viewer,
    looks: Sequence[Look],
    *,
    source: str,
    field: str,
    category: str,
    operation: str = "",
) -> None:
    """Write down that a viewer is shown a sealed field of some rows; one's own are nobody's business."""
    if viewer.person_id is None:
        return
    now = kernel.clock.now()
    role, place = _office(viewer)
    hour, at = f"{now:%Y-%m-%dT%H}", to_wire(now)
    # In one order, so that two readers of the same rows do not wait for each other.
    rows = [
        (new_id(), look.person_id, viewer.person_id, role, place, source, look.row_id, field, category, operation[:80],
         hour, at, at)
        for look in sorted(looks, key=lambda look: look.row_id)
        if look.person_id != viewer.person_id
    ]  # fmt: skip
    if rows:
        await kernel.database.run(lambda tx: tx.execute_many(_SEEN, rows))


def _office(viewer: Viewer) -> tuple[str, int | None]:
    """Return the office by which a viewer mostly acts, with its place; those without one are members, or just persons."""
    for reach in (Reach.OFFICE, Reach.MEMBER):
        for grant in viewer.grants:
            if grant.reach is reach:
                return grant.role, grant.community_id
    return "person", None


async def adopt(act: Act, source: str, row_id: int, person_id: int) -> None:
    """Give the looks at a row to the person who it now is known to be."""
    await act.tx.execute(
        "UPDATE core_access_look SET person_id = ? WHERE source = ? AND row_id = ? AND person_id IS NULL",
        (person_id, source, row_id),
    )


async def restricted(kernel: Kernel, person_ids: Sequence[int]) -> frozenset[int]:
    """Return those of some persons who asked that their data be kept only."""
    if not person_ids:
        return frozenset()
    marks = ", ".join("?" * len(person_ids))
    rows = await kernel.database.fetch(
        f"SELECT person_id FROM core_restriction WHERE person_id IN ({marks})", tuple(person_ids)
    )
    return frozenset(row["person_id"] for row in rows)


async def forget_old(kernel: Kernel) -> int:
    """Drop looks whose time is over, a bounded number per deed; returns how many."""
    before = to_wire(kernel.clock.now() - timedelta(days=KEPT_DAYS))

    async def drop(tx: Tx) -> int:
        return await tx.execute(
            f"DELETE FROM core_access_look WHERE id IN (SELECT id FROM core_access_look WHERE last_at < ? LIMIT {BATCH})",
            (before,),
        )

    total = dropped = await kernel.database.run(drop)
    while dropped == BATCH:
        dropped = await kernel.database.run(drop)
        total += dropped
    return total
