"""Why the register was changed by hand: kept beside the trace, for those who maintain it."""

from __future__ import annotations

from core.clock import to_wire
from core.hierarchy import Place
from core.ids import new_id
from core.plugin import Act, check_text


async def log(
    act: Act, compound: Place, reason: str, *, unit: int | None = None, owner: int | None = None, least: int = 1
) -> None:
    """Keep the reason of a deed; raises Invalid when it is shorter than ``least`` or over 300 characters."""
    text = check_text(reason, "reason", least=least, most=300)
    if not text:
        return
    await act.tx.execute(
        "INSERT INTO register_correction (id, community_id, unit_id, owner_id, deed, reason, made_at, made_by_id) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (new_id(), compound.id, unit, owner, act.spec.name, text, to_wire(act.now), act.actor.person_id),
    )
