"""One way of looking at the board: period, hall, department, wall screen or not, and how much the viewer may see.

A view is what the address says, made whole: equal views share one computation, whoever looks.
"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Self
from urllib.parse import urlencode

import msgspec

PERIODS = {"today": "今日", "7": "近 7 日", "30": "近 30 日"}
PERIOD_DAYS = {"today": 1, "7": 7, "30": 30}
LONGEST = 366
TREND_DAYS = 30
KEY_LENGTH = 50


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What one address of the board asks for; `until` is the last day and included."""

    period: str = "today"
    since: date
    until: date
    hall: str = ""
    dept: str = ""
    wall: bool = False
    full: bool = False
    """Whether staff and texts are shown: with a session, and never on a wall."""

    @classmethod
    def parse(cls, query: Mapping[str, str], today: date, *, full: bool) -> tuple[Self, str]:
        """Read the address; what it cannot mean is replaced by today's board, with a sentence that says so."""
        wall = query.get("wall") == "1"
        period, notice = query.get("period") or "today", ""
        if period not in PERIODS:
            period, notice = "today", "没有这个时段，已显示今日。"
        since, until = today - timedelta(days=PERIOD_DAYS[period] - 1), today
        if query.get("from"):
            chosen = _dates(query["from"], query.get("to") or str(today), today)
            if chosen:
                period, (since, until) = "custom", chosen
            else:
                notice = f"起止日期不可用，已显示{PERIODS[period]}。请填写不晚于今天、不超过 {LONGEST} 天的起止日期。"
        hall, dept = (query.get(name, "").strip()[:KEY_LENGTH] for name in ("hall", "dept"))
        view = cls(period=period, since=since, until=until, hall=hall, dept=dept, wall=wall, full=full and not wall)
        return view, notice

    @property
    def days(self) -> int:
        """How many days the period has."""
        return (self.until - self.since).days + 1

    @property
    def label(self) -> str:
        """The period's name for headings."""
        if self.period in PERIODS:
            return PERIODS[self.period]
        return f"{self.since:%Y-%m-%d} 至 {self.until:%Y-%m-%d}"

    @property
    def before(self) -> tuple[date, date]:
        """The period of the same length just before this one."""
        return self.since - timedelta(days=self.days), self.since - timedelta(days=1)

    @property
    def before_label(self) -> str:
        """What the period before is called."""
        return "昨日全天" if self.period == "today" else f"前 {self.days} 日"

    @property
    def trend_since(self) -> date:
        """The first day of the trend: 30 days back, or the period's own if that is longer."""
        return min(self.since, self.until - timedelta(days=TREND_DAYS - 1))

    def address(self, **changes: str) -> str:
        """Give this view's address with `changes`."""
        return f"/?{query}" if (query := self.query(**changes)) else "/"

    def query(self, **changes: str) -> str:
        """Give the members of this view's address, changed, as a query string."""
        members = {"hall": self.hall, "dept": self.dept, "wall": "1" if self.wall else ""}
        if self.period == "custom":
            members |= {"from": self.since.isoformat(), "to": self.until.isoformat()}
        elif self.period != "today":
            members["period"] = self.period
        if "period" in changes:
            for name in ("period", "from", "to"):
                members.pop(name, None)
        return urlencode({name: value for name, value in (members | changes).items() if value})


def _dates(since: str, until: str, today: date) -> tuple[date, date] | None:
    """Read a period of one's own; None where it is none, too long, or ends in the future."""
    try:
        first, last = date.fromisoformat(since), date.fromisoformat(until)
    except ValueError:
        return None
    return (first, last) if 0 <= (last - first).days < LONGEST and last <= today else None
