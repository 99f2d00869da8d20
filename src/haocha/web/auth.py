"""Who asks: API keys as `Authorization: Bearer …`, their scopes and limits; and where people may ask too, accounts."""

from collections.abc import Sequence
from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from haocha.domain.account import AccountRole
from haocha.store import accounts
from haocha.store.db import AWAY
from haocha.store.keys import Client
from haocha.web import people as persons
from haocha.web.context import Context
from haocha.web.problems import Problem, unavailable


async def client_of(context: Context, authorization: str | None, *scopes: str) -> Client:
    """Return the client whose key came with the request and has one of `scopes`; raises `401`, `403`, `429`, `503`."""
    kind, _, key = (authorization or "").partition(" ")
    if kind.lower() != "bearer" or not key:
        raise Problem(
            401,
            "key_required",
            "请在请求头 Authorization 中以 Bearer 方式提供密钥。",
            headers={"WWW-Authenticate": "Bearer"},
        )
    if key.strip().startswith(accounts.PREFIX):
        raise Problem(403, "key_required", "这里只认接口密钥（hc_ 开头）；人员账号的令牌不能代替它。")
    try:
        client = await context.clients.of(key.strip())
    except AWAY:
        raise unavailable() from None
    if client is None:
        raise Problem(
            401,
            "key_unknown",
            "密钥不存在或已被吊销；请向管理员索取新的密钥。",
            headers={"WWW-Authenticate": 'Bearer error="invalid_token"'},
        )
    if client.scopes.isdisjoint(scopes):
        raise Problem(403, "scope_missing", f"此密钥没有 {' 或 '.join(scopes)} 权限。")
    if client.per_minute is not None:
        context.key_limits.check(f"key:{client.id}", client.per_minute)
    return client


def requires(*scopes: str, people: Sequence[AccountRole] | None = None) -> Any:
    """Return a Litestar guard that lets keys of one of `scopes` pass, and accounts where `people` names their roles.

    An empty `people` means every account. Who asks is at `request.state.client` or at `request.state.account`, the
    other being None.
    """

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        context: Context = connection.app.state.context
        authorization = connection.headers.get("authorization")
        connection.state.client = connection.state.account = None
        if people is not None and (persons.token_of(connection) or await persons.person_of(connection) is not None):
            connection.state.account = (await persons.pass_account(connection, tuple(people))).account
        else:
            connection.state.client = await client_of(context, authorization, *scopes)

    return guard


def address_of(request: Request[Any, Any, Any]) -> str:
    """Return the caller's address; uvicorn has put there what a trusted proxy forwards."""
    return request.client.host if request.client else "unknown"
