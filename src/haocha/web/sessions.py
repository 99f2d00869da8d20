"""Sessions: a signed cookie that names the account somebody logged in with, for as long as that account is as it was.

Nothing is stored: the token holds the account's number, its epoch and when it ends, under an HMAC. The account is
looked up on every request (in memory); a new password, another role or disabling give it another epoch, and sessions of
an earlier one are over within two seconds.
"""

import hashlib
import hmac
import secrets
from datetime import timedelta
from typing import Any

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

from haocha.store.accounts import Person
from haocha.web.context import Context

SESSION = "haocha_session"
VISITOR = "haocha_visitor"
LASTS = timedelta(hours=12)


def _mark(context: Context, purpose: str, text: str) -> str:
    key = context.settings.keys.derive("session")
    return hmac.digest(key, f"{purpose}|{text}".encode(), hashlib.sha256).hex()


def issue(context: Context, person: Person) -> str:
    """Make the token of a session that begins now."""
    text = f"{person.id}.{person.epoch}.{int((context.now() + LASTS).timestamp())}"
    return f"{text}.{_mark(context, 'person', text)}"


async def person_of(context: Context, token: str | None) -> Person | None:
    """Return who is logged in with `token`; None where it is not ours or over, or its account no longer as it was."""
    text, _, mark = (token or "").rpartition(".")
    if not text or not hmac.compare_digest(mark.encode(), _mark(context, "person", text).encode()):
        return None
    number, epoch, ends = map(int, text.split("."))
    if context.now().timestamp() >= ends:
        return None
    person = await context.people.numbered(number)
    return person if person is not None and person.epoch == epoch else None


def csrf_token(context: Context, holder: str) -> str:
    """Make what a form must carry so that no other site can send it; `holder` is the value of the cookie beside it."""
    return _mark(context, "form", holder)


def csrf_holds(context: Context, connection: ASGIConnection[Any, Any, Any, Any], cookie_name: str, given: str) -> bool:
    """Check what a form carried against the cookie it belongs to: the visitor's, or the session's."""
    holder = connection.cookies.get(cookie_name, "")
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
