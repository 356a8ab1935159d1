"""Joint decisions that another plugin puts to the owners: its poll is drafted here, and lives by the law of all polls."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.clock import from_wire, to_wire
from core.matters import STATE_NOW
from core.plugin import Act
from plugins.voting import certificate
from plugins.voting.kinds import PollKind, PollState, ResultObjectionState
from plugins.voting.rules import DecisionBasis, JointDecisionMatter, Outcome
from plugins.voting.service.drafting import insert_motion, insert_poll


@dataclass(frozen=True)
class Question:
    """One motion to be put; ``candidate`` is the person who stands, in an election."""

    title: str
    matter: JointDecisionMatter
    text: str = ""
    candidate: int | None = None


@dataclass(frozen=True)
class Standing:
    """Where a poll stands at this moment."""

    state: PollState
    opens_at: datetime
    is_extended: bool
    is_objected: bool


@dataclass(frozen=True)
class Answer:
    """What the certificate says of one motion; areas in hundredths of m²."""

    candidate: int | None
    has_passed: bool
    area_centi: int
    heads: int


@dataclass(frozen=True)
class Certified:
    """A result as its certificate has it: the hash, the whole roll, the motions in order."""

    hash: str
    area_centi: int
    heads: int
    answers: tuple[Answer, ...]


async def draft(
    act: Act,
    title: str,
    body: str,
    questions: Sequence[Question],
    *,
    opens_at: datetime,
    closes_at: datetime,
    roll: int,
    is_first_assembly: bool = False,
) -> int:
    """Draft a poll of joint decisions at the place of a deed; whoever may announce polls announces it. Returns its key."""
    key = await insert_poll(
        act, title, body, opens_at, closes_at, kind=PollKind.STATUTORY, roll=roll, is_first_assembly=is_first_assembly
    )
    for position, question in enumerate(questions, start=1):
        await insert_motion(act, key, position, question.title, question.text, question.matter, question.candidate)
    return key


async def standing(act: Act, poll_id: int) -> Standing:
    """Return where a poll stands now."""
    [row] = await act.tx.fetch(
        f"SELECT {STATE_NOW.format(m='m')} AS state, p.opens_at, p.extension_reason, "
        "(SELECT COUNT(*) FROM voting_result_objection o WHERE o.poll_id = p.matter_id AND o.state = ?) AS objections "
        "FROM voting_poll p JOIN core_matter m ON m.id = p.matter_id WHERE p.matter_id = ?",
        (to_wire(act.now), ResultObjectionState.OPEN.value, poll_id),
    )
    return Standing(
        PollState(row["state"]), from_wire(row["opens_at"]), bool(row["extension_reason"]), bool(row["objections"])
    )


async def certified(act: Act, poll_id: int) -> Certified:
    """Read a result from its certificate, and from nothing else."""
    text, digest = await certificate.build(act.tx, poll_id)
    document = json.loads(text)
    rows = await act.tx.fetch("SELECT position, candidate_id FROM voting_motion WHERE poll_id = ?", (poll_id,))
    candidates = {row["position"]: row["candidate_id"] for row in rows}
    answers = tuple(_answer(motion, candidates[motion["position"]]) for motion in document["motions"])
    return Certified(digest, document["roll"]["area"], document["roll"]["heads"], answers)


def _answer(motion: dict[str, Any], candidate: int | None) -> Answer:
    verdict = motion["verdict"]
    reading = verdict["follow"] if verdict["basis"] == DecisionBasis.FOLLOW_MAJORITY.value else verdict["strict"]
    favour = reading["sums"]["FOR"]
    return Answer(candidate, verdict["outcome"] == Outcome.PASSED.value, favour["area"], favour["heads"])
