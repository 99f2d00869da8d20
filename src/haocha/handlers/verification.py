"""The citizen's one-time link runs out (回访链接): he is asked again, or after the last attempt the ticket closes.

No answer is never satisfaction; how many attempts there are is the policy's.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid5

import asyncpg

from haocha.domain.policy import Rulebook
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import VerificationSent
from haocha.handlers.handler import NOTHING, Effects, TimedHandler, Timer
from haocha.store import aggregates, rulebook
from haocha.store.log import Recorded


class Asked(NamedTuple):
    """A ticket whose citizen was asked, and the rules."""

    ticket: Ticket
    rulebook: Rulebook


class Verification(TimedHandler):
    """Lets unanswered links lapse."""

    name = "verification"
    topics = (VerificationSent.TOPIC,)

    async def load(self, connection: asyncpg.Connection, batch: Sequence[Recorded], _cursor: str | None) -> None:
        """Read nothing: the event says it all."""

    def react(self, event: Recorded, _state: None) -> Effects:
        """Set a timer to the end of the link."""
        sent: VerificationSent = event.event
        if sent.channel != "link" or sent.expires_at is None:
            return NOTHING
        key = str(event.originator_id)
        timer_id = uuid5(event.originator_id, f"{event.originator_version}|lapse")
        return Effects(timers=[Timer(timer_id, key, sent.expires_at, {"ticket": key, "attempt": sent.attempt})])

    async def load_fired(self, connection: asyncpg.Connection, timer: Timer) -> Asked:
        """Read the ticket and the rules."""
        ticket = await aggregates.get(connection, Ticket, UUID(timer.payload["ticket"]))
        return Asked(ticket, await rulebook.load(connection, self.install))

    def fire(self, timer: Timer, state: Asked, now: datetime) -> Effects:
        """Ask again or close, unless there was an answer."""
        ticket = state.ticket
        terms = state.rulebook.of(ticket.policy_version, ticket.calendar_version)
        lapsed = ticket.lapse(timer.payload["attempt"], terms, now, cause=str(timer.id))
        return Effects([ticket]) if lapsed else NOTHING
