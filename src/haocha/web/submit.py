"""Taking records in: one, or many that do not harm each other; answered only after the commit.

The functions here know bytes and headers, not a framework: the route of the single rating is called for every rating of
a province and is served without one (see app.py).
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from datetime import datetime
from functools import cache
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

import msgspec
from prometheus_client import Counter, Histogram

from haocha.domain import receipt
from haocha.store import log
from haocha.store.db import AWAY
from haocha.store.keys import Client
from haocha.store.log import QueueFull, Unavailable, Verdict
from haocha.web import intake, metrics, rating_intake, service_intake, wire
from haocha.web.context import Context
from haocha.web.forms import RatingIn, ServiceIn
from haocha.web.intake import Ready, Refused
from haocha.web.problems import Fault, Problem, invalid, unavailable
from haocha.web.wire import Clocks, Malformed

LARGEST_RECORD = 64 * 1024
LARGEST_BATCH_BODY = 8 * 1024 * 1024
MOST_ITEMS = 1_000
TURN = 50
NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines"})
POISONED = Fault("", "poisoned", "这条记录含有数据库无法保存的内容，已单独拒绝；同批其他记录不受影响。")


class Outcome(NamedTuple):
    """What became of one record: HTTP status, members of the answer, faults where it was refused."""

    status: int
    members: dict[str, Any]
    faults: Sequence[Fault] = ()


Record = TypeVar("Record", RatingIn, ServiceIn)
Prepare = Callable[[Context, Client, Any, list[Fault], Clocks], Ready | Refused]


def sent_at(text: str | None, member: str = "X-Device-Time") -> datetime | None:
    """Read what the device said its clock was at sending; raises a `422` problem."""
    if not text:
        return None
    read = wire.moment(text)
    if read is None:
        at = wire.pointer(member) if member == "sentAt" else ""
        raise invalid([Fault(at, "form", f"{member} {wire.TIME_FORM}。")])
    return read


def media_type(content_type: str | None) -> str:
    """Return the bare media type of a request; JSON where none was named."""
    return (content_type or "application/json").partition(";")[0].strip().lower()


def unsupported() -> Problem:
    """Return the `415`."""
    return Problem(415, "unsupported_media_type", "请使用 application/json（批量也可用 application/x-ndjson）。")


def too_large(limit: str) -> Problem:
    """Return the `413`."""
    return Problem(413, "too_large", f"请求超过上限（{limit}）；请拆分后提交。")


def read_one(
    context: Context, client: Client, body: bytes | msgspec.Raw, clocks: Clocks, kind: "Kind"
) -> Ready | Refused:
    """Decode and check one record; raises `Malformed`."""
    record, faults = wire.decode(body, kind.form)
    return Refused(faults) if record is None else kind.prepare(context, client, record, faults, clocks)


async def rating(context: Context, client: Client, ready: Ready, verdict: Verdict) -> Outcome:
    """Say what became of a rating; where its place was taken, put it into the log as a contest."""
    if verdict.verdict == "ok":
        return Outcome(201, _members(context, ready.id, verdict.position, ready.fact.flags))
    if verdict.verdict == "poisoned":
        return Outcome(422, {}, [POISONED])
    first = (await log.read_stream(context.pool, ready.id))[0]
    if first.event.digest == ready.fact.digest and first.event.client == client.name:
        return Outcome(200, _members(context, ready.id, first.position, first.event.flags, duplicate=True))
    contested = intake.contest(ready, first.event.digest)
    verdict = await context.batcher.append(intake.group(context, contested))
    if verdict.verdict == "poisoned":
        return Outcome(422, {}, [POISONED])
    if verdict.verdict == "ok":
        position, flags = verdict.position, contested.fact.flags
    else:  # the same contest again
        recorded = (await log.read_stream(context.pool, contested.id))[0]
        position, flags = recorded.position, recorded.event.flags
    members = _members(context, contested.id, position, flags)
    if first.event.client == client.name:
        members["differs"] = await _differs(context, first, ready)
    return Outcome(409, members, [Fault("", "already_rated", "本次服务已有评价；这一条已作为争议评价留存，不会丢失。")])


async def service(context: Context, _client: Client, ready: Ready, verdict: Verdict) -> Outcome:
    """Say what became of a service record: the same content is a repeat, other content the next version."""
    version = 1
    while True:
        if verdict.verdict == "ok":
            return Outcome(201, _service_members(ready.id, verdict, version))
        if verdict.verdict == "poisoned":
            return Outcome(422, {}, [POISONED])
        stream = await log.read_stream(context.pool, ready.id)
        for recorded in stream:
            if recorded.event.digest == ready.fact.digest:
                repeat = Verdict("exists", recorded.position, recorded.recorded_at)
                return Outcome(200, _service_members(ready.id, repeat, recorded.originator_version, duplicate=True))
        version = len(stream) + 1
        verdict = await context.batcher.append(intake.group(context, ready, version))


def _service_members(service_id: UUID, verdict: Verdict, version: int, *, duplicate: bool = False) -> dict[str, Any]:
    return {"serviceId": service_id, "position": verdict.position, "version": version, "duplicate": duplicate}


def _members(
    context: Context, rating_id: UUID, position: int, flags: Sequence[str], *, duplicate: bool = False
) -> dict[str, Any]:
    return {
        "ratingId": rating_id,
        "position": position,
        "receipt": receipt.issue(context.receipt_key, rating_id, position),
        "duplicate": duplicate,
        "flags": flags,
    }


async def _differs(context: Context, first: log.Recorded, ready: Ready) -> list[str]:
    """Name the members in which a client's second rating of a case differs from its first; never their values."""
    subject = first.event.subject
    identity = await context.vault.identity(context.pool, subject) if subject else {}
    before = intake.as_sent(first.event) | identity
    now = intake.as_sent(ready.fact) | ready.identity
    names = {
        name for name in before.keys() | now.keys() if before.get(name) != now.get(name)
    } - rating_intake.UNDIGESTED
    digests = {member: reference.digest for member, reference in first.event.texts.items()}
    written = {
        member: context.vault.refer(log.Text(ready.id, ready.id, body)).digest for member, body in ready.texts.items()
    }
    if digests.get("writingEvaluation") != written.get("writingEvaluation"):
        names.add("writingEvaluation")
    return sorted(names)


class Kind(NamedTuple):
    """How one kind of record is taken: its form, its preparation and its way into the log."""

    form: type
    member: str
    prepare: Prepare
    settle: Callable[[Context, Client, Ready, Verdict], Coroutine[Any, Any, Outcome]]
    observe: Callable[[Any, int, float], None]


@cache
def _meters(level: str, pf: str, status: str) -> tuple[Histogram, Counter]:
    return metrics.INGEST_SECONDS.labels(level, pf), metrics.RATINGS.labels(level, pf, status)


def _observe_rating(ready: Ready | Refused | None, status: int, seconds: float) -> None:
    if isinstance(ready, Ready):
        latency, answered = _meters(str(ready.fact.satisfaction), ready.fact.pf, str(status))
        latency.observe(seconds)
        answered.inc()
    else:
        metrics.RATINGS.labels("", "", str(status)).inc()


def _observe_service(_: Ready | Refused | None, status: int, _seconds: float) -> None:
    metrics.SERVICES.labels(str(status)).inc()


RATING = Kind(RatingIn, "ratings", rating_intake.prepare, rating, _observe_rating)
SERVICE = Kind(ServiceIn, "services", service_intake.prepare, service, _observe_service)


async def one(context: Context, client: Client, kind: Kind, body: bytes, device_time: str | None) -> Outcome:
    """Take one record; raises the problem it is refused with."""
    if len(body) > LARGEST_RECORD:
        raise too_large("64 kB")
    started = time.perf_counter()
    ready: Ready | Refused | None = None
    status = 500
    try:
        ready = read_one(context, client, body, Clocks(context.now(), sent_at(device_time)), kind)
        outcome = await _put(context, client, kind, ready)
        status = outcome.status
    except Malformed:
        status = 400
        raise wire.malformed() from None
    except Problem as problem:
        status = problem.status
        raise
    except (QueueFull, Unavailable, *AWAY):
        status = 503
        raise unavailable() from None
    finally:
        kind.observe(ready, status, time.perf_counter() - started)
    return outcome


async def _put(context: Context, client: Client, kind: Kind, ready: Ready | Refused) -> Outcome:
    """Put one record into the log; raises the problem where it is refused."""
    if isinstance(ready, Refused):
        if ready.bound:
            raise Problem(403, "key_bound", ready.faults[0].message, ready.faults)
        raise invalid(ready.faults)
    verdict = await context.batcher.append(intake.group(context, ready))
    outcome = await kind.settle(context, client, ready, verdict)
    if outcome.faults:
        first = outcome.faults[0]
        raise Problem(outcome.status, first.code, first.message, outcome.faults, **outcome.members)
    return outcome


class Batch(NamedTuple):
    """A batch as it came: its body, and the headers that matter."""

    body: bytes
    content_type: str | None
    device_time: str | None


def _items(kind: Kind, sent: Batch) -> tuple[Sequence[bytes | msgspec.Raw], datetime | None]:
    """Split a batch into its records, unread, and the device's clock; raises where it cannot be read."""
    if len(sent.body) > LARGEST_BATCH_BODY:
        raise too_large("8 MB")
    device = sent_at(sent.device_time)
    if media_type(sent.content_type) in NDJSON:
        items: Sequence[bytes | msgspec.Raw] = [line for line in sent.body.split(b"\n") if line.strip()]
    else:
        items, member_time = wire.items(sent.body, kind.member)
        device = sent_at(member_time, "sentAt") or device
    if len(items) > MOST_ITEMS:
        raise too_large(f"每批 {MOST_ITEMS} 条")
    return items, device


async def batch(context: Context, client: Client, kind: Kind, sent: Batch) -> list[dict[str, Any]]:
    """Take up to 1,000 records, each by itself, and return their results in order.

    Raises the problem of a body that cannot be read, and `503` where not all could be put into the log.
    """
    items, device = _items(kind, sent)
    if client.per_minute is not None and len(items) > 1:
        context.key_limits.check(f"key:{client.id}", client.per_minute, len(items) - 1)
    if context.batcher.depth + len(items) > context.settings.queue:
        raise unavailable()
    clocks, started = Clocks(context.now(), device), time.perf_counter()
    records: list[Ready | Refused] = []
    taken: dict[int, asyncio.Future[Verdict]] = {}
    try:
        for index, item in enumerate(items):
            ready = _read_item(context, client, item, clocks, kind)
            records.append(ready)
            if isinstance(ready, Ready):
                taken[index] = context.batcher.submit(intake.group(context, ready))
            if index % TURN == TURN - 1:
                await asyncio.sleep(0)  # others' single ratings do not wait for a large batch, nor does the commit
        outcomes = await _settle(context, client, kind, records, taken)
    except (QueueFull, Unavailable, *AWAY):
        for verdict in taken.values():
            verdict.cancel()
        raise unavailable() from None
    seconds = time.perf_counter() - started
    for ready, outcome in zip(records, outcomes, strict=True):
        kind.observe(ready, outcome.status, seconds)
    return [_result(index, outcome) for index, outcome in enumerate(outcomes)]


async def _settle(
    context: Context,
    client: Client,
    kind: Kind,
    records: list[Ready | Refused],
    taken: dict[int, "asyncio.Future[Verdict]"],
) -> list[Outcome]:
    """Say what became of each record of a batch; those that were there before are looked at side by side."""
    outcomes: dict[int, Outcome] = {}
    again: dict[int, Coroutine[Any, Any, Outcome]] = {}
    for index, ready in enumerate(records):
        if isinstance(ready, Refused):
            outcomes[index] = Outcome(422, {}, ready.faults)
            continue
        verdict = await taken[index]
        if verdict.verdict == "ok":
            outcomes[index] = await kind.settle(context, client, ready, verdict)
        else:
            again[index] = kind.settle(context, client, ready, verdict)
    outcomes |= dict(zip(again, await asyncio.gather(*again.values()), strict=True))
    return [outcomes[index] for index in range(len(records))]


def _read_item(
    context: Context, client: Client, item: bytes | msgspec.Raw, clocks: Clocks, kind: Kind
) -> Ready | Refused:
    if len(bytes(item)) > LARGEST_RECORD:
        return Refused([Fault("", "too_long", "这一条超过 64 kB；请精简后重新提交。")])
    try:
        return read_one(context, client, item, clocks, kind)
    except Malformed:
        return Refused([Fault("", "malformed", "这一条不是可读取的 JSON。")])


def _result(index: int, outcome: Outcome) -> dict[str, Any]:
    result = {"index": index, "status": outcome.status, **outcome.members}
    if outcome.faults:
        result["errors"] = [fault.as_json() for fault in outcome.faults]
    return result
