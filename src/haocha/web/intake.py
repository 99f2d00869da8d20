"""From a decoded record to the group that goes into the log: normalised, linked, flagged, digested, personal data apart.

The rules are the issue's and design §4, §5, §9: refuse only what the sender can mend and the log cannot hold; flag the
rest, and let a flag delay, hide and exclude nothing.
"""

import hashlib
import hmac
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from haocha.domain import ids
from haocha.domain.codes import BAD_LEVELS, CURRENT_INDICATORS, INDICATORS
from haocha.domain.rating import RatingContested, RatingSubmitted, RatingSupplemented, TextReference
from haocha.domain.registry import Resolved, Sent
from haocha.domain.service import ServiceRecorded
from haocha.store import events
from haocha.store.keys import ASKING_KINDS, Client
from haocha.store.log import Group, Identity, NewEvent, Text
from haocha.web import wire
from haocha.web.context import Context
from haocha.web.problems import Fault
from haocha.web.wire import RatingIn, ServiceIn

IDENTITY = ("userName", "userPageType", "certKey", "mobile")
SERVICE_IDENTITY = (
    *IDENTITY,
    "certkeyGOV",
    "creditType",
    "creditNum",
    "handleUserName",
    "handleUserPageType",
    "handleUserPageCode",
)
NAMING = frozenset({"userName", "certKey", "certkeyGOV", "creditNum", "mobile"})
LONGEST_MATTER = 200
REASONS = ("/evalDetail", "/writingEvaluation")
ASKED_CHANNELS = frozenset("12345")
UNDIGESTED = frozenset({"assessTime", "serviceTime", "deviceSeq"})
"""Members of a rating that a repeat may have otherwise (a hand re-push has a new time); `ext` neither."""
_UNDIGESTED_SERVICE = frozenset({"projectNo", "ext"})
_encoder = msgspec.json.Encoder(order="sorted")


class Refused(NamedTuple):
    """Faults that the sender can mend; `bound`: the key may not rate this."""

    faults: list[Fault]
    bound: bool = False


class Ready(NamedTuple):
    """A record ready for the log on stream `id`; `make` builds the event (a contest is the same fact on another stream)."""

    id: UUID
    fact: RatingSubmitted | RatingSupplemented | ServiceRecorded
    identity: dict[str, str]
    texts: dict[str, str]


def _sent(struct: type) -> tuple[tuple[str, str], ...]:
    return tuple(sorted((field.encode_name, field.name) for field in msgspec.structs.fields(struct)))


_SERVICE_MEMBERS = tuple(member for member in _sent(ServiceIn) if member[0] not in _UNDIGESTED_SERVICE)


def _digest(key: bytes, content: Any) -> str:
    return hmac.digest(key, _encoder.encode(content), hashlib.sha256).hex()


def _rating_digest(key: bytes, record: RatingIn, number: str, indicators: tuple[str, ...]) -> str:
    """Digest what was sent (design §4): normalised, defaults filled in, empties absent, members sorted.

    The record is used up by this: it becomes its own canonical form.
    """
    record.project_no = number
    record.service_number = record.service_number or 1
    record.assess_number = record.assess_number or 1
    record.eval_detail = list(indicators) or None
    record.assess_time = "-"
    record.service_time = record.device_seq = None
    record.ext = wire.NO_EXT
    if "" in msgspec.structs.astuple(record):
        for name in RatingIn.__struct_fields__:
            if getattr(record, name) == "":
                setattr(record, name, None)
    return _digest(key, record)


def _content(record: Any, members: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return what was sent, by wire name in order, empties as absent (a 0 is none)."""
    return {
        wire_name: value for wire_name, name in members if (value := getattr(record, name)) or type(value) is int
    }


def _indicators(sent: list[str] | str | None) -> tuple[str, ...]:
    codes = sent.split(",") if isinstance(sent, str) else sent or ()
    return tuple(sorted({code.strip() for code in codes} - {""}))


def _resolve(
    context: Context, client: Client, record: RatingIn | ServiceIn, at: datetime
) -> tuple[Resolved, dict[str, str]]:
    """Link the codes sent, and keep those that the result does not tell (design §7 `said`); '' was not sent but found."""
    sent = Sent(
        record.window_no or "",
        record.staff_no or "",
        record.task_code or "",
        record.task_handle_item or "",
        record.dept_code or "",
        record.hall_code or "",
        record.area_code or "",
        record.device_no or "",
        client.hall,
        client.window_no,
    )
    resolved = context.registry.resolve(sent, at)
    if len(resolved.matter) > LONGEST_MATTER:
        resolved = resolved._replace(matter=resolved.matter[:LONGEST_MATTER])
    said = {}
    if sent.window_no != resolved.window.rpartition("/")[2]:
        said["windowNo"] = sent.window_no
    if sent.staff_no != resolved.staff.rpartition("/")[2]:
        said["staffNo"] = sent.staff_no
    if sent.task_code != resolved.matter:
        said["taskCode"] = sent.task_code
    if sent.dept_code != resolved.dept:
        said["deptCode"] = sent.dept_code
    if sent.hall_code != resolved.hall:
        said["hallCode"] = sent.hall_code
    if sent.area_code != resolved.area:
        said["areaCode"] = sent.area_code
    if sent.task_handle_item:
        said["taskHandleItem"] = sent.task_handle_item
    if record.task_name:
        said["taskName"] = record.task_name
    if record.dept_name:
        said["deptName"] = record.dept_name
    return resolved, said


def _beyond_key(client: Client, resolved: Resolved) -> Fault | None:
    """Return the fault of a record for a hall or window that a bound key is not for."""
    if client.hall and resolved.hall != client.hall:
        return Fault("/hallCode", "key_bound", f"此密钥只能用于大厅 {client.hall}。")
    if client.window_no and resolved.window.rpartition("/")[2] != client.window_no:
        return Fault("/windowNo", "key_bound", f"此密钥只能用于窗口 {client.window_no}。")
    return None


def counted_day(
    assess: datetime, service: datetime | None, received: datetime, sent_at: datetime | None, skew: timedelta
) -> tuple[date, bool]:
    """Return the Shanghai day a rating counts to, and whether its clock cannot be believed (design §5).

    A device that says at sending what time it has is corrected by what it is off, where that exceeds the skew.
    """
    if sent_at is not None and abs(received - sent_at) > skew:
        try:
            assess += received - sent_at
        except OverflowError:
            return received.astimezone(wire.SHANGHAI).date(), True
    wrong = assess > received + skew or (service is not None and assess < service)
    return (received if wrong else assess).astimezone(wire.SHANGHAI).date(), wrong


def _add(faults: list[Fault], *found: Fault) -> None:
    """Add what is not said of the same member already."""
    known = {fault.pointer for fault in faults}
    faults += [fault for fault in found if fault.pointer not in known]


def rating(
    context: Context,
    client: Client,
    record: RatingIn,
    faults: list[Fault],
    received: datetime,
    sent_at: datetime | None,
) -> Ready | Refused:
    """Check what depends on more than one member, and make the fact; `faults` are those of the form."""
    (assess_time, service_time), unread = wire.times(record, "assessTime", "serviceTime")
    _add(faults, *unread)
    if assess_time is None:
        _add(faults, wire.missing("assessTime"))
    number = wire.project_no(record.project_no)
    flags = []
    if len(number) > wire.LONGEST_PROJECT_NO:
        _add(faults, wire.fault("projectNo", "too_long"))
    elif not number and (source := wire.project_no(record.source_id)):
        number = f"X-{client.name}-{source}"
        flags.append("noCase")
    elif not number:
        _add(faults, wire.missing("projectNo"))
    indicators = _indicators(record.eval_detail)
    if record.satisfaction:
        faults += _indicator_faults(record, indicators)
    bad = record.satisfaction in BAD_LEVELS
    writing = record.writing_evaluation or ""
    unreadable = any(fault.pointer.startswith(REASONS) for fault in faults)
    if bad and not indicators and not writing.strip() and not unreadable:
        if client.kind in ASKING_KINDS and record.pf in ASKED_CHANNELS:
            _add(faults, Fault("/evalDetail", "reason_required", "不满意或非常不满意时，请至少选择一项指标或填写文字。"))
        flags.append("reasonMissing")
    if faults or assess_time is None:
        return Refused(faults)
    if not CURRENT_INDICATORS.issuperset(indicators):
        flags.append("unknownIndicator")
    day, wrong = counted_day(assess_time, service_time, received, sent_at, timedelta(seconds=context.settings.skew))
    if wrong:
        flags.append("clock")
    resolved, said = _resolve(context, client, record, assess_time)
    if (beyond := _beyond_key(client, resolved)) is not None:
        return Refused([beyond], bound=True)
    if record.source_id and "noCase" not in flags:
        said["sourceId"] = record.source_id

    service_number, assess_number = record.service_number or 1, record.assess_number or 1
    stream = ids.rating_id(context.install.namespace, number, service_number, assess_number)
    identity = {}
    if record.user_name:
        identity["userName"] = record.user_name
    if record.user_page_type:
        identity["userPageType"] = record.user_page_type
    if record.cert_key:
        identity["certKey"] = record.cert_key
    if record.mobile:
        identity["mobile"] = record.mobile
    texts = {"writingEvaluation": writing} if writing else {}
    if ext := wire.ext(record):
        texts["ext"] = ext
    struct, more = (RatingSubmitted, {}) if assess_number == 1 else (
        RatingSupplemented,
        {"first": ids.rating_id(context.install.namespace, number, service_number)},
    )
    fact = struct(
        project_no=number,
        service_number=service_number,
        assess_number=assess_number,
        satisfaction=record.satisfaction,
        pf=record.pf,
        eval_detail=indicators,
        assess_time=assess_time,
        service_time=service_time,
        received_at=received,
        day=day,
        flags=tuple(flags),
        window=resolved.window,
        staff=resolved.staff,
        matter=resolved.matter,
        dept=resolved.dept,
        hall=resolved.hall,
        area=resolved.area,
        linked=resolved.linked,
        registry_position=context.registry.position,
        said=said,
        client=client.name,
        key_kind=client.kind,
        device_no=record.device_no or "",
        device_seq=record.device_seq,
        sent_at=sent_at,
        is_anonymity=record.is_anonymity or "",
        named=record.is_anonymity != "1" and not NAMING.isdisjoint(identity),
        user_prop=record.user_prop or "",
        digest=_rating_digest(context.digest_key, record, number, indicators),
        **more,
    )
    return Ready(stream, fact, identity, texts)


def _indicator_faults(record: RatingIn, indicators: tuple[str, ...]) -> list[Fault]:
    faults = []
    for code in indicators:
        level = INDICATORS.get(code, (record.satisfaction, ""))[0]
        if level != record.satisfaction:
            sent = [part.strip() for part in record.eval_detail] if isinstance(record.eval_detail, list) else None
            at = wire.pointer("evalDetail", sent.index(code)) if sent else "/evalDetail"
            faults.append(
                Fault(at, "indicator_level", f"指标 {code} 属于第 {level} 级，与所选满意度 {record.satisfaction} 不符。")
            )
        elif len(code) > 50:  # noqa: PLR2004 (a code within a comma-separated list)
            faults.append(wire.fault("evalDetail", "too_long"))
    return faults


_CASE_TIMES = ("acceptDate", "resultDate")
_SERVICE_CODES = frozenset(
    {"projectNo", "serviceNumber", "serviceTime", "userProp", "windowNo", "staffNo", "taskCode", "taskHandleItem", "taskName"}
    | {"deptCode", "deptName", "hallCode", "areaCode", "projectName", "ext", *SERVICE_IDENTITY}
)
_CASE_MEMBERS = tuple(member for member in _SERVICE_MEMBERS if member[0] not in _SERVICE_CODES)


def service(
    context: Context,
    client: Client,
    record: ServiceIn,
    faults: list[Fault],
    received: datetime,
    _sent_at: datetime | None,
) -> Ready | Refused:
    """Make the fact of a service record; only its case number and time are required."""
    (service_time, *_), unread = wire.times(record, "serviceTime", *_CASE_TIMES)
    number = wire.project_no(record.project_no)
    _add(faults, *unread)
    if service_time is None:
        _add(faults, wire.missing("serviceTime"))
    if len(number) > wire.LONGEST_PROJECT_NO:
        _add(faults, wire.fault("projectNo", "too_long"))
    elif not number:
        _add(faults, wire.missing("projectNo"))
    if faults or service_time is None:
        return Refused(faults)
    resolved, said = _resolve(context, client, record, service_time)
    if (beyond := _beyond_key(client, resolved)) is not None:
        return Refused([beyond], bound=True)
    content = _content(record, _SERVICE_MEMBERS)
    identity = {name: content[name] for name in SERVICE_IDENTITY if name in content}
    texts = {"projectName": record.project_name} if record.project_name else {}
    if ext := wire.ext(record):
        texts["ext"] = content["ext"] = ext
    service_number = record.service_number or 1
    content |= {"projectNo": number, "serviceNumber": service_number, "serviceTime": service_time.astimezone(UTC)}
    fact = ServiceRecorded(
        project_no=number,
        service_number=service_number,
        service_time=service_time,
        received_at=received,
        day=service_time.astimezone(wire.SHANGHAI).date(),
        window=resolved.window,
        staff=resolved.staff,
        matter=resolved.matter,
        dept=resolved.dept,
        hall=resolved.hall,
        area=resolved.area,
        linked=resolved.linked,
        registry_position=context.registry.position,
        said=said,
        case=_content(record, _CASE_MEMBERS),
        client=client.name,
        key_kind=client.kind,
        named=not NAMING.isdisjoint(identity),
        user_prop=record.user_prop or "",
        digest=_digest(context.digest_key, content),
    )
    return Ready(ids.service_id(context.install.namespace, number, service_number), fact, identity, texts)


def group(context: Context, ready: Ready, version: int = 1) -> Group:
    """Seal the identity, put the texts apart, and write the event."""
    fact: Any = ready.fact
    identities: tuple[Identity, ...] = ()
    texts: tuple[Text, ...] = ()
    if ready.identity or ready.texts:
        subject = ids.subject_id(ready.id)
        references: dict[str, TextReference] = {}
        if ready.identity:
            identities = (context.vault.seal(subject, ready.identity),)
        for member, body in ready.texts.items():
            text = Text(ids.text_id(ready.id, member, version), subject, body)
            references[member] = context.vault.refer(text)
            texts += (text,)
        fact = msgspec.structs.replace(fact, subject=subject, texts=references)
    return Group((NewEvent(ready.id, version, *events.encode(fact)),), identities, texts)


def contest(ready: Ready, first_digest: str) -> Ready:
    """Turn a rating that finds its place taken into a contest of the one that is there."""
    fact: Any = ready.fact
    members = {name: getattr(fact, name) for name in RatingSubmitted.__struct_fields__}
    contested = RatingContested(**members, first=ready.id, same=fact.digest == first_digest)
    return Ready(ids.contest_id(ready.id, fact.digest), contested, ready.identity, ready.texts)


def as_sent(fact: Any) -> dict[str, Any]:
    """Return the members of a rating under their own names, as the client sent them; no identity, no texts."""
    codes = {
        "windowNo": fact.window.rpartition("/")[2],
        "staffNo": fact.staff.rpartition("/")[2],
        "taskCode": fact.matter,
        "deptCode": fact.dept,
        "hallCode": fact.hall,
        "areaCode": fact.area,
    } | fact.said
    members = {
        "projectNo": fact.project_no,
        "serviceNumber": fact.service_number,
        "assessNumber": fact.assess_number,
        "satisfaction": fact.satisfaction,
        "pf": fact.pf,
        "assessTime": fact.assess_time,
        "serviceTime": fact.service_time,
        "evalDetail": list(fact.eval_detail),
        "deviceNo": fact.device_no,
        "deviceSeq": fact.device_seq,
        "isAnonymity": fact.is_anonymity,
        "userProp": fact.user_prop,
        **codes,
    }
    return {name: value for name, value in members.items() if value not in (None, "")}
