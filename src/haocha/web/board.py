"""`/`: the live score board, and `/board/events`: the parts of it that changed, as server-sent events.

Who may look: with a session everything; without one, where HAOCHA_BOARD is `public`, all but staff and texts.
"""

import contextlib
from collections.abc import AsyncIterator, Hashable
from datetime import date, timedelta
from typing import Any, Final
from urllib.parse import quote

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.response import Redirect, Stream

from haocha.domain.account import Account
from haocha.domain.workdays import SHANGHAI
from haocha.web import pages, people, reading, sessions
from haocha.web.context import Context
from haocha.web.live import Crowded, Hub
from haocha.web.panels import PATIENCE, Rendered, rendered
from haocha.web.problems import Problem
from haocha.web.views import PERIODS, View

RETRY: Final = b"retry: 2000\n\n"
RELOAD: Final = b"event: reload\ndata: {}\n\n"
HEARTBEAT: Final = b": \n\n"
STREAM_HEADERS: Final = pages.PERSONAL | {"X-Accel-Buffering": "no"}


class Update(msgspec.Struct, frozen=True):
    """What one event of the stream carries."""

    position: int
    parts: dict[str, str]
    summary: str


@contextlib.asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Keep the board's hub at `app.state.board` while the application runs; `app.state.context` is there already."""
    context: Context = app.state.context

    async def load(view: View) -> Rendered:
        return rendered(await reading.board(context, view), view, context.now())

    async def pulse() -> Hashable:
        health = await reading.health(context.pool)
        waiting = context.now() - health.waiting_since if health.waiting_since else timedelta()
        return health.position, health.stopped, health.frozen, health.backup_at, waiting // PATIENCE, _today(context)

    app.state.board = Hub(load, pulse, context.stopping)
    async with app.state.board.running():
        yield


def _today(context: Context) -> date:
    return context.now().astimezone(SHANGHAI).date()


async def _viewer(context: Context, request: Request[Any, Any, Any]) -> tuple[Account | None, bool]:
    """Tell who looks, and whether they may look at all."""
    account = await people.account_of(request)
    return account, account is not None or context.settings.board == "public"


@get("/", include_in_schema=False)
async def board_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Show the board, or send to the log-in those who have to."""
    context: Context = request.app.state.context
    hub: Hub = request.app.state.board
    account, allowed = await _viewer(context, request)
    if not allowed:
        address = f"/?{request.url.query}" if request.url.query else "/"
        return Redirect(f"/login?next={quote(address, safe='')}", status_code=303, headers=pages.PERSONAL)
    now, today = context.now(), _today(context)
    view, notice = View.parse(request.query_params, today, full=account is not None)
    halls, depts = reading.choices(context.registry, "hall"), reading.choices(context.registry, "org")
    names = {choice.key: choice.name for choice in halls} | {choice.key: choice.name for choice in depts}
    chosen = [names.get(key, key) for key in (view.hall, view.dept) if key]
    return pages.page(
        "board.html",
        view=view,
        notice=notice,
        wall=view.wall,
        rendered=await hub.look(view),
        periods=PERIODS,
        halls=halls,
        depts=depts,
        place=" · ".join(chosen),
        now=now,
        today=today,
        who=account.name or account.username if account else "",
        csrf=sessions.csrf_token(context, request.cookies.get(sessions.SESSION, "")) if account else "",
    )


@get("/board/events", include_in_schema=False)
async def board_events(request: Request[Any, Any, Any]) -> Stream:
    """Stream what changes in a view; the viewer says with `version` or `Last-Event-ID` what it shows already."""
    context: Context = request.app.state.context
    account, allowed = await _viewer(context, request)
    if not allowed:
        raise Problem(401, "session_required", "登录已过期，请重新登录。")
    view, _ = View.parse(request.query_params, _today(context), full=account is not None)
    shown = request.headers.get("last-event-id", "") or request.query_params.get("version", "")
    return Stream(_events(request, view, shown), media_type="text/event-stream", headers=STREAM_HEADERS)


async def _events(request: Request[Any, Any, Any], view: View, shown: str) -> AsyncIterator[bytes]:
    context: Context = request.app.state.context
    hub: Hub = request.app.state.board
    account, _ = await _viewer(context, request)
    began = _today(context)
    known: dict[str, str] = {}
    yield RETRY
    try:
        async for now in hub.follow(view):
            who, allowed = await _viewer(context, request)
            if not allowed or (who is None) != (account is None) or _today(context) != began:
                yield RELOAD
                return
            if now is None:
                yield HEARTBEAT
                continue
            if known or now.version != shown:
                update = Update(now.position, now.changes(known), now.summary)
                if update.parts:
                    yield b"id: %s\nevent: parts\ndata: %s\n\n" % (now.version.encode(), msgspec.json.encode(update))
            known = now.tags
    except Crowded:
        yield b"retry: 60000\n\n"


routes = [board_page, board_events]
