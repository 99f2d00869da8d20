"""`/desk/inbox`: what an account hears of (消息), unread first; opening one, or saying so, takes it as read."""

from typing import Annotated, Any, Final
from urllib.parse import urlencode

import msgspec
from litestar import Request, Response, get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect

from haocha.domain.account import Account
from haocha.domain.workdays import SHANGHAI
from haocha.store import notices
from haocha.web import pages, people, work
from haocha.web.context import Context
from haocha.web.problems import not_found
from haocha.web.scopes import scope_of
from haocha.web.sentences import SENTENCES, mark, sentence

HERE: Final = "/desk/inbox"
PAGE: Final = 50

guard = people.requires_account(*work.MAY_OPEN[HERE], page=True)


Number = Annotated[int, msgspec.Meta(ge=0, le=notices.NEWEST)]


class Read(msgspec.Struct, frozen=True):
    """What the buttons send: one notice, or everything up to one; `only` is the filter to come back to."""

    csrf: str = ""
    only: str = ""
    one: Number = 0
    upto: Number = 0


class Count(msgspec.Struct, frozen=True):
    """How much is unread; `many` where it was counted no further."""

    unread: int
    many: bool


class Line(msgspec.Struct, frozen=True):
    """One notice as the page shows it."""

    n: int
    at: str
    mark: str
    loud: str
    text: str
    read: bool


@get(HERE, guards=[guard], include_in_schema=False)
async def inbox_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """List the notices of whoever asks."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    only = "unread" if request.query_params.get("only") == "unread" else ""
    cursor = request.query_params.get("cursor", "")
    scope, today = scope_of(context, account), context.now().astimezone(SHANGHAI).date()
    try:
        found = await notices.page(context.pool, account, scope, cursor=cursor, limit=PAGE, only_unread=bool(only))
    except ValueError:
        return Redirect(_address(only), status_code=303, headers=pages.PERSONAL)
    lines = [
        Line(one.n, pages.clock(one.at, today), *mark(one.kind), sentence(one.kind, one.members), one.read)
        for one in found.notices
        if one.kind in SENTENCES
    ]
    unread = await notices.unread(context.pool, account, scope)
    return await work.work_page(
        request,
        "inbox.html",
        active=HERE,
        only=only,
        unread=unread,
        many=unread >= notices.MOST,
        parts=[part for part in (_part(lines, read=False), _part(lines, read=True)) if part[1]],
        newest=0 if cursor else max((line.n for line in lines if not line.read), default=0),
        first=not cursor,
        top=_address(only),
        following=_address(only, found.following) if found.following else "",
    )


@get(f"{HERE}/count", guards=[people.requires_account(*work.MAY_OPEN[HERE])], include_in_schema=False)
async def count_unread(request: Request[Any, Any, Any]) -> Count:
    """Count what is unread, for the navigation of a page that stays open."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    unread = await notices.unread(context.pool, account, scope_of(context, account))
    return Count(unread, many=unread >= notices.MOST)


@get(f"{HERE}/{{number:int}}", guards=[guard], include_in_schema=False)
async def open_notice(request: Request[Any, Any, Any], number: FromPath[int]) -> Response[Any]:
    """Take a notice as read and go to its ticket."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    scope = scope_of(context, account)
    number = min(number, notices.NEWEST)
    ticket = await notices.ticket_of(context.pool, account, scope, number)
    if ticket is None:
        raise not_found("消息")
    await notices.read_one(context.pool, account, scope, number)
    return Redirect(f"/tickets/{ticket}", status_code=303, headers=pages.PERSONAL)


@post(f"{HERE}/read", guards=[guard], include_in_schema=False)
async def mark_read(request: Request[Any, Any, Any], data: URLEncodedBody[Read]) -> Response[Any]:
    """Take one notice, or all up to the newest that was shown, as read."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    people.check_form(request, data.csrf)
    if data.one:
        await notices.read_one(context.pool, account, scope_of(context, account), data.one)
    else:
        await notices.read_all(context.pool, account, data.upto)
    return Redirect(_address(data.only), status_code=303, headers=pages.PERSONAL)


def _part(lines: list[Line], *, read: bool) -> tuple[str, list[Line]]:
    return "已读" if read else "未读", [line for line in lines if line.read == read]


def _address(only: str, cursor: str = "") -> str:
    query = urlencode({name: value for name, value in (("only", only), ("cursor", cursor)) if value})
    return f"{HERE}?{query}" if query else HERE


routes = [inbox_page, count_unread, open_notice, mark_read]
