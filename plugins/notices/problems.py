"""Error codes of ``notices``."""

from __future__ import annotations

from core.plugin import Conflict, Invalid, NotAllowed, NotFound, Problem

TOO_LATE = Problem(
    Conflict, "notices.too_late",
    "此类公示须提前 {days_zh}发布（{source}），最早可定于 {earliest}。",
    "A notice of this kind must go up {days}s before its event ({source}); the event may begin on {earliest} at the earliest.",
)  # fmt: skip
EVENT_NEEDED = Problem(
    Invalid, "notices.event_needed",
    "此类公示须写明所公告事项的时间 eventAt。",
    "A notice of this kind announces an event: say when it is, in eventAt.",
)  # fmt: skip
TOO_SHORT = Problem(
    Conflict, "notices.too_short",
    "此类公示须展示至 {until}（{source}），displayUntil 不能更早。",
    "A notice of this kind stays up until {until} ({source}); displayUntil cannot be earlier.",
)  # fmt: skip
NOT_THE_ISSUER = Problem(
    NotAllowed, "notices.not_the_issuer",
    "此公示由“{body_zh}”发布，只有其经办人可以更改。",
    "This notice was issued by {body}; only they can do this.",
)  # fmt: skip
NOT_A_PHOTO = Problem(
    Invalid,
    "notices.not_a_photo",
    "张贴凭证须为照片。",
    "The proof of posting must be a photograph (JPEG, PNG, WebP …).",
)
WRONG_TIME = Problem(
    Invalid, "notices.wrong_time",
    "张贴时间须在发布之后、当前之前。",
    "It was posted between its publication here and now: say when, or leave `at` out.",
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
    TOO_LATE, EVENT_NEEDED, TOO_SHORT, NOT_THE_ISSUER, NOT_A_PHOTO, WRONG_TIME, STRANGE_AUDIENCE, REASON_NEEDED,
    ALREADY_OBJECTED, ALREADY_ANSWERED, PHOTO_NEEDED, NO_SUCH_OBJECTION,
)  # fmt: skip
