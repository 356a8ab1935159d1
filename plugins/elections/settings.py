"""What a community may set about its elections, each with its source; thresholds of 民法典 278 are not among them."""

from __future__ import annotations

from typing import Any

from core.labels import Sourced
from core.plugin import Override, Settings, Stricter, setting
from plugins.elections import rules
from plugins.elections.kinds import Ground


def _free(value: Sourced[int], about: str, least: int, most: int, unit: str | None = "CALENDAR_DAY") -> Any:
    return setting(value.value, about, unit=unit, source=value.source, ge=least, le=most)


def _longer(value: Sourced[int], about: str, most: int, unit: str | None = "CALENDAR_DAY") -> Any:
    return setting(value.value, about, unit=unit, source=value.source, override=Override.TIGHTEN_ONLY,
                   stricter=Stricter.HIGHER, ge=value.value, le=most)  # fmt: skip


class ElectionsSettings(Settings):
    """Periods, sizes and shares of elections and committees."""

    application_percent: int = _free(
        rules.APPLICATION_PERCENT, "Which share of heads must sign for a first election.", 0, 50, "PERCENT"
    )
    group_days: int = _free(rules.GROUP_DAYS, "Within how long the preparatory group is formed.", 7, 180)
    group_shown_days: int = _longer(rules.GROUP_SHOWN_DAYS, "How long the group's list is shown.", 30)
    assembly_days: int = _free(
        rules.ASSEMBLY_DAYS, "Within how long of its forming the group calls the assembly.", 30, 180
    )
    nomination_days: int = _free(rules.NOMINATION_DAYS, "How long owners may stand.", 3, 60)
    review_working_days: int = _free(
        rules.REVIEW_WORKING_DAYS, "Within how long candidates are reviewed.", 1, 10, "WORKING_DAY"
    )
    candidates_before_days: int = _longer(
        rules.CANDIDATES_BEFORE_DAYS, "How long before the vote the list is published.", 60
    )
    candidates_shown_days: int = _longer(rules.CANDIDATES_SHOWN_DAYS, "How long the list of candidates is shown.", 30)
    group_members_may_stand: bool = setting(
        True, "Whether members of the preparatory group may be candidates.", source=rules.OURS, override=Override.CHOICE
    )
    local_grounds: tuple[Ground, ...] = setting(
        (),
        "Which of the grounds that need local law or a clause of the bylaws hold here.",
        source=rules.OURS,
        override=Override.CHOICE,
    )
    fewest_seats: int = _free(
        rules.FEWEST_SEATS, "The legal minimum of seats; 3 where the compound is small.", 3, 5, None
    )
    most_seats: int = _free(rules.MOST_SEATS, "The most seats.", 5, 15, None)
    longest_term_years: int = setting(
        rules.TERM_YEARS.value, "The longest term.", unit="YEAR", source=rules.TERM_YEARS.source,
        override=Override.TIGHTEN_ONLY, stricter=Stricter.LOWER, ge=1, le=5,
    )  # fmt: skip
    first_meeting_days: int = _free(
        rules.FIRST_MEETING_DAYS, "Within how long of the election the members meet first.", 1, 30
    )
    filing_days: int = setting(
        rules.FILING_DAYS.value, "Within how long of the election it is filed.", unit="CALENDAR_DAY",
        source=rules.FILING_DAYS.source, override=Override.NONE, ge=30, le=30,
    )  # fmt: skip
    first_alert_days: int = _free(
        rules.FIRST_ALERT_DAYS, "How long before the end of a term everybody is told first.", 91, 365
    )
    second_alert_days: int = _free(
        rules.SECOND_ALERT_DAYS, "How long before the end of a term re-election is due.", 30, 180
    )
    handover_days: int = _free(rules.HANDOVER_DAYS, "Within how long of its end a committee hands over.", 1, 30)
    member_handover_days: int = _free(
        rules.MEMBER_HANDOVER_DAYS, "Within how long a member who leaves hands over.", 1, 30
    )
    recall_percent: int = setting(
        rules.RECALL_PERCENT.value, "Which share of heads must sign to have a member's replacement put to the vote.",
        unit="PERCENT", source=rules.RECALL_PERCENT.source, override=Override.NONE, ge=20, le=20,
    )  # fmt: skip
    interim_percent: int = _free(
        rules.INTERIM_PERCENT, "Which share of heads must sign for an interim committee.", 5, 50, "PERCENT"
    )
    interim_shown_days: int = _longer(
        rules.INTERIM_SHOWN_DAYS, "How long the list of an interim committee is shown.", 60
    )
