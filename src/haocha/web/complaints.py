"""`POST /v1/complaints`: 意见箱, hotline, “办不成事” window and 综合点评, from systems and from people's scripts."""

from typing import Any, Final

import msgspec
from litestar import Request, Response, post

from haocha.domain.account import Account, AccountRole
from haocha.store.keys import Client
from haocha.web import submit
from haocha.web.auth import requires
from haocha.web.complaint_intake import COMPLAINT
from haocha.web.context import Context

SCOPE: Final = "complaints:write"
MAY_ENTER: Final[tuple[AccountRole, ...]] = ("supervisor", "agent", "inspector")
"""Who takes complaints down: at the hotline, at the window, from the box."""


def entering(account: Account) -> Client:
    """Return the account as the client that a complaint comes from."""
    return Client(0, account.username, "account", frozenset({SCOPE}), "", "", None)


@post(
    "/v1/complaints",
    guards=[requires(SCOPE, people=MAY_ENTER)],
    status_code=201,
    tags=["complaints"],
    operation_id="postComplaint",
)
async def post_complaint(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Submit one complaint; the same content again is a repeat (提交一条投诉意见)."""
    context: Context = request.app.state.context
    if submit.media_type(request.headers.get("content-type")) != "application/json":
        raise submit.unsupported()
    account: Account | None = getattr(request.state, "account", None)
    client = request.state.client if account is None else entering(account)
    outcome = await submit.one(context, client, COMPLAINT, await request.body(), request.headers.get("x-device-time"))
    return Response(msgspec.json.encode(outcome.members), status_code=outcome.status, media_type="application/json")


routes = [post_complaint]
