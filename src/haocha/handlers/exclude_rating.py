"""An upheld appeal takes the ratings of its ticket out of every rate (不予采纳); reinstating puts them back.

So does the platform above when it decides (认定) that a rating does not count, or that it does.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple
from uuid import UUID

import asyncpg

from haocha.domain import ticket_events
from haocha.domain.rating import Rating
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import AppealDecided, Reopened, TicketEvent
from haocha.domain.ticket_levels import ABOVE, Overruled
from haocha.handlers.handler import NOTHING, Effects, EventHandler
from haocha.store import aggregates, log
from haocha.store.log import Recorded

RATED: Final = {"rating", "supplement", "contested"}
REINSTATED: Final = "reinstated"
RULED: Final = "above"
"""Why a rating was excluded or counts again, where neither an appeal nor a person here said so."""


class State(NamedTuple):
    """The tickets, and the ratings that they are about."""

    tickets: dict[UUID, Ticket]
    ratings: dict[UUID, Rating]


class ExcludeRating(EventHandler):
    """Excludes and reinstates."""

    name = "exclude_rating"
    topics = (ticket_events.AppealDecided.TOPIC, ticket_events.Reopened.TOPIC, Overruled.TOPIC)
    where = '$.upheld == true || $.why == "reinstated" || $.verdict == "excluded" || $.verdict == "upheld"'

    async def load(self, connection: asyncpg.Connection, batch: Sequence[Recorded], _cursor: str | None) -> State:
        """Read the tickets, then the ratings."""
        streams = await log.read_streams(connection, list({recorded.originator_id for recorded in batch}))
        tickets = {stream: aggregates.replay(told, Ticket) for stream, told in streams.items()}
        ratings = await log.read_streams(connection, [one for ticket in tickets.values() for one in _rated(ticket)])
        return State(tickets, {stream: aggregates.replay(told, Rating) for stream, told in ratings.items()})

    def react(self, event: Recorded, state: State) -> Effects:
        """Exclude what the ticket is about, or count it again; who decided and why stand in the event."""
        ticket = state.tickets[event.originator_id]
        ratings = [state.ratings[stream] for stream in _rated(ticket) if stream in state.ratings]
        excludes = _excludes(event.event)
        changed = [rating for rating in ratings if rating.excluded != excludes]
        by, reason = _said(event.event, ticket)
        for rating in changed:
            decide = rating.exclude if excludes else rating.reinstate
            decide(by=by, reason=reason, at=event.recorded_at, cause=event.position)
        return Effects(changed) if changed else NOTHING


def _excludes(event: TicketEvent) -> bool:
    return isinstance(event, AppealDecided) or (isinstance(event, Overruled) and event.verdict == "excluded")


def _said(event: TicketEvent, ticket: Ticket) -> tuple[str, str]:
    """Return who decided, and the code of why."""
    match event:
        case Overruled():
            return f"{ABOVE}{event.peer}", RULED
        case Reopened():
            return event.by.account if event.by else "", REINSTATED
        case _:
            return event.by.account if event.by else "", ticket.appeal_ground


def _rated(ticket: Ticket) -> list[UUID]:
    """Name what the ticket is about; an order is about the first rating of its case, where that is here."""
    rated = [UUID(source_id) for source, source_id in ticket.parts if source in RATED]
    if ticket.case_id is not None and any(source == "province" for source, _ in ticket.parts):
        rated.append(ticket.case_id)
    return list(dict.fromkeys(rated))
