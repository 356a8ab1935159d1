"""How much takes part in a poll: read once, or followed live by many who share the reading."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, Sequence
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary, WeakValueDictionary

import strawberry

from core import errors
from core.background import spawn
from core.clock import to_wire
from core.database import Row
from core.feed import Feed
from core.ids import parse_global_id
from core.kernel import Kernel
from core.matters import STATE_NOW
from plugins.voting import rules
from plugins.voting.kinds import PollState
from plugins.voting.rules import AreaGroup, Weight
from plugins.voting.separated import FEWEST_IN_GROUP
from schema.declared import REGISTRY
from schema.policies import Guard, guarded
from schema.scalars import Fraction

SHOWN_WHILE = (PollState.VOTING, PollState.CLOSED, PollState.PRELIMINARY, PollState.CONFIRMED)
STILL_CHANGING = (PollState.DRAFT, PollState.ANNOUNCED, PollState.VOTING)
EVERY = 1.0
"""Seconds between two values for one follower, about: each rests a fifth more or less, so that they do not all come at once."""


@strawberry.type(description="How much of one building takes part.")
class BuildingTurnout:
    """How much of one building takes part."""

    building: str = strawberry.field(
        description="The building, or the buildings of owners with units in several; small ones together, joined by 、."
    )
    area: Fraction = strawberry.field(description="Area taking part, of all area; in hundredths of m².")
    heads: Fraction = strawberry.field(description="Heads taking part, of all heads.")


async def fewest_voters_of(root: Any, info: strawberry.Info) -> int:
    """Work out the smallest number of further voters that reaches the quorum, unless that is known."""
    known: int | None = root.fewest_known
    return await _fewest(info.context.kernel, root.poll_id) if known is None else known


def buildings_of(root: Any) -> list[BuildingTurnout]:
    """Show the counters building by building; made for those who ask, for there may be hundreds.

    Buildings of fewer than five heads are shown together, with the next smallest until they are five: in a house of two
    a neighbour would see who has voted.
    """
    waiting, together = sorted(root.counters, key=lambda row: (row["all_heads"], row["building"])), list[Row]()
    while waiting and (
        waiting[0]["all_heads"] < FEWEST_IN_GROUP or 0 < sum(row["all_heads"] for row in together) < FEWEST_IN_GROUP
    ):
        together.append(waiting.pop(0))
    shown = [_building([row]) for row in sorted(waiting, key=lambda row: str(row["building"]))]
    return [*shown, _building(together)] if together else shown


@strawberry.type(description="How much takes part, and what the quorum still lacks.")
class Turnout:
    """How much takes part, and what the quorum still lacks."""

    area: Fraction = strawberry.field(description="Area taking part, of all area; in hundredths of m².")
    heads: Fraction = strawberry.field(description="Heads taking part, of all heads.")
    is_quorate: bool = strawberry.field(description="Whether two thirds of both take part.")
    gap_zh: str = strawberry.field(description="What is still needed, in Chinese.")
    gap_en: str = strawberry.field(description="What is still needed, in English.")
    buildings: list[BuildingTurnout] = strawberry.field(
        resolver=buildings_of, description="By building; those of fewer than five heads together."
    )
    poll_id: strawberry.Private[int]
    counters: strawberry.Private[Sequence[Row]]
    fewest_known: strawberry.Private[int | None]
    fewest_voters: int = strawberry.field(
        resolver=fewest_voters_of,
        metadata=guarded(Guard.ROW, "a sum over counters of the poll whose turnout it is"),
        description="The fewest further voters that would suffice, those with the largest areas first.",
    )


async def turnout_of(poll: Any, info: strawberry.Info) -> Turnout | None:
    """Return the turnout of a poll that was read; None while none is shown, and for surveys."""
    if poll.state_now not in SHOWN_WHILE or poll.roll_id is None:
        return None
    return _turnout(poll.pk, await _counters(info.context.kernel, poll.pk), None)


async def _counters(kernel: Kernel, poll_id: int) -> Sequence[Row]:
    """Read the counters of participation; they are sums already."""
    return await kernel.database.fetch(
        "SELECT building, all_area_centi, all_heads, area_centi, heads FROM voting_turnout WHERE poll_id = ? ORDER BY building",
        (poll_id,),
    )


async def _fewest(kernel: Kernel, poll_id: int) -> int:
    rows = await kernel.database.fetch(
        "SELECT area_centi, all_entries, entries FROM voting_area_turnout WHERE poll_id = ?", (poll_id,)
    )
    return rules.fewest_voters(AreaGroup(row["area_centi"], row["all_entries"], row["entries"]) for row in rows)


def _turnout(poll_id: int, rows: Sequence[Row], fewest: int | None) -> Turnout:
    part, whole = _sum(rows, "area_centi", "heads"), _sum(rows, "all_area_centi", "all_heads")
    area, heads = rules.quorum_legs(whole, part)
    return Turnout(
        area=Fraction.of(part.area_centi, whole.area_centi), heads=Fraction.of(part.heads, whole.heads),
        is_quorate=area.met and heads.met, gap_zh=rules.describe_gap(area, heads, "zh"),
        gap_en=rules.describe_gap(area, heads, "en"), poll_id=poll_id, counters=rows, fewest_known=fewest,
    )  # fmt: skip


def _sum(rows: Sequence[Row], area: str, heads: str) -> Weight:
    return Weight(sum(row[area] for row in rows), sum(row[heads] for row in rows))


def _building(rows: Sequence[Row]) -> BuildingTurnout:
    part, whole = _sum(rows, "area_centi", "heads"), _sum(rows, "all_area_centi", "all_heads")
    return BuildingTurnout(
        building="、".join(sorted(row["building"] for row in rows)), area=Fraction.of(part.area_centi, whole.area_centi),
        heads=Fraction.of(part.heads, whole.heads),
    )  # fmt: skip


# --- Following -------------------------------------------------------------------------------------------------------


async def follow(info: strawberry.Info, poll: str) -> AsyncGenerator[Turnout | None, None]:
    """Yield the turnout at once and whenever it has changed, until the poll is closed and everything cast is counted.

    Who may see the poll is decided anew for every value; raises NotFound for whoever may not, or not any more.
    """
    kernel: Kernel = info.context.kernel
    named = parse_global_id(poll)
    if named is None or named[0] != "Poll":
        raise _not_found(poll)
    shared, shown = _shared(kernel, named[1]), False
    last: Turnout | None = None
    async for _ in kernel.feed.rings():
        found = await shared.look()
        if not shown or found.turnout != last:
            await info.context.look_again()
            if not await info.context.reading.exists(REGISTRY["Poll"], named[1]):
                raise _not_found(poll)
            shown, last = True, found.turnout
            yield last
        if found.is_over:
            return
        await asyncio.sleep(EVERY * random.uniform(0.8, 1.2))  # noqa: S311 - no secret


def _not_found(poll: str) -> errors.DomainError:
    return errors.NOT_FOUND(path=("poll",), what=f"poll {poll[:40]}")


class _Look(NamedTuple):
    """What one reading found."""

    turnout: Turnout | None
    is_over: bool


class _Shared:
    """The turnout of one poll as all its followers in this process read it: once for each ring of the bell."""

    def __init__(self, kernel: Kernel, poll_id: int) -> None:
        self._kernel = kernel
        self._poll_id = poll_id
        self._rung = -1
        self._begun = 0.0
        self._reading: asyncio.Task[_Look] | None = None

    async def look(self) -> _Look:
        """Return what holds since the last ring, at most ``EVERY`` seconds old: states also change by the clock alone."""
        rung, now = self._kernel.feed.rung, asyncio.get_running_loop().time()
        if self._reading is None or rung != self._rung or now >= self._begun + EVERY:
            self._rung, self._begun = rung, now
            self._reading = spawn(self._read(), "turnout")
        return await asyncio.shield(self._reading)  # whoever leaves does not end it for the others

    async def _read(self) -> _Look:
        """Read the state before the counters: once the close is written, no ballot can follow it."""
        kernel, key = self._kernel, self._poll_id
        rows = await kernel.database.fetch(
            f"SELECT m.state, {STATE_NOW.format(m='m')} AS state_now, p.roll_id FROM core_matter m "
            "JOIN voting_poll p ON p.matter_id = m.id WHERE m.id = ?",
            (to_wire(kernel.clock.now()), key),
        )
        if not rows:
            return _Look(None, is_over=True)
        is_over = rows[0]["state"] not in STILL_CHANGING
        if rows[0]["state_now"] not in SHOWN_WHILE or rows[0]["roll_id"] is None:
            return _Look(None, is_over)
        counters = await _counters(kernel, key)
        return _Look(_turnout(key, counters, await _fewest(kernel, key)), is_over)


_FOLLOWED: WeakKeyDictionary[Feed, WeakValueDictionary[int, _Shared]] = WeakKeyDictionary()


def _shared(kernel: Kernel, poll_id: int) -> _Shared:
    """Return the reading of a poll that its followers share; it goes with the last of them."""
    of_feed = _FOLLOWED.setdefault(kernel.feed, WeakValueDictionary())
    found = of_feed.get(poll_id)
    if found is None:
        found = of_feed[poll_id] = _Shared(kernel, poll_id)
    return found
