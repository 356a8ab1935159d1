"""Ballots of several motions as compact text: one letter a motion, so that a hundred thousand of them are small."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.fields import canonical_json
from plugins.voting import rules
from plugins.voting.rules import BallotStatus, BallotSums, Channel, Choice, Weight

LETTERS = {"F": Choice.FOR, "A": Choice.AGAINST, "B": Choice.ABSTAIN}
LETTER_OF = {choice: letter for letter, choice in LETTERS.items()}
BLANK, TWO_MARKS, CONFLICT = "-", "X", "C"
MOST_MOTIONS = 20


@dataclass(frozen=True)
class ReturnedPaper:
    """A ballot of all motions as it came in."""

    id: int
    at: datetime
    channel: Channel
    owner_id: int
    marks: str
    is_signed: bool = True
    is_withdrawn: bool = False

    def on(self, position: int) -> rules.ReturnedBallot:
        """Return what it says on one motion."""
        letter = self.marks[position]
        marks: frozenset[Choice] = (
            frozenset(Choice) if letter == TWO_MARKS else frozenset({LETTERS[letter]} if letter in LETTERS else ())
        )
        return rules.ReturnedBallot(
            self.id, self.at, self.channel, marks, self.owner_id, self.is_signed, self.is_withdrawn
        )


def write_marks(motions: Sequence[int], marked: Mapping[int, Collection[Choice]]) -> str:
    """Write down what was marked for each motion, in their order: a letter, ``-`` for nothing, X for two marks."""
    return "".join(_letter(marked.get(motion, ())) for motion in motions)


def _letter(marks: Collection[Choice]) -> str:
    different = set(marks)
    if len(different) > 1:
        return TWO_MARKS
    return LETTER_OF[different.pop()] if different else BLANK


def resolve(
    returned: Iterable[ReturnedPaper], motions: int, deadline: datetime, representative_id: int | None, may_change: bool
) -> str:
    """Settle what counts for one entry, motion by motion: F, A, B counted, X invalid, C conflicted, ``-`` nothing."""
    papers = tuple(returned)
    return "".join(_settled(papers, at, deadline, representative_id, may_change) for at in range(motions))


def _settled(
    papers: tuple[ReturnedPaper, ...],
    position: int,
    deadline: datetime,
    representative_id: int | None,
    may_change: bool,
) -> str:
    found = rules.resolve_channels(
        (paper.on(position) for paper in papers), deadline, representative_id=representative_id, may_change=may_change
    )
    if found.choice is not None:
        return LETTER_OF[found.choice]
    statuses = set(found.statuses.values())
    if BallotStatus.CONFLICTED in statuses:
        return CONFLICT
    return TWO_MARKS if BallotStatus.INVALID in statuses else BLANK


def takes_part(choices: str) -> bool:
    """Say whether an entry takes part in at least one motion."""
    return any(letter in LETTERS for letter in choices)


def sums_of(groups: Iterable[tuple[str, Weight]], position: int) -> BallotSums:
    """Add up one motion from the sums of equal ballots."""
    by_choice = {choice: Weight() for choice in Choice}
    for choices, weight in groups:
        choice = LETTERS.get(choices[position])
        if choice is not None:
            by_choice[choice] += weight
    return BallotSums(by_choice[Choice.FOR], by_choice[Choice.AGAINST], by_choice[Choice.ABSTAIN])


def receipt_body(
    *,
    poll: int,
    entry: int,
    area_centi: int,
    heads: int,
    channel: str,
    marks: str,
    is_signed: bool,
    at: str,
    nonce: str,
) -> str:
    """Write what a receipt is the hash of; without the nonce nobody can guess it from the hash."""
    body: dict[str, Any] = {
        "v": 1, "poll": str(poll), "entry": entry, "area": area_centi, "heads": heads, "channel": channel, "marks": marks,
        "signed": is_signed, "at": at, "nonce": nonce,
    }  # fmt: skip
    return canonical_json(body)


def receipt_of(body: str) -> str:
    """Hash a receipt's body; hex."""
    return hashlib.sha256(body.encode()).hexdigest()
