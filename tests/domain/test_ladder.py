"""When reminders and rungs fall: in business time and calendar days, across weekends, holidays and 调休."""

from datetime import datetime, timedelta

import chinese_calendar
import msgspec
import pytest
from chinese_calendar import constants
from hypothesis import given
from hypothesis import strategies as st

from haocha.domain.ladder import LEVELS, steps, weight_of
from haocha.domain.policy import DEFAULT, Rung, StageRule, Terms
from haocha.domain.workdays import SATURDAY, SHANGHAI, Calendar, Limit

CALENDAR = Calendar(
    "CN-1",
    known_until=datetime(2026, 12, 31).date(),  # noqa: DTZ001 (a day)
    holidays=frozenset(constants.holidays),
    make_up_days=frozenset(day for day in constants.workdays if day.weekday() >= SATURDAY),
)
ALL = msgspec.structs.replace(
    DEFAULT,
    warnings=(50, 80),
    ladder=(Rung("remind", Limit(0)), Rung("yellow", Limit(1)), Rung("red", Limit(3)), Rung("talk", Limit(5))),
)


def local(text):
    """Read a time in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def plan(start, limit, policy=ALL):
    """Return the steps of a deadline under a limit, by rule, in Shanghai's time."""
    terms = Terms("test-1", msgspec.structs.replace(policy, stages={"fix": StageRule(limit)}), CALENDAR)
    due = terms.due("fix", local(start)).at
    told = steps(terms, "fix", local(start), due, "general")
    return {step.rule: step.at.astimezone(SHANGHAI).strftime("%m-%d %H:%M") for step in told}


@pytest.mark.parametrize(
    ("start", "limit", "expected"),
    [
        # Monday 9:00, five working days to next Monday 17:00: 42 h of business, half of them on Wednesday evening.
        (
            "2025-06-09 09:00",
            Limit(5),
            {
                "warning:50": "06-11 17:00",
                "warning:80": "06-13 15:36",
                "ladder:remind": "06-16 17:00",
                "ladder:yellow": "06-17 17:00",
                "ladder:red": "06-19 17:00",
                "ladder:talk": "06-23 17:00",
            },
        ),
        # Before Spring Festival (28 January to 4 February 2025; 26 January and 8 February are worked).
        (
            "2025-01-24 09:00",
            Limit(3),
            {
                "warning:50": "01-26 17:00",
                "warning:80": "02-05 10:24",
                "ladder:remind": "02-05 17:00",
                "ladder:yellow": "02-06 17:00",
                "ladder:red": "02-08 17:00",
                "ladder:talk": "02-11 17:00",
            },
        ),
        # Natural days end at midnight, which belongs to the day before: three working days late is Wednesday.
        (
            "2025-06-11 10:00",
            Limit(2, "natural"),
            {
                "warning:50": "06-12 17:00",
                "warning:80": "06-13 11:36",
                "ladder:remind": "06-14 00:00",
                "ladder:yellow": "06-16 17:00",
                "ladder:red": "06-18 17:00",
                "ladder:talk": "06-20 17:00",
            },
        ),
    ],
    ids=["a week", "Spring Festival", "natural days"],
)
def test_steps_fall_on_these_times(start, limit, expected):
    """Reckoned by hand."""
    assert plan(start, limit) == expected


def test_rung_in_natural_days_counts_from_the_day_that_the_deadline_ends():
    """A deadline at midnight is the end of Friday: one day late is the end of Saturday."""
    policy = msgspec.structs.replace(ALL, warnings=(), ladder=(Rung("red", Limit(1, "natural")),))
    assert plan("2025-06-11 10:00", Limit(2, "natural"), policy) == {"ladder:red": "06-15 00:00"}
    assert plan("2025-06-11 10:00", Limit(2), policy) == {"ladder:red": "06-15 00:00"}


def test_calendar_is_the_one_that_the_cases_were_reckoned_with():
    """The days off that the table above rests on."""
    assert not chinese_calendar.is_workday(local("2025-01-28 00:00").date())
    assert chinese_calendar.is_workday(local("2025-02-08 00:00").date())


def test_a_warning_weighs_less_than_every_rung():
    """The ladder's own order is the order of gravity."""
    weights = [weight_of("warning:80"), *(weight_of(f"ladder:{level}") for level in LEVELS)]
    assert weights == [0, 1, 2, 3, 4, 5]


@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2026, 10, 1), timezones=st.just(SHANGHAI)),  # noqa: DTZ001 (timezones)
    st.builds(Limit, st.integers(0, 20), st.sampled_from(["working", "natural"])),
    st.lists(st.integers(1, 99), max_size=3, unique=True),
    st.lists(st.builds(Limit, st.integers(0, 15), st.sampled_from(["working", "natural"])), max_size=5),
)
def test_warnings_come_before_the_deadline_and_rungs_do_not(start, limit, warnings, overdue):
    """Whatever the policy says: in order, warnings within the stage's time, rungs from the deadline on."""
    policy = msgspec.structs.replace(
        DEFAULT,
        stages={"fix": StageRule(limit)},
        warnings=tuple(warnings),
        ladder=tuple(Rung(level, late) for level, late in zip(LEVELS, overdue, strict=False)),
    )
    terms = Terms("test-1", policy, CALENDAR)
    due = terms.due("fix", start).at
    told = steps(terms, "fix", start, due, "general")
    assert [step.at for step in told] == sorted(step.at for step in told)
    assert len({step.rule for step in told}) == len(told) == len(warnings) + len(policy.ladder)
    for step in told:
        assert due <= step.at if step.level else start - timedelta(minutes=1) <= step.at <= max(start, due)


def test_limits_by_the_clock_have_steps_by_the_clock():
    """On a Sunday night, too: a share of the minutes, and so many minutes behind."""
    minutes = msgspec.structs.replace(
        DEFAULT, warnings=(80,), ladder=(Rung("yellow", Limit(0)), Rung("red", Limit(0, minutes=4)))
    )
    assert plan("2025-06-08 23:50", Limit(0, minutes=20), minutes) == {
        "warning:80": "06-09 00:06",
        "ladder:yellow": "06-09 00:10",
        "ladder:red": "06-09 00:14",
    }
