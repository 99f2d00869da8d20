"""`/v1/tickets/stats`: the figures of the loop by whatever they can be looked at, with numerator and denominator."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import QueryParameter

from haocha.domain.ticket_events import SOURCES
from haocha.domain.workdays import SHANGHAI
from haocha.store import readmodels
from haocha.web import words, work
from haocha.web.auth import requires
from haocha.web.context import Context
from haocha.web.loop_figures import COUNTS, FIGURES, PROJECTIONS, Asked, Loop, Rate, StageTime, loops
from haocha.web.parameters import After, Area, Cursor, Dept, From, Hall, Limit, Parameters, To, cursor
from haocha.web.scopes import Scope, scope_of
from haocha.web.scores import rounded

BY: Final = (
    "dept", "unit", "area", "hall", "window", "staff", "ground", "source", "policy", "day", "week", "month",
)  # fmt: skip
BASES: Final = ("opened", "closed")
REGISTERED: Final = {"dept": "org", "unit": "org", "hall": "hall", "window": "window", "staff": "staff"}
USUAL, MOST = 100, 1_000
ALLOWED: Final = (
    "by", "basis", "from", "to", "unit", "dept", "area", "hall", "window", "staff", "ground", "source", "policy",
    "limit", "cursor", "after",
)  # fmt: skip

_key = {"pattern": "^[!-~]{1,50}$"}
By = Annotated[
    str | None, QueryParameter(name="by", schema_extra={"enum": list(BY)}, description="按什么分组；不给则只有合计")
]
Basis = Annotated[
    str | None,
    QueryParameter(
        name="basis",
        schema_extra={"enum": list(BASES)},
        description="起止日期指生成日（opened，默认）还是办结日（closed）",
    ),
]
Unit = Annotated[str | None, QueryParameter(name="unit", schema_extra=_key, description="承办单位代码")]
Window = Annotated[str | None, QueryParameter(name="window", schema_extra=_key, description="大厅代码/窗口号")]
Staff = Annotated[str | None, QueryParameter(name="staff", schema_extra=_key, description="部门代码/工号")]
Ground = Annotated[
    str | None, QueryParameter(name="ground", schema_extra={"enum": list(words.GROUNDS)}, description="核实认定的原因")
]
Source = Annotated[
    str | None,
    QueryParameter(
        name="source", schema_extra={"pattern": f"^({'|'.join(SOURCES)})$"}, description="来源；可用逗号列出几个"
    ),
]
Policy = Annotated[str | None, QueryParameter(name="policy", schema_extra=_key, description="时限规则版本")]


class Place(msgspec.Struct, frozen=True):
    """Where a page ended."""

    by: str
    key: str


@get(
    "/v1/tickets/stats",
    guards=[requires("tickets:read", people=work.MAY_OPEN["/desk"])],
    tags=["tickets"],
    operation_id="getTicketStats",
)
async def get_stats(
    request: Request[Any, Any, Any],
    _by: By = None,
    _basis: Basis = None,
    _from: From = None,
    _to: To = None,
    _unit: Unit = None,
    _dept: Dept = None,
    _area: Area = None,
    _hall: Hall = None,
    _window: Window = None,
    _staff: Staff = None,
    _ground: Ground = None,
    _source: Source = None,
    _policy: Policy = None,
    _limit: Limit = None,
    _cursor: Cursor = None,
    _after: After = None,
) -> Response[bytes]:
    """Count the loop (闭环指标): rates with numerator and denominator, time per stage, as far as the asker may see."""
    context: Context = request.app.state.context
    account = request.state.account
    parameters = Parameters(request, ALLOWED)
    by = parameters.choice("by", BY) or ""
    asked = read(parameters, scope_of(context, account) if account else Scope())
    place: Place | None = parameters.cursor(Place)
    if place and place.by != by:
        parameters.wrong("cursor", "不属于这种分组；请从第一页重新开始")
    limit, after = parameters.limit(USUAL, MOST), parameters.position("after")
    parameters.check()
    if after is not None:
        await readmodels.wait_for(context.pool, PROJECTIONS, after)
    position = await readmodels.position(context.pool, *PROJECTIONS)
    now = context.now()
    (total,) = await loops(context, asked, now)
    items = await loops(context, asked, now, by=by, after=place.key if place else None, rows=limit + 1) if by else []
    answer = {
        "position": position,
        "at": now.astimezone(SHANGHAI),
        "by": by or None,
        "basis": asked.basis,
        "from": asked.since,
        "to": asked.until,
        "total": item(total),
        "items": [item(one) | {"key": one.key, "name": name(context, by, one.key, now)} for one in items[:limit]],
        "nextCursor": cursor(Place(by, items[limit - 1].key)) if len(items) > limit else None,
    }
    return Response(msgspec.json.encode(answer), media_type="application/json")


def read(parameters: Parameters, scope: Scope) -> Asked:
    """Read which tickets are counted."""
    since, until = parameters.days()
    sources = parameters.raw("source")
    if sources and any(source not in SOURCES for source in sources.split(",")):
        parameters.wrong("source", f"应为 {'、'.join(SOURCES)} 之一，几个之间用英文逗号")
    return Asked(
        scope=scope,
        unit=parameters.text("unit"),
        dept=parameters.text("dept"),
        area=parameters.area(),
        hall=parameters.text("hall"),
        window=parameters.text("window"),
        staff=parameters.text("staff"),
        ground=parameters.choice("ground", words.GROUNDS),
        sources=sources.split(",") if sources else None,
        policy=parameters.text("policy"),
        basis=parameters.choice("basis", BASES) or "opened",
        since=since,
        until=until,
    )


def item(loop: Loop) -> dict[str, Any]:
    """Return the members of one subject."""
    return {
        **{member: loop[member] for member in COUNTS},
        **{figure: share(loop.rate(figure)) for figure in FIGURES},
        "stages": {time.stage: stage(time) for time in loop.stages},
    }


def share(rate: Rate) -> dict[str, Any]:
    """Return a rate with what it is made of."""
    return {"numerator": rate.numerator, "denominator": rate.denominator, "rate": rounded(rate.rate)}


def stage(time: StageTime) -> dict[str, Any]:
    """Return what a stage took, in working hours."""
    return {
        "n": time.n,
        "medianHours": hours(time.median),
        "p90Hours": hours(time.p90),
        "onTime": share(time.on_time),
    }


def hours(minutes: float | None) -> float | None:
    """Return business minutes as hours."""
    return None if minutes is None else round(minutes / 60, 2)


def name(context: Context, by: str, key: str, at: datetime | None = None) -> str | None:
    """Return what people call a subject, None where nobody told."""
    if by == "ground":
        return words.GROUNDS.get(key)
    if by == "source":
        return words.SOURCES.get(key)
    registered = REGISTERED.get(by)
    if registered is None or not key:
        return None
    return context.registry.name(registered, key, at) or context.registry.name(registered, key)


routes = [get_stats]
