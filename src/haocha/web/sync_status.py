"""`GET /v1/sync/status` and `GET /v1/sync/outbox`: how reporting to the platforms above stands, for monitoring."""

from datetime import datetime
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import QueryParameter

from haocha.store import log, outbox_rows
from haocha.store.sync_figures import KINDS, STATES, Delay, Line
from haocha.web import sync_list, sync_stand, sync_words
from haocha.web.auth import requires
from haocha.web.context import Context
from haocha.web.newest import Below
from haocha.web.parameters import Area, Cursor, From, Limit, Parameters, Pf, To, cursor
from haocha.web.sync_stand import Stand
from haocha.web.work import MAY_OPEN

USUAL: Final = 50
MOST: Final = 1_000
PAGE: Final = "/desk/sync"

_key = {"pattern": "^[!-~]{1,50}$"}
PeerName = Annotated[
    str | None, QueryParameter(name="peer", schema_extra=_key, description="平台名称；只接一个平台时可以不给")
]
State = Annotated[str | None, QueryParameter(name="state", schema_extra={"enum": list(STATES)}, description="状态")]
KindOf = Annotated[str | None, QueryParameter(name="kind", schema_extra={"enum": list(KINDS)}, description="种类")]
Level = Annotated[
    str | None,
    QueryParameter(name="level", schema_extra={"enum": list(sync_list.LEVELS)}, description="满意度；0 为没有等级的"),
]
Adjusted = Annotated[
    str | None,
    QueryParameter(name="adjusted", schema_extra={"enum": ["true", "false"]}, description="时间是否按平台许可调整过"),
]
Code = Annotated[str | None, QueryParameter(name="code", schema_extra=_key, description="平台或本系统给出的原因代码")]
ProjectNo = Annotated[str | None, QueryParameter(name="projectNo", schema_extra=_key, description="办件编号")]


class AlarmOut(msgspec.Struct, frozen=True):
    """What is wrong: `code` for machines, `message` for people."""

    code: str
    level: str | None
    message: str


class LineOut(msgspec.Struct, frozen=True, rename="camel"):
    """One level; `level` is 5 to 1, 0 for service records, `other` for contests, decisions and tickets."""

    level: str
    counts: dict[str, int]
    oldest_pending: datetime | None
    delay: Delay | None


class PeerOut(msgspec.Struct, frozen=True, rename="camel"):
    """One platform."""

    peer: str
    configured: bool
    dialect: str
    version: str
    alive_at: datetime | None
    answered_at: datetime | None
    paused_until: datetime | None
    failures: int
    error: str
    rate: float
    remaining_seconds: float | None
    differences: int
    alarms: list[AlarmOut]
    levels: list[LineOut]


class Status(msgspec.Struct, frozen=True):
    """All platforms at one moment."""

    at: datetime
    peers: list[PeerOut]


class Page(msgspec.Struct, frozen=True, rename="camel"):
    """A page of reports, the newest first."""

    position: int
    peer: str
    items: list[outbox_rows.Row]
    next_cursor: str | None


def peer_out(stand: Stand) -> PeerOut:
    """Return what is told of a peer."""
    figures, sender = stand.figures, stand.figures.sender
    opened = sender.open_until if sender and sender.open_until and sender.open_until > figures.at else None
    return PeerOut(
        peer=stand.name,
        configured=stand.peer is not None,
        dialect=stand.peer.dialect if stand.peer else sender.dialect if sender else "",
        version=sender.version if sender else "",
        alive_at=sender.alive_at if sender else None,
        answered_at=sender.answered_at if sender else None,
        paused_until=opened,
        failures=sender.failures if sender else 0,
        error=sender.error if sender else "",
        rate=round(figures.rate, 3),
        remaining_seconds=figures.remaining.total_seconds() if figures.remaining is not None else None,
        differences=figures.differences,
        alarms=[AlarmOut(alarm.kind, alarm.line or None, sync_words.sentence(alarm)) for alarm in stand.alarms],
        levels=[_line_out(line) for line in figures.lines],
    )


def _line_out(line: Line) -> LineOut:
    return LineOut(line.key, {state: line.n(state) for state in STATES}, line.oldest, line.delay)


@get(
    "/v1/sync/status",
    guards=[requires("sync:read", people=MAY_OPEN[PAGE])],
    tags=["sync"],
    operation_id="getSyncStatus",
)
async def get_status(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Tell how reporting to each platform stands, level by level (省平台对接状态)."""
    context: Context = request.app.state.context
    Parameters(request, ()).check()
    area = sync_stand.area_of(request.state.account)
    stands = await sync_stand.stands(request, area)
    at = max((stand.figures.at for stand in stands), default=context.now())
    body = Status(at, [peer_out(stand) for stand in stands])
    return Response(msgspec.json.encode(body), media_type="application/json")


@get(
    "/v1/sync/outbox",
    guards=[requires("sync:read", people=MAY_OPEN[PAGE])],
    tags=["sync"],
    operation_id="listSyncOutbox",
)
async def list_outbox(
    request: Request[Any, Any, Any],
    _peer: PeerName = None,
    _state: State = None,
    _kind: KindOf = None,
    _level: Level = None,
    _pf: Pf = None,
    _area: Area = None,
    _from: From = None,
    _to: To = None,
    _adjusted: Adjusted = None,
    _project_no: ProjectNo = None,
    _code: Code = None,
    _limit: Limit = None,
    _cursor: Cursor = None,
) -> Response[bytes]:
    """List reports to one platform with what became of them, the newest first (报送记录)."""
    context: Context = request.app.state.context
    parameters = Parameters(request, (*sync_list.FILTERS, "limit", "cursor"))
    area = sync_stand.area_of(request.state.account)
    names = [stand.name for stand in await sync_stand.stands(request, area)]
    chosen = sync_list.read(parameters, names)
    below: Below | None = parameters.cursor(Below)
    limit = parameters.limit(USUAL, MOST)
    parameters.check()
    found = await outbox_rows.page(context.pool, chosen, area, below.position if below else None, limit + 1)
    following = cursor(Below(found[limit - 1].position)) if len(found) > limit else None
    page = Page(await log.head(context.pool), chosen.peer, found[:limit], following)
    return Response(msgspec.json.encode(page), media_type="application/json")


routes = [get_status, list_outbox]
