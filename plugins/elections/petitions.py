"""Signatures of owners: each person once, weighed by the register of the day they are handed in."""

from __future__ import annotations

from dataclasses import dataclass

from core import calendar
from core.clock import to_wire
from core.ids import new_id
from core.plugin import Act
from plugins.elections import rules
from plugins.elections.problems import ALREADY_SIGNED, TOO_FEW_SIGNED
from plugins.register import api as register


@dataclass(frozen=True)
class Support:
    """How many heads signed, of all."""

    signed: int
    whole: int


async def sign(act: Act, petition_id: int) -> None:
    """Take the actor's signature; raises ALREADY_SIGNED."""
    added = await act.tx.execute(
        "INSERT INTO elections_signature (id, petition_id, person_id, at) VALUES (?, ?, ?, ?) "
        "ON CONFLICT (petition_id, person_id) DO NOTHING",
        (new_id(), petition_id, act.person_id, to_wire(act.now)),
    )
    if added != 1:
        raise ALREADY_SIGNED()


async def require(act: Act, percent: int) -> Support:
    """Count the signatures by a roll of today; raises TOO_FEW_SIGNED. The roll stays a draft, as proof of the count."""
    if percent == 0:
        return Support(0, 0)
    roll = await register.make_roll(act, [act.place.id], calendar.day_of(act.now), title="联名核对名册")
    heads: dict[int, int] = {}
    for row in await act.tx.fetch("SELECT person_id FROM elections_signature WHERE petition_id = ?", (act.matter.id,)):
        heads.update({e.id: e.heads for e in await register.entries_for_voter(act, roll, row["person_id"])})
    found = Support(sum(heads.values()), (await register.roll(act, roll)).totals.heads)
    act.note(signed=found.signed, heads=found.whole)
    if not rules.reaches(found.signed, found.whole, percent):
        raise TOO_FEW_SIGNED(signed=found.signed, whole=found.whole, percent=percent)
    return found
