"""The periods that circulars are about: 日巡查 a day, 周统计 a week from Monday, 月通报 a month, in Shanghai's days."""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final, Literal, Self, get_args

import msgspec

from haocha.domain.workdays import SHANGHAI

Kind = Literal["day", "week", "month"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
NAMES: Final[dict[Kind, str]] = {"day": "日巡查", "week": "周统计", "month": "月通报"}
LISTED: Final[dict[Kind, int]] = {"day": 14, "week": 12, "month": 12}
ONE_DAY: Final = timedelta(days=1)


class Period(msgspec.Struct, frozen=True):
    """One day, week or month by its first day."""

    kind: Kind
    first: date

    @classmethod
    def around(cls, kind: Kind, day: date) -> Self:
        """Return the period that a day lies in."""
        match kind:
            case "day":
                return cls(kind, day)
            case "week":
                return cls(kind, day - ONE_DAY * day.weekday())
            case "month":
                return cls(kind, day.replace(day=1))

    @property
    def last(self) -> date:
        """The last day, included."""
        match self.kind:
            case "day":
                return self.first
            case "week":
                return self.first + ONE_DAY * 6
            case "month":
                return (self.first + ONE_DAY * 31).replace(day=1) - ONE_DAY

    @property
    def before(self) -> Self:
        """The period just before."""
        return self.around(self.kind, self.first - ONE_DAY)

    @property
    def after(self) -> Self:
        """The period just after."""
        return self.around(self.kind, self.last + ONE_DAY)

    @property
    def start(self) -> datetime:
        """When it begins."""
        return datetime.combine(self.first, time(), SHANGHAI)

    @property
    def end(self) -> datetime:
        """When it is over."""
        return datetime.combine(self.last + ONE_DAY, time(), SHANGHAI)

    @property
    def name(self) -> str:
        """What people call it."""
        first, last = self.first, self.last
        match self.kind:
            case "day":
                return f"{first.year}年{first.month}月{first.day}日"
            case "week":
                year, week, _ = first.isocalendar()
                return f"{year}年第{week}周（{first.month}月{first.day}日至{last.month}月{last.day}日）"
            case "month":
                return f"{first.year}年{first.month}月"

    @property
    def title(self) -> str:
        """What its circular is called."""
        return f"{NAMES[self.kind]} · {self.name}"

    @property
    def address(self) -> str:
        """Where its circular is."""
        return f"/desk/circulars/{self.kind}/{self.first}"


def recent(kind: Kind, today: date, since: date | None) -> Iterator[Period]:
    """Go back from the period of today, not beyond the first ticket."""
    period = Period.around(kind, today)
    for _ in range(LISTED[kind]):
        if since is None or period.last < since:
            return
        yield period
        period = period.before


def parse(kind: str, first: str, today: date) -> Period | None:
    """Read an address; None where there is no such period, or it lies in the future."""
    named = next((one for one in KINDS if one == kind), None)
    try:
        day = date.fromisoformat(first)
    except ValueError:
        return None
    return Period.around(named, day) if named and date(2000, 1, 1) <= day <= today else None
