"""States and kinds of notices."""

from __future__ import annotations

from core.plugin import LabelledEnum


class NoticeState(LabelledEnum):
    """Where a notice stands."""

    DRAFT = "DRAFT", "草稿", "Draft", "Being written; only those who may post see it."
    POSTED = "POSTED", "公示中", "Posted", "On display; objections are open."
    ENDED = "ENDED", "公示期满", "Ended", "Its display period is over; it stays readable."
    WITHDRAWN = "WITHDRAWN", "已撤回", "Withdrawn", "Taken back; the title and the reason stay as a tombstone."


class IssuingBody(LabelledEnum):
    """As whom somebody issues a notice, by the office they hold; one body does not touch what another issued."""

    COMMITTEE = "COMMITTEE", "业主委员会", "Owners' committee", "The owners' committee, by its chair or a member."
    PROPERTY = "PROPERTY", "物业服务人", "Property service", "The property service provider, by its staff."
    AUTHORITY = "AUTHORITY", "社区与政府", "Authority", "The community, the town or the district, by their staff."
    OTHER = "OTHER", "其他", "Other", "The system, or an office of another kind."


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
