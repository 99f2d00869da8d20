"""From a line that a member sent to what is to be done with it: a record for the log, a decision, a step, or faults.

A member is believed in its own area: the day a rating counts to and whom it is for are what the member decided. What
would break the read models, or lies outside its area, is refused with all that is wrong.
"""

from collections.abc import Iterator
from datetime import date, datetime
from functools import cache
from typing import Any, Final, NamedTuple

import msgspec

from haocha.domain import ids
from haocha.domain.codes import CHANNELS, LEVELS
from haocha.domain.rating import Rating, RatingContested, RatingSubmitted, RatingSupplemented
from haocha.domain.service import IDENTITY, ServiceRecorded
from haocha.domain.workdays import SHANGHAI
from haocha.store import events
from haocha.store.members import KEY_KIND, Member
from haocha.sync import signing
from haocha.sync.lines import Error, Line, Rated, Receipt
from haocha.web import wire
from haocha.web.context import Context
from haocha.web.intake import Ready
from haocha.web.problems import Fault
from haocha.web.submit import LARGEST_RECORD
from haocha.web.sync_auth import Signed

Decision = Rating.Linked | Rating.Excluded | Rating.Reinstated

FACTS: Final[dict[str, type]] = {
    "service": ServiceRecorded,
    "rating": RatingSubmitted,
    "supplement": RatingSupplemented,
    "contested": RatingContested,
}
ROUNDS: Final[dict[type, tuple[int, ...]]] = {RatingSubmitted: (1,), RatingSupplemented: (2,), RatingContested: (1, 2)}
LARGEST_LINE: Final = 2 * LARGEST_RECORD  # whatever a record could be below, with what is sealed of it
LONGEST_NUMBER: Final = 150  # of a case: one without a number names its client, and the member on each level
LONGEST_KEY: Final = 200
LONGEST_DIGEST: Final = 64
LARGEST_COUNT: Final = 999
LARGEST_VERSION: Final = 2**31
KEYS: Final = ("window", "staff", "matter", "dept", "hall", "area")
NO_CASE: Final = "noCase"
UNREADABLE: Final = Fault("/event", "malformed", "event 不是可读取的 JSON 对象。")

_lines = msgspec.json.Decoder(Line)


class Decided(NamedTuple):
    """A decision of the member about a rating that it reported before."""

    line: Line
    rated: Rated
    event: Decision


class Step(NamedTuple):
    """What became of a ticket below."""

    line: Line
    texts: dict[str, str]


def read(context: Context, signed: Signed, raw: bytes) -> Ready | Decided | Step | Receipt:
    """Read one line; a receipt says why it is not taken."""
    if len(raw) > LARGEST_LINE:
        return refusal([Fault("", "too_long", "这一条超过 128 kB。")])
    try:
        line = _lines.decode(raw)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return refusal([Fault("", "malformed", "这一条不是可读取的上报内容。")])
    faults: list[Fault] = []
    if not 0 < line.version < LARGEST_VERSION:
        faults.append(Fault("/version", "range", "version 不符合要求。"))
    apart = _unsealed(signed, line, faults)
    if line.kind == "ticket":
        if line.step is None:
            faults.append(Fault("/step", "missing", "缺少必填项 step。"))
        return refusal(faults) if faults else Step(line, apart)
    event = _event(line, faults)
    if event is not None:
        faults += _faults(signed.member, event)
    if line.kind == "decision":
        if line.rated is None:
            faults.append(Fault("/rated", "missing", "缺少必填项 rated。"))
        if faults or line.rated is None or event is None:
            return refusal(faults)
        return Decided(line, line.rated, event)
    return refusal(faults) if faults else _ready(context, signed.member, event, apart)


def refusal(faults: list[Fault]) -> Receipt:
    """Return the receipt of a line that is refused, with all that is wrong with it."""
    message = f"有 {len(faults)} 处不符合要求。"
    return Receipt("invalid", code="invalid", message=message, errors=tuple(Error(*fault) for fault in faults))


def number_here(member: Member, project_no: str, *, no_case: bool) -> str:
    """Return the case number as it stands here: one made of a client's own id is told apart by the member."""
    return f"X-{member.name}-{project_no.removeprefix('X-')}" if no_case else project_no


def number_there(member_name: str, fact: RatingSubmitted | RatingSupplemented) -> str:
    """Return the case number as the member has it."""
    return "X-" + fact.project_no.removeprefix(f"X-{member_name}-") if NO_CASE in fact.flags else fact.project_no


def _unsealed(signed: Signed, line: Line, faults: list[Fault]) -> dict[str, str]:
    if not line.sealed:
        return {}
    try:
        return signing.unseal(signed.secret, line.stream, line.sealed)
    except signing.Unsealable:
        faults.append(Fault("/sealed", "unsealable", "密封的内容无法打开：不是用本成员的密钥为这一条密封的。"))
        return {}


def _event(line: Line, faults: list[Fault]) -> Any:
    """Decode the event of a line, lifted to what it is called now; None where `faults` say no."""
    topic = line.topic
    while topic in events.UPCASTERS:
        topic = events.UPCASTERS[topic][0]
    struct = events.EVENTS.get(topic)
    known = struct is not None and (
        issubclass(struct, Decision) if line.kind == "decision" else struct is FACTS.get(line.kind)
    )
    if not known:
        faults.append(Fault("/topic", "unknown_topic", "这里不认识这一类型的事件：请先升级上级平台，再重新上报。"))
    elif line.event is msgspec.UNSET:
        faults.append(Fault("/event", "missing", "缺少必填项 event。"))
    else:
        state = bytes(line.event)
        try:
            return events.decode(line.topic, state, line.stream, line.version)
        except msgspec.ValidationError:
            faults += _form_faults_of(state, struct)
        except (msgspec.DecodeError, TypeError, ValueError, OverflowError, RecursionError):
            faults.append(UNREADABLE)
    return None


def _form_faults_of(state: bytes, struct: Any) -> list[Fault]:
    try:
        return list(form_faults(msgspec.json.decode(state), struct, "event")) or [UNREADABLE]
    except msgspec.ValidationError:  # a number beyond any range
        return [UNREADABLE]


def form_faults(state: Any, struct: Any, root: str) -> Iterator[Fault]:
    """Name each member of `root` that is missing or not of its form."""
    if not isinstance(state, dict):
        yield Fault(wire.pointer(root), "type", f"{root} 应为一个 JSON 对象。")
        return
    for name, field in _fields(struct).items():
        if name not in state:
            if field.required:
                yield Fault(wire.pointer(root, name), "missing", f"缺少必填项 {name}。")
            continue
        try:
            msgspec.convert(state[name], field.type)
        except msgspec.ValidationError:
            yield Fault(wire.pointer(root, name), "form", f"{name} 不符合要求。")


@cache
def _fields(struct: Any) -> dict[str, msgspec.structs.FieldInfo]:
    own = {"originator_id", "originator_version"}
    return {field.encode_name: field for field in msgspec.structs.fields(struct) if field.name not in own}


def _fault(name: str, code: str) -> Fault:
    return Fault(wire.pointer("event", name), code, f"{name} 不符合要求。")


def _faults(member: Member, event: Any) -> Iterator[Fault]:
    """Find what the read models could not hold, and what is not the member's to say."""
    match event:
        case ServiceRecorded():
            yield from _case_faults(event)
            yield from _place_faults(member, event)
        case RatingSubmitted() | RatingSupplemented() | RatingContested():
            yield from _case_faults(event)
            yield from _place_faults(member, event)
            yield from _rated_faults(event)
        case Rating.Linked():
            yield from _time_faults(event)
            yield from _place_faults(member, event.new)
        case _:
            yield from _time_faults(event)
            yield from _place_faults(member, event)


def _case_faults(fact: Any) -> Iterator[Fault]:
    if not 0 < len(fact.project_no) <= LONGEST_NUMBER:
        yield _fault("projectNo", "form")
    if not 0 < fact.service_number <= LARGEST_COUNT:
        yield _fault("serviceNumber", "range")
    if not 0 < len(fact.digest) <= LONGEST_DIGEST:
        yield _fault("digest", "form")
    yield from _time_faults(fact)


def _time_faults(event: Any) -> Iterator[Fault]:
    """Find times without a zone, and those at the edge of the calendar, where nothing can be reckoned with."""
    form: Any = type(event)
    for name, field in _fields(form).items():
        value = getattr(event, field.name)
        if isinstance(value, date) and (
            not wire.EARLIEST < value.year < wire.LATEST or (isinstance(value, datetime) and value.tzinfo is None)
        ):
            yield _fault(name, "form")


def _rated_faults(fact: Any) -> Iterator[Fault]:
    if fact.assess_number not in ROUNDS[type(fact)]:
        yield _fault("assessNumber", "range")
    if fact.satisfaction not in LEVELS:
        yield _fault("satisfaction", "range")
    if fact.pf not in CHANNELS:
        yield _fault("pf", "form")
    if any(len(code) > LONGEST_KEY for code in fact.eval_detail):
        yield _fault("evalDetail", "too_long")


def _place_faults(member: Member, place: Any) -> Iterator[Fault]:
    for name in KEYS:
        if len(getattr(place, name)) > LONGEST_KEY:
            yield _fault(name, "too_long")
    if not member.has(place.area):
        yield Fault("/event/area", "area_outside", f"区划不在成员 {member.name} 的范围（{member.area}…）之内。")


def _ready(context: Context, member: Member, fact: Any, apart: dict[str, str]) -> Ready:
    """Make the fact ours: our ids, the member as its client; the times are the member's, written as Shanghai's."""
    identity = {name: value for name, value in apart.items() if name in IDENTITY}
    texts = {name: value for name, value in apart.items() if name not in IDENTITY}
    changes: dict[str, Any] = {
        "client": member.name,
        "key_kind": KEY_KIND,
        "registry_position": 0,
        "subject": None,
        "texts": {},
    }
    namespace = context.install.namespace
    if isinstance(fact, ServiceRecorded):
        fact = msgspec.structs.replace(fact, **changes)
        return Ready(ids.service_id(namespace, fact.project_no, fact.service_number), fact, identity, texts)
    number = number_here(member, fact.project_no, no_case=NO_CASE in fact.flags)
    stream = ids.rating_id(namespace, number, fact.service_number, fact.assess_number)
    changes |= {"project_no": number, "assess_time": fact.assess_time.astimezone(SHANGHAI)}
    if isinstance(fact, RatingSupplemented):
        changes["first"] = ids.rating_id(namespace, number, fact.service_number)
    elif isinstance(fact, RatingContested):
        changes["first"] = stream
        stream = ids.contest_id(stream, fact.digest)
    return Ready(stream, msgspec.structs.replace(fact, **changes), identity, texts)
