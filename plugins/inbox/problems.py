"""Error codes of ``inbox``."""

from __future__ import annotations

from core.plugin import Conflict, Invalid, NotFound, Problem, TooMany

NO_MATTER = Problem(
    NotFound, "inbox.no_matter", "没有事项 {what}，或您看不到它。", "There is no matter {what}, or you may not see it."
)
NO_ITEM = Problem(NotFound, "inbox.no_item", "您的消息中没有这一条。", "There is no such item in your inbox.")
NOT_FOLLOWED = Problem(NotFound, "inbox.not_followed", "您没有关注 {what}。", "You do not follow {what}.")
NO_CHANNEL = Problem(NotFound, "inbox.no_channel", "您没有这个通知渠道。", "You have no such channel.")
BAD_EMAIL = Problem(
    Invalid, "inbox.bad_email", "请填写完整的电子邮件地址，如 wang@example.cn。",
    "Write a whole e-mail address, such as wang@example.cn.",
)  # fmt: skip
NO_EMAIL = Problem(
    Conflict, "inbox.no_email", "本服务器未设邮件服务器，请联系运营单位（SHANZHI_SMTP_URL）。",
    "This server has no mail server; its operator sets SHANZHI_SMTP_URL.",
)  # fmt: skip
NOT_CALLED = Problem(
    Invalid, "inbox.not_called", "网络回调只发往运营单位允许的地址：{origins}。",
    "Webhooks go to addresses at the origins that the operator allows only: {origins}.",
)  # fmt: skip
TOO_MANY_CHANNELS = Problem(
    TooMany, "inbox.too_many_channels", "每人最多 {most} 个通知渠道，每天最多添加 {most} 个；请先删除一个，或明天再试。",
    "A person has at most {most} channels, and adds at most {most} a day: remove one, or try again tomorrow.",
)  # fmt: skip
HAVE_IT = Problem(Conflict, "inbox.have_it", "您已添加过这个地址。", "You have a channel to this address already.")
BAD_QUIET = Problem(
    Invalid, "inbox.bad_quiet", "免打扰时段须写明起止时间，如 22:00 与 07:00；留空表示没有。",
    "Quiet hours have both ends, such as 22:00 and 07:00; leave out both for none.",
)  # fmt: skip
UNKNOWN_PLUGIN = Problem(
    Invalid,
    "inbox.unknown_plugin",
    "没有功能 {plugin}；可选：{known}。",
    "There is no plugin {plugin}; known are: {known}.",
)
WRONG_CODE = Problem(
    Invalid, "inbox.wrong_code", "确认码不对，还可以试 {left} 次；也可删除后重新添加。",
    "That is not the code that was sent; {left} tries are left. Or remove the channel and add it again.",
)  # fmt: skip
CODE_OVER = Problem(
    Conflict, "inbox.code_over", "确认码已失效，请删除后重新添加。",
    "The code holds no more: remove the channel and add it again.",
)  # fmt: skip
NOT_TO_CONFIRM = Problem(
    Conflict, "inbox.not_to_confirm", "此渠道不需要确认码：已确认，或由对方应答确认。",
    "This channel takes no code: it is confirmed, or confirms itself by an answer of the other side.",
)  # fmt: skip

PROBLEMS = (
    NO_MATTER, NO_ITEM, NOT_FOLLOWED, NO_CHANNEL, BAD_EMAIL, NO_EMAIL, NOT_CALLED, TOO_MANY_CHANNELS, HAVE_IT, BAD_QUIET, UNKNOWN_PLUGIN,
    WRONG_CODE, CODE_OVER, NOT_TO_CONFIRM,
)  # fmt: skip
