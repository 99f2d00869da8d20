"""`GET /v1/sync/reconciliations`: the days that were reconciled with the platforms above, and where they differ."""

from datetime import date, timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import QueryParameter

from haocha.domain.workdays import SHANGHAI
from haocha.store import differences
from haocha.store.differences import Wanted
from haocha.web import sync_stand
from haocha.web.auth import requires
from haocha.web.context import Context
from haocha.web.parameters import Cursor, From, Limit, Parameters, To, cursor
from haocha.web.work import MAY_OPEN

USUAL: Final = 50
MOST: Final = 1_000
USUALLY: Final = timedelta(days=30)

PeerName = Annotated[
    str | None,
    QueryParameter(name="peer", schema_extra={"pattern": "^[!-~]{1,50}$"}, description="平台名称；不给即全部平台"),
]


class Below(msgspec.Struct, frozen=True):
    """Where a page ended."""

    day: date
    peer: str


class Page(msgspec.Struct, frozen=True, rename="camel"):
    """Days, the newest first, each as its latest run found it and with what is unsettled by now."""

    items: list[differences.Day]
    next_cursor: str | None


@get(
    "/v1/sync/reconciliations",
    guards=[requires("sync:read", people=MAY_OPEN["/desk/sync"])],
    tags=["sync"],
    operation_id="listReconciliations",
)
async def list_reconciliations(
    request: Request[Any, Any, Any],
    _peer: PeerName = None,
    _from: From = None,
    _to: To = None,
    _limit: Limit = None,
    _cursor: Cursor = None,
) -> Response[bytes]:
    """List the days that were reconciled, with the areas, channels and levels that differ (对账)."""
    context: Context = request.app.state.context
    parameters = Parameters(request, ("peer", "from", "to", "limit", "cursor"))
    today = context.now().astimezone(SHANGHAI).date()
    since, until = parameters.days()
    peer, below = parameters.text("peer"), parameters.cursor(Below)
    limit = parameters.limit(USUAL, MOST)
    parameters.check()
    wanted = Wanted(
        peer,
        since or min(until or today, today) - USUALLY,
        until or today,
        sync_stand.area_of(request.state.account),
        (below.day, below.peer) if below else (None, None),
    )
    found = await differences.days(context.pool, wanted, limit + 1)
    last = found[limit - 1] if len(found) > limit else None
    page = Page(found[:limit], cursor(Below(last.day, last.peer)) if last else None)
    return Response(msgspec.json.encode(page), media_type="application/json")


routes = [list_reconciliations]
