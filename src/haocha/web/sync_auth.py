"""Who reports to us: a member's name, a fresh time and a signature; what of them was wrong is not told."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from litestar import Request

from haocha.store import members
from haocha.store.db import AWAY
from haocha.store.members import Member
from haocha.sync import signing
from haocha.web.auth import address_of
from haocha.web.context import Context
from haocha.web.problems import Problem, unavailable

NOBODY = Member("", "", 0)
REFUSED_PER_MINUTE = 600  # of one address


class Signed(NamedTuple):
    """A request that its member signed."""

    member: Member
    secret: bytes
    body: bytes


def refused() -> Problem:
    """Return the `401` of whatever was wrong."""
    return Problem(
        401,
        "not_signed",
        "签名无效：请核对成员名称、密钥和本机时间（误差不得超过 5 分钟）。",
        headers={"WWW-Authenticate": "Haocha"},
    )


def target_of(request: Request[Any, Any, Any]) -> str:
    """Return what is signed of the address: the path as this application has it, and the query as it came."""
    query = request.scope["query_string"].decode("latin-1")
    return f"{request.scope['path']}?{query}" if query else request.scope["path"]


async def signed(request: Request[Any, Any, Any]) -> Signed:
    """Return the request of a member in force; raises `401`, and `429` for who is refused too often.

    An unknown member costs as much as a known one: a signature is reckoned in either case.
    """
    context: Context = request.app.state.context
    now = context.now()
    if not fresh(request, now):
        raise counted(context, request)
    body = await request.body()
    name = request.headers.get(signing.PEER) or ""
    try:
        member = await members.get(context.pool, name) if name.isprintable() else None
    except AWAY:
        raise unavailable() from None
    secret = members.secret_of(context.settings.keys, member or NOBODY).encode()
    genuine = signing.verify(secret, request.method, target_of(request), body, request.headers, now)
    if member is None or not genuine:
        raise counted(context, request)
    return Signed(member, secret, body)


def fresh(request: Request[Any, Any, Any], now: datetime) -> bool:
    """Tell whether the body is worth reading."""
    at = request.headers.get(signing.TIME) or ""
    if not (at.isascii() and at.isdigit() and len(at) <= signing.LONGEST_TIME):
        return False
    return abs(timedelta(seconds=now.timestamp() - int(at))) <= signing.LATE


def counted(context: Context, request: Request[Any, Any, Any]) -> Problem:
    """Return the refusal of a caller, after too many of them the `429`."""
    try:
        context.public_limits.check(f"sync:{address_of(request)}", REFUSED_PER_MINUTE)
    except Problem as problem:
        return problem
    return refused()
