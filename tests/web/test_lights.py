"""Traffic lights: working days left and over, across weekends, make-up days and holidays."""

from datetime import UTC, datetime

import pytest

from haocha.domain.workdays import SHANGHAI, Calendar
from haocha.store.rulebook import national_calendar
from haocha.web.lights import light

CALENDAR = Calendar.of(national_calendar("CN-1", datetime(2025, 1, 1, tzinfo=UTC)))


def at(text: str) -> datetime:
    """Read a time in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("due", "now", "kind", "text"),
    [
        ("2025-06-06 17:00", "2025-06-03 10:00", "fine", "剩 3 工作日"),
        ("2025-06-06 17:00", "2025-06-04 10:00", "soon", "剩 2 工作日"),
        ("2025-06-06 17:00", "2025-06-06 16:59", "today", "今日到期"),
        ("2025-06-06 17:00", "2025-06-06 17:01", "over", "刚超期"),
        ("2025-06-06 17:00", "2025-06-08 12:00", "over", "刚超期"),  # a weekend adds no working day
        ("2025-06-06 17:00", "2025-06-09 08:00", "over", "超 1 工作日"),
        ("2025-02-05 17:00", "2025-01-27 10:00", "soon", "剩 1 工作日"),  # Spring Festival: 28 January to 4 February
        ("2025-02-08 17:00", "2025-02-07 10:00", "soon", "剩 1 工作日"),  # a Saturday that is worked
        ("2025-06-09 00:00", "2025-06-06 10:00", "soon", "休息日到期"),  # midnight: the Sunday is the last day
        ("2025-06-07 00:00", "2025-06-06 10:00", "today", "今日到期"),
    ],
)
def test_light_counts_working_days(due, now, kind, text):
    """Only working days count, make-up days among them; midnight belongs to the day before."""
    shown = light(at(due), at(now), CALENDAR)
    assert (shown.kind, shown.text) == (kind, text)


def test_days_are_counted_once_for_a_whole_list(monkeypatch):
    """Fifty tickets that are 300 days overdue ask the calendar about each day once."""
    asked, is_working = [], Calendar.is_working

    def counting(calendar, day):
        asked.append(day)
        return is_working(calendar, day)

    monkeypatch.setattr(Calendar, "is_working", counting)
    shown = {light(at("2025-01-10 17:00"), at("2025-11-06 10:00"), CALENDAR).text for _ in range(50)}
    assert len(shown) == 1
    assert len(asked) == 300


def test_no_deadline_is_no_light():
    """A ticket without a deadline says so."""
    assert light(None, at("2025-06-06 10:00"), CALENDAR).kind == "none"
