"""`POST /v1/tickets/{id}/{command}`: what people do to a ticket, over the version that they have seen (`If-Match`)."""

import re
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from litestar import Request, Response, post
from litestar.handlers import HTTPRouteHandler
from litestar.params import FromPath

from haocha.domain import ticket_guards as guards
from haocha.domain.account import Account
from haocha.domain.errors import Refusal
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Evidence
from haocha.domain.ticket_refusals import Forbidden
from haocha.store import aggregates, evidence, log, sql
from haocha.store.texts import Writings
from haocha.web import orders, scopes, words
from haocha.web.context import Context
from haocha.web.orders import Act, Merge, Order
from haocha.web.people import requires_account
from haocha.web.problems import Fault, Problem, invalid, not_found
from haocha.web.tickets import told

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")
VERSION: Final = re.compile(r'"([0-9]{1,9})"')
REQUIRED: Final = '请在请求头 If-Match 中写明您看到的工单版本，例如 If-Match: "3"；版本见查询工单时的 ETag。'


class Done(NamedTuple):
    """What a command led to."""

    ticket: Ticket
    position: int


class Overtaken(Exception):
    """The ticket is not at the version that was seen."""


async def perform(
    context: Context, account: Account, ticket_id: UUID, command: str, sent: Any, *, version: int | None
) -> Done:
    """Give a command to a ticket for an account, over `version` where it says which one it has seen.

    `sent` is the form as JSON. Raises `Problem`: 404, 422 with every fault, 403 where it is not this person's to do,
    409 with the guard's code, 412 with the events since.
    """
    order, faults = orders.read(command, sent)
    if order is None:
        await _check_theirs(context, account, ticket_id, command)
        raise invalid(faults)
    await _check_unit(context, order)
    files, into = await _files(context, order), await _into(context, order, ticket_id)
    rulebook, now = await context.rules.current(), context.now()

    def decide(ticket: Ticket) -> list[log.Text]:
        if not scopes.may_see(context, account, ticket):
            raise Forbidden(f"Ticket {ticket.number} lies outside what {account.username} oversees.")
        if version is not None and version != ticket.version:
            raise Overtaken
        writings, next_version = Writings(context.vault, ticket.id, ticket.snapshot.subject), ticket.version + 1
        order.give(
            ticket,
            Act(
                account,
                rulebook.of(ticket.policy_version, ticket.calendar_version),
                max(now, ticket.modified_on),
                lambda member, body: writings.refer(next_version, member, body),
                files,
                into,
            ),
        )
        return writings.texts

    try:
        return Done(*await aggregates.execute(context.batcher, context.pool, Ticket, ticket_id, decide))
    except aggregates.Unknown:
        raise not_found("这件工单") from None
    except Overtaken:
        raise await _overtaken(context, ticket_id, version or 0) from None
    except Refusal as refusal:
        raise refused(refusal) from None
    except aggregates.Contended:
        raise Problem(409, "contended", "很多人同时在处理这件工单，请刷新后再试。") from None


def refused(refusal: Refusal) -> Problem:
    """Say a refusal of the domain in Chinese, under its own code."""
    status = 403 if isinstance(refusal, Forbidden) else 409
    return Problem(status, refusal.code, words.REFUSALS.get(refusal.code, "现在不能这样做。"))


async def _check_theirs(context: Context, account: Account, ticket_id: UUID, command: str) -> None:
    """Refuse a person whose task it is not before saying what is wrong with the form; raises the `404` and `403`."""
    try:
        ticket = await aggregates.get(context.pool, Ticket, ticket_id)
    except aggregates.Unknown:
        raise not_found("这件工单") from None
    terms = (await context.rules.current()).of(ticket.policy_version, ticket.calendar_version)
    refusal = guards.refusal(ticket, command, account, terms, context.now())
    if isinstance(refusal, Forbidden):
        raise refused(refusal)
    if not scopes.may_see(context, account, ticket):
        raise refused(Forbidden(f"Ticket {ticket.number} lies outside what {account.username} oversees."))


async def _overtaken(context: Context, ticket_id: UUID, version: int) -> Problem:
    stream = await log.read_stream(context.pool, ticket_id)
    since = [told(recorded) for recorded in stream if recorded.originator_version > version]
    detail = "这件工单在您查看之后有了新的进展，请看 events 中的变化，再决定是否继续。"
    return Problem(412, "version_passed", detail, version=len(stream), events=since)


async def _files(context: Context, order: Order) -> dict[str, Evidence]:
    """Look up the files that the form refers to; raises `422` for those that are not there."""
    files: dict[str, Evidence] = {}
    faults = []
    for index, one in enumerate(order.attached):
        found = await evidence.described(context.pool, one.digest)
        if found is None:
            message = "没有这个文件，请先上传（POST /v1/evidence）；上传后七天内没有使用的文件会被清理。"
            faults.append(Fault(f"/evidence/{index}/digest", "unknown_evidence", message))
        else:
            files[one.digest] = found
    if faults:
        raise invalid(faults)
    return files


async def _check_unit(context: Context, order: Order) -> None:
    """Refuse a unit that nobody knows: the ticket would wait there for ever."""
    unit = order.receiver
    known = not unit or context.registry.valid("org", unit, context.now()) is not None
    if not known and not await context.pool.fetchval(SQL["has_accounts"], unit):
        raise invalid([Fault("/unit", "unknown_unit", words.REFUSALS["unknown_unit"])])


async def _into(context: Context, order: Order, ticket_id: UUID) -> Ticket | None:
    """Find the ticket to merge into among the related ones, by its number or id."""
    if not isinstance(order, Merge):
        return None
    try:
        ticket = await aggregates.get(context.pool, Ticket, ticket_id)
    except aggregates.Unknown:
        return None
    streams = await log.read_streams(context.pool, list(ticket.related))
    others = [aggregates.replay(stream, Ticket) for stream in streams.values()]
    return next((other for other in others if order.into in {other.number, str(other.id)}), None)


def answer(done: Done) -> Response[bytes]:
    """Return the ticket as it stands after a command."""
    ticket = done.ticket
    members = {
        "ticketId": ticket.id,
        "number": ticket.number,
        "position": done.position,
        "version": ticket.version,
        "status": ticket.status,
        "outcome": ticket.outcome or None,
        "unit": ticket.unit,
        "dues": ticket.dues,
        "provisional": sorted(ticket.provisional),
    }
    headers = {"ETag": f'"{ticket.version}"'}
    return Response(msgspec.json.encode(members), media_type="application/json", headers=headers)


def _route(command: str) -> HTTPRouteHandler:
    @post(
        f"/v1/tickets/{{ticket_id:uuid}}/{command}",
        status_code=200,
        guards=[requires_account()],
        tags=["tickets"],
        operation_id="".join(part.capitalize() for part in command.split("-")).join(("ticket", "")),
        summary=words.COMMANDS[command],
    )
    async def give(request: Request[Any, Any, Any], ticket_id: FromPath[UUID]) -> Response[bytes]:
        """Give a command to a ticket; `If-Match` names the version that was seen."""
        seen = request.headers.get("if-match")
        if seen is None:
            raise Problem(428, "version_required", REQUIRED)
        named = VERSION.fullmatch(seen.strip())
        try:
            sent = msgspec.json.decode(await request.body() or b"{}")
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            raise Problem(400, "malformed", "请求正文不是合法的 JSON。") from None
        context: Context = request.app.state.context
        version = int(named[1]) if named else 0
        return answer(await perform(context, request.state.account, ticket_id, command, sent, version=version))

    return give


routes = [_route(command) for command in orders.ORDERS]
