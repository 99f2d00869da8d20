"""The ASGI application: Litestar's routes behind one small front.

The front gives every request an id, times it, turns whatever is raised into a problem, and serves `POST /v1/ratings`
itself: that one route carries all the load, and the framework would be half of its cost (docs/decisions.md). It calls
the same function as the route that the schema documents.
"""

import contextlib
import itertools
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from haocha.store.db import is_away
from haocha.web import (
    account,
    accounts,
    board,
    calendar_pages,
    circulars,
    complaints,
    desk,
    differences,
    disclosure,
    disclosures,
    evidence,
    feed,
    health,
    inbox,
    indicators,
    lists,
    login,
    metrics,
    overview,
    pages,
    people,
    policies,
    policy_pages,
    problem_ledger,
    ratings,
    receipt_page,
    receipts,
    reconciliations,
    registry,
    schema,
    scores,
    services,
    source_forms,
    source_import,
    sources_page,
    submit,
    sync_intake,
    sync_orders,
    sync_page,
    sync_stand,
    sync_status,
    ticket_commands,
    ticket_page,
    ticket_stats,
    tickets,
    verdict_page,
)
from haocha.web.context import Context
from haocha.web.problems import CONTENT_TYPE, Fault, Problem, unavailable

logger = structlog.get_logger(__name__)

LONGEST_REQUEST_ID = 64
SLOW = 1.0  # seconds after which a request is worth a line
LASTING = frozenset({"/v1/events"})  # waits for as long as it was asked to
LARGEST_BODY = submit.LARGEST_BATCH_BODY + 1024
LARGEST_FORM = 256 * 1024  # url-encoded, on every route: its parser takes seconds for megabytes
FORM = b"application/x-www-form-urlencoded"
HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
]
STATUS_CODES = {400: "malformed", 401: "key_required", 403: "forbidden", 404: "not_found", 405: "method_not_allowed"}


def create_app(context: Context) -> ASGIApp:
    """Return the application of a web process."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        app.state.context = context
        yield

    litestar = Litestar(
        [
            *ratings.routes,
            *services.routes,
            *complaints.routes,
            *lists.routes,
            *feed.routes,
            *scores.routes,
            *tickets.routes,
            *ticket_stats.routes,
            *overview.routes,
            *circulars.routes,
            *problem_ledger.routes,
            *ticket_commands.routes,
            *ticket_page.routes,
            *evidence.routes,
            *receipts.routes,
            *sync_intake.routes,
            *sync_orders.routes,
            *indicators.routes,
            *registry.routes,
            *policies.routes,
            *policy_pages.routes,
            *calendar_pages.routes,
            *health.routes,
            *pages.routes,
            *board.routes,
            *desk.routes,
            *inbox.routes,
            *login.routes,
            *account.routes,
            *accounts.routes,
            *receipt_page.routes,
            *disclosure.routes,
            *disclosures.routes,
            *sources_page.routes,
            *source_forms.routes,
            *source_import.routes,
            *verdict_page.routes,
            *sync_page.routes,
            *sync_status.routes,
            *differences.routes,
            *reconciliations.routes,
        ],
        lifespan=[lifespan, board.lifespan, desk.lifespan, sync_stand.lifespan],
        exception_handlers={
            Problem: _problem,
            people.Elsewhere: people.redirected,
            HTTPException: _http_exception,
            Exception: _unexpected,
        },
        openapi_config=schema.CONFIG,
        request_max_body_size=LARGEST_BODY,
        logging_config=None,
    )
    return Front(litestar, context)


class Front:
    """What every request passes."""

    def __init__(self, app: Litestar, context: Context) -> None:
        self._app = app
        self._context = context
        self._process = secrets.token_hex(4).encode() + b"-"
        self._requests = itertools.count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
        elif scope["path"] == "/v1/ratings" and scope["method"] == "POST":
            await self._rating(scope, receive, send)
        else:
            await self._other(scope, receive, send)

    def _begin(self, scope: Scope) -> tuple[dict[bytes, bytes], bytes]:
        """Return the headers, and the id that every line about this request carries: the caller's if sensible."""
        headers = dict(scope["headers"])
        sent = headers.get(b"x-request-id")
        if sent is None or len(sent) > LONGEST_REQUEST_ID or not sent.replace(b"-", b"").isalnum():
            sent = self._process + b"%x" % next(self._requests)
        return headers, sent

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve any request but a single rating's through the framework."""
        headers, request_id = self._begin(scope)
        structlog.contextvars.bind_contextvars(request_id=request_id.decode())
        started, status = time.perf_counter(), 500

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id)]
            await send(message)

        if _is_form(scope):
            if _length(headers) > LARGEST_FORM:
                await _refuse_form(scope, receive, respond)
            else:
                await self._app(scope, _limited(receive), respond)
        else:
            await self._app(scope, receive, respond)
        seconds = time.perf_counter() - started
        route = _route(scope)
        metrics.REQUESTS.labels(route, str(status)).observe(seconds)
        if seconds > SLOW and route not in LASTING and b"text/event-stream" not in headers.get(b"accept", b""):
            logger.info("slow_request", route=route, status=status, seconds=round(seconds, 3))

    async def _rating(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the one route that is called for every rating; `haocha_ingest_seconds` measures it."""
        headers, request_id = self._begin(scope)
        more = []
        try:
            body = await _body(receive)
            status, answer = await ratings.answer(
                self._context, _Headers(headers), body, submit.RATING, "ratings:write"
            )
            kind = b"application/json"
        except _Gone:
            return
        except Exception as error:
            if not isinstance(error, Problem):
                logger.exception("request_failed", route="/v1/ratings", request_id=request_id.decode())
            problem = error if isinstance(error, Problem) else _internal()
            status, answer, kind = problem.status, problem.encoded(), CONTENT_TYPE.encode()
            more = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [
                    (b"content-type", kind),
                    (b"content-length", b"%d" % len(answer)),
                    (b"x-request-id", request_id),
                    *HEADERS,
                    *more,
                ],
            }
        )
        await send({"type": "http.response.body", "body": answer, "more_body": False})


class _Gone(Exception):
    """The client hung up before it had sent its body."""


class _Headers:
    """Request headers by lower-case name, decoded when asked for."""

    __slots__ = ("_raw",)

    def __init__(self, raw: dict[bytes, bytes]) -> None:
        self._raw = raw

    def get(self, name: str) -> str | None:
        """Return a header, None where it did not come."""
        value = self._raw.get(name.encode())
        return None if value is None else value.decode("latin-1")


async def _body(receive: Receive) -> bytes:
    parts: bytes = b""
    while True:
        message: Any = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        parts += message.get("body", b"")
        if len(parts) > submit.LARGEST_RECORD:
            raise submit.too_large("64 kB")
        if not message.get("more_body"):
            return parts


def _is_form(scope: Scope) -> bool:
    """Tell whether a body is said to be url-encoded, in whichever of several headers."""
    return any(
        name == b"content-type" and value.partition(b";")[0].strip().lower() == FORM for name, value in scope["headers"]
    )


def _length(headers: dict[bytes, bytes]) -> int:
    """Return how long a body says it is, 0 where it does not say."""
    sent = headers.get(b"content-length", b"")
    return int(sent[:20]) if sent.isdigit() else 0


def _limited(receive: Receive) -> Receive:
    """Count a form that comes without its length, and refuse it where it becomes too large."""
    read = 0

    async def counted() -> Any:
        nonlocal read
        message: Any = await receive()
        read += len(message.get("body", b""))
        if read > LARGEST_FORM:
            raise submit.too_large("256 kB")
        return message

    return counted


async def _refuse_form(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer `413` to a form without reading it."""
    request: Request[Any, Any, Any] = Request(scope, receive=receive, send=send)
    response = _problem(request, submit.too_large("256 kB"))
    await response.to_asgi_response(None, request)(scope, receive, send)


def _route(scope: Scope) -> str:
    """Return the route's template, never the path: a path may hold what is nobody's business."""
    template = scope.get("path_template")
    return str(template) if template else "unknown"


def _internal() -> Problem:
    return Problem(500, "internal", "系统内部错误，已记录；请稍后重试，重复提交不会重复计数。")


def _problem(request: Request[Any, Any, Any], problem: Problem) -> Response[Any]:
    if pages.wants_page(request):
        return pages.error_page(problem.status, detail=problem.detail, headers=problem.headers)
    return Response(
        problem.encoded(),
        status_code=problem.status,
        media_type=CONTENT_TYPE,
        headers={"Cache-Control": "no-store", **problem.headers},
    )


def _http_exception(request: Request[Any, Any, Any], error: HTTPException) -> Response[Any]:
    """Say the framework's refusals in our words; query and path parameters that are not of their form are 422."""
    status = error.status_code
    if status == 400 and isinstance(error.extra, list):  # noqa: PLR2004
        faults = [
            Fault(f"/{item.get('key', '')}", "form", f"参数 {item.get('key', '')} 不符合要求。")
            for item in error.extra
            if isinstance(item, dict)
        ]
        return _problem(request, Problem(422, "invalid", "请求参数不符合要求。", faults))
    if status == 413:  # noqa: PLR2004
        return _problem(request, submit.too_large("8 MB"))
    details = {404: "没有这个地址。", 405: "这个地址不支持这种请求方法。"}
    return _problem(
        request,
        Problem(
            status,
            STATUS_CODES.get(status, "refused"),
            details.get(status, "请求未能完成。"),
            headers=dict(error.headers or {}),
        ),
    )


def _unexpected(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    if is_away(error):
        logger.warning("database_away", route=_route(request.scope), error=type(error).__name__)
        return _problem(request, unavailable())
    logger.error("request_failed", route=_route(request.scope), exc_info=error)
    return _problem(request, _internal())
