"""Periods of notices: before, within and shown, for each row of the master table (domain.md §2.12)."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.calendar import national_calendar
from core.clock import CHINA
from core.labels import Confidence
from plugins.notices.rules import (
    LOCAL_RULES,
    RULES,
    Cadence,
    Display,
    NoticeKind,
    PeriodUnit,
    disclosure_due,
    earliest_event,
    period_end,
    post_before,
    post_by,
    rule_for,
    shown_until,
)

# Nothing here is about speed, and the machine may be busy.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

WORKING = national_calendar()

# kind: before, within, shown, as the master table prints them for the national default
TABLE = {
    NoticeKind.GENERAL: (None, None, None),
    NoticeKind.ASSEMBLY_MEETING: ("15 d", None, None),
    NoticeKind.PREPARATORY_GROUP: (None, "3 d", "7 d"),
    NoticeKind.FIRST_ASSEMBLY_DRAFTS: ("15 d", None, "7 d"),
    NoticeKind.VOTER_ROLL: (None, None, "7 d"),
    NoticeKind.CANDIDATES: ("15 d", None, "7 d"),
    NoticeKind.UNDELIVERABLE_BALLOTS: (None, None, "7 d"),
    NoticeKind.VOTE_RESULT: (None, "3 d", "7 d"),
    NoticeKind.COMMITTEE_AGENDA: ("7 d", None, None),
    NoticeKind.COMMITTEE_DECISION: (None, "3 d", None),
    NoticeKind.INTERIM_COMMITTEE_MEMBERS: (None, None, "15 d"),
    NoticeKind.INTERIM_COMMITTEE_DECISION: (None, "3 d", "10 d"),
    NoticeKind.PUBLIC_REVENUE: (None, "15 d", None),
    NoticeKind.MAINTENANCE_FUND: (None, "15 d", None),
    NoticeKind.AUDIT_RESULT: (None, None, "30 d"),
    NoticeKind.SERVICE_FEE_INCREASE: (None, None, "30 d"),
    NoticeKind.SERVICE_FEE_RESULT: (None, None, "7 d"),
    NoticeKind.SERVICE_INFORMATION: (None, None, None),
    NoticeKind.PROVIDER_CONTRACT_ENDING: ("3 m", None, "30 d"),
    NoticeKind.EMERGENCY_REPAIR_ACCOUNTS: (None, None, "7 d"),
    NoticeKind.AWARD_SHORTLIST: (None, None, "7 d"),
}


def at(year: int, month: int, day: int, hour: int = 0) -> datetime:
    """Make an instant in China."""
    return datetime(year, month, day, hour, tzinfo=CHINA)


@pytest.mark.parametrize("kind", list(NoticeKind))
def test_the_periods_are_those_of_the_master_table(kind: NoticeKind) -> None:
    """Each kind has the periods of its row."""
    rule, short = RULES[kind], {PeriodUnit.DAY: "d", PeriodUnit.MONTH: "m"}
    periods = (rule.before, rule.within, rule.shown)
    assert tuple(f"{p.length} {short[p.unit]}" if p else None for p in periods) == TABLE[kind]
    assert (rule.display is Display.FOR_PERIOD) == (rule.shown is not None)


@pytest.mark.parametrize("kind", [kind for kind in NoticeKind if kind is not NoticeKind.GENERAL])
def test_every_rule_names_its_source(kind: NoticeKind) -> None:
    """No period without a source; verified text of another city is marked as a comparator."""
    rule = RULES[kind]
    assert rule.sources
    for source in rule.sources:
        is_elsewhere = source.confidence is Confidence.VERIFIED and not source.cite.startswith("物业管理条例")
        assert source.is_comparator is is_elsewhere


def test_recurring_accounts() -> None:
    """Public revenue is owed quarterly, the fund half-yearly, both for good."""
    owed = {kind: rule.cadence for kind, rule in RULES.items() if rule.cadence}
    assert owed == {
        NoticeKind.PUBLIC_REVENUE: Cadence.QUARTERLY, NoticeKind.MAINTENANCE_FUND: Cadence.HALF_YEARLY,
    }  # fmt: skip
    assert all(RULES[kind].display is Display.CONTINUOUS for kind in owed)


def test_an_assembly_may_meet_fifteen_days_after_its_notice() -> None:
    """Announced on 1 March, not before 17 March; the notice stays until the meeting, or as long as none can begin."""
    rule = RULES[NoticeKind.ASSEMBLY_MEETING]
    assert earliest_event(rule, at(2025, 3, 1, 9)) == at(2025, 3, 17)
    assert post_before(rule, at(2025, 3, 17, 9)) == at(2025, 3, 2)
    assert shown_until(rule, at(2025, 3, 1, 9), at(2025, 3, 20, 19)) == at(2025, 3, 20, 19)
    assert shown_until(rule, at(2025, 3, 1, 9)) == at(2025, 3, 17)


def test_a_contract_ends_three_months_after_its_notice() -> None:
    """Three calendar months, the day of posting not counted; the end of a short month is found."""
    rule = RULES[NoticeKind.PROVIDER_CONTRACT_ENDING]
    assert earliest_event(rule, at(2025, 11, 30, 9)) == at(2026, 3, 1)
    assert post_before(rule, at(2026, 3, 1)) == at(2025, 12, 1)
    assert post_before(rule, at(2026, 2, 28)) == at(2025, 11, 28)


def test_a_result_must_be_posted_within_three_days_and_shown_for_seven() -> None:
    """The deadline for posting moves off the holiday, the time of display does not."""
    rule = RULES[NoticeKind.VOTE_RESULT]
    due = post_by(rule, at(2025, 9, 29, 18), WORKING)
    assert due is not None
    assert due.last_day == date(2025, 10, 9)
    assert shown_until(rule, at(2025, 9, 30, 10)) == at(2025, 10, 8)


def test_kinds_without_a_period_answer_none() -> None:
    """A general notice may go up, come down and announce what it likes."""
    rule = RULES[NoticeKind.GENERAL]
    assert earliest_event(rule, at(2025, 3, 1)) is None
    assert post_before(rule, at(2025, 3, 1)) is None
    assert post_by(rule, at(2025, 3, 1), WORKING) is None
    assert shown_until(rule, at(2025, 3, 1)) is None
    assert disclosure_due(rule, date(2025, 3, 1), WORKING) is None


@pytest.mark.parametrize(
    ("kind", "day", "last_day"),
    [
        (NoticeKind.PUBLIC_REVENUE, date(2025, 7, 1), date(2025, 10, 15)),
        (NoticeKind.PUBLIC_REVENUE, date(2025, 9, 30), date(2025, 10, 15)),
        (NoticeKind.PUBLIC_REVENUE, date(2025, 12, 31), date(2026, 1, 15)),
        (NoticeKind.MAINTENANCE_FUND, date(2025, 3, 1), date(2025, 7, 15)),
        (NoticeKind.MAINTENANCE_FUND, date(2025, 7, 1), date(2026, 1, 15)),
    ],
)
def test_accounts_are_due_after_their_period(kind: NoticeKind, day: date, last_day: date) -> None:
    """Fifteen days after the end of the quarter or half-year."""
    due = disclosure_due(RULES[kind], day, WORKING)
    assert due is not None
    assert due.last_day == last_day


def test_quarters_and_halves_end_on_their_last_day() -> None:
    """The end of the period each month of the year lies in."""
    quarters = [period_end(Cadence.QUARTERLY, date(2024, month, 1)) for month in range(1, 13)]
    halves = [period_end(Cadence.HALF_YEARLY, date(2024, month, 29)) for month in range(1, 13)]
    ends = date(2024, 3, 31), date(2024, 6, 30), date(2024, 9, 30), date(2024, 12, 31)
    assert quarters == [end for end in ends for _ in range(3)]
    assert halves == [ends[1]] * 6 + [ends[3]] * 6


def test_local_law_replaces_single_periods() -> None:
    """Qingyuan shows results for 15 days, and so do its districts; Foshan inherits the default."""
    qingyuan = rule_for(NoticeKind.VOTE_RESULT, "CN-441802")
    assert qingyuan.shown is not None
    assert (qingyuan.shown.length, qingyuan.shown.source.is_comparator) == (15, False)
    assert rule_for(NoticeKind.VOTE_RESULT, "CN-4406") is RULES[NoticeKind.VOTE_RESULT]
    assert rule_for(NoticeKind.AUDIT_RESULT, "CN-441802") is RULES[NoticeKind.AUDIT_RESULT]
    assert rule_for(NoticeKind.VOTE_RESULT) is RULES[NoticeKind.VOTE_RESULT]


def test_local_rules_keep_the_kind() -> None:
    """A local rule is filed under its own kind."""
    assert all(kind is rule.kind for (_, kind), rule in LOCAL_RULES.items())


@unhurried
@given(
    st.sampled_from([rule for rule in RULES.values() if rule.before]),
    st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1), timezones=st.just(CHINA)),  # noqa: DTZ001 - bounds
)
def test_posting_in_time_and_meeting_in_time_are_the_same_question(rule: object, event_at: datetime) -> None:
    """Up to the last instant for posting the event is not too early, from then on it is; months included."""
    limit = post_before(rule, event_at)  # type: ignore[arg-type]
    assert limit is not None
    in_time, too_late = earliest_event(rule, limit - timedelta(milliseconds=1)), earliest_event(rule, limit)  # type: ignore[arg-type]
    assert in_time is not None
    assert too_late is not None
    assert in_time <= event_at < too_late
