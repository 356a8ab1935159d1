"""Error codes of ``notices``."""

from __future__ import annotations

from core.plugin import Conflict, Invalid, NotFound, Problem

TOO_LATE = Problem(
    Conflict, "notices.too_late",
    "此类公示须提前 {days} 发布（{source}），最早可定于 {earliest}。",
    "A notice of this kind must go up {days} before its event ({source}); the event may begin on {earliest} at the earliest.",
)  # fmt: skip
EVENT_NEEDED = Problem(
    Invalid, "notices.event_needed",
    "此类公示须写明所公告事项的时间 eventAt。",
    "A notice of this kind announces an event: say when it is, in eventAt.",
)  # fmt: skip
STRANGE_AUDIENCE = Problem(
    Invalid, "notices.strange_audience",
    "受众 {code} 不在“{place}”之内。",
    "The audience {code} does not lie within {place}; choose that place or one below it.",
)  # fmt: skip
REASON_NEEDED = Problem(
    Invalid, "notices.reason_needed",
    "更正已发布的公示须说明原因。",
    "Say why: a posted notice is corrected with a reason that stays with it.",
)  # fmt: skip
ALREADY_OBJECTED = Problem(
    Conflict, "notices.already_objected",
    "您对此公示的异议尚未答复，请待答复后再提。",
    "Your objection to this notice is not answered yet; wait for the answer before you object again.",
)  # fmt: skip
ALREADY_ANSWERED = Problem(
    Conflict, "notices.already_answered", "该异议已答复。", "This objection has been answered already."
)
PHOTO_NEEDED = Problem(
    Invalid, "notices.photo_needed",
    "公告栏张贴须附照片。",
    "Posting on a board is proved by a photograph: upload one and pass it in photo.",
)  # fmt: skip
NO_SUCH_OBJECTION = Problem(
    NotFound, "notices.no_such_objection", "没有此异议。", "This notice has no such objection. Check the id."
)

PROBLEMS = (
    NO_SUCH_OBJECTION, TOO_LATE, EVENT_NEEDED, STRANGE_AUDIENCE, REASON_NEEDED, ALREADY_OBJECTED, ALREADY_ANSWERED, PHOTO_NEEDED,
)  # fmt: skip
