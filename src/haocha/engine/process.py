"""The worker as a process of its own, and the signals that end it or the web process in order."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Iterator

import structlog

from haocha.engine import worker
from haocha.settings import Settings
from haocha.store.db import open_pool
from haocha.store.instance import Instance, open_instance

log = structlog.get_logger(__name__)

POOL_SIZE = 6


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
