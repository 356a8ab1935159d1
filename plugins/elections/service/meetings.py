"""Meetings of committees: agenda before, attendance and votes in person, more than half of all members, decisions after."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from core.clock import from_wire, to_wire
from core.database import Row
from core.ids import new_id
from core.plugin import Act, check_text, deed
from plugins.elections import rules
from plugins.elections.kinds import DecisionState
from plugins.elections.lifecycle import MEETING
from plugins.elections.problems import AGENDA_NEEDED, NO_SUCH_DECISION, NOT_PRESENT, NOT_YET
from plugins.elections.service.preparing import post
from plugins.elections.store import in_office, insert, members, own_row, seat_of_actor, update
from plugins.notices import api as notices
from plugins.voting.api import Choice


@deed("elections.lead_committee", opens=MEETING)
async def call_meeting(act: Act, *, title: str, starts_at: datetime, agenda: Sequence[str], venue: str = "") -> int:
    """Call a meeting of the committee in office; its agenda is on display beforehand. What 民法典 278 reserves to the owners
    cannot be decided here.
    """
    if not 1 <= len(agenda) <= 20:
        raise AGENDA_NEEDED(path=("input", "agenda"))
    body = await in_office(act)
    key = await act.open(MEETING, check_text(title, "title"))
    await insert(act, "meeting", matter_id=key, body_id=body, starts_at=starts_at, venue=check_text(venue, "venue", least=0, most=200),
                 minutes="", members=0, present=0, end_reason="")  # fmt: skip
    for position, point in enumerate(agenda, start=1):
        await insert(act, "decision", meeting_id=key, position=position, title=check_text(point, "agenda"), state=DecisionState.OPEN,
                     in_favour=0, against=0, abstaining=0)  # fmt: skip
    lines = [f"{number}. {point}" for number, point in enumerate(agenda, start=1)]
    await post(act, notices.NoticeKind.COMMITTEE_AGENDA, f"会议议程：{title}", "\n".join(lines), event_at=starts_at)
    act.emit("elections.meeting_called", matter_id=key)
    return key


@deed(on=MEETING, step="open_meeting")
async def open_meeting(act: Act) -> int:
    """Open a meeting, at its time or after."""
    row = await own_row(act, "meeting")
    if act.now < from_wire(row["starts_at"]):
        raise NOT_YET(at=row["starts_at"])
    return act.matter.id


@deed(on=MEETING, step="attend_meeting")
async def attend_meeting(act: Act) -> int:
    """Say that you are there, as a member in office; nobody attends for another."""
    mine = await seat_of_actor(act, (await own_row(act, "meeting"))["body_id"])
    await act.tx.execute(
        "INSERT INTO elections_attendance (id, meeting_id, seat_id, at) VALUES (?, ?, ?, ?) ON CONFLICT (meeting_id, seat_id) DO NOTHING",
        (new_id(), act.matter.id, mine["id"], to_wire(act.now)),
    )
    return act.matter.id


@deed(on=MEETING, step="vote_decision")
async def vote_decision(act: Act, *, decision: int, choice: Choice) -> int:
    """Vote on a point of the agenda, as a member who is there; the minutes have it. You may change it until the end."""
    mine = await seat_of_actor(act, (await own_row(act, "meeting"))["body_id"])
    if not await act.tx.value(
        "SELECT id FROM elections_attendance WHERE meeting_id = ? AND seat_id = ?", (act.matter.id, mine["id"])
    ):
        raise NOT_PRESENT()
    if not await act.tx.value(
        "SELECT id FROM elections_decision WHERE id = ? AND meeting_id = ?", (decision, act.matter.id)
    ):
        raise NO_SUCH_DECISION(path=("input", "decision"))
    await act.tx.execute("DELETE FROM elections_voice WHERE decision_id = ? AND seat_id = ?", (decision, mine["id"]))
    await insert(act, "voice", decision_id=decision, seat_id=mine["id"], choice=choice, at=act.now)
    return act.matter.id


@deed(on=MEETING, step="close_meeting")
async def close_meeting(act: Act, *, minutes: str) -> int:
    """Close a meeting with its minutes: each point is decided by more than half of all members, and published at once."""
    row = await own_row(act, "meeting")
    seats = [one["id"] for one in await members(act, row["body_id"])]
    found = await act.tx.fetch("SELECT seat_id FROM elections_attendance WHERE meeting_id = ?", (act.matter.id,))
    present = len({one["seat_id"] for one in found} & set(seats))
    is_quorate = rules.is_more_than_half(present, len(seats)) and await _owners_are_there(
        act, row["body_id"], {one["seat_id"] for one in found}
    )
    points = await act.tx.fetch(
        "SELECT * FROM elections_decision WHERE meeting_id = ? ORDER BY position", (act.matter.id,)
    )
    told = [await _decide(act, point, seats, is_quorate) for point in points]
    lines = [f"应到 {len(seats)} 人，实到 {present} 人。", *told]
    await update(
        act,
        "meeting",
        act.matter.id,
        minutes=check_text(minutes, "minutes", most=20_000),
        members=len(seats),
        present=present,
        closed_at=act.now,
    )
    interim = await act.tx.value("SELECT matter_id FROM elections_interim WHERE matter_id = ?", (row["body_id"],))
    kind = notices.NoticeKind.INTERIM_COMMITTEE_DECISION if interim else notices.NoticeKind.COMMITTEE_DECISION
    await post(act, kind, f"会议决定：{act.matter.title}", "\n".join(lines))
    act.note(members=len(seats), present=present)
    return act.matter.id


async def _owners_are_there(act: Act, body: int, present: set[int]) -> bool:
    """Ask of a committee that others sit in, too, that more than half of its owners are there (清远条例)."""
    owners = {one["id"] for one in await members(act, body) if one["standing"] == "OWNER"}
    return rules.is_more_than_half(len(owners & present), len(owners))


async def _decide(act: Act, row: Row, seats: Sequence[int], is_quorate: bool) -> str:
    said = await act.tx.fetch("SELECT seat_id, choice FROM elections_voice WHERE decision_id = ?", (row["id"],))
    count = {
        choice: sum(one["choice"] == choice.value and one["seat_id"] in seats for one in said) for choice in Choice
    }
    passed = (
        DecisionState.PASSED if rules.is_more_than_half(count[Choice.FOR], len(seats)) else DecisionState.NOT_PASSED
    )
    state = passed if is_quorate else DecisionState.NO_QUORUM
    await update(
        act,
        "decision",
        row["id"],
        state=state,
        in_favour=count[Choice.FOR],
        against=count[Choice.AGAINST],
        abstaining=count[Choice.ABSTAIN],
    )
    said_so = f"同意 {count[Choice.FOR]}，不同意 {count[Choice.AGAINST]}，弃权 {count[Choice.ABSTAIN]}"
    return f"{row['position']}. {row['title']}：{state.label_zh}（{said_so}）"


@deed(on=MEETING, step="cancel_meeting")
async def cancel_meeting(act: Act, *, reason: str) -> int:
    """Cancel a meeting that was called."""
    await update(act, "meeting", act.matter.id, end_reason=check_text(reason, "reason", most=300))
    return act.matter.id
