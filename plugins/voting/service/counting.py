"""After the close: the count, objections to the result, voiding, inspection of ballots."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from typing import Any

from core import calendar
from core.calendar import DayKind
from core.clock import from_wire, to_wire
from core.database import Row
from core.fields import canonical_json
from core.ids import new_id
from core.kinds import LinkRelation
from core.plugin import Act, check_text, deed
from plugins.notices import api as notices
from plugins.register import api as register
from plugins.voting import ballots, certificate, roll, rules, separated, verdicts
from plugins.voting.kinds import BallotMode, LegName, PollKind, Remedy, ResultObjectionState, SilencePolicy
from plugins.voting.lifecycle import POLL
from plugins.voting.problems import ALREADY_OBJECTED, NO_SUCH_OBJECTION, NOT_COUNTED, REMEDY_NEEDED, WINDOW_OVER
from plugins.voting.roll import Voter
from plugins.voting.rules import Delivery, JointDecisionMatter, Outcome, Silence, Weight
from plugins.voting.service import separating
from plugins.voting.service.casting import earlier_papers, settle_entry
from plugins.voting.service.drafting import motions_of, must_have, poll_row
from plugins.voting.settings import VotingSettings, frozen


@deed(on=POLL, step="count_poll")
async def count_poll(act: Act) -> int:
    """Count a closed poll, post its preliminary result, and start the time to object. Happens by itself after the close."""
    row = await poll_row(act)
    await act.move(POLL, "count_poll")
    await _count(act, row)
    return act.matter.id


async def _count(act: Act, row: Row) -> None:
    """Count, freeze the figures as a new round, and show them."""
    motions, round_ = await motions_of(act, act.matter.id), row["round"] + 1
    is_survey = row["kind"] == PollKind.SURVEY.value
    is_separated = row["mode"] == BallotMode.SEPARATED.value
    if is_separated:
        results = separating.figures(motions, await separated.open_box(act, act.matter.id))
    else:
        results = await _survey(act, motions) if is_survey else await _joint(act, row, motions)
    await act.tx.execute_many(
        "INSERT INTO voting_result (id, poll_id, motion_id, round, outcome, decision_basis, figures, at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [(new_id(), act.matter.id, motion["id"], round_, figures.get("outcome"), figures.get("basis"),
          canonical_json(figures), to_wire(act.now)) for motion, figures in zip(motions, results, strict=True)],
    )  # fmt: skip
    until = act.now if is_survey else await _objection_window(act, row, motions, results)
    await act.tx.execute(
        "UPDATE voting_poll SET round = ?, counted_at = ?, objections_until = ? WHERE matter_id = ?",
        (round_, to_wire(act.now), to_wire(until), act.matter.id),
    )
    await act.start_clock(POLL, "confirm_result", until, rules.OBJECTION_DAYS.source)
    if is_separated or not is_survey:
        await _certify(act)


async def _certify(act: Act) -> None:
    """Leave the certificate's hash in the trace, so that nobody can replace it later."""
    _, digest = await certificate.build(act.tx, act.matter.id)
    await act.tx.execute("UPDATE voting_poll SET certificate_hash = ? WHERE matter_id = ?", (digest, act.matter.id))
    act.note(certificate=digest)


async def _joint(act: Act, row: Row, motions: Sequence[Row]) -> list[dict[str, Any]]:
    """Count a joint decision: one scan of the ballots, then exact arithmetic."""
    settings = frozen(act.matter)
    await _resettle(act, row, len(motions), settings)
    groups = await act.tx.fetch(
        "SELECT choices, SUM(area_centi) AS area_centi, SUM(heads) AS heads FROM voting_ballot WHERE poll_id = ? "
        "GROUP BY choices",
        (act.matter.id,),
    )
    summed = [(g["choices"], Weight(int(g["area_centi"]), int(g["heads"]))) for g in groups]
    scope = Weight(row["area_centi"], row["heads"])
    silence = await _silence(act, row, settings)
    return [_verdict(motion, summed, scope, silence) for motion in motions]


def _verdict(
    motion: Row, summed: Sequence[tuple[str, Weight]], scope: Weight, silence: Silence | None
) -> dict[str, Any]:
    sums = ballots.sums_of(summed, motion["position"] - 1)
    verdict = rules.tally(JointDecisionMatter(motion["matter_code"]), scope, sums, silence)
    return verdicts.verdict_data(verdict, silence.served if silence else Weight())


async def _resettle(act: Act, row: Row, motions: int, settings: VotingSettings) -> None:
    """Settle again the few entries whose co-owners differed or designated a representative meanwhile."""
    entries = await act.tx.fetch(
        f"SELECT {roll.ENTRY_COLUMNS} FROM voting_ballot b JOIN register_roll_entry e ON e.id = b.entry_id "
        "WHERE b.poll_id = ? AND (b.choices LIKE '%C%' OR b.entry_id IN (SELECT v.entry_id FROM register_roll_voter v "
        "JOIN voting_returned x ON x.poll_id = ? AND x.entry_id = v.entry_id AND x.owner_id = v.owner_id "
        "WHERE v.roll_id = ? AND NOT v.may_vote))",
        (act.matter.id, act.matter.id, row["roll_id"]),
    )
    for found in entries:
        papers = await earlier_papers(act, found["id"])
        designated = await roll.representative(act, found["id"])
        settled = ballots.resolve(papers, motions, from_wire(row["closes_at"]), designated, settings.may_change_ballot)
        voter = Voter(found["id"], found["number"], found["area_centi"], found["heads"], found["buildings"], 0, True)
        await settle_entry(act, voter, settled)


async def _silence(act: Act, row: Row, settings: VotingSettings) -> Silence | None:
    """Gather what the clause on silence needs; None where the bylaws have no such clause."""
    if settings.silence_policy is not SilencePolicy.FOLLOW_MAJORITY:
        return None
    [served] = await act.tx.fetch(
        "SELECT COALESCE(SUM(e.area_centi), 0) AS area_centi, COALESCE(SUM(e.heads), 0) AS heads FROM voting_slip s "
        "JOIN register_roll_entry e ON e.id = s.entry_id WHERE s.poll_id = ? AND s.delivery = ? "
        "AND NOT e.is_developer_stock AND NOT EXISTS "
        "(SELECT 1 FROM voting_returned x WHERE x.poll_id = s.poll_id AND x.entry_id = s.entry_id)",
        (act.matter.id, Delivery.PROVEN.value),
    )
    return Silence(
        served=Weight(int(served["area_centi"]), int(served["heads"])),
        has_clause=True,
        is_on_ballot=bool(row["silence_text"].strip()),
        is_reviewed=bool(row["legal_review_note"].strip()),
        undeliverable_posted_days=await _posted_days(act, row),
        is_first_assembly=bool(row["is_first_assembly"]),
    )


async def _posted_days(act: Act, row: Row) -> int | None:
    """Return how many whole days the undeliverable ballots were posted before the close; None when all were delivered."""
    missing = await act.tx.value(
        "SELECT COUNT(*) FROM register_roll_entry e WHERE e.roll_id = ? AND e.struck_at IS NULL AND NOT EXISTS "
        "(SELECT 1 FROM voting_slip s WHERE s.poll_id = ? AND s.entry_id = e.id AND s.delivery = ?)",
        (row["roll_id"], act.matter.id, Delivery.PROVEN.value),
    )
    if not missing:
        return None
    posted, closes = row["undeliverable_posted_at"], from_wire(row["closes_at"])
    return max(0, (_day(closes) - _day(from_wire(posted))).days) if posted else 0


def _day(at: datetime) -> date:
    return calendar.day_of(at)


async def _survey(act: Act, motions: Sequence[Row]) -> list[dict[str, Any]]:
    """Count a survey by head; figures of fewer than ten are withheld from the first moment on."""
    rows = await act.tx.fetch("SELECT standing, options FROM voting_answer WHERE poll_id = ?", (act.matter.id,))
    answers = [(row["standing"], json.loads(row["options"])) for row in rows]
    return [
        separating.question(motion, [(standing, options[index]) for standing, options in answers])
        for index, motion in enumerate(motions)
    ]


async def _objection_window(act: Act, row: Row, motions: Sequence[Row], results: Sequence[dict[str, Any]]) -> datetime:
    """Post the preliminary result; return until when owners may object."""
    due = calendar.due(act.now, frozen(act.matter).objection_days, DayKind.CALENDAR_DAY, act.kernel.calendar)
    if act.can_use("notices"):
        lines = [_line(motion, figures) for motion, figures in zip(motions, results, strict=True)]
        key = await notices.publish(
            act, notices.NoticeKind.VOTE_RESULT, f"表决结果（询异）：{act.matter.title}"[:200],
            "\n".join([*lines, f"异议截止：{to_wire(due.at)}"]), issuer=f"{act.place.name}业主大会",
            legal_basis="民法典278", about=act.matter.id, relation=LinkRelation.RESULT_OF, is_public=False,
        )  # fmt: skip
        await act.tx.execute("UPDATE voting_poll SET result_notice_id = ? WHERE matter_id = ?", (key, act.matter.id))
    return due.at


def _line(motion: Row, figures: dict[str, Any]) -> str:
    outcome = Outcome(figures["outcome"])
    legs = "；".join(
        f"{LegName(leg['name']).label_zh} {leg['numerator']}/{leg['denominator']}"
        for leg in figures[("follow" if figures["follow"] else "strict")]["legs"]
    )
    banner = "（结果依赖从众条款）" if figures["rests_on_silence"] else ""
    return f"事项{motion['position']}：{motion['title']}：{outcome.label_zh}{banner}。{legs}（面积以0.01平方米计）"


# --- Objections ------------------------------------------------------------------------------------------------------


@deed(on=POLL, step="object_to_result")
async def object_to_result(act: Act, *, text: str) -> int:
    """Object to a preliminary result; it is not confirmed before the objection is answered."""
    row = await poll_row(act)
    if act.now >= from_wire(row["objections_until"]):
        raise WINDOW_OVER(until=row["objections_until"])
    waiting = await act.tx.value(
        "SELECT 1 FROM voting_result_objection WHERE poll_id = ? AND person_id = ? AND state = ?",
        (act.matter.id, act.person_id, ResultObjectionState.OPEN.value),
    )
    if waiting:
        raise ALREADY_OBJECTED()
    key = new_id()
    await act.tx.execute(
        "INSERT INTO voting_result_objection (id, poll_id, person_id, text, state, at, answer) VALUES (?, ?, ?, ?, ?, ?, '')",
        (key, act.matter.id, act.person_id, check_text(text, "text", most=2000), ResultObjectionState.OPEN.value,
         to_wire(act.now)),
    )  # fmt: skip
    await act.stop_clocks("confirm_result")
    return key


@deed(on=POLL, step="answer_result_objection")
async def answer_result_objection(
    act: Act, *, objection: int, upheld: bool, answer: str, remedy: Remedy | None = None, legal_basis: str = ""
) -> int:
    """Answer an objection with reasons. One that is right leads to a recount, to the poll being void, or to a correction."""
    if upheld and remedy is None:
        raise REMEDY_NEEDED(path=("input", "remedy"))
    state = ResultObjectionState.UPHELD if upheld else ResultObjectionState.REJECTED
    changed = await act.tx.execute(
        "UPDATE voting_result_objection SET state = ?, answer = ?, answered_at = ?, answered_by_id = ? "
        "WHERE id = ? AND poll_id = ? AND state = ?",
        (state.value, check_text(answer, "answer", most=2000), to_wire(act.now), act.actor.person_id, objection,
         act.matter.id, ResultObjectionState.OPEN.value),
    )  # fmt: skip
    if changed != 1:
        raise NO_SUCH_OBJECTION(path=("input", "objection"))
    act.emit("voting.objection_answered", upheld=upheld)
    await _after_answer(act, remedy if upheld else None, answer, legal_basis)
    return objection


async def _after_answer(act: Act, remedy: Remedy | None, answer: str, legal_basis: str) -> None:
    row = await poll_row(act)
    if remedy is Remedy.VOID:
        await _void(act, answer[:500], legal_basis)
        await act.move(POLL, "void_poll")
    elif remedy is Remedy.RECOUNT:
        await act.stop_clocks("confirm_result")
        await _count(act, row)
        await _hold_for_objections(act)
    elif not await _open_objections(act):
        until = max(act.now, from_wire(row["objections_until"]))
        await act.start_clock(POLL, "confirm_result", until, rules.OBJECTION_DAYS.source)


async def _open_objections(act: Act) -> int:
    return int(await act.tx.value(
        "SELECT COUNT(*) FROM voting_result_objection WHERE poll_id = ? AND state = ?",
        (act.matter.id, ResultObjectionState.OPEN.value),
    ))  # fmt: skip


async def _hold_for_objections(act: Act) -> None:
    if await _open_objections(act):
        await act.stop_clocks("confirm_result")


@deed(on=POLL, step="finish_poll")
async def finish_poll(act: Act) -> int:
    """Close the roll of a confirmed poll: who could vote is history from now on. Done by the system."""
    row = await poll_row(act)
    if row["roll_id"] is not None:
        await register.close_roll(act, row["roll_id"])
    return act.matter.id


# --- Voiding and inspection ------------------------------------------------------------------------------------------


@deed(on=POLL, step="void_poll")
async def void_poll(act: Act, *, reason: str, legal_basis: str) -> int:
    """Declare a poll void for a legal reason, which stays with it; figures already counted are kept for the record."""
    await _void(act, check_text(reason, "reason", most=500), check_text(legal_basis, "legalBasis", most=300))
    return act.matter.id


async def _void(act: Act, reason: str, legal_basis: str) -> None:
    await act.tx.execute(
        "UPDATE voting_poll SET end_reason = ?, end_basis = ? WHERE matter_id = ?", (reason, legal_basis, act.matter.id)
    )
    await act.tx.execute(
        "UPDATE voting_result SET outcome = ? WHERE poll_id = ? AND outcome IS NOT NULL",
        (Outcome.VOID.value, act.matter.id),
    )
    await separated.destroy(act, act.matter.id)


@deed(on=POLL, step="export_ballots", takes_out=True)
async def export_ballots(act: Act, *, reason: str) -> int:
    """Take out all ballots of a counted poll for inspection by a scrutineer: who asks and that they asked is on record."""
    check_text(reason, "reason", most=300)
    row = await poll_row(act)
    must_have(row, BallotMode.OPEN)
    if row["counted_at"] is None:
        raise NOT_COUNTED()
    _, digest = await certificate.bundle(act.tx, act.matter.id)
    act.note(bundle=digest)
    return act.matter.id
