"""What the tests of voting share: a confirmed roll of any shape, a poll announced and opened, ballots."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from core.clock import from_wire, to_wire
from core.database import Tx
from core.ids import new_id
from tests.conftest import World

POLL = """query($id: ID!) { poll(id: $id) { id title state pollKind legalEffect opensAt closesAt firstClosesAt round
  objectionsUntil certificateHash rollHash area heads endReason notice { title } resultNotice { title }
  motions { nodes { id position matter result { outcome decisionBasis round
    verdict { outcome decisionBasis banner barriers legs { name share { numerator denominator } met marginZh marginEn comparison }
      strict { outcome inFavour { area heads } against { area heads } abstaining { area heads } }
      followMajority { outcome inFavour { area heads } } }
    survey { total { heads options { option heads } } groups { name heads } } } } }
  turnout { area { numerator denominator } heads { numerator denominator } isQuorate gapZh gapEn fewestVoters
    buildings { building area { numerator denominator } heads { numerator denominator } } }
  myBallots { entry number state mayVote receipt { receipt nonce body choices { motion choice } } }
  certificate { text sha256 } } }"""


@dataclass(frozen=True)
class Entry:
    """One entry of a roll to be made: its area, its heads, and who may vote for it."""

    area_centi: int = 10_000
    heads: int = 1
    voters: tuple[str, ...] = ("owner",)
    building: str = "1栋"
    is_stock: bool = False


@dataclass
class Roll:
    """A roll that was made."""

    id: int
    entries: list[int] = field(default_factory=list)
    owners: list[list[int]] = field(default_factory=list)

    def entry(self, number: int) -> str:
        """Return the global id of an entry by its number."""
        return f"RollEntry_{self.entries[number - 1]}"


async def owner(world: World, *keys: str) -> None:
    """Add owners with logins to the first compound."""
    for key in keys:
        await world.person(key, "owner", world.demo.places["stairwell"])


async def make_roll(world: World, *entries: Entry, state: str = "CONFIRMED", scope: str = "compound") -> Roll:
    """Write a roll of exactly these entries, as the register would after its objection window."""
    made = Roll(new_id())
    await world.kernel.database.run(lambda tx: _write(tx, world, made, entries, state, scope))
    return made


async def _write(tx: Tx, world: World, made: Roll, entries: tuple[Entry, ...], state: str, scope: str) -> None:
    place, now = world.demo.places["compound"], to_wire(world.clock.now())
    await tx.execute(
        "INSERT INTO core_matter (id, community_id, path, plugin, kind, title, state, created_at, updated_at, version) "
        "VALUES (?, ?, ?, 'register', 'VOTER_ROLL', '清册', ?, ?, ?, 1)",
        (made.id, place.id, place.path, state, now, now),
    )
    await tx.execute(
        "INSERT INTO register_roll (matter_id, record_date, scope, include_parking, heads_key, area_centi, heads, hash) "
        "VALUES (?, ?, ?, ?, 'OWNER_SET', ?, ?, ?)",
        (made.id, date(2026, 3, 1).isoformat(), f'[{{"id": {world.demo.places[scope].id}}}]', False, sum(e.area_centi for e in entries),
         sum(e.heads for e in entries), "ab" * 32),
    )  # fmt: skip
    for number, entry in enumerate(entries, start=1):
        await _write_entry(tx, world, made, number, entry)


async def _write_entry(tx: Tx, world: World, made: Roll, number: int, entry: Entry) -> None:
    key = new_id()
    await tx.execute(
        "INSERT INTO register_roll_entry (id, roll_id, number, head_key, units_text, owners_masked, buildings, area_centi, "
        "heads, is_developer_stock) VALUES (?, ?, ?, ?, ?, '示*', ?, ?, ?, ?)",
        (
            key,
            made.id,
            number,
            f"head-{number}",
            f"{number}01室",
            entry.building,
            entry.area_centi,
            entry.heads,
            entry.is_stock,
        ),
    )
    made.entries.append(key)
    made.owners.append([])
    for voter in entry.voters:
        holder = new_id()
        await tx.execute(
            "INSERT INTO register_owner (id, community_id, kind, name, name_masked, phone_masked, document_masked) "
            "VALUES (?, ?, 'PERSON', '示例业主', '示*', '', '')",
            (holder, world.demo.places["compound"].id),
        )
        await tx.execute(
            "INSERT INTO register_roll_voter (id, roll_id, entry_id, owner_id, person_id, may_vote) VALUES (?, ?, ?, ?, ?, ?)",
            (new_id(), made.id, key, holder, world.demo.people[voter], True),
        )
        made.owners[-1].append(holder)


async def draft(world: World, roll: Roll | None, *matters: str, **more: Any) -> tuple[str, list[str]]:
    """Draft a poll with one motion for each matter; returns its id and its motions'."""
    found = await world.do(
        "draftPoll",
        {"community": world.demo.places["compound"].code, "title": "是否更换物业服务企业", "body": "请全体业主表决。",
         "opensAt": to_wire(opening(world)), "roll": f"VoterRoll_{roll.id}" if roll else None, **more},
        "... on Poll { id }", as_="chair",
    )  # fmt: skip
    assert found["__typename"] == "Poll", found
    for matter in matters:
        added = await world.do(
            "addMotion", {"id": found["id"], "title": f"事项 {matter}", "matter": matter}, as_="chair"
        )
        assert added["__typename"] == "Poll", added
    shown = await show(world, found["id"], as_="chair")
    return found["id"], [node["id"] for node in shown["motions"]["nodes"]]


def opening(world: World) -> Any:
    """Return the earliest lawful opening of a poll announced now."""
    return (world.clock.now() + timedelta(days=16)).replace(hour=0, minute=0)


async def show(world: World, poll: str, *, as_: str | None = None, language: str = "zh") -> Any:
    """Return everything that somebody sees of a poll; None when they do not see it."""
    return (await world.gql(POLL, {"id": poll}, as_=as_, language=language)).data["poll"]


async def announce(world: World, poll: str, **more: Any) -> Any:
    """Announce a poll as the chair."""
    found = await world.do("announcePoll", {"id": poll, **more}, "... on Poll { id state }", as_="chair")
    assert found["__typename"] == "Poll", found
    return found


async def opened(world: World, roll: Roll, *matters: str, **more: Any) -> tuple[str, list[str]]:
    """Draft, announce and open a poll."""
    poll, motions = await draft(world, roll, *matters, **more)
    await announce(world, poll)
    world.clock.set(opening(world))
    return poll, motions


async def cast(
    world: World,
    poll: str,
    choices: dict[str, str],
    *,
    as_: str = "owner",
    entry: str | None = None,
    language: str = "zh",
) -> Any:
    """Cast a ballot; returns the receipt or the error."""
    listed = [{"motion": motion, "choice": choice} for motion, choice in choices.items()]
    fields = "... on BallotReceipt { receipt nonce body entry channel choices { motion choice } }"
    return await world.do(
        "castBallot", {"id": poll, "choices": listed, "entry": entry}, fields, as_=as_, language=language
    )


async def close(world: World, poll: str) -> None:
    """Move the clock to the end of a poll and let everything due happen."""
    shown = await show(world, poll, as_="chair")
    world.clock.set(from_wire(shown["closesAt"]))
    await world.settle()
