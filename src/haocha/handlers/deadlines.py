"""Deadlines (时限): reminds before they run out, and climbs the ladder behind them (预警, 督办).

Only the next step of a running clock has a timer; when it fires it sets the one behind it. So a clock costs one row at
a time, and after downtime every step that was due is taken in order. A clock that stands still (the fix is being
approved) drops its step; the event that lets it run on sets the first one that was not taken yet.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple
from uuid import UUID, uuid5

import asyncpg

from haocha.domain import ticket_events, ticket_levels
from haocha.domain.account import AccountRole
from haocha.domain.ladder import LOOK_BACK, Step, steps, weight_of
from haocha.domain.policy import Rulebook, Stage, Terms
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Escalated, Reminded
from haocha.handlers.handler import NOTHING, Effects, Notice, TimedHandler, Timer
from haocha.store import log, rulebook
from haocha.store.log import Recorded

CONCERNED: Final[dict[Stage, AccountRole]] = {
    "dispatch": "supervisor",
    "appeal": "reviewer",
    "approval": "supervisor",
    "verification": "agent",
    "look_back": "agent",
}
RED: Final = weight_of("ladder:red")


class Clock(NamedTuple):
    """A deadline that runs: since when it runs without a break, and by the event of which version."""

    due: datetime
    since: datetime
    version: int


class Watched(NamedTuple):
    """A ticket, the clocks that run, and which steps of which deadlines were taken when."""

    ticket: Ticket
    clocks: dict[Stage, Clock]
    taken: dict[tuple[Stage | None, str, datetime | None], datetime]

    def left(self, stage: Stage, terms: Terms) -> list[Step]:
        """Return the steps of a running clock that are not taken; what it is too late to warn of is no step."""
        clock, start = self.clocks[stage], self.ticket.started[stage]
        return [
            step
            for step in steps(terms, stage, start, clock.due, self.ticket.difficulty)
            if (stage, step.rule, clock.due) not in self.taken and (step.weight or step.at > clock.since)
        ]


class State(NamedTuple):
    """The tickets, and the rules."""

    tickets: dict[UUID, Watched]
    rulebook: Rulebook

    def terms(self, ticket: Ticket) -> Terms:
        """Return the rules of a ticket."""
        return self.rulebook.of(ticket.policy_version, ticket.calendar_version)


class Deadlines(TimedHandler):
    """Sets and fires the timers of all deadlines."""

    name = "deadlines"
    topics = tuple(
        event.TOPIC
        for event in (
            ticket_events.Opened,
            ticket_events.Dispatched,
            ticket_events.Accepted,
            ticket_events.Transferred,
            ticket_events.Reviewed,
            ticket_events.AppealLodged,
            ticket_events.AppealDecided,
            ticket_events.ExtensionDecided,
            ticket_events.FixSubmitted,
            ticket_events.Returned,
            ticket_events.Approved,
            ticket_events.Reopened,
            ticket_events.DueChanged,
            ticket_events.Closed,
            ticket_levels.Overruled,
            ticket_levels.Reported,
        )
    )

    async def load(self, connection: asyncpg.Connection, batch: Sequence[Recorded], _cursor: str | None) -> State:
        """Read the tickets and the rules."""
        return await self._read(connection, {recorded.originator_id for recorded in batch})

    def react(self, event: Recorded, state: State) -> Effects:
        """Set the first timer of each clock that this event has let run, and that still runs."""
        watched = state.tickets[event.originator_id]
        terms = state.terms(watched.ticket)
        timers: list[Timer] = []
        for stage, clock in watched.clocks.items():
            if clock.version == event.originator_version:
                timers += _timer(watched, stage, terms)
        return Effects(timers=timers)

    async def load_fired(self, connection: asyncpg.Connection, timer: Timer) -> State:
        """Read the ticket and the rules."""
        return await self._read(connection, {UUID(timer.payload["ticket"])})

    def fire(self, timer: Timer, state: State, now: datetime) -> Effects:
        """Take the step unless the stage has ended, its deadline was moved, or the step was taken; set the next one."""
        (watched,) = state.tickets.values()
        ticket, stage, rule = watched.ticket, timer.payload["stage"], timer.payload["rule"]
        terms = state.terms(ticket)
        due = datetime.fromisoformat(timer.payload["due"])
        if stage not in watched.clocks or watched.clocks[stage].due != due:
            return NOTHING
        step = next((one for one in watched.left(stage, terms) if one.rule == rule), None)
        if step is None:
            return NOTHING
        watched.taken[stage, rule, due] = now
        if rule == LOOK_BACK:
            return Effects(notices=[_notice(timer, watched, stage, "look_back", "agent")])
        cause = str(timer.id)
        done = (
            ticket.escalate(step.level, stage, due, rule=rule, terms=terms, at=now, cause=cause)
            if step.level
            else ticket.remind_due(stage, due, rule=rule, terms=terms, at=now, cause=cause)
        )
        if not done:
            return NOTHING
        notices = [] if _outweighed(step, watched, terms, now) else list(_told(timer, watched, stage, step, terms))
        return Effects([ticket], _timer(watched, stage, terms), notices=notices)

    async def _read(self, connection: asyncpg.Connection, streams: set[UUID]) -> State:
        told = await log.read_streams(connection, list(streams))
        tickets = {stream: follow(events) for stream, events in told.items()}
        return State(tickets, await rulebook.load(connection, self.install))


def concerned(stage: Stage, ticket: Ticket, contact: str = "unit") -> AccountRole:
    """Return whose it is to end a stage in time; `contact` is whom the policy lets call the citizen.

    Where an instance below works on it, that is nobody here but who oversees.
    """
    if ticket.below:
        return "supervisor"
    if stage == "verification" and ticket.source == "inspection":
        return "inspector"
    if stage == "contact" and contact == "agent":
        return "agent"
    return CONCERNED.get(stage, "handler")


def follow(stream: Sequence[Recorded]) -> Watched:
    """Go through a ticket's events and see which clocks run since when, and which steps were taken."""
    first, *later = stream
    ticket = Ticket.begin(first.originator_id, first.event)
    watched = Watched(ticket, {}, {})
    _look(watched, first)
    for recorded in later:
        recorded.event.mutate(ticket)
        _look(watched, recorded)
    return watched


def _look(watched: Watched, recorded: Recorded) -> None:
    ticket, event = watched.ticket, recorded.event
    if isinstance(event, Reminded | Escalated) and event.fired_at is not None:
        watched.taken[event.stage, event.rule, event.due_at] = event.fired_at
    for stage, due in ticket.dues.items():
        if not ticket.runs(stage):
            watched.clocks.pop(stage, None)
        elif stage not in watched.clocks or watched.clocks[stage].due != due:
            watched.clocks[stage] = Clock(due, event.at, recorded.originator_version)
    for stage in watched.clocks.keys() - ticket.dues.keys():
        del watched.clocks[stage]


def _timer(watched: Watched, stage: Stage, terms: Terms) -> list[Timer]:
    """Return the timer of the next step, if there is one."""
    ticket, clock = watched.ticket, watched.clocks[stage]
    for step in watched.left(stage, terms)[:1]:
        payload = {"ticket": str(ticket.id), "stage": stage, "rule": step.rule, "due": clock.due.isoformat()}
        return [Timer(uuid5(ticket.id, f"{clock.version}|{stage}|{step.rule}"), str(ticket.id), step.at, payload)]
    return []


def _outweighed(step: Step, watched: Watched, terms: Terms, now: datetime) -> bool:
    """Tell whether another step of the ticket speaks for this one: of several due at once one notice is sent.

    That is the gravest, and of equals the last: one that follows and is due by now, or a graver one taken when this one
    was due already.
    """
    following = (other for stage in watched.clocks for other in watched.left(stage, terms) if other.at <= now)
    taken = (weight_of(rule) for (_, rule, _), fired_at in watched.taken.items() if fired_at >= step.at)
    return any(other.weight >= step.weight for other in following) or any(weight > step.weight for weight in taken)


def _told(timer: Timer, watched: Watched, stage: Stage, step: Step, terms: Terms) -> Iterator[Notice]:
    """Tell whose the stage is, and the supervisors; from red on the leaders too."""
    roles: dict[AccountRole, None] = {concerned(stage, watched.ticket, terms.policy.contact): None, "supervisor": None}
    if step.weight >= RED:
        roles["leader"] = None
    for role in roles:
        yield _notice(timer, watched, stage, "overdue" if step.level else "warning", role, level=step.level)


def _notice(timer: Timer, watched: Watched, stage: Stage, kind: str, role: AccountRole, **members: str) -> Notice:
    ticket = watched.ticket
    members = {name: value for name, value in members.items() if value}
    return Notice(
        uuid5(timer.id, role),
        kind,
        ticket.id,
        {"number": ticket.number, "stage": stage, "due": timer.payload["due"]} | members,
        role=role,
        unit=ticket.unit,
        area=ticket.snapshot.area,
    )
