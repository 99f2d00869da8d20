"""`/tickets/{id}`: one ticket with all that is known of it, and the forms of what this person may do now.

The page works without scripts: a form carries the version it was made for, and whatever refuses it (a rule, a fault,
somebody who was faster) brings the page back with what was typed still in it and the reason on top.
"""

from collections.abc import Sequence
from itertools import takewhile
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.params import FromPath
from litestar.response import Redirect

from haocha.domain.account import Account
from haocha.domain.codes import LEVELS
from haocha.domain.policy import Terms
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Evidence, Joined, Opened, Related, Snapshot
from haocha.store import evidence as store
from haocha.web import (
    disclosure,
    evidence,
    pages,
    scopes,
    ticket_commands,
    ticket_facts,
    ticket_forms,
    ticket_levels,
    timeline,
    words,
)
from haocha.web.context import Context
from haocha.web.evidence import MAY_ATTACH
from haocha.web.people import check_form, requires_account
from haocha.web.problems import Problem, not_found
from haocha.web.ticket_facts import Told
from haocha.web.ticket_forms import Choices, Field, Options
from haocha.web.ticket_levels import Levels
from haocha.web.timeline import Entry, There
from haocha.web.work import MAY_OPEN, work_page

MAY_SEE: Final = MAY_OPEN["/desk"]
LARGEST_FORM: Final = ticket_forms.MOST_FILES * evidence.LARGEST_BODY
GONE: Final = "有一份凭证已经不在了，请重新上传。"
TOO_MANY: Final = f"凭证最多 {ticket_forms.MOST_FILES} 份。"
LOST: Final = 412
LONGEST_VERSION: Final = 9  # digits
NOTHING: Final = There({}, frozenset())


class Piece(msgspec.Struct, frozen=True):
    """A file that came with a form and is kept, whatever becomes of the form."""

    evidence: Evidence
    caption: str = ""


class Typed(NamedTuple):
    """What somebody filled in, and what is wrong with it: by field, and as a whole."""

    command: str
    values: dict[str, str]
    pieces: tuple[Piece, ...]
    errors: dict[str, str]
    refused: str = ""
    seen: int | None = None
    """The version that he had before him when somebody else was faster."""


async def visible(context: Context, account: Account, ticket_id: UUID) -> Told:
    """Read a ticket that this account may see; raises the `404`, the same where there is none."""
    known = await ticket_facts.told(context, ticket_id)
    if not scopes.may_see(context, account, known.ticket):
        raise not_found("这件工单")
    return known


@get("/tickets/{ticket_id:uuid}", guards=[requires_account(*MAY_SEE, page=True)], include_in_schema=False)
async def ticket_page(request: Request[Any, Any, Any], ticket_id: FromPath[UUID]) -> Response[str]:
    """Show a ticket; `do` is the form to open, `done` the command that has just been taken."""
    context: Context = request.app.state.context
    known = await visible(context, request.state.account, ticket_id)
    done = request.query_params.get("done", "")
    return await _page(
        request,
        known,
        asked=request.query_params.get("do", ""),
        done=done if done in ticket_forms.FIELDS else "",
    )


@get("/tickets/{ticket_id:uuid}/print", guards=[requires_account(*MAY_SEE, page=True)], include_in_schema=False)
async def print_page(request: Request[Any, Any, Any], ticket_id: FromPath[UUID]) -> Response[str]:
    """Show a ticket as a sheet of paper (整改工单)."""
    context: Context = request.app.state.context
    known = await visible(context, request.state.account, ticket_id)
    standing, there = (
        await ticket_facts.standing(context, known.ticket),
        await ticket_facts.there(context, known.stream),
    )
    return pages.page(
        "ticket_print.html",
        ticket=known.ticket,
        said=ticket_facts.said(known.stream, there, context.indicators),
        place=ticket_facts.place(context, known.ticket, standing.matter),
        standing=standing,
        service=await ticket_facts.service(context, known.ticket),
        entries=await ticket_facts.course(context, known, there),
        unit=context.registry.name("org", known.ticket.unit) or known.ticket.unit,
        words=words,
        levels=LEVELS,
        account=request.state.account,
        now=context.now(),
    )


@get("/tickets/{ticket_id:uuid}/news", guards=[requires_account(*MAY_SEE)], include_in_schema=False)
async def news(request: Request[Any, Any, Any], ticket_id: FromPath[UUID]) -> Response[bytes]:
    """Tell an open page what has happened since version `since`; `204` while nothing has."""
    context: Context = request.app.state.context
    known = await visible(context, request.state.account, ticket_id)
    seen = _version(request.query_params.get("since", ""), usual=0)
    if known.ticket.version <= seen:
        return Response(b"", status_code=204, headers=pages.PERSONAL)
    later = [entry for entry in await ticket_facts.course(context, known, NOTHING) if entry.version > seen]
    answer = {
        "version": known.ticket.version,
        "says": [" ".join((entry.who, pages.clock(entry.at), entry.title, entry.gist)).strip() for entry in later],
    }
    return Response(msgspec.json.encode(answer), media_type="application/json", headers=pages.PERSONAL)


@post(
    "/tickets/{ticket_id:uuid}/{command:str}",
    guards=[requires_account(*MAY_SEE, page=True)],
    include_in_schema=False,
    request_max_body_size=LARGEST_FORM,
)
async def act(request: Request[Any, Any, Any], ticket_id: FromPath[UUID], command: FromPath[str]) -> Response[Any]:
    """Take a form: on to the ticket where it was taken, the same page with the reason where it was not."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    with evidence.too_large():
        data = await request.form()
    check_form(request, str(data.get("csrf", "")))
    if command not in ticket_forms.FIELDS:
        raise not_found("这个操作")
    known = await visible(context, account, ticket_id)
    typed = await _typed(context, account, command, data)
    status = 422
    if not typed.errors:
        body = ticket_forms.body(ticket_forms.FIELDS[command], typed.values, [_referred(p) for p in typed.pieces])
        seen = _version(str(data.get("version", "")), usual=known.ticket.version)
        try:
            await ticket_commands.perform(context, account, ticket_id, command, body, version=seen)
        except Problem as problem:
            known, status = await visible(context, account, ticket_id), problem.status
            typed = _refused(typed, problem, seen)
        else:
            return Redirect(f"/tickets/{ticket_id}?done={command}#main", status_code=303, headers=pages.PERSONAL)
    return await _page(request, known, asked=command, typed=typed, status=status)


def _version(text: str, *, usual: int) -> int:
    """Read a version, `usual` where it is none: no ticket has a number of events that is too long to be read."""
    return int(text) if text.isdecimal() and len(text) <= LONGEST_VERSION else usual


async def _typed(context: Context, account: Account, command: str, data: Any) -> Typed:
    """Read a form; files that came with it are kept first, so that a refusal does not lose them."""
    fields = ticket_forms.FIELDS[command]
    values = {
        field.name: str(data.get(field.name, "")).replace("\r\n", "\n") for field in fields if field.kind != "files"
    }
    pieces: dict[str, Piece] = {}
    errors: dict[str, str] = {}
    if any(field.kind == "files" for field in fields) and account.role in MAY_ATTACH:
        for digest in data.getall("digest", []):
            found = await store.described(context.pool, str(digest))
            if found is None:
                errors["evidence"] = GONE
            else:
                pieces[found.digest] = Piece(found, str(data.get(f"caption-{found.digest}", "")).strip())
        for upload in data.getall("file", []):
            if isinstance(upload, UploadFile) and upload.filename:
                try:
                    kept = await evidence.keep(context, account, await upload.read())
                except Problem as problem:
                    errors["evidence"] = f"{upload.filename}：{problem.detail}"
                else:
                    pieces.setdefault(kept.digest, Piece(kept))
        if len(pieces) > ticket_forms.MOST_FILES:
            errors["evidence"] = TOO_MANY
    held = tuple(pieces.values())
    return Typed(command, values, held, ticket_forms.faults(fields, values, held) | errors)


def _referred(piece: Piece) -> dict[str, str]:
    return {"digest": piece.evidence.digest} | ({"caption": piece.caption} if piece.caption else {})


def _refused(typed: Typed, problem: Problem, seen: int) -> Typed:
    """Put the faults of a problem beside their fields, and what is left above the form."""
    names = {field.name for field in ticket_forms.FIELDS[typed.command]}
    errors: dict[str, str] = {}
    rest: list[str] = []
    for fault in problem.faults:
        name = fault.pointer.removeprefix("/").partition("/")[0]
        if name in names:
            errors[name] = fault.message
        else:
            rest.append(fault.message)
    if not problem.faults:
        rest.append(problem.detail)
    return typed._replace(errors=errors, refused=" ".join(rest), seen=seen if problem.status == LOST else None)


async def _page(
    request: Request[Any, Any, Any],
    known: Told,
    *,
    asked: str,
    done: str = "",
    typed: Typed | None = None,
    status: int = 200,
) -> Response[str]:
    context: Context = request.app.state.context
    account: Account = request.state.account
    ticket, now = known.ticket, context.now()
    rules = await ticket_facts.terms(context, ticket)
    there = await ticket_facts.there(context, known.stream)
    entries = await ticket_facts.course(context, known, there)
    allowed = ticket.allowed(account, rules, now)
    chosen = ticket_forms.chosen(allowed, asked)
    standing = await ticket_facts.standing(context, ticket)
    levels = await ticket_levels.read(context, known.stream, ticket, rules, now)
    return await work_page(
        request,
        "ticket.html",
        active="/desk",
        status=status,
        ticket=ticket,
        unit=_unit(context, known, levels),
        tiers=levels,
        place=ticket_facts.place(context, ticket, standing.matter),
        running=ticket_facts.running(ticket, rules, now),
        said=ticket_facts.said(known.stream, there, context.indicators),
        standing=standing,
        service=await ticket_facts.service(context, ticket),
        record=await ticket_facts.record(context, ticket, now),
        course=entries[::-1],
        about=_about(known, entries, chosen),
        contact=disclosure.offered(ticket, _snapshots(known), account, rules, context),
        form=_form(context, account, known, rules, chosen) if chosen else None,
        others_allowed=[command for command in allowed if command != chosen],
        reasons=ticket_forms.reasons(ticket, account, rules, now),
        waiting=ticket_levels.waiting(ticket, ticket_forms.WAITING[ticket.status]),
        typed=typed if typed is not None and typed.command == chosen else None,
        stranded=_stranded(typed) if typed is not None and typed.command != chosen else [],
        refused=typed.refused if typed else "",
        since=_since(entries, typed),
        done=done,
        levels=LEVELS,
        most=ticket_forms.MOST_FILES,
        longest=ticket_forms.LONGEST,
        largest=store.LARGEST,
    )


def _unit(context: Context, known: Told, levels: Levels) -> str:
    """Name who works on it, as the registry does, else as the instance below calls it."""
    said = levels.below.unit if levels.below else ""
    return context.registry.name("org", known.ticket.unit) or said or known.ticket.unit


def _snapshots(known: Told) -> list[Snapshot]:
    return [one.event.snapshot for one in known.stream if isinstance(one.event, Opened | Joined)]


def _about(known: Told, entries: Sequence[Entry], command: str) -> Entry | None:
    """Return what is to be decided by a command, so that it stands beside the decision."""
    kinds = ticket_forms.ABOUT.get(command, ())
    pairs = zip(reversed(known.stream), reversed(entries), strict=True)
    return next((entry for recorded, entry in pairs if timeline.deed(recorded) in kinds), None)


def _form(context: Context, account: Account, known: Told, rules: Terms, command: str) -> ticket_forms.Form:
    return ticket_forms.form(command, known.ticket, rules, _choices(context, account, known, command))


def _choices(context: Context, account: Account, known: Told, command: str) -> Choices:
    """Return what can be chosen where this command asks for it."""
    units: Options = ()
    if command in {"dispatch", "transfer"}:
        now, registry = context.now(), context.registry
        valid = ((code, registry.valid("org", code, now)) for code in registry.keys("org"))
        units = tuple((code, period.facts.name or code) for code, period in valid if period is not None)
    staff = _staff(context, known.ticket, account) if command == "fix" else ()
    related = tuple(
        (str(recorded.event.other), recorded.event.number)
        for recorded in known.stream
        if isinstance(recorded.event, Related)
    )
    return Choices(units, staff, related)


def _staff(context: Context, ticket: Ticket, account: Account) -> Options:
    """Return who can be responsible: the unit's staff, and whoever fills in the form."""
    prefix = f"{ticket.unit}/"
    keys = takewhile(lambda key: key.startswith(prefix), context.registry.keys("staff", prefix))
    members = tuple(
        (key, f"{context.registry.name('staff', key) or ''} {key.removeprefix(prefix)}".strip()) for key in keys
    )
    return (*members, (account.username, f"{account.name or account.username}（我）"))


def _stranded(typed: Typed) -> list[tuple[str, str]]:
    """Return what was typed into a form that is no longer open, to be copied."""
    fields: Sequence[Field] = ticket_forms.FIELDS[typed.command]
    return [
        (field.label, typed.values[field.name])
        for field in fields
        if field.kind == "text" and typed.values.get(field.name, "").strip()
    ]


def _since(entries: Sequence[Entry], typed: Typed | None) -> list[Entry]:
    """Return what happened while somebody was typing."""
    if typed is None or typed.seen is None:
        return []
    return [entry for entry in entries if entry.version > typed.seen]


routes = [ticket_page, print_page, news, act]
