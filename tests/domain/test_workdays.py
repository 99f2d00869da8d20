"""Working days over real calendars, and the laws of any calendar."""

from datetime import UTC, date, datetime, time, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haocha.domain.workdays import SHANGHAI, Calendar, CalendarPublished, Limit, Span
from haocha.store.rulebook import national_calendar

HOURS = (Span(time(9), time(12)), Span(time(13), time(17)))
NATIONAL = Calendar.of(national_calendar("CN-1", datetime(2026, 1, 1, tzinfo=UTC)))
PLAIN = Calendar("plain", date(2026, 12, 31), frozenset(), frozenset())

INSTANTS = st.integers(0, 1_060 * 1_440).map(
    lambda minutes: datetime(2024, 1, 1, tzinfo=SHANGHAI) + timedelta(minutes=minutes)
)
DAYS = st.integers(0, 30)
UNITS = st.sampled_from(["working", "natural"])
DATES = st.dates(date(2024, 1, 1), date(2026, 12, 31))
CALENDARS = st.just(NATIONAL) | st.builds(
    Calendar, st.just("any"), DATES, st.frozensets(DATES, max_size=40), st.frozensets(DATES, max_size=10)
)


def at(text: str) -> datetime:
    """Read a time in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("start", "days", "due"),
    [
        ("2024-02-08 10:00", 1, "2024-02-09 17:00"),  # 除夕 2024 was a working day
        ("2024-02-09 10:00", 1, "2024-02-18 17:00"),  # Spring Festival 2024, then a make-up Sunday
        ("2024-02-09 10:00", 5, "2024-02-22 17:00"),
        ("2024-02-02 10:00", 1, "2024-02-04 17:00"),  # a make-up Sunday before the holidays
        ("2024-09-30 10:00", 1, "2024-10-08 17:00"),  # National Day 2024
        ("2024-09-30 10:00", 5, "2024-10-12 17:00"),  # its make-up Saturday counts
        ("2024-09-27 10:00", 1, "2024-09-29 17:00"),
        ("2025-01-24 10:00", 1, "2025-01-26 17:00"),  # make-up Sunday before Spring Festival 2025
        ("2025-01-27 10:00", 1, "2025-02-05 17:00"),
        ("2025-02-07 10:00", 1, "2025-02-08 17:00"),
        ("2025-09-26 10:00", 1, "2025-09-28 17:00"),
        ("2025-09-30 10:00", 1, "2025-10-09 17:00"),  # National Day with 中秋 2025
        ("2025-09-30 10:00", 3, "2025-10-11 17:00"),
        ("2026-02-13 10:00", 1, "2026-02-14 17:00"),  # make-up Saturday before Spring Festival 2026
        ("2026-02-14 10:00", 1, "2026-02-24 17:00"),
        ("2026-02-27 10:00", 1, "2026-02-28 17:00"),
        ("2026-09-30 10:00", 1, "2026-10-08 17:00"),
        ("2026-10-09 10:00", 1, "2026-10-10 17:00"),
    ],
)
def test_working_days_know_holidays_and_make_up_days(start, days, due):
    """A limit in working days skips holidays and counts worked weekend days."""
    deadline = NATIONAL.deadline(at(start), Limit(days), HOURS)
    assert deadline == (at(due), False)


def test_no_days_is_by_the_close_of_the_same_day():
    """当天 ends when business closes, on the next working day where that has passed."""
    assert PLAIN.deadline(at("2025-06-06 16:59"), Limit(0), HOURS).at == at("2025-06-06 17:00")
    assert PLAIN.deadline(at("2025-06-06 17:01"), Limit(0), HOURS).at == at("2025-06-09 17:00")


def test_minutes_are_by_the_clock():
    """Day and night, holidays too, and never provisional."""
    holiday = NATIONAL.deadline(at("2025-10-01 23:30"), Limit(0, minutes=60), HOURS)
    assert holiday == (at("2025-10-02 00:30"), False)
    assert not NATIONAL.deadline(at("2030-01-01 00:00"), Limit(0, minutes=60), HOURS).provisional


def test_natural_days_end_at_midnight_whatever_the_day():
    """A limit in natural days counts every day and ends with the last of them."""
    assert NATIONAL.deadline(at("2025-09-30 10:00"), Limit(1, "natural"), HOURS) == (at("2025-10-02 00:00"), False)


def test_deadline_beyond_the_known_years_is_provisional():
    """Where the holidays are not published yet the deadline says so."""
    assert NATIONAL.known_until == date(2026, 12, 31)
    assert not NATIONAL.deadline(at("2026-12-30 10:00"), Limit(1), HOURS).provisional
    assert NATIONAL.deadline(at("2026-12-31 10:00"), Limit(1), HOURS) == (at("2027-01-01 17:00"), True)


def test_start_is_a_day_in_shanghai_whatever_its_zone():
    """16:30 UTC is already the next day in Shanghai."""
    late = datetime(2025, 6, 3, 16, 30, tzinfo=UTC)
    assert PLAIN.deadline(late, Limit(1), HOURS).at == at("2025-06-05 17:00")


@pytest.mark.parametrize(
    ("start", "end", "minutes"),
    [
        ("2025-06-03 10:00", "2025-06-03 11:30", 90),
        ("2025-06-03 11:30", "2025-06-03 13:30", 60),  # not the lunch hour
        ("2025-06-06 16:30", "2025-06-09 09:10", 40),  # not the weekend
        ("2025-06-07 10:00", "2025-06-08 10:00", 0),
        ("2024-02-09 16:00", "2024-02-18 10:00", 120),  # not Spring Festival, but its make-up Sunday
        ("2025-06-03 11:00", "2025-06-03 10:00", 0),
    ],
)
def test_worked_minutes_are_business_minutes_of_working_days(start, end, minutes):
    """Only business hours of working days count as worked."""
    assert NATIONAL.worked_minutes(at(start), at(end), HOURS) == minutes


@given(CALENDARS, INSTANTS, st.timedeltas(timedelta(), timedelta(days=40)), DAYS, UNITS)
def test_later_start_never_gives_an_earlier_deadline(calendar, start, later, days, unit):
    """Any calendar: deadlines are monotone in the start."""
    limit = Limit(days, unit)
    assert calendar.deadline(start, limit, HOURS).at <= calendar.deadline(start + later, limit, HOURS).at


@given(CALENDARS, INSTANTS, DAYS, DAYS, UNITS)
def test_more_days_never_give_an_earlier_deadline(calendar, start, days, more, unit):
    """Any calendar: deadlines are monotone in the limit, and not before the start."""
    deadline = calendar.deadline(start, Limit(days, unit), HOURS)
    assert start <= deadline.at <= calendar.deadline(start, Limit(days + more, unit), HOURS).at


@given(CALENDARS, INSTANTS, DAYS)
def test_deadline_is_the_last_of_as_many_working_days(calendar, start, days):
    """Any calendar: after the day of the start, up to the deadline, exactly so many days are worked."""
    began, due = start.date(), calendar.deadline(start, Limit(days), HOURS).at.astimezone(SHANGHAI)
    waits = days == 0 and (not calendar.is_working(began) or start.time() > HOURS[-1].end)
    assert calendar.working_days(began, due.date()) == (1 if waits else days)
    assert calendar.is_working(due.date()) or (days == 0 and not waits)


@given(CALENDARS, INSTANTS, DAYS, UNITS)
def test_republishing_the_same_calendar_changes_nothing(calendar, start, days, unit):
    """Any calendar: an edit that says the same, in any order, leaves every deadline where it is."""
    published = CalendarPublished(
        version="again",
        known_until=calendar.known_until,
        holidays=tuple(sorted(calendar.holidays, reverse=True)),
        make_up_days=tuple(calendar.make_up_days),
        at=start,
    )
    limit = Limit(days, unit)
    assert Calendar.of(published).deadline(start, limit, HOURS) == calendar.deadline(start, limit, HOURS)


@given(CALENDARS, INSTANTS, DAYS, DATES)
def test_edit_of_another_day_leaves_a_deadline(calendar, start, days, day):
    """Any calendar: a holiday before the start or after the deadline has nothing to do with it."""
    before = calendar.deadline(start, Limit(days), HOURS)
    edited = msgspec.structs.replace(calendar, holidays=calendar.holidays | {day})
    if not start.date() <= day <= before.at.astimezone(SHANGHAI).date():
        assert edited.deadline(start, Limit(days), HOURS) == before


@given(CALENDARS, INSTANTS, DAYS, DATES)
def test_more_days_off_never_give_an_earlier_deadline_nor_more_worked_minutes(calendar, start, days, day):
    """Any calendar: a holiday only ever moves a deadline later, a make-up day earlier."""
    fewer = msgspec.structs.replace(
        calendar, holidays=calendar.holidays | {day}, make_up_days=calendar.make_up_days - {day}
    )
    more = msgspec.structs.replace(calendar, make_up_days=calendar.make_up_days | {day})
    limit, end = Limit(days), start + timedelta(days=60)
    assert fewer.deadline(start, limit, HOURS).at >= calendar.deadline(start, limit, HOURS).at
    assert more.deadline(start, limit, HOURS).at <= calendar.deadline(start, limit, HOURS).at
    assert (
        fewer.worked_minutes(start, end, HOURS)
        <= calendar.worked_minutes(start, end, HOURS)
        <= more.worked_minutes(start, end, HOURS)
    )


@given(CALENDARS, st.dates(date(2027, 1, 1), date(2027, 12, 31)), INSTANTS, DAYS)
def test_knowing_more_makes_a_deadline_certain_and_moves_none_that_was(calendar, known_until, start, days):
    """Any calendar: where only later days become known, what was certain stays."""
    longer = msgspec.structs.replace(calendar, known_until=known_until)
    before, after = (one.deadline(start, Limit(days), HOURS) for one in (calendar, longer))
    assert after.at == before.at
    assert before.provisional >= after.provisional


@given(
    CALENDARS, INSTANTS, st.timedeltas(timedelta(), timedelta(days=9)), st.timedeltas(timedelta(), timedelta(days=9))
)
def test_worked_minutes_add_up(calendar, start, first, second):
    """Any calendar: two stretches are worked as long as their sum, but for the minute the cut falls in."""
    middle, end = start + first, start + first + second
    parts = calendar.worked_minutes(start, middle, HOURS) + calendar.worked_minutes(middle, end, HOURS)
    assert 0 <= calendar.worked_minutes(start, end, HOURS) - parts <= 1
