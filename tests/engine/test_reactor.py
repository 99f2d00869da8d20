"""The reactor: exactly once whatever dies, poisoned events put aside, races decided again."""

import asyncio
import random
from collections.abc import Sequence

import asyncpg
import msgspec
import pytest

from haocha.domain.ticket_events import Reminded
from haocha.engine import parked, reactor
from haocha.engine.reactor import Poisoned, Reactor, checkpoint
from haocha.handlers import handlers
from haocha.handlers.handler import NOTHING, Effects, EventHandler
from haocha.handlers.open_ticket import OpenTicket
from haocha.store import aggregates, log
from haocha.store.db import AWAY


class Seen(EventHandler):
    """Writes down what it is given; chokes on the projects it is told to."""

    name = "seen"
    topics = ("rating.submitted:v1", "rating.supplemented:v1")

    def __init__(self, install, bad=()):
        super().__init__(install)
        self.bad = set(bad)
        self.seen = []

    def key(self, event: log.Recorded) -> str:
        """Name the case."""
        return event.event.project_no

    async def load(self, _connection: asyncpg.Connection, batch: Sequence[log.Recorded], _cursor: str | None) -> int:
        """Read nothing."""
        return len(batch)

    def react(self, event: log.Recorded, state: int) -> Effects:
        """Choke, or write down."""
        if event.event.project_no in self.bad and event.topic == "rating.submitted:v1":
            raise ValueError(f"cannot stand {event.event.project_no}")
        self.seen.append((event.event.project_no, event.topic.partition(":")[0], state))
        return NOTHING


async def through(world, handler):
    """Let the handler deal with all there is."""
    reacting = Reactor(world.pool, [handler])
    while await reacting.step(handler):
        pass


async def position(world, handler):
    """Return the handler's checkpoint."""
    return await world.pool.fetchval("SELECT position FROM engine.checkpoints WHERE name = $1", checkpoint(handler))


async def test_batch_is_one_load_and_the_checkpoint_reaches_the_head(world):
    """Events are dealt with together, and the checkpoint passes those of other topics."""
    for number in range(3):
        await world.rate(f"case-{number}")
    handler = Seen(world.install)
    await through(world, handler)
    assert handler.seen == [(f"case-{number}", "rating.submitted", 3) for number in range(3)]
    assert await position(world, handler) == await log.head(world.pool)


async def test_predicate_keeps_events_away(world):
    """What `where` does not match is never read."""
    for level in range(1, 6):
        await world.rate(f"case-{level}", level)
    handler = Seen(world.install)
    handler.where = "$.satisfaction <= 2"
    await through(world, handler)
    assert [project for project, *_ in handler.seen] == ["case-1", "case-2"]


async def test_handler_stays_behind_the_projection_it_reads(world):
    """A handler that reads the ledger goes no further than the ledger has come."""
    await world.rate("case")
    handler = Seen(world.install)
    handler.follows = "ledger"
    await through(world, handler)
    assert handler.seen == []
    await world.fold()
    await through(world, handler)
    assert len(handler.seen) == 1


async def test_poisoned_event_is_parked_with_the_later_ones_of_its_key(world):
    """The others go on, before and after it, in this batch and in later ones."""
    for project in ("a", "bad", "b"):
        await world.rate(project)
    await world.supplement("bad")
    await world.supplement("a")
    handler = Seen(world.install, bad=["bad"])
    await through(world, handler)
    await world.rate("c")
    await through(world, handler)
    dealt_with = list(dict.fromkeys((project, topic) for project, topic, _ in handler.seen))
    assert dealt_with == [
        ("a", "rating.submitted"),
        ("b", "rating.submitted"),
        ("a", "rating.supplemented"),
        ("c", "rating.submitted"),
    ]
    first, second = await parked.parked(world.pool)
    assert (first.topic, first.error) == ("rating.submitted:v1", "ValueError: cannot stand bad")
    assert (second.topic, second.error) == ("rating.supplemented:v1", f"Waits behind {first.position}.")


async def test_parked_events_are_retried_in_their_order(world):
    """The later event waits for the first; what is mended is dealt with and no longer parked."""
    await world.rate("bad")
    await world.supplement("bad")
    handler = Seen(world.install, bad=["bad"])
    await through(world, handler)
    first, second = await parked.parked(world.pool)
    by_name = {handler.name: handler}
    assert await parked.retry(world.pool, by_name, first) == "ValueError: cannot stand bad"
    assert await parked.retry(world.pool, by_name, second) == (
        f"Waits behind position {first.position}: retry that one first."
    )
    assert [event.attempts for event in await parked.parked(world.pool)] == [2, 1]
    handler.bad.clear()
    handler.seen.clear()
    assert await parked.retry(world.pool, by_name, first) is None
    assert await parked.retry(world.pool, by_name, second) is None
    assert [topic for _, topic, _ in handler.seen] == ["rating.submitted", "rating.supplemented"]
    assert await parked.parked(world.pool) == []


async def test_unreadable_event_is_parked(world, owner_dsn):
    """An event whose state nobody can read holds up nothing but its own stream."""
    await world.rate("a")
    stream = await world.rate("b")
    await world.rate("c")
    async with asyncpg.create_pool(owner_dsn, min_size=1, max_size=1) as owner:
        await owner.execute("UPDATE log.events SET state = state - 'pf' WHERE originator_id = $1", stream)
    handler = Seen(world.install)
    await through(world, handler)
    assert {project for project, *_ in handler.seen} == {"a", "c"}
    (event,) = await parked.parked(world.pool)
    assert event.stream == stream
    assert "`pf`" in event.error


class Nul(OpenTicket):
    """Opens a ticket that jsonb cannot hold for the project `evil`."""

    def react(self, event, state):
        """Spoil the ticket's number."""
        effects = super().react(event, state)
        (ticket,) = effects.aggregates
        if event.event.project_no == "evil":
            ticket.pending_events[0] = msgspec.structs.replace(ticket.pending_events[0], number="\x00")
        return effects


async def test_effect_that_the_log_refuses_is_poison(world):
    """A data error of the append parks the event that caused it and leaves its neighbours' effects."""
    for project in ("good", "evil", "fine"):
        await world.rate(project)
    await through(world, Nul(world.install))
    assert [ticket.snapshot.project_no for ticket in await world.tickets()] == ["good", "fine"]
    (event,) = await parked.parked(world.pool)
    assert event.error.startswith("The log refuses the effects")
    assert await parked.retry(world.pool, {"open_ticket": OpenTicket(world.install)}, event) is None
    assert len(await world.tickets()) == 3


async def test_lost_race_is_decided_again(world, monkeypatch):
    """A person acts between the handler's reading and its append: the handler reads again."""
    await world.rate("case")
    await world.react()
    (ticket,) = await world.tickets()
    await world.supplement("case")
    real_append, races = log.append, []

    async def raced_append(connection, groups):
        if not races:
            races.append(await real_append(world.pool, [_reminder(ticket)]))
        return await real_append(connection, groups)

    monkeypatch.setattr(log, "append", raced_append)
    await through(world, OpenTicket(world.install))
    (ticket,) = await world.tickets()
    assert ticket.version == 3
    assert len(ticket.joined) == 1


async def test_killed_transactions_leave_every_effect_once(world, monkeypatch):
    """Connections die before, in and after the append, and before the commit; in the end each ticket is there once."""
    for number in range(120):
        await world.rate(f"case-{number}")
        if number % 2 == 0:
            await world.contest(f"case-{number}", 2)
    real_append, chance = log.append, random.Random(7)

    async def mortal_append(connection, groups):
        fate = chance.random()
        if fate < 0.25:
            await connection.close()
        verdicts = await real_append(connection, groups)
        if fate > 0.75:
            await connection.close()
        return verdicts

    monkeypatch.setattr(log, "append", mortal_append)
    handler = OpenTicket(world.install)
    handler.batch = 10
    deaths = 0
    while True:
        try:
            if not await Reactor(world.pool, [handler]).step(handler):
                break
        except AWAY:
            deaths += 1
    monkeypatch.undo()
    assert deaths > 3
    tickets = await world.tickets()
    assert len(tickets) == 120
    assert sum(len(ticket.joined) for ticket in tickets) == 60
    assert await parked.parked(world.pool) == []


async def test_worker_beside_another_takes_nothing_twice(world):
    """While one worker holds the checkpoint another passes by."""
    await world.rate("case")
    handler = Seen(world.install)
    reacting = Reactor(world.pool, [handler])
    await reacting.step(handler)
    await world.rate("other")
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute(reactor.SQL["hold"], checkpoint(handler))
        assert not await reacting.step(handler)
    await through(world, handler)
    assert [project for project, *_ in handler.seen] == ["case", "other"]


async def test_reactor_follows_the_tail(world):
    """A bad rating has its ticket within a second, without anybody asking."""
    tail = log.Tail(world.pool)
    async with tail.running():
        running = asyncio.create_task(Reactor(world.pool, handlers(world.install)).run(tail))
        await asyncio.sleep(0.1)
        await world.rate("case")
        async with asyncio.timeout(1.0):
            while not await world.tickets():
                await asyncio.sleep(0.02)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running


def test_event_of_an_unknown_topic_is_poison():
    """What no code reads any more is put aside, not guessed."""
    with pytest.raises(Poisoned, match="nonsense"):
        reactor.read([(1, None, 1, "nonsense:v1", b"{}", None)])


def _reminder(ticket):
    ticket.trigger_event(Reminded, stage="fix", at=ticket.created_on)
    return log.Group(aggregates.new_events(ticket))
