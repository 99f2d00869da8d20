"""One way of looking at the loop: period, area, unit and rated department, as an address holds them."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Final, Self
from urllib.parse import urlencode

import msgspec

from haocha.domain.registry import area_prefix
from haocha.web.loop_figures import Asked
from haocha.web.parameters import AREA, CONTROL, LONGEST_KEY
from haocha.web.scopes import Scope

PERIODS: Final = {"7": "近 7 日", "30": "近 30 日", "90": "近 90 日", "365": "近一年"}
USUAL: Final = "30"
LONGEST: Final = 366


class View(msgspec.Struct, frozen=True, kw_only=True):
    """What one address asks for; tickets opened from `since` to `until`, both included."""

    period: str = USUAL
    since: date
    until: date
    area: str = ""
    unit: str = ""
    dept: str = ""

    @classmethod
    def parse(cls, query: Mapping[str, str], today: date) -> tuple[Self, str]:
        """Read the address; what it cannot mean is replaced by the usual, with a sentence that says so.

        Days win over a period, but for those that were `kept` in the form while a period was chosen.
        """
        period, notice = query.get("period") or USUAL, ""
        if period not in PERIODS:
            period, notice = USUAL, f"没有这个时段，已显示{PERIODS[USUAL]}。"
        since, until = today - timedelta(days=int(period) - 1), today
        if query.get("from") and not (query.get("period") and query["from"] == query.get("kept")):
            chosen = days(query["from"], query.get("to") or str(today), today)
            if chosen:
                period, (since, until) = "", chosen
            else:
                notice = f"起止日期不可用，已显示{PERIODS[period]}。请填写不晚于今天、不超过 {LONGEST} 天的起止日期。"
        area = query.get("area", "").strip()
        if area and not AREA.fullmatch(area):
            area, notice = "", "区划应为 1 到 12 位数字的代码或其前几位，已按全部显示。"
        unit, dept = (_code(query.get(name, "")) for name in ("unit", "dept"))
        return cls(period=period, since=since, until=until, area=area, unit=unit, dept=dept), notice

    @property
    def label(self) -> str:
        """The period's name."""
        return PERIODS.get(self.period) or f"{self.since} 至 {self.until}"

    def asked(self, scope: Scope) -> Asked:
        """Return which tickets are counted."""
        return Asked(
            scope=scope,
            unit=self.unit or None,
            dept=self.dept or None,
            area=area_prefix(self.area) if self.area else None,
            since=self.since,
            until=self.until,
        )

    def query(self, **changes: str) -> str:
        """Give this view as a query string, with changes; '' takes a member away."""
        members = {"area": self.area, "unit": self.unit, "dept": self.dept}
        if self.period:
            members["period"] = self.period if self.period != USUAL else ""
        else:
            members |= {"from": str(self.since), "to": str(self.until)}
        if "period" in changes:
            members |= {"from": "", "to": ""}
        return urlencode({name: value for name, value in (members | changes).items() if value})


def days(since: str, until: str, today: date) -> tuple[date, date] | None:
    """Read a period; None where it is none, too long, or ends in the future."""
    try:
        first, last = date.fromisoformat(since), date.fromisoformat(until)
    except ValueError:
        return None
    return (first, last) if 0 <= (last - first).days < LONGEST and last <= today else None


def _code(value: str) -> str:
    value = value.strip()
    return "" if len(value) > LONGEST_KEY or CONTROL.search(value) else value
