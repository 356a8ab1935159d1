"""Casting: ballots online, in person or as a proxy; answers to surveys; authorisations."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.clock import from_wire, to_wire
from core.database import Row, Statement
from core.fields import canonical_json
from core.ids import new_id
from core.plugin import Act, Fresh, check_text, deed
from plugins.voting import ballots, roll, rules, separated
from plugins.voting.ballots import ReturnedPaper
from plugins.voting.kinds import BallotMode, PollKind, PollState
from plugins.voting.lifecycle import POLL
from plugins.voting.problems import (
    BAD_OPTIONS,
    ENTRY_NEEDED,
    NO_CHANGES,
    NO_SUCH_PROXY,
    NOT_A_VOTER,
    NOT_THE_REPRESENTATIVE,
    PROXY_BARRED,
    PROXY_USED,
    STRANGE_MOTION,
)  # fmt: skip
from plugins.voting.roll import Voter
from plugins.voting.rules import Channel, Choice
from plugins.voting.service.drafting import motions_of, must_be, must_have, poll_row
from plugins.voting.service.separating import STANDINGS
from plugins.voting.settings import frozen

TURNOUT = "UPDATE voting_turnout SET area_centi = area_centi + ?, heads = heads + ? WHERE poll_id = ? AND building = ?"
BALLOT = (
    "INSERT INTO voting_ballot (id, poll_id, entry_id, choices, area_centi, heads, building, at) "
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (poll_id, entry_id) DO UPDATE SET choices = excluded.choices, at = excluded.at"
)
AREA_TURNOUT = "UPDATE voting_area_turnout SET entries = entries + ? WHERE poll_id = ? AND area_centi = ?"


@dataclass(frozen=True)
class Arrival:
    """A ballot that has come in, before it is written down."""

    voter: Voter
    marks: str
    channel: Channel
    at: datetime
    is_signed: bool = True
    person_id: int | None = None
    slip_id: int | None = None


@deed(on=POLL, step="cast_ballot")
async def cast_ballot(act: Act, *, choices: Sequence[Mapping[str, Any]], entry: int | None = None) -> Fresh:
    """Cast or change a ballot for an entry of the roll, as its owner or as a proxy; motions left out are abstentions.

    Nobody but the voter sees it before the close. The receipt proves later that it was counted.
    """
    found = await roll.voters_of(act, act.matter.id, act.person_id, entry)
    poll = found[0] if found else await poll_row(act)
    must_be(poll, PollKind.STATUTORY)
    marks = await _marks(act, choices)
    voter = _voter(found)
    if voter.proxy_id is not None:
        await _use_proxy(act, voter, poll["roll_id"], marks)
    arrival = Arrival(voter, marks, Channel.ONLINE, act.now, person_id=act.person_id)
    paper = await take_in(act, arrival, from_wire(poll["closes_at"]), len(marks))
    return Fresh(paper["id"], {**paper, "motions": await motion_keys(act)})


async def _marks(act: Act, choices: Sequence[Mapping[str, Any]]) -> str:
    marked = {choice["motion"]: (choice["choice"],) for choice in choices}
    return await marks_of(act, marked, len(choices))


_ANNOUNCED: dict[int, tuple[int, ...]] = {}
_MOST_POLLS = 1_000


async def motion_keys(act: Act) -> tuple[int, ...]:
    """Return the motions of the deed's poll in order; once announced they never change, so they are read only once."""
    known = _ANNOUNCED.get(act.matter.id)
    if known is not None:
        return known
    rows = await act.tx.fetch("SELECT id FROM voting_motion WHERE poll_id = ? ORDER BY position", (act.matter.id,))
    found = tuple(row["id"] for row in rows)
    if act.matter.state == PollState.VOTING.value:
        if len(_ANNOUNCED) >= _MOST_POLLS:
            _ANNOUNCED.clear()
        _ANNOUNCED[act.matter.id] = found
    return found


async def marks_of(act: Act, marked: Mapping[int, Sequence[Choice]], named: int) -> str:
    """Write marks by motion as one text; raises Invalid for a motion not announced with this poll, or named twice."""
    motions = await motion_keys(act)
    if named != len(marked) or set(marked) - set(motions):
        raise STRANGE_MOTION(path=("input", "choices"))
    return ballots.write_marks(motions, marked)


def _voter(found: Sequence[Row]) -> Voter:
    """Say what the actor votes for; raises NotAllowed for whoever is not on the roll."""
    if not found:
        raise NOT_A_VOTER()
    able = [roll.voter_of(row) for row in found if row["may_vote"]]
    if not able:
        raise NOT_THE_REPRESENTATIVE()
    if len({voter.entry_id for voter in able}) > 1:
        numbers = ", ".join(str(voter.number) for voter in able)
        raise ENTRY_NEEDED(path=("input", "entry"), count=len(able), numbers=numbers)
    return able[0]


async def take_in(act: Act, arrival: Arrival, deadline: datetime, motions: int) -> dict[str, Any]:
    """Write down a ballot that came in, settle what counts for its entry, and count participation; returns it."""
    settings = frozen(act.matter)
    voter = arrival.voter
    rows = await _papers(act, voter.entry_id)
    earlier = [paper_of(row) for row in rows]
    _check_change(arrival, earlier, settings.may_change_ballot)
    paper = _write(act, arrival)
    papers = [
        *earlier,
        ReturnedPaper(paper["id"], arrival.at, arrival.channel, voter.owner_id, arrival.marks, arrival.is_signed),
    ]
    designated = await roll.representative(act, voter.entry_id) if len({p.owner_id for p in papers}) > 1 else None
    settled = ballots.resolve(papers, motions, deadline, designated, settings.may_change_ballot)
    act.write(*_counting(act, voter, settled))
    _count_participation(act, voter, (rows[0]["before"] if rows else None) or "", settled)
    act.emit("voting.ballot_cast")
    return paper


def _check_change(arrival: Arrival, earlier: Sequence[ReturnedPaper], may_change: bool) -> None:
    if may_change or arrival.channel is not Channel.ONLINE:
        return
    if any(p.owner_id == arrival.voter.owner_id and not p.is_withdrawn for p in earlier):
        raise NO_CHANGES()


async def earlier_papers(act: Act, entry_id: int) -> list[ReturnedPaper]:
    """Return all ballots that an entry has returned so far, oldest first."""
    return [paper_of(row) for row in await _papers(act, entry_id)]


async def _papers(act: Act, entry_id: int) -> Sequence[Row]:
    """Return the rows of an entry's ballots, oldest first, each with what counted for the entry before."""
    return await act.tx.fetch(
        "SELECT x.id, x.at, x.channel, x.owner_id, x.marks, x.is_signed, x.withdrawn_at, b.choices AS before "
        "FROM voting_returned x LEFT JOIN voting_ballot b ON b.poll_id = x.poll_id AND b.entry_id = x.entry_id "
        "WHERE x.poll_id = ? AND x.entry_id = ? ORDER BY x.id",
        (act.matter.id, entry_id),
    )


def paper_of(row: Row) -> ReturnedPaper:
    """Make a returned ballot of its row."""
    return ReturnedPaper(
        row["id"], from_wire(row["at"]), Channel(row["channel"]), row["owner_id"], row["marks"], bool(row["is_signed"]),
        row["withdrawn_at"] is not None,
    )  # fmt: skip


def _write(act: Act, arrival: Arrival) -> dict[str, Any]:
    key, voter, nonce, at = new_id(), arrival.voter, secrets.token_hex(16), to_wire(arrival.at)
    receipt = ballots.receipt_of(ballots.receipt_body(
        poll=act.matter.id, entry=voter.number, area_centi=voter.area_centi, heads=voter.heads,
        channel=arrival.channel.value, marks=arrival.marks, is_signed=arrival.is_signed, at=at, nonce=nonce,
    ))  # fmt: skip
    act.write(
        "INSERT INTO voting_returned (id, poll_id, entry_id, owner_id, person_id, proxy_id, slip_id, channel, at, marks, "
        "is_signed, nonce, receipt) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (key, act.matter.id, voter.entry_id, voter.owner_id, arrival.person_id, voter.proxy_id, arrival.slip_id,
         arrival.channel.value, at, arrival.marks, arrival.is_signed, nonce, receipt),
    )  # fmt: skip
    act.note(receipt=receipt)
    return {
        "id": key, "poll_id": act.matter.id, "number": voter.number, "area_centi": voter.area_centi, "heads": voter.heads,
        "channel": arrival.channel.value, "marks": arrival.marks, "is_signed": arrival.is_signed, "at": at,
        "nonce": nonce, "receipt": receipt,
    }  # fmt: skip


async def settle_entry(act: Act, voter: Voter, choices: str) -> None:
    """Write what counts for an entry at once, and add it to the turnout, or take it off, when its participation changed."""
    before = await act.tx.value(
        "SELECT choices FROM voting_ballot WHERE poll_id = ? AND entry_id = ?", (act.matter.id, voter.entry_id)
    )
    await act.tx.execute(*_counting(act, voter, choices))
    _count_participation(act, voter, before or "", choices)


def _counting(act: Act, voter: Voter, choices: str) -> Statement:
    """Return what writes down what counts for an entry."""
    return (
        BALLOT,
        (new_id(), act.matter.id, voter.entry_id, choices, voter.area_centi, voter.heads, voter.building, to_wire(act.now)),
    )  # fmt: skip


def _count_participation(act: Act, voter: Voter, before: str, after: str) -> None:
    """Add an entry to the turnout, or take it off, when its participation changed; whatever it chose."""
    sign = ballots.takes_part(after) - ballots.takes_part(before)
    if sign:
        act.tx.add_up(TURNOUT, (sign * voter.area_centi, sign * voter.heads), (act.matter.id, voter.building))
        act.tx.add_up(AREA_TURNOUT, (sign,), (act.matter.id, voter.area_centi))


# --- Surveys ---------------------------------------------------------------------------------------------------------


@deed(on=POLL, step="answer_survey")
async def answer_survey(act: Act, *, answers: Sequence[Mapping[str, Any]]) -> int:
    """Answer a named survey, or change one's answer before it closes: one answer a person."""
    row = await poll_row(act)
    must_be(row, PollKind.SURVEY)
    must_have(row, BallotMode.OPEN)
    written = await _answers(act, answers)
    await act.tx.execute(
        "INSERT INTO voting_answer (id, poll_id, person_id, standing, options, at) VALUES (?, ?, ?, ?, ?, ?) "
        "ON CONFLICT (poll_id, person_id) DO UPDATE SET options = excluded.options, at = excluded.at",
        (new_id(), act.matter.id, act.person_id, _standing(act), canonical_json(written), to_wire(act.now)),
    )
    act.emit("voting.ballot_cast")
    return act.matter.id


@deed(on=POLL, step="cast_separated_ballot", secrets=frozenset({"answers"}))
async def cast_separated_ballot(act: Act, *, answers: Sequence[Mapping[str, Any]]) -> int:
    """Cast a ballot that is not named. It cannot be found, changed or withdrawn afterwards.

    A retry under the same idempotency key gives the same receipt; what was voted is kept nowhere beside it. No event tells
    of it: the feed would say when somebody voted.
    """
    must_have(await poll_row(act), BallotMode.SEPARATED)
    written = await _answers(act, answers)
    said = [",".join(map(str, picked)) for picked in written]
    await separated.drop(act, act.matter.id, act.person_id, said)
    return act.matter.id


async def _answers(act: Act, answers: Sequence[Mapping[str, Any]]) -> list[list[int]]:
    """Return the options chosen, question by question; raises Invalid unless each is answered once."""
    chosen = {answer["motion"]: answer["options"] for answer in answers}
    motions = await motions_of(act, act.matter.id)
    if len(chosen) != len(answers) or set(chosen) != {motion["id"] for motion in motions}:
        raise STRANGE_MOTION(path=("input", "answers"))
    return [_picked(motion, chosen[motion["id"]]) for motion in motions]


def _picked(motion: Row, options: Sequence[int]) -> list[int]:
    offered = len(json.loads(motion["options"]))
    picked = sorted(set(options))
    if not 1 <= len(picked) <= motion["most_options"] or not all(0 <= option < offered for option in picked):
        raise BAD_OPTIONS(path=("input", "answers"), most=motion["most_options"])
    return picked


def _standing(act: Act) -> str:
    roles = act.actor.roles_at(act.place)
    return next((role for role in STANDINGS if role in roles), "other")


# --- Proxies ---------------------------------------------------------------------------------------------------------


@deed(on=POLL, step="authorise_proxy")
async def authorise_proxy(
    act: Act,
    *,
    proxy: int,
    scope: str,
    until: datetime | None = None,
    begins: datetime | None = None,
    entry: int | None = None,
    choices: Sequence[Mapping[str, Any]] | None = None,
    letter: int | None = None,
) -> int:
    """Authorise somebody in writing to vote for you in this poll: matter, scope and period, and your choice if you give it."""
    row = await poll_row(act)
    must_be(row, PollKind.STATUTORY)
    voter = _voter(await roll.voters_of(act, act.matter.id, act.person_id, entry))
    if voter.proxy_id is not None:
        raise NOT_A_VOTER()
    marks = await _marks(act, choices) if choices else None
    key = new_id()
    starts, ends = begins or act.now, until or from_wire(row["closes_at"])
    await _check_proxy(act, row, voter, proxy, scope, starts, ends, marks)
    if letter is not None:
        await act.attach([letter])
    await act.tx.execute(
        "UPDATE voting_proxy SET revoked_at = ? WHERE poll_id = ? AND entry_id = ? AND owner_id = ? AND revoked_at IS NULL",
        (to_wire(act.now), act.matter.id, voter.entry_id, voter.owner_id),
    )
    await act.tx.execute(
        "INSERT INTO voting_proxy (id, poll_id, entry_id, owner_id, principal_id, holder_id, scope, begins, until, marks, "
        "letter_id, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (key, act.matter.id, voter.entry_id, voter.owner_id, act.person_id, proxy, check_text(scope, "scope", most=300),
         to_wire(starts), to_wire(ends), marks, letter, to_wire(act.now)),
    )  # fmt: skip
    act.note(proxy=str(key))
    return key


async def _check_proxy(
    act: Act, row: Row, voter: Voter, holder: int, scope: str, begins: datetime, until: datetime, marks: str | None
) -> None:
    """Refuse an authorisation that could never be used."""
    if holder == act.person_id or not await act.tx.value("SELECT 1 FROM core_person WHERE id = ?", (holder,)):
        raise PROXY_BARRED(reasons_zh="受托人须是另一个人", reasons_en="the proxy must be another person")
    facts = await _facts(act, row["roll_id"], holder, voter, scope, begins, until)
    moment = max(begins, act.now)
    settings = frozen(act.matter)
    barriers = list(rules.proxy_barriers(facts, moment, Choice.FOR, most_principals=settings.most_principals))
    if settings.proxy_must_state_choice and (marks is None or ballots.BLANK in marks):
        barriers.append(rules.ProxyBarrier.CHOICE_MISSING)
    _refuse(barriers)


def _refuse(barriers: Sequence[rules.ProxyBarrier]) -> None:
    if barriers:
        raise PROXY_BARRED(
            reasons_zh="、".join(b.label_zh for b in barriers), reasons_en=", ".join(b.label_en for b in barriers)
        )


async def _facts(
    act: Act, roll_id: int, holder: int, voter: Voter, scope: str, begins: datetime, until: datetime
) -> rules.Proxy:
    """Gather what the law asks of a proxy: whom they work for, whether they stand, for how many they vote already."""
    others = await act.tx.value(
        "SELECT COUNT(*) FROM voting_proxy WHERE poll_id = ? AND holder_id = ? AND revoked_at IS NULL "
        "AND NOT (entry_id = ? AND owner_id = ?)",
        (act.matter.id, holder, voter.entry_id, voter.owner_id),
    )
    works = await act.tx.value(
        "SELECT COUNT(*) FROM core_appointment a JOIN core_community c ON c.id = a.community_id "
        "WHERE a.person_id = ? AND a.role_id = 'property_staff' AND (a.until IS NULL OR a.until > ?) "
        "AND substr(?, 1, length(c.path)) = c.path",
        (holder, to_wire(act.now), act.place.path),
    )
    develops = await act.tx.value(
        "SELECT COUNT(*) FROM register_roll_voter v JOIN register_roll_entry e ON e.id = v.entry_id "
        "WHERE v.roll_id = ? AND v.person_id = ? AND e.is_developer_stock AND e.struck_at IS NULL",
        (roll_id, holder),
    )
    stands = await act.tx.value(
        "SELECT COUNT(*) FROM voting_motion WHERE poll_id = ? AND candidate_id = ?", (act.matter.id, holder)
    )
    return rules.Proxy(
        is_written=True, states_terms=bool(scope.strip()), begins=begins, until=until, is_property_staff=bool(works),
        is_developer_staff=bool(develops), is_candidate=bool(stands), other_principals=int(others),
    )  # fmt: skip


async def _use_proxy(act: Act, voter: Voter, roll_id: int, marks: str) -> None:
    """Check an authorisation at the moment of voting, motion by motion, and mark it as used."""
    [row] = await act.tx.fetch("SELECT * FROM voting_proxy WHERE id = ?", (voter.proxy_id,))
    facts = await _facts(
        act, roll_id, act.person_id, voter, row["scope"], from_wire(row["begins"]), from_wire(row["until"])
    )
    barriers = list(
        rules.proxy_barriers(facts, act.now, Choice.FOR, most_principals=frozen(act.matter).most_principals)
    )
    stated = row["marks"] or ""
    if any(wanted not in (ballots.BLANK, marks[at]) for at, wanted in enumerate(stated)):
        barriers.append(rules.ProxyBarrier.CHOICE_DIFFERS)
    _refuse(barriers)
    await act.tx.execute(
        "UPDATE voting_proxy SET used_at = COALESCE(used_at, ?) WHERE id = ?", (to_wire(act.now), voter.proxy_id)
    )


@deed(on=POLL, step="revoke_proxy")
async def revoke_proxy(act: Act, *, proxy: int) -> int:
    """Take an authorisation back before it is used."""
    row = await act.tx.one(
        "SELECT used_at FROM voting_proxy WHERE id = ? AND poll_id = ? AND principal_id = ? AND revoked_at IS NULL",
        (proxy, act.matter.id, act.person_id),
    )
    if row is None:
        raise NO_SUCH_PROXY(path=("input", "proxy"))
    if row["used_at"] is not None:
        raise PROXY_USED()
    await act.tx.execute("UPDATE voting_proxy SET revoked_at = ? WHERE id = ?", (to_wire(act.now), proxy))
    act.note(proxy=str(proxy))
    return proxy
