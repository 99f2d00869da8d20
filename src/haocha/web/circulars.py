"""`/desk/circulars` 通报: what a day, a week or a month was like against the one before, to print and as XLSX.

Figures are of what happened within the period and of how things stood at its end: past circulars stay as they were.
Nothing in them is personal, and no text of anybody.
"""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath
from litestar.response import Stream

from haocha.domain.registry import Registry
from haocha.domain.workdays import SHANGHAI
from haocha.store import readmodels
from haocha.web import charts, circular_periods, exports, words
from haocha.web.circular_periods import KINDS, NAMES, Period
from haocha.web.context import Context
from haocha.web.exports import Column, Sheet
from haocha.web.loop_figures import PROJECTIONS, Asked, Rate, fetch
from haocha.web.overview import unit_name
from haocha.web.people import requires_account
from haocha.web.problems import not_found
from haocha.web.scopes import Scope, scope_of
from haocha.web.suspicions import place
from haocha.web.work import MAY_OPEN, work_page

HERE: Final = "/desk/circulars"
LISTED: Final = 30
RANKED: Final = 5
COUNTS: Final = {
    "opened": "新增工单",
    "closed": "办结",
    "fixed": "其中已整改",
    "explained": "其中已解释",
    "excluded": "其中不予采纳",
    "unreachable": "其中无法联系",
    "merged": "其中已合并",
    "standing": "期末在办",
    "overdue": "期末超期",
    "reopened": "重开",
    "appealed": "申诉",
}
RATES: Final = {
    "onTime": ("按期整改率", "on_time", "handed"),
    "contact": ("按期联系率", "contacted", "contacts"),
    "satisfaction": ("回访满意率", "satisfied", "verdicts"),
    "appealUpheld": ("申诉成立率", "upheld", "decided"),
}


class Flow(msgspec.Struct, frozen=True):
    """What happened to the tickets of one unit, or of all, in a period."""

    key: str
    name: str
    counts: dict[str, Any]

    def __getitem__(self, name: str) -> Any:
        """Return a count or a time."""
        return self.counts.get(name) or 0

    def rate(self, name: str) -> Rate:
        """Return one of `RATES`."""
        _, numerator, denominator = RATES[name]
        whole = self["satisfied"] + self["unsatisfied"] if denominator == "verdicts" else self[denominator]
        return Rate(self[numerator], whole)


class Line(msgspec.Struct, frozen=True):
    """One ticket in a list of the circular."""

    id: UUID
    number: str
    unit: str
    place: str
    matter: str
    stage: str
    note: str
    at: datetime


class Circular(msgspec.Struct, frozen=True, kw_only=True):
    """All of one circular."""

    period: Period
    until: datetime
    now: Flow
    before: Flow
    units: tuple[Flow, ...]
    """With anything at all in the period, the most overdue first."""
    best: tuple[Flow, ...]
    worst: tuple[Flow, ...]
    late: tuple[Line, ...]
    raised: tuple[Line, ...]
    back: tuple[Line, ...]


@get(HERE, guards=[requires_account(*MAY_OPEN[HERE], page=True)], include_in_schema=False)
async def circulars_page(request: Request[Any, Any, Any]) -> Response[str]:
    """List the periods that there are circulars of."""
    context: Context = request.app.state.context
    (first,) = await fetch(context, "loops", "first")
    today = context.now().astimezone(SHANGHAI).date()
    periods = {NAMES[kind]: list(circular_periods.recent(kind, today, first["day"])) for kind in KINDS}
    return await work_page(request, "circulars.html", active=HERE, periods=periods, today=today)


@get(
    f"{HERE}/{{kind:str}}/{{first:str}}",
    guards=[requires_account(*MAY_OPEN[HERE], page=True)],
    include_in_schema=False,
)
async def circular_page(request: Request[Any, Any, Any], kind: FromPath[str], first: FromPath[str]) -> Response[str]:
    """Show one circular."""
    context: Context = request.app.state.context
    period = _period(context, kind, first)
    position = await readmodels.position(context.pool, *PROJECTIONS)
    circular = await read(context, period, scope_of(context, request.state.account))
    today = context.now().astimezone(SHANGHAI).date()
    return await work_page(
        request,
        "circular.html",
        active=HERE,
        circular=circular,
        counts=COUNTS,
        rates=RATES,
        minimum=context.settings.rank_minimum,
        following=period.after if period.after.first <= today else None,
        position=position,
        listed=LISTED,
    )


@get(
    f"{HERE}/{{kind:str}}/{{first:str}}/circular.xlsx",
    guards=[requires_account(*MAY_OPEN[HERE], page=True)],
    include_in_schema=False,
)
async def circular_file(request: Request[Any, Any, Any], kind: FromPath[str], first: FromPath[str]) -> Stream:
    """Send one circular as a spreadsheet."""
    context: Context = request.app.state.context
    period = _period(context, kind, first)
    circular = await read(context, period, scope_of(context, request.state.account))
    return await exports.spreadsheet(f"{NAMES[period.kind]}-{period.first}.xlsx", sheets(circular))


async def read(context: Context, period: Period, scope: Scope) -> Circular:
    """Read a circular as far as the account sees; a period that is not over counts up to now."""
    where = Asked(scope=scope).where
    until = min(period.end, context.now())
    now, units = await _flows(context, where, period.start, until)
    before, _ = await _flows(context, where, period.before.start, period.before.end)
    ranked = [flow for flow in units if flow["handed"] >= context.settings.rank_minimum]
    best = sorted(ranked, key=lambda flow: (flow.rate("onTime").interval or (0.0, 1.0))[0], reverse=True)
    worst = sorted(ranked, key=lambda flow: (flow.rate("onTime").interval or (0.0, 1.0))[1])
    listed = min(RANKED, len(ranked) // 2)  # nobody is among the best and the worst
    registry = context.registry
    return Circular(
        period=period,
        until=until,
        now=now,
        before=before,
        units=tuple(sorted(units, key=lambda flow: (-flow["overdue"], -flow["standing"], flow.key))),
        best=tuple(best[:listed]),
        worst=tuple(worst[:listed]),
        late=tuple(
            _line(registry, row, f"超 {days} 天" if (days := (until - row["due_at"]).days) else "刚超期", row["due_at"])
            for row in await fetch(context, "stages", "late", *where, until, LISTED)
        ),
        raised=tuple(
            _line(registry, row, words.LADDER[row["escalated"]], row["at"])
            for row in await fetch(context, "loops", "raised", *where, period.start, until, LISTED)
        ),
        back=tuple(
            _line(registry, row, f"第 {row['round']} 次重开", row["at"])
            for row in await fetch(context, "stages", "back", *where, period.start, until, LISTED)
        ),
    )


def sheets(circular: Circular) -> list[Sheet]:
    """Put a circular into sheets: figures, units, and the three lists."""
    heading = (circular.period.title, f"截至 {_clock(circular.until)}")
    figures = [(name, f"{circular.now[key]:,}", f"{circular.before[key]:,}") for key, name in COUNTS.items()]
    figures += [
        (name, _share(circular.now.rate(key)), _share(circular.before.rate(key))) for key, (name, *_) in RATES.items()
    ]
    units = [
        (
            flow.name,
            *(f"{flow[key]:,}" for key in COUNTS),
            *(_share(flow.rate(key)) for key in RATES),
        )
        for flow in circular.units
    ]
    compared = (Column("指标", 18), Column("本期", 18), Column("上期", 18))
    lists = {"超期": circular.late, "督办": circular.raised, "重开": circular.back}
    return [
        Sheet("指标", compared, exports.all_at_once(figures), heading),
        Sheet(
            "承办单位",
            (Column("承办单位", 24), *map(Column, COUNTS.values()), *(Column(name, 18) for name, *_ in RATES.values())),
            exports.all_at_once(units),
            heading,
        ),
        *(
            Sheet(
                name,
                (
                    Column("工单", 16), Column("承办单位", 24), Column("地点", 26), Column("事项", 26), Column("环节"),
                    Column("情况"), Column("时间", 18),
                ),
                exports.all_at_once(
                    (one.number, one.unit, one.place, one.matter, one.stage, one.note, _clock(one.at)) for one in lines
                ),
                heading,
            )
            for name, lines in lists.items()
        ),
    ]  # fmt: skip


async def _flows(
    context: Context, where: tuple[object, ...], since: datetime, until: datetime
) -> tuple[Flow, list[Flow]]:
    """Return what happened to all tickets, and by unit where one is known."""
    rows = await fetch(context, "stages", "flow", *where, since, until)
    counted = [{name: value for name, value in row.items() if name not in {"key", "whole"}} for row in rows]
    whole = next((counts for row, counts in zip(rows, counted, strict=True) if row["whole"]), {})
    units = [
        Flow(row["key"], unit_name(context.registry, row["key"]), counts)
        for row, counts in zip(rows, counted, strict=True)
        if row["key"]
    ]
    return Flow("", "", whole), units


def _line(registry: Registry, row: Any, note: str, at: datetime) -> Line:
    return Line(
        row["ticket"],
        row["number"],
        unit_name(registry, row["unit"]),
        place(registry, row) or unit_name(registry, row["dept"]),
        registry.name("matter", row["matter"]) or row["matter"],
        words.STAGES.get(row["stage"], "已办结"),
        note,
        at,
    )


def _period(context: Context, kind: str, first: str) -> Period:
    period = circular_periods.parse(kind, first, context.now().astimezone(SHANGHAI).date())
    if period is None:
        raise not_found("这一期通报")
    return period


def _share(rate: Rate) -> str:
    return f"{charts.percent(rate.rate)}（{rate.numerator:,}/{rate.denominator:,}）" if rate.denominator else "—"


def _clock(at: datetime) -> str:
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


routes = [circulars_page, circular_page, circular_file]
