"""What a list of tickets is narrowed to: read from an address, checked, and written into one again.

The names are the same in `GET /v1/tickets` and in the addresses of the workbench; several values stand in one member,
with commas between them.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any, Final, NamedTuple, Self
from urllib.parse import urlencode

import msgspec

from haocha.domain.codes import CHANNELS
from haocha.domain.registry import area_prefix
from haocha.domain.ticket_events import SOURCES
from haocha.domain.ticket_state import LADDER, STATUSES
from haocha.web import words
from haocha.web.parameters import AREA, CONTROL, DAY, LONGEST_KEY
from haocha.web.problems import Fault

DUES: Final = {"over": "已超期", "today": "今日到期", "soon": "即将到期", "later": "时限充裕", "none": "无时限"}
TIERS: Final = {"above": "省级工单", "below": "下级办理"}
SORTS: Final = {"due": "时限近的在前", "newest": "新的在前", "oldest": "旧的在前", "level": "评价低的在前"}


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """Which tickets, in which order; what is empty narrows nothing."""

    queue: str = "all"
    q: str = ""
    """A ticket's number, a case, a window, a member of staff, a matter: by code or by name."""
    area: str = ""
    dept: str = ""
    hall: str = ""
    window: str = ""
    staff: str = ""
    matter: str = ""
    unit: str = ""
    pf: str = ""
    level: tuple[int, ...] = ()
    source: tuple[str, ...] = ()
    ground: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    outcome: tuple[str, ...] = ()
    due: str = ""
    escalated: str = ""
    """A rung of the ladder: tickets that came to it or higher."""
    tier: str = ""
    """One of TIERS: what the platform above sent down, or what an instance below works on."""
    since: date | None = None
    until: date | None = None
    """The days that ratings count to, both inclusive."""
    opened_since: date | None = None
    opened_until: date | None = None
    sort: str = ""
    """One of SORTS, '' for the queue's own."""

    @classmethod
    def parse(cls, given: Mapping[str, str]) -> tuple[Self, list[Fault]]:
        """Read what an address holds; what cannot be read is left out and told as a fault."""
        members: dict[str, Any] = {}
        faults = []
        for name, form in FORMS.items():
            if value := given.get(name, "").strip():
                known = form.read(value)
                if known is None:
                    faults.append(Fault(f"/{name}", "form", f"{name} {form.said}。"))
                else:
                    members[form.member] = known
        for first, last, name in (("since", "until", "to"), ("opened_since", "opened_until", "openedTo")):
            if members.get(first) and members.get(last) and members[first] > members[last]:
                faults.append(Fault(f"/{name}", "order", "截止日期不能早于起始日期。"))
        return cls(**members), faults

    def query(self, **changes: str) -> str:
        """Give the query string that reads as this, with changes by the names of the address; '' takes one away."""
        return urlencode({name: value for name, value in (self.members() | changes).items() if value})

    def members(self) -> dict[str, str]:
        """Return what is set, by the names of the address."""
        default = type(self)()
        return {
            name: _written(getattr(self, form.member))
            for name, form in FORMS.items()
            if getattr(self, form.member) != getattr(default, form.member)
        }


class Form(NamedTuple):
    """How a member of the address is read (None: it cannot be), and what is said where it cannot be."""

    member: str
    read: Callable[[str], Any]
    said: str


def _written(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _text(value: str) -> str | None:
    return None if len(value) > LONGEST_KEY or CONTROL.search(value) else value


def _day(value: str) -> date | None:
    try:
        return date.fromisoformat(value) if DAY.fullmatch(value) else None
    except ValueError:
        return None


def _area(value: str) -> str | None:
    return area_prefix(value) if AREA.fullmatch(value) else None


def _levels(value: str) -> tuple[int, ...] | None:
    named = value.split(",")
    return tuple(map(int, named)) if all(one in LEVELS for one in named) else None


def _code(member: str) -> Form:
    return Form(member, _text, f"应为不超过 {LONGEST_KEY} 个字符、不含控制字符的代码")


def _one(member: str, among: Mapping[str, str] | tuple[str, ...]) -> Form:
    return Form(member, lambda value: value if value in among else None, f"应为 {'、'.join(among)} 之一")


def _some(member: str, among: Mapping[str, str] | tuple[str, ...]) -> Form:
    def read(value: str) -> tuple[str, ...] | None:
        named = tuple(value.split(","))
        return named if all(one in among for one in named) else None

    return Form(member, read, f"应为 {'、'.join(among)} 之一，几个之间用英文逗号")


def _date(member: str) -> Form:
    return Form(member, _day, "应为 yyyy-MM-dd 形式的日期")


LEVELS: Final = ("0", "1", "2", "3", "4", "5")  # 0: nobody gave a level
QUEUE_NAMES: Final = (
    "all", "open", "closed", "dispatch", "acceptance", "contact", "review", "appeals", "fixing", "extensions",
    "approval", "verification", "recheck", "supervision", "overdue", "look_back",
)  # fmt: skip
FORMS: Final[dict[str, Form]] = {
    "queue": _one("queue", QUEUE_NAMES),
    "q": Form("q", _text, f"应为不超过 {LONGEST_KEY} 个字符、不含控制字符的文字"),
    "status": _some("status", STATUSES),
    "source": _some("source", SOURCES),
    "unit": _code("unit"),
    "area": Form("area", _area, "应为 1 到 12 位数字的区划代码或其前几位"),
    "dept": _code("dept"),
    "hall": _code("hall"),
    "window": _code("window"),
    "staff": _code("staff"),
    "matter": _code("matter"),
    "pf": _one("pf", CHANNELS),
    "level": Form("level", _levels, "应为 0 到 5，几个之间用英文逗号"),
    "ground": _some("ground", words.GROUNDS),
    "outcome": _some("outcome", words.OUTCOMES),
    "due": _one("due", DUES),
    "escalated": _one("escalated", LADDER),
    "tier": _one("tier", TIERS),
    "from": _date("since"),
    "to": _date("until"),
    "openedFrom": _date("opened_since"),
    "openedTo": _date("opened_until"),
    "sort": _one("sort", SORTS),
}
"""By the names of the address."""
