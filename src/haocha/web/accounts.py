"""`/admin/accounts`: an administrator makes, changes, disables and unlocks the accounts within his reach.

Addresses name accounts by number. Whoever has a node keeps only the accounts that act or oversee within it, and nobody
changes or disables himself here: so nobody gives himself more, and nobody locks the last administrator out.
"""

from collections import defaultdict
from typing import Any, Final
from urllib.parse import urlencode

from litestar import Request, Response, get, post
from litestar.params import FromPath, URLEncodedBody
from litestar.response import Redirect

from haocha.domain.account import ROLES, Account
from haocha.domain.errors import Refusal
from haocha.store import accounts
from haocha.store.accounts import Person
from haocha.web import account_facts, pages, people, work
from haocha.web.account_form import Act, Form, messages, read
from haocha.web.context import Context
from haocha.web.people import requires_account
from haocha.web.problems import Problem, not_found
from haocha.web.scopes import keeps, territory_of

HERE: Final = "/admin/accounts"
PAGE: Final = 50
LONGEST: Final = 40
SUGGESTED: Final = 2_000  # departments that the form proposes
DONE: Final = {
    "changed": "已保存。角色、单位或范围有变的，这个账号的网页会话已经结束。",
    "same": "没有要改的内容。",
    "disabled": "账号已停用，它的会话和令牌都已失效。",
    "enabled": "账号已恢复启用。",
    "unlocked": "账号已解除锁定。",
    "revoked": "令牌已收回。",
}
ACTS: Final = {
    "disable": (accounts.disable, "disabled"),
    "enable": (accounts.enable, "enabled"),
    "unlock": (accounts.unlock, "unlocked"),
    "revoke-token": (accounts.revoke_token, "revoked"),
}

guard = requires_account("admin", page=True)


@get(HERE, guards=[guard], include_in_schema=False)
async def list_accounts(request: Request[Any, Any, Any]) -> Response[Any]:
    """List accounts by username; `q` looks in username, name, unit, node and staff key."""
    context: Context = request.app.state.context
    search, role, after = (_printable(request.query_params.get(name, "")) for name in ("q", "role", "after"))
    role = role if role in ROLES else ""
    territory = territory_of(context, request.state.account)
    found = await accounts.page(
        context.pool,
        after=after,
        limit=PAGE + 1,
        search=search.strip(),
        role=role,
        units=territory.units,
        area=territory.area,
    )
    query = {name: value for name, value in (("q", search), ("role", role)) if value}
    following = urlencode(query | {"after": found[PAGE - 1].account.username}) if len(found) > PAGE else ""
    return await work.work_page(
        request,
        "accounts.html",
        active=HERE,
        rows=[(person, account_facts.of(context, person)) for person in found[:PAGE]],
        search=search,
        role=role,
        roles=ROLES,
        first=f"?{urlencode(query)}" if after else "",
        following=f"?{following}" if following else "",
    )


@get(f"{HERE}/new", guards=[guard], include_in_schema=False)
async def new_account(request: Request[Any, Any, Any]) -> Response[Any]:
    """Show the form for a new account."""
    return await _form_page(request, Form(role="handler"))


@post(HERE, guards=[guard], include_in_schema=False)
async def create_account(request: Request[Any, Any, Any], data: URLEncodedBody[Form]) -> Response[Any]:
    """Create an account and show its password, once."""
    people.check_form(request, data.csrf)
    context: Context = request.app.state.context
    admin: Account = request.state.account
    account, faults = read(data, data.username.strip())
    if not faults and not keeps(territory_of(context, admin), account):
        faults = {"reach": _beyond(admin)}
    password = ""
    if not faults:
        try:
            password = await accounts.create(
                context.pool,
                username=account.username,
                name=account.name,
                role=account.role,
                unit=account.unit,
                node=account.node,
                staff=account.staff,
                contact_officer=account.contact_officer,
                now=context.now(),
                by=admin.username,
            )
        except Refusal as refusal:
            faults = messages(refusal)
    if faults:
        return await _form_page(request, data, faults)
    person = await accounts.find(context.pool, account.username)
    if person is None:
        raise not_found("这个账号")
    return await _account_page(request, person, status=201, password=password)


@get(f"{HERE}/{{number:int}}", guards=[guard], include_in_schema=False)
async def one_account(request: Request[Any, Any, Any], number: FromPath[int]) -> Response[Any]:
    """Show an account, what was done to it, and the forms to change it."""
    person = await _kept(request, number)
    return await _account_page(request, person, done=DONE.get(request.query_params.get("done", ""), ""))


@post(f"{HERE}/{{number:int}}", guards=[guard], include_in_schema=False)
async def change_account(
    request: Request[Any, Any, Any], number: FromPath[int], data: URLEncodedBody[Form]
) -> Response[Any]:
    """Change who an account is."""
    people.check_form(request, data.csrf)
    context: Context = request.app.state.context
    admin: Account = request.state.account
    person = await _kept(request, number)
    _not_himself(request, person)
    account, faults = read(data, person.account.username)
    if not faults and not keeps(territory_of(context, admin), account):
        faults = {"reach": _beyond(admin)}
    changed: list[str] = []
    if not faults:
        try:
            changed = await accounts.change(context.pool, number, account, by=admin.username, now=context.now())
        except Refusal as refusal:
            faults = messages(refusal)
    if faults:
        return await _account_page(request, person, status=422, form=data, faults=faults)
    return _back(context, number, "changed" if changed else "same")


@post(f"{HERE}/{{number:int}}/reset-password", guards=[guard], include_in_schema=False)
async def reset_password(
    request: Request[Any, Any, Any], number: FromPath[int], data: URLEncodedBody[Act]
) -> Response[Any]:
    """Give an account a new password and show it, once."""
    people.check_form(request, data.csrf)
    context: Context = request.app.state.context
    person = await _kept(request, number)
    _not_himself(request, person)
    by, now = request.state.account.username, context.now()
    password = await accounts.reset_password(context.pool, person, by=by, now=now)
    context.people.forget(number)
    return await _account_page(request, await accounts.numbered(context.pool, number) or person, password=password)


@post(f"{HERE}/{{number:int}}/{{act:str}}", guards=[guard], include_in_schema=False)
async def act_on_account(
    request: Request[Any, Any, Any], number: FromPath[int], act: FromPath[str], data: URLEncodedBody[Act]
) -> Response[Any]:
    """Disable, enable or unlock an account, or take its token away."""
    people.check_form(request, data.csrf)
    if act not in ACTS:
        raise not_found("这个操作")
    context: Context = request.app.state.context
    person = await _kept(request, number)
    _not_himself(request, person)
    work_of, done = ACTS[act]
    try:
        acted = await work_of(context.pool, number, by=request.state.account.username, now=context.now())
    except Refusal as refusal:
        return await _account_page(request, person, status=409, faults=messages(refusal))
    return _back(context, number, done if acted else "same")


def _back(context: Context, number: int, done: str) -> Response[Any]:
    """Go back to an account's page after a change to it, which this process then knows at once."""
    context.people.forget(number)
    return Redirect(f"{HERE}/{number}?done={done}", status_code=303, headers=pages.PERSONAL)


async def _kept(request: Request[Any, Any, Any], number: int) -> Person:
    """Return an account that this administrator keeps; one of another territory is as if it were not there."""
    context: Context = request.app.state.context
    person = await accounts.numbered(context.pool, number) if number < 2**31 else None
    if person is None or not keeps(territory_of(context, request.state.account), person.account):
        raise not_found("这个账号")
    return person


def _not_himself(request: Request[Any, Any, Any], person: Person) -> None:
    if person.id == request.state.person.id:
        raise Problem(403, "own_account", "不能在这里改自己的账号；请另一位管理员来改，密码在“账号与密码”里改。")


def _beyond(admin: Account) -> str:
    return f"超出了您管理的范围（{admin.node}）：请选这个范围之内的单位、区域或部门。"


def _printable(text: str) -> str:
    """Keep of a parameter what can be looked for."""
    return "".join(letter for letter in text if letter.isprintable())[:LONGEST]


async def _form_page(
    request: Request[Any, Any, Any], form: Form, faults: dict[str, str] | None = None
) -> Response[str]:
    return await work.work_page(
        request,
        "accounts_new.html",
        active=HERE,
        status=422 if faults else 200,
        form=form,
        faults=defaultdict(str, faults or {}),
        roles=ROLES,
        departments=_departments(request.app.state.context),
    )


async def _account_page(
    request: Request[Any, Any, Any],
    person: Person,
    *,
    status: int = 200,
    password: str = "",
    done: str = "",
    form: Form | None = None,
    faults: dict[str, str] | None = None,
) -> Response[str]:
    context: Context = request.app.state.context
    changes = await accounts.changes(context.pool, person.id)
    return await work.work_page(
        request,
        "accounts_one.html",
        active=HERE,
        status=status,
        person=person,
        own=person.id == request.state.person.id,
        locked=person.locked_until is not None and person.locked_until > context.now(),
        facts=account_facts.of(context, person),
        changes=[account_facts.told(context, change) for change in changes],
        password=password,
        done=done,
        form=form or Form.of(person.account),
        faults=defaultdict(str, faults or {}),
        roles=ROLES,
        departments=_departments(context),
    )


def _departments(context: Context) -> list[tuple[str, str]]:
    """Return codes and names of departments, for the form to propose."""
    found = [(key, context.registry.name("org", key) or "") for key in context.registry.keys("org")]
    return found[:SUGGESTED]


routes = [
    list_accounts,
    new_account,
    create_account,
    one_account,
    change_account,
    reset_password,
    act_on_account,
]
