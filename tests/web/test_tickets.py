"""`/v1/tickets`: what is listed is what the tickets are, and one ticket tells its life."""

import pytest

from haocha.domain.ticket_events import Closed, DueChanged
from haocha.store import aggregates, log
from tests.world import ASSESSED, World


@pytest.fixture
async def world(lone_site):
    """Return the log behind the site, with a policy and read models."""
    return await World(lone_site.pool, lone_site.context.install).begin()


@pytest.fixture
async def key(lone_site):
    """Return a key that may read tickets and nothing else."""
    return await lone_site.key(scopes=["tickets:read"])


async def listed(site, key, **parameters):
    """Return the answer of the list."""
    answer = await site.client.get("/v1/tickets", params=parameters, headers=key)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_list_shows_what_a_bad_rating_opened(lone_site, world, key):
    """A row says where the ticket stands, what it is about and until when."""
    await world.rate("case", 2, window="H01/A01", hall="H01", dept="TAX", staff="TAX/7", area="370102000000")
    await world.supplement("case")
    await world.react()
    answer = await listed(lone_site, key)
    (item,) = answer["items"]
    (ticket,) = await world.tickets()
    assert answer["position"] == await log.head(world.pool)
    assert answer["nextCursor"] is None
    assert item == item | {
        "ticketId": str(ticket.id),
        "number": ticket.number,
        "status": "awaiting_acceptance",
        "unit": "TAX",
        "satisfaction": 2,
        "projectNo": "case",
        "windowNo": "A01",
        "hallCode": "H01",
        "staffNo": "7",
        "outcome": None,
        "joined": 1,
    }
    assert set(item["dues"]) == {"acceptance", "contact", "fix"}


async def test_list_is_filtered_and_paged(lone_site, world, key):
    """Filters narrow, pages follow each other from the newest to the oldest."""
    for number in range(5):
        await world.rate(f"tax-{number}", dept="TAX", area="370102000000")
    await world.supplement("early", area="370103000000")
    await world.react()
    assert len((await listed(lone_site, key, unit="TAX"))["items"]) == 5
    assert len((await listed(lone_site, key, status="awaiting_dispatch"))["items"]) == 1
    assert len((await listed(lone_site, key, status="awaiting_dispatch,awaiting_acceptance"))["items"]) == 6
    assert len((await listed(lone_site, key, source="supplement"))["items"]) == 1
    assert len((await listed(lone_site, key, area="370103000000"))["items"]) == 1
    assert len((await listed(lone_site, key, **{"from": "2025-06-04"}))["items"]) == 0
    numbers, cursor = [], None
    while True:
        page = await listed(lone_site, key, limit=4, **({"cursor": cursor} if cursor else {}))
        numbers += [item["number"] for item in page["items"]]
        if (cursor := page["nextCursor"]) is None:
            break
    assert numbers == [ticket.number for ticket in reversed(await world.tickets())]


async def test_wrong_parameters_are_told_together(lone_site, key):
    """Unknown names and unknown words are refused with what is allowed."""
    answer = await lone_site.client.get("/v1/tickets", params={"status": "open", "stage": "1"}, headers=key)
    assert answer.status_code == 422
    assert {fault["pointer"] for fault in answer.json()["errors"]} == {"/status", "/stage"}


async def test_ticket_tells_its_life(lone_site, world, key):
    """One ticket is current, with every event in order; no texts, only where they are."""
    stream = await world.rate("case", dept="TAX")
    await world.supplement("case")
    await world.react()
    (ticket,) = await world.tickets()
    answer = await lone_site.client.get(f"/v1/tickets/{ticket.id}", headers=key)
    assert answer.status_code == 200
    body = answer.json()
    assert (body["number"], body["version"], body["sourceId"]) == (ticket.number, 2, str(stream))
    assert [event["event"] for event in body["events"]] == ["opened", "joined"]
    assert body["snapshot"]["projectNo"] == "case"


async def test_unknown_ticket_is_not_found(lone_site, world, key):
    """A rating's id is no ticket's."""
    stream = await world.rate("case", 5)
    assert (await lone_site.client.get(f"/v1/tickets/{stream}", headers=key)).status_code == 404


async def test_tickets_need_their_scope(lone_site):
    """A key for ratings reads no tickets."""
    other = await lone_site.key(scopes=["ratings:read"])
    assert (await lone_site.client.get("/v1/tickets", headers=other)).status_code == 403
    assert (await lone_site.client.get("/v1/tickets")).status_code == 401


async def test_row_follows_its_ticket(lone_site, world, key):
    """What the stream says of status, outcome and deadlines the row says too."""
    await world.rate("case", dept="TAX")
    await world.react()
    (ticket,) = await world.tickets()
    ticket.trigger_event(DueChanged, calendar_version="CN-2", dues={"fix": ASSESSED}, provisional=("fix",), at=ASSESSED)
    ticket.trigger_event(Closed, outcome="fixed", follows=2, at=ASSESSED)
    await log.append(world.pool, [log.Group(aggregates.new_events(ticket))])
    await world.fold()
    (item,) = (await listed(lone_site, key))["items"]
    assert (item["status"], item["outcome"], item["provisional"]) == ("closed", "fixed", ["fix"])
    assert item["dues"]["fix"] == "2025-06-03T02:00:00Z"
