"""Working days (工作日) with 调休: which days count, when a limit in days runs out, how many minutes were worked.

Days are counted as the Civil Code counts a period (民法典 201, 203): the day of the start is not counted, and the last
day ends when business closes, or, in natural days, at midnight. Days are Shanghai's, whose clock has no summer time.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, timezone
from typing import ClassVar, Literal, NamedTuple
from uuid import UUID, uuid5

import msgspec

SHANGHAI = timezone(timedelta(hours=8), "Asia/Shanghai")
ONE_DAY = timedelta(days=1)
SATURDAY = 5


class Span(msgspec.Struct, frozen=True):
    """A stretch of business hours within a day, Shanghai time."""

    start: time
    end: time


class Limit(msgspec.Struct, frozen=True):
    """A number of days: `working` (工作日) or `natural` (自然日). None of them is 当天, by the end of the same day.

    `minutes`, where there are any, stand for the days: by the clock, as a hotline's 一小时内联系.
    """

    days: int
    unit: Literal["working", "natural"] = "working"
    minutes: int | msgspec.UnsetType = msgspec.UNSET


class Deadline(NamedTuple):
    """An instant, and whether it rests on days of a year whose holidays are not published yet."""

    at: datetime
    provisional: bool


class CalendarPublished(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A version of the calendar: holidays (节假日) and worked weekend days (调休上班), known up to a date inclusive."""

    TOPIC: ClassVar[str] = "calendar.published:v1"

    version: str
    known_until: date
    holidays: tuple[date, ...]
    make_up_days: tuple[date, ...]
    at: datetime
    by: str = ""


class Calendar(msgspec.Struct, frozen=True):
    """What a published calendar answers."""

    version: str
    known_until: date
    holidays: frozenset[date]
    make_up_days: frozenset[date]

    @classmethod
    def of(cls, published: CalendarPublished) -> "Calendar":
        """Take the calendar out of its event."""
        return cls(
            published.version,
            published.known_until,
            frozenset(published.holidays),
            frozenset(published.make_up_days),
        )

    def is_working(self, day: date) -> bool:
        """Say whether people work on `day`; beyond `known_until` weekends are the only days off."""
        if day in self.make_up_days:
            return True
        return day not in self.holidays and day.weekday() < SATURDAY

    def working_days(self, after: date, upto: date) -> int:
        """Return how many working days there are from the day after `after` up to `upto`."""
        return sum(map(self.is_working, _days(after + ONE_DAY, upto)))

    def deadline(self, start: datetime, limit: Limit, hours: tuple[Span, ...]) -> Deadline:
        """Return when `limit` from `start` runs out (UTC)."""
        if limit.minutes:
            return Deadline(start.astimezone(UTC) + timedelta(minutes=limit.minutes), provisional=False)
        began = start.astimezone(SHANGHAI)
        if limit.unit == "natural":
            return Deadline(_utc(began.date() + ONE_DAY * (limit.days + 1), time()), provisional=False)
        day, closing, left = began.date(), hours[-1].end, limit.days
        if left == 0 and (not self.is_working(day) or began.time() > closing):
            left = 1
        while left:
            day += ONE_DAY
            left -= self.is_working(day)
        return Deadline(_utc(day, closing), provisional=day > self.known_until)

    def worked_minutes(self, start: datetime, end: datetime, hours: tuple[Span, ...]) -> int:
        """Return the whole business minutes between two instants, 0 where `end` is not after `start`."""
        worked = timedelta()
        for day in _days(start.astimezone(SHANGHAI).date(), end.astimezone(SHANGHAI).date()):
            if self.is_working(day):
                for span in hours:
                    stretch = min(end, _instant(day, span.end)) - max(start, _instant(day, span.start))
                    worked += max(stretch, timedelta())
        return worked // timedelta(minutes=1)


def calendar_id(namespace: UUID) -> UUID:
    """Name the stream of the national calendar; version n of the calendar is its n-th event."""
    return uuid5(namespace, "calendar|CN")


def _instant(day: date, clock: time) -> datetime:
    return datetime.combine(day, clock, SHANGHAI)


def _utc(day: date, clock: time) -> datetime:
    return _instant(day, clock).astimezone(UTC)


def _days(first: date, last: date) -> Iterator[date]:
    while first <= last:
        yield first
        first += ONE_DAY


EVENTS: tuple[type, ...] = (CalendarPublished,)
