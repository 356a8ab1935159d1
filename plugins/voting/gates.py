"""Nothing that a vote rests on may be switched off while it is under way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.clock import to_wire
from core.hierarchy import subtree_range
from core.matters import STATE_NOW
from core.plugin import Act, DomainError, Gate
from plugins.voting.problems import POLL_OPEN

RESTS_ON = ("voting", "register", "notices")


async def no_open_poll(act: Act, arguments: Mapping[str, Any]) -> DomainError | None:
    """Refuse to switch voting, register or notices off while a poll is under way at the place or below it."""
    plugin = arguments.get("plugin")
    if plugin not in RESTS_ON:
        return None
    low, high = subtree_range(act.place.path)
    row = await act.tx.one(
        "SELECT m.title FROM core_matter m WHERE m.plugin = 'voting' AND m.kind = 'POLL' AND m.path >= ? AND m.path < ? "
        f"AND {STATE_NOW.format(m='m')} IN ('ANNOUNCED', 'VOTING', 'CLOSED', 'PRELIMINARY') ORDER BY m.id LIMIT 1",
        (low, high, to_wire(act.now)),
    )
    return POLL_OPEN(title=row["title"], plugin=plugin) if row is not None else None


GATES = (Gate("core.disable_plugin", no_open_poll),)
