"""The ASGI application: Litestar's routes behind one small front.

The front gives every request an id, times it, turns whatever is raised into a problem, and serves `POST /v1/ratings`
itself: that one route carries all the load, and the framework would be half of its cost (docs/decisions.md). It calls
the same function as the route that the schema documents.
"""

import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from typing import Any

import structlog
from litestar import Litestar, Request, Response
from litestar.exceptions import HTTPException
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from haocha.web import (
    board,
    health,
    login,
    metrics,
    pages,
    ratings,
    receipt_page,
    receipts,
    registry,
    schema,
    services,
    submit,
)
from haocha.web.context import Context
from haocha.web.problems import CONTENT_TYPE, Fault, Problem

logger = structlog.get_logger(__name__)

SLOW = 1.0  # seconds after which a request is worth a line
LARGEST_BODY = submit.LARGEST_BATCH_BODY + 1024
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
            *receipts.routes,
            *registry.routes,
            *health.routes,
            *pages.routes,
            *board.routes,
            *login.routes,
            *receipt_page.routes,
        ],
        lifespan=[lifespan, board.lifespan],
        exception_handlers={
            Problem: _problem,
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

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        request_id = _request_id(headers.get(b"x-request-id"))
        structlog.contextvars.bind_contextvars(request_id=request_id)
        started, status = time.perf_counter(), 500

        async def respond(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], (b"x-request-id", request_id.encode())]
            await send(message)

        if scope["method"] == "POST" and scope["path"] == "/v1/ratings":
            route = "/v1/ratings"
            await self._rating(headers, receive, respond)
        else:
            await self._app(scope, receive, respond)
            route = _route(scope)
        seconds = time.perf_counter() - started
        metrics.REQUESTS.labels(route, str(status)).observe(seconds)
        if seconds > SLOW and "text/event-stream" not in str(headers.get(b"accept", b"")):
            logger.info("slow_request", route=route, status=status, seconds=round(seconds, 3))

    async def _rating(self, headers: dict[bytes, bytes], receive: Receive, send: Send) -> None:
        """Serve the one route that is called for every rating."""
        plain = _Headers(headers)
        try:
            body = await _body(receive)
            status, answer = await ratings.answer(self._context, plain, body, submit.RATING, "ratings:write")
            kind, more = b"application/json", HEADERS
        except Problem as problem:
            status, answer, kind = problem.status, problem.encoded(), CONTENT_TYPE.encode()
            more = [*HEADERS, *((name.lower().encode(), value.encode()) for name, value in problem.headers.items())]
        except _Gone:
            return
        except Exception:
            logger.exception("request_failed", route="/v1/ratings")
            problem = _internal()
            status, answer, kind, more = problem.status, problem.encoded(), CONTENT_TYPE.encode(), HEADERS
        await send(
            {
                "type": "http.response.start",
                "status": status,
                "headers": [(b"content-type", kind), (b"content-length", str(len(answer)).encode()), *more],
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
    parts = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Gone
        parts += message.get("body", b"")
        if len(parts) > submit.LARGEST_RECORD:
            raise submit.too_large("64 kB")
        if not message.get("more_body"):
            return parts


def _request_id(sent: bytes | None) -> str:
    """Take over a sensible id of the caller's, else make one."""
    if sent is not None and len(sent) <= 64 and sent.replace(b"-", b"").isalnum():  # noqa: PLR2004
        return sent.decode()
    return secrets.token_hex(8)


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
    logger.error("request_failed", route=_route(request.scope), exc_info=error)
    return _problem(request, _internal())
