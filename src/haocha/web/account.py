"""`/account`: what everybody does with his own account: see it, change the password, have a token for scripts."""

from typing import Any

import msgspec
from litestar import Request, Response, get, post
from litestar.params import URLEncodedBody
from litestar.response import Redirect

from haocha.store import accounts, passwords
from haocha.store.accounts import Person
from haocha.web import account_facts, pages, people, sessions, work
from haocha.web.context import Context
from haocha.web.people import requires_account

DONE = {
    "password": "密码已经改好。别处登录的网页都已退出，请用新密码登录。",
    "revoked": "令牌已收回，使用它的程序会在两秒内被拒绝。",
}
WRONG = "现在的密码不对。连续输错 5 次，账号会锁定 15 分钟。"
BUSY = "现在登录和改密码的人太多，请稍等片刻再试。"
DIFFERENT = "两次输入的新密码不一样，请重新输入。"
SAME = "新密码不能和现在的密码相同。"
WEAK = "新密码太容易被猜到：请至少用 10 个字符，不要用用户名，也不要用常见密码。"


class PasswordForm(msgspec.Struct, frozen=True):
    """What the form for a new password sends."""

    csrf: str = ""
    current: str = ""
    new: str = ""
    again: str = ""


class TokenForm(msgspec.Struct, frozen=True):
    """What the buttons for the token send."""

    csrf: str = ""


guard = requires_account(page=True, early=True)


async def _page(
    request: Request[Any, Any, Any], *, status: int = 200, token: str = "", error: str = "", done: str = ""
) -> Response[str]:
    person: Person = request.state.person
    return await work.work_page(
        request,
        "account.html",
        active="/account",
        status=status,
        person=person,
        facts=account_facts.of(request.app.state.context, person),
        token=token,
        error=error,
        done=done,
        shortest=passwords.SHORTEST,
    )


@get("/account", guards=[guard], include_in_schema=False)
async def own_account(request: Request[Any, Any, Any]) -> Response[Any]:
    """Show one's own account."""
    return await _page(request, done=DONE.get(request.query_params.get("done", ""), ""))


@post("/account/password", guards=[guard], request_max_body_size=pages.LARGEST_FORM, include_in_schema=False)
async def change_password(request: Request[Any, Any, Any], data: URLEncodedBody[PasswordForm]) -> Response[Any]:
    """Change one's own password: other sessions end, this one goes on."""
    people.check_form(request, data.csrf)
    context: Context = request.app.state.context
    person: Person = request.state.person
    error = DIFFERENT if data.new != data.again else SAME if data.new == data.current else ""
    if not error:
        try:
            passwords.check(data.new, person.account.username)
        except passwords.PasswordTooWeak:
            error = WEAK
    if error:
        return await _page(request, status=422, error=error)
    now = context.now()
    try:
        proved = await accounts.log_in(context.pool, person.account.username, data.current, now=now)
    except passwords.Busy:
        return await _page(request, status=503, error=BUSY)
    if proved is None:
        return await _page(request, status=422, error=WRONG)
    await accounts.set_password(context.pool, person, data.new, by=person.account.username, now=now)
    response = Redirect("/account?done=password", status_code=303, headers=pages.PERSONAL)
    renewed = await _renewed(context, person)
    response.set_cookie(sessions.cookie(context, sessions.SESSION, sessions.issue(context, renewed)))
    return response


@post("/account/token", guards=[guard], include_in_schema=False)
async def create_token(request: Request[Any, Any, Any], data: URLEncodedBody[TokenForm]) -> Response[Any]:
    """Make a token in place of the former one and show it this once."""
    people.check_form(request, data.csrf)
    context: Context = request.app.state.context
    person: Person = request.state.person
    if person.must_change:
        return await _page(request, status=403)
    token = await accounts.create_token(context.pool, person.id, by=person.account.username, now=context.now())
    request.state.person = await _renewed(context, person)
    return await _page(request, token=token)


@post("/account/token/revoke", guards=[guard], include_in_schema=False)
async def revoke_token(request: Request[Any, Any, Any], data: URLEncodedBody[TokenForm]) -> Response[Any]:
    """Take one's own token away."""
    people.check_form(request, data.csrf)
    context: Context = request.app.state.context
    person: Person = request.state.person
    await accounts.revoke_token(context.pool, person.id, by=person.account.username, now=context.now())
    context.people.forget(person.id)
    return Redirect("/account?done=revoked", status_code=303, headers=pages.PERSONAL)


async def _renewed(context: Context, person: Person) -> Person:
    """Return the account as it is after a change made here."""
    context.people.forget(person.id)
    return await context.people.numbered(person.id) or person


routes = [own_account, change_password, create_token, revoke_token]
