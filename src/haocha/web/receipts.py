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
from haocha.domain.rating import Rating, RatingContested, RatingSubmitted, RatingSupplemented
from haocha.domain.ticket import Ticket
from haocha.store import aggregates, events, log, sql
from haocha.web.auth import address_of
from haocha.web.context import Context
from haocha.web.problems import Problem, not_found

SQL = sql.load(Path(__file__).with_suffix(".sql")).named("query")


class Found(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a receipt tells: which rating, when it came in, its seal and what became of it; nothing personal."""

    receipt: str
    position: int
    recorded_at: datetime
    matter: str | None
    satisfaction: int
    level: str
    day: date
    state: Literal["counted", "excluded", "supplement", "contested"]
    seal: str
    sealed_upto: int
    ticket: str | None


STATES: dict[type, Literal["counted", "supplement", "contested"]] = {
    RatingSubmitted: "counted",
    RatingSupplemented: "supplement",
    RatingContested: "contested",
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
    rating_id: UUID = row["originator_id"]
    if events.EVENTS.get(row["topic"]) not in STATES:
        return None
    rating = aggregates.replay(await log.read_stream(context.pool, rating_id), Rating)
    fact = rating.fact
    return Found(
        receipt=receipt.issue(context.receipt_key, rating_id, read.position),
        position=read.position,
        recorded_at=row["recorded_at"],
        matter=context.registry.name("matter", rating.current.matter) or fact.said.get("taskName"),
        satisfaction=fact.satisfaction,
        level=LEVELS[fact.satisfaction],
        day=fact.day,
        state="excluded" if rating.excluded else STATES[type(fact)],
        seal=row["seal"].hex(),
        sealed_upto=row["upto"],
        ticket=await _ticket(context, fact),
    )


async def _ticket(context: Context, fact: Any) -> str | None:
    """Return the status of the newest ticket of the rating's case, None where none was opened."""
    case = ids.rating_id(context.install.namespace, fact.project_no, fact.service_number)
    ticket = await context.pool.fetchval(
        SQL["ticket_of"],
        str(case),
    )
    return None if ticket is None else (await aggregates.get(context.pool, Ticket, ticket)).status


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
