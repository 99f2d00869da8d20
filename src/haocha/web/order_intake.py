"""Taking in what a platform above sends down, pushed or pulled: each item by itself, the same item twice once.

An item is an event on a stream that is named by the platform's own id of it, so a repeat finds the first. Identities
go into the vault and what was written among the texts, as with ratings; codes are linked where the registry has them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from haocha.domain import ids, keyed
from haocha.domain.indicators import Indicator, IndicatorsPublished, indicators_id
from haocha.domain.order import OrderIssued, Urged, VerdictGiven, order_id, urging_id, verdict_id
from haocha.domain.registry import Registry, Sent
from haocha.domain.workdays import SHANGHAI
from haocha.peers import Peer
from haocha.store import events, log
from haocha.store.log import Batcher, Group, Identity, NewEvent, Verdict
from haocha.store.texts import Writings
from haocha.store.vault import Vault
from haocha.sync import signing
from haocha.sync.dialect import kind_of
from haocha.web import wire
from haocha.web.forms import Form
from haocha.web.order_forms import FORMS, IndicatorIn, IndicatorsIn, TicketIn, UrgingIn, VerdictIn
from haocha.web.problems import Fault

LARGEST_ITEM = 256 * 1024
"""Bytes: a list of a thousand indicators."""
CODES = ("windowNo", "staffNo", "taskCode", "deptCode", "hallCode", "areaCode", "taskName")
SEALED = ("userName", "mobile")
POISONED = Fault("", "poisoned", "这一条含有数据库无法保存的内容，已单独拒绝；其他各条不受影响。")
OTHER_CONTENT = Fault("/id", "other_content", "这个编号已经收到过内容不同的一条；先收到的有效，更正请用新的编号。")
UNSEALABLE = Fault("/identity", "unsealable", "identity 不是用双方的密钥为这件工单加密的。")

_encoder = msgspec.json.Encoder(order="sorted")


class Desk(NamedTuple):
    """What items are read with."""

    namespace: UUID
    registry: Registry
    vault: Vault
    digest_key: bytes


class Ready(NamedTuple):
    """An item ready for the log."""

    stream: UUID
    group: Group
    digest: str


class Taken(NamedTuple):
    """What became of an item: 201 new, 200 known, 409 known with other content, 422 refused."""

    status: int
    position: int = 0
    faults: Sequence[Fault] = ()

    def as_json(self, index: int) -> dict[str, Any]:
        """Return the answer to the item."""
        answer: dict[str, Any] = {"index": index, "status": self.status}
        if self.position:
            answer |= {"position": self.position, "duplicate": self.status != 201}  # noqa: PLR2004
        if self.faults:
            answer["errors"] = [fault.as_json() for fault in self.faults]
        return answer


class _Typed(msgspec.Struct, rename="camel"):
    """What says of which kind an item is, and which case or ticket of theirs it is about."""

    type: Any = None
    project_no: Any = None
    service_number: Any = None
    ticket: Any = None


class _Known(NamedTuple):
    """What is here already: of each case its number and who rated, of each order whose its texts are."""

    cases: Mapping[tuple[str, int], tuple[str, UUID | None]]
    subjects: Mapping[UUID, UUID]


class _Source(NamedTuple):
    """From whom, under which secret identities are sealed, when it came, and what of it is known here."""

    desk: Desk
    peer: str
    secret: bytes
    received: datetime
    known: _Known


async def take(
    desk: Desk,
    batcher: Batcher,
    pool: asyncpg.Pool,
    peer: Peer,
    items: Sequence[bytes | msgspec.Raw],
    *,
    secret: bytes,
    received: datetime,
) -> list[Taken]:
    """Put the items into the log and say what became of each, in order; raises `QueueFull` and `Unavailable`."""
    named = [_named(item) for item in items]
    tickets = [index for index, one in enumerate(named) if one.type == "ticket"]
    taken: dict[int, Taken] = {}
    for turn in (tickets, sorted({*range(len(items))} - {*tickets})):  # verdicts find their tickets there
        known = await _known(desk, pool, peer, [named[index] for index in turn])
        source = _Source(desk, peer.name, secret, received, known)
        read = {index: _read(source, items[index]) for index in turn}
        waiting = {index: batcher.submit(ready.group) for index, ready in read.items() if isinstance(ready, Ready)}
        await asyncio.gather(*waiting.values(), return_exceptions=True)  # what fails is raised below, after all ended
        for index, ready in read.items():
            if isinstance(ready, Ready):
                taken[index] = await _settled(pool, ready, waiting[index].result())
            else:
                taken[index] = Taken(422, faults=ready)
    return [taken[index] for index in range(len(items))]


def _named(item: bytes | msgspec.Raw) -> _Typed:
    """Read what an item is about; nothing of one that cannot be read."""
    try:
        return msgspec.json.decode(item, type=_Typed)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return _Typed()


async def _known(desk: Desk, pool: asyncpg.Pool, peer: Peer, items: Sequence[_Typed]) -> _Known:
    """Look up what the items are about: the ratings, by what their cases may be called here, and the orders."""
    kind = kind_of(peer)
    cases: dict[UUID, tuple[str, int, str]] = {}
    orders: set[UUID] = set()
    for named in items:
        service = named.service_number if isinstance(named.service_number, int) else 1
        if named.type == "ticket" and isinstance(named.project_no, str) and (sent := wire.project_no(named.project_no)):
            for number in reversed(kind.numbers(peer, sent)):  # the likeliest has the last word
                cases[ids.rating_id(desk.namespace, number, service)] = sent, service, number
        elif isinstance(named.ticket, str):
            orders.add(order_id(desk.namespace, peer.name, named.ticket))
    there = await log.read_streams(pool, [*cases, *orders]) if cases or orders else {}
    return _Known(
        {
            (sent, service): (number, there[stream][0].event.subject)
            for stream, (sent, service, number) in cases.items()
            if stream in there
        },
        {order: there[order][0].event.subject for order in orders if order in there and there[order][0].event.subject},
    )


async def _settled(pool: asyncpg.Pool, ready: Ready, verdict: Verdict) -> Taken:
    if verdict.verdict == "ok":
        return Taken(201, verdict.position)
    if verdict.verdict == "poisoned":
        return Taken(422, faults=[POISONED])
    first, *_ = await log.read_stream(pool, ready.stream)
    if first.event.digest == ready.digest:
        return Taken(200, first.position)
    return Taken(409, first.position, [OTHER_CONTENT])


def _read(source: _Source, item: bytes | msgspec.Raw) -> Ready | list[Fault]:
    """Read one item; every fault of it where it cannot be taken."""
    record, faults = _decoded(item)
    match record:
        case TicketIn():
            return _ticket(source, record, faults)
        case VerdictIn() | UrgingIn():
            return _said(source, record, faults)
        case IndicatorsIn():
            return _indicators(source, record, faults)
        case _:
            return faults


def _decoded(item: bytes | msgspec.Raw) -> tuple[Form | None, list[Fault]]:
    if len(bytes(item)) > LARGEST_ITEM:
        return None, [Fault("", "too_long", "这一条超过 256 kB。")]
    try:
        kind = msgspec.json.decode(item, type=_Typed).type
        form = FORMS.get(kind) if isinstance(kind, str) else None
        if form is None:
            return None, [Fault("/type", "form", f"type 应为 {'、'.join(FORMS)} 之一。")]
        return wire.decode(item, form)
    except (wire.Malformed, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None, [Fault("", "malformed", "这一条不是可读取的 JSON 对象。")]


def _ticket(source: _Source, record: TicketIn, faults: list[Fault]) -> Ready | list[Fault]:
    (issued, assessed, due), unread = wire.times(record, "issuedAt", "assessTime", "dueAt")
    sent_number = wire.project_no(record.project_no)
    number, rater = source.known.cases.get((sent_number, record.service_number or 1), (sent_number, None))
    faults += unread
    if len(number) > wire.LONGEST_PROJECT_NO:
        faults.append(wire.fault("projectNo", "too_long"))
    stream = order_id(source.desk.namespace, source.peer, record.id or "")
    identity = {name: value for name, value in zip(SEALED, (record.user_name, record.mobile), strict=True) if value}
    if record.identity:
        try:
            identity |= _unsealed(source, record)
        except signing.Unsealable:
            faults.append(UNSEALABLE)
    if faults or issued is None:
        return faults or [wire.missing("issuedAt")]
    at = assessed or issued
    codes = _codes(record)
    registry = source.desk.registry
    sent = Sent(
        window_no=codes["windowNo"],
        staff_no=codes["staffNo"],
        task_code=codes["taskCode"],
        dept_code=codes["deptCode"],
        hall_code=codes["hallCode"],
        area_code=codes["areaCode"],
    )
    found = registry.resolve(sent, at)
    told = (
        found.window.rpartition("/")[2],
        found.staff.rpartition("/")[2],
        found.matter,
        found.dept,
        found.hall,
        found.area,
        "",
    )
    content = {
        field.encode_name: value
        for field in msgspec.structs.fields(TicketIn)
        if field.encode_name not in {"type", "identity", "ext"} and (value := getattr(record, field.name))
    }
    digest = _digest(source, content | identity | {"projectNo": sent_number})
    own = ids.subject_id(stream)
    subject = own if identity or rater is None else rater  # what is written is erased with who rated
    writings = Writings(source.desk.vault, stream, subject)
    texts = {"text": writings.refer(1, "text", record.text)} if record.text else {}
    if ext := wire.ext(record):
        texts["ext"] = writings.refer(1, "ext", ext)
    fact = OrderIssued(
        peer=source.peer,
        order_id=record.id,
        number=record.number or "",
        project_no=number,
        service_number=record.service_number or 1,
        satisfaction=record.satisfaction or 0,
        pf=record.pf or "",
        eval_detail=tuple(sorted({code.strip() for code in record.eval_detail or ()} - {""})),
        assess_time=assessed,
        received_at=source.received,
        day=at.astimezone(SHANGHAI).date(),
        window=found.window,
        staff=found.staff,
        matter=found.matter,
        dept=found.dept,
        hall=found.hall,
        area=found.area,
        linked=found.linked,
        registry_position=registry.position,
        said={name: codes[name] for name, known in zip(CODES, told, strict=True) if codes[name] != known}
        | ({"projectNo": sent_number} if number != sent_number else {}),
        named=bool(identity),
        subject=subject if identity or texts else None,
        texts=texts,
        issued_at=issued,
        due_at=due,
        digest=digest,
    )
    identities = (source.desk.vault.seal(own, identity),) if identity else ()
    return _ready(stream, fact, writings, identities)


def _unsealed(source: _Source, record: TicketIn) -> dict[str, str]:
    """Open the identity that another haocha sealed for its ticket, whose id is its stream."""
    try:
        stream = UUID(record.id)
    except ValueError:
        raise signing.Unsealable from None
    opened = signing.unseal(source.secret, stream, record.identity or "")
    return {name: value for name, value in opened.items() if name in SEALED and value}


def _codes(record: TicketIn) -> dict[str, str]:
    fields = {field.encode_name: field.name for field in msgspec.structs.fields(TicketIn)}
    return {name: getattr(record, fields[name]) or "" for name in CODES}


def _said(source: _Source, record: VerdictIn | UrgingIn, faults: list[Fault]) -> Ready | list[Fault]:
    """Take a verdict or an urging: what is written in it is erased with who is behind the order."""
    (at,), unread = wire.times(record, "at")
    faults += unread
    if faults or at is None:
        return faults or [wire.missing("at")]
    namespace, peer = source.desk.namespace, source.peer
    order = order_id(namespace, peer, record.ticket)
    subject = source.known.subjects.get(order, ids.subject_id(order))
    known: dict[str, Any] = {"peer": peer, "order": order, "given_at": at, "received_at": source.received}
    if isinstance(record, VerdictIn):
        stream = verdict_id(namespace, peer, record.id)
        digest = _digest(source, [record.ticket, record.verdict, record.reason or "", record.at])
        writings = Writings(source.desk.vault, stream, subject)
        reason = writings.refer(1, "reason", record.reason) if record.reason else None
        return _ready(stream, VerdictGiven(**known, verdict=record.verdict, reason=reason, digest=digest), writings)
    stream = urging_id(namespace, peer, record.id)
    digest = _digest(source, [record.ticket, record.level, record.note or "", record.at])
    writings = Writings(source.desk.vault, stream, subject)
    note = writings.refer(1, "note", record.note) if record.note else None
    return _ready(stream, Urged(**known, level=record.level, note=note, digest=digest), writings)


def own_list(desk: Desk, version: str, items: list[Any], *, at: datetime, by: str) -> Ready | list[Fault]:
    """Read a list of indicators that is published here: the same form, from nobody above."""
    record = IndicatorsIn(type="indicators", id=version, items=items, at=at.isoformat())
    return _indicators(_Source(desk, "", b"", at, _Known({}, {})), record, [], by)


def _indicators(source: _Source, record: IndicatorsIn, faults: list[Fault], by: str = "") -> Ready | list[Fault]:
    (at,), unread = wire.times(record, "at")
    faults += unread
    items: dict[str, Indicator] = {}
    for index, item in enumerate(record.items or ()):
        one, wrong = wire.decode(msgspec.json.encode(item), IndicatorIn)
        faults += [fault._replace(pointer=f"/items/{index}{fault.pointer}") for fault in wrong]
        if one is not None and not wrong:
            if one.norm_code in items:
                faults.append(Fault(f"/items/{index}/normCode", "repeated", f"指标 {one.norm_code} 列了两次。"))
            items[one.norm_code] = Indicator(
                one.norm_code,
                one.norm_name,
                int(one.star_level),
                one.using_status not in {False, "false"},
                one.expand_norm in {True, "true"},
            )
    if faults or at is None:
        return faults or [wire.missing("at")]
    listed = tuple(sorted(items.values(), key=lambda one: one.code))
    fact = IndicatorsPublished(
        peer=source.peer,
        version=record.id,
        items=listed,
        at=at,
        received_at=source.received,
        by=by,
        digest=_digest(source, [record.at, listed]),
    )
    return _ready(indicators_id(source.desk.namespace, source.peer, record.id), fact)


def _ready(stream: UUID, fact: Any, writings: Writings | None = None, identities: tuple[Identity, ...] = ()) -> Ready:
    event = NewEvent(stream, 1, *events.encode(fact))
    return Ready(stream, Group((event,), identities, tuple(writings.texts) if writings else ()), fact.digest)


def _digest(source: _Source, content: Any) -> str:
    return keyed.digest(source.desk.digest_key, _encoder.encode(content)).hex()
