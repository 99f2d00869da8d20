"""Every 差评 is handled: a bad rating, 追评, contest, complaint or order opens a ticket, or joins its case's open one.

A finding (查评问题) has no case: each is a ticket of its own. An order (下发工单) may be about a rating we never saw.

The open ticket is looked up in the log itself, by the case's id, within the transaction that appends: no read model can
be behind. The unit is the department that was rated, where the registry has such a department. Tickets of the same
person on the same matter, opened within the policy's days, are related (关联).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from haocha.domain import ids
from haocha.domain.inspection import FindingRecorded
from haocha.domain.order import OrderIssued
from haocha.domain.policy import Rulebook, Terms
from haocha.domain.rating import Rating, RatingSubmitted
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Snapshot
from haocha.handlers.handler import NOTHING, SQL, Effects, EventHandler
from haocha.handlers.snapshots import SOURCES, Fact, Rated, is_source, snapshot, unit_of
from haocha.store import aggregates, log, members, rulebook
from haocha.store.log import Recorded

RELATED = 5  # the newest of one person and matter that a ticket is related to
Pair = tuple[str, str]


class State(NamedTuple):
    """The tickets of each case and of each person and matter (oldest first), what else is known of them, and the rules.

    `held` are the ratings that orders are about, by case; `units` the departments that exist.
    """

    tickets: dict[UUID, list[Ticket]]
    held: dict[UUID, Rating]
    related: dict[Pair, list[Ticket]]
    units: frozenset[UUID]
    rulebook: Rulebook


class OpenTicket(EventHandler):
    """Opens tickets."""

    name = "open_ticket"
    topics = tuple(SOURCES)
    where = "$.satisfaction <= 2 || !exists($.satisfaction) || exists($.orderId)"

    def key(self, event: Recorded) -> str:
        """Name the case, or the source where it has none."""
        return str(self._case(event) or event.originator_id)

    async def load(self, connection: asyncpg.Connection, batch: Sequence[Recorded], _cursor: str | None) -> State:
        """Read the tickets of the events' cases, whether their departments exist, and the rules."""
        cases = {case for event in batch if (case := self._case(event))}
        pairs = sorted({pair for recorded in batch if all(pair := _pair(recorded.event))})
        staff, matters = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        known = [
            *await connection.fetch(SQL["tickets_of_cases"], [str(case) for case in cases]),
            *await connection.fetch(SQL["tickets_of_persons"], staff, matters, batch[0].position, RELATED),
        ]
        tickets: dict[UUID, list[Ticket]] = {case: [] for case in cases}
        related: dict[Pair, list[Ticket]] = {pair: [] for pair in pairs}
        streams = await log.read_streams(connection, list({row[0] for row in known}))
        for stream in sorted(streams.values(), key=lambda stream: stream[0].position):
            ticket = aggregates.replay(stream, Ticket)
            if ticket.case_id in tickets:
                tickets[ticket.case_id].append(ticket)
            if (pair := _pair(ticket.snapshot)) in related:
                related[pair].append(ticket)
        held = await self._held(connection, batch)
        units = [self._org(unit_of(recorded.event, self._of(recorded, held))) for recorded in batch]
        begun = frozenset(row[0] for row in await connection.fetch(SQL["begun"], units))
        return State(tickets, held, related, begun, await rulebook.load(connection, self.install))

    async def _held(self, connection: asyncpg.Connection, batch: Sequence[Recorded]) -> dict[UUID, Rating]:
        """Read the ratings that orders are about, those that we have."""
        orders = [recorded for recorded in batch if isinstance(recorded.event, OrderIssued)]
        cases = {case for order in orders if (case := self._case(order))}
        if not cases:
            return {}
        streams = await log.read_streams(connection, list(cases))
        return {
            case: aggregates.replay(stream, Rating)
            for case, stream in streams.items()
            if isinstance(stream[0].event, RatingSubmitted)
        }

    def _of(self, event: Recorded, held: dict[UUID, Rating]) -> Rating | None:
        """Return the rating that an order is about, where we have it."""
        case = self._case(event) if isinstance(event.event, OrderIssued) else None
        return held.get(case) if case else None

    def react(self, event: Recorded, state: State) -> Effects:
        """Open a ticket, or join the open one."""
        fact: Fact = event.event
        if not is_source(fact):
            return NOTHING
        case = self._case(event)
        tickets = state.tickets[case] if case else []
        if any(event.position in ticket.causes for ticket in tickets):
            return NOTHING
        source, source_id, held = SOURCES[event.topic], str(event.originator_id), self._of(event, state.held)
        for ticket in tickets:
            if ticket.is_open:
                ticket.join(
                    source=source,
                    source_id=source_id,
                    snapshot=snapshot(fact, held),
                    terms=state.rulebook.of(ticket.policy_version, ticket.calendar_version),
                    at=event.recorded_at,
                    cause=event.position,
                )
                return Effects([ticket])
        said, unit = snapshot(fact, held), unit_of(fact, held)
        terms = state.rulebook.at(event.position, said.area, said.dept)
        ticket = Ticket.opened(
            ids.ticket_id(self.namespace, source, source_id),
            source=source,
            source_id=source_id,
            case_id=case,
            snapshot=said,
            unit=unit if self._org(unit) in state.units else "",
            terms=terms,
            at=event.recorded_at,
            cause=event.position,
            below=_below(held.fact if held else fact),
        )
        tickets.append(ticket)
        return Effects([ticket, *self._relate(ticket, terms, event, state)])

    def _relate(self, ticket: Ticket, terms: Terms, event: Recorded, state: State) -> list[Ticket]:
        """Relate the ticket to the newest of the same person and matter; return those that hear of it too."""
        others = state.related.get(_pair(ticket.snapshot), [])
        since = event.recorded_at - timedelta(days=terms.policy.repeat_days)
        near = [other for other in others[-RELATED:] if other.opened_at >= since]
        for other in near:
            ticket.relate(
                other.id, other.number, terms=terms, at=event.recorded_at, cause=f"{event.position}|{other.id}"
            )
        told = [other for other in near if other.is_open]
        for other in told:
            own = state.rulebook.of(other.policy_version, other.calendar_version)
            other.relate(
                ticket.id, ticket.number, terms=own, at=event.recorded_at, cause=f"{event.position}|{ticket.id}"
            )
        others.append(ticket)
        return told

    def _case(self, event: Recorded) -> UUID | None:
        fact: Fact = event.event
        if isinstance(fact, FindingRecorded) or not fact.project_no:
            return None
        return ids.rating_id(self.namespace, fact.project_no, fact.service_number)

    def _org(self, dept: str) -> UUID:
        return ids.registry_id(self.namespace, "org", dept)


def _below(fact: Any) -> str:
    """Return the instance below that reported it, and has a ticket of its own; '' where it came from elsewhere."""
    return fact.client if isinstance(fact, Rated) and fact.key_kind == members.KEY_KIND else ""


def _pair(rated: Fact | Snapshot) -> Pair:
    """Return who was rated on what."""
    return rated.staff, rated.matter
