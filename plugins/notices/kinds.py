"""States and kinds of notices."""

from __future__ import annotations

from core.plugin import LabelledEnum


class NoticeState(LabelledEnum):
    """Where a notice stands."""

    DRAFT = "DRAFT", "草稿", "Draft", "Being written; only those who may post see it."
    POSTED = "POSTED", "公示中", "Posted", "On display; objections are open."
    ENDED = "ENDED", "公示期满", "Ended", "Its display period is over; it stays readable."
    WITHDRAWN = "WITHDRAWN", "已撤回", "Withdrawn", "Taken back; the title and the reason stay as a tombstone."


class PostingPlace(LabelledEnum):
    """Where a notice was posted."""

    ONLINE = "ONLINE", "线上", "Online", "In this system."
    BOARD = "BOARD", "公告栏", "Notice board", "On a board in the compound or a stairwell, proved by a photograph."
    DELIVERED = "DELIVERED", "送达", "Delivered", "Handed over or put into letter boxes."


class ObjectionState(LabelledEnum):
    """Where an objection stands."""

    OPEN = "OPEN", "待答复", "Open", "Not answered yet."
    UPHELD = "UPHELD", "成立", "Upheld", "Answered: the objection is right."
    REJECTED = "REJECTED", "不成立", "Rejected", "Answered: the objection is not right, with reasons."
