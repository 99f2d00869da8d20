"""An upheld appeal takes the ratings of its ticket out of every rate (不予采纳); reinstating puts them back."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import asyncpg

from haocha.domain import ticket_events
from haocha.domain.rating import Rating
from haocha.domain.ticket import Ticket
from haocha.handlers.handler import NOTHING, Effects, EventHandler
from haocha.store import aggregates, log
from haocha.store.log import Recorded

RATED = {"rating", "supplement", "contested"}
REINSTATED = "reinstated"


class State(NamedTuple):
    """The tickets, and the ratings that they are about."""

    tickets: dict[UUID, Ticket]
    ratings: dict[UUID, Rating]


class ExcludeRating(EventHandler):
    """Excludes and reinstates."""

    name = "exclude_rating"
    topics = (ticket_events.AppealDecided.TOPIC, ticket_events.Reopened.TOPIC)
    where = '$.upheld == true || $.why == "reinstated"'

    async def load(self, connection: asyncpg.Connection, batch: Sequence[Recorded], _cursor: str | None) -> State:
        """Read the tickets, then the ratings."""
        streams = await log.read_streams(connection, list({recorded.originator_id for recorded in batch}))
        tickets = {stream: aggregates.replay(told, Ticket) for stream, told in streams.items()}
        ratings = await log.read_streams(connection, [one for ticket in tickets.values() for one in _rated(ticket)])
        return State(tickets, {stream: aggregates.replay(told, Rating) for stream, told in ratings.items()})

    def react(self, event: Recorded, state: State) -> Effects:
        """Exclude what the appeal was about, or count it again; who decided and why stand in the event."""
        ticket, by = state.tickets[event.originator_id], event.event.by
        ratings = [state.ratings[stream] for stream in _rated(ticket) if stream in state.ratings]
        upheld = isinstance(event.event, ticket_events.AppealDecided)
        changed = [rating for rating in ratings if rating.excluded != upheld]
        for rating in changed:
            decide = rating.exclude if upheld else rating.reinstate
            decide(
                by=by.account if by else "",
                reason=ticket.appeal_ground if upheld else REINSTATED,
                at=event.recorded_at,
                cause=event.position,
            )
        return Effects(changed) if changed else NOTHING


def _rated(ticket: Ticket) -> list[UUID]:
    return [UUID(source_id) for source, source_id in ticket.parts if source in RATED]
