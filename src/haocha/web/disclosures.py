"""`/v1/disclosures` and `/desk/disclosures`: the auditor sees who looked at whose contact data, when and why."""

from datetime import datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
from litestar import Request, Response, get
from litestar.params import QueryParameter

from haocha.domain.account import Account
from haocha.domain.identity import IdentityDisclosed
from haocha.store import log
from haocha.web import moments, scopes
from haocha.web.context import Context
from haocha.web.disclosure import SQL
from haocha.web.newest import Below
from haocha.web.parameters import Cursor, From, Limit, Parameters, To, cursor
from haocha.web.people import requires_account
from haocha.web.work import MAY_OPEN, work_page

USUAL: Final = 50
MOST: Final = 1_000
PATH: Final = "/desk/disclosures"
ALLOWED: Final = ("account", "ticket", "from", "to", "limit", "cursor")

Viewer = Annotated[
    str | None,
    QueryParameter(name="account", schema_extra={"pattern": "^[!-~]{1,50}$"}, description="查看人的账号"),
]
Number = Annotated[
    str | None, QueryParameter(name="ticket", schema_extra={"pattern": "^[!-~]{1,50}$"}, description="工单号")
]


class Seen(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One disclosure; `note` is null where none was written or it was erased by law."""

    position: int
    at: datetime
    ticket_id: str
    ticket: str
    account: str
    role: str
    unit: str
    purpose: str
    fields: tuple[str, ...]
    reason: str
    note: str | None


class Page(msgspec.Struct, frozen=True, rename="camel"):
    """A page of them, the newest first."""

    position: int
    items: list[Seen]
    next_cursor: str | None


async def _listed(context: Context, account: Account, parameters: Parameters) -> Page:
    """Read a page; an auditor of a node sees that of its tickets."""
    below: Below | None = parameters.cursor(Below)
    since, until = parameters.days()
    limit = parameters.limit(USUAL, MOST)
    viewer, number = parameters.text("account"), parameters.text("ticket")
    parameters.check()
    scope = scopes.scope_of(context, account)
    rows = await context.pool.fetch(
        SQL["list"],
        below.position if below else None,
        viewer,
        number,
        moments.midnight(since) if since else None,
        moments.midnight(until + timedelta(days=1)) if until else None,
        scope.units,
        scope.area,
        limit + 1,
    )
    following = cursor(Below(rows[limit - 1]["position"])) if len(rows) > limit else None
    return Page(await log.head(context.pool), [_seen(row) for row in rows[:limit]], following)


def _seen(row: Any) -> Seen:
    event = msgspec.json.decode(row["state"], type=IdentityDisclosed)
    return Seen(
        position=row["position"],
        at=row["recorded_at"],
        ticket_id=str(event.ticket),
        ticket=event.number,
        account=event.by.account,
        role=event.by.role,
        unit=event.by.unit,
        purpose=event.purpose,
        fields=event.fields,
        reason=event.reason,
        note=row["note"],
    )


@get("/v1/disclosures", guards=[requires_account("auditor")], tags=["audit"], operation_id="listDisclosures")
async def list_disclosures(
    request: Request[Any, Any, Any],
    _account: Viewer = None,
    _ticket: Number = None,
    _from: From = None,
    _to: To = None,
    _limit: Limit = None,
    _cursor: Cursor = None,
) -> Response[bytes]:
    """List who looked at contact data, the newest first (查阅记录)."""
    context: Context = request.app.state.context
    page = await _listed(context, request.state.account, Parameters(request, ALLOWED))
    return Response(msgspec.json.encode(page), media_type="application/json")


@get(PATH, guards=[requires_account(*MAY_OPEN[PATH], page=True)], include_in_schema=False)
async def disclosures_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Show them as a table, with filters by account, ticket and days."""
    context: Context = request.app.state.context
    parameters = Parameters(request, ALLOWED)
    page = await _listed(context, request.state.account, parameters)
    names = {key: context.registry.name("org", key) or key for key in {seen.unit for seen in page.items}}
    chosen = {name: parameters.raw(name) or "" for name in ALLOWED}
    return await work_page(request, "disclosures.html", active=PATH, page=page, units=names, chosen=chosen)


routes = [list_disclosures, disclosures_page]
