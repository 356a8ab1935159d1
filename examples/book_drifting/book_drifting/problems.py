"""Error codes of ``book_drifting``."""

from __future__ import annotations

from core.plugin import Conflict, Invalid, NotAllowed, Problem

TOO_MANY_LOANS = Problem(
    Conflict, "book_drifting.too_many_loans", "您已借 {count} 本书，请先归还。",
    "You have {count} books on loan; return one first.",
)  # fmt: skip
NOT_THE_BORROWER = Problem(
    NotAllowed, "book_drifting.not_the_borrower", "只有借阅人或漂流点管理人可以归还这本书。",
    "Only the borrower, or whoever keeps the shelf, can return this book.",
)  # fmt: skip
NO_SUCH_STOP = Problem(
    Invalid, "book_drifting.no_such_stop", "此处没有这个漂流点，请选择本地的漂流点。",
    "There is no such stop here; choose one of bookDriftingStops of this place.",
)  # fmt: skip
NOT_READ = Problem(
    Conflict, "book_drifting.not_read", "读过（已归还）这本书的人才能留言。",
    "Only who has borrowed and returned this book can leave a note on it.",
)  # fmt: skip
ALREADY_REVIEWED = Problem(
    Conflict, "book_drifting.already_reviewed", "您已为这本书留言。", "You have left a note on this book already."
)

PROBLEMS = (TOO_MANY_LOANS, NOT_THE_BORROWER, NO_SUCH_STOP, NOT_READ, ALREADY_REVIEWED)
