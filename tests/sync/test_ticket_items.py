"""What a city tells of a ticket, step by step, is what the instance above reads."""

from datetime import timedelta
from uuid import UUID, uuid4

import msgspec
import pytest

from haocha.domain.order import OrderIssued, order_id
from haocha.domain.rating import TextReference
from haocha.domain.registry import Registry
from haocha.domain.ticket import STATUSES
from haocha.domain.ticket_levels import Deed, Link, Report
from haocha.engine.reactor import Reactor
from haocha.handlers import report as handlers_report
from haocha.handlers.report import STEPS
from haocha.peers import Peer
from haocha.store import aggregates, log, rulebook
from haocha.store.log import Group, NewEvent, Text
from haocha.store.vault import Vault
from haocha.sync import ticket_items
from haocha.sync.contents import Reader
from tests.handlers.casework import AGENT, HANDLER, PHOTO, REVIEW, SUPERVISOR, Case
from tests.world import ASSESSED, World

URL = "https://city.example"


@pytest.fixture
async def world(pool, install):
    """Return a log with a policy and a calendar, and read models."""
    return await World(pool, install).begin()


@pytest.fixture
def reader(keys, install):
    """Return what steps are written with."""
    return Reader(install.namespace, Vault(keys), Registry(), URL)


async def words(world, body):
    """Keep a text and return what an event says of it."""
    text = Text(uuid4(), uuid4(), body)
    event = NewEvent(uuid4(), 1, "test.text:v1", b"{}")
    await log.append(world.pool, [Group((event,), (), (text,))])
    return TextReference(text.id, len(body), "0" * 32)


async def case_of(world, **members):
    """Return the case of a ticket with a unit."""
    await world.register("org", "TAX")
    await world.rate("case", dept="TAX", area="990102000000", **members)
    await world.react("open_ticket")
    (ticket,) = await world.tickets()
    return Case(world, ticket.id, ticket.opened_at)


async def steps(world, reader, case):
    """Write every step of a ticket that is reported."""
    tickets = await ticket_items.load(world.pool, [case.id])
    stream = await log.read_stream(world.pool, case.id)
    return [
        (one, await ticket_items.write(world.pool, reader, one, tickets))
        for one in stream
        if isinstance(one.event, STEPS)
    ]


async def test_whole_course_is_told(world, reader):
    """Each step with the status after it, what was decided, what was written, and where the evidence is."""
    case = await case_of(world)
    measures, finding = await words(world, "已培训。"), await words(world, "情况属实。")
    await case.do(HANDLER, "accept")
    await case.do(HANDLER, "review", **REVIEW | {"finding": finding})
    await case.do(HANDLER, "fix", measures=measures, responsible="TAX/7", evidence=(PHOTO,))
    await case.do(SUPERVISOR, "approve")
    await case.do(AGENT, "verify", result="satisfied", satisfaction=5)
    told = [values for _, values in await steps(world, reader, case)]
    assert [(one["type"], one["status"]) for one in told] == [
        ("accepted", "reviewing"),
        ("reviewed", "fixing"),
        ("fix_submitted", "approving"),
        ("approved", "verifying"),
        ("verification_sent", "verifying"),
        ("verified", "verifying"),
        ("closed", "closed"),
    ]
    review, fix, verified, closed = told[1], told[2], told[5], told[6]
    assert (review["verdict"], review["ground"], review["finding"]) == ("substantiated", "attitude", "情况属实。")
    assert fix["measures"] == "已培训。"
    assert list(fix["evidence"]) == [
        {
            "digest": PHOTO.digest,
            "mediaType": "image/jpeg",
            "size": 1,
            "url": f"{URL}/tickets/{case.id}/evidence/{PHOTO.digest}",
        }
    ]
    assert (verified["result"], verified["satisfaction"], closed["outcome"]) == ("satisfied", 5, "fixed")
    assert {(one["projectNo"], one["ticket"], one["unit"]) for one in told} == {("case", str(case.id), "TAX")}


async def test_steps_are_read_as_they_were_written(world, reader):
    """Through JSON, as on the wire; texts are referred to, where they are there."""
    case = await case_of(world)
    await case.do(HANDLER, "accept")
    await case.do(HANDLER, "lodge_appeal", ground="mistaken", reason=await words(world, "误评。"))
    referred = []

    def refer(name):
        referred.append(name)

    for recorded, values in await steps(world, reader, case):
        wire = msgspec.json.decode(msgspec.json.encode(values))
        step, report = ticket_items.read(wire, recorded.originator_version, "city", refer)
        assert (step.ticket, step.project_no) == (case.id, "case")
        assert (report.peer, report.ticket, report.version) == ("city", str(case.id), recorded.originator_version)
        assert (report.event, report.happened_at, report.status) == (
            values["type"],
            recorded.event.at,
            values["status"],
        )
    assert report.ground == "mistaken"
    assert set(referred) == set(ticket_items.TEXTS)


async def test_order_is_named_by_the_id_it_has_above(world, reader):
    """So the instance above finds its own ticket."""
    case = await case_of(world)
    theirs = str(uuid4())
    fact = OrderIssued(
        peer="province",
        order_id=theirs,
        project_no="case",
        received_at=ASSESSED,
        day=ASSESSED.date(),
        linked=True,
        issued_at=ASSESSED,
        digest="0",
    )
    await world.append((order_id(world.namespace, "province", theirs), fact))
    await world.react("open_ticket")
    case.at += timedelta(hours=1)
    await case.do(HANDLER, "accept")
    (_, accepted) = (await steps(world, reader, case))[0]
    assert accepted["provinceTicket"] == theirs


async def test_erased_text_is_left_out(world, reader):
    """What is gone is not waited for; without an address of ours the evidence has none."""
    case = await case_of(world)
    finding = await words(world, "情况属实。")
    await case.do(HANDLER, "accept")
    await case.do(HANDLER, "review", **REVIEW | {"finding": finding, "evidence": (PHOTO,)})
    await world.pool.execute("DELETE FROM private.texts WHERE id = $1", finding.id)
    _, (_, reviewed) = await steps(world, reader._replace(url=""), case)
    assert "finding" not in reviewed
    assert "url" not in reviewed["evidence"][0]


async def test_open_ticket_of_the_case_comes_first(world):
    """The one that is named, then the open one, then the newest."""
    await case_of(world)
    (first,) = await world.tickets()
    await world.close(first)
    await world.supplement("case")
    await world.react("open_ticket")
    second = (await world.tickets())[-1]
    named = uuid4()
    step = ticket_items.Step(
        type="accepted", ticket=uuid4(), number="1", status="reviewing", source="rating", at=ASSESSED,
        province_ticket=str(named), project_no="there",
    )  # fmt: skip
    assert await ticket_items.candidates(world.pool, world.namespace, step, "case") == [named, second.id, first.id]
    await world.close(second)
    step = msgspec.structs.replace(step, province_ticket="SD-1")
    assert await ticket_items.candidates(world.pool, world.namespace, step, "case") == [second.id, first.id]
    assert await ticket_items.candidates(world.pool, world.namespace, step, "") == []


@pytest.mark.parametrize(
    "changes",
    [{"type": "shredded"}, {"status": "gone"}, {"ticket": "7"}, {"at": "soon"}, {"evidence": [{"size": "x"}]}],
)
def test_what_is_no_step_is_refused(changes):
    """A member that is ahead of us by a version is told so, not misread."""
    good = {
        "type": "accepted",
        "ticket": str(UUID(int=1)),
        "number": "2026-1",
        "status": "reviewing",
        "source": "rating",
        "at": "2026-11-20T09:00:00+08:00",
    }
    assert ticket_items.read(good, 2, "city", lambda _: None)[0].status in STATUSES
    with pytest.raises(msgspec.ValidationError):
        ticket_items.read(good | changes, 2, "city", lambda _: None)


def test_every_step_that_is_reported_has_its_word():
    """The handler that reports and the words between two levels are the same."""
    names = {step.TOPIC.removeprefix("ticket.").removesuffix(":v1") for step in STEPS}
    assert names == set(Deed.__args__)


async def test_what_was_done_below_is_passed_on_above(world, reader):
    """City, province, nation: the province tells as what it was there, with its unit, words and evidence."""
    await world.rate("case", dept="JN", area="990102000000", key_kind="member", client="jining")
    await world.react("open_ticket")
    (ticket,) = await world.tickets()
    case, measures = Case(world, ticket.id, ticket.opened_at), await words(world, "已培训。")
    link = Link("5f" * 32, "image/png", 3, "https://city.example/e")
    said = {"peer": "jining", "ticket": "theirs", "number": "7", "unit": "JN", "unit_name": "登记中心"}
    rules = await rulebook.load(world.pool, world.install)
    terms = rules.of(ticket.policy_version, ticket.calendar_version)
    told = (
        ("accepted", "reviewing", {}),
        ("reviewed", "fixing", {"verdict": "partly", "ground": "delay", "disposition": "fix"}),
        ("fix_submitted", "approving", {"measures": measures, "evidence": (link,)}),
        ("overruled", "approving", {}),
        ("closed", "closed", {"outcome": "fixed"}),
    )
    for version, (event, status, members) in enumerate(told, start=2):
        report = Report(**said | members, version=version, event=event, status=status, happened_at=ASSESSED)
        assert ticket.report(report, terms=terms, at=case.at, cause=f"jining|theirs|{version}")
    await log.append(world.pool, [Group(aggregates.new_events(ticket))])
    tickets = await ticket_items.load(world.pool, [ticket.id])
    passed = await passed_on(world)
    values = [await ticket_items.write(world.pool, reader, one, tickets) for one in passed]
    assert [one["type"] for one in values] == ["accepted", "reviewed", "fix_submitted", "closed"]
    assert {one["unitName"] for one in values} == {"登记中心"}
    assert (values[1]["verdict"], values[1]["ground"], values[1]["disposition"]) == ("partly", "delay", "fix")
    assert (values[2]["measures"], values[2]["evidence"][0]["url"]) == ("已培训。", link.url)
    assert values[3]["outcome"] == "fixed"


async def passed_on(world):
    """Return the events of tickets that go up to a platform of our own kind."""
    options, secrets = {"member": "here"}, {"key": "k" * 44}
    up = Peer(name="nation", dialect="haocha", url="http://localhost", options=options, secrets=secrets)
    handler = handlers_report.Report(world.install, up)
    while await Reactor(world.pool, [handler]).step(handler):
        pass
    rows = await world.pool.fetch("SELECT stream, position FROM sync.outbox WHERE kind = 'ticket' ORDER BY position")
    stream = {one.position: one for one in await log.read_stream(world.pool, rows[0]["stream"])}
    return [stream[row["position"]] for row in rows]
