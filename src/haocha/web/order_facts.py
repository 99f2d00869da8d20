"""What is made of an item that a platform above sends down: its form checked, its codes linked, its words put apart.

Identities go into the vault and what was written among the texts, as with ratings. A list of indicators that is
published here has the same form.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from haocha.domain import ids, keyed
from haocha.domain.indicators import Indicator, IndicatorsPublished, indicators_id
from haocha.domain.order import OrderIssued, Urged, VerdictGiven, order_id, urging_id, verdict_id
from haocha.domain.registry import Registry, Sent
from haocha.domain.workdays import SHANGHAI
from haocha.store import events
from haocha.store.log import Group, Identity, NewEvent
from haocha.store.texts import Writings
from haocha.store.vault import Vault
from haocha.sync import signing
from haocha.web import wire
from haocha.web.forms import Form
from haocha.web.order_forms import FORMS, IndicatorIn, IndicatorsIn, TicketIn, UrgingIn, VerdictIn
from haocha.web.problems import Fault

LARGEST_ITEM = 256 * 1024
"""Bytes: a list of a thousand indicators."""
CODES = ("windowNo", "staffNo", "taskCode", "deptCode", "hallCode", "areaCode", "taskName")
SEALED = ("userName", "mobile")
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


class Typed(msgspec.Struct, rename="camel"):
    """What says of which kind an item is, and which case or ticket of theirs it is about."""

    type: Any = None
    project_no: Any = None
    service_number: Any = None
    ticket: Any = None


class Known(NamedTuple):
    """What is here already: of each case its number and who rated, of each order whose its texts are."""

    cases: Mapping[tuple[str, int], tuple[str, UUID | None]]
    subjects: Mapping[UUID, UUID]


class Source(NamedTuple):
    """From whom, under which secret identities are sealed, when it came, and what of it is known here."""

    desk: Desk
    peer: str
    secret: bytes
    received: datetime
    known: Known


def read(source: Source, item: bytes | msgspec.Raw) -> Ready | list[Fault]:
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
        kind = msgspec.json.decode(item, type=Typed).type
        form = FORMS.get(kind) if isinstance(kind, str) else None
        if form is None:
            return None, [Fault("/type", "form", f"type 应为 {'、'.join(FORMS)} 之一。")]
        return wire.decode(item, form)
    except (wire.Malformed, msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return None, [Fault("", "malformed", "这一条不是可读取的 JSON 对象。")]


def _ticket(source: Source, record: TicketIn, faults: list[Fault]) -> Ready | list[Fault]:
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


def _unsealed(source: Source, record: TicketIn) -> dict[str, str]:
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


def _said(source: Source, record: VerdictIn | UrgingIn, faults: list[Fault]) -> Ready | list[Fault]:
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
    return _indicators(Source(desk, "", b"", at, Known({}, {})), record, [], by)


def _indicators(source: Source, record: IndicatorsIn, faults: list[Fault], by: str = "") -> Ready | list[Fault]:
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


def _digest(source: Source, content: Any) -> str:
    return keyed.digest(source.desk.digest_key, _encoder.encode(content)).hex()
