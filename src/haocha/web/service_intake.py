"""What a service record must be, and what is made of it; what a province requires beyond this, its sync shows."""

from collections.abc import Iterable
from datetime import UTC
from typing import Any

import msgspec

from haocha.domain import ids
from haocha.domain.service import IDENTITY, ServiceRecorded
from haocha.domain.workdays import SHANGHAI
from haocha.store.keys import Client
from haocha.web import intake, wire
from haocha.web.context import Context
from haocha.web.forms import ServiceIn
from haocha.web.intake import NAMING, Ready, Refused
from haocha.web.problems import Fault

_APART = frozenset({"projectNo", "ext"})
_OWN_MEMBERS = frozenset(
    {"projectNo", "serviceNumber", "serviceTime", "userProp", "windowNo", "staffNo", "taskCode", "taskHandleItem"}
    | {"taskName", "deptCode", "deptName", "hallCode", "areaCode", "projectName", "ext", *IDENTITY}
)
_MEMBERS = tuple(
    sorted(
        (field.encode_name, field.name)
        for field in msgspec.structs.fields(ServiceIn)
        if field.encode_name not in _APART
    )
)
_CASE = tuple(member for member in _MEMBERS if member[0] not in _OWN_MEMBERS)


def _content(record: ServiceIn, members: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """Return what was sent, by wire name in order, empties as absent (a 0 is none)."""
    return {wire_name: value for wire_name, name in members if (value := getattr(record, name)) or type(value) is int}


def prepare(
    context: Context,
    client: Client,
    record: ServiceIn,
    faults: list[Fault],
    clocks: wire.Clocks,
) -> Ready | Refused:
    """Make the fact of a service record; `faults` are those of its form."""
    (service_time, *_), unread = wire.times(record, "serviceTime", "acceptDate", "resultDate")
    number = wire.project_no(record.project_no)
    intake.add(faults, *unread)
    if service_time is None:
        intake.add(faults, wire.missing("serviceTime"))
    if len(number) > wire.LONGEST_PROJECT_NO:
        intake.add(faults, wire.fault("projectNo", "too_long"))
    elif not number:
        intake.add(faults, wire.missing("projectNo"))
    if faults or service_time is None:
        return Refused(faults)
    resolved, said = intake.resolve(context, client, record, service_time)
    if (beyond := intake.beyond_key(client, resolved)) is not None:
        return Refused([beyond], bound=True)
    content = _content(record, _MEMBERS)
    identity = {name: content[name] for name in IDENTITY if name in content}
    texts = {"projectName": record.project_name} if record.project_name else {}
    if ext := wire.ext(record):
        texts["ext"] = content["ext"] = ext
    service_number = record.service_number or 1
    content |= {"projectNo": number, "serviceNumber": service_number, "serviceTime": service_time.astimezone(UTC)}
    fact = ServiceRecorded(
        project_no=number,
        service_number=service_number,
        service_time=service_time,
        received_at=clocks.received,
        day=service_time.astimezone(SHANGHAI).date(),
        window=resolved.window,
        staff=resolved.staff,
        matter=resolved.matter,
        dept=resolved.dept,
        hall=resolved.hall,
        area=resolved.area,
        linked=resolved.linked,
        registry_position=context.registry.position,
        said=said,
        case=_content(record, _CASE),
        client=client.name,
        key_kind=client.kind,
        named=not NAMING.isdisjoint(identity),
        user_prop=record.user_prop or "",
        digest=intake.digest(context.digest_key, content),
    )
    return Ready(ids.service_id(context.install.namespace, number, service_number), fact, identity, texts)
