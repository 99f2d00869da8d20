"""Everything of record goes up: rows of the outbox from events."""

from datetime import date, datetime, timedelta

import asyncpg
import msgspec
import pytest

from haocha.domain import ids
from haocha.domain.rating import Rating
from haocha.domain.workdays import SHANGHAI
from haocha.engine.reactor import Reactor
from haocha.handlers.report import Report
from haocha.peers import Peer
from haocha.store import aggregates, log
from tests.world import ASSESSED

PEER = Peer(name="province", dialect="zhejiang", url="http://localhost")
UP = Peer(
    name="province", dialect="haocha", url="http://localhost", options={"member": "city"}, secrets={"key": "k" * 44}
)


async def report(world, peer: Peer = PEER) -> list:
    """Let the handler take all there is; return the outbox."""
    handler = Report(world.install, peer)
    while await Reactor(world.pool, [handler]).step(handler):
        pass
    return await world.pool.fetch("SELECT * FROM sync.outbox ORDER BY peer, position")


async def test_rating_waits_for_its_service_record_and_supplement_for_its_rating(world):
    """The keys are the platform's natural ones; the case is the lane."""
    await world.rate("A-1", 1, area="990101000000")
    await world.supplement("A-1", 2)
    first, second = await report(world)
    assert (first["key"], first["needs"], first["lane"], first["state"]) == (
        "rating|A-1|1",
        "service|A-1|1",
        "A-1",
        "held",
    )
    assert (second["kind"], second["key"], second["needs"]) == ("supplement", "supplement|A-1|1", "rating|A-1|1")
    assert (first["level"], first["pf"], first["area"], first["day"]) == (1, "4", "990101000000", date(2025, 6, 3))


async def test_contested_rating_is_not_sent_as_a_rating(world):
    """Where a dialect has no form for contests there is no row at all."""
    await world.rate("A-1", 5)
    await world.contest("A-1", 1)
    assert [row["kind"] for row in await report(world)] == ["rating"]


async def test_platform_of_our_own_kind_hears_of_contests_and_decisions(world):
    """So that its scores equal ours; for the same reason no rating waits for a service record that may never come."""
    stream = await world.rate("A-1", 1)
    await world.contest("A-1", 5)
    rating = await world.rating(stream)
    rating.exclude(by="reviewer", reason="mistaken", at=ASSESSED)
    await log.append(world.pool, [log.Group(aggregates.new_events(rating))])
    rows = await report(world, UP)
    assert [(row["kind"], row["needs"]) for row in rows] == [
        ("rating", None),
        ("contested", "rating|A-1|1"),
        ("decision", "rating|A-1|1"),
    ]
    assert rows[2]["key"] == f"decision|{stream}|2"


async def test_steps_of_a_ticket_go_up_with_its_case(world):
    """A bad rating's ticket is closed: the platform hears of it after the rating."""
    await world.rate("A-1", 1)
    await world.react("open_ticket")
    (ticket,) = await world.tickets()
    await world.close(ticket)
    rows = await report(world, UP)
    assert [row["key"] for row in rows] == ["rating|A-1|1", f"ticket|{ticket.id}|2"]
    assert (rows[1]["lane"], rows[1]["needs"], rows[1]["level"]) == ("A-1", "rating|A-1|1", 1)


async def test_only_what_concerns_the_peer_is_reported(world):
    """By area, and by the first day that it wants."""
    await world.rate("A-1", 1, area="990101000000")
    await world.rate("A-2", 1, area="980101000000")
    near = Peer(name="near", dialect="zhejiang", url="http://localhost", areas=("9901",))
    later = Peer(name="later", dialect="zhejiang", url="http://localhost", since=date.max - timedelta(days=1))
    assert [row["key"] for row in await report(world, near)] == ["rating|A-1|1"]
    assert [row["peer"] for row in await report(world, later)] == ["near"]


async def test_row_is_made_once_however_often_the_handler_is_made_to_look(world):
    """A checkpoint set back by hand doubles nothing, and loses no state."""
    await world.rate("A-1", 1)
    await report(world)
    await world.pool.execute("UPDATE sync.outbox SET state = 'dead'")
    await world.pool.execute("UPDATE engine.checkpoints SET position = 0 WHERE name = 'handler:report:province'")
    (row,) = await report(world)
    assert row["state"] == "dead"


@pytest.mark.parametrize("flags", [("noCase",), ("noCase", "clock")])
async def test_rating_without_a_case_goes_where_there_is_a_form_for_it(world, flags):
    """It needs no service record; elsewhere it counts as notReportable."""
    await world.rate("X-pad-7", 1, flags=flags)
    (here,) = await report(world)
    assert here["state"] == "notReportable"
    up = Peer(name="up", dialect="haocha", url="http://localhost", options=UP.options, secrets=UP.secrets)
    there = [row for row in await report(world, up) if row["peer"] == "up"]
    assert [row["state"] for row in there] == ["waiting"]


async def test_tallies_count_the_outbox(world):
    """Figures come from there: every change of a state is counted where it went and where it came from."""
    for number in range(6):
        await world.rate(f"A-{number}", number % 5 + 1)
    await report(world)
    await world.pool.execute("UPDATE sync.outbox SET state = 'accepted' WHERE level > 2")
    await world.pool.execute("UPDATE sync.outbox SET state = 'dead' WHERE level = 5")
    counted = await world.pool.fetch("SELECT level, state, count(*) AS n FROM sync.outbox GROUP BY 1, 2 ORDER BY 1, 2")
    tallied = await world.pool.fetch(
        "SELECT level, state, sum(n) AS n FROM sync.tallies WHERE n <> 0 GROUP BY 1, 2 ORDER BY 1, 2"
    )
    assert [tuple(row) for row in tallied] == [tuple(row) for row in counted]
    assert await world.pool.fetchval("SELECT count(*) FROM sync.tallies WHERE n < 0") == 0


async def test_decision_about_a_supplement_goes_up(world):
    """追评 are counted by subject too, and linked, excluded and reinstated like first ratings."""
    await world.rate("A-1", 1)
    stream = await world.supplement("A-1", 1, linked=False)
    (recorded,) = await log.read_stream(world.pool, stream)
    supplement = Rating.begin(stream, recorded.event)
    supplement.exclude(by="reviewer", reason="mistaken", at=ASSESSED)
    await log.append(world.pool, [log.Group(aggregates.new_events(supplement))])
    rows = await report(world, UP)
    assert [row["kind"] for row in rows] == ["rating", "supplement", "decision"]
    assert rows[2]["key"] == f"decision|{ids.rating_id(world.namespace, 'A-1', 1, 2)}|2"


async def test_what_becomes_of_a_rating_from_before_the_first_day_is_not_reported(world, superuser_dsn):
    """The platform above never heard of it: a contest, a decision and a ticket's step would wait for it for ever."""
    stream = await world.rate("A-1", 1)
    await world.react("open_ticket")
    connection = await asyncpg.connect(superuser_dsn)
    await connection.execute("UPDATE log.events SET recorded_at = recorded_at - interval '2 days'")
    await connection.close()
    await world.contest("A-1", 5)
    rating = await world.rating(stream)
    rating.exclude(by="reviewer", reason="mistaken", at=ASSESSED)
    await log.append(world.pool, [log.Group(aggregates.new_events(rating))])
    (ticket,) = await world.tickets()
    await world.close(ticket)
    today = datetime.now(SHANGHAI).date()
    assert await report(world, msgspec.structs.replace(UP, since=today)) == []
    assert len(await report(world, msgspec.structs.replace(UP, name="other"))) == 4
