"""Who asks: API keys as `Authorization: Bearer …`, their scopes and limits."""

from typing import Any

from litestar import Request
from litestar.connection import ASGIConnection
from litestar.handlers.base import BaseRouteHandler

from haocha.store.db import AWAY
from haocha.store.keys import Client
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


def requires(*scopes: str) -> Any:
    """Return a Litestar guard that lets keys of one of `scopes` pass and keeps the client at `request.state.client`."""

    async def guard(connection: ASGIConnection[Any, Any, Any, Any], _: BaseRouteHandler) -> None:
        context: Context = connection.app.state.context
        connection.state.client = await client_of(context, connection.headers.get("authorization"), *scopes)

    return guard


def address_of(request: Request[Any, Any, Any]) -> str:
    """Return the caller's address; uvicorn has put there what a trusted proxy forwards."""
    return request.client.host if request.client else "unknown"
