"""`/v1/tickets`: the list is a projection's (queues.py); one ticket is read from its stream, with all that happened."""

from typing import Annotated, Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath, QueryParameter

from haocha.domain.account import Account
from haocha.domain.codes import CHANNELS
from haocha.domain.ticket import STATUSES, Ticket
from haocha.domain.ticket_events import SOURCES, Opened, TicketEvent
from haocha.domain.ticket_state import LADDER
from haocha.store import aggregates, log, readmodels, vault
from haocha.web import citizen_names, queues, reading, timeline, words, work
from haocha.web.auth import requires
from haocha.web.context import Context
from haocha.web.parameters import After, Area, Cursor, Dept, From, Hall, Limit, Parameters, To
from haocha.web.problems import not_found
from haocha.web.scopes import may_see
from haocha.web.ticket_filters import DUES, FORMS, QUEUE_NAMES, SORTS, TIERS, Filters
from haocha.web.ticket_items import item_of

USUAL, MOST = 50, 1_000
ALLOWED = (*FORMS, "limit", "cursor", "after")


def _choice(name: str, among: Any, said: str) -> Any:
    return QueryParameter(name=name, schema_extra={"enum": list(among)}, description=said)


def _choices(name: str, among: Any, said: str) -> Any:
    schema = {"pattern": f"^({'|'.join(among)})$"}
    return QueryParameter(name=name, schema_extra=schema, description=f"{said}；可用逗号列出几个")


def _code(name: str, said: str) -> Any:
    return QueryParameter(name=name, schema_extra={"pattern": "^[!-~]{1,50}$"}, description=said)


def _day(name: str, said: str) -> Any:
    schema = {"format": "date", "pattern": "^[12][0-9]{3}-[0-9]{2}-[0-9]{2}$"}
    return QueryParameter(name=name, schema_extra=schema, description=said)


Queue = Annotated[str | None, _choice("queue", QUEUE_NAMES, "队列；账号看到的是自己在此队列中该办的")]
Search = Annotated[str | None, _code("q", "工单编号、办件编号，或窗口、人员、事项、单位的代码或名称")]
Status = Annotated[str | None, _choices("status", STATUSES, "状态")]
Source = Annotated[str | None, _choices("source", SOURCES, "来源")]
Unit = Annotated[str | None, _code("unit", "承办单位代码")]
Window = Annotated[str | None, _code("window", "大厅代码/窗口号")]
Staff = Annotated[str | None, _code("staff", "部门代码/工号")]
Matter = Annotated[str | None, _code("matter", "事项编码或其前几位")]
Pf = Annotated[str | None, _choice("pf", sorted(CHANNELS), "评价渠道")]
Level = Annotated[str | None, _choices("level", "012345", "满意度，0 为没有评级")]
Ground = Annotated[str | None, _choices("ground", words.GROUNDS, "核实认定的原因")]
Outcome = Annotated[str | None, _choices("outcome", words.OUTCOMES, "办结方式")]
Due = Annotated[str | None, _choice("due", DUES, "当前环节的时限")]
Escalated = Annotated[str | None, _choice("escalated", LADDER, "督办到这一级或更高")]
OpenedFrom = Annotated[str | None, _day("openedFrom", "生成日自，含当日")]
OpenedTo = Annotated[str | None, _day("openedTo", "生成日至，含当日")]
Tier = Annotated[str | None, _choice("tier", TIERS, "above 为上级平台下发的，below 为下级平台在办的")]
Sort = Annotated[str | None, _choice("sort", SORTS, "排序；不给则按队列自己的顺序，全部工单为新的在前")]
Since = Annotated[
    str | None, QueryParameter(name="since", schema_extra={"pattern": "^[0-9]{1,4}$"}, description="只要此版本之后的")
]


@get(
    "/v1/tickets",
    guards=[requires("tickets:read", people=work.MAY_OPEN["/desk"])],
    tags=["tickets"],
    operation_id="listTickets",
)
async def list_tickets(
    request: Request[Any, Any, Any],
    _queue: Queue = None,
    _q: Search = None,
    _status: Status = None,
    _source: Source = None,
    _unit: Unit = None,
    _area: Area = None,
    _dept: Dept = None,
    _hall: Hall = None,
    _window: Window = None,
    _staff: Staff = None,
    _matter: Matter = None,
    _pf: Pf = None,
    _level: Level = None,
    _ground: Ground = None,
    _outcome: Outcome = None,
    _due: Due = None,
    _escalated: Escalated = None,
    _tier: Tier = None,
    _from: From = None,
    _to: To = None,
    _opened_from: OpenedFrom = None,
    _opened_to: OpenedTo = None,
    _sort: Sort = None,
    _limit: Limit = None,
    _cursor: Cursor = None,
    _after: After = None,
) -> Response[bytes]:
    """List tickets, the newest first if nothing else is asked for; an account sees its scope (工单列表).

    `from` and `to` are the days that the ratings count to.
    """
    context: Context = request.app.state.context
    account: Account | None = request.state.account
    parameters = Parameters(request, ALLOWED)
    filters, faults = Filters.parse({name: parameters.raw(name) or "" for name in FORMS})
    parameters.faults += faults
    parameters.cursor(queues.Mark)
    limit, after = parameters.limit(USUAL, MOST), parameters.position("after")
    parameters.check()
    if after is not None:
        await readmodels.wait_for(context.pool, queues.MODEL, after)
    found = await queues.find(context, account, filters, cursor=parameters.raw("cursor"), limit=limit)
    return _json(
        {
            "position": found.position,
            "items": [item_of(row) for row in found.records],
            "nextCursor": found.next_cursor,
        }
    )


@get(
    "/v1/tickets/{ticket_id:uuid}",
    guards=[requires("tickets:read", people=work.MAY_OPEN["/desk"])],
    tags=["tickets"],
    operation_id="getTicket",
)
async def get_ticket(request: Request[Any, Any, Any], ticket_id: FromPath[UUID]) -> Response[bytes]:
    """Read one ticket as it is now, with its events; to accounts also the texts that are still there (一件工单)."""
    context: Context = request.app.state.context
    account: Account | None = request.state.account
    stream, ticket = await seen(context, account, ticket_id)
    opened: Opened = stream[0].event
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
        "enteredAt": ticket.entered_at,
        "openedAt": opened.at,
        "dues": ticket.dues,
        "provisional": sorted(ticket.provisional),
        "dueAt": ticket.dues.get(ticket.stage) if ticket.is_open else None,
        "policyVersion": ticket.policy_version,
        "calendarVersion": ticket.calendar_version,
        "contacts": ticket.contacts,
        "reached": ticket.reached,
        "verdict": ticket.verdict or None,
        "ground": ticket.ground or None,
        "difficulty": ticket.difficulty if ticket.verdict else None,
        "disposition": ticket.disposition or None,
        "appeal": ticket.appeal or None,
        "extension": ticket.extension,
        "rounds": ticket.rounds,
        "spent": ticket.spent,
        "escalated": ticket.escalated or None,
        "handled": sorted(ticket.handled),
        "province": any(source == "province" for source, _ in ticket.parts),
        "above": ticket.above or None,
        "below": ticket.below or None,
        "outcome": ticket.outcome or None,
        "closedAt": ticket.closed_at,
        "joined": ticket.joined,
        "related": sorted(ticket.related),
        "snapshot": ticket.snapshot,
        "events": [told(recorded) for recorded in stream],
    }
    if account is not None:
        rulebook = await context.rules.current()
        terms = rulebook.of(ticket.policy_version, ticket.calendar_version)
        answer["allowed"] = ticket.allowed(account, terms, context.now())
        answer["texts"] = await _texts(context, stream, stream)
    return _json(answer, {"ETag": f'"{ticket.version}"'})


@get(
    "/v1/tickets/{ticket_id:uuid}/events",
    guards=[requires("tickets:read", people=work.MAY_OPEN["/desk"])],
    tags=["tickets"],
    operation_id="listTicketEvents",
)
async def list_ticket_events(
    request: Request[Any, Any, Any], ticket_id: FromPath[UUID], _since: Since = None, _limit: Limit = None
) -> Response[bytes]:
    """Read what happened to a ticket, in order, after version `since` (工单经过)."""
    context: Context = request.app.state.context
    parameters = Parameters(request, ("since", "limit"))
    since, limit = parameters.position("since") or 0, parameters.limit(USUAL, MOST)
    parameters.check()
    account: Account | None = request.state.account
    stream, ticket = await seen(context, account, ticket_id)
    page = stream[since : since + limit]
    answer = {
        "position": stream[-1].position,
        "version": ticket.version,
        "items": [told(recorded) for recorded in page],
        "nextSince": page[-1].originator_version if since + limit < len(stream) else None,
    }
    if account is not None:
        answer["texts"] = await _texts(context, stream, page)
    return _json(answer, {"ETag": f'"{ticket.version}"'})


async def seen(context: Context, account: Account | None, ticket_id: UUID) -> tuple[list[log.Recorded], Ticket]:
    """Read a ticket that whoever asks may see; one that he may not see is not there for him."""
    stream = await log.read_stream(context.pool, ticket_id)
    try:
        ticket = aggregates.replay(stream, Ticket)
    except aggregates.Unknown:
        raise not_found("这件工单") from None
    if account is not None and not may_see(context, account, ticket):
        raise not_found("这件工单")
    return stream, ticket


async def _texts(context: Context, stream: list[log.Recorded], part: list[log.Recorded]) -> dict[str, str | None]:
    """Return the texts of a part of a stream by their ids as pages show them, names covered too; None once erased."""
    named = list(timeline.references(part))
    written = await vault.bodies(context.pool, named)
    written = citizen_names.all_without(written, await citizen_names.of_stream(context, stream))
    return {str(text): reading.covered(written[text]) if text in written else None for text in named}


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


def _json(members: dict[str, Any], headers: dict[str, str] | None = None) -> Response[bytes]:
    return Response(msgspec.json.encode(members), media_type="application/json", headers=headers)


routes = [list_tickets, get_ticket, list_ticket_events]
