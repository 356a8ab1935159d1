"""What other plugins may ask of ``voting``, inside their own deeds: votes by head whose ballots nobody can trace, and polls.

A vote checks its voters (``check``), sets up its box when it is announced (``prepare``), takes one ballot a voter in a deed
that keeps ``secrets`` of its answers and is a ``nameless`` step of its matter (``drop``), opens the box once the matter is
closed (``open_box``) and publishes the ``marks`` and the ``answers``. ``receipt_of_voter`` is what a voter holds.

A plugin that puts something to the owners drafts a poll of joint decisions (``joint.draft``), which is announced, voted on and
counted like any other; it follows its events, asks for its ``joint.standing`` and reads its ``joint.certified`` result.
"""

from __future__ import annotations

from plugins.voting import joint
from plugins.voting.ballots import MOST_MOTIONS
from plugins.voting.kinds import EXPLAINED, BallotMode, PollState
from plugins.voting.rules import Choice, JointDecisionMatter
from plugins.voting.separated import (
    FEWEST_ELIGIBLE,
    FEWEST_IN_GROUP,
    Eligible,
    Receipt,
    Slip,
    answers,
    check,
    destroy,
    drop,
    marks,
    open_box,
    prepare,
    receipt_of_voter,
)

__all__ = [
    "EXPLAINED", "FEWEST_ELIGIBLE", "FEWEST_IN_GROUP", "MOST_MOTIONS", "BallotMode", "Choice", "Eligible",
    "JointDecisionMatter", "PollState",
    "Receipt", "Slip", "answers", "check", "destroy", "drop", "joint", "marks", "open_box", "prepare", "receipt_of_voter",
]  # fmt: skip
