"""Logging in to the pages with an API key (`/login`), and out again (`/logout`), until people have accounts."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from haocha.web import pages, sessions
from haocha.web.auth import address_of
from haocha.web.context import Context
from haocha.web.problems import Problem

STALE = "这一页放得太久，或者不是从本站打开的。请再试一次。"
UNKNOWN = "密钥不存在或已被吊销。请核对是否复制完整，或向管理员索取新的密钥。"
NO_SCOPE = "这把密钥没有“看得分”（scores:read）权限。请换一把，或请管理员新建。"


class Form(msgspec.Struct, frozen=True):
    """What the log-in page sends."""

    key: str = ""
    csrf: str = ""
    next: str = "/"


class Leaving(msgspec.Struct, frozen=True):
    """What the log-out button sends."""

    csrf: str = ""


def _form(
    context: Context, request: Request[Any, Any, Any], following: str, *, error: str = "", status: int = 200
) -> Response[str]:
    """Answer with the form; a visitor without a cookie is given one, which the form's token belongs to."""
    visitor = request.cookies.get(sessions.VISITOR) or sessions.new_visitor()
    response = pages.page(
        "login.html",
        status=status,
        error=error,
        csrf=sessions.csrf_token(context, visitor),
        next=pages.same_site(following),
    )
    response.set_cookie(sessions.cookie(context, sessions.VISITOR, visitor))
    return response


@get("/login", include_in_schema=False)
async def login_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Show the form; who is logged in already goes on."""
    context: Context = request.app.state.context
    following = pages.same_site(request.query_params.get("next", "/"))
    if await sessions.client_of(context, request.cookies.get(sessions.SESSION)):
        return Redirect(following, status_code=303)
    return _form(context, request, following)


@post("/login", include_in_schema=False)
async def log_in(request: Request[Any, Any, Any], data: URLEncodedBody[Form]) -> Response[Any]:
    """Begin a session with a key; every refusal says what to do, and guessing is limited per address."""
    context: Context = request.app.state.context
    try:
        context.login_limits.check(address_of(request))
    except Problem as limited:
        response = _form(context, request, data.next, error=f"登录太频繁。{limited.detail}", status=429)
        response.headers.update(limited.headers)
        return response
    if not sessions.csrf_holds(context, request, sessions.VISITOR, data.csrf):
        return _form(context, request, data.next, error=STALE, status=403)
    client = await context.clients.of(data.key.strip())
    if client is None:
        return _form(context, request, data.next, error=UNKNOWN, status=401)
    if sessions.SCOPE not in client.scopes:
        return _form(context, request, data.next, error=NO_SCOPE, status=403)
    response = Redirect(pages.same_site(data.next), status_code=303, headers=pages.PERSONAL)
    response.set_cookie(sessions.cookie(context, sessions.SESSION, sessions.issue(context, client.id)))
    response.set_cookie(sessions.cookie(context, sessions.VISITOR, "", ends=True))
    return response


@post("/logout", include_in_schema=False)
async def log_out(request: Request[Any, Any, Any], data: URLEncodedBody[Leaving]) -> Response[Any]:
    """End the session in this browser."""
    context: Context = request.app.state.context
    if not sessions.csrf_holds(context, request, sessions.SESSION, data.csrf):
        return pages.error_page(403, detail=STALE)
    response = Redirect("/login", status_code=303, headers=pages.PERSONAL)
    response.set_cookie(sessions.cookie(context, sessions.SESSION, "", ends=True))
    return response


routes = [login_page, log_in, log_out]
