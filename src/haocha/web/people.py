"""Which person asks: an account, by its token (`Authorization: Bearer hca_…`) or by the session of a browser."""

from typing import Any
from urllib.parse import quote, urlsplit

from litestar import Request, Response
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler
from litestar.response import Redirect

from haocha.domain.account import Account, AccountRole
from haocha.store.accounts import PREFIX, Person
from haocha.store.db import AWAY
from haocha.web import pages, sessions, words
from haocha.web.context import Context
from haocha.web.problems import Problem, unavailable

Connection = ASGIConnection[Any, Any, Any, Any]
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_PAGE = "/account"
STALE = "这一页放得太久，或者不是从本站打开的。请返回上一页，刷新后再试一次。"


class Elsewhere(Exception):
    """Instead of a page: go to `address`, because one must log in or choose a new password first."""

    def __init__(self, address: str) -> None:
        super().__init__(address)
        self.address = address


def redirected(_: Request[Any, Any, Any], elsewhere: Elsewhere) -> Response[Any]:
    """Answer `Elsewhere`."""
    return Redirect(elsewhere.address, status_code=303, headers=pages.PERSONAL)


def token_of(connection: Connection) -> str:
    """Return the account token that came with the request, '' where none did."""
    kind, _, token = connection.headers.get("authorization", "").partition(" ")
    token = token.strip()
    return token if kind.lower() == "bearer" and token.startswith(PREFIX) else ""


async def person_of(connection: Connection) -> Person | None:
    """Return whose token or session came with the request, whether or not they have to change their password first."""
    context: Context = connection.app.state.context
    try:
        if connection.headers.get("authorization"):
            return await context.people.of(token_of(connection))
        return await sessions.person_of(context, connection.cookies.get(sessions.SESSION))
    except AWAY:
        raise unavailable() from None


async def account_of(connection: Connection) -> Account | None:
    """Return the account that asks, None where nobody does or where a new password must be chosen first."""
    person = await person_of(connection)
    if person is None or (person.must_change and not token_of(connection)):
        return None
    return person.account


def requires_account(*roles: AccountRole, page: bool = False, early: bool = False) -> Any:
    """Return a Litestar guard that lets accounts of these roles pass, without roles every account.

    The account is then at `request.state.account`. A `page` sends to the log-in who has none; the rest answer with a
    `401` or `403` problem. An `early` one also lets those pass who have to choose a new password first. A session's
    request that changes something under `/v1/` must come from our own pages.
    """

    async def guard(connection: Connection, _: BaseRouteHandler) -> None:
        person = await pass_account(connection, roles, page=page, early=early)
        connection.state.person, connection.state.account = person, person.account

    return guard


async def pass_account(
    connection: Connection, roles: tuple[AccountRole, ...], *, page: bool = False, early: bool = False
) -> Person:
    """Return who asks where his account is of one of `roles`; raise what the guard answers otherwise."""
    person = await person_of(connection)
    by_token = bool(token_of(connection))
    if person is None:
        if page and not connection.headers.get("authorization"):
            raise Elsewhere(f"/login?next={quote(_asked_for(connection), safe='')}")
        raise _nobody(connection)
    if person.must_change and not by_token and not early:
        if page:
            raise Elsewhere(OWN_PAGE)
        raise Problem(403, "password_change_required", "请先登录网页，在“账号与密码”里改掉初始密码。")
    if roles and person.account.role not in roles:
        names = "、".join(words.ROLES[role] for role in roles)
        detail = f"{words.ROLES[person.account.role]}账号不能做这件事；它属于{names}。"
        raise Problem(403, "role_missing", detail)
    if not by_token and connection.scope["path"].startswith("/v1/"):
        _check_origin(connection)
    return person


def _nobody(connection: Connection) -> Problem:
    """Say why nobody was recognised: a token that is none, a machine's key, or nothing at all."""
    if token_of(connection):
        return Problem(
            401,
            "token_unknown",
            "账号令牌不存在或已被收回，或者账号已停用；请本人重新生成，或联系管理员。",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    if connection.headers.get("authorization"):
        return Problem(403, "account_required", "这里只认人员账号的令牌（hca_ 开头），接口密钥不能代替人。")
    return Problem(
        401,
        "account_required",
        "请登录，或在请求头 Authorization 中以 Bearer 方式提供账号令牌。",
        headers={"WWW-Authenticate": "Bearer"},
    )


def _is_safe(connection: Connection) -> bool:
    return str(connection.scope.get("method", "")) in SAFE


def _asked_for(connection: Connection) -> str:
    """Return where to go on after the log-in: the page itself, or the page its form stood on."""
    try:
        url = urlsplit(str(connection.url) if _is_safe(connection) else connection.headers.get("referer", ""))
    except ValueError:
        return "/"
    return pages.same_site(f"{url.path}?{url.query}" if url.query else url.path)


def _check_origin(connection: Connection) -> None:
    """Refuse what another site had a browser send: our scripts send the form's token, or the browser says so itself."""
    if _is_safe(connection) or connection.headers.get("sec-fetch-site") == "same-origin":
        return
    context: Context = connection.app.state.context
    if not sessions.csrf_holds(context, connection, sessions.SESSION, connection.headers.get("x-csrf-token", "")):
        raise Problem(403, "csrf", STALE)


def check_form(request: Request[Any, Any, Any], csrf: str) -> None:
    """Refuse a form that does not carry the token of the session beside it; a token's request needs none."""
    context: Context = request.app.state.context
    if not token_of(request) and not sessions.csrf_holds(context, request, sessions.SESSION, csrf):
        raise Problem(403, "csrf", STALE)
