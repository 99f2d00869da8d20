"""`/v/{token}`: the citizen judges what was done, once, on whatever phone he has.

Looking changes nothing: messengers fetch a link before anybody reads it. A verdict takes two posts, the choice and its
confirmation, and no script. The token is the only secret: it is in the address of the form, so no other site can send
the form for him, and it names one attempt of one ticket, so a second verdict is refused by the ticket itself.
"""

from typing import Any, Final, Literal, NamedTuple
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect

from haocha import links
from haocha.domain import ticket_events as events
from haocha.domain.codes import LEVELS
from haocha.domain.errors import Refusal
from haocha.domain.ticket import Ticket
from haocha.store import aggregates, log
from haocha.store.log import QueueFull, Recorded, Text, Unavailable
from haocha.store.texts import Writings
from haocha.web import citizen, pages, progress, wire
from haocha.web.auth import address_of
from haocha.web.context import Context
from haocha.web.problems import Problem, unavailable

LONGEST: Final = 500
HIDDEN: Final = {"X-Robots-Tag": "noindex, nofollow", "Referrer-Policy": "no-referrer"}
NO_LEVEL: Final = "请先选一项，再提交。"
TOO_LONG: Final = f"文字请不要超过 {LONGEST} 个字。"
CONTROL: Final = "文字里有无法保存的字符，请删去后再提交。"

State = Literal["open", "answered", "lapsed", "superseded", "over"]


class Form(msgspec.Struct, frozen=True):
    """What the page sends; `confirmed` comes with the second post."""

    level: str = ""
    comment: str = ""
    confirmed: str = ""


class Asked(NamedTuple):
    """A ticket, the attempt that the token names, and what became of it."""

    ticket: Ticket
    stream: list[Recorded]
    attempt: int
    state: State
    verdict: int
    """The level that was given through this link, 0 where none was."""


async def find(context: Context, token: str) -> Asked | None:
    """Read a token and the ticket it leads to; None where nobody was ever asked by it."""
    read = links.read(context.settings.keys.derive(links.PURPOSE), token)
    if read is None:
        return None
    ticket_id, attempt = read
    stream = await log.read_stream(context.pool, ticket_id)
    sent, verdict, asking = False, 0, 0
    for recorded in stream:
        match recorded.event:
            case events.VerificationSent(channel="link"):
                asking = recorded.event.attempt
                sent = sent or asking == attempt
            case events.Verified(channel="link") if asking == attempt:
                verdict = recorded.event.satisfaction
            case _:
                pass
    if not sent:
        return None
    ticket = aggregates.replay(stream, Ticket)
    return Asked(ticket, stream, attempt, _state(context, ticket, attempt, verdict), verdict)


def _state(context: Context, ticket: Ticket, attempt: int, verdict: int) -> State:
    if verdict:
        return "answered"
    if ticket.status != "verifying" or ticket.spent:
        return "over"
    if attempt != ticket.link:
        return "superseded"
    if ticket.link_expires_at is not None and context.now() > ticket.link_expires_at:
        return "lapsed"
    return "open"


async def _page(context: Context, asked: Asked, *, status: int = 200, **members: Any) -> Response[str]:
    """Show what was rated, what was done, and what the state of the link allows."""
    told = await progress.read(context, asked.stream)
    done = told.done[-1] if told.done else None
    said = await _said(context, asked.ticket)
    shown: dict[str, Any] = {"error": "", "level": 0, "comment": "", "confirming": False, "just": False} | members
    response = pages.page(
        "verdict.html",
        status=status,
        subject=citizen.subject(context, asked.ticket.snapshot, said),
        state=asked.state,
        verdict=asked.verdict,
        levels=LEVELS,
        longest=LONGEST,
        done=done,
        progress=told,
        steps=[(step.at, citizen.line(step)) for step in told.steps],
        now_line=citizen.NOW[told.status],
        until=citizen.until(told, context.now()),
        outcome=citizen.OUTCOMES.get(told.outcome or "", ""),
        **shown,
    )
    response.headers.update(HIDDEN)
    return response


async def _said(context: Context, ticket: Ticket) -> dict[str, str]:
    """Return the names that came with the source, where it stands in this log."""
    try:
        stream = await log.read_stream(context.pool, UUID(ticket.source_id))
    except ValueError:
        return {}
    return getattr(stream[0].event, "said", {}) if stream else {}


def _unknown() -> Response[str]:
    detail = "链接不完整或有误。请从短信里重新点开，或者完整复制整个链接。"
    return pages.error_page(404, detail=detail, headers=HIDDEN)


@get("/v/{token:str}", include_in_schema=False)
async def verdict_page(request: Request[Any, Any, Any], token: FromPath[str]) -> Response[str]:
    """Show the ticket and the form, or kindly that the link has served; changes nothing."""
    context: Context = request.app.state.context
    context.public_limits.check(address_of(request))
    asked = await find(context, token)
    if asked is None:
        return _unknown()
    return await _page(context, asked, just="done" in request.query_params and asked.state == "answered")


@post("/v/{token:str}", status_code=200, request_max_body_size=pages.LARGEST_FORM, include_in_schema=False)
async def judge(request: Request[Any, Any, Any], token: FromPath[str], data: URLEncodedBody[Form]) -> Response[Any]:
    """Take the choice and ask to confirm it; take the confirmation and record the verdict."""
    context: Context = request.app.state.context
    context.public_limits.check(address_of(request))
    asked = await find(context, token)
    if asked is None:
        return _unknown()
    level, comment = int(data.level) if data.level in set("12345") else 0, data.comment.strip()
    if asked.state != "open":
        return await _page(context, asked, status=409)
    error = _wrong(level, comment)
    if error or not data.confirmed:
        status = 422 if error else 200
        confirming = not error and not data.confirmed
        return await _page(
            context, asked, status=status, error=error, level=level, comment=comment, confirming=confirming
        )
    try:
        await _record(context, asked, level, comment)
    except Refusal:  # somebody else was faster with the same link
        again = await find(context, token)
        return await _page(context, again or asked, status=409)
    return Redirect(f"/v/{token}?done", status_code=303, headers=pages.PERSONAL | HIDDEN)


def _wrong(level: int, comment: str) -> str:
    """Say what is wrong with what was sent, '' where nothing is."""
    if not level:
        return NO_LEVEL
    if len(comment) > LONGEST:
        return TOO_LONG
    return CONTROL if wire.CONTROL.search(comment.replace("\r\n", "\n")) else ""


async def _record(context: Context, asked: Asked, level: int, comment: str) -> None:
    """Give the verdict to the ticket; raises what refuses it."""
    rulebook, at = await context.rules.current(), max(context.now(), asked.stream[-1].event.at)
    body = comment.replace("\r\n", "\n")

    def decide(ticket: Ticket) -> list[Text]:
        writings = Writings(context.vault, ticket.id, ticket.snapshot.subject)
        said = writings.refer(ticket.version + 1, "comment", body) if body else None
        terms = rulebook.of(ticket.policy_version, ticket.calendar_version)
        ticket.verify_by_citizen(asked.attempt, terms, at, satisfaction=level, comment=said)
        return writings.texts

    try:
        await aggregates.execute(context.batcher, context.pool, Ticket, asked.ticket.id, decide)
    except (QueueFull, Unavailable):
        raise unavailable() from None
    except aggregates.Contended:
        raise Problem(409, "contended", "这件工单正有别的变动，请稍后再提交一次。") from None


routes = [verdict_page, judge]
