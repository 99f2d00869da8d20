"""Tells those whom it concerns what happened to a ticket (消息): who has to act now, and who waited for an outcome.

What has been overtaken by the time it is read is not told: a notice to sign for a ticket that was signed for helps
nobody. The steps of deadlines are told by `deadlines`, which knows which of several due at once to speak of.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import asyncpg

from haocha.domain import ticket_events as events
from haocha.domain import ticket_levels as levels
from haocha.domain.account import AccountRole
from haocha.domain.ticket import Ticket
from haocha.handlers.deadlines import concerned
from haocha.handlers.handler import Effects, EventHandler, Notice
from haocha.store import aggregates, log
from haocha.store.log import Recorded


class Say(NamedTuple):
    """A kind of notice for a role, and what its sentence needs beyond the number."""

    kind: str
    role: AccountRole
    members: dict[str, Any]


def say(kind: str, role: AccountRole, **members: Any) -> Say:
    """Say something to a role."""
    return Say(kind, role, members)


class Known(NamedTuple):
    """A ticket as it is by now, and where the vault has the citizen whom it is about; None where nobody gave a name."""

    ticket: Ticket
    subject: UUID | None


class Notify(EventHandler):
    """Turns events into notices."""

    name = "notify"
    topics = tuple(
        event.TOPIC
        for event in (
            events.Opened,
            events.Dispatched,
            events.Transferred,
            events.Reviewed,
            events.AppealLodged,
            events.AppealDecided,
            events.ExtensionRequested,
            events.ExtensionDecided,
            events.FixSubmitted,
            events.Returned,
            events.VerificationSent,
            events.Reopened,
            events.Reminded,
            events.Escalated,
            events.Merged,
            events.Closed,
            levels.Overruled,
        )
    )

    async def load(
        self, connection: asyncpg.Connection, batch: Sequence[Recorded], _cursor: str | None
    ) -> dict[UUID, Known]:
        """Read the tickets as they are by now, and those that they were merged into."""
        wanted = {recorded.originator_id for recorded in batch}
        wanted |= {recorded.event.into for recorded in batch if isinstance(recorded.event, events.Merged)}
        told = await log.read_streams(connection, list(wanted))
        return {stream: Known(aggregates.replay(one, Ticket), _citizen(one)) for stream, one in told.items()}

    def react(self, event: Recorded, state: dict[UUID, Known]) -> Effects:
        """Tell the roles, and the citizens whom it concerns."""
        ticket, _ = state[event.originator_id]
        told = [
            Notice(
                uuid5(ticket.id, f"{event.originator_version}|{one.kind}|{one.role}"),
                one.kind,
                ticket.id,
                {"number": ticket.number} | one.members,
                role=one.role,
                unit=ticket.unit,
                area=ticket.snapshot.area,
            )
            for one in _heard(said(event.event, ticket), ticket)
        ]
        return Effects(notices=[*told, *_to_citizens(event, state)])


def said(event: events.TicketEvent, ticket: Ticket) -> list[Say]:  # noqa: C901, PLR0911, PLR0912 (one answer per kind of event)
    """Return what is said of an event about a ticket that has become `ticket` since."""
    match event:
        case events.Opened() | events.Dispatched() | events.Transferred():
            return _waiting_for_unit(event, ticket)
        case events.Returned() if ticket.status == event.to:
            return [say("returned" if event.to == "fixing" else "explanation_returned", "handler")]
        case events.Reopened() if ticket.is_open and ticket.rounds == event.round:
            return [say("reopened", "handler", why=event.why, round=event.round + 1)]
        case events.AppealLodged() if ticket.status == "appealing":
            return [say("appeal_lodged", "reviewer", ground=event.ground)]
        case events.AppealDecided():
            return [say("appeal_upheld" if event.upheld else "appeal_dismissed", "handler")]
        case events.ExtensionRequested() if ticket.extension == event.stage:
            return [say("extension_requested", "supervisor", stage=event.stage)]
        case events.ExtensionDecided(granted=True):
            return [say("extension_granted", "handler", stage=event.stage, due=event.dues[event.stage].isoformat())]
        case events.ExtensionDecided():
            return [say("extension_refused", "handler", stage=event.stage)]
        case events.Reviewed(disposition="explain") if ticket.status == "approving":
            return [say("explanation_submitted", "supervisor")]
        case events.FixSubmitted() if ticket.status == "approving":
            return [say("fix_submitted", "supervisor")]
        case events.VerificationSent() if _is_awaited(event, ticket):
            return [_verification(event, ticket)]
        case events.Reminded(fired_at=None) if ticket.stage == event.stage:
            return [say("urged", one, stage=event.stage) for one in _urged(event, ticket)]
        case events.Escalated(rule="rounds"):
            return [say("rounds_spent", "supervisor"), say("rounds_spent", "leader")]
        case events.Escalated(fired_at=None, stage=stage) if stage is not None and ticket.is_open:
            role = concerned(stage, ticket)
            return [say("pressed", one, level=event.level, stage=stage) for one in dict.fromkeys((role, "supervisor"))]
        case levels.Overruled():
            return [say("overruled", one, verdict=event.verdict) for one in ("handler", "supervisor")]
        case events.Merged():
            return [say("merged", "handler", into=event.into_number)]
        case events.Closed() if event.outcome not in {"excluded", "merged"}:
            return [say("closed", "handler", outcome=event.outcome)]
        case _:
            return []


def _heard(told: Sequence[Say], ticket: Ticket) -> list[Say]:
    """Leave out what is for handlers where those are an instance's below; of its end the supervisors hear."""
    if not ticket.below:
        return list(told)
    return [
        one._replace(role="supervisor") if one.kind == "closed" else one
        for one in told
        if one.role != "handler" or one.kind == "closed"
    ]


def _urged(event: events.Reminded, ticket: Ticket) -> list[AccountRole]:
    """Return whose the stage is; of an urging from above the supervisors hear too."""
    role = concerned(event.stage, ticket)
    return [*dict.fromkeys((role, "supervisor"))] if event.rule.startswith(levels.ABOVE) else [role]


def _waiting_for_unit(event: events.Opened | events.Dispatched | events.Transferred, ticket: Ticket) -> list[Say]:
    if ticket.unit != event.unit:
        return []
    if ticket.status == "awaiting_dispatch":
        return [say("awaiting_dispatch", "supervisor")]
    if ticket.status == "awaiting_acceptance":
        return [say("transferred" if isinstance(event, events.Transferred) else "assigned", "handler")]
    return []


def _verification(event: events.VerificationSent, ticket: Ticket) -> Say:
    if event.channel == "recheck":
        return say("recheck", "inspector")
    attempt = event.attempt - ticket.links_before
    return say("verification", "agent") if attempt == 1 else say("call", "agent", attempt=attempt)


def _to_citizens(event: Recorded, state: dict[UUID, Known]) -> Iterator[Notice]:
    """Ask for a verdict, or tell both of a merger; who gave no name, or wants it kept, is told nothing."""
    known = state[event.originator_id]
    match event.event:
        case events.VerificationSent(channel="link") as sent if _is_awaited(sent, known.ticket):
            yield from _to_citizen(event, "citizen_verification", known, {"attempt": sent.attempt})
        case events.Merged() as merged:
            into = state[merged.into]
            yield from _to_citizen(event, "citizen_merged", known, {"into": into.ticket.number})
            yield from _to_citizen(event, "citizen_merged", into, {"into": known.ticket.number})
        case _:
            pass


def _is_awaited(sent: events.VerificationSent, ticket: Ticket) -> bool:
    return ticket.status == "verifying" and ticket.link == sent.attempt


def _to_citizen(event: Recorded, kind: str, known: Known, members: dict[str, Any]) -> Iterator[Notice]:
    ticket, subject = known
    if subject is not None:
        yield Notice(
            uuid5(event.originator_id, f"{event.originator_version}|{kind}|{ticket.number}"),
            kind,
            ticket.id,
            {"number": ticket.number} | members,
            area=ticket.snapshot.area,
            subject=subject,
        )


def _citizen(stream: Sequence[Recorded]) -> UUID | None:
    """Return who gave his name first, by the rating that opened the ticket or one that joined it."""
    snapshots = (one.event.snapshot for one in stream if isinstance(one.event, events.Opened | events.Joined))
    return next((snapshot.subject for snapshot in snapshots if snapshot.named and snapshot.subject), None)
