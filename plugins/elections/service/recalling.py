"""Replacing a member: a petition of owners, then a vote of all; the member answers before both."""

from __future__ import annotations

from datetime import datetime

from core.kinds import LinkRelation
from core.plugin import Act, check_text, deed
from plugins.elections import petitions
from plugins.elections.kinds import SeatEnd
from plugins.elections.lifecycle import RECALL
from plugins.elections.problems import NO_COMMITTEE, NOT_YOURS
from plugins.elections.service.preparing import names
from plugins.elections.service.terms import seat_in_office, vacate
from plugins.elections.settings import ElectionsSettings
from plugins.elections.store import insert, own_row, standing_committee, update
from plugins.voting import api as voting


@deed("elections.sign_petition", opens=RECALL)
async def begin_recall(act: Act, *, seat: int, reason: str) -> int:
    """Begin a petition to have the replacement of a member put to the vote; you are the first to sign."""
    body = await standing_committee(act)
    if body is None:
        raise NO_COMMITTEE()
    row = await seat_in_office(act, seat, body)
    called = await names(act, [row["person_id"]])
    key = await act.open(RECALL, f"更换业主委员会委员{called[row['person_id']]}"[:200])
    await insert(
        act,
        "recall",
        matter_id=key,
        seat_id=seat,
        reason=check_text(reason, "reason", most=2000),
        answer="",
        signed_heads=0,
        all_heads=0,
    )
    await act.link(key, body, LinkRelation.FOLLOWS)
    await petitions.sign(act, key)
    act.emit("elections.recall_begun", matter_id=key)
    return key


@deed(on=RECALL, step="sign_recall")
async def sign_recall(act: Act) -> int:
    """Sign a petition; who signed is shown to nobody, only how many."""
    await petitions.sign(act, act.matter.id)
    return act.matter.id


@deed(on=RECALL, step="answer_recall")
async def answer_recall(act: Act, *, answer: str) -> int:
    """Answer, as the member concerned; the answer stands beside the petition."""
    row = await own_row(act, "recall")
    person = await act.tx.value("SELECT person_id FROM elections_seat WHERE id = ?", (row["seat_id"],))
    if person != act.person_id:
        raise NOT_YOURS()
    await update(act, "recall", act.matter.id, answer=check_text(answer, "answer", most=2000))
    return act.matter.id


@deed(on=RECALL, step="hand_in_recall")
async def hand_in_recall(act: Act) -> int:
    """Hand a petition in: at least 20 % of the owners have signed (物业管理条例13)."""
    found = await petitions.require(act, act.settings(ElectionsSettings).recall_percent)
    await update(act, "recall", act.matter.id, signed_heads=found.signed, all_heads=found.whole)
    return act.matter.id


@deed(on=RECALL, step="prepare_recall_ballot")
async def prepare_recall_ballot(act: Act, *, roll: int, opens_at: datetime, closes_at: datetime) -> int:
    """Draft the poll on a petition that has its share: replacing a member is a decision of the owners (民法典 278(三))."""
    row = await own_row(act, "recall")
    text = f"理由：{row['reason']}\n本人说明：{row['answer'] or '未说明'}"
    question = voting.joint.Question(act.matter.title, voting.JointDecisionMatter.COMMITTEE_ELECTION, text)
    poll = await voting.joint.draft(
        act, act.matter.title, text, [question], opens_at=opens_at, closes_at=closes_at, roll=roll
    )
    await update(act, "recall", act.matter.id, poll_id=poll)
    await act.link(poll, act.matter.id, LinkRelation.FOLLOWS)
    return act.matter.id


@deed(on=RECALL, step="follow_recall")
async def follow_recall(act: Act) -> int:
    """Bring a petition to where its poll stands; done by the system. A vote that carried it ends the seat."""
    row = await own_row(act, "recall")
    poll = await voting.joint.standing(act, row["poll_id"])
    if poll.state is voting.PollState.WITHDRAWN:
        await update(act, "recall", act.matter.id, poll_id=None)
        await act.move(RECALL, "return_recall")
    elif poll.state is voting.PollState.VOID:
        await act.move(RECALL, "reject_recall")
    elif poll.state is voting.PollState.CONFIRMED:
        found = await voting.joint.certified(act, row["poll_id"])
        if not found.answers[0].has_passed:
            await act.move(RECALL, "reject_recall")
        else:
            await _replace(act, row["seat_id"])
    return act.matter.id


async def _replace(act: Act, seat: int) -> None:
    await act.move(RECALL, "carry_recall")
    row = await act.tx.one("SELECT * FROM elections_seat WHERE id = ? AND ended_at IS NULL", (seat,))
    if row is not None:
        await vacate(act, row, SeatEnd.RECALLED, "民法典278(三)")


@deed(on=RECALL, step="withdraw_recall")
async def withdraw_recall(act: Act) -> int:
    """Take a petition back before the vote."""
    return act.matter.id
