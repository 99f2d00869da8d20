"""The sync process: one sender per peer, and what comes down from them, apart from the process that takes ratings in.

Enciphering keeps a processor busy for milliseconds at a time, so it must not share a loop with those who rate, and runs
at a lower priority. The worker starts this process where there are peers, and starts it again when it ends.
"""

import asyncio
import random
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import NoReturn

import asyncpg
import structlog

from haocha import children
from haocha.engine import orders
from haocha.engine.outbox import Sender
from haocha.engine.pace import LONGEST_PAUSE, pause
from haocha.settings import Settings
from haocha.store import install as installs
from haocha.store import registry as registry_store
from haocha.store.log import Tail
from haocha.store.vault import Vault
from haocha.sync import reconcile
from haocha.sync.contents import Reader
from haocha.sync.dialect import dialect_of

STEADY = 60.0  # seconds after which whoever failed has not failed again and again

logger = structlog.get_logger(__name__)


async def work(settings: Settings, pool: asyncpg.Pool) -> None:
    """Send, pull and reconcile until cancelled."""
    install = await installs.load(pool)
    registry = await registry_store.load(pool)
    reader = Reader(install.namespace, Vault(settings.keys), registry, settings.url)
    async with Tail(pool).running() as tail, asyncio.TaskGroup() as group:
        group.create_task(registry_store.follow(registry, tail, pool), name="registry")
        for peer in settings.peers:
            dialect = dialect_of(peer)
            sender = Sender(pool, dialect, reader)
            group.create_task(steadily(f"{peer.name}: sender", sender.run))
            group.create_task(steadily(f"{peer.name}: orders", partial(orders.run, pool, settings, peer)))
            if dialect.listable:
                daily = partial(reconcile.daily, pool, settings, peer, dialect)
                group.create_task(steadily(f"{peer.name}: reconciliation", daily))
        logger.info("syncing", peers=[peer.name for peer in settings.peers])


async def steadily(name: str, run: Callable[[], Awaitable[None]], longest: timedelta = LONGEST_PAUSE) -> None:
    """Run a task until it ends; one that fails begins again, later and later: one peer's trouble is no other's."""
    failures = 0
    while True:
        began = time.monotonic()
        try:
            return await run()
        except Exception as error:  # noqa: BLE001 (whatever it is; its words may hold what a platform or citizen wrote)
            failures = 1 if time.monotonic() - began > STEADY else failures + 1
            logger.error("sync_task_failed", task=name, errors=sorted(_kinds(error)), failures=failures)  # noqa: TRY400
            await asyncio.sleep(pause(failures, random.random(), longest).total_seconds())  # noqa: S311 (spreads)


def _kinds(error: BaseException) -> set[str]:
    """Name an error, of a group all that are in it."""
    if isinstance(error, BaseExceptionGroup):
        return set().union(*map(_kinds, error.exceptions))
    return {type(error).__name__}


async def supervise(settings: Settings) -> None:
    """Keep the sync process running beside this one; it ends with us, however we end: it reads our pipe's end."""
    command = (sys.executable, "-m", "haocha", "sync", "run", "--attached", "--data", str(settings.data))
    await steadily("process", partial(_attend, command))


class Ended(Exception):
    """The sync process ended by itself, with this code."""


async def _attend(command: Sequence[str]) -> NoReturn:
    """Start the sync process and wait for its end; raises `Ended`."""
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        await children.end(process)
        raise
    logger.error("sync_ended", code=code)
    raise Ended(code)
