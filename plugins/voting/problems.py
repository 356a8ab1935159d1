"""Error codes of ``voting``."""

from __future__ import annotations

from core.plugin import Conflict, Invalid, NotAllowed, NotFound, Problem

ROLL_NEEDED = Problem(
    Invalid, "voting.roll_needed", "业主共同决定须依据业主清册。请先制作并确认清册，再填写 roll。",
    "A joint decision of owners needs a voter roll: make and confirm one, then pass it in roll.",
)  # fmt: skip
ROLL_NOT_FINAL = Problem(
    Conflict, "voting.roll_not_final", "业主清册尚未确认（现为 {state}），不能公告表决。请待清册公示期满并答复异议。",
    "The voter roll is not confirmed (it is {state}). Wait until its objection window is over and objections are answered.",
)  # fmt: skip
ROLL_ELSEWHERE = Problem(
    Invalid,
    "voting.roll_elsewhere",
    "该清册不属于“{place}”。",
    "This roll does not belong to {place}; use one made there.",
)
ROLL_DIFFERS = Problem(
    Conflict, "voting.roll_differs", "清册的计算方式与设置不一致（{key}）。请按现行设置重做清册。",
    "The roll was made differently from the settings in force ({key}). Make a new roll under them.",
)  # fmt: skip
NO_MOTIONS = Problem(
    Conflict,
    "voting.no_motions",
    "没有表决事项，不能公告。",
    "There is nothing to vote on: add a motion before you announce.",
)
TOO_MANY_MOTIONS = Problem(
    Conflict,
    "voting.too_many_motions",
    "表决事项最多 {most} 项。",
    "A poll has at most {most} motions; make a second poll.",
)
MATTER_NEEDED = Problem(
    Invalid, "voting.matter_needed", "请写明属于民法典278条的哪一项。",
    "Say which of the nine matters of 民法典 278 it is; the threshold depends on it.",
)  # fmt: skip
OPTIONS_NEEDED = Problem(
    Invalid,
    "voting.options_needed",
    "问卷题目须有 2 至 20 个选项。",
    "A survey question needs 2 to 20 different options.",
)
NOT_SUB_AREA = Problem(
    Conflict, "voting.not_sub_area", "“{matter}”须由全体业主共同决定，不能仅由部分楼栋表决。",
    "{matter} is decided by all owners of the compound; a building or stairwell cannot decide it alone.",
)  # fmt: skip
JUSTIFICATION_NEEDED = Problem(
    Invalid, "voting.justification_needed", "仅由部分楼栋表决须说明理由。",
    "Say why only some buildings decide: which part they share, in scopeJustification.",
)  # fmt: skip
TOO_SOON = Problem(
    Conflict, "voting.too_soon", "须提前 {days} 日公告（{source}），最早可于 {earliest} 开始表决。",
    "A vote is announced {days} days before ({source}); it may open on {earliest} at the earliest.",
)  # fmt: skip
BAD_WINDOW = Problem(
    Invalid,
    "voting.bad_window",
    "表决期须为 {least} 至 {most} 日。",
    "Ballots are accepted for {least} to {most} days.",
)
IN_THE_PAST = Problem(
    Invalid, "voting.in_the_past", "时间不能早于现在。", "This moment has passed; choose a later one."
)
EXTENDED_BEFORE = Problem(
    Conflict,
    "voting.extended_before",
    "表决期只能延长 {most} 次。",
    "The end can be moved {most} time(s); it has been.",
)
BAD_EXTENSION = Problem(
    Invalid, "voting.bad_extension", "延长须晚于原截止时间，且不超过 {most} 日。",
    "The new end must be later than the announced one, by at most {most} days.",
)  # fmt: skip
NOT_A_VOTER = Problem(
    NotAllowed, "voting.not_a_voter", "您不在本次表决的业主清册上，也没有受托代理。如有疑问请联系社区。",
    "You are not on the voter roll of this poll, and nobody authorised you. Ask the community if you should be.",
)  # fmt: skip
ENTRY_NEEDED = Problem(
    Invalid, "voting.entry_needed", "您可为 {count} 个清册条目投票，请填写 entry（{numbers}）。",
    "You may vote for {count} entries of the roll: say which in entry ({numbers}).",
)  # fmt: skip
NOT_THE_REPRESENTATIVE = Problem(
    NotAllowed, "voting.not_the_representative", "共有人已指定他人为代表行使表决权。",
    "The co-owners designated somebody else to vote for this entry.",
)  # fmt: skip
NO_CHANGES = Problem(
    Conflict, "voting.no_changes", "本次表决不允许更改已投的票。", "Ballots of this poll cannot be changed once cast."
)
STRANGE_MOTION = Problem(
    Invalid, "voting.strange_motion", "该事项不在本次公告的表决事项之内，或重复填写。",
    "This motion was not announced with this poll, or is named twice; only announced motions can be voted on.",
)  # fmt: skip
WRONG_KIND = Problem(
    Conflict, "voting.wrong_kind", "此操作不适用于{kind_zh}。", "This does not apply to a poll of the kind {kind}."
)
WRONG_MODE = Problem(
    Conflict, "voting.wrong_mode", "此操作不适用于{mode_zh}的表决；不记名问卷请用 castSeparatedBallot，记名问卷请用 answerSurvey。",
    "This does not apply to a poll of the mode {mode}: castSeparatedBallot is for separated polls, answerSurvey for named ones.",
)  # fmt: skip
MUST_BE_NAMED = Problem(
    Invalid, "voting.must_be_named",
    "业主共同决定按面积计票，须记名，请改用 OPEN；按面积计票又须保密的表决请使用外部引擎 Belenios。",
    "A joint decision counts by area and has to be named: choose the mode OPEN. A weighted secret ballot needs an external "
    "engine, Belenios.",
)  # fmt: skip
TOO_FEW_VOTERS = Problem(
    Conflict, "voting.too_few_voters", "仅有 {found} 人可投票，不足 {least} 人，不记名无法保密。请改用记名方式（OPEN）公告。",
    "Only {found} may vote; with fewer than {least} a separated poll would not keep what it promises. Announce it with the "
    "mode OPEN.",
)  # fmt: skip
GROUP_TOO_SMALL = Problem(
    Conflict, "voting.group_too_small", "分组公布的这些组不足 {least} 人：{groups}。请不分组公布，或改用记名方式（OPEN）。",
    "These groups have fewer than {least} voters: {groups}. Publish no groups (byStanding: false), or announce it with the "
    "mode OPEN.",
)  # fmt: skip
ALREADY_CAST = Problem(
    Conflict, "voting.already_cast", "您已投票。不记名的票投出后找不到，不能更改或撤回。",
    "You have voted. A separated ballot cannot be found any more, and neither changed nor withdrawn.",
)  # fmt: skip
NOT_ON_THIS_ROLL = Problem(
    NotAllowed, "voting.not_on_this_roll", "公告时的投票人名单中没有您。如有疑问，请向社区查询。",
    "You are not on the roll as it was when this vote was announced. Ask the community if you should be.",
)  # fmt: skip
BAD_OPTIONS = Problem(
    Invalid,
    "voting.bad_options",
    "请为每题选择 1 至 {most} 个有效选项。",
    "Choose 1 to {most} of the options of the question.",
)
PROXY_BARRED = Problem(
    Conflict, "voting.proxy_barred", "不能委托或代为投票：{reasons_zh}。", "This proxy cannot be used: {reasons_en}."
)
PROXY_USED = Problem(
    Conflict, "voting.proxy_used", "代理人已投票，委托不能再撤销；您可以本人重新投票。",
    "The proxy has voted already. You can still cast a ballot yourself, which then counts.",
)  # fmt: skip
NO_SUCH_PROXY = Problem(
    NotFound, "voting.no_such_proxy", "没有此委托。", "This poll has no such authorisation of yours. Check the id."
)
NO_SUCH_SLIP = Problem(
    NotFound, "voting.no_such_slip", "没有此表决票。", "This poll has no such slip. Check the number."
)
WRONG_CODE = Problem(
    Invalid,
    "voting.wrong_code",
    "验证码与该编号的表决票不符。",
    "The code is not the one printed on the slip of this number.",
)
SLIP_STATE = Problem(
    Conflict,
    "voting.slip_state",
    "该表决票现为“{state_zh}”，不能这样处理。",
    "The slip is {state}; this cannot be done with it now.",
)
SAME_PERSON = Problem(
    NotAllowed,
    "voting.same_person",
    "复核须由另一人完成。",
    "A second person has to confirm; you entered this slip yourself.",
)
ENTRIES_DIFFER = Problem(
    Conflict, "voting.entries_differ", "两次录入不一致，已转监票人处理。",
    "The two entries differ; the slip is now with the scrutineers.",
)  # fmt: skip
ALREADY_OBJECTED = Problem(
    Conflict,
    "voting.already_objected",
    "您的异议尚未答复。",
    "Your objection is not answered yet; wait for the answer.",
)
WINDOW_OVER = Problem(
    Conflict, "voting.window_over", "异议期已于 {until} 届满。", "The time to object ended at {until}."
)
NO_SUCH_OBJECTION = Problem(
    NotFound, "voting.no_such_objection", "没有待答复的此异议。", "There is no such open objection. Check the id."
)
REMEDY_NEEDED = Problem(
    Invalid,
    "voting.remedy_needed",
    "异议成立时须写明如何处理。",
    "Say what follows from an upheld objection, in remedy.",
)
NOT_COUNTED = Problem(
    Conflict,
    "voting.not_counted",
    "尚未计票，任何人都不能查阅选票。",
    "The poll has not been counted; nobody sees its ballots before.",
)
POLL_OPEN = Problem(
    Conflict, "voting.poll_open", "“{title}”正在进行，不能停用该功能。请待其结束。",
    "The poll “{title}” is under way: {plugin} cannot be switched off before it is over.",
)  # fmt: skip
NOTICES_OFF = Problem(
    Conflict,
    "voting.notices_off",
    "此处未启用公示功能，不能公告表决。",
    "Notices are off here; a vote cannot be announced.",
)

PROBLEMS = tuple(value for value in list(globals().values()) if isinstance(value, Problem))
