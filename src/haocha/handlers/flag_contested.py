"""A case rated twice with different content is a finding (疑似异常) on the first rating, for a person to look at."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from haocha.domain.rating import Rating, RatingContested
from haocha.handlers.handler import NOTHING, Effects, EventHandler
from haocha.store import aggregates, log
from haocha.store.log import Recorded

FINDING = "contested"


class FlagContested(EventHandler):
    """Raises the finding on the stream that the contest is about."""

    name = "flag_contested"
    topics = (RatingContested.TOPIC,)

    def key(self, event: Recorded) -> str:
        """Name the contested rating."""
        return str(event.event.first)

    async def load(
        self, connection: asyncpg.Connection, batch: Sequence[Recorded], _cursor: str | None
    ) -> dict[UUID, Rating]:
        """Read the contested ratings."""
        streams = await log.read_streams(connection, list({recorded.event.first for recorded in batch}))
        return {stream: aggregates.replay(told, Rating) for stream, told in streams.items()}

    def react(self, event: Recorded, state: dict[UUID, Rating]) -> Effects:
        """Flag it once per contest; the same content from another client is none."""
        if event.event.same:
            return NOTHING
        rating = state[event.event.first]
        rating.flag(FINDING, {"contest": str(event.originator_id)}, at=event.recorded_at, cause=event.position)
        return Effects([rating])
