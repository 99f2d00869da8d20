"""Deadlines as traffic lights: how many working days (工作日) are left, in words, with a colour and a shape."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final, Literal

import msgspec

from haocha.domain.workdays import ONE_DAY, SHANGHAI, Calendar

SOON = 2  # working days left from which on a deadline is near
INSTANT = timedelta(microseconds=1)
KNOWN: Final = 4096  # pairs of days whose distance is remembered: a list has many rows, and few pairs

Kind = Literal["over", "today", "soon", "fine", "none"]


class Light(msgspec.Struct, frozen=True):
    """What is shown of a deadline (templates/parts/light.html)."""

    kind: Kind
    text: str
    provisional: bool = False
    """Whether it rests on days whose holidays are not published yet (暂定)."""


def light(due: datetime | None, now: datetime, calendar: Calendar, *, provisional: bool = False) -> Light:
    """Say how a deadline stands at `now`; a day counts where it is a working day of `calendar`."""
    if due is None:
        return Light("none", "无时限")
    today, last = now.astimezone(SHANGHAI).date(), (due - INSTANT).astimezone(SHANGHAI).date()
    if now > due:
        days = _working(calendar, last, today)
        return Light("over", f"超 {days} 工作日" if days else "刚超期", provisional)
    if last == today:
        return Light("today", "今日到期", provisional)
    days = _working(calendar, today, last)
    return Light("soon" if days <= SOON else "fine", f"剩 {days} 工作日" if days else "休息日到期", provisional)


@lru_cache(maxsize=KNOWN)
def _working(calendar: Calendar, after: date, upto: date) -> int:
    """Count the working days after the one and up to the other."""
    return sum(calendar.is_working(after + ONE_DAY * n) for n in range(1, (upto - after).days + 1))
