"""The paper channel: numbered slips, their delivery, and their entry by two persons."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from core.clock import from_wire, to_wire
from core.database import Row
from core.ids import new_id
from core.plugin import Act, check_text, deed
from plugins.notices import api as notices
from plugins.voting import ballots, roll
from plugins.voting.kinds import DeliveryMethod, PollKind, SlipState
from plugins.voting.lifecycle import POLL
from plugins.voting.problems import NO_SUCH_SLIP, NOT_A_VOTER, NOTICES_OFF, SAME_PERSON, SLIP_STATE, WRONG_CODE
from plugins.voting.roll import Voter
from plugins.voting.rules import Channel, Delivery
from plugins.voting.service.casting import Arrival, earlier_papers, marks_of, settle_entry, take_in
from plugins.voting.service.drafting import must_be, poll_row
from plugins.voting.settings import frozen

_CODE_LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"  # none that a hand could mistake for another


@deed(on=POLL, step="issue_slips")
async def issue_slips(act: Act) -> int:
    """Number a paper ballot for every entry of the roll that has none; doing it again changes nothing."""
    row = await poll_row(act)
    must_be(row, PollKind.STATUTORY)
    entries = await act.tx.fetch(
        "SELECT e.id, e.number FROM register_roll_entry e WHERE e.roll_id = ? AND e.struck_at IS NULL AND NOT EXISTS "
        "(SELECT 1 FROM voting_slip s WHERE s.poll_id = ? AND s.entry_id = e.id) ORDER BY e.number",
        (row["roll_id"], act.matter.id),
    )
    await act.tx.execute_many(
        "INSERT INTO voting_slip (id, poll_id, entry_id, number, code, state, delivery, delivery_note) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, '')",
        [(new_id(), act.matter.id, e["id"], e["number"], _code(), SlipState.ISSUED.value, Delivery.NOT_DELIVERED.value)
         for e in entries],
    )  # fmt: skip
    act.note(slips=len(entries))
    return act.matter.id


def _code() -> str:
    return "".join(secrets.choice(_CODE_LETTERS) for _ in range(8))


async def _slip(act: Act, number: int) -> Row:
    row = await act.tx.one("SELECT * FROM voting_slip WHERE poll_id = ? AND number = ?", (act.matter.id, number))
    if row is None:
        raise NO_SUCH_SLIP(path=("input", "number"))
    return row


@deed(on=POLL, step="record_delivery")
async def record_delivery(
    act: Act,
    *,
    number: int,
    delivery: Delivery,
    how: DeliveryMethod | None = None,
    at: datetime | None = None,
    note: str = "",
) -> int:
    """Record whether a ballot reached its owner: who brought it, when, how; or that it could not be delivered."""
    slip = await _slip(act, number)
    when = min(at, act.now) if at else act.now
    await act.tx.execute(
        "UPDATE voting_slip SET delivery = ?, delivered_at = ?, delivered_how = ?, delivered_by_id = ?, delivery_note = ? "
        "WHERE id = ?",
        (delivery.value, to_wire(when), how.value if how else None, act.actor.person_id,
         check_text(note, "note", least=0, most=300), slip["id"]),
    )  # fmt: skip
    act.note(slip=str(slip["id"]), delivery=delivery.value)
    return int(slip["id"])


@deed(on=POLL, step="post_undeliverable")
async def post_undeliverable(act: Act) -> int:
    """Post the notice of ballots that could not be delivered, by the number of their roll entries."""
    row = await poll_row(act)
    must_be(row, PollKind.STATUTORY)
    if not act.can_use("notices"):
        raise NOTICES_OFF()
    slips = await act.tx.fetch(
        "SELECT number FROM voting_slip WHERE poll_id = ? AND delivery <> ? ORDER BY number",
        (act.matter.id, Delivery.PROVEN.value),
    )
    numbers = "、".join(str(slip["number"]) for slip in slips) or "无"
    await notices.publish(
        act, notices.NoticeKind.UNDELIVERABLE_BALLOTS, f"无法送达的表决票：{act.matter.title}"[:200],
        f"以下清册编号的表决票未能送达，请相关业主领取：{numbers}"[:20_000],
        issuer=f"{act.place.name}业主大会", about=act.matter.id, is_public=False,
    )  # fmt: skip
    await act.tx.execute(
        "UPDATE voting_poll SET undeliverable_posted_at = COALESCE(undeliverable_posted_at, ?) WHERE matter_id = ?",
        (to_wire(act.now), act.matter.id),
    )
    return act.matter.id


@deed(on=POLL, step="enter_slip")
async def enter_slip(
    act: Act,
    *,
    number: int,
    code: str,
    marks: Sequence[Mapping[str, Any]],
    is_signed: bool,
    channel: Channel = Channel.PAPER,
    owner: int | None = None,
) -> int:
    """Enter a returned paper slip for the first time; a second person has to enter the same before it is a ballot."""
    slip = await _slip(act, number)
    _check_code(slip, code)
    if slip["state"] not in (SlipState.ISSUED.value, SlipState.CONFLICT.value):
        _wrong_state(slip)
    if slip["state"] == SlipState.CONFLICT.value:
        act.require("voting.scrutinise")
    await act.tx.execute(
        "UPDATE voting_slip SET state = ?, channel = ?, entered_marks = ?, entered_signed = ?, entered_owner_id = ?, "
        "entered_at = ?, entered_by_id = ? WHERE id = ?",
        (SlipState.ENTERED.value, _paper(channel).value, await _written(act, marks), is_signed, await _signer(act, slip, owner),
         to_wire(act.now), act.person_id, slip["id"]),
    )  # fmt: skip
    act.note(slip=str(slip["id"]))
    return int(slip["id"])


def _paper(channel: Channel) -> Channel:
    return Channel.PAPER if channel is Channel.ONLINE else channel


def _check_code(slip: Row, code: str) -> None:
    if not secrets.compare_digest(code.strip().upper().encode(), slip["code"].encode()):
        raise WRONG_CODE(path=("input", "code"))


def _wrong_state(slip: Row) -> None:
    state = SlipState(slip["state"])
    raise SLIP_STATE(state=state.value, state_zh=state.label_zh)


async def _written(act: Act, marks: Sequence[Mapping[str, Any]]) -> str:
    return await marks_of(act, {mark["motion"]: mark["marks"] for mark in marks}, len(marks))


async def _signer(act: Act, slip: Row, owner: int | None) -> int:
    """Return the owner who signed: the one named, else the entry's representative or first owner, 0 where none is known."""
    found = [row["owner_id"] for row in await roll.owners(act, slip["entry_id"])]
    if owner is None:
        return found[0] if found else 0
    if owner not in found:
        raise NOT_A_VOTER(path=("input", "owner"))
    return owner


@deed(on=POLL, step="confirm_slip")
async def confirm_slip(
    act: Act,
    *,
    number: int,
    code: str,
    marks: Sequence[Mapping[str, Any]],
    is_signed: bool,
    owner: int | None = None,
) -> int:
    """Enter a slip for the second time, by another person: when both say the same it is a returned ballot.

    When they differ, neither counts and the slip goes to the scrutineers.
    """
    slip = await _slip(act, number)
    _check_code(slip, code)
    if slip["state"] != SlipState.ENTERED.value:
        _wrong_state(slip)
    if slip["entered_by_id"] == act.person_id:
        raise SAME_PERSON()
    written, signer = await _written(act, marks), await _signer(act, slip, owner)
    same = (written, is_signed, signer) == (
        slip["entered_marks"],
        bool(slip["entered_signed"]),
        slip["entered_owner_id"],
    )
    state = SlipState.CONFIRMED if same else SlipState.CONFLICT
    await act.tx.execute(
        "UPDATE voting_slip SET state = ?, confirmed_at = ?, confirmed_by_id = ? WHERE id = ?",
        (state.value, to_wire(act.now), act.person_id, slip["id"]),
    )
    act.note(slip=str(slip["id"]), state=state.value)
    if same:
        await _take_in_slip(act, slip)
    act.emit("voting.slip_confirmed", state=state.value)
    return int(slip["id"])


async def _take_in_slip(act: Act, slip: Row) -> None:
    """Make a confirmed slip a returned ballot, as of its first entry, which was before the close."""
    row, found = await poll_row(act), await roll.entry(act, slip["entry_id"])
    voter = Voter(
        found["id"],
        found["number"],
        found["area_centi"],
        found["heads"],
        found["buildings"],
        slip["entered_owner_id"],
        True,
    )
    arrival = Arrival(
        voter, slip["entered_marks"], Channel(slip["channel"]), from_wire(slip["entered_at"]),
        is_signed=bool(slip["entered_signed"]), slip_id=slip["id"],
    )  # fmt: skip
    await take_in(act, arrival, from_wire(row["closes_at"]), len(slip["entered_marks"]))


@deed(on=POLL, step="withdraw_ballot")
async def withdraw_ballot(act: Act, *, number: int, reason: str) -> int:
    """Withdraw what an entry has returned, because its voter asked for it in person; all stays on record."""
    row = await poll_row(act)
    must_be(row, PollKind.STATUTORY)
    found = await act.tx.one(
        f"SELECT {roll.ENTRY_COLUMNS} FROM register_roll_entry e WHERE e.roll_id = ? AND e.number = ? AND e.struck_at IS NULL",
        (row["roll_id"], number),
    )
    if found is None:
        raise NO_SUCH_SLIP(path=("input", "number"))
    await act.tx.execute(
        "UPDATE voting_returned SET withdrawn_at = ? WHERE poll_id = ? AND entry_id = ? AND withdrawn_at IS NULL",
        (to_wire(act.now), act.matter.id, found["id"]),
    )
    papers = await earlier_papers(act, found["id"])
    motions = await act.tx.value("SELECT COUNT(*) FROM voting_motion WHERE poll_id = ?", (act.matter.id,))
    settled = ballots.resolve(
        papers, int(motions), from_wire(row["closes_at"]), None, frozen(act.matter).may_change_ballot
    )
    voter = Voter(found["id"], found["number"], found["area_centi"], found["heads"], found["buildings"], 0, True)
    await settle_entry(act, voter, settled)
    act.note(entry=number, reason=fingerprint_of(check_text(reason, "reason", most=300)))
    return act.matter.id


def fingerprint_of(text: str) -> str:
    """Hash a reason, which may name a person, for the trace."""
    return ballots.receipt_of(text)
