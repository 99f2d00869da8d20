"""Rebuilds a projection blue/green: from nothing in the schema `next`, then swapped in, while ingest and readers go on.

The swap is one short transaction: lock the checkpoint, fold what came meanwhile, drop the old tables, move in the new.
It never waits long for a reader (who would make all others wait behind it), but gives way and tries again.
"""

import asyncio
from datetime import UTC, datetime

import asyncpg
import structlog

from haocha.engine.tables import (
    PATIENCE,
    SETTINGS,
    SQL,
    Progress,
    alone,
    create,
    drop,
    fill,
    fold,
    quiet,
    run_all,
)
from haocha.store import log
from haocha.store.readmodels import Definition, definitions

ATTEMPTS = 300  # at a swap; readers end within a minute
PAUSE = 0.1  # seconds, longer each time
LONGEST_PAUSE = 2.0

logger = structlog.get_logger(__name__)


async def rebuild(pool: asyncpg.Pool, name: str, progress: Progress = quiet) -> int:
    """Rebuild the projection `name` and return the position it then has; raises `Busy`, or what its fold fails with."""
    definition = definitions()[name]
    async with pool.acquire() as connection, alone(connection, definition, "next"):
        await create(connection, definition, "next")
        position = await fill(connection, definition, "next", 0, progress)
        await run_all(connection, "analyze", definition, "next")
        for attempt in range(ATTEMPTS):
            try:
                position = await _swap(connection, definition, position)
            except (asyncpg.LockNotAvailableError, asyncpg.DeadlockDetectedError):
                await asyncio.sleep(min(PAUSE * (attempt + 1), LONGEST_PAUSE))
                position = await fill(connection, definition, "next", position, progress)
            else:
                progress(position, position)
                logger.info("projection_rebuilt", projection=name, position=position)
                return position
    raise TimeoutError(f"{name} is rebuilt, but readers held its tables for minutes: end long queries and try again.")


async def _swap(connection: asyncpg.Connection, definition: Definition, position: int) -> int:
    """Fold the last range and put the new tables in the old ones' place; raises LockNotAvailableError."""
    async with connection.transaction():
        await connection.execute(SETTINGS["next"])
        await connection.execute(SETTINGS["swap"])
        await connection.execute(SQL["preparing"])  # a worker that starts just now makes no tables in between
        held = await connection.fetchval(SQL["hold"], definition.checkpoint)
        if held is None:
            await connection.execute(SQL["register"], definition.checkpoint, definition.hash, datetime.now(UTC))
        upto = max(held or 0, await log.head(connection))
        await fold(connection, definition, position, upto, timeout=PATIENCE)
        await drop(connection, definition, "live")
        await run_all(connection, "promote", definition, "next")
        await connection.execute(SQL["swapped"], definition.checkpoint, upto, definition.hash, datetime.now(UTC))
    return upto
