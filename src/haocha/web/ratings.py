"""`/v1/ratings`: post one or many, read one. The list is a projection's (lists.py)."""

from typing import Any
from uuid import UUID

import msgspec
from litestar import Request, Response, get, post, route
from litestar.params import FromPath

from haocha.domain import ids, receipt
from haocha.domain.codes import BAD_LEVELS
from haocha.domain.rating import Rating, RatingContested, RatingSubmitted, RatingSupplemented
from haocha.store import aggregates, log, vault
from haocha.web import intake, submit
from haocha.web.auth import client_of, requires
from haocha.web.context import Context
from haocha.web.problems import not_found

KINDS = {
    RatingSubmitted.TOPIC: "rating",
    RatingSupplemented.TOPIC: "supplement",
    RatingContested.TOPIC: "contest",
}


async def answer(context: Context, headers: Any, body: bytes, kind: submit.Kind, scope: str) -> tuple[int, bytes]:
    """Take one record from the headers and body of a request; return status and JSON. Raises problems."""
    client = await client_of(context, headers.get("authorization"), scope)
    if submit.media_type(headers.get("content-type")) != "application/json":
        raise submit.unsupported()
    outcome = await submit.one(context, client, kind, body, headers.get("x-device-time"))
    return outcome.status, msgspec.json.encode(outcome.members)


async def answer_batch(request: Request[Any, Any, Any], kind: submit.Kind, scope: str) -> Response[bytes]:
    """Take a batch; line by line for NDJSON."""
    context: Context = request.app.state.context
    client = await client_of(context, request.headers.get("authorization"), scope)
    content_type = request.headers.get("content-type")
    media_type = submit.media_type(content_type)
    if media_type != "application/json" and media_type not in submit.NDJSON:
        raise submit.unsupported()
    sent = submit.Batch(await request.body(), content_type, request.headers.get("x-device-time"))
    results = await submit.batch(context, client, kind, sent)
    if media_type in submit.NDJSON:
        lines = b"".join(msgspec.json.encode(result) + b"\n" for result in results)
        return Response(lines, status_code=200, media_type="application/x-ndjson")
    return Response(msgspec.json.encode({"results": results}), status_code=200, media_type="application/json")


@post("/v1/ratings", status_code=201, tags=["ratings"], operation_id="postRating")
async def post_rating(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Submit one rating (提交一条评价)."""
    status, body = await answer(
        request.app.state.context, request.headers, await request.body(), submit.RATING, "ratings:write"
    )
    return Response(body, status_code=status, media_type="application/json")


@route("/v1/ratings", http_method="OPTIONS", include_in_schema=False, sync_to_thread=False)
def options() -> Response[None]:
    """Say what can be asked: of two handlers of one path the framework's own answer names the first."""
    return Response(None, status_code=204, headers={"Allow": "GET, OPTIONS, POST"})


@post("/v1/ratings/batch", status_code=200, tags=["ratings"], operation_id="postRatings")
async def post_ratings(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Submit up to 1,000 ratings; each is answered by itself (批量提交)."""
    return await answer_batch(request, submit.RATING, "ratings:write")


@get("/v1/ratings/{rating_id:uuid}", guards=[requires("ratings:read")], tags=["ratings"], operation_id="getRating")
async def get_rating(request: Request[Any, Any, Any], rating_id: FromPath[UUID]) -> Response[bytes]:
    """Read one rating, 追评 or contest as it is now; the identity is masked."""
    context: Context = request.app.state.context
    members = await current(context, rating_id)
    if members is None:
        raise not_found("这条评价")
    return Response(msgspec.json.encode(members), media_type="application/json")


async def current(context: Context, rating_id: UUID) -> dict[str, Any] | None:
    """Return a rating from its stream, None where there is no such rating."""
    stream = await log.read_stream(context.pool, rating_id)
    if not stream or stream[0].topic not in KINDS:
        return None
    fact = stream[0].event
    rating = aggregates.replay(stream, Rating)
    identity = await context.vault.identity(context.pool, fact.subject) if fact.subject else {}
    written = await vault.bodies(context.pool, [reference.id for reference in fact.texts.values()])
    texts: dict[str, Any] = {name: written.get(reference.id) for name, reference in fact.texts.items()}
    if texts.get("ext") is not None:
        texts["ext"] = msgspec.Raw(texts["ext"].encode())
    kind = KINDS[fact.TOPIC]
    supplement = ids.rating_id(context.install.namespace, fact.project_no, fact.service_number, 2)
    return {
        "ratingId": rating_id,
        "kind": kind,
        "position": stream[-1].position,
        "receipt": receipt.issue(context.receipt_key, rating_id, stream[0].position),
        **intake.as_sent(fact),
        **{name: vault.masked(name, value) for name, value in identity.items()},
        **texts,
        "day": fact.day,
        "receivedAt": fact.received_at,
        "recordedAt": stream[0].recorded_at,
        "sentAt": fact.sent_at,
        "flags": fact.flags,
        "findings": rating.findings,
        "bad": fact.satisfaction in BAD_LEVELS,
        "linked": rating.linked,
        "excluded": rating.excluded,
        "dimensions": msgspec.structs.asdict(rating.current),
        "named": fact.named,
        "client": fact.client,
        "keyKind": fact.key_kind,
        "first": getattr(fact, "first", None),
        "supplement": supplement if kind == "rating" and await log.read_stream(context.pool, supplement) else None,
    }


routes = [options, post_rating, post_ratings, get_rating]
