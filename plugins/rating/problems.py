"""Error codes of ``rating``."""

from __future__ import annotations

from core.plugin import Conflict, Invalid, NotAllowed, Problem

NOT_FINISHED = Problem(
    Conflict, "rating.not_finished", "此事项尚未办结（{state_zh}），办结后方可评价。",
    "This matter is not finished yet ({state}); it can be rated afterwards.",
)  # fmt: skip
SUBJECT_MISSING = Problem(
    Invalid, "rating.subject_missing", "请指明评价对象：办结事项的编号 about，或服务、单位的名称 subject，二者选一。",
    "Say what is rated: `about` for a finished matter, or `subject` for a service or a provider; exactly one of them.",
)  # fmt: skip
NO_PERSONS = Problem(
    Invalid, "rating.no_persons", "不得评价个人。“{subject}”含有人员姓名，请改为服务或单位名称。",
    "Persons are not rated: {subject} holds a person's name. Name the service or the organisation.",
)  # fmt: skip
ALREADY_ASKED = Problem(
    Conflict, "rating.already_asked", "“{subject}”在“{period}”的评价已存在，每期只评一次。",
    "{subject} has its rating for {period} already; there is one per period.",
)  # fmt: skip
BAD_WINDOW = Problem(
    Invalid, "rating.bad_window", "评价须晚于开始时间结束，且不超过 90 天；开始时间不能已过。",
    "A rating closes after it opens, within 90 days, and does not open in the past.",
)  # fmt: skip
REASON_NEEDED = Problem(
    Invalid, "rating.reason_needed", "请写明不满意的原因，便于改进。不会显示您的姓名。",
    "Say what was not good, so that it can be mended; your name is not shown.",
)  # fmt: skip
OWN_WORK = Problem(
    NotAllowed, "rating.own_work", "您负责此处的服务，不能参与评价。",
    "You answer for services here, so you cannot rate them.",
)  # fmt: skip
REPLIED = Problem(
    Conflict, "rating.replied", "此评价已有答复。", "This rating has its reply already."
)  # fmt: skip

PROBLEMS = (
    NOT_FINISHED, SUBJECT_MISSING, NO_PERSONS, ALREADY_ASKED, BAD_WINDOW, REASON_NEEDED, OWN_WORK, REPLIED,
)  # fmt: skip
