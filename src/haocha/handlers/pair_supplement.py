"""A 追评 may come before its first rating; one whose first has not come after 7 days is a finding (疑似异常)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

import asyncpg

from haocha.domain.rating import Rating, RatingSupplemented
from haocha.handlers.handler import NOTHING, SQL, Effects, TimedHandler, Timer
from haocha.store import aggregates
from haocha.store.log import Recorded

FINDING = "unpaired"
PATIENCE = timedelta(days=7)


class Pair(NamedTuple):
    """A 追评, and whether its first rating is there by now."""

    supplement: Rating
    first_is_there: bool


class PairSupplement(TimedHandler):
    """Waits for first ratings."""

    name = "pair_supplement"
    topics = (RatingSupplemented.TOPIC,)

    async def load(
        self, connection: asyncpg.Connection, batch: Sequence[Recorded], _cursor: str | None
    ) -> frozenset[UUID]:
        """Read which of the first ratings are there."""
        rows = await connection.fetch(SQL["begun"], [recorded.event.first for recorded in batch])
        return frozenset(row[0] for row in rows)

    def react(self, event: Recorded, state: frozenset[UUID]) -> Effects:
        """Set a timer where the first rating is missing."""
        if event.event.first in state:
            return NOTHING
        due_at = event.recorded_at + PATIENCE
        payload = {"supplement": str(event.originator_id), "first": str(event.event.first)}
        return Effects(timers=[Timer(uuid5(event.originator_id, FINDING), str(event.originator_id), due_at, payload)])

    async def load_fired(self, connection: asyncpg.Connection, timer: Timer) -> Pair:
        """Read the 追评, and look for its first rating again."""
        supplement = await aggregates.get(connection, Rating, UUID(timer.payload["supplement"]))
        there = await connection.fetchval(SQL["begun"], [UUID(timer.payload["first"])])
        return Pair(supplement, there is not None)

    def fire(self, timer: Timer, state: Pair, now: datetime) -> Effects:
        """Raise the finding where the first rating is still missing."""
        if state.first_is_there:
            return NOTHING
        detail = {
            "first": timer.payload["first"],
            "dueAt": timer.due_at.isoformat(),
            "firedAt": now.isoformat(),
        }
        state.supplement.flag(FINDING, detail, at=now, cause=str(timer.id))
        return Effects([state.supplement])
