"""Steps of tickets from below: each to the ticket of its case, once, from whom it is to tell."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from haocha.domain import ids
from haocha.domain.ticket_levels import Reported
from haocha.store import log, vault
from haocha.sync.dialect import Item
from tests.sync import reports
from tests.world import World

FILE = {"digest": "ab" * 32, "mediaType": "image/png", "size": 100, "url": "https://city.example/tickets/1/evidence/ab"}


@pytest.fixture
async def world(lone_site):
    """Return the handlers of the site."""
    return await World(lone_site.context.pool, lone_site.context.install).begin()


def step(fact, version=2, kind="accepted", **said):
    """Return the item of a step of the member's ticket about a rating."""
    stream = ids.uuid5(reports.BELOW, f"ticket|{fact.project_no}")
    values = {
        "type": kind,
        "ticket": str(stream),
        "number": "HC-20260302-0001",
        "status": "reviewing",
        "source": "rating",
        "projectNo": fact.project_no,
        "noCase": "noCase" in fact.flags,
        "at": reports.now(),
        "unit": "SCJG",
        "unitName": "市场监督管理局",
    } | said
    return Item(next(reports.NUMBERS), "ticket", "", stream, version, None, reports.now(), values, 0)


async def sent(city, site, *items):
    """Send items in one call; return their outcomes."""
    return await city.send(site.client, "items", items, datetime.now(UTC))


async def opened(city, site, world, **changes):
    """Report a bad rating and let its ticket be opened; return the rating."""
    fact = reports.rating(satisfaction=1, **changes)
    await sent(city, site, reports.item(fact))
    await world.react("open_ticket")
    return fact


async def test_step_is_reported_to_the_ticket_of_its_case(lone_site, world):
    """With what was written, kept apart; the same step again is known."""
    city = await reports.enrolled(lone_site)
    fact = await opened(city, lone_site, world)
    item = step(fact, kind="fix_submitted", status="approving", measures="已道歉并培训。", evidence=[FILE])
    [first] = await sent(city, lone_site, item)
    [again] = await sent(city, lone_site, item)
    assert [first.verdict, again.verdict] == ["accepted", "duplicate"]
    [ticket] = await world.tickets()
    assert (ticket.status, ticket.unit) == ("approving", "SCJG")
    [told] = [event for event in await events(lone_site, ticket) if isinstance(event, Reported)]
    assert (told.peer, told.evidence[0].url) == (city.peer.options["member"], FILE["url"])
    written = await vault.bodies(lone_site.context.pool, [told.measures.id])
    assert written == {told.measures.id: "已道歉并培训。"}
    assert "已道歉" not in msgspec.json.encode(told).decode()


async def events(site, ticket):
    """Return the events of a ticket."""
    return [recorded.event for recorded in await log.read_stream(site.context.pool, ticket.id)]


async def test_step_waits_for_its_rating_and_its_ticket(lone_site, world):
    """First the rating, then the ticket that is opened for it; each is told apart."""
    city = await reports.enrolled(lone_site)
    fact = reports.rating(satisfaction=1, project_no="X-web-3", flags=("noCase",))
    [no_rating] = await sent(city, lone_site, step(fact))
    [_, no_ticket] = await sent(city, lone_site, reports.item(fact), step(fact))
    assert (no_rating.verdict, no_rating.code) == ("noService", "rating_missing")
    assert (no_ticket.verdict, no_ticket.code) == ("unavailable", "ticket_missing")
    await world.react("open_ticket")
    [taken] = await sent(city, lone_site, step(fact))
    assert taken.verdict == "accepted"


async def test_step_of_a_rating_that_opens_no_ticket_ends(lone_site, world, monkeypatch):
    """A good rating has no ticket here: after an hour that is certain."""
    city = await reports.enrolled(lone_site)
    fact = reports.rating()
    await sent(city, lone_site, reports.item(fact))
    await world.rate("later", 1)
    await world.react("open_ticket")
    [waits] = await sent(city, lone_site, step(fact))
    later = datetime.now(UTC) + timedelta(minutes=61)
    monkeypatch.setattr(type(lone_site.context), "now", lambda _: later)
    [ended] = await city.send(lone_site.client, "items", [step(fact)], later)
    assert (waits.verdict, ended.verdict, ended.code) == ("unavailable", "invalid", "no_ticket")


async def test_members_tell_only_of_their_own(lone_site, world):
    """Neither by the case nor by our ticket's id does a member reach a ticket outside its area."""
    city, other = await reports.enrolled(lone_site), await reports.enrolled(lone_site, area="9902")
    fact = await opened(city, lone_site, world)
    [ticket] = await world.tickets()
    for item in (step(fact), step(fact, provinceTicket=str(ticket.id))):
        [outcome] = await sent(other, lone_site, item)
        assert outcome.verdict == "unavailable"
    wider = await reports.enrolled(lone_site, area="99")
    [outcome] = await sent(wider, lone_site, step(fact))
    assert outcome.verdict == "unavailable"
    nowhere = await opened(city, lone_site, world, area="")
    [outcome] = await sent(other, lone_site, step(nowhere))
    assert outcome.verdict == "unavailable"
    [outcome] = await sent(city, lone_site, step(nowhere))
    assert outcome.verdict == "accepted"


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "danced"},
        {"status": "lost"},
        {"satisfaction": 6},
        {"evidence": [FILE | {"url": "javascript:alert(1)"}]},
        {"evidence": [FILE | {"url": "https://[/"}]},
        {"evidence": [FILE] * 51},
        {"unit": "u" * 201},
        {"measures": "字" * 2001},
        {"measures": "a\0b"},
        {"unitName": "a\0b"},
        {"at": "2026-03-02T09:00:00"},
    ],
)
async def test_step_that_no_page_could_show_is_refused(lone_site, world, wrong):
    """All that is wrong with it is said, and the ticket stays as it is."""
    city = await reports.enrolled(lone_site)
    fact = await opened(city, lone_site, world)
    [outcome] = await sent(city, lone_site, step(fact, **wrong))
    assert (outcome.verdict, bool(outcome.words)) == ("invalid", True)
    [ticket] = await world.tickets()
    assert len(await events(lone_site, ticket)) == 1
