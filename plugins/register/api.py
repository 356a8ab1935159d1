"""What other plugins may ask of ``register``, inside their own deeds: voter rolls, and who an owner is.

A vote makes a roll (``make_roll``), publishes it (``publish_roll``), waits for it to be confirmed (``require_confirmed``,
or a reaction to ``register.roll_confirmed``), takes one ballot per entry from whoever may vote for it
(``entry_for_voter``), and closes it when the result stands (``close_roll``). Foreign keys may point at ``ANCHORS``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from core.clock import CHINA, to_wire
from core.hierarchy import place_by_id
from core.matters import Matter
from core.plugin import Act
from core.work import settle
from plugins.register import identity, owners, places, rolls
from plugins.register.kinds import RollState
from plugins.register.lifecycle import ROLL
from plugins.register.problems import NO_VOTE_HERE, ROLL_NOT_CONFIRMED, ROLL_UNKNOWN, WHICH_ENTRY
from plugins.register.rules import HeadsKey, RollTotals
from plugins.register.settings import RegisterSettings

__all__ = [
    "ANCHORS", "HeadsKey", "Roll", "RollState", "RollTotals", "RollVoice", "close_roll", "entries", "entries_for_voter",
    "entry_for_voter", "freeze_roll", "make_roll", "match_identity", "publish_roll", "require_confirmed", "roll", "shared_unit",
]  # fmt: skip

ANCHORS = ("register.VoterRoll", "register.RollEntry")


@dataclass(frozen=True)
class Roll:
    """A roll as a vote needs it; ``state`` is settled: deadlines that have passed are applied."""

    id: int
    state: RollState
    record_date: date
    heads_key: HeadsKey
    include_parking: bool
    totals: RollTotals
    hash: str


@dataclass(frozen=True)
class RollVoice:
    """One entry of a roll: one ballot, with its weight on both axes."""

    id: int
    roll_id: int
    number: int
    units: str
    owners_masked: str
    buildings: str
    area_centi: int
    heads: int
    is_developer_stock: bool


# --- rolls ------------------------------------------------------------------------------------------------------------


async def make_roll(
    act: Act,
    scope_place_ids: Sequence[int],
    record_date: date,
    *,
    parking: bool | None = None,
    heads_key: HeadsKey | None = None,
    title: str | None = None,
) -> int:
    """Make a draft roll of a compound, or of some of its buildings and stairwells; returns its key.

    ``parking`` and ``heads_key`` default to the settings in force. Raises SCOPE_WRONG, ROLL_EMPTY, AREA_MISSING,
    RECORD_DATE_AHEAD.
    """
    found = [await place_by_id(act.tx, key) for key in dict.fromkeys(scope_place_ids)] or [act.place]
    compound = await places.compound_of(act, found[0])
    values = act.settings(RegisterSettings, plugin="register", place=compound)
    terms = rolls.Terms(
        record_date, rolls.outermost(found), heads_key or values.heads_key,
        values.include_parking if parking is None else parking,
    )  # fmt: skip
    return await rolls.make(act, compound, terms, title or rolls.default_title(terms))


async def publish_roll(act: Act, roll_id: int) -> None:
    """Publish a draft roll: the objection window opens, and the clock confirms it when no objection is open."""
    await rolls.publish(act, await _matter(act, roll_id))


async def freeze_roll(act: Act, roll_id: int) -> None:
    """Confirm a draft roll at once, without a window: for advisory votes only, and said so to the voters."""
    await act.move(ROLL, "freeze_roll", matter=await _matter(act, roll_id))


async def roll(act: Act, roll_id: int) -> Roll:
    """Return a roll with its totals; raises NotFound."""
    matter = await _matter(act, roll_id)
    [row] = await act.tx.fetch("SELECT * FROM register_roll WHERE matter_id = ?", (roll_id,))
    return Roll(
        roll_id, RollState(matter.state), date.fromisoformat(row["record_date"]), HeadsKey(row["heads_key"]),
        bool(row["include_parking"]), RollTotals(row["area_centi"], row["heads"]), row["hash"],
    )  # fmt: skip


async def require_confirmed(act: Act, roll_id: int) -> Roll:
    """Return a confirmed roll; raises ROLL_NOT_CONFIRMED."""
    found = await roll(act, roll_id)
    if found.state is not RollState.CONFIRMED:
        raise ROLL_NOT_CONFIRMED(state=found.state.value, state_zh=found.state.label_zh)
    return found


async def close_roll(act: Act, roll_id: int) -> None:
    """Close a roll when its vote is over: who could vote is history now and follows the register no longer."""
    await act.tx.execute(
        "UPDATE register_roll SET closed_at = ? WHERE matter_id = ? AND closed_at IS NULL", (to_wire(act.now), roll_id)
    )


async def _matter(act: Act, roll_id: int) -> Matter:
    """Load, lock and settle a roll, whoever acts: the calling deed has decided that."""
    row = await act.tx.one(
        f"SELECT * FROM core_matter WHERE id = ? AND plugin = 'register' AND kind = 'VOTER_ROLL'{act.tx.for_update}",
        (roll_id,),
    )
    if row is None:
        raise ROLL_UNKNOWN()
    matter = Matter.of(row)
    await settle(act, ROLL, matter)
    return matter


# --- entries and voters -----------------------------------------------------------------------------------------------

_ENTRY = (
    "e.id, e.roll_id, e.number, e.units_text, e.owners_masked, e.buildings, e.area_centi, e.heads, e.is_developer_stock"
)


async def entries(act: Act, roll_id: int) -> tuple[RollVoice, ...]:
    """Return the entries of a roll in their order, those struck out by corrections left out."""
    rows = await act.tx.fetch(
        f"SELECT {_ENTRY} FROM register_roll_entry e WHERE e.roll_id = ? AND e.struck_at IS NULL ORDER BY e.number",
        (roll_id,),
    )
    return tuple(_voice(row) for row in rows)


async def entries_for_voter(act: Act, roll_id: int, person_id: int) -> tuple[RollVoice, ...]:
    """Return the entries for which a person may vote: as owner, as designated co-owner, by a mandate. Mostly one."""
    rows = await act.tx.fetch(
        f"SELECT DISTINCT {_ENTRY} FROM register_roll_voter v JOIN register_roll_entry e ON e.id = v.entry_id "
        "WHERE v.roll_id = ? AND v.person_id = ? AND v.may_vote AND e.struck_at IS NULL ORDER BY e.number",
        (roll_id, person_id),
    )
    return tuple(_voice(row) for row in rows)


async def entry_for_voter(act: Act, roll_id: int, person_id: int, entry_id: int | None = None) -> RollVoice:
    """Return the entry that a person votes for: the only one, or the one named.

    Raises NO_VOTE_HERE when there is none, WHICH_ENTRY when there are several and none is named.
    """
    found = await entries_for_voter(act, roll_id, person_id)
    named = [one for one in found if entry_id in (None, one.id)]
    if not named:
        raise NO_VOTE_HERE()
    if len(named) > 1:
        raise WHICH_ENTRY(path=("input", "entry"), count=len(named))
    return named[0]


def _voice(row: Any) -> RollVoice:
    return RollVoice(
        row["id"], row["roll_id"], row["number"], row["units_text"], row["owners_masked"], row["buildings"],
        row["area_centi"], row["heads"], bool(row["is_developer_stock"]),
    )  # fmt: skip


# --- identity ---------------------------------------------------------------------------------------------------------


async def match_identity(
    act: Act, person_id: int, *, phone: str | None = None, document: str | None = None
) -> tuple[int, ...]:
    """Link a person with the owners, in all compounds, whose telephone or document number it has proved to be its own.

    For plugins that verify identities. An owner already linked with somebody else is left alone. Returns the owners linked.
    """
    linked: list[int] = []
    for kind, value in ((identity.DOCUMENT, document), (identity.PHONE, phone)):
        for row in await _unlinked(act, kind, value) if value else ():
            await owners.link(act, await place_by_id(act.tx, row["community_id"]), row["id"], person_id)
            linked.append(row["id"])
    return tuple(linked)


async def _unlinked(act: Act, kind: str, value: str) -> list[Any]:
    found = identity.indexes(act.kernel.keys, kind, value)
    column = "phone_index" if kind == identity.PHONE else "document_index"
    marks = ", ".join("?" * len(found))
    return await act.tx.fetch(
        f"SELECT id, community_id FROM register_owner WHERE {column} IN ({marks}) AND kind = 'PERSON' "
        "AND person_id IS NULL ORDER BY id LIMIT 100",
        found,
    )


# --- residents --------------------------------------------------------------------------------------------------------


async def shared_unit(act: Act, person_a: int, person_b: int) -> int | None:
    """Return a unit that both persons are verified to live in today, or None: whether they are one household."""
    today = act.now.astimezone(CHINA).date().isoformat()
    found = await act.tx.value(
        "SELECT a.unit_id FROM register_resident a JOIN register_resident b ON b.unit_id = a.unit_id "
        "WHERE a.person_id = ? AND b.person_id = ? AND a.state = 'VERIFIED' AND b.state = 'VERIFIED' "
        "AND (a.until IS NULL OR a.until > ?) AND (b.until IS NULL OR b.until > ?) ORDER BY a.unit_id LIMIT 1",
        (person_a, person_b, today, today),
    )
    return None if found is None else int(found)
