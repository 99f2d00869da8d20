"""What a row of the outbox stands for, read when it is sent: the event, the latest service record, identity and texts.

Of a rating its own words come first, the service record's fill in what it lacks; the identity behind the service record
only where the citizen did not ask to be anonymous.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, cast
from uuid import UUID

import asyncpg

from haocha.domain import ids
from haocha.domain.rating import Rating, RatingContested, RatingSubmitted, RatingSupplemented
from haocha.domain.registry import Registry
from haocha.domain.service import ServiceRecorded
from haocha.domain.ticket_events import TicketEvent
from haocha.store import events, sql, vault
from haocha.store.log import Recorded
from haocha.store.outbox import Row
from haocha.store.vault import Vault
from haocha.sync import ticket_items
from haocha.sync.dialect import Item, Kind

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")
MADE = RatingSubmitted | RatingSupplemented | RatingContested
DECISIONS = Rating.Linked | Rating.Excluded | Rating.Reinstated


class Reader(NamedTuple):
    """What contents are read with; `url` is where people reach our pages, for links to evidence."""

    namespace: UUID
    vault: Vault
    registry: Registry
    url: str = ""


async def load(
    connection: asyncpg.Connection | asyncpg.Pool, reader: Reader, rows: Sequence[Row], *, services: bool = True
) -> list[Item]:
    """Return the items of `rows`, in order; without `services` what a rating says by itself."""
    recorded = await _events(connection, [row.position for row in rows])
    told = [one.event for one in recorded.values() if isinstance(one.event, MADE | ServiceRecorded)]
    latest = await _services(connection, reader.namespace, told) if services else {}
    decided = [one.originator_id for one in recorded.values() if isinstance(one.event, DECISIONS)]
    rated = await _firsts(connection, decided) if decided else {}
    steps = [row.stream for row in rows if row.kind == "ticket"]
    tickets = await ticket_items.load(connection, steps) if steps else ticket_items.NONE
    facts: list[Any] = [*(one.event for one in recorded.values()), *latest.values()]
    identities = await _identities(connection, reader.vault, facts)
    texts = await _texts(connection, facts)
    items = []
    for row in rows:
        one = recorded[row.position]
        values: dict[str, Any]
        match one.event:
            case ServiceRecorded(project_no=case, service_number=number) as first:
                record = latest.get((case, number), first)  # of several the latest counts
                values = _service(reader.registry, record, texts) | identities.get(record.subject, {})
            case RatingSubmitted() | RatingSupplemented() | RatingContested() as fact:
                service = latest.get((fact.project_no, fact.service_number))
                values = _rating(reader.registry, fact, service, identities, texts)
            case Rating.Linked() | Rating.Excluded() | Rating.Reinstated():
                values = _which(rated[row.stream])
            case TicketEvent():
                values = await ticket_items.write(connection, reader, one, tickets)
            case _:
                values = {}
        kind = cast("Kind", row.kind)
        items.append(
            Item(row.position, kind, row.key, row.stream, row.version, one.event, row.recorded_at, values, row.attempts)
        )
    return items


async def _events(connection: asyncpg.Connection | asyncpg.Pool, positions: list[int]) -> dict[int, Recorded]:
    return {
        position: Recorded(position, stream, version, topic, events.decode(topic, state, stream, version), at)
        for position, stream, version, topic, state, at in await connection.fetch(SQL["events"], positions)
    }


async def _firsts(connection: asyncpg.Connection | asyncpg.Pool, streams: list[UUID]) -> dict[UUID, Any]:
    """Return what streams of ratings begin with."""
    rows = await connection.fetch(SQL["firsts"], streams)
    return {stream: events.decode(topic, state, stream, 1) for stream, topic, state in rows}


async def _services(
    connection: asyncpg.Connection | asyncpg.Pool, namespace: UUID, told: Iterable[Any]
) -> dict[tuple[str, int], ServiceRecorded]:
    """Return the latest service record of each case and service that was rated or recorded."""
    cases = {(fact.project_no, fact.service_number) for fact in told if "noCase" not in getattr(fact, "flags", ())}
    streams = {ids.service_id(namespace, *case): case for case in cases}
    rows = await connection.fetch(SQL["latest"], list(streams))
    return {streams[stream]: events.decode(topic, state, stream, version) for stream, version, topic, state in rows}


async def _identities(
    connection: asyncpg.Connection | asyncpg.Pool, safe: Vault, facts: list[Any]
) -> dict[UUID | None, dict[str, str]]:
    subjects = [fact.subject for fact in facts if getattr(fact, "subject", None) is not None]
    if not subjects:
        return {}
    rows = await connection.fetch(SQL["identities"], subjects)
    return {subject: safe.open(subject, sealed, number) for subject, sealed, number in rows}


async def _texts(connection: asyncpg.Connection | asyncpg.Pool, facts: list[Any]) -> dict[UUID, str]:
    wanted = [reference.id for fact in facts for reference in getattr(fact, "texts", {}).values()]
    return await vault.bodies(connection, wanted) if wanted else {}


def _written(fact: Any, texts: dict[UUID, str]) -> dict[str, str]:
    return {name: texts[text.id] for name, text in fact.texts.items() if text.id in texts}


def _which(fact: Any) -> dict[str, Any]:
    """Return the key of a rating, and its digest: of several with one key, which one."""
    return {
        "projectNo": fact.project_no,
        "serviceNumber": fact.service_number,
        "assessNumber": fact.assess_number,
        "noCase": "noCase" in fact.flags,
        "digest": fact.digest,
    }


def _service(registry: Registry, fact: ServiceRecorded, texts: dict[UUID, str]) -> dict[str, Any]:
    return {
        **fact.case,
        **_place(registry, fact, fact.service_time),
        **_written(fact, texts),
        "projectNo": fact.project_no,
        "serviceNumber": fact.service_number,
        "serviceTime": fact.service_time,
        "receivedAt": fact.received_at,
        "day": fact.day,
        "named": fact.named,
        "userProp": fact.user_prop,
    }


def _rating(
    registry: Registry,
    fact: RatingSubmitted | RatingSupplemented | RatingContested,
    service: ServiceRecorded | None,
    identities: dict[UUID | None, dict[str, str]],
    texts: dict[UUID, str],
) -> dict[str, Any]:
    anonymous = fact.is_anonymity == "1"
    behind = {} if service is None else _service(registry, service, texts)
    if service is not None and not anonymous:
        behind |= identities.get(service.subject, {})
    own = {
        **_place(registry, fact, fact.assess_time),
        **({} if anonymous else identities.get(fact.subject, {})),
        **_written(fact, texts),
        "serviceTime": fact.service_time if service is None else service.service_time,
        "userProp": fact.user_prop,
        "deviceNo": fact.device_no,
        "deviceSeq": fact.device_seq,
        "isAnonymity": fact.is_anonymity,
    }
    return {
        **behind,
        **{name: value for name, value in own.items() if value not in (None, "")},
        "projectNo": fact.project_no,
        "serviceNumber": fact.service_number,
        "assessNumber": fact.assess_number,
        "satisfaction": fact.satisfaction,
        "pf": fact.pf,
        "evalDetail": fact.eval_detail,
        "assessTime": fact.assess_time,
        "receivedAt": fact.received_at,
        "day": fact.day,
        "named": fact.named,
        "noCase": "noCase" in fact.flags,
    }


def _place(registry: Registry, fact: Any, at: Any) -> dict[str, str]:
    """Return codes and names of where, by whom and on what; codes as sent where the registry does not know better."""
    hall, _, window = fact.window.rpartition("/")
    _, _, staff = fact.staff.rpartition("/")
    task, _, item = fact.matter.partition("/")
    said = fact.said
    place = {
        "areaCode": fact.area,
        "deptCode": fact.dept,
        "deptName": registry.name("org", fact.dept, at) or said.get("deptName", ""),
        "hallCode": fact.hall or hall,
        "hallName": registry.name("hall", fact.hall or hall, at),
        "windowNo": window,
        "windowName": registry.name("window", fact.window, at),
        "staffNo": staff,
        "staffName": registry.name("staff", fact.staff, at),
        "taskCode": task or said.get("taskCode", ""),
        "taskHandleItem": item or said.get("taskHandleItem", ""),
        "taskName": said.get("taskName", "") or registry.name("matter", fact.matter, at),
    }
    return {name: value for name, value in place.items() if value}
