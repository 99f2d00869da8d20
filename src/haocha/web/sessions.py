"""Sessions: a signed cookie that names the key somebody logged in with, for as long as that key is in force.

Nothing is stored: the token holds the key's id and when it ends, under an HMAC. The key is looked up on every request
(in memory), so revoking it ends the session within two seconds.
"""

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta
from typing import Any

from litestar import Request
from litestar.datastructures import Cookie

from haocha.store.keys import Client
from haocha.web.context import Context

SESSION = "haocha_session"
VISITOR = "haocha_visitor"
SCOPE = "scores:read"
LASTS = timedelta(hours=12)


def _mark(context: Context, purpose: str, text: str) -> str:
    key = context.settings.keys.derive("session")
    return hmac.digest(key, f"{purpose}|{text}".encode(), hashlib.sha256).hex()


def issue(context: Context, key_id: int) -> str:
    """Make the token of a session that begins now."""
    text = f"{key_id}.{int((context.now() + LASTS).timestamp())}"
    return f"{text}.{_mark(context, 'session', text)}"


def key_of(context: Context, token: str) -> tuple[int, datetime] | None:
    """Read a token: the key's id and when the session ends; None where it is not ours or over."""
    text, _, mark = token.rpartition(".")
    if not text or not hmac.compare_digest(mark.encode(), _mark(context, "session", text).encode()):
        return None
    key_id, _, ends = text.partition(".")
    until = datetime.fromtimestamp(int(ends), tz=context.now().tzinfo)
    return (int(key_id), until) if context.now() < until else None


async def client_of(context: Context, token: str | None) -> Client | None:
    """Return who is logged in with `token`; None where the session is over or its key revoked or without the scope."""
    known = key_of(context, token) if token else None
    client = await context.clients.numbered(known[0]) if known else None
    return client if client is not None and SCOPE in client.scopes else None


def csrf_token(context: Context, holder: str) -> str:
    """Make what a form must carry so that no other site can send it; `holder` is the value of the cookie beside it."""
    return _mark(context, "form", holder)


def csrf_holds(context: Context, request: Request[Any, Any, Any], cookie_name: str, given: str) -> bool:
    """Check what a form carried against the cookie it belongs to: the visitor's, or the session's."""
    holder = request.cookies.get(cookie_name, "")
    return bool(holder) and hmac.compare_digest(given.encode(), csrf_token(context, holder).encode())


def new_visitor() -> str:
    """Make the value of a visitor's cookie."""
    return secrets.token_urlsafe(18)


def cookie(context: Context, name: str, value: str, *, ends: bool = False) -> Cookie:
    """Make a cookie that scripts cannot read and other sites do not send; `ends` takes it away."""
    return Cookie(
        key=name,
        value=value,
        path="/",
        httponly=True,
        samesite="lax",
        secure=context.settings.secure_cookies,
        max_age=0 if ends else int(LASTS.total_seconds()),
    )
