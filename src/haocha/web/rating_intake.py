"""What a rating must be, and what is made of it: all faults, flags, the day it counts to, its digest."""

from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from haocha.domain import ids
from haocha.domain.codes import BAD_LEVELS
from haocha.domain.indicators import Indicators
from haocha.domain.rating import RatingSubmitted, RatingSupplemented
from haocha.domain.workdays import SHANGHAI
from haocha.store.keys import ASKING_KINDS, Client
from haocha.web import intake, wire
from haocha.web.context import Context
from haocha.web.forms import NO_EXT, RatingIn
from haocha.web.intake import NAMING, Ready, Refused
from haocha.web.problems import Fault

ASKED_CHANNELS = frozenset("12345")
REASONS = ("/evalDetail", "/writingEvaluation")
UNDIGESTED = frozenset({"assessTime", "serviceTime", "deviceSeq"})
"""Members that a repeat may have otherwise (a hand re-push has a new time); `ext` neither."""


class Checked(NamedTuple):
    """What the members of a rating say together."""

    number: str
    assess_time: datetime
    service_time: datetime | None
    indicators: tuple[str, ...]
    flags: list[str]


def check(client: Client, record: RatingIn, faults: list[Fault], known: Indicators) -> Checked | None:
    """Check what depends on more than one member; None where `faults` (those of the form, added to) say no."""
    assess_time = wire.moment(record.assess_time) if record.assess_time else None
    service_time = wire.moment(record.service_time) if record.service_time else None
    if assess_time is None:
        intake.add(faults, wire.fault("assessTime", "form") if record.assess_time else wire.missing("assessTime"))
    if service_time is None and record.service_time:
        intake.add(faults, wire.fault("serviceTime", "form"))
    flags: list[str] = []
    number = _number(client, record, faults, flags)
    indicators = _indicators(record.eval_detail)
    faults += _indicator_faults(record, indicators, known)
    if _reason_missing(record, indicators, faults):
        if client.kind in ASKING_KINDS and record.pf in ASKED_CHANNELS:
            message = "不满意或非常不满意时，请至少选择一项指标或填写文字。"
            intake.add(faults, Fault("/evalDetail", "reason_required", message))
        flags.append("reasonMissing")
    if not known.current.issuperset(indicators):
        flags.append("unknownIndicator")
    if faults or assess_time is None:
        return None
    return Checked(number, assess_time, service_time, indicators, flags)


def _number(client: Client, record: RatingIn, faults: list[Fault], flags: list[str]) -> str:
    """Return the case number; where there is no case, the one made of the client's own id."""
    number = wire.project_no(record.project_no)
    if len(number) > wire.LONGEST_PROJECT_NO:
        intake.add(faults, wire.fault("projectNo", "too_long"))
    elif not number and (source := wire.project_no(record.source_id)):
        flags.append("noCase")
        return f"X-{client.name}-{source}"
    elif not number:
        intake.add(faults, wire.missing("projectNo"))
    return number


def _indicators(sent: list[str] | str | None) -> tuple[str, ...]:
    codes = sent.split(",") if isinstance(sent, str) else sent or ()
    return tuple(sorted({code.strip() for code in codes} - {""}))


def _indicator_faults(record: RatingIn, indicators: tuple[str, ...], known: Indicators) -> list[Fault]:
    faults: list[Fault] = []
    if not record.satisfaction:
        return faults
    for code in indicators:
        level = known.level(code) or record.satisfaction
        if level != record.satisfaction:
            sent = [part.strip() for part in record.eval_detail] if isinstance(record.eval_detail, list) else None
            at = wire.pointer("evalDetail", sent.index(code)) if sent else "/evalDetail"
            faults.append(
                Fault(
                    at, "indicator_level", f"指标 {code} 属于第 {level} 级，与所选满意度 {record.satisfaction} 不符。"
                )
            )
        elif len(code) > 50:  # noqa: PLR2004 (a code within a comma-separated list)
            faults.append(wire.fault("evalDetail", "too_long"))
    return faults


def _reason_missing(record: RatingIn, indicators: tuple[str, ...], faults: list[Fault]) -> bool:
    """Tell a 差评 that gives no reason; one whose reason could not be read has given one."""
    given = indicators or (record.writing_evaluation or "").strip()
    if record.satisfaction not in BAD_LEVELS or given:
        return False
    return not any(fault.pointer.startswith(REASONS) for fault in faults)


def counted_at(
    assess: datetime, service: datetime | None, received: datetime, sent_at: datetime | None, skew: timedelta
) -> tuple[datetime, bool]:
    """Return when a rating is held to have been made, and whether its clock cannot be believed (design §5).

    A device that says at sending what time it has is corrected by what it is off, where that exceeds the skew; what
    still lies in the future, or before the service, was made when it was received.
    """
    if sent_at is not None and abs(received - sent_at) > skew:
        try:
            assess += received - sent_at
        except OverflowError:
            return received, True
    wrong = assess > received + skew or (service is not None and assess < service)
    return received if wrong else assess, wrong


def digest(key: bytes, record: RatingIn, number: str, indicators: tuple[str, ...]) -> str:
    """Digest what was sent (design §4): normalised, defaults filled in, empties absent, members sorted.

    The record is used up by this: it becomes its own canonical form.
    """
    record.project_no = number
    record.service_number = record.service_number or 1
    record.assess_number = record.assess_number or 1
    record.eval_detail = list(indicators) or None
    record.assess_time = "-"
    record.service_time = record.device_seq = None
    record.ext = NO_EXT
    if "" in msgspec.structs.astuple(record):
        for name in RatingIn.__struct_fields__:
            if getattr(record, name) == "":
                setattr(record, name, None)
    return intake.digest(key, record)


def prepare(
    context: Context,
    client: Client,
    record: RatingIn,
    faults: list[Fault],
    clocks: wire.Clocks,
) -> Ready | Refused:
    """Make the fact of a rating; `faults` are those of its form."""
    checked = check(client, record, faults, context.indicators)
    if checked is None:
        return Refused(faults)
    number, assess_time, service_time, indicators, flags = checked
    skew = timedelta(seconds=context.settings.skew)
    at, wrong = counted_at(assess_time, service_time, clocks.received, clocks.sent, skew)
    if wrong:
        flags.append("clock")
    resolved, said = intake.resolve(context, client, record, at)
    if (beyond := intake.beyond_key(client, resolved)) is not None:
        return Refused([beyond], bound=True)
    if record.source_id and "noCase" not in flags:
        said["sourceId"] = record.source_id
    sent = (
        ("userName", record.user_name),
        ("userPageType", record.user_page_type),
        ("certKey", record.cert_key),
        ("mobile", record.mobile),
    )
    identity = {name: value for name, value in sent if value}
    texts = {"writingEvaluation": record.writing_evaluation} if record.writing_evaluation else {}
    if ext := wire.ext(record):
        texts["ext"] = ext
    service_number, assess_number = record.service_number or 1, record.assess_number or 1
    namespace = context.install.namespace
    fact = RatingSubmitted(
        project_no=number,
        service_number=service_number,
        assess_number=assess_number,
        satisfaction=record.satisfaction,
        pf=record.pf,
        eval_detail=indicators,
        assess_time=assess_time,
        service_time=service_time,
        received_at=clocks.received,
        day=at.astimezone(SHANGHAI).date(),
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
        sent_at=clocks.sent,
        is_anonymity=record.is_anonymity or "",
        named=record.is_anonymity != "1" and not NAMING.isdisjoint(identity),
        user_prop=record.user_prop or "",
        digest=digest(context.digest_key, record, number, indicators),
    )
    first = ids.rating_id(namespace, number, service_number)
    if assess_number == 1:
        return Ready(first, fact, identity, texts)
    supplement = RatingSupplemented(**msgspec.structs.asdict(fact), first=first)
    return Ready(ids.rating_id(namespace, number, service_number, assess_number), supplement, identity, texts)
