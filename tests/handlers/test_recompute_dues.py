"""Deadlines beyond the known years are reckoned anew when the calendar is extended."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from haocha.domain import publishing
from haocha.domain.calendar_document import Document
from haocha.domain.workdays import SATURDAY, SHANGHAI
from haocha.handlers import recompute_dues
from haocha.store import log, rulebook
from tests.world import World

NOW = datetime.now(UTC)  # as the log's clock: tickets begin when their source was recorded
TODAY = NOW.astimezone(SHANGHAI).date()
NEXT_YEAR = TODAY + timedelta(days=365)
HOLIDAY, LATER = [day for day in (TODAY + timedelta(days=n) for n in range(2, 7)) if day.weekday() < SATURDAY][:2]
KNOWN_BRIEFLY = Document(TODAY, (), ())
LONGER = Document(NEXT_YEAR, (HOLIDAY,), ())


@pytest.fixture
async def world(pool, install):
    """Return a log whose calendar knows no day beyond today."""
    world = await World(pool, install).begin()
    await publish(world, KNOWN_BRIEFLY)
    return world


async def publish(world, document):
    """Publish a calendar; return its position."""
    rules = await rulebook.load(world.pool, world.install)
    plan = publishing.calendar(rules, document, by="test", at=NOW)
    (verdict,) = await log.append(world.pool, [rulebook.group(world.install, plan.published, plan.number)])
    assert verdict.verdict == "ok"
    return verdict.position


async def test_provisional_deadlines_follow_the_extended_calendar(world):
    """A holiday that nobody knew of moves the deadline by a day; what caused it is the calendar."""
    await world.rate("3701-1")
    await world.react()
    [before] = await world.tickets()
    assert "fix" in before.provisional
    position = await publish(world, LONGER)
    await world.react()
    [after] = await world.tickets()
    assert after.provisional == set()
    terms = (await rulebook.load(world.pool, world.install)).of("default-1", "CN-3")
    assert before.dues["fix"] < after.dues["fix"] == terms.due("fix", after.opened_at).at
    assert (after.calendar_version, position in after.causes) == ("CN-3", True)


async def test_every_provisional_ticket_is_found_however_many(world, monkeypatch):
    """A slice of tickets is one transaction, and the next goes on behind it."""
    monkeypatch.setattr(recompute_dues, "SLICE", 2)
    for number in range(5):
        await world.rate(f"3701-{number}")
    await world.react()
    await publish(world, LONGER)
    await world.react()
    assert {ticket.calendar_version for ticket in await world.tickets()} == {"CN-3"}


async def test_reckoning_twice_changes_nothing(world):
    """A handler that begins anew finds everything done."""
    await world.rate("3701-1")
    await world.react()
    await publish(world, LONGER)
    await world.react()
    head = await log.head(world.pool)
    await world.pool.execute("UPDATE engine.checkpoints SET position = 0 WHERE name = 'handler:recompute_dues'")
    await world.react()
    assert await log.head(world.pool) == head


async def test_calendar_that_knows_as_little_leaves_the_deadline_provisional(world):
    """Its days count, and the next calendar will be asked again."""
    await world.rate("3701-1")
    await world.react()
    await publish(world, msgspec.structs.replace(LONGER, known_until=TODAY))
    await world.react()
    [ticket] = await world.tickets()
    assert ("fix" in ticket.provisional, ticket.calendar_version) == (True, "CN-3")
    await publish(world, LONGER)
    await world.react()
    [ticket] = await world.tickets()
    assert (ticket.provisional, ticket.calendar_version) == (set(), "CN-4")


async def test_ticket_opened_under_the_older_calendar_afterwards_is_found(world):
    """Its rating came before the calendar, so it has the older one; the deadline is the newer's all the same."""
    await world.rate("3701-1")
    await publish(world, LONGER)
    await world.react()
    [ticket] = await world.tickets()
    assert (ticket.provisional, ticket.calendar_version) == (set(), "CN-3")


async def test_known_deadlines_stay_whatever_the_calendar_becomes(world):
    """A calendar that is edited afterwards moves no deadline that was certain; closed tickets stay, too."""
    await publish(world, LONGER)
    await world.rate("3701-1")
    await world.react()
    [before] = await world.tickets()
    await publish(world, msgspec.structs.replace(LONGER, holidays=(HOLIDAY, LATER)))
    await world.react()
    [after] = await world.tickets()
    assert (after.dues, after.version) == (before.dues, before.version)


async def test_closed_ticket_stays(world):
    """What has ended is due no more."""
    await world.rate("3701-1")
    await world.react()
    [ticket] = await world.tickets()
    await world.close(ticket)
    await publish(world, LONGER)
    await world.react()
    [after] = await world.tickets()
    assert (after.calendar_version, after.version) == ("CN-2", ticket.version)
