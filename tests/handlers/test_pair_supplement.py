"""A 追评 without its first rating becomes a finding after 7 days."""

from datetime import UTC, datetime, timedelta

from haocha.engine.timers import Timers
from haocha.handlers import handlers
from haocha.store import log

NOW = datetime.now(UTC)


async def fire(world, now):
    """Fire all that is due at `now`."""
    timers = Timers(world.pool, handlers(world.install))
    while await timers.fire_one(now):
        pass


async def test_supplement_that_stays_alone_is_flagged_once(world):
    """The finding is raised after 7 days, not before, and not again."""
    supplement = await world.supplement("case", 5)
    await world.react()
    await fire(world, NOW + timedelta(days=6, hours=23))
    assert (await world.rating(supplement)).findings == []
    await fire(world, NOW + timedelta(days=8))
    await fire(world, NOW + timedelta(days=30))
    assert (await world.rating(supplement)).findings == ["unpaired"]
    flagged = (await log.read_stream(world.pool, supplement))[-1]
    assert set(flagged.event.detail) == {"first", "dueAt", "firedAt"}


async def test_supplement_whose_first_came_later_is_fine(world):
    """The first rating may take its time."""
    supplement = await world.supplement("case", 5)
    await world.react()
    await world.rate("case", 5)
    await fire(world, NOW + timedelta(days=8))
    assert (await world.rating(supplement)).findings == []


async def test_pair_in_order_needs_no_timer(world):
    """A 追评 that follows its first rating leaves nothing to wait for."""
    await world.rate("case", 5)
    await world.supplement("case", 5)
    await world.react()
    assert await world.pool.fetchval("SELECT count(*) FROM engine.timers") == 0
