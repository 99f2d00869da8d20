"""Evidence files (凭证) over HTTP: brought before the command that refers to them, shown to who sees the ticket."""

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import MediaType, Request, Response, get, post
from litestar.datastructures import UploadFile
from litestar.exceptions import HTTPException
from litestar.openapi.datastructures import ResponseSpec
from litestar.openapi.spec import (
    OpenAPIFormat,
    OpenAPIMediaType,
    OpenAPIResponse,
    OpenAPIType,
    Operation,
    RequestBody,
    Schema,
)
from litestar.params import FromPath

from haocha.domain.account import Account, AccountRole
from haocha.domain.ticket_events import Evidence
from haocha.store import evidence
from haocha.store.evidence import EvidenceEmpty, EvidenceTooLarge, EvidenceType
from haocha.store.log import Recorded
from haocha.web import scopes, ticket_facts, timeline
from haocha.web.context import Context
from haocha.web.people import requires_account
from haocha.web.problems import Problem, not_found
from haocha.web.work import MAY_OPEN

MAY_ATTACH: Final[tuple[AccountRole, ...]] = ("handler", "supervisor", "reviewer", "agent", "inspector")
LARGEST_BODY: Final = evidence.LARGEST + 64 * 1024  # a file and what a form puts around it
PER_MINUTE: Final = 120  # files of one account: nobody photographs faster
REFUSALS: Final = {
    EvidenceEmpty: (422, "文件是空的，请重新选择。"),
    EvidenceTooLarge: (413, "文件超过 10 MB，请压缩或拍小一些。"),
    EvidenceType: (415, "只收 JPG、PNG、WebP 图片和 PDF；以文件内容为准，改后缀名没有用。"),
}
SAFE: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "sandbox; default-src 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "private, no-cache",
}
"""A file is shown and nothing in it runs; a browser that has it asks each time whether it may still be shown."""


BINARY: Final = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
FORMS: Final = ("image/jpeg", "image/png", "image/webp", "application/pdf")


@dataclass
class Bringing(Operation):
    """How a file is sent, for the schema: the framework cannot tell from a body that is read by hand."""

    def __post_init__(self) -> None:
        self.request_body = RequestBody(
            required=True, content={form: OpenAPIMediaType(schema=BINARY) for form in FORMS}
        )


@dataclass
class Showing(Operation):
    """What a file is answered as, for the schema."""

    def __post_init__(self) -> None:
        content = {form: OpenAPIMediaType(schema=BINARY) for form in FORMS}
        self.responses = {"200": OpenAPIResponse(description="文件本身", content=content)}


async def keep(context: Context, account: Account, body: bytes) -> Evidence:
    """Keep a file that an account brought; raises the problem that says what is wrong with it, or `429`."""
    context.key_limits.check(f"evidence:{account.username}", PER_MINUTE)
    try:
        return await evidence.keep(context.pool, body, by=account.username, at=context.now())
    except (EvidenceEmpty, EvidenceTooLarge, EvidenceType) as refused:
        status, detail = REFUSALS[type(refused)]
        raise Problem(status, refused.code, detail) from None


@post(
    "/v1/evidence",
    guards=[requires_account(*MAY_ATTACH)],
    request_max_body_size=LARGEST_BODY,
    responses={
        201: ResponseSpec(Evidence, description="已保存", media_type=MediaType.JSON),
        200: ResponseSpec(Evidence, description="已有这个文件", media_type=MediaType.JSON),
    },
    operation_class=Bringing,
    tags=["tickets"],
    operation_id="postEvidence",
)
async def post_evidence(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Bring a file that a command may then refer to: its bytes as the body, or the one file of a form (上传凭证)."""
    context: Context = request.app.state.context
    body = await _body(request)
    known = bool(body) and await evidence.described(context.pool, evidence.digest(body)) is not None
    kept = await keep(context, request.state.account, body)
    return Response(msgspec.json.encode(kept), status_code=200 if known else 201, media_type="application/json")


@contextlib.contextmanager
def too_large() -> Iterator[None]:
    """Refuse a body beyond the route's limit as a file that is too large, whichever way it came."""
    try:
        yield
    except HTTPException as error:
        if error.status_code != 413:  # noqa: PLR2004
            raise
        status, detail = REFUSALS[EvidenceTooLarge]
        raise Problem(status, EvidenceTooLarge.code, detail) from None


async def _body(request: Request[Any, Any, Any]) -> bytes:
    with too_large():
        if not request.headers.get("content-type", "").startswith("multipart/form-data"):
            return await request.body()
        files = [value for _, value in (await request.form()).multi_items() if isinstance(value, UploadFile)]
    if len(files) != 1:
        raise Problem(422, "one_file", "表单里应当正好有一个文件。")
    return await files[0].read()


@get(
    "/v1/tickets/{ticket_id:uuid}/evidence/{digest:str}",
    guards=[requires_account(*MAY_OPEN["/desk"])],
    operation_class=Showing,
    tags=["tickets"],
    operation_id="getEvidence",
)
async def get_evidence(
    request: Request[Any, Any, Any], ticket_id: FromPath[UUID], digest: FromPath[str]
) -> Response[bytes]:
    """Show a file that an event of this ticket refers to (查看凭证)."""
    context: Context = request.app.state.context
    known = await ticket_facts.told(context, ticket_id)
    if not scopes.may_see(context, request.state.account, known.ticket):
        raise not_found("这件工单")
    piece, tag = referred(known.stream, digest), f'"{digest}"'
    if piece and request.headers.get("if-none-match") == tag and await evidence.described(context.pool, digest):
        return Response(b"", status_code=304, media_type=piece.media_type, headers=SAFE | {"ETag": tag})
    body = await evidence.body(context.pool, digest) if piece else None
    if piece is None or body is None:
        raise not_found("这份凭证")
    shown = "inline" if piece.media_type.startswith("image/") else "attachment"
    name = f"{digest[:12]}.{piece.media_type.rpartition('/')[2]}"
    headers = SAFE | {"ETag": tag, "Content-Disposition": f'{shown}; filename="{name}"'}
    return Response(body, media_type=piece.media_type, headers=headers)


def referred(stream: Sequence[Recorded], digest: str) -> Evidence | None:
    """Return what a ticket's events say of a file, None where none of them refers to it."""
    for recorded in stream:
        for piece in timeline.evidence(recorded.event):
            if piece.digest == digest:
                return piece
    return None


routes = [post_evidence, get_evidence]
