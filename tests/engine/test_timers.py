"""Timers: in order within a key, once, and tried again when they fail."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from haocha.engine import parked
from haocha.engine.reactor import take
from haocha.engine.timers import Timers
from haocha.handlers.handler import NOTHING, Effects, TimedHandler, Timer

NOW = datetime(2025, 6, 3, tzinfo=UTC)
NAMES = UUID(int=7)


class Alarm(TimedHandler):
    """Writes down what fires; chokes on the steps it is told to."""

    name = "alarm"
    topics = ()

    def __init__(self, install):
        super().__init__(install)
        self.fired = []
        self.bad = set()

    async def load(self, *_):
        """Read nothing."""

    def react(self, *_):
        """Do nothing."""
        return NOTHING

    async def load_fired(self, *_):
        """Read nothing."""

    def fire(self, timer, _state, now):
        """Choke, or write down."""
        if timer.payload["step"] in self.bad:
            raise ValueError(timer.payload["step"])
        self.fired.append((timer.key, timer.payload["step"], now >= timer.due_at))
        return NOTHING


async def set_timers(world, alarm, *steps):
    """Set timers from (key, step, minutes after NOW)."""
    timers = [
        Timer(uuid5(NAMES, f"{key}{step}"), key, NOW + timedelta(minutes=minutes), {"step": step})
        for key, step, minutes in steps
    ]
    async with world.pool.acquire() as connection:
        await take(connection, alarm, Effects(timers=timers))


async def fire(timers, minutes):
    """Fire all that is due some minutes after NOW."""
    while await timers.fire_one(NOW + timedelta(minutes=minutes)):
        pass


async def test_due_steps_fire_in_order_after_downtime(world):
    """A worker that was down finds every step of a key, oldest first, and nothing that is not due."""
    alarm = Alarm(world.install)
    await set_timers(world, alarm, ("t1", "red", 30), ("t1", "remind", 10), ("t1", "yellow", 20), ("t1", "talk", 99))
    await fire(Timers(world.pool, [alarm]), 40)
    assert alarm.fired == [("t1", "remind", True), ("t1", "yellow", True), ("t1", "red", True)]


async def test_timer_set_twice_fires_once(world):
    """A timer's id is a function of its cause."""
    alarm = Alarm(world.install)
    await set_timers(world, alarm, ("t1", "remind", 10))
    await set_timers(world, alarm, ("t1", "remind", 10))
    timers = Timers(world.pool, [alarm])
    await fire(timers, 20)
    await set_timers(world, alarm, ("t1", "remind", 10))
    await fire(timers, 30)
    assert len(alarm.fired) == 1


async def test_failing_timer_holds_up_its_own_key_only_and_is_tried_again(world):
    """Later steps of the key wait; after a minute the failed one is tried, and meanwhile it is listed."""
    alarm = Alarm(world.install)
    alarm.bad = {"remind"}
    await set_timers(world, alarm, ("t1", "remind", 10), ("t1", "yellow", 20), ("t2", "remind2", 15))
    timers = Timers(world.pool, [alarm])
    await fire(timers, 30)
    assert alarm.fired == [("t2", "remind2", True)]
    assert [late.key for late in await parked.overdue(world.pool)] == ["t1", "t1"]
    alarm.bad.clear()
    await fire(timers, 30.5)
    assert len(alarm.fired) == 1
    await fire(timers, 31.5)
    assert alarm.fired[1:] == [("t1", "remind", True), ("t1", "yellow", True)]
