"""What happens to a poll after the clock has closed it: it is counted, whatever was missed before."""

from __future__ import annotations

from core import ledger
from core.clock import to_wire
from core.kernel import Kernel
from core.matters import STATE_NOW
from core.plugin import Conflict, Event, NotFound, Reaction, Sweep, Viewer
from plugins.voting.kinds import SlipState
from plugins.voting.service import counting

SYSTEM = Viewer(system="voting.count")


async def count_after(kernel: Kernel, event: Event) -> None:
    """Count a poll that has just closed, or whose last paper slip was just confirmed after the close."""
    if event.matter_id is not None:
        await count_if_due(kernel, event.matter_id)


async def count_if_due(kernel: Kernel, poll_id: int) -> None:
    """Count a closed poll unless slips still wait for their second entry; harmless when it is counted already."""
    waiting = await kernel.database.value(
        "SELECT COUNT(*) FROM voting_slip WHERE poll_id = ? AND state = ?", (poll_id, SlipState.ENTERED.value)
    )
    if waiting:
        return
    try:
        await kernel.perform(counting.count_poll, SYSTEM, id=poll_id)
    except (Conflict, NotFound):
        return


async def count_closed(kernel: Kernel) -> None:
    """Count every poll that is closed at this moment, should an event have been missed."""
    rows = await kernel.database.fetch(
        "SELECT m.id FROM core_matter m WHERE m.plugin = 'voting' AND m.kind = 'POLL' "
        f"AND m.state IN ('ANNOUNCED', 'VOTING', 'CLOSED') AND {STATE_NOW.format(m='m')} = 'CLOSED' ORDER BY m.id LIMIT 100",
        (to_wire(kernel.clock.now()),),
    )
    for row in rows:
        await count_if_due(kernel, row["id"])


async def finish_after(kernel: Kernel, event: Event) -> None:
    """Close the roll of a poll whose result has just been confirmed."""
    try:
        await kernel.perform(counting.finish_poll, SYSTEM, id=event.matter_id)
    except (Conflict, NotFound):
        return


async def sign_after(kernel: Kernel, event: Event) -> None:
    """Sign a head over what was just closed or counted, so that it can be printed on the notice."""
    await ledger.make_head(kernel, event.type)


REACTIONS = (
    Reaction("voting.poll_closed", "sign_close", sign_after),
    Reaction("voting.poll_counted", "sign_count", sign_after),
    Reaction("voting.result_confirmed", "finish", finish_after),
    Reaction("voting.poll_closed", "count", count_after),
    Reaction("voting.slip_confirmed", "count_after_slip", count_after),
)
SWEEPS = (Sweep("count_closed", 60, count_closed),)
