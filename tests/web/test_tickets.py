"""`/v1/tickets`: what is listed is what the tickets are, and one ticket tells its life to who may see it."""

from uuid import UUID

import pytest

from haocha.domain import ids
from haocha.domain.account import Account
from haocha.domain.ticket_events import Closed, DueChanged
from haocha.store import aggregates, log
from haocha.store.texts import Writings
from haocha.web import queues
from tests.web.running import faults
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
    asked = {"status": "open", "stage": "1", "due": "never", "level": "6", "openedFrom": "2026-02-30", "cursor": "x"}
    answer = await lone_site.client.get("/v1/tickets", params=asked, headers=key)
    assert answer.status_code == 422
    assert faults(answer) == {(f"/{name}", "unknown" if name == "stage" else "form") for name in asked}
    turned = await lone_site.client.get("/v1/tickets?from=2026-02-02&to=2026-02-01", headers=key)
    assert faults(turned) == {("/to", "order")}


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
    for path in ("/v1/tickets", f"/v1/tickets/{UUID(int=1)}", f"/v1/tickets/{UUID(int=1)}/events"):
        assert (await lone_site.client.get(path, headers=other)).status_code == 403
        assert (await lone_site.client.get(path)).status_code == 401


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


@pytest.fixture
async def written(lone_site, world):
    """Return a ticket of the tax office whose rating and review were written about, with the two texts' ids."""
    stream = ids.rating_id(world.namespace, "case", 1)
    said = Writings(lone_site.context.vault, stream)
    reference = said.refer(1, "writingEvaluation", "等了两个小时，电话13912345678")
    own = said.refer(1, "ext", '{"name": "张三"}')
    texts = {"writingEvaluation": reference, "ext": own}
    await world.rate("case", dept="TAX", area="370102000000", texts=texts)
    await world.rate("other", dept="HR", area="370103000000")
    await world.react()
    ticket, _ = await world.tickets()
    rulebook = await lone_site.context.rules.current()
    terms = rulebook.of(ticket.policy_version, ticket.calendar_version)
    handler = Account(username="h", role="handler", unit="TAX")
    at = lone_site.context.now()
    ticket.accept(handler, terms, at)
    found = Writings(lone_site.context.vault, ticket.id)
    finding = found.refer(3, "finding", "当日窗口缺人")
    ticket.review(handler, terms, at, verdict="substantiated", ground="delay", disposition="fix", finding=finding)
    texts = tuple(said.texts + found.texts)
    verdicts = await log.append(world.pool, [log.Group(aggregates.new_events(ticket), texts=texts)])
    assert [verdict.verdict for verdict in verdicts] == ["ok"]
    await world.fold()
    return ticket, str(reference.id), str(finding.id)


async def test_account_sees_its_scope_only(lone_site, written):
    """A unit its own tickets, a node its area; another's ticket is not there, nor are its events."""
    ticket, _, _ = written
    seen = {}
    for role, more in (
        ("handler", {"unit": "TAX"}),
        ("handler", {"unit": "HR"}),
        ("supervisor", {"node": "area:370103"}),
        ("supervisor", {"node": "dept:TAX"}),
        ("leader", {}),
    ):
        headers = await lone_site.account(role, **more)
        items = (await listed(lone_site, headers))["items"]
        one = await lone_site.client.get(f"/v1/tickets/{ticket.id}", headers=headers)
        told = await lone_site.client.get(f"/v1/tickets/{ticket.id}/events", headers=headers)
        assert one.status_code == told.status_code == (200 if str(ticket.id) in {i["ticketId"] for i in items} else 404)
        seen[role, *more.values()] = sorted(item["projectNo"] for item in items)
    assert seen == {
        ("handler", "TAX"): ["case"],
        ("handler", "HR"): ["other"],
        ("supervisor", "area:370103"): ["other"],
        ("supervisor", "dept:TAX"): ["case"],
        ("leader",): ["case", "other"],
    }


async def test_account_reads_the_texts_and_what_it_may_do(lone_site, world, written, key):
    """Texts by their ids with numbers covered, null once erased, `ext` never; the version as ETag.

    A key gets neither texts nor actions.
    """
    ticket, said, finding = written
    handler = await lone_site.account("handler", unit="TAX")
    address = f"/v1/tickets/{ticket.id}"
    answer = await lone_site.client.get(address, headers=handler)
    body = answer.json()
    assert answer.headers["etag"] == '"3"'
    assert (body["version"], body["status"], body["verdict"], body["handled"]) == (
        3,
        "fixing",
        "substantiated",
        ["TAX"],
    )
    assert body["texts"] == {said: "等了两个小时，电话＊＊＊", finding: "当日窗口缺人"}
    assert body["allowed"] == ["request-extension", "fix"]
    assert body["dueAt"] == body["dues"]["fix"]
    await world.pool.execute("DELETE FROM private.texts WHERE id = $1", UUID(said))
    erased = (await lone_site.client.get(address, headers=handler)).json()
    assert erased["texts"] == {said: None, finding: "当日窗口缺人"}
    machine = (await lone_site.client.get(address, headers=key)).json()
    assert not {"texts", "allowed"} & set(machine)
    assert "当日窗口缺人" not in str(machine)


async def test_events_follow_a_version(lone_site, written, key):
    """What happened since a version, page by page; texts only to accounts."""
    ticket, said, finding = written
    address = f"/v1/tickets/{ticket.id}/events"
    told, since = [], 0
    while since is not None:
        page = (await lone_site.client.get(address, params={"since": since, "limit": 2}, headers=key)).json()
        assert (page["version"], "texts" in page) == (3, False)
        told += [(event["version"], event["event"]) for event in page["items"]]
        since = page["nextSince"]
    assert told == [(1, "opened"), (2, "accepted"), (3, "reviewed")]
    handler = await lone_site.account("handler", unit="TAX")
    last = (await lone_site.client.get(address, params={"since": 2}, headers=handler)).json()
    assert ([event["event"] for event in last["items"]], last["texts"]) == (["reviewed"], {finding: "当日窗口缺人"})
    first = (await lone_site.client.get(address, params={"limit": 1}, headers=handler)).json()
    assert first["texts"] == {said: "等了两个小时，电话＊＊＊"}
    assert (await lone_site.client.get(address, params={"after": 1}, headers=key)).status_code == 422


async def test_queues_are_the_accounts_own(lone_site, written):
    """`queue` lists what this account has to do there; the item tells what the read model knows."""
    ticket, _, _ = written
    handler = await lone_site.account("handler", unit="TAX")
    (item,) = (await listed(lone_site, handler, queue="fixing"))["items"]
    assert item == item | {
        "ticketId": str(ticket.id),
        "version": 3,
        "status": "fixing",
        "ground": "delay",
        "disposition": "fix",
        "handled": ["TAX"],
        "escalated": None,
    }
    assert item["dueAt"] == item["dues"]["fix"]
    other = await lone_site.account("handler", unit="HR")
    assert (await listed(lone_site, other, queue="fixing"))["items"] == []
    assert len((await listed(lone_site, other, queue="acceptance"))["items"]) == 1
    found = await listed(lone_site, await lone_site.account("leader"), q="税务局", ground="delay", sort="due")
    assert [one["projectNo"] for one in found["items"]] == ["case"]


async def test_counts_are_shared_until_something_happens(lone_site, world):
    """A count that is remembered is that of all who see the same; the next ticket is in it."""
    one, other = (Account(username=name, role="supervisor") for name in ("one", "other"))
    await world.rate("first", dept="TAX")
    await world.react()
    assert (await queues.counts(lone_site.context, one))["acceptance"] == 1
    await world.rate("second", dept="TAX")
    await world.react()
    counted = await queues.counts(lone_site.context, one)
    assert (counted["acceptance"], counted["dispatch"], counted["open"]) == (2, 0, 2)
    assert await queues.counts(lone_site.context, other) == counted
