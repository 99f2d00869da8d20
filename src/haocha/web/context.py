"""What every request needs: opened once by a web process, closed after the last answer."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Hashable
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg

from haocha.domain.indicators import Indicators
from haocha.domain.registry import Registry
from haocha.settings import Settings
from haocha.store import indicators as indicator_store
from haocha.store import install as installation
from haocha.store import registry as registry_store
from haocha.store.db import open_pool
from haocha.store.install import Install
from haocha.store.instance import Instance
from haocha.store.keys import Clients
from haocha.store.log import Batcher, Tail
from haocha.store.people import People
from haocha.store.rulebook import Rules
from haocha.store.vault import Vault
from haocha.web import metrics
from haocha.web.limits import Limiter

PUBLIC_PER_MINUTE = 600  # of one address: a hall full of people may stand behind it
LOGINS_PER_MINUTE = 60  # of one address: an office; each account has its own lock besides


@dataclass(frozen=True, slots=True, eq=False)
class Context:
    """The web process's parts."""

    settings: Settings
    pool: asyncpg.Pool
    install: Install
    batcher: Batcher
    registry: Registry
    indicators: Indicators
    tail: Tail
    clients: Clients
    people: People
    vault: Vault
    rules: Rules
    digest_key: bytes
    receipt_key: bytes
    key_limits: Limiter
    public_limits: Limiter
    login_limits: Limiter
    stopping: asyncio.Event = field(default_factory=asyncio.Event)  # set when streams of events are to end
    counted: OrderedDict[Hashable, dict[str, int]] = field(default_factory=OrderedDict)  # queues, see queues.counts

    def now(self) -> datetime:
        """Return the time of receipt; nothing below a route reads the clock."""
        return datetime.now(UTC)


@contextlib.asynccontextmanager
async def open_context(instance: Instance, pool: asyncpg.Pool | None = None) -> AsyncIterator[Context]:
    """Open the parts of a web process on `instance`; on leaving, commit what was taken and stop following the log."""
    settings = instance.settings
    async with contextlib.AsyncExitStack() as stack:
        if pool is None:
            pool = await open_pool(instance.dsn)
            stack.push_async_callback(pool.close)
        install = await installation.load(pool)
        registry = await registry_store.load(pool)
        indicators = await indicator_store.load(pool)
        tail = await stack.enter_async_context(Tail(pool).running())
        clients, people = Clients(pool), People(pool)
        following = [
            asyncio.create_task(registry_store.follow(registry, tail, pool), name="registry"),
            asyncio.create_task(indicator_store.follow(indicators, tail, pool), name="indicators"),
            asyncio.create_task(clients.follow(), name="keys"),
            asyncio.create_task(people.follow(), name="accounts"),
        ]
        stack.push_async_callback(_cancel, following)
        batcher = await stack.enter_async_context(Batcher(pool, settings.queue, metrics.BATCH_SIZE.observe))
        yield Context(
            settings=settings,
            pool=pool,
            install=install,
            batcher=batcher,
            registry=registry,
            indicators=indicators,
            tail=tail,
            clients=clients,
            people=people,
            vault=Vault(settings.keys),
            rules=Rules(pool, install),
            digest_key=settings.keys.derive("digest"),
            receipt_key=settings.keys.derive("receipt"),
            key_limits=Limiter(PUBLIC_PER_MINUTE),
            public_limits=Limiter(PUBLIC_PER_MINUTE),
            login_limits=Limiter(LOGINS_PER_MINUTE),
        )


async def _cancel(tasks: list["asyncio.Task[None]"]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
