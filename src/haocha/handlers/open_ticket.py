"""Every 差评 is handled: a bad rating, 追评 or contest opens a ticket, or joins the open one of its case.

The open ticket is looked up in the log itself, by the case's id, within the transaction that appends: no read model can
be behind. The unit is the department that was rated, where the registry has such a department. Tickets of the same
person on the same matter, opened within the policy's days, are related (关联).
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from haocha.domain import ids
from haocha.domain.policy import Rulebook, Terms
from haocha.domain.rating import RatingContested, RatingSubmitted, RatingSupplemented
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Snapshot, Source
from haocha.handlers.handler import NOTHING, SQL, Effects, EventHandler
from haocha.store import aggregates, log, rulebook
from haocha.store.log import Recorded

SOURCES: dict[str, Source] = {
    RatingSubmitted.TOPIC: "rating",
    RatingSupplemented.TOPIC: "supplement",
    RatingContested.TOPIC: "contested",
}


RELATED = 5  # the newest of one person and matter that a ticket is related to
Pair = tuple[str, str]


class State(NamedTuple):
    """The tickets of each case and of each person and matter (oldest first), the departments that exist, the rules."""

    tickets: dict[UUID, list[Ticket]]
    related: dict[Pair, list[Ticket]]
    units: frozenset[UUID]
    rulebook: Rulebook


class OpenTicket(EventHandler):
    """Opens tickets."""

    name = "open_ticket"
    topics = tuple(SOURCES)
    where = "$.satisfaction <= 2"

    def key(self, event: Recorded) -> str:
        """Name the case."""
        return str(self._case(event))

    async def load(self, connection: asyncpg.Connection, batch: Sequence[Recorded], _cursor: str | None) -> State:
        """Read the tickets of the events' cases, whether their departments exist, and the rules."""
        cases = {self._case(event) for event in batch}
        named = [str(case) for case in cases]
        await connection.execute(SQL["hold_cases"], named)
        pairs = sorted({pair for recorded in batch if all(pair := _pair(recorded.event))})
        staff, matters = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
        known = [
            *await connection.fetch(SQL["tickets_of_cases"], named),
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
        units = [self._unit(recorded.event.dept) for recorded in batch]
        begun = frozenset(row[0] for row in await connection.fetch(SQL["begun"], units))
        return State(tickets, related, begun, await rulebook.load(connection, self.install))

    def react(self, event: Recorded, state: State) -> Effects:
        """Open a ticket, or join the open one."""
        rating = event.event
        if isinstance(rating, RatingContested) and rating.same:  # the first's own content, from another client
            return NOTHING
        tickets = state.tickets[self._case(event)]
        if any(event.position in ticket.causes for ticket in tickets):
            return NOTHING
        source, source_id = SOURCES[event.topic], str(event.originator_id)
        for ticket in tickets:
            if ticket.is_open:
                ticket.join(
                    source=source,
                    source_id=source_id,
                    snapshot=_snapshot(rating),
                    terms=state.rulebook.of(ticket.policy_version, ticket.calendar_version),
                    at=event.recorded_at,
                    cause=event.position,
                )
                return Effects([ticket])
        terms = state.rulebook.at(event.position, rating.area, rating.dept)
        ticket = Ticket.opened(
            ids.ticket_id(self.namespace, source, source_id),
            source=source,
            source_id=source_id,
            case_id=self._case(event),
            snapshot=_snapshot(rating),
            unit=rating.dept if self._unit(rating.dept) in state.units else "",
            terms=terms,
            at=event.recorded_at,
            cause=event.position,
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

    def _case(self, event: Recorded) -> UUID:
        return ids.rating_id(self.namespace, event.event.project_no, event.event.service_number)

    def _unit(self, dept: str) -> UUID:
        return ids.registry_id(self.namespace, "org", dept)


def _pair(rated: RatingSubmitted | RatingSupplemented | RatingContested | Snapshot) -> Pair:
    """Return who was rated on what."""
    return rated.staff, rated.matter


def _snapshot(rating: RatingSubmitted | RatingSupplemented | RatingContested) -> Snapshot:
    return Snapshot(
        project_no=rating.project_no,
        service_number=rating.service_number,
        satisfaction=rating.satisfaction,
        pf=rating.pf,
        day=rating.day,
        assess_time=rating.assess_time,
        received_at=rating.received_at,
        window=rating.window,
        staff=rating.staff,
        matter=rating.matter,
        dept=rating.dept,
        hall=rating.hall,
        area=rating.area,
        linked=rating.linked,
        eval_detail=rating.eval_detail,
        flags=rating.flags,
        named=rating.named,
        subject=rating.subject,
        texts=rating.texts,
    )
