"""`POST /desk/bulk`: one command for many tickets, first shown what it will do, then done ticket by ticket.

Each ticket is done over the version that the list showed: who was overtaken is told so, and the others are done.
"""

from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, post

from haocha.domain.account import Account, AccountRole
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_guards import refusal
from haocha.store import aggregates
from haocha.web import people, reading, scopes, ticket_commands, words
from haocha.web.context import Context
from haocha.web.desk_views import looked_at
from haocha.web.problems import Problem
from haocha.web.work import work_page

MOST: Final = 100  # of one form: as many as a page may show
COMMANDS: Final[dict[AccountRole, tuple[str, ...]]] = {"handler": ("accept",), "supervisor": ("dispatch", "remind")}
"""What each role may do with many tickets at once."""
CONSEQUENCES: Final = {
    "accept": "签收表示本单位受理，随后进入核实；联系和核实的时限照常计算。",
    "dispatch": "派单后由承办单位签收；选错单位可以再改派，时限不重新计算。",
    "remind": "催办会记入工单的经过，并通知正在办理的单位；时限不变。",
}


class Sent(msgspec.Struct, frozen=True):
    """What the form sends: `tickets` as `id:version`."""

    command: str
    tickets: list[tuple[UUID, int]]
    back: str
    confirmed: bool
    unit: str
    note: str
    csrf: str


class Shown(msgspec.Struct, frozen=True):
    """A ticket that something will happen to, or, where it is not `able`, will not; `then` says what or why not."""

    able: bool
    id: UUID
    version: int
    number: str
    what: str
    stage: str
    then: str


class Result(msgspec.Struct, frozen=True):
    """What happened to a ticket: `kind` is done, late or refused."""

    id: UUID
    number: str
    kind: str
    title: str
    detail: str


@post("/desk/bulk", status_code=200, guards=[people.requires_account(*COMMANDS, page=True)], include_in_schema=False)
async def bulk(request: Request[Any, Any, Any]) -> Response[str]:
    """Show what a command will do to the chosen tickets; do it where that was confirmed."""
    sent = await _read(request)
    people.check_form(request, sent.csrf)
    account: Account = request.state.account
    if sent.command not in COMMANDS[account.role]:
        raise Problem(403, "role_missing", "这个账号不能批量做这件事。")
    if not sent.tickets:
        raise Problem(400, "nothing_chosen", "还没有勾选工单。请返回队列，先勾选要处理的工单。")
    if sent.confirmed and (sent.command != "dispatch" or sent.unit):
        return await _done(request, account, sent)
    return await _asked(request, account, sent)


async def _read(request: Request[Any, Any, Any]) -> Sent:
    form = await request.form()
    tickets = []
    for value in form.getall("ticket", []):
        ticket_id, _, version = str(value).partition(":")
        try:
            tickets.append((UUID(ticket_id), int(version)))
        except ValueError:
            raise Problem(400, "malformed", "表单里的工单不能识别。请返回队列，刷新后再试。") from None
    if len(tickets) > MOST:
        raise Problem(400, "too_many", f"一次最多处理 {MOST} 件工单。")
    members = {name: str(form.get(name, "")) for name in ("command", "unit", "note", "csrf")}
    back = looked_at(str(form.get("back", ""))).query()
    return Sent(tickets=tickets, back=back, confirmed=form.get("confirmed") == "1", **members)


async def _asked(request: Request[Any, Any, Any], account: Account, sent: Sent) -> Response[str]:
    """Show what will happen, ticket by ticket."""
    context: Context = request.app.state.context
    shown = [one for ticket_id, seen in sent.tickets if (one := await _shown(context, account, sent, ticket_id, seen))]
    units = reading.choices(context.registry, "org") if sent.command == "dispatch" else []
    return await work_page(
        request,
        "desk_confirm.html",
        active="/desk",
        status=422 if sent.confirmed else 200,
        wrong="请选择派给哪个单位。" if sent.confirmed else "",
        command=sent.command,
        name=words.COMMANDS[sent.command],
        consequence=CONSEQUENCES[sent.command],
        chosen=shown,
        able=sum(one.able for one in shown),
        units=[one for one in units if context.registry.valid("org", one.key, context.now())],
        unit=sent.unit,
        note=sent.note,
        back=sent.back,
    )


async def _shown(context: Context, account: Account, sent: Sent, ticket_id: UUID, seen: int) -> Shown | None:
    ticket = await _ticket(context, account, ticket_id)
    if ticket is None:
        return None
    terms = (await context.rules.current()).of(ticket.policy_version, ticket.calendar_version)
    refused = refusal(ticket, sent.command, account, terms, context.now())
    able = not refused and ticket.version == seen
    if refused:
        then = ticket_commands.refused(refused).detail
    elif able:
        then = {"accept": "签收，进入核实", "dispatch": "等待承办单位签收", "remind": "催办，状态不变"}[sent.command]
    else:
        then = "您查看之后，这件工单又有了新的进展。"
    matter, said = ticket.snapshot.matter, ticket.snapshot.window
    what = context.registry.name("matter", matter) or matter or "未注明事项"
    place = reading.window_name(context.registry, said) if said else ""
    what, stage = f"{what} {place}".strip(), words.STATUSES[ticket.status]
    return Shown(able, ticket_id, seen, ticket.number, what, stage, then)


async def _ticket(context: Context, account: Account, ticket_id: UUID) -> Ticket | None:
    """Load a ticket that the account may see."""
    try:
        ticket = await aggregates.get(context.pool, Ticket, ticket_id)
    except aggregates.Unknown:
        return None
    return ticket if scopes.may_see(context, account, ticket) else None


async def _done(request: Request[Any, Any, Any], account: Account, sent: Sent) -> Response[str]:
    """Do it, each ticket by itself, and say what became of each."""
    context: Context = request.app.state.context
    results = [await _give(context, account, sent, ticket_id, seen) for ticket_id, seen in sent.tickets]
    return await work_page(
        request,
        "desk_done.html",
        active="/desk",
        name=words.COMMANDS[sent.command],
        results=results,
        good=sum(result.kind == "done" for result in results),
        back=sent.back,
    )


async def _give(context: Context, account: Account, sent: Sent, ticket_id: UUID, seen: int) -> Result:
    form = {"dispatch": {"unit": sent.unit, "note": sent.note}, "remind": {"note": sent.note}}.get(sent.command, {})
    try:
        done = await ticket_commands.perform(context, account, ticket_id, sent.command, form, version=seen)
    except Problem as problem:
        ticket = await _ticket(context, account, ticket_id)
        number = ticket.number if ticket else "（不可见）"
        if problem.status == 412:  # noqa: PLR2004
            now = words.STATUSES[ticket.status] if ticket else "已转走"
            return Result(ticket_id, number, "late", "别人先一步", f"您查看之后有人处理过，现在是“{now}”。")
        detail = problem.faults[0].message if problem.faults else problem.detail
        return Result(ticket_id, number, "refused", "没有做", detail)
    ticket = done.ticket
    now = f"现在是“{words.STATUSES[ticket.status]}”。"
    return Result(ticket_id, ticket.number, "done", f"已{words.COMMANDS[sent.command]}", now)


routes = [bulk]
