"""What pages say of an account: where it stands by the registry's names, how far it sees, how it is."""

from datetime import datetime
from typing import NamedTuple

from haocha.domain.account import Account
from haocha.domain.workdays import SHANGHAI
from haocha.store.accounts import Change, Person
from haocha.web import words
from haocha.web.context import Context


class Facts(NamedTuple):
    """An account in words."""

    unit: str
    sees: str
    staff: str
    state: str
    created: str
    last_login: str
    token: str


class Told(NamedTuple):
    """One change in words; `was` and `became` are empty for an act."""

    at: datetime
    when: str
    by: str
    what: str
    was: str
    became: str


def of(context: Context, person: Person) -> Facts:
    """Say what there is to say of an account."""
    account = person.account
    return Facts(
        unit=named(context, "org", account.unit),
        sees=_sees(context, account),
        staff=named(context, "staff", account.staff),
        state=_state(context, person),
        created=moment(person.created_at),
        last_login=moment(person.last_login_at) or "从未登录",
        token=moment(person.token_at),
    )


def named(context: Context, kind: str, key: str) -> str:
    """Return the registry's name of a code, with the code; it may not be registered yet."""
    if not key:
        return ""
    name = context.registry.name(kind, key)
    return f"{name}（{key}）" if name else f"{key}（注册库中没有）"


def node(context: Context, text: str) -> str:
    """Say a node in words."""
    kind, _, value = text.partition(":")
    if kind == "area":
        return f"区划 {value} 开头的区域"
    return f"{named(context, 'org', value)}及下级" if kind == "dept" else "全部"


def told(context: Context, change: Change) -> Told:
    """Say a change in words."""
    by = f"服务器命令行（{change.by[3:]}）" if change.by.startswith("os:") else change.by or "系统"
    values = [_value(context, change.what, text) for text in (change.was, change.became)]
    return Told(change.at, moment(change.at), by, words.ACCOUNT_CHANGES.get(change.what, change.what), *values)


def moment(at: datetime | None) -> str:
    """Print a moment in Shanghai with its year, '' where there is none."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if at else ""


def _value(context: Context, what: str, text: str) -> str:
    if what not in {"role", "unit", "node", "staff", "name", "contact_officer"}:
        return ""
    if what == "role":
        return words.ROLES.get(text, text)
    if what == "node":
        return node(context, text)
    if what == "contact_officer":
        return "是" if text == "true" else "否"
    return text


def _sees(context: Context, account: Account) -> str:
    if account.role == "handler":
        return f"{named(context, 'org', account.unit)}及下级"
    return node(context, account.node)


def _state(context: Context, person: Person) -> str:
    if person.disabled_at:
        return "已停用"
    if person.locked_until and person.locked_until > context.now():
        return "已锁定"
    return "待改初始密码" if person.must_change else "正常"
