"""Provisional deadlines are reckoned anew when the calendar is extended (`ticket.due_changed`), 500 tickets at a time.

A deadline may also be set under the older calendar after the newer one was published: by a ticket that was opened
before, or by a command that raced it. So every event that sets a provisional deadline is looked at, too.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg

from haocha.domain.aggregate import CauseHeld
from haocha.domain.policy import Rulebook
from haocha.domain.ticket import Ticket
from haocha.domain.workdays import CalendarPublished
from haocha.handlers.handler import Effects, Handler
from haocha.store import aggregates, events, log, rulebook, sql
from haocha.store.log import Recorded

SQL = sql.load(Path(__file__).with_suffix(".sql"))

SLICE = 500


class State(NamedTuple):
    """The tickets of one slice and since when they must be reckoned, the rules, and where to go on; None at the end."""

    tickets: list[tuple[Ticket, datetime]]
    rulebook: Rulebook
    cursor: str | None


class RecomputeDues(Handler):
    """Reckons provisional deadlines anew."""

    name = "recompute_dues"
    topics = (CalendarPublished.TOPIC, *(topic for topic in events.EVENTS if topic.startswith("ticket.")))
    where = "exists($.knownUntil) || exists($.provisional[*])"
    follows = "tickets"

    async def load(self, connection: asyncpg.Connection, batch: Sequence[Recorded], cursor: str | None) -> State:
        """Read the rules, the tickets of the batch, and after a calendar a slice of all that are provisional."""
        since = {e.originator_id: e.recorded_at for e in batch if e.topic != CalendarPublished.TOPIC}
        published = [e.recorded_at for e in batch if e.topic == CalendarPublished.TOPIC]
        rows = await connection.fetch(SQL["provisional"], int(cursor or 0), SLICE) if published else []
        since |= {row["id"]: published[-1] for row in rows}
        streams = await log.read_streams(connection, list(since))
        tickets = [(aggregates.replay(stream, Ticket), since[ticket]) for ticket, stream in streams.items()]
        further = str(rows[-1]["position"]) if len(rows) == SLICE else None
        return State(tickets, await rulebook.load(connection, self.install), further)

    def decide(self, batch: Sequence[Recorded], state: State) -> Effects:  # noqa: ARG002 (all it says was loaded)
        """Let each ticket reckon what is provisional under the latest calendar, where it is not the ticket's own."""
        position, latest = state.rulebook.calendars[-1]
        changed = []
        for ticket, since in state.tickets:
            if ticket.calendar_version == latest.version:
                continue
            terms = state.rulebook.of(ticket.policy_version, latest.version)
            try:
                if ticket.recompute(terms, at=max(since, ticket.modified_on), cause=position):
                    changed.append(ticket)
            except CauseHeld:  # done before
                continue
        return Effects(changed, cursor=state.cursor)
