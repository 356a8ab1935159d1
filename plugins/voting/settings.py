"""What a community may set about its votes, each with its source; the thresholds of 民法典 278 are not among them."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Literal

from core.plugin import Confidence, Matter, Override, Settings, Source, Stricter, setting
from plugins.voting import rules
from plugins.voting.kinds import LegalEffect, SilencePolicy

_OURS = Source("本系统约定", Confidence.DESIGN)


class VotingSettings(Settings):
    """Periods, counting and effect of votes."""

    notice_days: int = setting(
        rules.MEETING_NOTICE_DAYS.value, "How long before it opens a vote is announced to all owners.", unit="CALENDAR_DAY",
        source=rules.MEETING_NOTICE_DAYS.source, override=Override.TIGHTEN_ONLY, stricter=Stricter.HIGHER, ge=15, le=90,
    )  # fmt: skip
    window_days: int = setting(
        rules.WINDOW_DAYS.value, "How long ballots are accepted when the draft does not say.", unit="CALENDAR_DAY",
        source=rules.WINDOW_DAYS.source, ge=1, le=90,
    )  # fmt: skip
    shortest_window_days: int = setting(
        rules.SHORTEST_WINDOW_DAYS.value, "The shortest time in which ballots are accepted.", unit="CALENDAR_DAY",
        source=rules.SHORTEST_WINDOW_DAYS.source, ge=1, le=60,
    )  # fmt: skip
    longest_window_days: int = setting(
        rules.LONGEST_WINDOW_DAYS.value, "The longest time in which ballots are accepted.", unit="CALENDAR_DAY",
        source=rules.LONGEST_WINDOW_DAYS.source, ge=1, le=180,
    )  # fmt: skip
    most_extensions: int = setting(
        rules.MOST_EXTENSIONS.value, "How often the end may be moved.", source=rules.MOST_EXTENSIONS.source, ge=0, le=1
    )  # fmt: skip
    longest_extension_days: int = setting(
        rules.LONGEST_EXTENSION_DAYS.value, "By how much the end may be moved.", unit="CALENDAR_DAY",
        source=rules.LONGEST_EXTENSION_DAYS.source, ge=1, le=60,
    )  # fmt: skip
    objection_days: int = setting(
        rules.OBJECTION_DAYS.value, "How long owners may object to a preliminary result.", unit="CALENDAR_DAY",
        source=rules.OBJECTION_DAYS.source, override=Override.TIGHTEN_ONLY, stricter=Stricter.HIGHER, ge=7, le=60,
    )  # fmt: skip
    silence_policy: SilencePolicy = setting(
        SilencePolicy.STRICT, "How owners who return nothing are treated; the strict count is always shown.",
        source=_OURS, override=Override.CHOICE,
    )  # fmt: skip
    most_principals: int = setting(
        rules.MOST_PRINCIPALS.value, "For how many owners one proxy may vote.", source=rules.MOST_PRINCIPALS.source, ge=0, le=20
    )  # fmt: skip
    proxy_must_state_choice: bool = setting(
        False, "Whether an authorisation must say what the owner wants.", override=Override.CHOICE,
        source=Source("上海市住宅物业管理规定18", Confidence.VERIFIED, is_comparator=True),
    )  # fmt: skip
    parking_counts: bool = setting(
        False, "Whether parking spaces count by area; the roll must have been made so.", override=Override.CHOICE,
        source=Source("业主大会和业主委员会指导规则25", Confidence.MEMORY),
    )  # fmt: skip
    heads_key: Literal["OWNER_SET", "ANY_OVERLAP"] = setting(
        "OWNER_SET",
        "What makes two units one head; the roll must have been made so.",
        source=_OURS,
        override=Override.CHOICE,
    )
    may_change_ballot: bool = setting(
        True, "Whether an online ballot may be changed until the close.", source=_OURS, override=Override.CHOICE
    )
    legal_effect: LegalEffect = setting(
        LegalEffect.ADVISORY, "What a result counts for; binding only where the housing authority recognises this system.",
        source=_OURS, override=Override.CHOICE,
    )  # fmt: skip


def frozen(matter: Matter) -> VotingSettings:
    """Return the settings a poll was announced under."""
    return _validated(tuple((key, found["value"]) for key, found in matter.frozen.items()))


@lru_cache(maxsize=256)
def _validated(values: tuple[tuple[str, Any], ...]) -> VotingSettings:
    return VotingSettings.model_validate(dict(values))
