"""Two instances on one machine, a city below a province, each with web process, projector, handlers and clocks."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

from haocha.engine.outbox import Sender
from haocha.engine.reactor import Reactor
from haocha.engine.timers import Timers
from haocha.handlers import handlers
from haocha.peers import Peer
from haocha.settings import Keys, Settings
from haocha.store import members, rulebook
from haocha.store.db import open_pool
from haocha.store.readmodels import wait_for
from haocha.sync.contents import Reader
from haocha.sync.dialect import dialect_of
from tests import site as sites
from tests.conftest import NUMBERS, TEMPLATE, Cluster
from tests.site import Site
from tests.sync.reports import now

PATIENCE = 60
MODELS = ("scores", "indicators", "ledger", "services", "tickets")


class Level:
    """One instance: its site, and what runs beside it."""

    def __init__(self, site: Site, settings: Settings) -> None:
        self.site, self.settings = site, settings
        self.pool, self.context = site.context.pool, site.context

    async def settle(self) -> None:
        """Wait until handlers and read models hold all there is, and what follows from it."""
        before = -1
        async with asyncio.timeout(PATIENCE):
            while before != (head := await self._head()):
                before = head
                while await self.pool.fetchval(
                    "SELECT EXISTS (SELECT FROM engine.checkpoints WHERE name LIKE 'handler:%' AND position < $1)", head
                ):
                    await asyncio.sleep(0.05)
                assert await wait_for(self.pool, MODELS, head, PATIENCE)

    async def _head(self) -> int:
        return await self.pool.fetchval("SELECT max(upto) FROM log.commits")

    async def reported(self) -> None:
        """Wait until the instance above has answered everything that this one reports."""
        await self.settle()
        async with asyncio.timeout(PATIENCE):
            while await self.states() - {"accepted"}:
                await asyncio.sleep(0.05)

    async def states(self) -> set[str]:
        """Return the states of the outbox."""
        return {row["state"] for row in await self.pool.fetch("SELECT DISTINCT state FROM sync.outbox")}

    async def figures(self) -> list[tuple[object, ...]]:
        """Return all sums of the scores: every subject, day and channel."""
        rows = await self.pool.fetch(
            "SELECT kind, key, hall, dept, area, channel, day, sum(n1), sum(n2), sum(n3), sum(n4), sum(n5),"
            " sum(excluded), sum(supplements), sum(contested) FROM live.scores GROUP BY 1, 2, 3, 4, 5, 6, 7"
            " HAVING sum(n1 + n2 + n3 + n4 + n5 + excluded + supplements + contested) <> 0"
            " ORDER BY 1, 2, 3, 4, 5, 6, 7"
        )
        return [tuple(row) for row in rows]


@contextlib.asynccontextmanager
async def level(cluster: Cluster, folder: Path, keys: Keys, peer: Peer | None = None) -> AsyncIterator[Level]:
    """Run an instance on a database of its own; with a `peer` it reports there."""
    name = f"level_{next(NUMBERS)}"
    await cluster.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER haocha_owner")
    peers = () if peer is None else (peer,)
    settings = Settings(
        data=folder,
        keys=keys,
        dsn=cluster.dsn("haocha_app", name),
        owner_dsn=cluster.dsn("haocha_owner", name),
        peers=peers,
    )
    pool = await open_pool(settings.dsn)
    try:
        async with pool.acquire() as connection:
            install, _ = await rulebook.begun(connection, now())
        async with sites.site(settings, settings.dsn, pool) as site, asyncio.TaskGroup() as group:
            ours = handlers(install, peers)
            reader = Reader(install.namespace, site.context.vault, site.context.registry, site.url)
            tasks = [
                group.create_task(Reactor(pool, ours).run(site.context.tail)),
                group.create_task(Timers(pool, ours).run()),
                *(group.create_task(Sender(pool, dialect_of(one), reader).run()) for one in peers),
            ]
            yield Level(site, settings)
            for task in tasks:
                task.cancel()
    finally:
        await pool.close()
        await cluster.run(f"DROP DATABASE {name} WITH (FORCE)")


@contextlib.asynccontextmanager
async def two_levels(cluster: Cluster, folder: Path, keys: Keys) -> AsyncIterator[tuple[Level, Level]]:
    """Run a province and, below it, a city that reports to it."""
    async with level(cluster, folder / "province", keys) as province:
        member = await members.enrol(province.pool, "yunxiu", "9901", now())
        assert member is not None
        peer = Peer(
            name="province",
            dialect="haocha",
            url=province.site.url,
            rate=1e6,
            options={"member": "yunxiu"},
            secrets={"key": members.secret_of(keys, member)},
        )
        own = Keys(master=bytes(reversed(range(32))), vault={1: bytes(range(64, 96))})
        async with level(cluster, folder / "city", own, peer) as city:
            yield city, province
