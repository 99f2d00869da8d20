"""`/desk/sources`: recent complaints (投诉意见) and findings (查评问题), and what became of them."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get

from haocha.domain import ids, receipt
from haocha.domain.account import Account
from haocha.domain.codes import BAD_LEVELS
from haocha.domain.complaint import ComplaintReceived
from haocha.domain.inspection import FindingRecorded, Tree
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Source
from haocha.inspections import tree
from haocha.store import aggregates, log, sql, vault
from haocha.store.log import Recorded
from haocha.web import citizen_names, reading, scopes, words
from haocha.web.context import Context
from haocha.web.newest import Below
from haocha.web.parameters import Parameters, cursor
from haocha.web.people import requires_account
from haocha.web.work import MAY_OPEN, work_page

SQL: Final = sql.load(Path(__file__).with_name("sources.sql")).named("query")
PATH: Final = "/desk/sources"
SHOWN: Final = 30
TOPICS: Final = {
    "": (ComplaintReceived.TOPIC, FindingRecorded.TOPIC),
    "complaints": (ComplaintReceived.TOPIC,),
    "findings": (FindingRecorded.TOPIC,),
}
TABS: Final = {"": "全部", "complaints": "投诉意见", "findings": "查评问题"}
MAY_INSPECT: Final = ("inspector", "supervisor")
DONE: Final = {
    "complaint": "投诉意见已登记，工单随即开立。回执号 {receipt}，请告知来人或来电人，凭它可以查进展。",
    "finding": "查评问题已登记，工单随即开立。",
    "import": "已导入 {n} 条查评问题，工单随即开立。",
}


class Item(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the list."""

    position: int
    at: datetime
    kind: str
    standard: str = ""
    """The finding's standard, by its code and its names from the top down."""
    number: str
    day: date
    place: str
    text: str | None
    files: int = 0
    who: str
    ticket: Ticket | None
    praise: bool = False
    """Satisfied: no ticket was opened for it."""


async def newest(context: Context, account: Account, kind: str, below: int | None) -> tuple[list[Item], int | None]:
    """Return a page of what this account may see, and where the next begins."""
    scope = scopes.scope_of(context, account)
    rows = await context.pool.fetch(SQL["list"], below, list(TOPICS[kind]), scope.units, scope.area, SHOWN + 1)
    streams = await log.read_streams(context.pool, [row["originator_id"] for row in rows[:SHOWN]])
    told = sorted((stream[0] for stream in streams.values()), key=lambda one: one.position, reverse=True)
    tickets = await _tickets(context, told)
    standards = await tree.load(context.pool, context.install)
    references = [reference.id for one in told for name, reference in one.event.texts.items() if name != "ext"]
    texts = await vault.bodies(context.pool, references)
    named = await citizen_names.of_subjects(context, [one.event.subject for one in told])
    for one in told:
        for reference in one.event.texts.values():
            if reference.id in texts:
                texts[reference.id] = citizen_names.without(texts[reference.id], named.get(one.event.subject, set()))
    items = [_item(context, one, tickets.get(one.originator_id), standards, texts) for one in told]
    return items, told[-1].position if len(rows) > SHOWN else None


async def _tickets(context: Context, told: Sequence[Recorded]) -> dict[UUID, Ticket]:
    """Return the ticket of each source: its own, or the one of its case that it joined."""
    namespace = context.install.namespace
    own = {one.originator_id: ids.ticket_id(namespace, _source(one), str(one.originator_id)) for one in told}
    streams = await log.read_streams(context.pool, list(own.values()))
    found = {source: aggregates.replay(streams[ticket], Ticket) for source, ticket in own.items() if ticket in streams}
    cases = {
        str(ids.rating_id(namespace, one.event.project_no, one.event.service_number))
        for one in told
        if one.originator_id not in found and isinstance(one.event, ComplaintReceived) and one.event.project_no
    }
    if cases:
        rows = await context.pool.fetch(SQL["tickets_of"], list(cases))
        for stream in (await log.read_streams(context.pool, [row[0] for row in rows])).values():
            ticket = aggregates.replay(stream, Ticket)
            found |= {one: ticket for one in own if str(one) in ticket.joined}
    return found


def _source(one: Recorded) -> Source:
    return "complaint" if isinstance(one.event, ComplaintReceived) else "inspection"


def _item(context: Context, one: Recorded, ticket: Ticket | None, standards: Tree, texts: dict[UUID, str]) -> Item:
    fact: ComplaintReceived | FindingRecorded = one.event
    common: dict[str, Any] = {
        "position": one.position,
        "at": one.recorded_at,
        "place": _place(context, fact),
        "ticket": ticket,
    }
    if isinstance(fact, ComplaintReceived):
        return Item(
            kind=words.KINDS[fact.kind],
            number=fact.source_id if fact.key_kind != "account" else "",
            day=fact.day,
            text=_text(texts, fact.texts["text"].id),
            who=fact.client,
            praise=bool(fact.satisfaction) and fact.satisfaction not in BAD_LEVELS,
            **common,
        )
    return Item(
        kind=words.SOURCES["inspection"],
        standard=" › ".join((fact.standard, *standards.path(fact.standard))),
        number=fact.finding_no,
        day=fact.found_on,
        text=_text(texts, fact.texts["problem"].id),
        files=len(fact.evidence),
        who=fact.by.account,
        **common,
    )


def _place(context: Context, fact: ComplaintReceived | FindingRecorded) -> str:
    """Name where it was: hall and window, else the department."""
    names = context.registry.name
    window = reading.window_name(context.registry, fact.window) if fact.window else ""
    place = f"{names('hall', fact.hall) or fact.hall} {window}".strip()
    return place or names("org", fact.dept) or fact.dept


def _text(texts: dict[UUID, str], reference: UUID) -> str | None:
    """Return a text shortened and covered, None where it was erased by law."""
    body = texts.get(reference)
    return None if body is None else reading.masked(body)


@get(PATH, guards=[requires_account(*MAY_OPEN[PATH], page=True)], include_in_schema=False)
async def sources_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Show what came, the newest first; `kind` is complaints or findings, `done` what has just been entered."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    query = request.query_params
    parameters = Parameters(request, query.keys())
    below: Below | None = parameters.cursor(Below)
    parameters.check()
    kind = query.get("kind", "") if query.get("kind") in TOPICS else ""
    items, following = await newest(context, account, kind, below.position if below else None)
    code, count = query.get("receipt", ""), query.get("n", "")
    known = (not code or receipt.read(code) is not None) and (not count or count.isdecimal())
    done = DONE.get(query.get("done", ""), "").format(receipt=code, n=count) if known else ""
    return await work_page(
        request,
        "sources.html",
        active=PATH,
        items=items,
        kind=kind,
        tabs=TABS,
        done=done,
        following=cursor(Below(following)) if following else "",
        inspects=account.role in MAY_INSPECT,
        standards=await tree.load(context.pool, context.install),
    )


routes = [sources_page]
