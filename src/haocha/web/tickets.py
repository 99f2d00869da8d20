"""`/v1/tickets`: the list is a projection's; one ticket is read from its stream, with what happened to it."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath, QueryParameter

from haocha.domain.ticket import STATUSES, Ticket
from haocha.domain.ticket_events import SOURCES, Opened, TicketEvent
from haocha.store import aggregates, log
from haocha.web import newest
from haocha.web.auth import requires
from haocha.web.context import Context
from haocha.web.newest import Below
from haocha.web.parameters import After, Area, Cursor, From, Hall, Limit, Parameters, To
from haocha.web.problems import not_found

USUAL, MOST = 50, 1_000
ALLOWED = ("status", "source", "unit", "hall", "area", "from", "to", "limit", "cursor", "after")

Status = Annotated[
    str | None,
    QueryParameter(
        name="status",
        schema_extra={"pattern": f"^({'|'.join(STATUSES)})$"},
        description="状态；可用逗号列出几个",
    ),
]
Source = Annotated[
    str | None,
    QueryParameter(
        name="source", schema_extra={"pattern": f"^({'|'.join(SOURCES)})$"}, description="来源；可用逗号列出几个"
    ),
]
Unit = Annotated[
    str | None, QueryParameter(name="unit", schema_extra={"pattern": "^[!-~]{1,50}$"}, description="承办单位代码")
]


@get("/v1/tickets", guards=[requires("tickets:read")], tags=["tickets"], operation_id="listTickets")
async def list_tickets(
    request: Request[Any, Any, Any],
    _status: Status = None,
    _source: Source = None,
    _unit: Unit = None,
    _hall: Hall = None,
    _area: Area = None,
    _from: From = None,
    _to: To = None,
    _limit: Limit = None,
    _cursor: Cursor = None,
    _after: After = None,
) -> Response[bytes]:
    """List tickets, the newest first; `from` and `to` are the days the ratings count to (工单列表)."""
    context: Context = request.app.state.context
    parameters = Parameters(request, ALLOWED)
    below: Below | None = parameters.cursor(Below)
    since, until = parameters.days()
    limit, after = parameters.limit(USUAL, MOST), parameters.position("after")
    arguments = (
        below.position if below else None,
        _several(parameters, "status", STATUSES),
        _several(parameters, "source", SOURCES),
        parameters.text("unit"),
        parameters.text("hall"),
        parameters.area(),
        since,
        until,
    )
    parameters.check()
    return await newest.page(context.pool, "tickets", "list", arguments, limit=limit, after=after, item=_item)


@get("/v1/tickets/{ticket_id:uuid}", guards=[requires("tickets:read")], tags=["tickets"], operation_id="getTicket")
async def get_ticket(request: Request[Any, Any, Any], ticket_id: FromPath[UUID]) -> Response[bytes]:
    """Read one ticket as it is now, with its events (一件工单)."""
    context: Context = request.app.state.context
    stream = await log.read_stream(context.pool, ticket_id)
    if not stream or not isinstance(stream[0].event, Opened):
        raise not_found("这件工单")
    ticket = aggregates.replay(stream, Ticket)
    answer = {
        "ticketId": ticket_id,
        "position": stream[-1].position,
        "version": ticket.version,
        "number": ticket.number,
        "source": ticket.source,
        "sourceId": ticket.source_id,
        "caseId": ticket.case_id,
        "unit": ticket.unit,
        "status": ticket.status,
        "openedAt": stream[0].event.at,
        "dues": ticket.dues,
        "provisional": sorted(ticket.provisional),
        "policyVersion": ticket.policy_version,
        "calendarVersion": ticket.calendar_version,
        "joined": ticket.joined,
        "snapshot": ticket.snapshot,
        "events": [told(recorded) for recorded in stream],
    }
    return Response(msgspec.json.encode(answer), media_type="application/json")


def _several(parameters: Parameters, name: str, among: tuple[str, ...]) -> list[str] | None:
    value = parameters.raw(name)
    if value is None:
        return None
    named = value.split(",")
    if any(one not in among for one in named):
        parameters.wrong(name, f"应为 {'、'.join(among)} 之一，几个之间用英文逗号")
        return None
    return named


def _item(row: Any) -> dict[str, Any]:
    dept, _, staff = row["staff"].rpartition("/")
    hall, _, window = row["window"].rpartition("/")
    provisional: dict[str, bool] = msgspec.json.decode(row["provisional"])
    return {
        "ticketId": row["id"],
        "position": row["position"],
        "number": row["number"],
        "source": row["source"],
        "sourceId": row["source_id"],
        "caseId": row["case_id"],
        "unit": row["unit"],
        "status": row["status"],
        "outcome": row["outcome"] or None,
        "satisfaction": row["satisfaction"] or None,
        "pf": row["pf"],
        "projectNo": row["project_no"],
        "day": row["day"],
        "areaCode": row["area"],
        "deptCode": row["dept"] or dept,
        "hallCode": row["hall"] or hall,
        "windowNo": window,
        "staffNo": staff,
        "taskCode": row["matter"],
        "openedAt": row["opened_at"],
        "dues": msgspec.Raw(row["dues"]),
        "provisional": sorted(stage for stage, is_so in provisional.items() if is_so),
        "joined": row["joined"],
    }


def told(recorded: log.Recorded) -> dict[str, Any]:
    """Return an event by its topic's last word; what the ticket itself says already is left out."""
    event: TicketEvent = recorded.event
    members = msgspec.to_builtins(event)
    for member in ("originatorId", "originatorVersion", "snapshot" if isinstance(event, Opened) else ""):
        members.pop(member, None)
    return {
        "position": recorded.position,
        "version": recorded.originator_version,
        "event": recorded.topic.partition(":")[0].partition(".")[2],
        "recordedAt": recorded.recorded_at,
        **members,
    }


routes = [list_tickets, get_ticket]
