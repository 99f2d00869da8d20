"""What the platform above says of its ticket happens to ours: its verdict overrules, its urgings urge (催办、督办).

A verdict may come before its order, and an order before its ticket is open. So this looks from both sides: when
something is said, for the ticket of its order; when an order has a ticket at last, for what was said of it before.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from haocha.domain import ticket_events
from haocha.domain.order import Urged, VerdictGiven
from haocha.domain.policy import Rulebook
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Joined, Opened
from haocha.handlers.handler import NOTHING, SQL, Effects, EventHandler
from haocha.store import aggregates, events, log, rulebook
from haocha.store.log import Recorded


class State(NamedTuple):
    """The ticket of each order, what was said of each, in the order it came, and the rules."""

    tickets: dict[UUID, Ticket]
    said: dict[UUID, list[Recorded]]
    rulebook: Rulebook


class Obey(EventHandler):
    """Obeys."""

    name = "obey"
    topics = (VerdictGiven.TOPIC, Urged.TOPIC, Opened.TOPIC, Joined.TOPIC)
    where = 'exists($.order) || $.source == "province"'

    def key(self, event: Recorded) -> str:
        """Name the order."""
        return str(_order(event))

    async def load(self, connection: asyncpg.Connection, batch: Sequence[Recorded], _cursor: str | None) -> State:
        """Read the orders' tickets, and what was said of the orders up to the end of the batch."""
        orders = sorted({str(_order(event)) for event in batch})
        rows = await connection.fetch(SQL["tickets_of_orders"], orders)
        tickets = await _tickets(connection, dict(rows))
        said: dict[UUID, list[Recorded]] = {}
        for position, stream, version, topic, state, at in await connection.fetch(
            SQL["said_of_orders"], orders, batch[-1].position
        ):
            fact = events.decode(topic, state, stream, version)
            said.setdefault(fact.order, []).append(Recorded(position, stream, version, topic, fact, at))
        return State(tickets, said, await rulebook.load(connection, self.install))

    def react(self, event: Recorded, state: State) -> Effects:
        """Do what was said up to this event and is not done yet."""
        order = _order(event)
        ticket = state.tickets.get(order)
        if ticket is None:
            return NOTHING
        version = ticket.version
        for word in state.said.get(order, []):
            if word.position not in ticket.causes:
                _obey(word, ticket, state.rulebook, event)
        return Effects([ticket]) if ticket.version > version else NOTHING


def _obey(word: Recorded, ticket: Ticket, rules: Rulebook, event: Recorded) -> None:
    """Let a verdict or an urging happen to a ticket; its position is the cause."""
    terms = rules.of(ticket.policy_version, ticket.calendar_version)
    at = max(event.recorded_at, word.recorded_at, ticket.modified_on)
    match word.event:
        case VerdictGiven() as given:
            ticket.overrule(
                given.verdict,
                peer=given.peer,
                order=given.order,
                reason=given.reason,
                terms=terms,
                at=at,
                cause=word.position,
            )
        case Urged() as urged:
            ticket.urge(urged.level, peer=urged.peer, note=urged.note, terms=terms, at=at, cause=word.position)


def _order(event: Recorded) -> UUID:
    fact = event.event
    return fact.order if isinstance(fact, VerdictGiven | Urged) else UUID(fact.source_id)


async def _tickets(connection: asyncpg.Connection, orders: dict[UUID, UUID]) -> dict[UUID, Ticket]:
    """Read the tickets of orders; of one that was merged, the ticket that it was merged into."""
    told: dict[UUID, list[Recorded]] = {}
    wanted = set(orders.values())
    while wanted:
        read = await log.read_streams(connection, list(wanted))
        told |= read
        wanted = {into for stream in read.values() if (into := _into(stream))} - told.keys()
    tickets = {stream: aggregates.replay(one, Ticket) for stream, one in told.items()}
    return {order: tickets[_end(stream, told)] for order, stream in orders.items()}


def _into(stream: Sequence[Recorded]) -> UUID | None:
    """Return what a ticket was merged into."""
    merged = [one.event.into for one in stream if isinstance(one.event, ticket_events.Merged)]
    return merged[-1] if merged else None


def _end(ticket: UUID, told: dict[UUID, list[Recorded]]) -> UUID:
    """Follow the mergers of a ticket; two that were merged into each other end where it began."""
    seen = {ticket}
    while (into := _into(told[ticket])) is not None and into not in seen:
        seen.add(into)
        ticket = into
    return ticket
