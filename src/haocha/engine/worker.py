"""The worker: projections, handlers, timers, the courier, one task each. Any number of workers may run on one log."""

import asyncio
from datetime import UTC, datetime

import asyncpg
import structlog

from haocha.engine import projector, syncing
from haocha.engine.courier import Courier
from haocha.engine.reactor import RETRY, Reactor
from haocha.engine.timers import Timers
from haocha.handlers import handlers
from haocha.store import install as installs
from haocha.store import rulebook
from haocha.store.db import AWAY
from haocha.store.install import Install
from haocha.store.instance import Instance
from haocha.store.log import Tail

logger = structlog.get_logger(__name__)


async def run(instance: Instance, pool: asyncpg.Pool) -> None:
    """Follow the log of `instance` until cancelled, through restarts of its database."""
    install = await _prepare(pool)
    ours = handlers(install, instance.settings.peers)
    tail = Tail(pool)
    async with tail.running(), asyncio.TaskGroup() as group:
        group.create_task(projector.run(pool, tail), name="projector")
        group.create_task(Reactor(pool, ours).run(tail), name="reactor")
        group.create_task(Timers(pool, ours).run(), name="timers")
        group.create_task(Courier(pool, instance.settings).run(), name="courier")
        if instance.settings.peers:
            group.create_task(syncing.supervise(instance.settings), name="sync")
        logger.info("worker_started", data=str(instance.settings.data), handlers=[handler.name for handler in ours])


async def _prepare(pool: asyncpg.Pool) -> Install:
    """Read the install, and publish the first policy and calendar; wait for the database where it is away."""
    while True:
        try:
            async with pool.acquire() as connection:
                install = await installs.load(connection)
                await rulebook.seed(connection, install, datetime.now(UTC))
                return install
        except AWAY as error:
            logger.warning("worker_waits", error=type(error).__name__)
            await asyncio.sleep(RETRY)
