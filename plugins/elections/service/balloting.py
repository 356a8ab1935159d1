"""The review by cited grounds, the ballot through ``voting``, winners from its certificate, and the lot."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

from core import calendar, people
from core.clock import day_start, from_wire
from core.database import Row
from core.kinds import LinkRelation
from core.plugin import Act, check_text, deed
from plugins.elections import rules
from plugins.elections.kinds import CandidateState, ElectionKind, Ground, GroupStanding, Nomination, Office, SeatEnd
from plugins.elections.lifecycle import ELECTION, IN_OFFICE, S
from plugins.elections.problems import (
    BALLOT_READY,
    GAVE_UNDERTAKING,
    GROUND_NOT_HERE,
    IS_OWNER,
    NO_LOT_DUE,
    NO_SUCH_CANDIDATE,
    NOT_HEARD,
    NOT_REVIEWED,
    STILL_SHOWN,
    TELLS_AMOUNT,
    TOO_EARLY,
    TOO_FEW_CANDIDATES,
    TOO_MANY_CANDIDATES,
)  # fmt: skip
from plugins.elections.service.preparing import cited, names, own_candidacy, post, until
from plugins.elections.settings import ElectionsSettings
from plugins.elections.store import insert, own_row, update
from plugins.notices import api as notices
from plugins.register import api as register
from plugins.voting import api as voting

SOURCE = "elections.seat"
C = CandidateState


async def _candidate(act: Act, key: int, *states: CandidateState) -> Row:
    row = await act.tx.one("SELECT * FROM elections_candidate WHERE id = ? AND election_id = ?", (key, act.matter.id))
    if row is None or row["state"] not in {state.value for state in states}:
        raise NO_SUCH_CANDIDATE(path=("input", "candidate"))
    return row


@deed(on=ELECTION, step="ask_candidate")
async def ask_candidate(act: Act, *, candidate: int, ground: Ground, question: str) -> int:
    """Put a ground to a candidate, who may answer before anything is decided. Never ask what somebody owes: yes or no."""
    row = await _candidate(act, candidate, C.STANDING, C.NEEDS_EVIDENCE)
    await update(act, "candidate", row["id"], state=C.NEEDS_EVIDENCE, ground=_here(act, ground), finding=_discreet(question, "question"),
                 asked_at=act.now)  # fmt: skip
    act.emit("elections.candidate_reviewed", person_id=row["person_id"])
    return act.matter.id


def _here(act: Act, ground: Ground) -> Ground:
    if ground in rules.OPTIONAL_GROUNDS and ground not in act.settings(ElectionsSettings).local_grounds:
        raise GROUND_NOT_HERE(path=("input", "ground"), ground=ground.label_en, ground_zh=ground.label_zh)
    return ground


def _discreet(text: str, field: str) -> str:
    found = check_text(text, field, most=500)
    if rules.names_amount(found):
        raise TELLS_AMOUNT(path=("input", field))
    return found


@deed(on=ELECTION, step="answer_review")
async def answer_review(act: Act, *, answer: str) -> int:
    """Answer what the review put to you."""
    row = await own_candidacy(act, C.NEEDS_EVIDENCE)
    await update(act, "candidate", row["id"], answer=check_text(answer, "answer", most=1000))
    return act.matter.id


@deed(on=ELECTION, step="approve_candidate")
async def approve_candidate(act: Act, *, candidate: int) -> int:
    """Find that no ground speaks against a candidate."""
    row = await _candidate(act, candidate, C.STANDING, C.NEEDS_EVIDENCE)
    await update(act, "candidate", row["id"], state=C.ELIGIBLE, ground=None, finding="")
    act.emit("elections.candidate_reviewed", person_id=row["person_id"])
    return act.matter.id


@deed(on=ELECTION, step="refuse_candidate")
async def refuse_candidate(act: Act, *, candidate: int, ground: Ground, citation: str, finding: str) -> int:
    """Refuse a candidate on one of the grounds, with rule and reasons, after it was put to them. They may appeal."""
    row = await _candidate(act, candidate, C.STANDING, C.NEEDS_EVIDENCE)
    rule, found = cited(citation), _discreet(finding, "finding")
    await _check_true(act, row, _here(act, ground))
    if row["asked_at"] is None or row["ground"] != ground.value:
        raise NOT_HEARD()
    await update(act, "candidate", row["id"], state=C.INELIGIBLE, ground=ground, citation=rule, finding=found)
    act.note(ground=ground.value)
    act.emit("elections.candidate_reviewed", person_id=row["person_id"])
    return act.matter.id


async def _check_true(act: Act, row: Row, ground: Ground) -> None:
    """Refuse a ground that the register, or the undertaking, says is not true."""
    if ground is Ground.NO_UNDERTAKING and row["undertook_at"] is not None:
        raise GAVE_UNDERTAKING(path=("input", "ground"))
    election = await own_row(act, "election")
    if ground is Ground.NOT_OWNER and await register.entries_for_voter(act, election["roll_id"], row["person_id"]):
        raise IS_OWNER(path=("input", "ground"))


@deed(on=ELECTION, step="appeal_refusal")
async def appeal_refusal(act: Act, *, text: str) -> int:
    """Appeal once to the street against being refused; the list is not put to the vote before it is answered."""
    row = await own_candidacy(act, C.INELIGIBLE)
    if row["appeal"] or (await own_row(act, "election"))["poll_id"] is not None:
        raise NO_SUCH_CANDIDATE()
    await update(act, "candidate", row["id"], state=C.APPEALED, appeal=check_text(text, "text", most=1000))
    return act.matter.id


@deed(on=ELECTION, step="decide_appeal")
async def decide_appeal(act: Act, *, candidate: int, upheld: bool, answer: str, citation: str) -> int:
    """Answer an appeal with reasons and rule. One that is right makes the candidate eligible; a published list is published anew."""
    row = await _candidate(act, candidate, C.APPEALED)
    await update(act, "candidate", row["id"], state=C.ELIGIBLE if upheld else C.INELIGIBLE, citation=cited(citation),
                 appeal_answer=check_text(answer, "answer", most=1000))  # fmt: skip
    act.emit("elections.candidate_reviewed", person_id=row["person_id"])
    if upheld and act.matter.state == S.CANDIDATES_PUBLISHED.value:
        await _show_candidates(act)
    return act.matter.id


@deed(on=ELECTION, step="publish_candidates")
async def publish_candidates(act: Act) -> int:
    """Publish the list of candidates, or publish it anew after a change; all must have been reviewed."""
    if (await own_row(act, "election"))["poll_id"] is not None:
        raise BALLOT_READY()
    await act.tx.execute(
        "UPDATE elections_candidate SET state = 'WITHDRAWN' WHERE election_id = ? AND state = 'PROPOSED'",
        (act.matter.id,),
    )
    await _show_candidates(act)
    return act.matter.id


async def _show_candidates(act: Act) -> None:
    rows, election = await eligible(act), await own_row(act, "election")
    settings = act.settings(ElectionsSettings)
    least = 1 if election["kind"] == ElectionKind.BY_ELECTION.value else settings.fewest_seats
    if len(rows) < least:
        raise TOO_FEW_CANDIDATES(count=len(rows), least=least)
    if len(rows) > voting.MOST_MOTIONS:
        raise TOO_MANY_CANDIDATES(most=voting.MOST_MOTIONS)
    await update(act, "election", act.matter.id, candidates_published_at=act.now,
                 shown_until=calendar.display_until(act.now, settings.candidates_shown_days))  # fmt: skip
    called = await names(act, [row["person_id"] for row in rows])
    lines = [_line(called[row["person_id"]], row) for row in rows]
    first_vote = calendar.earliest_start(act.now, settings.candidates_before_days)
    await post(
        act, notices.NoticeKind.CANDIDATES, f"候选人名单：{act.matter.title}", "\n".join(lines), event_at=first_vote
    )


def _line(name: str, row: Row) -> str:
    """Return what is published of a candidate, and no more: the same as their preview."""
    told = [Nomination(row["nominated_by"]).label_zh, row["occupation"], row["statement"]]
    return f"{name}：{'；'.join(part for part in told if part)}"


async def eligible(act: Act) -> Sequence[Row]:
    """Return the eligible candidates in the order in which they stood; raises NOT_REVIEWED when somebody is not decided."""
    waiting = await act.tx.value(
        "SELECT COUNT(*) FROM elections_candidate WHERE election_id = ? AND state IN ('STANDING', 'NEEDS_EVIDENCE', 'APPEALED')",
        (act.matter.id,),
    )
    if waiting:
        raise NOT_REVIEWED(count=int(waiting))
    return await act.tx.fetch(
        "SELECT * FROM elections_candidate WHERE election_id = ? AND state = 'ELIGIBLE' ORDER BY id", (act.matter.id,)
    )


# --- the ballot -------------------------------------------------------------------------------------------------------


@deed(on=ELECTION, step="prepare_ballot")
async def prepare_ballot(act: Act, *, opens_at: datetime, closes_at: datetime) -> int:
    """Draft the poll of an election: each candidate a motion of 民法典 278(三). It is announced like any poll (announcePoll)."""
    row = await own_row(act, "election")
    if row["poll_id"] is not None:
        raise BALLOT_READY()
    check_window(act, row, opens_at)
    candidates = await eligible(act)
    called = await names(act, [one["person_id"] for one in candidates])
    questions = [
        voting.joint.Question(f"选举{called[one['person_id']]}为业主委员会委员"[:200], voting.JointDecisionMatter.COMMITTEE_ELECTION,
                              one["statement"], one["person_id"])
        for one in candidates
    ]  # fmt: skip
    poll = await voting.joint.draft(
        act, act.matter.title, f"{row['reason']}\n应选委员 {row['seats']} 名。", questions, opens_at=opens_at, closes_at=closes_at,
        roll=row["roll_id"], is_first_assembly=row["kind"] == ElectionKind.FIRST.value,
    )  # fmt: skip
    await update(act, "election", act.matter.id, poll_id=poll)
    await act.link(poll, act.matter.id, LinkRelation.FOLLOWS)
    return act.matter.id


def check_window(act: Act, row: Row, opens_at: datetime) -> None:
    """Raise when a vote would open before its candidates were shown, and published, long enough."""
    days = act.settings(ElectionsSettings, plugin="elections").candidates_before_days
    earliest = calendar.earliest_start(from_wire(row["candidates_published_at"]), days)
    if opens_at < earliest:
        raise TOO_EARLY(days=days, earliest=earliest.isoformat())
    if opens_at < from_wire(row["shown_until"]):
        raise STILL_SHOWN(until=row["shown_until"])


@deed(on=ELECTION, step="follow_poll")
async def follow_poll(act: Act) -> int:
    """Bring an election to where its poll stands; done by the system after each event of the poll."""
    row = await own_row(act, "election")
    if row["poll_id"] is None:
        return act.matter.id
    poll, is_settled = (
        await voting.joint.standing(act, row["poll_id"]),
        act.matter.state in {s.value for s in IN_OFFICE},
    )
    state = voting.PollState
    if poll.state is state.VOID:
        await _annul(act, row)
    elif is_settled:
        return act.matter.id
    elif poll.state is state.WITHDRAWN:
        await update(act, "election", act.matter.id, poll_id=None)
        await _move(act, "return_to_candidates")
    elif poll.state is state.ANNOUNCED:
        await _move(act, "begin_notice")
    elif poll.state in (state.VOTING, state.CLOSED):
        await _move(act, "open_ballot")
        if poll.is_extended:
            await _move(act, "extend_ballot")
    elif poll.state is state.PRELIMINARY:
        await _move(act, "hold_result" if poll.is_objected else "show_result")
    elif poll.state is state.CONFIRMED and not row["needs_lot"]:
        await settle(act, row)
    return act.matter.id


async def _move(act: Act, step: str) -> None:
    """Take a step where it is possible: events may come late, and an election that is further stays there."""
    if ELECTION.check(ELECTION.step(step), act.matter) is None:
        await act.move(ELECTION, step)


async def settle(act: Act, row: Row, seed: str = "") -> None:
    """Rank who passed by the certificate; declare the committee, wait for a lot, or find that none came of it."""
    found = await voting.joint.certified(act, row["poll_id"])
    candidates = {
        one["person_id"]: one
        for one in await act.tx.fetch("SELECT * FROM elections_candidate WHERE election_id = ?", (act.matter.id,))
    }
    tallies = [
        rules.Tally(candidates[one.candidate]["id"], one.has_passed, one.area_centi, one.heads)
        for one in found.answers if one.candidate in candidates
    ]  # fmt: skip
    ranking = rules.rank(
        tallies, rules.Whole(found.area_centi, found.heads), row["seats"], (found.hash, seed) if seed else None
    )
    for one in tallies:
        place = ranking.order.index(one.candidate) + 1 if one.candidate in ranking.order and not ranking.tied else None
        await update(
            act,
            "candidate",
            one.candidate,
            yes_area_centi=one.area_centi,
            yes_heads=one.heads,
            has_passed=one.has_passed,
            place=place,
        )
    await update(act, "election", act.matter.id, certificate_hash=found.hash, needs_lot=bool(ranking.tied))
    act.note(certificate=found.hash, passed=len(ranking.order))
    if ranking.tied:
        await _move(act, "show_result")
        await _move(act, "hold_result")
    else:
        await _declare(act, row, [one for key in ranking.order for one in candidates.values() if one["id"] == key])


async def _declare(act: Act, row: Row, passed: Sequence[Row]) -> None:
    elected, others = passed[: row["seats"]], passed[row["seats"] : 2 * row["seats"]]
    settings, is_by = act.settings(ElectionsSettings), row["kind"] == ElectionKind.BY_ELECTION.value
    if not elected or not (is_by or rules.stands(len(elected), row["seats"], settings.fewest_seats)):
        await update(
            act,
            "election",
            act.matter.id,
            refusal_reason=f"当选 {len(elected)} 名，应选 {row['seats']} 名",
            refusal_basis="民法典278",
        )
        await act.move(ELECTION, "fail_election")
        return
    if is_by:
        await _join(act, row, elected)
        return
    begins = calendar.day_of(act.now)
    if row["parent_id"] is not None:
        parent = await own_row(act, "election", row["parent_id"])
        begins = max(begins, date.fromisoformat(parent["term_ends"]))
    await take_office(act, act.matter.id, elected, others, begins, row["term_years"])
    await update(act, "election", act.matter.id, decided_at=act.now, first_meeting_due=until(act, settings.first_meeting_days),
                 filing_due=until(act, settings.filing_days))  # fmt: skip
    await act.move(ELECTION, "confirm_election")


async def take_office(
    act: Act, body: int, elected: Sequence[Row], others: Sequence[Row], begins: date, years: int
) -> None:
    """Give seats and roles for a term to those elected, and their places to the alternates."""
    ends = rules.term_end(begins, years)
    await update(act, "election", body, term_begins=begins, term_ends=ends)
    since, last = max(act.now, day_start(begins)), day_start(ends)
    for place, one in enumerate((*elected, *others), start=1):
        office = Office.MEMBER if place <= len(elected) else Office.ALTERNATE
        await seat(act, body, one["person_id"], office, place, since, last)


async def seat(act: Act, body: int, person: int, office: Office, place: int, since: datetime, last: datetime) -> int:
    """Give a person a seat, and the role that goes with it until the end of the term."""
    key = await insert(act, "seat", body_id=body, person_id=person, standing=GroupStanding.OWNER, office=office, place=place,
                       since=since, until=last, end_citation="")  # fmt: skip
    if office is not Office.ALTERNATE:
        await people.appoint(act, person, "committee_member", act.place.id, since, last, SOURCE)
    return key


async def _join(act: Act, row: Row, elected: Sequence[Row]) -> None:
    """Seat who was elected in a by-election in the committee that is in office, for the rest of its term."""
    parent = await own_row(act, "election", row["parent_id"])
    last = day_start(date.fromisoformat(parent["term_ends"]))
    for place, one in enumerate(elected, start=1):
        await seat(act, row["parent_id"], one["person_id"], Office.MEMBER, place, act.now, last)
    await update(act, "election", act.matter.id, decided_at=act.now)
    await act.move(ELECTION, "confirm_election")
    await act.move(ELECTION, "join_committee")


async def _annul(act: Act, row: Row) -> None:
    """Undo what a void vote gave: seats and roles end at once."""
    await update(act, "election", act.matter.id, refusal_reason="表决被宣告无效", refusal_basis="民法典280")
    for one in await act.tx.fetch(
        "SELECT * FROM elections_seat WHERE body_id = ? AND ended_at IS NULL", (act.matter.id,)
    ):
        await update(act, "seat", one["id"], ended_at=act.now, end_ground=SeatEnd.ANNULLED, end_citation="民法典280")
        for role in ("committee_member", "committee_chair"):
            await people.end_appointments(act, one["person_id"], role, act.place.id, SOURCE)
    await _move(act, "fail_election")


# --- the lot ----------------------------------------------------------------------------------------------------------


@deed(on=ELECTION, step="announce_lot")
async def announce_lot(act: Act, *, source: str, at: datetime) -> int:
    """Say before it is known what public number will decide a tie, and when: a lottery draw to come, dice in public."""
    row = await own_row(act, "election")
    if not row["needs_lot"] or row["lot_source"] or at <= act.now:
        raise NO_LOT_DUE(path=("input", "at"))
    await update(act, "election", act.matter.id, lot_source=check_text(source, "source", most=300), lot_at=at)
    await post(act, notices.NoticeKind.GENERAL, f"并列抽签：{act.matter.title}", f"{source}\n时间：{at.isoformat()}")
    return act.matter.id


@deed(on=ELECTION, step="draw_lot")
async def draw_lot(act: Act, *, seed: str) -> int:
    """Draw the lot: the announced number as seed, recorded, so that anybody can draw it again and get the same."""
    row = await own_row(act, "election")
    if not row["needs_lot"] or row["lot_at"] is None or act.now < from_wire(row["lot_at"]):
        raise NO_LOT_DUE()
    told = check_text(seed, "seed", most=200)
    await update(act, "election", act.matter.id, lot_seed=told, needs_lot=False)
    act.note(seed=told)
    await settle(act, row, told)
    return act.matter.id
