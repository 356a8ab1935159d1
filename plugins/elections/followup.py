"""What follows from events of polls and from time: elections follow their polls, terms are told to end, handovers to be due."""

from __future__ import annotations

from datetime import timedelta

from core.clock import to_wire
from core.kernel import Kernel
from core.matters import STATE_NOW
from core.plugin import Conflict, DeedSpec, Disabled, Event, NotFound, Reaction, Sweep, Viewer
from plugins.elections.service import balloting, interim, recalling, terms

POLL_EVENTS = (
    "voting.poll_announced", "voting.poll_opened", "voting.poll_extended", "voting.poll_counted", "voting.result_objected",
    "voting.objection_answered", "voting.result_confirmed", "voting.poll_withdrawn", "voting.poll_voided",
)  # fmt: skip


async def follow(kernel: Kernel, event: Event) -> None:
    """Bring the election or the recall whose poll this is to where the poll stands."""
    for table, spec in (("election", balloting.follow_poll), ("recall", recalling.follow_recall)):
        rows = await kernel.database.fetch(
            f"SELECT matter_id FROM elections_{table} WHERE poll_id = ?", (event.matter_id,)
        )
        for row in rows:
            await _once(kernel, spec, row["matter_id"], f"event-{event.id}")


async def replace(kernel: Kernel, event: Event) -> None:
    """Let the interim committee of a place hand over to the committee that was elected there."""
    rows = await kernel.database.fetch(
        "SELECT i.matter_id FROM elections_interim i JOIN core_matter m ON m.id = i.matter_id "
        "JOIN core_matter e ON e.community_id = m.community_id WHERE e.id = ?",
        (event.matter_id,),
    )
    for row in rows:
        await _once(kernel, interim.replace_interim, row["matter_id"], f"event-{event.id}")


async def _once(kernel: Kernel, spec: DeedSpec, key: int, once: str | None = None) -> None:
    """Do a deed of the system, unless its matter has moved on or the plugin was switched off meanwhile."""
    try:
        await kernel.perform(spec, Viewer(system=spec.name), once, id=key)
    except (Conflict, Disabled, NotFound):
        return


async def alert_terms(kernel: Kernel) -> None:
    """Tell of terms that end within a year, at the distances that the place has set; each once."""
    await _sweep(
        kernel, terms.alert_term, "e.term_ends IS NOT NULL AND e.term_ends <= ?", "IN_TERM', 'REELECTION_DUE", 365
    )


async def alert_handovers(kernel: Kernel) -> None:
    """Tell of handovers that are overdue, once."""
    await _sweep(kernel, terms.alert_handover, "e.overdue_told_at IS NULL AND e.term_ends <= ?", "HANDOVER", -10)


async def _sweep(kernel: Kernel, spec: DeedSpec, where: str, states: str, days: int) -> None:
    now = kernel.clock.now()
    rows = await kernel.database.fetch(
        f"SELECT e.matter_id FROM elections_election e JOIN core_matter m ON m.id = e.matter_id WHERE {where} "
        f"AND {STATE_NOW.format(m='m')} IN ('{states}') ORDER BY m.id LIMIT 500",
        ((now.date() + timedelta(days=days)).isoformat(), to_wire(now)),
    )
    for row in rows:
        await _once(kernel, spec, row["matter_id"])


REACTIONS = (
    *(Reaction(code, f"follow_{code.rpartition('.')[2]}", follow) for code in POLL_EVENTS),
    Reaction("elections.committee_elected", "replace_interim", replace),
)
SWEEPS = (Sweep("alert_terms", 3600, alert_terms), Sweep("alert_handovers", 3600, alert_handovers))
