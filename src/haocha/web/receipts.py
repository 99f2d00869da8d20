"""`/v1/receipts/{receipt}` and `/v1/log`: what anybody may check."""

import hmac
from datetime import date, datetime
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.params import FromPath

from haocha.domain import ids, receipt
from haocha.domain.codes import LEVELS
from haocha.domain.complaint import ComplaintReceived
from haocha.domain.rating import Rating, RatingContested, RatingSubmitted, RatingSupplemented
from haocha.domain.ticket_events import Source
from haocha.store import aggregates, events, log, sql
from haocha.web import progress
from haocha.web.auth import address_of
from haocha.web.context import Context
from haocha.web.problems import Problem, not_found
from haocha.web.progress import Progress

SQL = sql.load(Path(__file__).with_suffix(".sql")).named("query")


class Found(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a receipt tells: which rating or complaint, its seal, and what became of it; nothing personal."""

    receipt: str
    position: int
    recorded_at: datetime
    matter: str | None
    satisfaction: int | None
    """None for a complaint that gave no level."""
    level: str | None
    day: date
    state: Literal["counted", "excluded", "supplement", "contested", "complaint"]
    excluded_for: str | None
    """Why it was not accepted (不予采纳): mistaken 误评, malicious 恶意, untrue 不实."""
    seal: str
    sealed_upto: int
    ticket: str | None
    progress: Progress | None


STATES: dict[type, Literal["counted", "supplement", "contested", "complaint"]] = {
    RatingSubmitted: "counted",
    RatingSupplemented: "supplement",
    RatingContested: "contested",
    ComplaintReceived: "complaint",
}
SOURCES: dict[type, Source] = {
    RatingSubmitted: "rating",
    RatingSupplemented: "supplement",
    RatingContested: "contested",
    ComplaintReceived: "complaint",
}
LAST_POSITION = 2**63 - 1  # of a bigint; a code is long enough to name a later one


class Mistyped(Exception):
    """The check character does not fit: the code was not copied right."""


async def look_up(context: Context, code: str) -> Found | None:
    """Return what the receipt `code` tells, None where it was never given; raises `Mistyped`."""
    read = receipt.read(code)
    if read is None:
        raise Mistyped
    if read.position > LAST_POSITION:
        return None
    row = await context.pool.fetchrow(
        SQL["sealed"],
        read.position,
    )
    if row is None or not hmac.compare_digest(receipt.tag(context.receipt_key, row["originator_id"]), read.tag):
        return None
    subject: UUID = row["originator_id"]
    if events.EVENTS.get(row["topic"]) not in STATES:
        return None
    stream = await log.read_stream(context.pool, subject)
    fact = stream[0].event
    matter, excluded_for = fact.matter, None
    if not isinstance(fact, ComplaintReceived):
        rating = aggregates.replay(stream, Rating)
        matter = rating.current.matter
        excluded_for = _excluded_for(stream) if rating.excluded else None
    ticket = await progress.find(context, SOURCES[type(fact)], subject, _case(context, fact))
    told = await progress.read(context, ticket) if ticket else None
    return Found(
        receipt=receipt.issue(context.receipt_key, subject, read.position),
        position=read.position,
        recorded_at=row["recorded_at"],
        matter=context.registry.name("matter", matter) or fact.said.get("taskName"),
        satisfaction=fact.satisfaction or None,
        level=LEVELS.get(fact.satisfaction),
        day=fact.day,
        state="excluded" if excluded_for is not None else STATES[type(fact)],
        excluded_for=excluded_for,
        seal=row["seal"].hex(),
        sealed_upto=row["upto"],
        ticket=told.status if told else None,
        progress=told,
    )


def _excluded_for(stream: list[log.Recorded]) -> str:
    """Return the reason of the last exclusion."""
    return str(next(one.event.reason for one in reversed(stream) if isinstance(one.event, Rating.Excluded)))


def _case(context: Context, fact: Any) -> UUID | None:
    """Return the case that it belongs to, None for a complaint about none."""
    if not fact.project_no:
        return None
    return ids.rating_id(context.install.namespace, fact.project_no, fact.service_number)


@get("/v1/receipts/{code:str}", tags=["public"], operation_id="getReceipt")
async def get_receipt(request: Request[Any, Any, Any], code: FromPath[str]) -> Response[bytes]:
    """Check a receipt: the rating is in the log, unchanged, and what became of it (核验回执)."""
    context: Context = request.app.state.context
    context.public_limits.check(address_of(request))
    try:
        found = await look_up(context, code)
    except Mistyped:
        raise Problem(404, "receipt_mistyped", "回执号有误：请核对是否抄错了一个字符。") from None
    if found is None:
        raise not_found("这张回执")
    return Response(msgspec.json.encode(found), media_type="application/json")


@get("/v1/log", tags=["public"], operation_id="getLog")
async def get_log(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Return the last position and its seal, to be noted down by anyone who wants to check later (日志封印)."""
    context: Context = request.app.state.context
    context.public_limits.check(address_of(request))
    position, recorded_at, seal = await log.latest_seal(context.pool)
    members = {"position": position, "recordedAt": recorded_at, "seal": seal.hex()}
    return Response(msgspec.json.encode(members), media_type="application/json")


routes = [get_receipt, get_log]
