"""What became of a ticket, told upwards: the step that a city writes, and that the instance above reads.

A step is one event of the city's ticket with what the ticket is then; what an instance below the city reported is
passed on as what it was there. The instance above finds its own ticket by the id of its order, where the city got one
from it, else by the case; it keeps what was written under ids of its own.
"""

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from haocha.domain import ids
from haocha.domain import ticket_events as events
from haocha.domain.rating import TextReference
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Outcome, Status
from haocha.domain.ticket_levels import Deed, Link, Overruled, Report, Reported
from haocha.store import aggregates, log, sql, vault
from haocha.store.log import Recorded

if TYPE_CHECKING:
    from haocha.sync.contents import Reader

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")
TEXTS: Final = ("measures", "finding", "basis", "reason", "comment")
"""What people wrote in a step; it travels apart from the rest."""


class Step(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One event of the city's ticket; `status`, `unit` as they are after it. The texts go beside it."""

    type: Deed
    ticket: UUID
    number: str
    status: Status
    source: str
    province_ticket: str = ""
    """The id that the instance above has for its ticket, where its order has come."""
    project_no: str = ""
    service_number: int = 1
    no_case: bool = False
    at: datetime
    unit: str = ""
    unit_name: str = ""
    verdict: Literal["", "substantiated", "partly", "unsubstantiated"] = ""
    ground: str = ""
    disposition: Literal["", "fix", "explain"] = ""
    outcome: Outcome | Literal[""] = ""
    result: Literal["", "satisfied", "unsatisfied", "informed", "passed", "failed", "upheld", "dismissed"] = ""
    satisfaction: int = 0
    evidence: tuple[Link, ...] = ()


class Tickets(NamedTuple):
    """Streams of tickets, and the orders that they are about: from whom, under which id."""

    streams: dict[UUID, list[Recorded]]
    orders: dict[UUID, str]


NONE: Final = Tickets({}, {})


async def load(connection: asyncpg.Connection | asyncpg.Pool, streams: Sequence[UUID]) -> Tickets:
    """Read what `write` needs of these tickets."""
    told = await log.read_streams(connection, list(streams))
    parts = [UUID(part) for stream in told.values() for source, part in _parts(stream) if source == "province"]
    orders = await log.read_streams(connection, parts)
    return Tickets(told, {order: stream[0].event.order_id for order, stream in orders.items()})


async def write(
    connection: asyncpg.Connection | asyncpg.Pool, reader: "Reader", recorded: Recorded, tickets: Tickets
) -> dict[str, Any]:
    """Return the values of a step: the members of `Step` and, by name, the texts that are still there."""
    stream = tickets.streams[recorded.originator_id]
    ticket = aggregates.replay(stream[: recorded.originator_version], Ticket)
    event, case = recorded.event, stream[0].event.snapshot
    orders = [tickets.orders.get(UUID(part), "") for source, part in _parts(stream) if source == "province"]
    step = Step(
        type=event.event if isinstance(event, Reported) else event.TOPIC.removeprefix("ticket.").removesuffix(":v1"),
        ticket=ticket.id,
        number=ticket.number,
        status=ticket.status,
        source=ticket.source,
        province_ticket=orders[-1] if orders else "",
        project_no=case.project_no,
        service_number=case.service_number,
        no_case="noCase" in case.flags,
        at=event.at,
        unit=ticket.unit,
        unit_name=reader.registry.name("org", ticket.unit, event.at) or _called(stream[: recorded.originator_version]),
        evidence=_evidence(reader.url, ticket.id, event),
        **_decided(event),
    )
    said = () if isinstance(event, Overruled) else TEXTS  # the reason of a verdict is the platform's own
    texts = {name: text for name in said if (text := getattr(event, name, None)) is not None}
    bodies = await vault.bodies(connection, [text.id for text in texts.values()]) if texts else {}
    values: dict[str, Any] = msgspec.to_builtins(step, builtin_types=(datetime,))
    return values | {name: bodies[text.id] for name, text in texts.items() if text.id in bodies}


def _called(stream: Sequence[Recorded]) -> str:
    """Return what an instance below calls the unit; '' where none has said."""
    reports = (one.event for one in reversed(stream) if isinstance(one.event, Reported) and one.event.status)
    return next((report.unit_name for report in reports), "")


def _evidence(url: str, ticket: UUID, event: Any) -> tuple[Link, ...]:
    """Return links to our files; what an instance below keeps stays linked there."""
    if isinstance(event, Reported):
        return event.evidence
    return tuple(_link(url, ticket, file) for file in getattr(event, "evidence", ()))


def _link(url: str, ticket: UUID, file: events.Evidence) -> Link:
    """Say where people of the level above see a file: on our page, with an account of ours."""
    return Link(
        file.digest, file.media_type, file.size, f"{url}/tickets/{ticket}/evidence/{file.digest}" if url else ""
    )


def _parts(stream: Sequence[Recorded]) -> list[tuple[str, str]]:
    """Return source and stream of what a ticket is about."""
    parts = [one.event for one in stream if isinstance(one.event, events.Opened | events.Joined)]
    return [(part.source, part.source_id) for part in parts]


def _decided(event: Any) -> dict[str, Any]:  # noqa: PLR0911 (one answer per kind of event)
    """Return what the event itself decides."""
    match event:
        case Reported():
            return {
                name: getattr(event, name) for name in ("verdict", "ground", "disposition", "result", "satisfaction")
            }
        case events.Reviewed():
            return {"verdict": event.verdict, "ground": event.ground, "disposition": event.disposition}
        case events.AppealLodged():
            return {"ground": event.ground}
        case events.AppealDecided():
            return {"result": "upheld" if event.upheld else "dismissed"}
        case events.Verified():
            return {"result": event.result, "satisfaction": event.satisfaction}
        case events.Closed():
            return {"outcome": event.outcome}
        case _:
            return {}


def read(values: Any, version: int, peer: str, refer: Callable[[str], TextReference | None]) -> tuple[Step, Report]:
    """Read the step that `peer` tells of version `version` of its ticket.

    `refer` puts a text of the step (by its name) among ours and returns what the event says of it, None where there is
    none. Raises `msgspec.ValidationError` for what is no step.
    """
    step = msgspec.convert(values, Step)
    texts: dict[str, Any] = {name: refer(name) for name in TEXTS}
    report = Report(
        peer=peer,
        ticket=str(step.ticket),
        version=version,
        event=step.type,
        happened_at=step.at,
        number=step.number,
        status=step.status,
        unit=step.unit,
        unit_name=step.unit_name,
        verdict=step.verdict,
        ground=step.ground,
        disposition=step.disposition,
        outcome=step.outcome,
        result=step.result,
        satisfaction=step.satisfaction,
        evidence=step.evidence,
        **texts,
    )
    return step, report


async def candidates(
    connection: asyncpg.Connection | asyncpg.Pool, namespace: UUID, step: Step, project_no: str
) -> list[UUID]:
    """Return which of our tickets a step may be about, the likeliest first.

    That is the one whose order the city names, else those of the case, which has the number `project_no` here: the open
    one, then the newest.
    """
    found: list[UUID] = []
    with contextlib.suppress(ValueError):
        found.append(UUID(step.province_ticket))
    if project_no:
        case = ids.rating_id(namespace, project_no, step.service_number)
        found += [row["originator_id"] for row in await connection.fetch(SQL["of_case"], str(case))]
    return found
