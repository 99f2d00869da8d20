"""Logging in to the pages with username and password (`/login`), and out again (`/logout`)."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from haocha.store import accounts, passwords
from haocha.store.accounts import Person
from haocha.web import pages, people, sessions, work
from haocha.web.auth import address_of
from haocha.web.context import Context
from haocha.web.problems import Problem

REFUSED = "用户名或密码不对。请核对大小写后再试；连续输错 5 次，账号会锁定 15 分钟。若账号已锁定或停用，请联系管理员。"
BUSY = "现在登录的人太多，请稍等片刻再试。"


class Form(msgspec.Struct, frozen=True):
    """What the log-in page sends."""

    username: str = ""
    password: str = ""
    csrf: str = ""
    next: str = ""


class Leaving(msgspec.Struct, frozen=True):
    """What the log-out button sends."""

    csrf: str = ""


def _form(
    context: Context,
    request: Request[Any, Any, Any],
    following: str,
    *,
    username: str = "",
    error: str = "",
    status: int = 200,
) -> Response[str]:
    """Answer with the form; a visitor without a cookie is given one, which the form's token belongs to."""
    visitor = request.cookies.get(sessions.VISITOR) or sessions.new_visitor()
    response = pages.page(
        "login.html",
        status=status,
        error=error,
        username=username,
        csrf=sessions.csrf_token(context, visitor),
        next=following and pages.same_site(following),
    )
    response.set_cookie(sessions.cookie(context, sessions.VISITOR, visitor))
    return response


def _onward(person: Person, following: str) -> str:
    """Return where to go after the log-in: to a new password, where one wanted, or to the first page of one's role."""
    if person.must_change:
        return people.OWN_PAGE
    return pages.same_site(following) if following else work.entries(person.account.role, "", 0)[0].address


@get("/login", include_in_schema=False)
async def login_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Show the form; who is logged in already goes on."""
    context: Context = request.app.state.context
    following = request.query_params.get("next", "")
    person = await sessions.person_of(context, request.cookies.get(sessions.SESSION))
    if person is not None:
        return Redirect(_onward(person, following), status_code=303, headers=pages.PERSONAL)
    return _form(context, request, following)


@post("/login", request_max_body_size=pages.LARGEST_FORM, include_in_schema=False)
async def log_in(request: Request[Any, Any, Any], data: URLEncodedBody[Form]) -> Response[Any]:
    """Begin a session; no refusal tells whether there is such an account, and guessing is limited per address."""
    context: Context = request.app.state.context
    username = data.username.strip()
    try:
        context.login_limits.check(address_of(request))
    except Problem as limited:
        response = _form(context, request, data.next, error=f"登录太频繁。{limited.detail}", status=429)
        response.headers.update(limited.headers)
        return response
    if not sessions.csrf_holds(context, request, sessions.VISITOR, data.csrf):
        return _form(context, request, data.next, username=username, error=people.STALE, status=403)
    try:
        person = await accounts.log_in(context.pool, username, data.password, now=context.now())
    except passwords.Busy:
        return _form(context, request, data.next, username=username, error=BUSY, status=503)
    if person is None:
        return _form(context, request, data.next, username=username, error=REFUSED, status=401)
    context.people.forget(person.id)
    response = Redirect(_onward(person, data.next), status_code=303, headers=pages.PERSONAL)
    response.set_cookie(sessions.cookie(context, sessions.SESSION, sessions.issue(context, person)))
    response.set_cookie(sessions.cookie(context, sessions.VISITOR, "", ends=True))
    return response


@post("/logout", request_max_body_size=pages.LARGEST_FORM, include_in_schema=False)
async def log_out(request: Request[Any, Any, Any], data: URLEncodedBody[Leaving]) -> Response[Any]:
    """End the session in this browser."""
    context: Context = request.app.state.context
    if not sessions.csrf_holds(context, request, sessions.SESSION, data.csrf):
        return pages.error_page(403, detail=people.STALE)
    response = Redirect("/login", status_code=303, headers=pages.PERSONAL)
    response.set_cookie(sessions.cookie(context, sessions.SESSION, "", ends=True))
    return response


routes = [login_page, log_in, log_out]
