"""Statutory polls of the measured world.

Every world has two: one counted, with 600 ballots; one large and open, for casting. A run may open others in its copy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bench.rows import (
    APPOINTMENT,
    MATTER,
    PERSON,
    Neighbourhood,
    Table,
    add,
    appointments,
    matter,
    persons,
    sign_in,
)
from core.access import Viewer
from core.clock import to_wire
from core.hierarchy import Place
from core.ids import global_id, new_id
from core.kernel import Kernel
from core.models import Deadline
from plugins.register.models import Owner, RollEntry, RollUnit, RollVoter, Unit, VoterRoll
from plugins.voting.ballots import receipt_of
from plugins.voting.models import AreaTurnout, Ballot, Motion, Poll, Returned, Turnout
from plugins.voting.rules import JointDecisionMatter
from plugins.voting.service.counting import count_poll
from plugins.voting.settings import VotingSettings

NEEDED = ("register", "voting")
BALLOTS = 600
AREA = 8952
UNITS_PER_BUILDING = 120
SYSTEM = Viewer(system="bench")

UNIT = Table(
    Unit,
    ("id", "community_id", "compound_id", "label", "label_key", "sort_key", "use", "area_centi", "area_source",
     "delivered", "status"),
)  # fmt: skip
OWNER = Table(Owner, ("id", "community_id", "kind", "name", "name_masked", "person_id"))
ROLL = Table(
    VoterRoll, ("matter_id", "record_date", "scope", "include_parking", "heads_key", "area_centi", "heads", "hash")
)
ENTRY = Table(
    RollEntry,
    ("id", "roll_id", "number", "head_key", "owner_id", "units_text", "owners_masked", "buildings", "area_centi", "heads",
     "is_developer_stock"),
)  # fmt: skip
ROLL_UNIT = Table(RollUnit, ("id", "entry_id", "unit_id", "area_centi", "area_source"))
ROLL_VOTER = Table(RollVoter, ("id", "roll_id", "entry_id", "owner_id", "person_id", "may_vote"))
POLL = Table(
    Poll,
    ("matter_id", "kind", "body", "roll_id", "roll_hash", "record_date", "area_centi", "heads", "opens_at", "closes_at",
     "first_closes_at", "announced_at", "legal_effect"),
)  # fmt: skip
MOTION = Table(Motion, ("id", "poll_id", "position", "title", "text", "matter_code", "options"))
TURNOUT = Table(Turnout, ("id", "poll_id", "building", "all_area_centi", "all_heads", "area_centi", "heads"))
AREA_TURNOUT = Table(AreaTurnout, ("id", "poll_id", "area_centi", "all_entries", "entries"))
RETURNED = Table(
    Returned, ("id", "poll_id", "entry_id", "owner_id", "person_id", "channel", "at", "marks", "nonce", "receipt")
)
BALLOT = Table(Ballot, ("id", "poll_id", "entry_id", "choices", "area_centi", "heads", "building", "at"))
DEADLINE = Table(Deadline, ("id", "matter_id", "step", "at", "to_state", "started_at", "source"))


class NotYet(Exception):
    """The plugins that polls need are not ready; the message says which."""


@dataclass(frozen=True)
class Votes:
    """The global ids of the polls and of the open poll's motion."""

    counted: str
    open: str
    motion: str


@dataclass(frozen=True)
class Opened:
    """The keys of an open poll and of its motion."""

    poll: int
    motion: int


@dataclass(frozen=True)
class Voter:
    """One entry of a roll with its only owner."""

    number: int
    person: int
    owner: int
    unit: int
    entry: int

    @property
    def building(self) -> str:
        """Return the building the owner's unit is in."""
        return f"{self.number // UNITS_PER_BUILDING + 1}栋"

    @property
    def label(self) -> str:
        """Return what the unit is called."""
        return f"{self.building}{self.number % UNITS_PER_BUILDING + 101}"


async def build(kernel: Kernel, where: Sequence[Neighbourhood], large_roll: int, prefix: str) -> Votes:
    """Make both polls with their rolls at two compounds; the voters of the open one can sign in. Raises NotYet."""
    ready = {plugin.id for plugin in kernel.host.ready()}
    missing = [name for name in NEEDED if name not in ready]
    if missing:
        raise NotYet(f"the plugins {' and '.join(missing)} are not ready")
    counted = await _poll(kernel, where[0], await _voters(kernel, where[0].place, BALLOTS), is_open=False, is_cast=True)
    await kernel.perform(count_poll, SYSTEM, id=counted.poll)
    large = await to_cast(kernel, where[1], large_roll, prefix)
    return Votes(global_id("Poll", counted.poll), global_id("Poll", large.poll), global_id("Motion", large.motion))


async def to_cast(kernel: Kernel, at: Neighbourhood, size: int, prefix: str) -> Opened:
    """Open a poll with so many entries on its roll, each of an owner who can sign in; nobody has voted."""
    voters = await _voters(kernel, at.place, size)
    await sign_in(kernel.database, [voter.person for voter in voters], prefix, kernel.clock.now())
    return await _poll(kernel, at, voters, is_open=True, is_cast=False)


async def to_close(kernel: Kernel, at: Neighbourhood, size: int) -> Opened:
    """Open a poll in which all of so many owners have voted."""
    return await _poll(kernel, at, await _voters(kernel, at.place, size), is_open=True, is_cast=True)


async def _poll(kernel: Kernel, at: Neighbourhood, voters: Sequence[Voter], *, is_open: bool, is_cast: bool) -> Opened:
    now, size = kernel.clock.now(), len(voters)
    roll = await _roll(kernel, at, voters, now)
    book = await kernel.settings_book()
    frozen = book.resolve("voting", VotingSettings, at.place.path, now).frozen()
    key, motion, state = new_id(), new_id(), "VOTING" if is_open else "CLOSED"
    row = matter(key, at.place, ("voting", "POLL", state), "关于使用维修资金的表决", at.staff, now, frozen)
    await add(kernel.database, MATTER, [row])
    begins, ends = now - timedelta(days=20), now + timedelta(days=3650 if is_open else -1)
    await add(kernel.database, POLL, [_poll_row(key, roll, size, begins, ends)])
    question = "是否同意使用建筑物及其附属设施的维修资金"
    await add(
        kernel.database,
        MOTION,
        [(motion, key, 1, question, question, JointDecisionMatter.MAINTENANCE_FUND_USE.value, "[]")],
    )
    if is_open:
        clock = (new_id(), key, "close_poll", to_wire(ends), "CLOSED", to_wire(begins), "bench")
        await add(kernel.database, DEADLINE, [clock])
    if is_cast:
        await _ballots(kernel, key, voters, now - timedelta(days=2))
    await add(kernel.database, TURNOUT, _turnout(key, voters, taken=is_cast))
    await add(kernel.database, AREA_TURNOUT, [(new_id(), key, AREA, size, size if is_cast else 0)])
    return Opened(key, motion)


def _poll_row(key: int, roll: int, size: int, begins: datetime, ends: datetime) -> tuple[Any, ...]:
    day, opens, closes = begins.date().isoformat(), to_wire(begins), to_wire(ends)
    return (
        key,
        "STATUTORY",
        "详见方案。",
        roll,
        "0" * 64,
        day,
        size * AREA,
        size,
        opens,
        closes,
        closes,
        opens,
        "ADVISORY",
    )


async def _voters(kernel: Kernel, place: Place, size: int) -> list[Voter]:
    """Make owners of one unit each."""
    now = kernel.clock.now()
    people = persons((f"示例业主{number}" for number in range(size)), now)
    await add(kernel.database, PERSON, people)
    await add(kernel.database, APPOINTMENT, appointments([row[0] for row in people], "owner", place, now))
    voters = [Voter(number, row[0], new_id(), new_id(), new_id()) for number, row in enumerate(people)]
    await add(
        kernel.database, OWNER, ((v.owner, place.id, "PERSON", f"示例业主{v.number}", "示*", v.person) for v in voters)
    )
    await add(kernel.database, UNIT, (_unit(voter, place) for voter in voters))
    return voters


def _unit(voter: Voter, place: Place) -> tuple[Any, ...]:
    sort_key = f"{voter.number:06}"
    return (
        voter.unit,
        place.id,
        place.id,
        voter.label,
        voter.label,
        sort_key,
        "DWELLING",
        AREA,
        "REGISTRY",
        True,
        "ACTIVE",
    )


async def _roll(kernel: Kernel, at: Neighbourhood, voters: Sequence[Voter], now: datetime) -> int:
    key = new_id()
    row = matter(key, at.place, ("register", "VOTER_ROLL", "CONFIRMED"), "业主名册", at.staff, now)
    await add(kernel.database, MATTER, [row])
    size, day = len(voters), now.date().isoformat()
    await add(kernel.database, ROLL, [(key, day, "[]", False, "OWNER_SET", size * AREA, size, "0" * 64)])
    await add(kernel.database, ENTRY, (_entry(key, voter) for voter in voters))
    await add(kernel.database, ROLL_UNIT, ((new_id(), v.entry, v.unit, AREA, "REGISTRY") for v in voters))
    await add(kernel.database, ROLL_VOTER, ((new_id(), key, v.entry, v.owner, v.person, True) for v in voters))
    return key


def _entry(roll: int, voter: Voter) -> tuple[Any, ...]:
    head = f"{voter.owner:064x}"
    return (voter.entry, roll, voter.number + 1, head, voter.owner, voter.label, "示*", voter.building, AREA, 1, False)


async def _ballots(kernel: Kernel, poll: int, voters: Sequence[Voter], at: datetime) -> None:
    """Write a ballot of every voter: two thirds in favour."""
    when = to_wire(at)
    marked = [(voter, "F" if voter.number % 3 else "A") for voter in voters]
    papers = (
        (new_id(), poll, v.entry, v.owner, v.person, "ONLINE", when, mark, "0" * 32, receipt_of(f"{poll} {v.number}"))
        for v, mark in marked
    )
    await add(kernel.database, RETURNED, papers)
    counting = ((new_id(), poll, v.entry, mark, AREA, 1, v.building, when) for v, mark in marked)
    await add(kernel.database, BALLOT, counting)


def _turnout(poll: int, voters: Sequence[Voter], *, taken: bool) -> list[tuple[Any, ...]]:
    heads: dict[str, int] = {}
    for voter in voters:
        heads[voter.building] = heads.get(voter.building, 0) + 1
    return [(new_id(), poll, name, n * AREA, n, n * AREA * taken, n * taken) for name, n in heads.items()]
