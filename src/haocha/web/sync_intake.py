"""`/v1/sync/items` and `/v1/sync/ratings`: what the instances below us (成员) report, and what we hold of it.

Up to 500 lines in a call, each with a receipt of its own. Records go into the log as ratings of our own do; decisions
and steps of tickets wait for what they are about. What was answered is on the disk; all of it may be sent again.
"""

import asyncio
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final

import msgspec
from litestar import Request, Response, get, post

from haocha.domain.rating import RatingContested
from haocha.domain.service import ServiceRecorded
from haocha.store import log, members
from haocha.store.db import AWAY
from haocha.store.keys import Client
from haocha.store.log import QueueFull, Unavailable, Verdict
from haocha.store.members import KEY_KIND, Member
from haocha.sync import dialect
from haocha.sync.lines import ITEMS, MOST_ITEMS, NDJSON, RATINGS, Error, Held, Receipt
from haocha.web import intake, metrics, submit, sync_decisions, sync_items, sync_steps
from haocha.web.context import Context
from haocha.web.intake import Ready
from haocha.web.parameters import Parameters
from haocha.web.problems import Problem, unavailable
from haocha.web.submit import TURN, Outcome
from haocha.web.sync_auth import Signed, signed
from haocha.web.sync_items import Decided, Step

ITEMS_PER_MINUTE: Final = 600_000  # of one member: 10,000 a second
FIRST_MISSING: Final = Receipt("retry", code="rating_missing", message="这里还没有被争议的那条评价：请先上报它。")
NOT_YOURS: Final = Receipt(
    "invalid", code="not_yours", message="这里已有他人在别处登记的同一服务记录，不能由本成员更正：请核对办件编号。"
)

_encoder = msgspec.json.Encoder()


@post(ITEMS, status_code=200, include_in_schema=False)
async def post_items(request: Request[Any, Any, Any]) -> Response[bytes]:
    """Take up to 500 items of a member (下级上报)."""
    context: Context = request.app.state.context
    sent = await signed(request)
    if submit.media_type(request.headers.get("content-type")) != NDJSON:
        raise Problem(415, "unsupported_media_type", f"请使用 {NDJSON}，每行一条。")
    body = _unpacked(sent.body, request.headers.get("content-encoding"))
    lines = [line for line in body.split(b"\n") if line.strip()]
    if len(lines) > MOST_ITEMS:
        raise submit.too_large(f"每批 {MOST_ITEMS} 条")
    if lines:
        context.key_limits.check(f"member:{sent.member.name}", ITEMS_PER_MINUTE, len(lines))
    if context.batcher.depth + len(lines) > context.settings.queue:
        raise unavailable()
    try:
        receipts = await take(context, sent, lines)
    except (QueueFull, Unavailable, *AWAY):
        raise unavailable() from None
    return Response(_encoder.encode_lines(receipts), status_code=200, media_type=NDJSON)


def _unpacked(body: bytes, encoding: str | None) -> bytes:
    """Return a body without its compression; raises `400`, `413` and `415`."""
    if encoding in {None, "", "identity"}:
        return body
    if encoding != "gzip":
        raise Problem(415, "unsupported_media_type", "Content-Encoding 只能是 gzip。")
    unpacking = zlib.decompressobj(wbits=31)
    try:
        plain = unpacking.decompress(body, submit.LARGEST_BATCH_BODY + 1)
    except zlib.error:
        plain = b""
    if len(plain) > submit.LARGEST_BATCH_BODY:
        raise submit.too_large("8 MB")
    if not unpacking.eof or unpacking.unused_data:
        raise Problem(400, "malformed", "请求体不是完整的 gzip。")
    return plain


async def take(context: Context, sent: Signed, lines: Sequence[bytes]) -> list[Receipt]:
    """Take each line by itself: records first, then what is about them."""
    receipts: dict[int, Receipt] = {}
    records: dict[int, Ready] = {}
    contests: dict[int, Ready] = {}
    decided: dict[int, Decided] = {}
    steps: dict[int, Step] = {}
    taken: dict[int, asyncio.Future[Verdict]] = {}
    for index, raw in enumerate(lines):
        match sync_items.read(context, sent, raw):
            case Ready() as ready if isinstance(ready.fact, RatingContested):
                contests[index] = ready
            case Ready() as ready:
                records[index] = ready
                taken[index] = context.batcher.submit(intake.group(context, ready))
            case Decided() as one:
                decided[index] = one
            case Step() as step:
                steps[index] = step
            case Receipt() as receipt:
                receipts[index] = receipt
        if index % TURN == TURN - 1:
            await asyncio.sleep(0)  # others' single ratings do not wait for a large batch
    receipts |= await _settled(context, sent.member, records, taken)
    receipts |= await _contested(context, sent.member, contests)
    receipts |= await sync_decisions.apply(context, sent.member, decided)
    for index, step in steps.items():
        receipts[index] = await sync_steps.apply(context, sent.member, step)
    for status, count in Counter(receipt.status for receipt in receipts.values()).items():
        metrics.TAKEN.labels(sent.member.name, status).inc(count)
    return [receipts[index] for index in range(len(lines))]


async def _settled(
    context: Context, member: Member, records: Mapping[int, Ready], taken: "Mapping[int, asyncio.Future[Verdict]]"
) -> dict[int, Receipt]:
    """Say what became of records; those that find their place taken are looked at together."""
    receipts: dict[int, Receipt] = {}
    there: dict[int, Ready] = {}
    verdicts: dict[int, Verdict] = {}
    for index, ready in records.items():
        verdict = verdicts[index] = await taken[index]
        if verdict.verdict == "ok":
            receipts[index] = Receipt("accepted", verdict.position)
        elif verdict.verdict == "poisoned":
            receipts[index] = sync_items.refusal([submit.POISONED])
        else:
            there[index] = ready
    streams = await log.read_streams(context.pool, [ready.id for ready in there.values()]) if there else {}
    client = _client(member)
    for index, ready in there.items():
        stream = streams[ready.id]
        own = stream if isinstance(ready.fact, ServiceRecorded) else stream[:1]
        known = [one for one in own if one.event.digest == ready.fact.digest and one.event.client == member.name]
        if known:
            receipts[index] = Receipt("known", known[-1].position)
        elif isinstance(ready.fact, ServiceRecorded) and not _may_correct(member, stream[-1].event):
            receipts[index] = NOT_YOURS
        else:
            settle = submit.service if isinstance(ready.fact, ServiceRecorded) else submit.rating
            receipts[index] = _receipt(await settle(context, client, ready, verdicts[index]))
    return receipts


def _may_correct(member: Member, record: ServiceRecorded) -> bool:
    """Tell whether a service record is the member's own or of its area: with it goes the identity of who was served."""
    own = (record.key_kind, record.client) == (KEY_KIND, member.name)
    return own or bool(record.area and member.has(record.area))


async def _contested(context: Context, member: Member, contests: Mapping[int, Ready]) -> dict[int, Receipt]:
    """Take contests of ratings that are there."""
    if not contests:
        return {}
    firsts = {index: ready.fact.first for index, ready in contests.items()}
    streams = await log.read_streams(context.pool, list({*firsts.values()}))
    there = {index: ready for index, ready in contests.items() if firsts[index] in streams}
    taken = {index: context.batcher.submit(intake.group(context, ready)) for index, ready in there.items()}
    missing = {index: FIRST_MISSING for index in contests if index not in there}
    return missing | await _settled(context, member, there, taken)


def _client(member: Member) -> Client:
    return Client(0, member.name, KEY_KIND, frozenset(), "", "", None)


def _receipt(outcome: Outcome) -> Receipt:
    """Turn the answer to a record into its receipt; what was kept as a contest is taken, and says so."""
    position = outcome.members.get("position", 0)
    match outcome.status:
        case 200:
            return Receipt("known", position)
        case 201:
            return Receipt("accepted", position)
        case 409:
            return Receipt("accepted", position, code=outcome.faults[0].code, message=outcome.faults[0].message)
        case _:
            return Receipt("invalid", code="invalid", errors=tuple(Error(*fault) for fault in outcome.faults))


@get(RATINGS, include_in_schema=False)
async def list_reported(request: Request[Any, Any, Any]) -> Response[bytes]:
    """List what we hold of a member's ratings of one day, 1,000 at a time, for its reconciliation (对账)."""
    context: Context = request.app.state.context
    sent = await signed(request)
    parameters = Parameters(request, ("day", "after"))
    day = parameters.day("day")
    after = parameters.position("after") or 0
    if day is None and not parameters.faults:
        parameters.wrong("day", "应为 yyyy-MM-dd 形式的日期")
    parameters.check()
    held = await members.reported(context.pool, sent.member.name, day or date.min, after)
    return Response(_encoder.encode_lines([_held(sent.member, one) for one in held]), media_type=NDJSON)


def _held(member: Member, one: members.Reported) -> Held:
    fact = one.fact
    number = sync_items.number_there(member.name, fact)
    return Held(
        one.position,
        number,
        fact.service_number,
        fact.assess_number,
        fact.area,
        fact.pf,
        fact.satisfaction,
        fact.assess_time,
        dialect.digest(
            {
                "projectNo": number,
                "serviceNumber": fact.service_number,
                "assessNumber": fact.assess_number,
                "satisfaction": fact.satisfaction,
                "pf": fact.pf,
                "evalDetail": fact.eval_detail,
                "assessTime": fact.assess_time,
                "writingEvaluation": one.text,
            }
        ),
    )


routes = [post_items, list_reported]
