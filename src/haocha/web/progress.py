"""What the citizen is told of a ticket: stages passed and when, until when the next, what was done, how it ended.

No name, no unit's note, nothing of what others said. Of free texts only what is meant for him: the measures of a fix
and the finding of an explanation, once they were approved, with his name and numbers covered that look like somebody's.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal
from uuid import UUID

import msgspec

from haocha.domain import ids
from haocha.domain import ticket_events as events
from haocha.domain import ticket_levels as levels
from haocha.domain.rating import TextReference
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Outcome, Source, Status, TicketEvent
from haocha.store import aggregates, log, sql, vault
from haocha.store.log import Recorded
from haocha.web import citizen_names
from haocha.web.context import Context
from haocha.web.reading import covered

SQL = sql.load(Path(__file__).with_name("receipts.sql")).named("query")


class Step(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A stage passed: the event's name, and the code that says how it went where that is told."""

    step: str
    at: datetime
    how: str = ""


class Done(msgspec.Struct, frozen=True, rename="camel"):
    """What was done: the measures of a fix, or an explanation with its legal basis; a text erased by law is null."""

    kind: Literal["fix", "explain"]
    at: datetime
    text: str | None
    basis: str | None
    files: int


class Merger(msgspec.Struct, frozen=True, rename="camel"):
    """The ticket that this one was merged into, as it is now."""

    number: str
    status: Status
    outcome: Outcome | None


class Progress(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Where a ticket is."""

    number: str
    status: Status
    due_at: datetime | None
    """Until when the current stage is to be done; None where its policy sets no limit."""
    provisional: bool
    steps: tuple[Step, ...]
    done: tuple[Done, ...]
    outcome: Outcome | None
    excluded_for: str | None
    """Why a rating was not accepted: mistaken 误评, malicious 恶意, untrue 不实; above: the platform above said so."""
    merged_into: str | None
    merger: Merger | None = None
    merged_from: tuple[str, ...] = ()
    """The tickets that were merged into this one."""


async def find(context: Context, source: Source, stream: UUID, case: UUID | None) -> list[Recorded]:
    """Return the ticket that is about the source's `stream`: its own, the one it joined, or the case's newest."""
    own = ids.ticket_id(context.install.namespace, source, str(stream))
    rows = await context.pool.fetch(SQL["tickets_of"], str(case)) if case else []
    streams = await log.read_streams(context.pool, [own, *(row[0] for row in rows)])
    if own in streams:
        return streams[own]
    of_case = sorted(streams.values(), key=lambda told: told[0].position, reverse=True)
    for told in of_case:
        if any(isinstance(one.event, events.Joined) and one.event.source_id == str(stream) for one in told):
            return told
    return of_case[0] if of_case else []


async def read(context: Context, stream: Sequence[Recorded]) -> Progress:
    """Tell a ticket's stream, with the texts that are still there."""
    references = [reference.id for reference in _references(stream)]
    texts = await vault.bodies(context.pool, references)
    told = tell(stream, citizen_names.all_without(texts, await citizen_names.of_stream(context, stream)))
    merger, merged = await _merged(context, stream)
    return msgspec.structs.replace(told, merger=merger if told.merged_into else None, merged_from=merged)


async def _merged(context: Context, stream: Sequence[Recorded]) -> tuple[Merger | None, tuple[str, ...]]:
    """Return the ticket that this one was merged into, and the numbers of those that were merged into this one."""
    ticket = aggregates.replay(list(stream), Ticket)
    if not ticket.related:
        return None, ()
    streams = await log.read_streams(context.pool, list(ticket.related))
    into = next((one.event.into for one in stream if isinstance(one.event, events.Merged)), None)
    merger = None
    if into in streams:
        other = aggregates.replay(streams[into], Ticket)
        merger = Merger(other.number, other.status, other.outcome or None)
    merged = (
        told[0].event.number
        for told in streams.values()
        if any(isinstance(one.event, events.Merged) and one.event.into == ticket.id for one in told)
    )
    return merger, tuple(sorted(merged))


def tell(stream: Sequence[Recorded], texts: Mapping[UUID, str]) -> Progress:
    """Tell a ticket's stream."""
    ticket = aggregates.replay(list(stream), Ticket)
    merged = [one.event.into_number for one in stream if isinstance(one.event, events.Merged)]
    return Progress(
        number=ticket.number,
        status=ticket.status,
        due_at=ticket.dues.get(ticket.stage) if ticket.is_open else None,
        provisional=ticket.stage in ticket.provisional,
        steps=tuple(step for one in stream for step in _steps(one.event)),
        done=tuple(_done([one.event for one in stream], texts)),
        outcome=ticket.outcome or None,
        excluded_for=_excluded_for(ticket),
        merged_into=merged[-1] if merged and ticket.outcome == "merged" else None,
    )


def _excluded_for(ticket: Ticket) -> str | None:
    if ticket.outcome != "excluded":
        return None
    return "above" if ticket.ruled == "excluded" else ticket.appeal_ground


def _steps(event: TicketEvent) -> Iterator[Step]:  # noqa: C901, PLR0912 (one answer per kind of event)
    match event:
        case events.Opened():
            yield Step("opened", event.at)
        case events.Joined():
            yield Step("joined", event.at)
        case events.Dispatched() | events.Transferred():
            yield Step("dispatched" if event.unit else "sent_back", event.at)
        case events.Accepted():
            yield Step("accepted", event.at)
        case events.Contacted():
            yield Step("contacted", event.at, "reached" if event.reached else "missed")
        case events.Reviewed():
            yield Step("reviewed", event.at, event.verdict)
        case events.AppealLodged():
            yield Step("appeal_lodged", event.at, event.ground)
        case events.AppealDecided():
            yield Step("appeal_decided", event.at, "upheld" if event.upheld else "dismissed")
        case events.ExtensionDecided() if event.granted:
            yield Step("extended", event.at)
        case events.FixSubmitted():
            yield Step("fixed", event.at)
        case events.Returned():
            yield Step("returned", event.at)
        case events.Approved():
            yield Step("approved", event.at)
        case events.Verified():
            yield Step("verified", event.at, event.result)
        case events.Reopened():
            yield Step("reopened", event.at, event.why)
        case events.Escalated() if event.level != "remind":
            yield Step("escalated", event.at, event.level)
        case events.LookedBack():
            yield Step("looked_back", event.at, event.result)
        case events.Closed():
            yield Step("closed", event.at, event.outcome)
        case levels.Reported() if event.status:
            yield from _reported(event)
        case _:
            pass


def _reported(event: levels.Reported) -> Iterator[Step]:
    """Tell what an instance below has done as what it is; that it asks the citizen he knows from itself."""
    match event.event:
        case "dispatched" | "transferred":
            yield Step("dispatched" if event.unit else "sent_back", event.at)
        case "fix_submitted":
            yield Step("fixed", event.at)
        case "reviewed":
            yield Step("reviewed", event.at, event.verdict)
        case "appeal_lodged":
            yield Step("appeal_lodged", event.at, event.ground)
        case "appeal_decided" | "verified":
            yield Step(event.event, event.at, event.result)
        case "accepted" | "returned" | "approved":
            yield Step(event.event, event.at)
        case _:
            pass


def _references(stream: Sequence[Recorded]) -> Iterator[TextReference]:
    said: tuple[TextReference | None, ...]
    for one in stream:
        match one.event:
            case events.FixSubmitted() | levels.Reported(event="fix_submitted"):
                said = (one.event.measures,)
            case events.Reviewed(disposition="explain") | levels.Reported(event="reviewed", disposition="explain"):
                said = (one.event.finding, one.event.basis)
            case _:
                said = ()
        yield from (reference for reference in said if reference is not None)


def _done(told: Sequence[TicketEvent], texts: Mapping[UUID, str]) -> Iterator[Done]:
    """Yield what was approved, in its order."""
    proposed: Done | None = None

    def body(reference: TextReference | None) -> str | None:
        found = texts.get(reference.id) if reference else None
        return None if found is None else covered(found)

    for event in told:
        match event:
            case events.FixSubmitted() | levels.Reported(event="fix_submitted"):
                proposed = Done("fix", event.at, body(event.measures), None, len(event.evidence))
            case events.Reviewed(disposition="explain") | levels.Reported(event="reviewed", disposition="explain"):
                proposed = Done("explain", event.at, body(event.finding), body(event.basis), len(event.evidence))
            case events.Approved() | levels.Reported(event="approved") if proposed is not None:
                yield msgspec.structs.replace(proposed, at=event.at)
            case _:
                pass
