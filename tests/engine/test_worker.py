"""The worker as a whole: from a rating to its ticket and its row, through restarts of the database."""

import asyncio

import asyncpg
import pytest

from haocha.engine import worker
from haocha.store.db import open_pool
from haocha.store.instance import Instance
from tests.world import World


async def rows(pool):
    """Return how many tickets are listed."""
    try:
        return await pool.fetchval("SELECT count(*) FROM live.tickets")
    except asyncpg.UndefinedTableError:
        return 0


async def until(pool, count):
    """Wait until so many tickets are listed."""
    async with asyncio.timeout(20):
        while await rows(pool) < count:
            await asyncio.sleep(0.05)


async def test_worker_survives_the_loss_of_all_its_connections(settings, dsn, pool, install, superuser_dsn):
    """Two workers open and list every ticket once, though the server drops their connections on the way."""
    world = World(pool, install)
    pools = [await open_pool(dsn, size=5) for _ in range(2)]
    workers = [asyncio.create_task(worker.run(Instance(settings, dsn), one)) for one in pools]
    superuser = await asyncpg.connect(superuser_dsn)
    for number in range(5):
        await world.rate(f"before-{number}")
    await until(pool, 5)
    for round_ in range(3):
        await world.rate(f"while-{round_}")
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        await asyncio.sleep(0.2)
    await superuser.close()
    await until(pool, 8)
    assert len(await world.tickets()) == 8
    for task in workers:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    for one in pools:
        await one.close()


async def test_first_worker_publishes_the_first_policy_and_calendar(settings, dsn, pool, install):
    """Whichever worker starts first: there is one of each."""
    other = await open_pool(dsn, size=5)
    workers = [asyncio.create_task(worker.run(Instance(settings, dsn), other)) for _ in range(2)]
    world = World(pool, install)
    await asyncio.sleep(0.5)
    await world.rate("case")
    await until(pool, 1)
    for task in workers:
        task.cancel()
    await asyncio.gather(*workers, return_exceptions=True)
    await other.close()
    topics = await pool.fetch("SELECT topic FROM log.events WHERE topic LIKE '%.published:v1' ORDER BY topic")
    assert [row["topic"] for row in topics] == ["calendar.published:v1", "policy.published:v1"]
