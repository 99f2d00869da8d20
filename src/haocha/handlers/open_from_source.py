"""Complaints (投诉意见) and findings (查评问题) open tickets, or join the open one of their case: the same loop.

A complaint that says satisfied (level 3 and better, as a 综合点评 may) opens none. An inspection has no case: each
finding is a ticket of its own.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from haocha.domain import ids
from haocha.domain.codes import BAD_LEVELS
from haocha.domain.complaint import ComplaintReceived
from haocha.domain.inspection import FindingRecorded
from haocha.domain.policy import Rulebook
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Snapshot, Source
from haocha.handlers.handler import NOTHING, SQL, Effects, EventHandler
from haocha.store import aggregates, log, rulebook
from haocha.store.log import Recorded


class State(NamedTuple):
    """The tickets of each case, the departments that exist, and the rules."""

    tickets: dict[UUID, list[Ticket]]
    units: frozenset[UUID]
    rulebook: Rulebook


class OpenFromSource(EventHandler):
    """Opens tickets for what is no rating."""

    name = "open_from_source"
    topics = (ComplaintReceived.TOPIC, FindingRecorded.TOPIC)

    def key(self, event: Recorded) -> str:
        """Name the case, or the source where it has none."""
        return str(self._case(event) or event.originator_id)

    async def load(self, connection: asyncpg.Connection, batch: Sequence[Recorded], _cursor: str | None) -> State:
        """Read the tickets of the events' cases, whether their units exist, and the rules."""
        cases = {case for event in batch if (case := self._case(event))}
        named = [str(case) for case in cases]
        await connection.execute(SQL["hold_cases"], named)
        known = [row[0] for row in await connection.fetch(SQL["tickets_of_cases"], named)]
        tickets: dict[UUID, list[Ticket]] = {case: [] for case in cases}
        for stream in (await log.read_streams(connection, known)).values():
            ticket = aggregates.replay(stream, Ticket)
            if ticket.case_id is not None:
                tickets[ticket.case_id].append(ticket)
        units = [self._org(unit_of(recorded.event)) for recorded in batch]
        begun = frozenset(row[0] for row in await connection.fetch(SQL["begun"], units))
        return State(tickets, begun, await rulebook.load(connection, self.install))

    def react(self, event: Recorded, state: State) -> Effects:
        """Open a ticket, or join the open one."""
        fact = event.event
        if isinstance(fact, ComplaintReceived) and fact.satisfaction and fact.satisfaction not in BAD_LEVELS:
            return NOTHING
        case, source_id = self._case(event), str(event.originator_id)
        source: Source = "complaint" if isinstance(fact, ComplaintReceived) else "inspection"
        of_case = state.tickets.get(case, []) if case else []
        if any(event.position in ticket.causes for ticket in of_case):
            return NOTHING
        for ticket in of_case:
            if ticket.is_open:
                ticket.join(
                    source=source,
                    source_id=source_id,
                    snapshot=snapshot(fact),
                    terms=state.rulebook.of(ticket.policy_version, ticket.calendar_version),
                    at=event.recorded_at,
                    cause=event.position,
                )
                return Effects([ticket])
        unit = unit_of(fact)
        ticket = Ticket.opened(
            ids.ticket_id(self.namespace, source, source_id),
            source=source,
            source_id=source_id,
            case_id=case,
            snapshot=snapshot(fact),
            unit=unit if self._org(unit) in state.units else "",
            terms=state.rulebook.at(event.position, fact.area, fact.dept),
            at=event.recorded_at,
            cause=event.position,
        )
        of_case.append(ticket)
        return Effects([ticket])

    def _case(self, event: Recorded) -> UUID | None:
        fact = event.event
        if isinstance(fact, FindingRecorded) or not fact.project_no:
            return None
        return ids.rating_id(self.namespace, fact.project_no, fact.service_number)

    def _org(self, dept: str) -> UUID:
        return ids.registry_id(self.namespace, "org", dept)


def unit_of(fact: ComplaintReceived | FindingRecorded) -> str:
    """Return who is to put it right: whom the inspector named, else the place's department."""
    return (fact.unit if isinstance(fact, FindingRecorded) else "") or fact.dept


def snapshot(fact: ComplaintReceived | FindingRecorded) -> Snapshot:
    """Return what the ticket keeps of its source."""
    if isinstance(fact, FindingRecorded):
        return Snapshot(
            day=fact.found_on,
            received_at=fact.received_at,
            window=fact.window,
            staff=fact.staff,
            matter=fact.matter,
            dept=fact.dept,
            hall=fact.hall,
            area=fact.area,
            linked=fact.linked,
            subject=fact.subject,
            texts=fact.texts,
            standard=fact.standard,
            evidence=fact.evidence,
        )
    return Snapshot(
        project_no=fact.project_no,
        service_number=fact.service_number,
        satisfaction=fact.satisfaction,
        day=fact.day,
        assess_time=fact.occurred_at,
        received_at=fact.received_at,
        window=fact.window,
        staff=fact.staff,
        matter=fact.matter,
        dept=fact.dept,
        hall=fact.hall,
        area=fact.area,
        linked=fact.linked,
        named=fact.named,
        subject=fact.subject,
        texts=fact.texts,
        kind=fact.kind,
    )
