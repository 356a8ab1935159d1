"""What other plugins may ask of ``voting``, inside their own deeds: votes by head whose ballots nobody can trace.

A vote checks its voters (``check``), sets up its box when it is announced (``prepare``), takes one ballot a voter in a deed
that keeps ``secrets`` of its answers and is a ``nameless`` step of its matter (``drop``), opens the box once the matter is
closed (``open_box``) and publishes the ``marks`` and the ``answers``. ``receipt_of_voter`` is what a voter holds.
"""

from __future__ import annotations

from plugins.voting.kinds import EXPLAINED, BallotMode
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
    "EXPLAINED", "FEWEST_ELIGIBLE", "FEWEST_IN_GROUP", "BallotMode", "Eligible", "Receipt", "Slip", "answers", "check", "destroy", "drop",
    "marks", "open_box", "prepare", "receipt_of_voter",
]  # fmt: skip
