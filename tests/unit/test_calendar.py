"""Day counting of 民法典 201-203, working days, and the national calendar behind them."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import chinese_calendar
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.calendar import (
    DayKind,
    Due,
    WorkingCalendar,
    add_months,
    add_working_days,
    day_of,
    display_until,
    due,
    due_months,
    earliest_start,
    latest_notice,
    national_calendar,
    next_working_day,
)
from core.clock import CHINA

# Nothing here is about speed, and the machine may be busy.
unhurried = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

CALENDAR, WORKING = DayKind.CALENDAR_DAY, DayKind.WORKING_DAY
NATIONAL = national_calendar()
UNPUBLISHED = WorkingCalendar()

days_known = st.dates(date(2010, 1, 1), date(2026, 8, 31))  # sixty working days later is still known
lengths = st.integers(1, 60)


def at(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Make an instant in China."""
    return datetime(year, month, day, hour, minute, tzinfo=CHINA)


def test_the_start_day_is_not_counted() -> None:
    """Seven days from a Monday end on the next Monday at 24:00, whatever the hour of the event (民法典 201, 203)."""
    for hour in (0, 9, 23):
        end = due(at(2025, 11, 3, hour, 59), 7, CALENDAR, NATIONAL)
        assert end == Due(at(2025, 11, 11), date(2025, 11, 10), estimated=False)


def test_an_instant_elsewhere_is_counted_from_its_day_in_china() -> None:
    """17:00 in Greenwich on 2 November is already 3 November in China."""
    end = due(datetime(2025, 11, 2, 17, tzinfo=UTC), 7, CALENDAR, NATIONAL)
    assert end.last_day == date(2025, 11, 10)


def test_an_instant_without_a_zone_is_refused() -> None:
    """Guessing a zone could cost somebody a day."""
    with pytest.raises(ValueError, match="has no zone"):
        due(datetime(2025, 11, 3, 9), 7, CALENDAR, NATIONAL)  # noqa: DTZ001 - the mistake under test


@pytest.mark.parametrize("days", [0, -1])
def test_a_period_of_no_days_is_refused(days: int) -> None:
    """The law knows no period of nothing; a wrong setting must not become a deadline."""
    for kind in DayKind:
        with pytest.raises(ValueError, match="at least one"):
            due(at(2025, 11, 3), days, kind, NATIONAL)
    with pytest.raises(ValueError, match="at least one"):
        due_months(at(2025, 11, 3), days, NATIONAL)


def test_the_end_is_the_first_instant_too_late() -> None:
    """The last millisecond of the last day is in time, 24:00 is not."""
    end = due(at(2025, 11, 3), 7, CALENDAR, NATIONAL)
    assert at(2025, 11, 10, 23, 59) < end.at
    assert not at(2025, 11, 11) < end.at


@pytest.mark.parametrize(
    ("start", "days", "last_day"),
    [
        (date(2025, 9, 25), 8, date(2025, 10, 9)),  # 3 October lies in the National Day holiday, 1 to 8 October
        (date(2025, 9, 30), 8, date(2025, 10, 9)),  # its last day
        (date(2025, 9, 30), 9, date(2025, 10, 9)),  # the first working day after it needs no move
        (date(2025, 9, 21), 7, date(2025, 9, 28)),  # a Sunday that is worked (调休) does not move
        (date(2025, 10, 4), 7, date(2025, 10, 11)),  # nor does such a Saturday
        (date(2026, 2, 10), 7, date(2026, 2, 24)),  # Spring Festival 2026, 15 to 23 February
        (date(2025, 11, 1), 7, date(2025, 11, 10)),  # an ordinary Saturday moves to Monday
        (date(2025, 12, 25), 7, date(2026, 1, 4)),  # New Year, 1 to 3 January; Sunday 4 January is worked
    ],
)
def test_a_last_day_of_rest_moves_to_the_next_working_day(start: date, days: int, last_day: date) -> None:
    """民法典 203, over holidays, make-up weekends and the turn of the year."""
    assert due(start, days, CALENDAR, NATIONAL).last_day == last_day


def test_rolling_forward_can_be_switched_off() -> None:
    """Without it the period ends on the day counted, and no calendar is consulted."""
    end = due(date(2025, 9, 25), 8, CALENDAR, UNPUBLISHED, roll_forward=False)
    assert end == Due(at(2025, 10, 4), date(2025, 10, 3), estimated=False)


@pytest.mark.parametrize(
    ("start", "days", "last_day"),
    [
        (date(2025, 9, 26), 1, date(2025, 9, 28)),  # Friday; Saturday is off, Sunday is worked
        (date(2025, 9, 26), 3, date(2025, 9, 30)),
        (date(2025, 9, 26), 4, date(2025, 10, 9)),
        (date(2025, 10, 1), 2, date(2025, 10, 10)),  # from within the holiday
        (date(2025, 11, 3), 5, date(2025, 11, 10)),
    ],
)
def test_working_days_skip_rest_and_count_make_up_days(start: date, days: int, last_day: date) -> None:
    """A period of working days counts exactly the days that are worked."""
    assert due(start, days, WORKING, NATIONAL).last_day == last_day
    assert add_working_days(start, days, NATIONAL) == (last_day, False)


def test_fifteen_days_of_notice() -> None:
    """Announced on 1 March with 15 days, a meeting may not start before 17 March 00:00 (物业管理条例 14)."""
    assert earliest_start(at(2025, 3, 1, 8), 15) == at(2025, 3, 17)
    assert earliest_start(at(2025, 3, 1, 23, 59), 15) == at(2025, 3, 17)


def test_notice_for_a_meeting_must_go_up_in_time() -> None:
    """For a meeting on 17 March the last day of posting is 1 March; 2 March 00:00 is too late."""
    assert latest_notice(at(2025, 3, 17, 9), 15) == at(2025, 3, 2)


def test_display_starts_the_day_after_posting_and_never_moves() -> None:
    """公示期7日, posted on Saturday 27 September 2025, is over on 5 October 00:00, holiday or not."""
    assert display_until(at(2025, 9, 27, 10), 7) == at(2025, 10, 5)


def test_periods_are_chained_by_their_days() -> None:
    """Starting the next period on the last day gives it its full length; starting at the instant would add a day."""
    first = due(at(2025, 11, 3), 7, CALENDAR, NATIONAL)
    assert due(first.last_day, 7, CALENDAR, NATIONAL).last_day == date(2025, 11, 17)
    assert due(first.at, 7, CALENDAR, NATIONAL).last_day == date(2025, 11, 18)


@pytest.mark.parametrize(
    ("start", "months", "last_day"),
    [
        (date(2025, 3, 14), 1, date(2025, 4, 14)),
        (date(2025, 10, 31), 4, date(2026, 2, 28)),  # February has no 31st, and that Saturday is worked
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2025, 7, 1), 3, date(2025, 10, 9)),  # 1 October moves
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2025, 12, 15), 1, date(2026, 1, 15)),
    ],
)
def test_months_end_on_the_same_day_or_the_last(start: date, months: int, last_day: date) -> None:
    """民法典 202: the corresponding day of the due month, or that month's last day; then 203 applies."""
    assert due_months(start, months, NATIONAL).last_day == last_day


def test_months_can_be_taken_away() -> None:
    """Adding a negative number of months goes back, over the turn of the year too."""
    assert add_months(date(2025, 3, 31), -1) == date(2025, 2, 28)
    assert add_months(date(2025, 1, 15), -1) == date(2024, 12, 15)


def test_a_published_year_is_certain() -> None:
    """Holidays, make-up days and ordinary days of published years carry no doubt."""
    assert NATIONAL.is_working_day(date(2025, 10, 8)) == (False, False)
    assert NATIONAL.is_working_day(date(2025, 9, 28)) == (True, False)
    assert NATIONAL.is_working_day(date(2025, 11, 3)) == (True, False)
    assert NATIONAL.is_working_day(date(2025, 11, 2)) == (False, False)


def test_an_unpublished_year_is_estimated_by_weekday() -> None:
    """Without data the weekday decides, and the answer says 推定."""
    assert NATIONAL.is_working_day(date(2031, 6, 4)) == (True, True)
    assert NATIONAL.is_working_day(date(2031, 6, 7)) == (False, True)


def test_holidays_fixed_by_the_solar_calendar_hold_in_every_year() -> None:
    """1 October is no working day even before the year's arrangement is known, though the answer stays an estimate."""
    assert NATIONAL.is_working_day(date(2031, 10, 1)) == (False, True)
    assert due(date(2031, 9, 24), 7, CALENDAR, NATIONAL) == Due(at(2031, 10, 7), date(2031, 10, 6), estimated=True)


def test_a_single_day_settled_in_advance_is_certain() -> None:
    """A day of the following year that this year's arrangement already names is not an estimate."""
    rows = [(date(2030, 12, 31), False), (date(2031, 1, 4), True)]
    ahead = WorkingCalendar.from_rows(rows, published_years=[2030])
    assert ahead.is_working_day(date(2031, 1, 4)) == (True, False)
    assert ahead.is_working_day(date(2031, 1, 6)) == (True, True)


def test_one_estimated_day_makes_the_whole_count_estimated() -> None:
    """A count that crosses into an unpublished year says so, one that ends before does not."""
    known = WorkingCalendar.from_rows([], published_years=[2030])
    assert not due(date(2030, 12, 25), 4, WORKING, known).estimated
    assert due(date(2030, 12, 25), 5, WORKING, known).estimated
    assert next_working_day(date(2030, 12, 28), known) == (date(2030, 12, 30), False)


def test_a_doubt_at_the_beginning_is_not_forgotten() -> None:
    """A count that begins in an unpublished year stays estimated, though it ends in a published one."""
    known = WorkingCalendar.from_rows([], published_years=[2034])
    assert due(date(2033, 12, 28), 5, WORKING, known) == Due(at(2034, 1, 5), date(2034, 1, 4), estimated=True)
    assert next_working_day(date(2033, 12, 31), known) == (date(2034, 1, 2), True)


def test_a_status_is_true_when_the_day_is_worked() -> None:
    """The pair can be used as a condition without the trap that any tuple is true."""
    assert NATIONAL.is_working_day(date(2025, 11, 3))
    assert not NATIONAL.is_working_day(date(2025, 11, 2))


def test_contradicting_rows_are_refused() -> None:
    """A day cannot be both worked and off; a repeated row is harmless."""
    day = date(2025, 10, 1)
    with pytest.raises(ValueError, match="2025-10-01 is given both"):
        WorkingCalendar.from_rows([(day, True), (day, False)], [2025])
    assert WorkingCalendar.from_rows([(day, False), (day, False)], [2025]).days_off == {day}


def test_calendars_are_values() -> None:
    """Equal rows make equal, hashable calendars, in any order."""
    rows = [(date(2025, 10, 1), False), (date(2025, 10, 11), True)]
    first, second = WorkingCalendar.from_rows(rows, [2025]), WorkingCalendar.from_rows(rows[::-1], [2025])
    assert first == second
    assert hash(first) == hash(second)


def test_the_national_calendar_knows_2004_to_2026() -> None:
    """The years whose arrangement the package carries are published, none beyond."""
    assert set(range(2004, 2027)) <= NATIONAL.published_years
    assert max(NATIONAL.published_years) + 1 not in {day.year for day in NATIONAL.days_off if day.month == 10}


def test_two_sources_agree_on_every_day() -> None:
    """The packages chinesecalendar and holidays, maintained apart, agree on each day of the years both know."""
    second = pytest.importorskip("holidays").country_holidays("CN", years=range(2010, 2027))
    day, different = date(2010, 1, 1), []
    while day < date(2027, 1, 1):
        if bool(NATIONAL.is_working_day(day)) != second.is_working_day(day):
            different.append(day)
        day += timedelta(days=1)
    assert not different


@unhurried
@given(days_known, lengths, st.integers(0, 23))
def test_calendar_days_match_a_naive_count(start: date, days: int, hour: int) -> None:
    """Ticking off one day after another on a wall calendar gives the same last day."""
    begun = datetime(start.year, start.month, start.day, hour, tzinfo=CHINA)
    wall = [start + timedelta(days=n) for n in range(1, 90)]
    expected = next(day for day in wall[days - 1 :] if _is_worked(day))
    assert due(begun, days, CALENDAR, NATIONAL).last_day == expected


@unhurried
@given(days_known, lengths)
def test_working_days_match_a_naive_count(start: date, days: int) -> None:
    """The n-th worked day of a list of days is the n-th working day."""
    worked = [day for n in range(1, 110) if _is_worked(day := start + timedelta(days=n))]
    assert due(start, days, WORKING, NATIONAL).last_day == worked[days - 1]


@unhurried
@given(days_known, lengths)
def test_notice_and_meeting_are_two_sides_of_one_count(notice: date, days: int) -> None:
    """The earliest meeting for a notice has that notice's day as its last day of posting."""
    meeting = earliest_start(notice, days)
    assert latest_notice(meeting, days) == display_until(notice, 1) - timedelta(days=1)
    assert latest_notice(meeting - timedelta(hours=1), days) < latest_notice(meeting, days)


@unhurried
@given(st.datetimes(datetime(2004, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - bounds
def test_days_are_those_of_a_fixed_offset(instant: datetime) -> None:
    """China has no summer time: its day is the day eight hours ahead of Greenwich."""
    assert day_of(instant) == (instant + timedelta(hours=8)).replace(tzinfo=None).date()


def _is_worked(day: date) -> bool:
    """Ask the package itself, by its own function rather than through our calendar."""
    return bool(chinese_calendar.is_workday(day))
