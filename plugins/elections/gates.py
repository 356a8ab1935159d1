"""The ballot of an election is what its candidates make it: nobody changes its motions, its roll or its time against the law."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from core.plugin import Act, DomainError, Gate
from plugins.elections.problems import BALLOT_FIXED
from plugins.elections.service.balloting import check_window
from plugins.voting import api as voting


async def motions_are_fixed(act: Act, arguments: Mapping[str, Any]) -> DomainError | None:
    """Refuse to add or remove motions of a poll that an election or a recall made."""
    for table in ("election", "recall"):
        if await act.tx.value(f"SELECT matter_id FROM elections_{table} WHERE poll_id = ?", (act.matter.id,)):
            return BALLOT_FIXED()
    return None


async def list_was_shown(act: Act, arguments: Mapping[str, Any]) -> DomainError | None:
    """Refuse to announce the poll of an election with another roll, or before its candidates were shown long enough."""
    row = await act.tx.one("SELECT * FROM elections_election WHERE poll_id = ?", (act.matter.id,))
    if row is None:
        return None
    if arguments.get("quick_roll") or arguments.get("roll") not in (None, row["roll_id"]):
        return BALLOT_FIXED()
    check_window(act, row, arguments.get("opens_at") or (await voting.joint.standing(act, act.matter.id)).opens_at)
    return None


GATES = (
    Gate("voting.add_motion", motions_are_fixed),
    Gate("voting.remove_motion", motions_are_fixed),
    Gate("voting.announce_poll", list_was_shown),
)
