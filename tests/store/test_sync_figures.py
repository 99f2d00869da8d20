"""How reporting stands: exact counts per level, what waits and since when, how late the taken ones were."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest

from haocha.store import outbox, outbox_again, sync_figures
from haocha.store.outbox import Entry, Settled
from haocha.store.sync_figures import Delay, Figures, Line, Sender
from haocha.sync.alarms import Alarm, alarms

NOW = datetime(2026, 3, 2, 4, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


def entry(position, level=5, kind="rating", *, state="waiting", ago=HOUR, area="990101000000", needs=None, peer="up"):
    """Make a row of a case of its own."""
    case = f"CASE-{position}"
    key = f"{kind}|{case}|1"
    at = NOW - ago
    return Entry(peer, position, kind, key, needs, case, uuid4(), 1, area, "4", level, date(2026, 3, 1), at, state)


async def fill(pool, *entries):
    """Put rows into the outbox."""
    async with pool.acquire() as connection, connection.transaction():
        await outbox.enqueue(connection, entries)


async def settle(pool, position, state, at, **more):
    """Write what became of a row."""
    async with pool.acquire() as connection:
        await outbox.settle(connection, "up", [Settled(position, state, at, **more)], at)


async def read(pool, now=NOW, area=None):
    """Return the figures of the peer `up`."""
    (found,) = await sync_figures.read(pool, ["up"], now, area)
    return found


def line(figures, key):
    """Return one line."""
    return next(one for one in figures.lines if one.key == key)


async def test_every_level_is_counted_by_state(pool):
    """Ratings and 追评 by their level, service records apart, and what only bad ratings have apart from both."""
    await fill(
        pool,
        entry(1, 0, "service"),
        entry(2, 5),
        entry(3, 1),
        entry(4, 1, "supplement", state="held"),
        entry(5, 1, "ticket"),
        entry(6, 2, state="notReportable"),
    )
    await settle(pool, 3, "dead", NOW, code="E7", words="编号有误")
    await settle(pool, 2, "accepted", NOW)
    figures = await read(pool)
    assert {one.key: one.counts for one in figures.lines} == {
        "5": {"accepted": 1},
        "4": {},
        "3": {},
        "2": {"notReportable": 1},
        "1": {"dead": 1, "held": 1},
        "0": {"waiting": 1},
        "other": {"waiting": 1},
    }
    assert figures.n("waiting", "held") == 3
    assert await sync_figures.peers(pool) == ["up"]


async def test_what_waits_is_told_since_when(pool):
    """The first of each level that could be sent; what was sent once more counts from then on."""
    await fill(
        pool,
        entry(1, 1, ago=3 * HOUR),
        entry(4, 1, ago=4 * HOUR, state="held"),
        entry(2, 1, ago=2 * HOUR),
        entry(3, 5, ago=90 * HOUR),
    )
    await settle(pool, 3, "accepted", NOW - 89 * HOUR)
    assert line(await read(pool), "1").oldest == NOW - 3 * HOUR
    assert line(await read(pool), "5").oldest is None
    assert await outbox_again.again(pool, "up", [3], NOW) == 1
    assert line(await read(pool), "5").oldest == NOW


async def test_delays_are_those_of_a_day(pool):
    """From the log to the answer, per level; one that was sent once more is not late for it."""
    await fill(pool, *(entry(n, 5, ago=HOUR) for n in range(1, 101)), entry(200, 1, ago=50 * HOUR))
    for n in range(1, 101):
        await settle(pool, n, "accepted", NOW - HOUR + timedelta(seconds=n))
    await settle(pool, 200, "accepted", NOW - 25 * HOUR)
    figures = await read(pool)
    delay = line(figures, "5").delay
    assert (delay.n, delay.p50, delay.p99) == (100, pytest.approx(50.5), pytest.approx(99.01))
    assert line(figures, "1").delay is None
    await outbox_again.again(pool, "up", [200], NOW - timedelta(seconds=9))
    await settle(pool, 200, "accepted", NOW)
    assert line(await read(pool), "1").delay == Delay(1, 9.0, 9.0)


async def test_areas_are_apart(pool):
    """Who is bound to an area sees what is of it, in counts, waiting and delays."""
    await fill(pool, entry(1), entry(2, area="990202000000"), entry(3, area="990202000000"))
    await settle(pool, 3, "accepted", NOW)
    here, there = await read(pool, area="9901"), await read(pool, area="9902")
    assert (here.n("waiting"), here.n("accepted"), line(here, "5").delay) == (1, 0, None)
    assert (there.n("waiting"), there.n("accepted"), line(there, "5").delay.n) == (1, 1, 1)


async def test_pace_and_hours_say_how_it_goes(pool):
    """What the last five minutes took carries on; each of 24 hours has its number."""
    await fill(pool, *(entry(n) for n in range(1, 400)))
    for n in range(1, 31):
        await settle(pool, n, "accepted", NOW - timedelta(seconds=n))
    await settle(pool, 31, "accepted", NOW - 2 * HOUR)
    figures = await read(pool)
    assert (figures.rate, figures.remaining) == (0.1, timedelta(seconds=3680))
    hours = await sync_figures.hours(pool, "up", NOW)
    assert len(hours) == 24
    assert [(at, n) for at, n in hours if n] == [(NOW - 2 * HOUR, 1), (NOW - HOUR, 30)]


async def test_dead_letter_waits_again_behind_what_it_needs(pool):
    """With its service record accepted it waits, without it is held; other reasons and areas stay."""
    await fill(
        pool,
        entry(1, 0, "service"),
        entry(2, needs="service|CASE-1|1"),
        entry(3, needs="service|CASE-3|1"),
        entry(4),
        entry(5, area="990202000000"),
    )
    await settle(pool, 1, "accepted", NOW)
    await pool.execute("UPDATE sync.outbox SET state = 'waiting' WHERE position = 3")
    for n in (2, 3, 4, 5):
        await settle(pool, n, "dead", NOW, code="E2" if n == 4 else "E1")
    assert await outbox_again.retry(pool, "up", NOW, code="E1", area="9901") == 2
    states = await pool.fetch("SELECT position, state, attempts FROM sync.outbox ORDER BY position")
    assert [tuple(row) for row in states][1:] == [(2, "waiting", 0), (3, "held", 0), (4, "dead", 1), (5, "dead", 1)]
    assert await outbox_again.retry(pool, "up", NOW, positions=[4, 1]) == 1
    assert await outbox_again.retry(pool, "other", NOW) == 0


async def test_accepted_ones_of_days_are_chosen_by_level(pool):
    """A level is its ratings and 追评; without one, everything of those days."""
    await fill(pool, entry(1, 0, "service"), entry(2, 1), entry(3, 1, "ticket"), entry(4, 5), entry(5, 1))
    for n in range(1, 5):
        await settle(pool, n, "accepted", NOW)
    day = date(2026, 3, 1)
    assert await outbox_again.accepted(pool, "up", day, day) == [1, 2, 3, 4]
    assert await outbox_again.accepted(pool, "up", day, day, 1) == [2]
    assert await outbox_again.accepted(pool, "up", date(2026, 3, 2), date(2026, 3, 9)) == []


def figures_of(sender=None, differences=0, **lines):
    """Make figures by hand: level5=(waiting, oldest, delay)."""
    made = []
    for key in sync_figures.LINES:
        counts, oldest, delay = lines.get(f"level{key}", ({}, None, None))
        made.append(Line(key, counts, oldest, delay))
    sender = sender or Sender("shandong", "1", 200.0, NOW, NOW, None, 0, "")
    return Figures("up", NOW, tuple(made), sender, 0, differences)


def test_late_level_is_an_alarm():
    """Twice the others' 99th percentile and a minute more; few reports are judged by nothing."""
    usual = ({}, None, Delay(1000, 2.0, 30.0))
    slow = ({}, None, Delay(5, 100.0, 121.0))
    assert alarms(figures_of(level5=usual, level1=slow)) == [Alarm("late", "1", 5, 121.0, 30.0)]
    assert alarms(figures_of(level5=usual, level1=({}, None, Delay(5, 100.0, 120.0)))) == []
    assert alarms(figures_of(level5=usual, level1=({}, None, Delay(4, 1e6, 1e6)))) == []
    assert alarms(figures_of(level1=slow, level0=usual, levelother=usual)) == []


def test_level_that_waits_longer_is_an_alarm():
    """Twice as long as the first of any other level and ten minutes more; an outage is no level's own."""
    since = NOW - timedelta(minutes=50)
    first = ({"waiting": 3}, NOW - timedelta(minutes=20), None)
    assert alarms(figures_of(level1=({"waiting": 1}, since - HOUR / 60, None), level5=first)) == [
        Alarm("waiting", "1", 1, 3060.0, 1200.0)
    ]
    assert alarms(figures_of(level1=({"waiting": 1}, since, None), level5=first)) == []
    alone = ({"waiting": 1}, NOW - timedelta(minutes=11), None)
    assert alarms(figures_of(level1=alone)) == [Alarm("waiting", "1", 1, 660.0, 0.0)]
    silent = Sender("shandong", "1", 200.0, NOW, NOW - timedelta(minutes=11), None, 0, "")
    assert alarms(figures_of(silent, level1=alone)) == []


def test_sender_and_platform_are_watched():
    """Nobody sends, calls are held back, nobody answers for an hour while something waits; the gravest alone."""
    waits = ({"waiting": 1}, NOW - 2 * HOUR, None)

    def sender(alive=NOW, answered=NOW, opened=None):
        return Sender("shandong", "1", 200.0, alive, answered, opened, 7, "timeout")

    def kinds(**state):
        return [one.kind for one in alarms(figures_of(sender(**state), level5=waits, level1=waits))]

    assert kinds(alive=NOW - 3 * timedelta(minutes=1)) == ["silent"]
    assert kinds(opened=NOW + timedelta(minutes=1)) == ["breaker"]
    assert kinds(opened=NOW - timedelta(minutes=1)) == []
    assert kinds(answered=NOW - 61 * timedelta(minutes=1)) == ["unheard"]
    assert kinds(answered=None) == ["unheard"]
    assert alarms(figures_of(sender(answered=None))) == []
    assert alarms(Figures("up", NOW, (), None, 0)) == [Alarm("silent")]


def test_dead_letters_and_differences_are_alarms():
    """Each with how many there are."""
    found = alarms(figures_of(None, 4, level4=({"dead": 2}, None, None), level0=({"dead": 1}, None, None)))
    assert found == [Alarm("dead", n=3), Alarm("differences", n=4)]
