"""Events that a handler could not deal with: what they are, and another try when what was wrong has been mended."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

import asyncpg

from haocha.engine.reactor import SQL, Poisoned, Raced, checkpoint, decide, park, read, take
from haocha.handlers.handler import Handler

LATE = timedelta(minutes=5)  # a timer that is due for longer has failed, or no worker runs


class Parked(NamedTuple):
    """An event that waits for another try."""

    handler: str
    position: int
    key: str
    error: str
    attempts: int
    parked_at: datetime
    topic: str
    stream: UUID


class Overdue(NamedTuple):
    """A timer that should have fired."""

    timer: UUID
    handler: str
    key: str
    due_at: datetime


async def parked(pool: asyncpg.Pool, position: int | None = None) -> list[Parked]:
    """Return the parked events in the order of the log, or those at one position."""
    return [Parked(*row) for row in await pool.fetch(SQL["parked"], position)]


async def overdue(pool: asyncpg.Pool) -> list[Overdue]:
    """Return the timers that are late."""
    return [Overdue(*row) for row in await pool.fetch(SQL["overdue_timers"], datetime.now(UTC) - LATE)]


async def retry(pool: asyncpg.Pool, handlers: Mapping[str, Handler], event: Parked) -> str | None:
    """Deal with a parked event now; return None when it is done, else why it stays parked."""
    handler = handlers.get(event.handler)
    if handler is None:
        return f"There is no handler {event.handler} any more."
    cursor = None
    async with pool.acquire() as connection:
        while True:
            try:
                async with connection.transaction():
                    await connection.execute(SQL["hold"], checkpoint(handler))
                    first = await connection.fetchval(SQL["blocked_by"], handler.name, event.position, event.key)
                    if first is not None:
                        return f"Waits behind position {first}: retry that one first."
                    batch = read(await connection.fetch(SQL["event"], event.position))
                    effects = await decide(connection, handler, batch, cursor)
                    await take(connection, handler, effects)
                    if effects.cursor is None:
                        await connection.execute(SQL["unpark"], handler.name, event.position)
                        return None
                    cursor = effects.cursor
            except Raced:
                continue
            except Poisoned as error:
                await park(connection, handler, event.position, event.key, str(error))
                return str(error)
