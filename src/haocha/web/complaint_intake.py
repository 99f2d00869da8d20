"""What a complaint (投诉意见) must be, and what is made of it: as with ratings, where they have a counterpart.

The same source id with the same content is a repeat. With other content it is refused, not kept: the client chose the
id, so it can choose another one, and nothing of it was acknowledged.
"""

from datetime import timedelta
from typing import Any

import msgspec

from haocha.domain import receipt
from haocha.domain.complaint import ComplaintReceived, complaint_id
from haocha.domain.workdays import SHANGHAI
from haocha.store import log
from haocha.store.keys import Client
from haocha.store.log import Verdict
from haocha.web import intake, metrics, wire
from haocha.web.context import Context
from haocha.web.forms import NO_EXT, ComplaintIn
from haocha.web.intake import NAMING, Ready, Refused
from haocha.web.problems import Fault
from haocha.web.submit import POISONED, Kind, Outcome

IDENTITY = (
    ("userName", "user_name"),
    ("userPageType", "user_page_type"),
    ("certKey", "cert_key"),
    ("mobile", "mobile"),
)
OTHER_CONTENT = Fault("/sourceId", "already_received", "这个 sourceId 已用于内容不同的另一条投诉；请换一个 sourceId。")


def prepare(
    context: Context,
    client: Client,
    record: ComplaintIn,
    faults: list[Fault],
    clocks: wire.Clocks,
) -> Ready | Refused:
    """Make the fact of a complaint; `faults` are those of its form."""
    (occurred,), unread = wire.times(record, "occurredTime")
    intake.add(faults, *unread)
    source, number = (record.source_id or "").strip(), wire.project_no(record.project_no)
    if len(number) > wire.LONGEST_PROJECT_NO:
        intake.add(faults, wire.fault("projectNo", "too_long"))
    if not source:
        intake.add(faults, wire.missing("sourceId"))
    if not (record.text or "").strip():
        intake.add(faults, wire.missing("text"))
    if faults:
        return Refused(faults)
    believed = occurred is not None and occurred <= clocks.received + timedelta(seconds=context.settings.skew)
    at = occurred if occurred is not None and believed else clocks.received
    resolved, said = intake.resolve(context, client, record, at)
    if (beyond := intake.beyond_key(client, resolved)) is not None:
        return Refused([beyond], bound=True)
    identity = {name: value for name, member in IDENTITY if (value := getattr(record, member))}
    texts = {"text": record.text}
    if ext := wire.ext(record):
        texts["ext"] = ext
    fact = ComplaintReceived(
        kind=record.kind,
        source_id=source,
        satisfaction=record.satisfaction or 0,
        project_no=number,
        service_number=record.service_number or 1,
        occurred_at=occurred,
        received_at=clocks.received,
        day=at.astimezone(SHANGHAI).date(),
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
        is_anonymity=record.is_anonymity or "",
        named=record.is_anonymity != "1" and not NAMING.isdisjoint(identity),
        digest=digest(context.digest_key, record, source, number),
    )
    stream = complaint_id(context.install.namespace, client.kind, client.name, source)
    return Ready(stream, fact, identity, texts)


def digest(key: bytes, record: ComplaintIn, source: str, number: str) -> str:
    """Digest what was sent: normalised, defaults filled in, empties absent, members sorted; no `ext`, no time."""
    members = {
        field.encode_name: value
        for field in msgspec.structs.fields(ComplaintIn)
        if (value := getattr(record, field.name)) and value is not NO_EXT
    }
    members |= {"sourceId": source, "projectNo": number, "serviceNumber": record.service_number or 1}
    for name in ("occurredTime", "ext"):
        members.pop(name, None)
    return intake.digest(key, {name: value for name, value in members.items() if value})


async def settle(context: Context, _client: Client, ready: Ready, verdict: Verdict) -> Outcome:
    """Say what became of a complaint: taken, a repeat, or other content under an id that is taken."""
    if verdict.verdict == "ok":
        return Outcome(201, _members(context, ready, verdict.position))
    if verdict.verdict == "poisoned":
        return Outcome(422, {}, [POISONED])
    [first] = await log.read_stream(context.pool, ready.id)
    if first.event.digest != ready.fact.digest:
        return Outcome(409, {}, [OTHER_CONTENT])
    return Outcome(200, _members(context, ready, first.position) | {"duplicate": True})


def _members(context: Context, ready: Ready, position: int) -> dict[str, Any]:
    return {
        "complaintId": ready.id,
        "position": position,
        "receipt": receipt.issue(context.receipt_key, ready.id, position),
        "duplicate": False,
    }


def _observe(_ready: Ready | Refused | None, status: int, _seconds: float) -> None:
    metrics.COMPLAINTS.labels(str(status)).inc()


COMPLAINT = Kind(ComplaintIn, "complaints", prepare, settle, _observe)
