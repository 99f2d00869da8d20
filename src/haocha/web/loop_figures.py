"""The figures of the loop (闭环), from counts: every rate travels with its numerator and denominator (docs/figures.md).

Apart from the queries that count (`projections/loops.sql`, `stages.sql`) and from what shows them: the API, the
supervisor's board and the circulars print the same figures.
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from math import sqrt
from typing import Any, Final

import msgspec

from haocha.store import readmodels
from haocha.web.context import Context
from haocha.web.figures import Z95
from haocha.web.scopes import Scope
from haocha.web.scores import behind

PROJECTIONS: Final = ("loops", "stages")
FIGURES: Final[dict[str, tuple[str, str, str]]] = {
    "rectification": ("整改率", "rectified", "valid"),
    "onTimeRectification": ("按期整改率", "on_time", "due"),
    "namedReply": ("实名差评回复率", "replied", "named"),
    "namedRectification": ("实名差评整改率", "named_rectified", "named"),
    "namedVerification": ("实名差评回访率", "named_verified", "named"),
    "satisfaction": ("回访满意率", "satisfied", "verdicts"),
    "reopening": ("重开率", "reopened", "ended"),
    "appeal": ("申诉率", "appealed", "tickets"),
    "appealUpheld": ("申诉成立率", "upheld", "decided"),
}
"""Member of the API → what people call the rate, and the counts it is made of."""
COUNTS: Final[dict[str, str]] = {
    "tickets": "工单",
    "open": "未办结",
    "overdue": "超期未办结",
    "fixed": "已整改",
    "explained": "已解释",
    "excluded": "不予采纳",
    "unreachable": "无法联系",
    "merged": "已合并",
    "reinstated": "恢复采纳",
    "extended": "延期",
    "reminded": "催办",
    "escalated": "督办升级",
}
_COUNTED: Final = (
    *COUNTS, "valid", "due", "on_time", "named", "replied", "named_rectified", "named_verified", "satisfied",
    "unsatisfied", "reopened", "ended", "appealed", "upheld", "decided",
)  # fmt: skip
NOTHING: Final[Mapping[str, int]] = dict.fromkeys(_COUNTED, 0)
STAGES: Final = (
    "dispatch", "acceptance", "contact", "review", "appeal", "fix", "approval", "verification", "closing", "look_back",
)  # fmt: skip


class Rate(msgspec.Struct, frozen=True):
    """A share of something; None where there is nothing to share."""

    numerator: int
    denominator: int

    @property
    def rate(self) -> float | None:
        """The share as a fraction."""
        return self.numerator / self.denominator if self.denominator else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % Wilson interval."""
        n, z2 = self.denominator, Z95 * Z95
        if not n:
            return None
        p = self.numerator / n
        middle = p + z2 / (2 * n)
        spread = Z95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        return max(0.0, (middle - spread) / (1 + z2 / n)), min(1.0, (middle + spread) / (1 + z2 / n))


class StageTime(msgspec.Struct, frozen=True):
    """How long one stage took: business minutes of the `n` visits that ended, and how many were on time."""

    stage: str
    n: int
    median: float | None
    p90: float | None
    on_time: Rate


class Loop(msgspec.Struct, frozen=True):
    """The figures of one subject, or of all together."""

    key: str
    counts: Mapping[str, int]
    stages: tuple[StageTime, ...] = ()

    def __getitem__(self, name: str) -> int:
        """Return a count; `rectified` and `verdicts` are sums of others."""
        match name:
            case "rectified":
                return self.counts["fixed"] + self.counts["explained"]
            case "verdicts":
                return self.counts["satisfied"] + self.counts["unsatisfied"]
            case _:
                return self.counts[name]

    def rate(self, figure: str) -> Rate:
        """Return one of `FIGURES`."""
        _, numerator, denominator = FIGURES[figure]
        return Rate(self[numerator], self[denominator])

    @property
    def rates(self) -> dict[str, Rate]:
        """All of them."""
        return {figure: self.rate(figure) for figure in FIGURES}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Which tickets are counted: those opened or closed (办结) from `since` to `until`, as far as the asker may see."""

    scope: Scope = Scope()
    unit: str | None = None
    dept: str | None = None
    area: str | None = None
    hall: str | None = None
    window: str | None = None
    staff: str | None = None
    ground: str | None = None
    sources: list[str] | None = None
    policy: str | None = None
    basis: str = "opened"
    since: date | None = None
    until: date | None = None

    @property
    def where(self) -> tuple[object, ...]:
        """What the queries of the supervisor's board take first."""
        return (*self.scope, self.unit, self.dept, self.area)

    @property
    def arguments(self) -> tuple[object, ...]:
        """What `counts` and `times` take first."""
        return (
            *self.scope, self.unit, self.dept, self.area, self.hall, self.window, self.staff, self.ground, self.sources,
            self.policy, self.basis, self.since, self.until,
        )  # fmt: skip


async def loops(
    context: Context,
    asked: Asked,
    now: datetime,
    *,
    by: str = "",
    after: str | None = None,
    rows: int = 1,
    timed: bool = True,
) -> list[Loop]:
    """Count by `by` ('' for all in one, then always one row); raises the `503` where nothing is counted yet.

    The times of the stages are left out where they are not `timed`: they cost most.
    """
    counted = await fetch(context, "loops", "counts", *asked.arguments, by, now, after, rows)
    keys = [row["key"] for row in counted]
    stages = await times(context, asked, now, by=by, keys=keys) if timed else {}
    found = [
        Loop(
            row["key"],
            {name: value or 0 for name, value in row.items() if name != "key"},
            stages.get(row["key"], ()),
        )
        for row in counted
    ]
    return found if by or found else [Loop("", NOTHING)]


async def times(
    context: Context, asked: Asked, now: datetime, *, by: str = "", keys: list[str] | None = None
) -> dict[str, tuple[StageTime, ...]]:
    """Return how long the stages took, in their order, by the keys of `by`."""
    found: dict[str, list[StageTime]] = {}
    for row in await fetch(context, "stages", "times", *asked.arguments, by, now, keys if by else None):
        on_time = Rate(row["on_time"], row["due"])
        found.setdefault(row["key"], []).append(StageTime(row["stage"], row["n"], row["median"], row["p90"], on_time))
    return {key: tuple(sorted(stages, key=lambda time: STAGES.index(time.stage))) for key, stages in found.items()}


def together(parts: Iterable[Loop], stages: tuple[StageTime, ...]) -> Loop:
    """Add up the counts of subjects that have no ticket in common."""
    counts = dict(NOTHING)
    for part in parts:
        for name in counts:
            counts[name] += part.counts[name]
    return Loop("", counts, stages)


async def fetch(context: Context, projection: str, query: str, *arguments: object) -> list[Any]:
    """Run a named query of a projection; raises the `503` where it is not built yet."""
    try:
        return await readmodels.query(context.pool, projection, query, *arguments)
    except readmodels.NotBuilt:
        raise behind() from None
