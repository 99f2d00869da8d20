"""Dated deadlines over the real calendars of 2024 to 2026, reckoned by hand from the State Council's notices.

Office hours are 9 to 12 and 13 to 17. `working` days end at 17:00, `natural` ones at midnight; 0 of them is 当天.

Off (放假):
2024: 1 Jan · 10–17 Feb · 4–6 Apr · 1–5 May · 8–10 June · 15–17 Sept · 1–7 Oct
2025: 1 Jan · 28 Jan–4 Feb · 4–6 Apr · 1–5 May · 31 May–2 June · 1–8 Oct
2026: 1–3 Jan · 15–23 Feb · 4–6 Apr · 1–5 May · 19–21 June · 25–27 Sept · 1–7 Oct

Worked weekend days (调休上班):
2024: 4, 18 Feb · 7, 28 Apr · 11 May · 14, 29 Sept · 12 Oct
2025: 26 Jan · 8 Feb · 27 Apr · 28 Sept · 11 Oct
2026: 4 Jan · 14, 28 Feb · 9 May · 20 Sept · 10 Oct
"""

from datetime import UTC, datetime, time

import pytest

from haocha.domain.workdays import SHANGHAI, Calendar, Limit, Span
from haocha.store.rulebook import national_calendar

HOURS = (Span(time(9), time(12)), Span(time(13), time(17)))
NATIONAL = Calendar.of(national_calendar("CN-1", datetime(2026, 1, 1, tzinfo=UTC)))

CASES = """
2024-01-01 10:00 | 0 working  | 2024-01-02 17:00 | New Year's Day is off: 当天 is the next working day
2024-01-02 09:30 | 1 working  | 2024-01-03 17:00 | the day of the start is not counted
2024-02-02 16:00 | 1 working  | 2024-02-04 17:00 | Friday, then the make-up Sunday before Spring Festival
2024-02-02 16:00 | 5 working  | 2024-02-08 17:00 | Sun 4, Mon 5 … Thu 8
2024-02-08 10:00 | 3 working  | 2024-02-19 17:00 | 除夕 on the 9th was worked in 2024; then Sun 18, Mon 19
2024-02-09 18:30 | 0 working  | 2024-02-18 17:00 | after closing on 除夕: the make-up Sunday
2024-02-12 11:00 | 1 working  | 2024-02-18 17:00 | a rating in the holidays; the first working day is the first day
2024-02-18 10:00 | 0 working  | 2024-02-18 17:00 | a make-up Sunday is a working day
2024-02-09 10:00 | 7 natural  | 2024-02-17 00:00 | natural days run through Spring Festival, to the end of the 16th
2024-02-09 10:00 | 15 working | 2024-03-07 17:00 | 18 Feb, 19–23, 26–1 Mar, 4–7 Mar
2024-04-03 10:00 | 2 working  | 2024-04-08 17:00 | 清明 4–6, make-up Sunday 7, Monday 8
2024-04-26 10:00 | 1 working  | 2024-04-28 17:00 | make-up Sunday before Labour Day
2024-04-30 16:59 | 0 working  | 2024-04-30 17:00 | a minute before closing is still the same day
2024-04-30 17:01 | 0 working  | 2024-05-06 17:00 | a minute after closing, and then five days off
2024-04-30 10:00 | 5 working  | 2024-05-10 17:00 | 6–10 May
2024-05-10 10:00 | 1 working  | 2024-05-11 17:00 | make-up Saturday after Labour Day
2024-05-11 17:30 | 0 working  | 2024-05-13 17:00 | after closing on a make-up Saturday: Monday
2024-06-07 10:00 | 1 working  | 2024-06-11 17:00 | 端午 8–10 June without a make-up day
2024-09-13 10:00 | 1 working  | 2024-09-14 17:00 | make-up Saturday before 中秋
2024-09-14 10:00 | 1 working  | 2024-09-18 17:00 | from a make-up Saturday over 中秋
2024-09-27 10:00 | 3 working  | 2024-10-08 17:00 | make-up Sunday 29, Monday 30, then after National Day
2024-09-30 10:00 | 5 working  | 2024-10-12 17:00 | 8–11 October and the make-up Saturday
2024-10-01 10:00 | 7 natural  | 2024-10-09 00:00 | to the end of the 8th
2024-12-31 10:00 | 1 working  | 2025-01-02 17:00 | over New Year's Day 2025
2025-01-24 10:00 | 2 working  | 2025-01-27 17:00 | make-up Sunday 26, Monday 27
2025-01-26 10:00 | 1 natural  | 2025-01-28 00:00 | from a make-up Sunday, to the end of Monday
2025-01-27 10:00 | 5 working  | 2025-02-10 17:00 | 5–7 Feb, make-up Saturday 8, Monday 10
2025-01-28 09:00 | 0 working  | 2025-02-05 17:00 | 除夕 2025 is off
2025-02-07 10:00 | 15 working | 2025-02-27 17:00 | Sat 8, 10–14, 17–21, 24–27
2025-02-08 08:00 | 0 working  | 2025-02-08 17:00 | before opening on a make-up Saturday
2025-04-03 10:00 | 1 working  | 2025-04-07 17:00 | 清明 4–6
2025-04-25 10:00 | 3 working  | 2025-04-29 17:00 | make-up Sunday 27, 28, 29
2025-04-30 10:00 | 1 working  | 2025-05-06 17:00 | Labour Day 1–5
2025-05-30 10:00 | 1 working  | 2025-06-03 17:00 | 端午 31 May–2 June
2025-06-06 23:59 | 1 working  | 2025-06-09 17:00 | late on Friday: Monday is the first day
2025-06-07 10:00 | 0 working  | 2025-06-09 17:00 | 当天 on an ordinary Saturday is Monday
2025-06-07 10:00 | 0 natural  | 2025-06-08 00:00 | a natural day does not wait for Monday
2025-09-26 10:00 | 3 working  | 2025-09-30 17:00 | make-up Sunday 28, 29, 30
2025-09-30 10:00 | 5 working  | 2025-10-14 17:00 | 9, 10, make-up Saturday 11, 13, 14
2025-09-30 10:00 | 15 natural | 2025-10-16 00:00 | National Day with 中秋 counts in natural days
2025-10-06 12:00 | 1 working  | 2025-10-09 17:00 | 中秋 2025 lies in the eight days off
2025-12-31 10:00 | 1 working  | 2026-01-04 17:00 | New Year 1–3 January 2026, make-up Sunday 4
2025-12-31 18:00 | 0 working  | 2026-01-04 17:00 | the same after closing
2026-01-03 10:00 | 5 working  | 2026-01-08 17:00 | make-up Sunday 4, 5–8
2026-02-13 10:00 | 1 working  | 2026-02-14 17:00 | make-up Saturday before Spring Festival
2026-02-13 10:00 | 5 working  | 2026-02-27 17:00 | Sat 14, then 24–27
2026-02-14 17:01 | 0 working  | 2026-02-24 17:00 | after closing on the make-up Saturday: nine days off
2026-02-16 10:00 | 7 natural  | 2026-02-24 00:00 | from 除夕 to the end of the last day off
2026-02-24 10:00 | 5 working  | 2026-03-02 17:00 | 25–27, make-up Saturday 28, Monday 2 March
2026-04-03 10:00 | 1 working  | 2026-04-07 17:00 | 清明 4–6
2026-04-30 10:00 | 4 working  | 2026-05-09 17:00 | 6–8 and the make-up Saturday
2026-06-18 10:00 | 1 working  | 2026-06-22 17:00 | 端午 19–21 June
2026-09-18 10:00 | 1 working  | 2026-09-20 17:00 | make-up Sunday before 中秋 and National Day
2026-09-24 10:00 | 3 working  | 2026-09-30 17:00 | 中秋 25–27 has no make-up day of its own
2026-09-30 10:00 | 3 working  | 2026-10-10 17:00 | 8, 9, make-up Saturday 10
2026-12-30 10:00 | 1 working  | 2026-12-31 17:00 | the last day that is known
2026-12-31 10:00 | 1 working  | 2027-01-01 17:00 | provisional: nobody knows yet that New Year's Day is off
2026-12-21 10:00 | 15 working | 2027-01-11 17:00 | provisional: eight days are known, seven are guessed
2026-12-25 10:00 | 15 natural | 2027-01-10 00:00 | natural days are never provisional
"""


def case(line):
    """Read a line of the table."""
    start, limit, due, why = (cell.strip() for cell in line.split("|"))
    days, unit = limit.split()
    return pytest.param(start, Limit(int(days), unit), due, why.startswith("provisional"), id=f"{start} {limit}")


def shanghai(text):
    """Read a time in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(("start", "limit", "due", "provisional"), [case(line) for line in CASES.strip().splitlines()])
def test_deadline(start, limit, due, provisional):
    """The deadline is the one that a person with a wall calendar finds."""
    assert NATIONAL.deadline(shanghai(start), limit, HOURS) == (shanghai(due), provisional)


def test_the_table_is_of_real_years():
    """At least forty cases, of each year, in both kinds of days, on make-up days and beyond what is known."""
    lines = CASES.strip().splitlines()
    assert len(lines) >= 40
    assert {line[:4] for line in lines} == {"2024", "2025", "2026"}
    for part in ("working", "natural", "make-up", "| 0 ", "provisional:"):
        assert sum(part in line for line in lines) >= 2, part


def test_holidays_are_those_of_the_notices():
    """The calendar that haocha begins with is the one the table was reckoned with."""
    known = [day for day in sorted(NATIONAL.make_up_days) if day.year >= 2024]
    assert [f"{day:%Y-%m-%d}" for day in known] == [
        "2024-02-04", "2024-02-18", "2024-04-07", "2024-04-28", "2024-05-11", "2024-09-14", "2024-09-29", "2024-10-12",
        "2025-01-26", "2025-02-08", "2025-04-27", "2025-09-28", "2025-10-11",
        "2026-01-04", "2026-02-14", "2026-02-28", "2026-05-09", "2026-09-20", "2026-10-10",
    ]  # fmt: skip
    off = [day for day in NATIONAL.holidays if day.year in {2024, 2025, 2026}]
    assert len(off) == 28 + 28 + 33
