"""The projector over a real log: exact ranges, waiting, failing alone, stale definitions, rebuilding beside appends."""

import asyncio
import contextlib
from dataclasses import dataclass

import asyncpg
import pytest

from haocha.engine import projector, tables
from haocha.engine.projector import Projector, prepare, rebuild, run, wait_for
from haocha.engine.tables import Busy, alone
from haocha.store import db, log, readmodels
from haocha.store.log import Tail
from haocha.store.readmodels import definitions
from tests.projections.stories import append, story


@contextlib.asynccontextmanager
async def projecting(pool):
    """Run a worker's projector until the block ends."""
    async with Tail(pool).running() as tail:
        task = asyncio.create_task(run(pool, tail))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def rows(pool, table="scores"):
    """Return a live table, in order, as text."""
    return [row[0] for row in await pool.fetch(f"SELECT t::text FROM live.{table} t ORDER BY 1")]  # noqa: S608


async def state(pool, name):
    """Return what a projection's checkpoint says."""
    return await pool.fetchrow(
        "SELECT position, state, error, definition FROM engine.checkpoints WHERE name = $1", f"projection:{name}"
    )


async def step_through(pool, name="scores"):
    """Step one projection to the head."""
    stepper = Projector(pool)
    while await stepper.step(definitions()[name], await log.head(pool)):
        pass


@dataclass
class Broken:
    """A read model whose definition is changed for one test."""

    name: str

    def __enter__(self):
        """Keep the real one."""
        self.real = definitions()[self.name]
        return self

    def __exit__(self, *_):
        """Put the real one back."""
        definitions()[self.name] = self.real

    def becomes(self, *, folds=None, schema=None, definition=b"another"):
        """Replace statements, as another version of the file would."""
        changed = readmodels.Definition(self.real.sections.path)
        changed.folds = folds or changed.folds
        changed.schema = schema or changed.schema
        changed.hash = definition
        definitions()[self.name] = changed


async def test_catches_up_and_says_when(pool):
    """What was appended before and after the worker started is there once `wait_for` returns."""
    first = await append(pool, story(30))
    async with projecting(pool):
        assert await wait_for(pool, "scores", first, 5)
        last = await append(pool, story(30, seed=1))
        assert await wait_for(pool, list(definitions()), last, 5)
        assert last == await projector.position(pool, *definitions())
    assert await rows(pool)


async def test_waiting_for_what_does_not_come_ends(pool):
    """A position beyond the log is waited for only as long as was said; many may wait at once."""
    await prepare(pool)
    assert await asyncio.gather(*(wait_for(pool, "scores", 9, 0.1) for _ in range(50))) == [False] * 50


async def test_steps_are_exact_ranges_whoever_makes_them(pool):
    """Two workers that step at the same time fold nothing twice."""
    await append(pool, story(120))
    await prepare(pool)
    await step_through(pool)
    expected = await rows(pool)
    await pool.execute("TRUNCATE live.scores")
    await pool.execute("UPDATE engine.checkpoints SET position = 0 WHERE name = 'projection:scores'")
    head, steppers = await log.head(pool), [Projector(pool), Projector(pool)]
    for stepper in steppers:
        stepper._limits["scores"] = 7
    while await projector.position(pool, "scores") < head:
        await asyncio.gather(*(stepper.step(definitions()["scores"], head) for stepper in steppers))
    assert expected == await rows(pool)


async def test_failing_fold_stops_only_its_own_projection_at_the_event(pool):
    """The checkpoint names the event it cannot fold; the others go on; a restart tries again."""
    with Broken("scores") as scores:
        guard = "SELECT 1 / (position - 11) FROM log.events WHERE position > $1 AND position <= $2"
        scores.becomes(folds=(*scores.real.folds, guard), definition=scores.real.hash)
        last = await append(pool, story(40))
        async with projecting(pool):
            assert await wait_for(pool, ["ledger", "services", "indicators", "tickets"], last, 5)
            async with asyncio.timeout(5):
                while (failed := await state(pool, "scores"))["state"] != "failed":
                    await asyncio.sleep(0.05)
        assert failed["position"] == 10
        assert "Position 11: division by zero" in failed["error"]
    async with projecting(pool):
        assert await wait_for(pool, "scores", last, 5)
    assert (await state(pool, "scores"))["error"] is None


async def test_stale_definition_freezes_and_rebuilds_itself(pool):
    """Readers keep the old state until the new one, made from the whole log, takes its place."""
    async with projecting(pool):
        last = await append(pool, story(40))
        assert await wait_for(pool, "scores", last, 5)
    before = await rows(pool)
    with Broken("scores") as scores:
        wider = tuple(
            statement.replace("CONSTRAINT scores_cell", "made_by text DEFAULT 'new', CONSTRAINT scores_cell")
            for statement in scores.real.schema
        )
        scores.becomes(schema=wider)
        await prepare(pool)
        assert (await state(pool, "scores"))["state"] == "frozen"
        more = await append(pool, story(40, seed=1))
        await step_through(pool)
        assert before == await rows(pool)
        async with projecting(pool):
            assert await wait_for(pool, "scores", more, 10)
            assert (await state(pool, "scores"))["definition"] == b"another"
        assert all(row.endswith(",new)") for row in await rows(pool))


async def test_rebuild_while_appends_go_on(pool, monkeypatch):
    """A rebuild ends with what steps came to, and misses nothing that was appended meanwhile."""
    monkeypatch.setattr(tables, "NEAR", 20)
    monkeypatch.setattr(tables, "LARGE", 50)
    await append(pool, story(100))
    async with projecting(pool):
        appending = asyncio.create_task(append_many(pool))
        for _ in range(3):
            for name in definitions():
                await rebuild(pool, name)
        last = await appending
        assert await wait_for(pool, list(definitions()), last, 5)
    live = {table: await rows(pool, table) for table in ("scores", "participation", "services", "ledger", "indicators")}
    for name in definitions():
        await rebuild(pool, name)
    assert live == {table: await rows(pool, table) for table in live}
    assert await pool.fetchval("SELECT count(*) FROM pg_class WHERE relnamespace = 'next'::regnamespace") == 0


async def append_many(pool):
    """Append story after story."""
    for seed in range(1, 9):
        last = await append(pool, story(60, seed=seed))
    return last


async def test_rebuild_gives_way_to_a_long_reader(pool, dsn):
    """A reader who holds the table makes the swap wait, and no other reader waits behind the swap."""
    await append(pool, story(40))
    await prepare(pool)
    await step_through(pool)
    reader = await db.connect(dsn)
    transaction = reader.transaction()
    await transaction.start()
    await reader.fetch("SELECT * FROM live.scores LIMIT 1")
    rebuilding = asyncio.create_task(rebuild(pool, "scores"))
    for _ in range(5):
        await asyncio.sleep(0.1)
        async with asyncio.timeout(1):
            assert await pool.fetchval("SELECT count(*) FROM live.scores")
    assert not rebuilding.done()
    await transaction.commit()
    await reader.close()
    assert await log.head(pool) == await asyncio.wait_for(rebuilding, 10)


async def test_one_rebuild_at_a_time(pool):
    """A second rebuild of the same projection is refused, one of another goes on."""
    await prepare(pool)
    async with pool.acquire() as connection, alone(connection, definitions()["scores"], "next"):
        with pytest.raises(Busy, match="scores"):
            await rebuild(pool, "scores")
        assert await rebuild(pool, "ledger") == 0


async def test_projector_goes_on_after_its_connections_were_cut(pool, superuser_dsn, database):
    """A restart of the database is no failure of a projection."""
    async with projecting(pool):
        assert await wait_for(pool, "scores", await append(pool, story(20)), 5)
        superuser = await asyncpg.connect(superuser_dsn)
        await superuser.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> pg_backend_pid()",
            database,
        )
        await superuser.close()
        await asyncio.sleep(0.3)  # the pool's connections notice that they are gone
        last = await append(pool, story(20, seed=1))
        assert await wait_for(pool, "scores", last, 10)
    assert (await state(pool, "scores"))["state"] == "live"


async def test_query_of_a_read_model_never_built_says_so(pool):
    """Before the first worker there are no tables."""
    with pytest.raises(readmodels.NotBuilt):
        await readmodels.query(pool, "ledger", "ratings", *[None] * 15, 10)


async def test_rebuild_before_any_worker_began_is_a_beginning(pool):
    """What was never built is there after a rebuild, and a worker goes on from it."""
    await append(pool, story(40))
    head = await rebuild(pool, "scores")
    await prepare(pool)
    await step_through(pool)
    assert await readmodels.position(pool, "scores") == head == await log.head(pool)
