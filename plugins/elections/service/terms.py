"""A committee's term: first meeting, filing, seats that end and alternates, the seal, alerts, handover."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from core import calendar, people
from core.clock import day_start, from_wire
from core.database import Row
from core.kinds import LinkRelation
from core.plugin import Act, check_text, deed
from plugins.elections import rules
from plugins.elections.kinds import ElectionKind, ElectionState, Office, SeatEnd
from plugins.elections.lifecycle import ELECTION, S
from plugins.elections.problems import (
    ALREADY_SIGNED,
    NO_MAJORITY,
    NO_SUCH_ITEM,
    NO_SUCH_SEAT,
    NOT_HANDED_OVER,
    SEATED_PERSON,
    WRONG_SIZE,
)
from plugins.elections.service.balloting import SOURCE, seat
from plugins.elections.service.preparing import BLANK, cited, days_before, until
from plugins.elections.settings import ElectionsSettings
from plugins.elections.store import insert, members, own_row, seat_of_actor, standing_committee, update


@deed("elections.supervise_election", opens=ELECTION)
async def record_committee(
    act: Act, *, title: str, members: Sequence[int], chair: int, term_begins: date, term_ends: date, filing_receipt: str,
    alternates: Sequence[int] | None = None,
) -> int:  # fmt: skip
    """Record a committee that was elected and filed before this system was used, by its filing; it is in term at once."""
    settings = act.settings(ElectionsSettings)
    years = max(1, term_ends.year - term_begins.year)
    if (
        len(members) > settings.most_seats
        or chair not in members
        or term_ends <= term_begins
        or years > settings.longest_term_years
    ):
        raise WRONG_SIZE(
            path=("input", "members"),
            least=settings.fewest_seats,
            most=settings.most_seats,
            years=settings.longest_term_years,
        )
    key = await act.open(ELECTION, check_text(title, "title"), state=ElectionState.IN_TERM)
    await insert(act, "election", matter_id=key, kind=ElectionKind.FIRST, reason="", seats=len(members), term_years=years,
                 term_begins=term_begins, term_ends=term_ends, filed_at=act.now,
                 **{**BLANK, "filing_receipt": check_text(filing_receipt, "filingReceipt", most=100)})  # fmt: skip
    since, last = day_start(term_begins), day_start(term_ends)
    for place, person in enumerate((*members, *(alternates or ())), start=1):
        office = Office.MEMBER if place <= len(members) else Office.ALTERNATE
        await seat(act, key, person, Office.CHAIR if person == chair else office, place, since, last)
    await people.appoint(act, chair, "committee_chair", act.place.id, since, last, SOURCE)
    await start_term(act, term_ends)
    act.emit("elections.committee_recorded", matter_id=key)
    return key


async def start_term(act: Act, ends: date) -> None:
    """Start the clocks of a term: re-election due, and its end."""
    days = act.settings(ElectionsSettings).second_alert_days
    await act.start_clock(ELECTION, "reelection_due", days_before(ends, days), rules.SECOND_ALERT_DAYS.source)
    await act.start_clock(ELECTION, "end_term", days_before(ends, 0), rules.TERM_YEARS.source)


@deed(on=ELECTION, step="hold_first_meeting")
async def hold_first_meeting(
    act: Act, *, present: Sequence[int], chair: int, supporters: Sequence[int], vice_chairs: Sequence[int] | None = None
) -> int:
    """Record the first meeting: more than half were there, and more than half of all members chose the chair from among them."""
    seats = {one["id"]: one for one in await members(act, act.matter.id)}
    for named, least in ((present, "present"), (supporters, "supporters")):
        part = len(set(named) & set(seats))
        if not rules.is_more_than_half(part, len(seats)):
            raise NO_MAJORITY(path=("input", least), part=part, whole=len(seats))
    chosen = {chair: Office.CHAIR, **dict.fromkeys(vice_chairs or (), Office.VICE_CHAIR)}
    if not set(chosen) <= set(seats) or not set(supporters) <= set(present):
        raise NO_SUCH_SEAT(path=("input", "chair"))
    for key, office in chosen.items():
        await update(act, "seat", key, office=office)
    head = seats[chair]
    await people.appoint(
        act,
        head["person_id"],
        "committee_chair",
        act.place.id,
        from_wire(head["since"]),
        from_wire(head["until"]),
        SOURCE,
    )
    act.note(present=len(set(present)), supporters=len(set(supporters)))
    return act.matter.id


@deed(on=ELECTION, step="file_committee")
async def file_committee(act: Act) -> int:
    """Hand the papers in with the street and the housing authority; due within 30 days of the election (物业管理条例16)."""
    await update(act, "election", act.matter.id, filed_at=act.now, refusal_reason="", refusal_basis="")
    return act.matter.id


@deed(on=ELECTION, step="acknowledge_filing")
async def acknowledge_filing(act: Act, *, receipt: str, seal_certificate: str = "") -> int:
    """Acknowledge a filing: receipt, and the certificate with which the seal is made. The term's clocks start."""
    row = await own_row(act, "election")
    await update(act, "election", act.matter.id, filing_receipt=check_text(receipt, "receipt", most=100),
                 seal_certificate=check_text(seal_certificate, "sealCertificate", least=0, most=100))  # fmt: skip
    await act.move(ELECTION, "acknowledge_filing")
    await start_term(act, date.fromisoformat(row["term_ends"]))
    return act.matter.id


@deed(on=ELECTION, step="refuse_filing")
async def refuse_filing(act: Act, *, reason: str, citation: str) -> int:
    """Send a filing back, on a cited rule; the committee mends it and files again."""
    await update(
        act,
        "election",
        act.matter.id,
        refusal_reason=check_text(reason, "reason", most=500),
        refusal_basis=cited(citation),
        filed_at=None,
    )
    return act.matter.id


# --- seats ------------------------------------------------------------------------------------------------------------


@deed(on=ELECTION, step="resign_seat")
async def resign_seat(act: Act) -> int:
    """Resign, as a member; the first alternate moves up, and what you keep is handed over within days."""
    mine = await seat_of_actor(act, act.matter.id)
    await vacate(act, mine, SeatEnd.RESIGNED, "业主大会和业主委员会指导规则43")
    return act.matter.id


@deed(on=ELECTION, step="end_seat")
async def end_seat(act: Act, *, seat: int, ground: SeatEnd, citation: str) -> int:
    """Establish that a seat ended by law, on a cited rule: no longer an owner, capacity, liberty, death."""
    if ground in (SeatEnd.RECALLED, SeatEnd.ANNULLED, SeatEnd.RESIGNED):
        raise NO_SUCH_SEAT(path=("input", "ground"))
    await vacate(act, await seat_in_office(act, seat, act.matter.id), ground, cited(citation))
    return act.matter.id


async def seat_in_office(act: Act, key: int, body: int) -> Row:
    """Return a seat that has not ended; raises NO_SUCH_SEAT."""
    row = await act.tx.one(
        "SELECT * FROM elections_seat WHERE id = ? AND body_id = ? AND ended_at IS NULL", (key, body)
    )
    if row is None:
        raise NO_SUCH_SEAT(path=("input", "seat"))
    return row


async def vacate(act: Act, row: Row, ground: SeatEnd, citation: str) -> None:
    """End a seat with its roles; the first alternate moves up; a committee of half or less needs a new election."""
    body = row["body_id"]
    await update(act, "seat", row["id"], ended_at=act.now, end_ground=ground, end_citation=citation,
                 handover_due=until(act, act.settings(ElectionsSettings).member_handover_days))  # fmt: skip
    for role in ("committee_member", "committee_chair"):
        await people.end_appointments(act, row["person_id"], role, act.place.id, SOURCE)
    act.emit("elections.seat_ended", matter_id=body, ground=ground.value)
    if row["office"] != Office.ALTERNATE.value:
        await _move_up(act, body, row)
    election = await own_row(act, "election", body)
    is_here = act.matter.id == body and act.matter.state == S.IN_TERM.value
    if is_here and 2 * len(await members(act, body)) < election["seats"]:
        await act.move(ELECTION, "call_reelection")
        await act.start_clock(
            ELECTION, "end_term", days_before(date.fromisoformat(election["term_ends"]), 0), rules.TERM_YEARS.source
        )


async def _move_up(act: Act, body: int, left: Row) -> None:
    following = await act.tx.one(
        "SELECT * FROM elections_seat WHERE body_id = ? AND office = 'ALTERNATE' AND ended_at IS NULL ORDER BY place, id LIMIT 1",
        (body,),
    )
    if following is None:
        return
    await update(act, "seat", following["id"], office=Office.MEMBER, since=act.now)
    await people.appoint(
        act, following["person_id"], "committee_member", act.place.id, act.now, from_wire(left["until"]), SOURCE
    )
    act.emit("elections.alternate_moved_up", matter_id=body, seat=str(following["id"]))


# --- the seal ---------------------------------------------------------------------------------------------------------


@deed(on=ELECTION, step="propose_seal_use")
async def propose_seal_use(act: Act, *, paper: str, purpose: str) -> int:
    """Enter a use of the seal; it may be stamped once more than half of all members have signed (approveSealUse)."""
    return await insert(act, "seal_use", body_id=act.matter.id, paper=check_text(paper, "paper"),
                        purpose=check_text(purpose, "purpose", most=300), proposed_at=act.now)  # fmt: skip


@deed(on=ELECTION, step="approve_seal_use")
async def approve_seal_use(act: Act, *, use: int) -> int:
    """Sign for a use of the seal, as a member in office; nobody signs for another."""
    mine = await seat_of_actor(act, act.matter.id)
    row = await act.tx.one(
        f"SELECT * FROM elections_seal_use WHERE id = ? AND body_id = ?{act.tx.for_update}", (use, act.matter.id)
    )
    if row is None:
        raise NO_SUCH_ITEM(path=("input", "use"))
    if await act.tx.value(
        "SELECT id FROM elections_seal_signature WHERE use_id = ? AND seat_id = ?", (use, mine["id"])
    ):
        raise ALREADY_SIGNED()
    await insert(act, "seal_signature", use_id=use, seat_id=mine["id"], at=act.now)
    seats = await members(act, act.matter.id)
    signed = {
        r["seat_id"]
        for r in await act.tx.fetch("SELECT seat_id FROM elections_seal_signature WHERE use_id = ?", (use,))
    }
    if row["approved_at"] is None and rules.is_more_than_half(len(signed & {one["id"] for one in seats}), len(seats)):
        await update(act, "seal_use", use, approved_at=act.now)
        act.emit("elections.seal_approved", use=str(use))
    return use


# --- alerts and handover ----------------------------------------------------------------------------------------------


@deed(on=ELECTION, step="alert_term")
async def alert_term(act: Act) -> int:
    """Tell everybody that a term is about to end: once at each of the two distances. Done by the system."""
    row, settings = await own_row(act, "election"), act.settings(ElectionsSettings)
    left = (date.fromisoformat(row["term_ends"]) - calendar.day_of(act.now)).days
    for days in (settings.second_alert_days, settings.first_alert_days):
        if left <= days:
            if not row["alerted_days"] or days < row["alerted_days"]:
                await update(act, "election", act.matter.id, alerted_days=days)
                act.emit("elections.term_alerted", days=days)
            break
    return act.matter.id


@deed(on=ELECTION, step="add_handover_item")
async def add_handover_item(act: Act, *, name: str, quantity: str = "") -> int:
    """List a thing that the committee keeps: papers, accounts, the seal, keys. The list is what is handed over."""
    return await insert(act, "handover_item", body_id=act.matter.id, name=check_text(name, "name"),
                        quantity=check_text(quantity, "quantity", least=0, most=60),
                        listed_by_id=act.actor.person_id, listed_at=act.now)  # fmt: skip


@deed(on=ELECTION, step="receive_handover_item")
async def receive_handover_item(act: Act, *, item: int) -> int:
    """Confirm that you received a thing, for the successor or for the residents' committee that keeps it."""
    row = await act.tx.one(
        "SELECT * FROM elections_handover_item WHERE id = ? AND body_id = ? AND received_at IS NULL",
        (item, act.matter.id),
    )
    if row is None:
        raise NO_SUCH_ITEM(path=("input", "item"))
    if row["listed_by_id"] == act.person_id:
        raise SEATED_PERSON()
    await update(act, "handover_item", item, received_by_id=act.person_id, received_at=act.now)
    return item


@deed(on=ELECTION, step="alert_handover")
async def alert_handover(act: Act) -> int:
    """Tell that a handover is overdue: the street helps to get it, then the police. Done by the system, once."""
    await update(act, "election", act.matter.id, overdue_told_at=act.now)
    return act.matter.id


@deed(on=ELECTION, step="close_election")
async def close_election(act: Act, *, custodian: str = "") -> int:
    """Complete a handover: everything listed was received. Without a successor name who keeps it: the residents' committee."""
    left = await act.tx.value(
        "SELECT COUNT(*) FROM elections_handover_item WHERE body_id = ? AND received_at IS NULL", (act.matter.id,)
    )
    if left:
        raise NOT_HANDED_OVER(count=int(left))
    successor = await standing_committee(act)
    if successor is not None:
        await act.link(successor, act.matter.id, LinkRelation.FOLLOWS)
    least = 0 if successor is not None else 1
    await update(act, "election", act.matter.id, custodian=check_text(custodian, "custodian", least=least, most=200))
    return act.matter.id
