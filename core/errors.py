"""What can go wrong, as a front end sees it.

``Problem`` declares one stable code with its message in Chinese and English; calling it makes the exception to raise:

    POLL_CLOSED = Problem(Conflict, "voting.poll_closed", "表决已于 {at} 截止。", "The poll closed at {at}.")
    raise POLL_CLOSED(at=poll.closes_at)

A message says what happened and what to do. The seven kinds below are the seven error types of the GraphQL contract:

    DomainError
    ├── Unauthenticated   nobody is signed in, or the token is no longer valid
    ├── NotAllowed        this person may not do this here
    ├── NotFound          there is no such thing, or it may not be seen
    ├── Invalid           the input is wrong; ``path`` says where
    ├── Conflict          the thing is not in a state for this, or somebody was faster
    ├── Disabled          the plugin is off in this community
    └── TooMany           a limit on tries or sizes was reached; ``retry_after`` in seconds
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


class DomainError(Exception):
    """An expected failure with a stable code, a message in two languages, and the input path it concerns."""

    def __init__(
        self, code: str, zh: str, en: str, *, path: Sequence[str | int] = (), retry_after: int | None = None
    ) -> None:
        super().__init__(f"{code}: {en}")
        self.code = code
        self.zh = zh
        self.en = en
        self.path = tuple(path)
        self.retry_after = retry_after

    def message(self, language: str) -> str:
        """Return the message in ``zh`` or ``en``."""
        return self.en if language == "en" else self.zh


class Unauthenticated(DomainError):
    """Nobody is signed in."""


class NotAllowed(DomainError):
    """This person may not do this here."""


class NotFound(DomainError):
    """No such thing, or not for this person's eyes: the two look the same on purpose."""


class Invalid(DomainError):
    """The input is wrong."""


class Conflict(DomainError):
    """The thing is not in a state for this."""


class Disabled(DomainError):
    """The plugin is off in this community."""


class TooMany(DomainError):
    """A limit was reached; try later."""


@dataclass(frozen=True)
class Problem:
    """One stable error code: its kind, and its message in two languages with ``{placeholders}``."""

    kind: type[DomainError]
    code: str
    zh: str
    en: str

    def __call__(self, *, path: Sequence[str | int] = (), retry_after: int | None = None, **params: Any) -> DomainError:
        """Make the exception; ``params`` fill the placeholders, cut to 200 characters each."""
        shown = {name: str(value)[:200] for name, value in params.items()}
        return self.kind(
            self.code, self.zh.format(**shown), self.en.format(**shown), path=path, retry_after=retry_after
        )


NOT_SIGNED_IN = Problem(
    Unauthenticated, "core.not_signed_in", "请先登录。", "Sign in first: call login and send the access token."
)
NOT_ALLOWED = Problem(
    NotAllowed,
    "core.not_allowed",
    "您在“{place}”没有“{permission}”权限。如需办理，请联系所在社区。",
    "You do not hold the permission {permission} in {place}. Ask the community's staff if you need it.",
)
NOT_FOUND = Problem(
    NotFound,
    "core.not_found",
    "没有找到 {what}，或您无权查看。请检查编号。",
    "There is no {what}, or you may not see it. Check the id.",
)
INVALID = Problem(Invalid, "core.invalid", "{problem_zh}", "{problem_en}")
BAD_ID = Problem(
    Invalid,
    "core.bad_id",
    "{value} 不是有效的{expected}编号。",
    "{value} is not the id of a {expected}. Pass an id as the API gave it.",
)
PLUGIN_DISABLED = Problem(
    Disabled,
    "core.plugin_disabled",
    "“{place}”没有启用“{plugin}”功能。请联系社区管理员启用。",
    "The plugin {plugin} is off in {place}. A community administrator can enable it.",
)
WRONG_STATE = Problem(
    Conflict,
    "core.wrong_state",
    "当前状态为“{state_zh}”，不能执行“{deed_zh}”。",
    "The state is {state}; {deed} is possible only from {allowed}.",
)
BEATEN = Problem(
    Conflict, "core.beaten", "他人刚刚更改了此事项，请刷新后重试。", "Somebody else was faster. Reload and try again."
)
KEY_REUSED = Problem(
    Conflict,
    "core.idempotency_key_reused",
    "幂等键已用于另一个请求，请为新请求生成新的键。",
    "This idempotency key was used for a different request. Make a new key for a new request.",
)
TEXT_LENGTH = Problem(
    Invalid,
    "core.text_length",
    "文字长度应为 {least} 至 {most} 字，现为 {length} 字。",
    "The text must have {least} to {most} characters; it has {length}.",
)
PLACE_CLOSED = Problem(
    Conflict, "core.place_closed", "“{place}”已撤销。", "{place} is closed; nothing can be changed there."
)
GATE_FAILED = Problem(
    Conflict, "core.gate_failed",
    "功能 {plugin} 的检查程序出错，{deed} 未执行。请联系系统管理员。",
    "The check of plugin {plugin} failed, so {deed} was not done. Tell the system administrator.",
)  # fmt: skip

PROBLEMS: tuple[Problem, ...] = (
    NOT_SIGNED_IN,
    NOT_ALLOWED,
    NOT_FOUND,
    INVALID,
    BAD_ID,
    PLUGIN_DISABLED,
    WRONG_STATE,
    BEATEN,
    KEY_REUSED,
    TEXT_LENGTH,
    GATE_FAILED,
    PLACE_CLOSED,
)


def invalid(zh: str, en: str, *path: str | int) -> DomainError:
    """Make an Invalid error for a mistake too particular for a code of its own."""
    return INVALID(path=path, problem_zh=zh, problem_en=en)


def check_text(value: str, field: str, *, least: int = 1, most: int = 200) -> str:
    """Strip a text and return it, or raise Invalid when its length is out of bounds.

    Refuses NUL and other control characters except line breaks and tabs: neither database nor JSON takes them well.
    """
    text = value.strip()
    if any((ord(c) < 32 and c not in "\n\r\t") or ord(c) == 127 for c in text):
        raise invalid("文字含有不可见的控制字符。", "The text holds control characters; remove them.", "input", field)
    if not least <= len(text) <= most:
        raise TEXT_LENGTH(path=("input", field), least=least, most=most, length=len(text))
    return text
