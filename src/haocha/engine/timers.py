"""Fires what is due: the oldest timer of a key first, its effects and `fired_at` in one transaction.

A worker that was down finds every due step in order. A timer that fails stays due; it is tried again a minute later and
`haocha parked` shows it meanwhile.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import msgspec
import structlog

from haocha.domain.aggregate import CauseHeld
from haocha.engine.reactor import RETRY, SQL, Poisoned, Raced, take
from haocha.handlers.handler import NOTHING, Effects, Handler, TimedHandler, Timer
from haocha.store.db import AWAY

LONGEST_SLEEP = 5.0  # seconds: another worker may have set an earlier timer
TRY_AGAIN = timedelta(minutes=1)

logger = structlog.get_logger(__name__)


class Timers:
    """The timers of one worker's handlers."""

    def __init__(self, pool: asyncpg.Pool, handlers: Sequence[Handler]) -> None:
        """Fire the timers that `handlers` set."""
        self.pool = pool
        self.handlers = {handler.name: handler for handler in handlers if isinstance(handler, TimedHandler)}
        self._failed: dict[UUID, datetime] = {}  # when to try again

    async def run(self) -> None:
        """Fire what is due until cancelled; where the database is away, try again."""
        while True:
            try:
                while await self.fire_one(datetime.now(UTC)):
                    pass
                await asyncio.sleep(await self._sleep())
            except AWAY as error:
                logger.warning("timers_interrupted", error=type(error).__name__)
                await asyncio.sleep(RETRY)

    async def fire_one(self, now: datetime) -> bool:
        """Fire the oldest timer that is due at `now` and free; say whether there was one."""
        self._failed = {timer: again for timer, again in self._failed.items() if again > now}
        async with self.pool.acquire() as connection:
            try:
                async with connection.transaction():
                    row = await connection.fetchrow(SQL["claim_timer"], now, list(self.handlers), list(self._failed))
                    if row is None:
                        return False
                    timer = Timer(row["id"], row["key"], row["due_at"], msgspec.json.decode(row["payload"]))
                    handler = self.handlers[row["handler"]]
                    await connection.execute(SQL["fired"], timer.id, now)
                    await take(connection, handler, await _decide(connection, handler, timer, now))
            except Raced:
                pass
            except Poisoned as error:
                self._failed[timer.id] = now + TRY_AGAIN
                logger.error("timer_failed", handler=handler.name, timer=str(timer.id), error=str(error))  # noqa: TRY400
        return True

    async def _sleep(self) -> float:
        due: datetime | None = await self.pool.fetchval(SQL["next_timer"], list(self.handlers))
        if due is None:
            return LONGEST_SLEEP
        return min(LONGEST_SLEEP, max(RETRY, (due - datetime.now(UTC)).total_seconds()))


async def _decide(connection: asyncpg.Connection, handler: TimedHandler, timer: Timer, now: datetime) -> Effects:
    try:
        return handler.fire(timer, await handler.load_fired(connection, timer), now)
    except CauseHeld:  # done before
        return NOTHING
    except AWAY:
        raise
    except Exception as error:
        raise Poisoned(f"{type(error).__name__}: {error}") from error
