"""What members are told of our tickets: theirs and no others, once each, read on from a position."""

from datetime import timedelta
from uuid import uuid4

import pytest

from haocha.domain import ids
from haocha.domain.indicators import Indicator, IndicatorsPublished, indicators_id
from haocha.domain.rating import TextReference
from haocha.domain.ticket_levels import Report
from haocha.store import aggregates, log, members, rulebook
from haocha.store.log import Group, NewEvent, Text
from haocha.sync import downward, signing
from tests.handlers.casework import AGENT, FIX, HANDLER, REVIEW, REVIEWER, SUPERVISOR, Case
from tests.web.running import now
from tests.world import World

CITY, OTHER = "990102000000", "990202000000"


class Below:
    """A member, and how it reads."""

    def __init__(self, site, member, secret):
        self.site = site
        self.name = member.name
        self.secret = secret

    @classmethod
    async def enrol(cls, site, area="9901"):
        """Enrol a member of its own."""
        member = await members.enrol(site.pool, f"m{uuid4().hex[:12]}", area, now())
        return cls(site, member, members.secret_of(site.context.settings.keys, member).encode())

    async def get(self, query="", **changes):
        """Read a page, signed."""
        target = f"/v1/sync/orders{query}"
        secret = changes.get("secret", self.secret)
        signed = signing.sign(secret, "GET", changes.get("target", target), b"", changes.get("at", now()))
        headers = {signing.PEER: changes.get("name", self.name), **signed}
        return await self.site.client.get(target, headers=headers)

    async def items(self, after=0, limit=200):
        """Read on to the end of the log."""
        found, more = [], True
        while more:
            answer = await self.get(f"?after={after}&limit={limit}")
            assert answer.status_code == 200, answer.text
            page = answer.json()
            assert page["position"] > after or not page["more"]
            found += page["items"]
            after, more = page["position"], page["more"]
        return found


@pytest.fixture
async def world(lone_site):
    """Return the log of a site of the test's own."""
    return await World(lone_site.pool, lone_site.context.install).begin()


async def written(world, vault, stream, name, body):
    """Return the reference to a text that is there, with an identity beside it."""
    subject = ids.subject_id(stream)
    text = Text(ids.text_id(stream, name), subject, body)
    sealed = vault.seal(subject, {"userName": "虚构丙", "mobile": "19900000003", "certKey": "990101199001010000"})
    event = NewEvent(uuid4(), 1, "test.text:v1", b"{}")
    await log.append(world.pool, [Group((event,), (sealed,), (text,))])
    return {"subject": subject, "named": True, "texts": {name: vault.refer(text)}}


async def test_position_beyond_the_log_is_told(lone_site):
    """It was restored from a backup: what it gives those positions to would be passed over."""
    below = await Below.enrol(lone_site)
    answer = await below.get("?after=999999999")
    assert (answer.status_code, answer.json()["code"]) == (409, "cursor_ahead")


async def test_ticket_of_the_area_is_told_whole(lone_site, world):
    """With what was written and, sealed, who wrote it: the member has never seen the rating."""
    below = await Below.enrol(lone_site)
    stream = ids.rating_id(world.namespace, "case", 1)
    vault = lone_site.context.vault
    said = await written(world, vault, stream, "writingEvaluation", "等了很久")
    members = {"window": "H1/A01", "staff": "TAX/7", "dept": "TAX", "hall": "H1", "matter": "T-100/01", "area": CITY}
    await world.rate("case", 1, eval_detail=("115",), **members, **said)
    await world.rate("elsewhere", 1, area=OTHER)
    await world.react("open_ticket")
    (item,) = await below.items()
    ticket, _ = await world.tickets()
    sealed = item.pop("identity")
    assert signing.unseal(below.secret, ticket.id, sealed) == {"userName": "虚构丙", "mobile": "19900000003"}
    assert item == {
        "type": "ticket",
        "id": str(ticket.id),
        "number": ticket.number,
        "projectNo": "case",
        "serviceNumber": 1,
        "satisfaction": 1,
        "pf": "4",
        "assessTime": ticket.snapshot.assess_time.isoformat(),
        "areaCode": CITY,
        "deptCode": "TAX",
        "hallCode": "H1",
        "windowNo": "A01",
        "staffNo": "7",
        "taskCode": "T-100",
        "evalDetail": ["115"],
        "text": "等了很久",
        "issuedAt": ticket.opened_at.isoformat(),
        "dueAt": ticket.dues["fix"].isoformat(),
    }


async def test_rating_that_a_member_reported_is_that_members(lone_site, world):
    """Wherever it lies; its words are the member's already, and the number of a case that has none is as there."""
    below, neighbour = await Below.enrol(lone_site), await Below.enrol(lone_site, "9902")
    stream = ids.rating_id(world.namespace, "case", 1)
    said = await written(world, lone_site.context.vault, stream, "writingEvaluation", "等了很久")
    await world.rate("case", 1, area=OTHER, client=below.name, key_kind="member", **said)
    number = f"X-{below.name}-网上-1"
    await world.rate(number, 1, area="", client=below.name, key_kind="member", flags=("noCase",))
    await world.react("open_ticket")
    first, second = await below.items()
    assert (first["projectNo"], "text" in first, "identity" in first) == ("case", False, False)
    assert (second["projectNo"], second["areaCode"]) == ("X-网上-1", "990100000000")
    assert await neighbour.items() == []


async def test_pages_go_on_where_the_last_one_ended(lone_site, world):
    """Nothing twice, nothing left out, whatever the size of the page; a page looks through so many events."""
    below = await Below.enrol(lone_site)
    for number in range(12):
        await world.rate(f"case-{number}", 1, area=(CITY, OTHER)[number % 2])
    await world.react("open_ticket")
    whole = await below.items()
    assert [item["projectNo"] for item in whole] == [f"case-{number}" for number in range(0, 12, 2)]
    for limit in (1, 5, 12):
        assert await below.items(limit=limit) == whole
    page = (await below.get("?limit=5")).json()
    assert (len(page["items"]), page["more"]) == (3, True)
    head = await log.head(world.pool)
    end = (await below.get(f"?after={head}")).json()
    assert end == {"position": head, "more": False, "items": []}


async def test_verdicts_and_urgings_are_told_in_their_order(lone_site, world):
    """By people and, where our deadlines escalate, by them; what follows from a verdict is not told beside it."""
    below = await Below.enrol(lone_site)
    await world.register("org", "TAX")
    await world.rate("case", 1, dept="TAX", area=CITY)
    await world.react("open_ticket")
    (ticket,) = await world.tickets()
    case = Case(world, ticket.id, ticket.opened_at)
    reason = await written(world, lone_site.context.vault, ticket.id, "reason", "问题仍在")
    why = reason["texts"]["reason"]
    await case.do(HANDLER, "accept")
    await case.do(HANDLER, "review", **REVIEW)
    await case.do(SUPERVISOR, "remind", note=why)
    await case.do(HANDLER, "fix", **FIX)
    await case.do(SUPERVISOR, "approve")
    await case.do(AGENT, "verify", result="unsatisfied", satisfaction=1)
    await case.do(HANDLER, "fix", **FIX)
    await case.do(SUPERVISOR, "approve")
    await case.do(AGENT, "verify", result="satisfied", satisfaction=5)
    await case.do(SUPERVISOR, "reopen", reason=why)
    told = [(item["type"], item.get("verdict") or item.get("level")) for item in await below.items()]
    assert told == [
        ("ticket", None),
        ("urging", "remind"),
        ("ticket", None),
        ("verdict", "unsatisfied"),
        ("verdict", "satisfied"),
        ("ticket", None),
        ("verdict", "unsatisfied"),
    ]
    last = (await below.items())[-1]
    (ticket,) = await world.tickets()
    assert last["id"] == f"{ticket.id}-{ticket.version}"
    assert (last["ticket"], last["reason"]) == (str(ticket.id), "问题仍在")


async def test_decided_appeal_is_a_verdict(lone_site, world):
    """Upheld the rating is excluded; reinstated, or dismissed, it counts."""
    below = await Below.enrol(lone_site)
    await world.register("org", "TAX")
    words = TextReference(uuid4(), 2, "0" * 32)
    for number, upheld in enumerate((True, False)):
        await world.rate(f"case-{number}", 1, dept="TAX", area=CITY)
        await world.react("open_ticket")
        ticket = (await world.tickets())[-1]
        case = Case(world, ticket.id, ticket.opened_at)
        await case.do(HANDLER, "accept")
        await case.do(HANDLER, "lodge_appeal", ground="mistaken", reason=words)
        await case.do(REVIEWER, "decide_appeal", upheld=upheld, reason=words)
        if upheld:
            await case.do(SUPERVISOR, "reinstate", reason=words)
    told = [item["verdict"] for item in await below.items() if item["type"] == "verdict"]
    assert told == ["excluded", "upheld", "upheld"]


async def test_ticket_that_was_closed_below_before_it_was_asked_for_is_not_told(lone_site, world):
    """There is nothing left to do; what is decided on it later brings it along."""
    below = await Below.enrol(lone_site)
    await world.rate("case", 1, area=CITY, client=below.name, key_kind="member")
    await world.react("open_ticket")
    (ticket,) = await world.tickets()
    rules = await rulebook.load(world.pool, world.install)
    terms = rules.of(ticket.policy_version, ticket.calendar_version)
    done = {"peer": below.name, "ticket": str(uuid4()), "number": "1", "version": 9, "event": "closed"}
    at = ticket.opened_at + timedelta(hours=1)
    ticket.report(Report(**done, happened_at=at, status="closed", outcome="fixed"), terms=terms, at=at, cause="9")
    await log.append(world.pool, [Group(aggregates.new_events(ticket))])
    assert await below.items() == []
    head = await log.head(world.pool)
    case = Case(world, ticket.id, at)
    await case.do(SUPERVISOR, "reopen", reason=TextReference(uuid4(), 2, "0" * 32))
    assert [item["type"] for item in await below.items(head)] == ["ticket", "verdict"]


async def test_lists_of_indicators_are_told_to_all(lone_site, world):
    """As they came down to us, or were published here."""
    below = await Below.enrol(lone_site)
    fact = IndicatorsPublished(
        version="2026-12",
        items=(Indicator("116", "无故拒绝受理", 1, extra=True),),
        at=now(),
        received_at=now(),
        digest="0",
    )
    await world.append((indicators_id(world.namespace, "", "2026-12"), fact))
    (item,) = await below.items()
    assert (item["type"], item["id"]) == ("indicators", "2026-12")
    assert item["items"] == [
        {"normCode": "116", "normName": "无故拒绝受理", "starLevel": 1, "usingStatus": True, "expandNorm": True}
    ]


@pytest.mark.parametrize(
    "changes",
    [{"secret": b"another"}, {"name": "nobody"}, {"target": "/v1/sync/orders?after=1"}, {"late": -310}, {"late": 310}],
)
async def test_who_is_not_a_member_is_refused_alike(lone_site, changes):
    """Nobody learns what of it was wrong."""
    below = await Below.enrol(lone_site)
    if late := changes.get("late"):
        changes = {"at": now() + timedelta(seconds=late)}
    answer = await below.get(**changes)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed")
    assert (await lone_site.client.get("/v1/sync/orders")).status_code == 401


@pytest.mark.parametrize("query", ["?after=x", "?limit=0", "?limit=501", "?since=1"])
async def test_wrong_parameters_are_refused(lone_site, query):
    """As everywhere."""
    below = await Below.enrol(lone_site)
    assert (await below.get(query)).status_code == 422


async def test_plan_reads_the_index_of_what_is_told(lone_site, world):
    """A page costs what it looks through, however long the log is."""
    await world.append(*world.ratings(0, 3_000))
    await world.rate("case", 1, area=CITY)
    await world.react("open_ticket")
    connection = await lone_site.pool.acquire()
    try:
        await connection.execute("SET enable_seqscan = off")
        plan = await connection.fetch(f"EXPLAIN {downward.SQL['told']}", 0, 10_000, 200)
    finally:
        await connection.execute("RESET enable_seqscan")
        await lone_site.pool.release(connection)
    assert any("events_down" in row[0] for row in plan)
