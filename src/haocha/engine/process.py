"""The worker and the sync process, each by itself, and the signals that end them or the web process in order."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator

import structlog

from haocha.engine import syncing, worker
from haocha.settings import Settings
from haocha.store.db import open_pool
from haocha.store.instance import Instance, open_instance

log = structlog.get_logger(__name__)

POOL_SIZE = 6
SHARED = 4
"""Connections of the sync process beside those that each peer has."""
NICE = 10
"""By how much the sync process stands back behind those that take ratings in."""


@contextlib.contextmanager
def on_signal(stop: Callable[[], None]) -> Iterator[None]:
    """Call `stop` on SIGINT and SIGTERM instead of dying of them."""
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        loop.add_signal_handler(number, stop)
    try:
        yield
    finally:
        for number in signals:
            loop.remove_signal_handler(number)


async def run(settings: Settings) -> None:
    """Work until a signal comes, on the instance of `settings`; keep its embedded server up meanwhile."""
    stop = asyncio.Event()
    with on_signal(stop.set):
        async with open_instance(settings) as instance, asyncio.TaskGroup() as group:
            supervising = group.create_task(instance.supervise())
            working = group.create_task(work(instance))
            log.info("working")
            await stop.wait()
            log.info("stopping")
            working.cancel()
            await asyncio.wait([working])
            supervising.cancel()


async def work(instance: Instance) -> None:
    """Run the worker on a pool of its own, so that it never takes a connection from those who write."""
    pool = await open_pool(instance.dsn, size=POOL_SIZE)
    try:
        await worker.run(instance, pool)
    finally:
        pool.terminate()


async def sync(settings: Settings) -> None:
    """Report to every peer until a signal comes; the database is kept up by others."""
    os.nice(NICE)
    stop = asyncio.Event()
    with on_signal(stop.set):
        async with open_instance(settings, migrate=False) as instance:
            pool = await open_pool(instance.dsn, size=SHARED + sum(peer.concurrency + 3 for peer in settings.peers))
            try:
                working = asyncio.create_task(syncing.work(settings, pool))
                ending = asyncio.create_task(stop.wait())
                await asyncio.wait([working, ending], return_when=asyncio.FIRST_COMPLETED)
                ending.cancel()
                if working.done():
                    await working
                working.cancel()
                await asyncio.wait([working])
            finally:
                pool.terminate()
