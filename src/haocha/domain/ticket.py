"""A ticket (工单): opened by a bad rating, open until closed; closing is no command, it follows from what happened."""

from datetime import datetime
from typing import Literal, Self, get_args
from uuid import UUID

from haocha.domain import ticket_events as events
from haocha.domain.aggregate import Aggregate
from haocha.domain.errors import Refusal
from haocha.domain.policy import Stage, Terms
from haocha.domain.ticket_events import Snapshot, Source, TicketEvent
from haocha.domain.workdays import SHANGHAI

Status = Literal[
    "awaiting_dispatch",
    "awaiting_acceptance",
    "reviewing",
    "appealing",
    "fixing",
    "approving",
    "verifying",
    "closed",
]
"""待分派 · 待签收 · 核实中 · 申诉中 · 整改中 · 待审核 · 待回访 · 已办结."""

STATUSES: tuple[Status, ...] = get_args(Status)


class TicketClosed(Refusal):
    """A closed ticket takes nothing in: what comes later opens another."""

    code = "ticket_closed"


class Ticket(Aggregate):
    """A ticket as its events tell it."""

    number: str
    source: Source
    source_id: str
    case_id: UUID | None
    snapshot: Snapshot
    unit: str
    policy_version: str
    calendar_version: str
    status: Status
    entered_at: datetime
    dues: dict[Stage, datetime]
    provisional: set[Stage]
    joined: list[str]

    @classmethod
    def opened(
        cls,
        ticket_id: UUID,
        *,
        source: Source,
        source_id: str,
        case_id: UUID | None,
        snapshot: Snapshot,
        unit: str,
        terms: Terms,
        at: datetime,
        cause: int,
    ) -> Self:
        """Open the ticket of the event at position `cause`, which happened `at`; `unit` is '' where none is known."""
        entered: Stage = "acceptance" if unit else "dispatch"
        deadlines = {
            stage: terms.due(stage, at)
            for stage, rule in terms.policy.stages.items()
            if stage == entered or (rule.start == "opened" and stage not in ("acceptance", "dispatch"))
        }
        opened = events.Opened(
            originator_id=ticket_id,
            originator_version=1,
            number=f"{at.astimezone(SHANGHAI).year}-{cause}",
            source=source,
            source_id=source_id,
            case_id=case_id,
            snapshot=snapshot,
            unit=unit,
            policy_version=terms.policy_version,
            calendar_version=terms.calendar.version,
            dues={stage: deadline.at for stage, deadline in deadlines.items()},
            provisional=tuple(stage for stage, deadline in deadlines.items() if deadline.provisional),
            at=at,
            cause=cause,
        )
        ticket = cls.begin(ticket_id, opened)
        ticket.pending_events.append(opened)
        return ticket

    @classmethod
    def begin(cls, originator_id: UUID, opened: events.Opened) -> Self:
        """Start from the stream's first event."""
        ticket = cls.__new__(cls)
        ticket.__base_init__(originator_id, 1, opened.at)
        ticket.number, ticket.source, ticket.source_id = opened.number, opened.source, opened.source_id
        ticket.case_id, ticket.snapshot, ticket.unit = opened.case_id, opened.snapshot, opened.unit
        ticket.policy_version, ticket.calendar_version = opened.policy_version, opened.calendar_version
        ticket.status = "awaiting_acceptance" if opened.unit else "awaiting_dispatch"
        ticket.entered_at, ticket.dues, ticket.provisional, ticket.joined = opened.at, {}, set(), []
        opened.apply(ticket)
        return ticket

    @property
    def is_open(self) -> bool:
        """Say whether something remains to be done."""
        return self.status != "closed"

    def join(
        self, *, source: Source, source_id: str, snapshot: Snapshot, terms: Terms, at: datetime, cause: int
    ) -> None:
        """Take in another bad rating of the same case, while the ticket is open."""
        if not self.is_open:
            raise TicketClosed(f"Ticket {self.number} is closed; {source} {source_id} opens a ticket of its own.")
        self.trigger_event(
            events.Joined,
            source=source,
            source_id=source_id,
            snapshot=snapshot,
            worked=terms.worked(self.entered_at, at),
            at=at,
            cause=cause,
        )

    def evolve(self, event: TicketEvent) -> None:
        """Take one event in."""
        self.dues |= event.dues
        self.provisional = self.provisional - set(event.dues) | set(event.provisional)
        match event:
            case events.Dispatched() | events.Transferred():
                self.unit = event.unit
            case events.Joined():
                self.joined.append(event.source_id)
            case _:
                pass
        status = status_after(event)
        if status is not None and status != self.status:
            self.status, self.entered_at = status, event.at


def status_after(event: TicketEvent) -> Status | None:  # noqa: PLR0911 (one answer per kind of event)
    """Return the status that an event leads to, None where it leaves it as it is."""
    match event:
        case events.Opened() | events.Dispatched() | events.Transferred():
            return "awaiting_acceptance" if event.unit else "awaiting_dispatch"
        case events.Accepted():
            return "reviewing"
        case events.Reviewed():
            return "fixing" if event.disposition == "fix" else "approving"
        case events.AppealLodged():
            return "appealing"
        case events.AppealDecided():
            return None if event.upheld else "reviewing"
        case events.FixSubmitted():
            return "approving"
        case events.Returned() | events.Reopened():
            return event.to
        case events.Approved():
            return "verifying"
        case events.Closed():
            return "closed"
        case _:
            return None
