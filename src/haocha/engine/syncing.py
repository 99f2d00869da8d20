"""The sync process: one sender per peer, and what comes down from them, apart from the process that takes ratings in.

Enciphering keeps a processor busy for milliseconds at a time, so it must not share a loop with those who rate, and runs
at a lower priority. The worker starts this process where there are peers, and starts it again when it ends.
"""

import asyncio
import sys
from typing import NoReturn

import asyncpg
import structlog

from haocha.engine import orders
from haocha.engine.outbox import Sender
from haocha.settings import Settings
from haocha.store import install as installs
from haocha.store import registry as registry_store
from haocha.store.log import Tail
from haocha.store.vault import Vault
from haocha.sync import reconcile
from haocha.sync.contents import Reader
from haocha.sync.dialect import dialect_of

RESTART = 2.0  # seconds
PATIENCE = 5.0  # seconds to end in order

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
            group.create_task(Sender(pool, dialect, reader).run(), name=f"{peer.name}: sender")
            group.create_task(orders.run(pool, settings, peer), name=f"{peer.name}: orders")
            if dialect.listable:
                group.create_task(reconcile.daily(pool, settings, peer, dialect), name=f"{peer.name}: reconciliation")
        logger.info("syncing", peers=[peer.name for peer in settings.peers])


async def supervise(settings: Settings) -> NoReturn:
    """Keep the sync process running beside this one; it ends with us, however we end: it reads our pipe's end."""
    command = (sys.executable, "-m", "haocha", "sync", "run", "--attached", "--data", str(settings.data))
    while True:
        process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.PIPE)
        try:
            code = await process.wait()
        except asyncio.CancelledError:
            await _end(process)
            raise
        logger.error("sync_ended", code=code)
        await asyncio.sleep(RESTART)


async def _end(process: asyncio.subprocess.Process) -> None:
    process.terminate()
    try:
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
