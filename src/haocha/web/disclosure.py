"""Showing contact data to whom policy lets call: one ticket at a time, with a reason, written down before it is shown.

Everywhere else an identity is masked (`vault.masked`). The rules are the domain's (domain/identity.py); here are the
limit per account, the event and the answer.
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID
from weakref import WeakValueDictionary

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, URLEncodedBody

from haocha.domain import identity as domain
from haocha.domain import ticket_refusals as refusals
from haocha.domain.account import Account, AccountRole
from haocha.domain.errors import Refusal
from haocha.domain.identity import IdentityDisclosed, Purpose, Reason
from haocha.domain.policy import Terms
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Joined, Opened, Snapshot
from haocha.store import aggregates, events, log, sql
from haocha.store.log import QueueFull, Recorded, Unavailable
from haocha.store.texts import Writings
from haocha.web import tickets, wire, words
from haocha.web.context import Context
from haocha.web.people import check_form, requires_account
from haocha.web.problems import Fault, Problem, invalid, unavailable
from haocha.web.ticket_commands import refused
from haocha.web.work import work_page

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")
HOUR: Final = timedelta(hours=1)
MOST_IN_AN_HOUR: Final = 30
LONGEST: Final = 500
MAY_ASK: Final[tuple[AccountRole, ...]] = ("agent", "handler")
NOT_TO_SEE: Final = (refusals.Forbidden, refusals.RatedPerson, refusals.NotIndependent)
PRIVATE: Final = {"Cache-Control": "no-store"}
_asking_now: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
"""One per account: what is counted must be written down before the same account is counted again."""
NOTE_NEEDED: Final = Fault("/note", "missing", "选“其他”时，请写明理由。")


class Asking(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is sent to see contact data; a `note` is needed where the reason is `other`."""

    reason: Reason
    note: Annotated[str, msgspec.Meta(max_length=LONGEST)] = ""


class Form(msgspec.Struct, frozen=True):
    """The same from a page."""

    reason: str = ""
    note: str = ""
    csrf: str = ""


class Shown(NamedTuple):
    """What was shown, of which ticket, and where that stands in the log."""

    ticket: Ticket
    purpose: Purpose
    members: dict[str, str]
    position: int


class Situation(NamedTuple):
    """A ticket, its rules, and all that was rated in it."""

    ticket: Ticket
    terms: Terms
    snapshots: list[Snapshot]


async def _read(context: Context, account: Account, ticket_id: UUID) -> Situation:
    """Read a ticket that this account may see; raises the `404`."""
    stream, ticket = await tickets.seen(context, account, ticket_id)
    rulebook = await context.rules.current()
    return Situation(ticket, rulebook.of(ticket.policy_version, ticket.calendar_version), list(_snapshots(stream)))


def _snapshots(stream: list[Recorded]) -> list[Snapshot]:
    return [one.event.snapshot for one in stream if isinstance(one.event, Opened | Joined)]


def offered(ticket: Ticket, snapshots: list[Snapshot], account: Account, terms: Terms, context: Context) -> bool:
    """Tell whether a page should offer contact data to this account now."""
    try:
        domain.due(ticket, snapshots, account, terms, context.now())
    except Refusal:
        return False
    return any(snapshot.named for snapshot in snapshots)


async def disclose(context: Context, account: Account, ticket_id: UUID, asking: Asking) -> Shown:
    """Write down that the account sees contact data, then return them; raises the problem that refuses it."""
    async with _asking_now.setdefault(account.username, asyncio.Lock()):
        return await _disclose(context, account, ticket_id, asking)


async def _disclose(context: Context, account: Account, ticket_id: UUID, asking: Asking) -> Shown:
    ticket, terms, snapshots = await _read(context, account, ticket_id)
    note = asking.note.strip()
    if asking.reason == "other" and not note:
        raise invalid([NOTE_NEEDED])
    at = context.now()
    try:
        purpose = domain.due(ticket, snapshots, account, terms, at)
        subject, members = await _contact(context, ticket, snapshots, domain.fields_for(account))
        lately = await context.pool.fetchval(SQL["lately"], account.username, at - HOUR)
        if lately >= MOST_IN_AN_HOUR:
            raise domain.TooManyDisclosures(f"{account.username} has seen {lately} identities within the hour.")
    except Refusal as refusal:
        raise _problem(refusal) from None
    position = await _write_down(
        context, ticket, account, subject=subject, asking=asking, purpose=purpose, fields=tuple(members)
    )
    return Shown(ticket, purpose, members, position)


async def _contact(
    context: Context, ticket: Ticket, snapshots: list[Snapshot], fields: tuple[str, ...]
) -> tuple[UUID, dict[str, str]]:
    """Return whom to call: of those who gave their name to a rating of this ticket the first with a phone."""
    found: list[tuple[UUID, dict[str, str]]] = []
    for snapshot in snapshots:
        if snapshot.named and snapshot.subject is not None:
            known = await context.vault.identity(context.pool, snapshot.subject)
            members = {name: known[name] for name in fields if known.get(name)}
            if members:
                found.append((snapshot.subject, members))
    with_phone = [one for one in found if "mobile" in one[1]]
    if not with_phone:
        raise domain.NotNamed(f"Nobody whom ticket {ticket.number} is about can be called.")
    return with_phone[0]


async def _write_down(
    context: Context,
    ticket: Ticket,
    account: Account,
    *,
    subject: UUID,
    asking: Asking,
    purpose: Purpose,
    fields: tuple[str, ...],
) -> int:
    """Append the event to the identity's stream; raises `503` where it is not in."""
    stream = domain.identity_id(subject)
    for _ in range(aggregates.ATTEMPTS):
        version = len(await log.read_stream(context.pool, stream)) + 1
        writings = Writings(context.vault, stream, subject)
        note = asking.note.strip()
        event = IdentityDisclosed(
            subject=subject,
            ticket=ticket.id,
            number=ticket.number,
            unit=ticket.unit,
            area=ticket.snapshot.area,
            by=account.actor,
            purpose=purpose,
            fields=fields,
            reason=asking.reason,
            note=writings.refer(version, "note", note) if note else None,
            at=context.now(),
        )
        new = log.NewEvent(stream, version, *events.encode(event))
        try:
            verdict = await context.batcher.append(log.Group((new,), texts=tuple(writings.texts)))
        except (QueueFull, Unavailable):
            break
        if verdict.verdict == "ok":
            return verdict.position
    raise unavailable()


def _problem(refusal: Refusal) -> Problem:
    """Say why nothing is shown: not his to see, nothing to call for, nobody to call, or too often."""
    if isinstance(refusal, NOT_TO_SEE):
        return Problem(403, refusal.code, words.REFUSALS[refusal.code])
    if isinstance(refusal, domain.TooManyDisclosures):
        headers = {"Retry-After": str(int(HOUR.total_seconds()))}
        return Problem(429, refusal.code, words.REFUSALS[refusal.code], headers=headers)
    return refused(refusal)


@post(
    "/v1/tickets/{ticket_id:uuid}/disclose",
    guards=[requires_account(*MAY_ASK)],
    status_code=200,
    tags=["tickets"],
    operation_id="ticketDisclose",
)
async def post_disclose(request: Request[Any, Any, Any], ticket_id: FromPath[UUID]) -> Response[bytes]:
    """Show contact data for a call that is due; who saw them and why is recorded first (查看联系方式)."""
    context: Context = request.app.state.context
    shown = await disclose(context, request.state.account, ticket_id, _asking(await request.body()))
    members = {"ticketId": ticket_id, "purpose": shown.purpose, "position": shown.position, **shown.members}
    return Response(msgspec.json.encode(members), media_type="application/json", headers=PRIVATE)


def _asking(body: bytes) -> Asking:
    try:
        sent = msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        raise wire.malformed() from None
    return _checked(sent)


def _checked(sent: dict[str, Any]) -> Asking:
    """Read what was sent; raises the `422` with every fault."""
    faults = [
        Fault(wire.pointer(name), "unknown_field", f"不认识的字段 {name}。")
        for name in sent
        if name not in Asking.__struct_fields__
    ]
    reason, note = sent.get("reason"), sent.get("note") or ""
    if not reason:
        faults.append(wire.missing("reason"))
    elif reason not in domain.REASONS:
        faults.append(Fault("/reason", "form", f"reason 应为 {'、'.join(domain.REASONS)} 之一。"))
    if not isinstance(note, str) or len(note) > LONGEST or wire.CONTROL.search(note):
        faults.append(Fault("/note", "form", f"note 应为不超过 {LONGEST} 个字符、不含控制字符的文字。"))
    if faults:
        raise invalid(faults)
    return Asking(sent["reason"], note)


@get("/tickets/{ticket_id:uuid}/identity", guards=[requires_account(*MAY_ASK, page=True)], include_in_schema=False)
async def ask(request: Request[Any, Any, Any], ticket_id: FromPath[UUID]) -> Response[str]:
    """Ask for the reason before anything is shown."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    ticket, terms, snapshots = await _read(context, account, ticket_id)
    error = ""
    try:
        domain.due(ticket, snapshots, account, terms, context.now())
    except Refusal as refusal:
        error = words.REFUSALS.get(refusal.code, "")
    return await _page(request, ticket, error=error, closed=bool(error))


@post(
    "/tickets/{ticket_id:uuid}/identity",
    guards=[requires_account(*MAY_ASK, page=True)],
    status_code=200,
    include_in_schema=False,
)
async def show(request: Request[Any, Any, Any], ticket_id: FromPath[UUID], data: URLEncodedBody[Form]) -> Response[str]:
    """Show what was asked for, or why not."""
    context: Context = request.app.state.context
    check_form(request, data.csrf)
    ticket, _, _ = await _read(context, request.state.account, ticket_id)
    try:
        asking = _checked({"reason": data.reason, "note": data.note.replace("\r\n", "\n")})
        shown = await disclose(context, request.state.account, ticket_id, asking)
    except Problem as problem:
        said = " ".join(fault.message for fault in problem.faults) or problem.detail
        return await _page(request, ticket, status=problem.status, error=said, reason=data.reason, note=data.note)
    return await _page(request, ticket, shown=shown)


async def _page(
    request: Request[Any, Any, Any],
    ticket: Ticket,
    *,
    status: int = 200,
    error: str = "",
    shown: Shown | None = None,
    reason: str = "",
    note: str = "",
    closed: bool = False,
) -> Response[str]:
    return await work_page(
        request,
        "identity.html",
        active="/desk",
        status=status,
        ticket=ticket,
        error=error,
        shown=shown,
        reason=reason,
        note=note,
        closed=closed,
        most=MOST_IN_AN_HOUR,
        longest=LONGEST,
    )


routes = [post_disclose, ask, show]
