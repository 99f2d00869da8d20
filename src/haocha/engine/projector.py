"""Keeps the read models up to date: folds each exact range of the log once, rebuilds what changed, stops what fails.

A step is one transaction: lock the checkpoint's row, fold `(checkpoint, upto]`, move the checkpoint. Events gather
while a step runs and for a moment after it, so that under load steps grow instead of becoming many. A projection whose
statements changed is frozen (readers keep its last state) and rebuilt; one whose fold fails stops alone, at the event
that it fails on.
"""

import asyncio
import time
from datetime import UTC, datetime

import asyncpg
import structlog

from haocha.engine.rebuild import rebuild
from haocha.engine.tables import SETTINGS, SQL, Busy, create, fold
from haocha.store.db import AWAY
from haocha.store.log import Tail
from haocha.store.readmodels import Definition, definitions, position, wait_for

__all__ = ["position", "prepare", "rebuild", "run", "wait_for"]

BATCH = 5_000  # events folded in one step
PACE = 0.05  # seconds in which events gather at least; the busier, the longer: large steps cost less per event
LONGEST_PACE = 0.2
FIRST = frozenset({"scores", "services"})  # what people wait for to the second is folded before the lists
RETRY = 1.0  # seconds after the database was away
LOOK = 5.0  # seconds between two looks for something to rebuild

# Not the fold's fault: connection, rollback, resources, locks, shutdown.
PASSING = ("08", "40", "53", "55", "57", "58")

logger = structlog.get_logger(__name__)


async def run(pool: asyncpg.Pool, tail: Tail) -> None:
    """Project until cancelled; where the database is away, go on when it is back."""
    while True:
        try:
            await prepare(pool)
            break
        except AWAY as error:
            _end_if_cancelled(error)
            logger.warning("projector_waits", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(RETRY)
    async with asyncio.TaskGroup() as group:
        group.create_task(Projector(pool).follow(tail), name="projector")
        group.create_task(_rebuild_frozen(pool), name="rebuilds")


async def prepare(pool: asyncpg.Pool) -> None:
    """Create what is missing, freeze what changed, and let what failed try again."""
    for definition in definitions().values():
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["preparing"])
            rows = await connection.fetch(SQL["states"], [definition.checkpoint])
            now = datetime.now(UTC)
            if not rows:
                await create(connection, definition, "live")
                await connection.execute(SQL["register"], definition.checkpoint, definition.hash, now)
            elif rows[0]["definition"] != definition.hash:
                await connection.execute(SQL["freeze"], definition.checkpoint, now)
                logger.info("projection_frozen", projection=definition.name, position=rows[0]["position"])
            elif rows[0]["state"] == "failed":
                await connection.execute(SQL["retry"], definition.checkpoint, now)


class Projector:
    """The steps of one worker."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Fold over `pool`."""
        self._pool = pool
        self._limits: dict[str, int] = {}  # smaller than BATCH while looking for the event that a fold fails on

    async def follow(self, tail: Tail) -> None:
        """Step whenever the log has grown, until cancelled."""
        seen = 0
        in_turn = sorted(definitions().values(), key=lambda definition: definition.name not in FIRST)
        while True:
            head = await tail.wait(seen)
            started = time.perf_counter()
            try:
                behind = [await self.step(definition, head) for definition in in_turn]
            except AWAY as error:
                _end_if_cancelled(error)
                logger.warning("projector_interrupted", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(RETRY)
                continue
            if any(behind):
                await asyncio.sleep(0)
            else:
                seen = head
                busy = time.perf_counter() - started
                await asyncio.sleep(min(max(PACE, 2 * busy), LONGEST_PACE))

    async def step(self, definition: Definition, head: int) -> bool:
        """Fold one range of a projection, at most up to `head`; return whether there is more to fold now."""
        claimed: int | None = None
        upto = 0
        try:
            async with self._pool.acquire() as connection, connection.transaction():
                await connection.execute(SETTINGS["live"])
                claimed = await connection.fetchval(SQL["claim"], definition.checkpoint, definition.hash)
                if claimed is None or claimed >= head:
                    return False
                upto = min(head, claimed + self._limits.get(definition.name, BATCH))
                await fold(connection, definition, claimed, upto)
                await connection.execute(SQL["move"], definition.checkpoint, claimed, upto, datetime.now(UTC))
        except asyncpg.PostgresError as error:
            if error.sqlstate is None or error.sqlstate.startswith(PASSING) or claimed is None:
                raise
            return await self._narrow(definition, claimed, upto, error)
        if definition.name in self._limits:
            self._limits[definition.name] *= 2
            if self._limits[definition.name] >= BATCH:
                del self._limits[definition.name]
        return upto < head

    async def _narrow(self, definition: Definition, after: int, upto: int, error: asyncpg.PostgresError) -> bool:
        """Halve the range until one event stands alone; a projection that cannot fold it stops there."""
        if upto - after > 1:
            self._limits[definition.name] = (upto - after) // 2
            return True
        self._limits.pop(definition.name, None)
        await fail(self._pool, definition, f"Position {upto}: {error}")
        return False


async def fail(pool: asyncpg.Pool, definition: Definition, error: str) -> None:
    """Stop a projection; it is tried again when a worker starts, and made anew by `haocha rebuild`."""
    await pool.execute(SQL["fail"], definition.checkpoint, error, datetime.now(UTC))
    logger.error("projection_failed", projection=definition.name, error=error)


async def _rebuild_frozen(pool: asyncpg.Pool) -> None:
    """Rebuild what is frozen, one after the other, as long as the process lives."""
    while True:
        try:
            rows = await pool.fetch(SQL["states"], [definition.checkpoint for definition in definitions().values()])
            frozen = {row["name"] for row in rows if row["state"] == "frozen"}
            for definition in definitions().values():
                if definition.checkpoint in frozen:
                    await _rebuild(pool, definition)
        except AWAY as error:
            _end_if_cancelled(error)
            logger.warning("rebuild_interrupted", error=f"{type(error).__name__}: {error}")
        await asyncio.sleep(LOOK)


async def _rebuild(pool: asyncpg.Pool, definition: Definition) -> None:
    try:
        await rebuild(pool, definition.name)
    except Busy:
        logger.info("rebuild_elsewhere", projection=definition.name)
    except asyncpg.PostgresError as error:
        if error.sqlstate is None or error.sqlstate.startswith(PASSING):
            raise
        await fail(pool, definition, f"While it was rebuilt: {error}")


def _end_if_cancelled(error: Exception) -> None:
    """End a cancelled task: a rollback on a lost connection fails with an error that hides the cancellation."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError from error
