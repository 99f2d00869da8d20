"""`/v1/scores/…`: what every subject was rated, as figures anybody can recompute (docs/figures.md)."""

from datetime import date, datetime
from typing import Annotated, Any, Literal, get_args

import asyncpg
import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath, QueryParameter

from haocha.domain.codes import CHANNELS
from haocha.store import readmodels
from haocha.web import moments
from haocha.web.auth import requires
from haocha.web.context import Context
from haocha.web.figures import Tally
from haocha.web.moments import Moment
from haocha.web.parameters import After, Area, AsOf, Cursor, Dept, From, Hall, Limit, Parameters, Pf, To, cursor
from haocha.web.problems import Problem

Kind = Literal["windows", "staff", "matters", "departments", "halls", "areas", "channels"]
PROJECTIONS = ("scores", "services")
REGISTERED = {"windows": "window", "staff": "staff", "matters": "matter", "departments": "org", "halls": "hall"}
ALWAYS = ("from", "to", "area", "pf", "sort", "limit", "cursor", "asOf", "after")
FILTERS: dict[str, tuple[str, ...]] = {"windows": ("hall", "dept"), "staff": ("hall", "dept"), "matters": ("dept",)}
SORTS = ("interval", "ratings", "negativeRate", "averageScore", "key")
USUAL, MOST = 50, 1_000
DIGITS = 4

Sort = Annotated[
    str | None,
    QueryParameter(
        name="sort",
        schema_extra={"enum": [sign + name for name in SORTS for sign in ("", "-")]},
        description="排序；前面加 - 表示从大到小，默认 -interval（好评率区间下限）",
    ),
]


class Place(msgspec.Struct, frozen=True):
    """Where a page ended; a rank may be infinite, so it travels as text."""

    sort: str
    rank: str
    key: str


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a request wants to know."""

    kind: str
    since: date | None
    until: date | None
    hall: str | None
    dept: str | None
    area: str | None
    channel: str | None
    sort: str
    limit: int
    place: Place | None
    as_of: date | datetime | int | None
    after: int | None

    def arguments(self, known: date | None, weights: dict[int, float], *, participation: bool) -> tuple[object, ...]:
        """Return what the query `ranking` takes."""
        return (
            self.kind,
            self.since,
            self.until,
            self.hall,
            self.dept,
            self.area,
            self.channel,
            known,
            [weights[level] for level in range(1, 6)],
            self.sort.removeprefix("-"),
            self.sort.startswith("-"),
            self.limit + 1,
            float(self.place.rank) if self.place else None,
            self.place.key if self.place else None,
            participation,
        )


@get("/v1/scores/{kind:str}", guards=[requires("scores:read")], tags=["scores"], operation_id="getScores")
async def get_scores(
    request: Request[Any, Any, Any],
    kind: FromPath[Kind],
    _from: From = None,
    _to: To = None,
    _area: Area = None,
    _pf: Pf = None,
    _hall: Hall = None,
    _dept: Dept = None,
    _sort: Sort = None,
    _limit: Limit = None,
    _cursor: Cursor = None,
    _as_of: AsOf = None,
    _after: After = None,
) -> Response[bytes]:
    """Rank the subjects of one kind with their counts, rates and interval (得分)."""
    parameters = Parameters(request, (*ALWAYS, *FILTERS.get(kind, ())))
    asked = read(kind, parameters)
    answer = await scores(request.app.state.context, asked, parameters)
    return Response(msgspec.json.encode(answer), media_type="application/json")


def read(kind: str, parameters: Parameters) -> Asked:
    """Read what is asked; raises the `422` with all faults."""
    days = parameters.days()
    sort = (parameters.raw("sort") or "-interval").lstrip("+ ")
    if sort.removeprefix("-") not in SORTS:
        parameters.wrong("sort", f"应为 {'、'.join(SORTS)} 之一，前面可加 - 表示从大到小")
    place: Place | None = parameters.cursor(Place)
    if place and (place.sort != sort or not _is_number(place.rank)):
        parameters.wrong("cursor", "不属于这种排序；请从第一页重新开始")
    asked = Asked(
        kind=kind,
        since=days[0],
        until=days[1],
        hall=parameters.text("hall"),
        dept=parameters.text("dept"),
        area=parameters.area(),
        channel=parameters.channel(),
        sort=sort,
        limit=parameters.limit(USUAL, MOST),
        place=place,
        as_of=moments.read(parameters),
        after=parameters.position("after"),
    )
    parameters.check()
    return asked


async def scores(context: Context, asked: Asked, parameters: Parameters) -> dict[str, Any]:
    """Return the answer's members."""
    pool, settings = context.pool, context.settings
    if asked.after is not None:
        await readmodels.wait_for(pool, PROJECTIONS, asked.after)
    moment = None if asked.as_of is None else await moments.find(pool, asked.as_of, parameters)
    if moment:
        await _reach(pool, moment)
    inside = moment is not None and moment.after is not None
    arguments = asked.arguments(moment.known if moment else None, settings.weights, participation=not inside)
    try:
        if moment is None or moment.after is None:
            rows = await readmodels.query(pool, "scores", "ranking", *arguments)
        else:
            before = (asked.kind, asked.since, asked.until, moment.known)
            tail = readmodels.Tail(moment.after, moment.position, "before", before)
            rows = await readmodels.query_with_tail(pool, "scores", tail, "ranking", *arguments)
    except readmodels.NotBuilt:
        raise behind() from None
    held: int = rows[0]["position"]
    shown = [row for row in rows if row["key"] is not None]
    more = len(shown) > asked.limit
    shown = shown[: asked.limit]
    return {
        "position": min(held, moment.position) if moment and not inside else moment.position if moment else held,
        "asOf": parameters.raw("asOf"),
        "from": asked.since,
        "to": asked.until,
        "weights": {str(level): weight for level, weight in sorted(settings.weights.items())},
        "weightsVersion": settings.weights_version,
        "rankMinimum": settings.rank_minimum,
        "items": [item(context, asked.kind, row, inside=inside) for row in shown],
        "nextCursor": cursor(Place(asked.sort, repr(shown[-1]["rank"]), shown[-1]["key"])) if more else None,
    }


def item(context: Context, kind: str, row: Any, *, inside: bool) -> dict[str, Any]:
    """Return one subject's members; rates are None where nobody rated, participation where it is not known."""
    settings = context.settings
    tally = Tally(
        counts=(row["n5"], row["n4"], row["n3"], row["n2"], row["n1"]),
        excluded=row["excluded"],
        supplements=row["supplements"],
        contested=row["contested"],
    )
    services = row["services"]
    return {
        "key": row["key"],
        "name": name(context, kind, row["key"]),
        "counts": {str(level): row[f"n{level}"] for level in range(1, 6)},
        "ratings": tally.n,
        "excluded": tally.excluded,
        "supplements": tally.supplements,
        "contested": tally.contested,
        "positiveRate": rounded(tally.positive_rate),
        "negativeRate": rounded(tally.negative_rate),
        "averageScore": rounded(tally.average(settings.weights)),
        "weightsVersion": settings.weights_version,
        "interval": [rounded(bound) for bound in tally.interval] if tally.interval else None,
        "rankable": tally.n >= settings.rank_minimum,
        "participationRate": rounded(row["rated"] / services) if services and not inside else None,
        "services": None if inside else services,
        "unmatched": None if inside else row["unmatched"],
    }


def name(context: Context, kind: str, key: str) -> str | None:
    """Return what people call a subject, None where nobody told."""
    if kind == "channels":
        return CHANNELS.get(key)
    registered = REGISTERED.get(kind)
    return context.registry.name(registered, key) if registered else None


def rounded(rate: float | None) -> float | None:
    """Return a rate as it is shown."""
    return None if rate is None else round(rate, DIGITS)


def behind() -> Problem:
    """Return the `503` for figures that are not there yet."""
    return Problem(503, "behind", "得分正在计算，请稍后再查。", headers={"Retry-After": "2"})


async def _reach(pool: asyncpg.Pool, moment: Moment) -> None:
    """Wait until the live table holds what an `asOf` takes from it; raises the `503` where it stays behind."""
    needed = moment.position if moment.after is None else moment.after
    if not await readmodels.wait_for(pool, PROJECTIONS, needed):
        raise behind()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


KINDS = get_args(Kind)
routes = [get_scores]
