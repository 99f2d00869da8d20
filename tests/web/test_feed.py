"""`GET /v1/events`: the whole log through any cuts, its filters, what a key is not shown, and the wait for news."""

import asyncio
import json
import random
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from haocha.domain import ticket_events
from haocha.domain.identity import IdentityDisclosed, IdentityErased
from haocha.domain.order import OrderIssued, VerdictGiven, order_id
from haocha.domain.rating import Dimensions, Rating
from haocha.store import aggregates, keys, log
from haocha.web import feed
from tests.web.running import faults
from tests.world import ASSESSED, World

H1 = {"hall": "H01", "window": "H01/A01", "area": "370102000000"}
H2 = {"hall": "H02", "area": "370103000000"}


@pytest.fixture
async def world(lone_site):
    """Return the log behind the site, with bad ratings and tickets of two halls, and a good rating of none."""
    world = await World(lone_site.pool, lone_site.context.install).begin()
    await world.rate("first", 1, dept="TAX", **H1)
    await world.rate("second", 2, dept="TAX", **H2)
    await world.rate("third", 5)
    await world.react("open_ticket")
    for ticket in await world.tickets():
        ticket.trigger_event(ticket_events.Accepted, at=datetime.now(UTC))
        await log.append(world.pool, [log.Group(aggregates.new_events(ticket))])
    return world


async def told(site, key, **parameters) -> tuple[list[dict], dict]:
    """Return the events and the last line of one answer."""
    answer = await site.client.get("/v1/events", params=parameters, headers=key)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    *lines, end = (json.loads(line) for line in answer.text.splitlines())
    return lines, end


async def topics(site, key, **parameters) -> list[str]:
    """Return the topics of what is told of the whole log, in order."""
    lines, end = await told(site, key, **parameters)
    assert end["cursor"] == end["head"]
    return [line["topic"] for line in lines]


async def logged(pool) -> list[dict]:
    """Return the log, as the feed should tell it."""
    rows = await pool.fetch("SELECT * FROM log.events ORDER BY position")
    return [
        {
            "position": row["position"],
            "id": str(row["originator_id"]),
            "version": row["originator_version"],
            "topic": row["topic"],
            "recordedAt": row["recorded_at"].isoformat().replace("+00:00", "Z"),
            "state": json.loads(row["state"]),
        }
        for row in rows
    ]


async def test_feed_is_the_log(lone_site, world):
    """Every event once, in order, as the log has it; the last line says that the end is reached."""
    key = await lone_site.key()
    head = await log.head(world.pool)
    assert await told(lone_site, key) == (await logged(world.pool), {"cursor": head, "head": head})
    assert await told(lone_site, key, after=head) == ([], {"cursor": head, "head": head})


@pytest.mark.parametrize("seed", range(8))
async def test_resuming_after_any_cuts_gives_exactly_the_log(lone_site, world, monkeypatch, seed):
    """A stream cut after any number of bytes goes on after its last whole line, whatever limit and stretches."""
    chance = random.Random(seed)
    monkeypatch.setattr(feed, "STRETCH", chance.randint(1, 20))
    monkeypatch.setattr(feed, "MOST_SCANNED", chance.randint(1, 60))
    await world.append(*world.ratings(0, 40))
    key, whole, found, cursor = await lone_site.key(), await logged(world.pool), [], 0
    while cursor < len(whole):
        parameters = {"after": cursor, "limit": chance.randint(1, 60)}
        body = (await lone_site.client.get("/v1/events", params=parameters, headers=key)).content
        if chance.random() < 0.5:
            body = body[: chance.randint(0, len(body))]
        for line in (json.loads(line) for line in body.split(b"\n")[:-1]):
            cursor = line.get("cursor") or line["position"]
            found += [line] if "position" in line else []
    assert found == whole


@pytest.mark.usefixtures("world")
async def test_topics_are_exact_or_beginnings(lone_site):
    """Several together; what lies between is passed, also where there is nothing of it."""
    key = await lone_site.key()
    chosen = await topics(lone_site, key, topic=["rating.*", "ticket.accepted:v1"])
    assert chosen == ["rating.submitted:v1"] * 3 + ["ticket.accepted:v1"] * 2
    assert await topics(lone_site, key, topic="rating.contested:v1") == []


@pytest.mark.usefixtures("world")
async def test_area_follows_a_ticket_to_its_place(lone_site):
    """What happens to a ticket happens where it was opened; what has no place is in no area."""
    key = await lone_site.key()
    lines, end = await told(lone_site, key, area="370103", topic=["rating.*", "ticket.*"])
    assert [line["topic"] for line in lines] == ["rating.submitted:v1", "ticket.opened:v1", "ticket.accepted:v1"]
    assert lines[0]["state"]["projectNo"] == lines[1]["state"]["snapshot"]["projectNo"] == "second"
    assert lines[2]["id"] == lines[1]["id"]
    assert await told(lone_site, key, area="370103000000", topic="ticket.*") == (lines[1:], end)
    assert await topics(lone_site, key, area="36") == []


@pytest.mark.usefixtures("world")
async def test_registry_of_an_area(lone_site):
    """Departments and halls have their area in the registry's own word."""
    key = await lone_site.key()
    assert await topics(lone_site, key, area="370103") == [
        "hall.registered:v1", "rating.submitted:v1", "ticket.opened:v1", "ticket.accepted:v1",
    ]  # fmt: skip


async def test_a_move_is_seen_where_it_left_and_where_it_came(lone_site, world):
    """A rating linked to another area is news for both."""
    rating = await world.rating(await world.rate("moved", 5, **H2))
    rating.trigger_event(
        Rating.Linked, old=Dimensions(**H2), new=Dimensions(**H1), linked=True, excluded=False, registry_position=1,
        pf="4", day=ASSESSED.date(), satisfaction=5, at=ASSESSED,
    )  # fmt: skip
    await log.append(world.pool, [log.Group(aggregates.new_events(rating))])
    key = await lone_site.key()
    for area in ("370102", "370103"):
        assert "rating.linked:v1" in await topics(lone_site, key, area=area)


async def test_verdict_of_the_platform_above_happens_where_its_order_is(lone_site, world):
    """It names the order's stream, which says the place."""
    order = order_id(world.namespace, "province", "1")
    at = {"received_at": ASSESSED, "digest": "0" * 64}
    issued = OrderIssued(
        peer="province", order_id="1", day=ASSESSED.date(), linked=True, issued_at=ASSESSED, **at, **H2
    )
    given = VerdictGiven(peer="province", order=order, verdict="satisfied", given_at=ASSESSED, **at)
    await world.append((order, issued), (uuid4(), given))
    key = await lone_site.key()
    assert await topics(lone_site, key, area="370103", topic="order.*") == ["order.issued:v1", "order.verdict_given:v1"]
    assert await topics(lone_site, key, area="370102", topic="order.*") == []


@pytest.mark.usefixtures("world")
async def test_key_of_a_hall_sees_its_hall(lone_site):
    """Ratings, tickets and registry of that hall and no other; a key of a window that window's."""
    key = await lone_site.key(hall="H02")
    told_of = ["hall.registered:v1", "window.registered:v1"]
    happened = ["rating.submitted:v1", "ticket.opened:v1", "ticket.accepted:v1"]
    assert await topics(lone_site, key) == told_of + happened
    assert await topics(lone_site, await lone_site.key(hall="H01", window_no="A01"), topic=["r*", "t*"]) == happened
    assert await topics(lone_site, await lone_site.key(hall="H01", window_no="A02"), topic=["r*", "t*"]) == []


async def test_names_of_staff_need_the_scope_that_opens_the_registry(lone_site, world):
    """The feed opens nothing that another scope guards; who looked at an identity it never says."""
    disclosed = IdentityDisclosed(
        subject=uuid4(), ticket=uuid4(), number="2026-1", by=ticket_events.Actor("wang"), purpose="review",
        fields=("mobile",), reason="call", at=ASSESSED,
    )  # fmt: skip
    await world.append((uuid4(), disclosed))
    whole = {line["topic"] for line in (await told(lone_site, await lone_site.key()))[0]}
    limited = {line["topic"] for line in (await told(lone_site, await lone_site.key(scopes=["events:read"])))[0]}
    assert whole - limited == {"staff.registered:v1"}
    assert {line["topic"] for line in await logged(world.pool)} - whole == {"identity.disclosed:v1"}
    others = [scope for scope in keys.SCOPES if scope != "events:read"]
    refused = await lone_site.client.get("/v1/events", headers=await lone_site.key(scopes=others))
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


async def test_all_faults_at_once(lone_site):
    """Each parameter that is not of its form, unknown or given twice."""
    parameters = [
        ("after", "-1"), ("limit", "10001"), ("topic", "rating.*"), ("topic", "rateing.*"), ("area", "x"),
        ("wait", "26"), ("wait", "1"), ("since", "1"),
    ]  # fmt: skip
    answer = await lone_site.client.get("/v1/events", params=parameters, headers=await lone_site.key())
    assert answer.status_code == 422
    assert faults(answer) == {
        ("/after", "form"), ("/limit", "form"), ("/topic", "form"), ("/area", "form"), ("/wait", "form"),
        ("/wait", "repeated"), ("/since", "unknown"),
    }  # fmt: skip


async def test_cursor_beyond_the_log_is_a_conflict(lone_site, world):
    """After a restore the positions are given again: who goes on without a word would miss events."""
    head = await log.head(world.pool)
    key = await lone_site.key()
    answer = await lone_site.client.get("/v1/events", params={"after": head + 1}, headers=key)
    assert (answer.status_code, answer.json()["code"], answer.json()["head"]) == (409, "cursor_ahead", head)


async def test_wait_ends_with_a_new_event(lone_site, world):
    """News that the filter lets through are told at once; others are passed, and the wait goes on."""
    head, key = await log.head(world.pool), await lone_site.key()
    asked = asyncio.create_task(told(lone_site, key, after=head, wait=20, topic="identity.*"))
    began = asyncio.get_running_loop().time()
    await world.rate("fourth", 5)
    await lone_site.context.tail.wait(head)
    await world.append((uuid4(), IdentityErased(subject=uuid4(), by="ops", at=ASSESSED)))
    lines, end = await asked
    assert asyncio.get_running_loop().time() - began < 10
    assert [line["topic"] for line in lines] == ["identity.erased:v1"]
    assert end == {"cursor": head + 2, "head": head + 2}


async def test_wait_ends_by_itself_and_when_the_server_stops(lone_site, world):
    """Nothing came: the end alone."""
    head, key = await log.head(world.pool), await lone_site.key()
    assert await told(lone_site, key, after=head, wait=1) == ([], {"cursor": head, "head": head})
    asked = asyncio.create_task(told(lone_site, key, after=head, wait=25))
    await asyncio.wait([asked], timeout=0.3)
    lone_site.context.stopping.set()
    async with asyncio.timeout(5):
        assert await asked == ([], {"cursor": head, "head": head})
