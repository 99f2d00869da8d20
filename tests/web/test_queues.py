"""Queues offer exactly what the guards allow, count what they list, and page through it in every order."""

import contextlib
import random
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid5

import msgspec
import pytest

from haocha.domain import ticket_guards as guards
from haocha.domain.account import Account
from haocha.domain.policy import DEFAULT, LookBack, PolicyPublished, policy_id
from haocha.domain.rating import TextReference
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Evidence, Snapshot
from haocha.domain.ticket_levels import Report
from haocha.domain.workdays import Limit
from haocha.settings import Settings
from haocha.store import aggregates, log
from haocha.web import desk_rows, queues, scopes, words
from haocha.web.queues import Filters
from haocha.web.ticket_filters import QUEUE_NAMES, SORTS
from tests.conftest import TEMPLATE
from tests.web.running import running
from tests.world import World

NOW = datetime.now(UTC)
TEXT = TextReference(UUID(int=1), 3, "c0ffee")
PHOTO = Evidence("5f" * 32, "image/png", 3)
UNITS = ("TAX", "HR", "GOV")
AREAS = {"TAX": "370102000000", "HR": "370102000000", "GOV": "370103000000"}
SINGLE = ("handler", "supervisor", "reviewer", "agent", "inspector")
PEOPLE = [
    Account(username=f"{role}-{unit}", role=role, unit=unit, contact_officer=role == "handler" and unit == "HR")
    for role in SINGLE
    for unit in UNITS
] + [
    Account(username="rated", role="handler", unit="TAX", staff="TAX/7", contact_officer=True),
    Account(username="rated-reviewer", role="reviewer", unit="GOV", staff="TAX/7"),
    Account(username="rated-agent", role="agent", staff="TAX/7"),
    Account(username="of-the-area", role="supervisor", node="area:370102"),
    Account(username="of-the-dept", role="supervisor", unit="GOV", node="dept:TAX"),
    Account(username="leader", role="leader"),
    Account(username="auditor", role="auditor", node="area:370103"),
    Account(username="admin", role="admin"),
]
COMMANDS = {
    "dispatch": "dispatch",
    "acceptance": "accept",
    "contact": "contact",
    "review": "review",
    "appeals": "decide-appeal",
    "fixing": "fix",
    "extensions": "decide-extension",
    "approval": "approve",
    "verification": "verify",
    "recheck": "verify",
    "supervision": "reopen",
    "look_back": "look-back",
}
CHASED = {"acceptance": "awaiting_acceptance", "review": "reviewing", "fixing": "fixing"}
DOINGS = {
    "dispatch": lambda chance: {"unit": chance.choice(UNITS)},
    "accept": lambda _: {},
    "transfer": lambda chance: {"unit": chance.choice(UNITS), "reason": TEXT},
    "contact": lambda chance: {"channel": "phone", "reached": chance.random() < 0.5},
    "review": lambda chance: {
        "verdict": "partly",
        "ground": chance.choice(["delay", "attitude"]),
        "disposition": chance.choice(["fix", "explain"]),
        "finding": TEXT,
        "basis": TEXT,
    },
    "appeal": lambda _: {"ground": "untrue", "reason": TEXT},
    "decide-appeal": lambda chance: {"upheld": chance.random() < 0.3, "reason": TEXT},
    "request-extension": lambda _: {"reason": TEXT},
    "decide-extension": lambda chance: {"granted": chance.random() < 0.5},
    "fix": lambda _: {"measures": TEXT, "responsible": "TAX/7", "evidence": (PHOTO,)},
    "return": lambda _: {"reason": TEXT},
    "approve": lambda _: {},
    "verify": lambda chance: {"result": chance.choice(["satisfied", "informed", "passed", "unsatisfied", "failed"])},
    "remind": lambda _: {},
}
REPORTED = (
    ("accepted", "reviewing"),
    ("reviewed", "fixing"),
    ("fix_submitted", "approving"),
    ("approved", "verifying"),
    ("closed", "closed"),
)
WATCHED = {"supervision", "look_back"}
"""Queues in which also those wait that an instance below works on."""
METHODS = {"appeal": "lodge_appeal", "return": "give_back"}
USUAL = {"accept", "review", "fix", "approve", "verify", "dispatch"}
"""What mostly happens, so that lives come to their end."""


def life(chance, number, rulebook):
    """Let people who may do whatever they may to a new ticket, for a while."""
    dept = chance.choice(["TAX", "HR"])
    began = NOW - timedelta(days=chance.uniform(0, 12))
    source = "inspection" if number % 6 == 0 else "rating"
    ticket = Ticket.opened(
        uuid5(UUID(int=3), str(number)),
        source=source,
        source_id=str(number),
        case_id=None,
        snapshot=Snapshot(
            project_no=f"P-{number}",
            satisfaction=0 if source == "inspection" else 1 + number % 2,
            pf=chance.choice(["1", "4"]),
            day=began.date(),
            window=f"H01/A0{1 + number % 2}",
            staff=chance.choice(["TAX/7", "TAX/8"]),
            matter=chance.choice(["T-100", "T-100/2", "X-9"]),
            dept=dept,
            hall="H01",
            area=AREAS[dept],
            named=number % 3 > 0,
            texts={"writingEvaluation": TEXT} if number % 2 else {},
        ),
        unit=chance.choice([dept, dept, ""]),
        terms=rulebook.at(10**9, AREAS[dept], dept),
        at=began,
        cause=1_000 + number,
        below="jining" if number % 9 == 4 else "",
    )
    terms = rulebook.of(ticket.policy_version, ticket.calendar_version)
    for step in range(chance.choice((0, 2, 8, 18, 30, 36))):
        at = began + (NOW - began) * (step + 1) / 37
        may = [(by, name) for by in PEOPLE for name in ticket.allowed(by, terms, at) if name in DOINGS]
        usual = [one for one in may if one[1] in USUAL]
        by, command = chance.choice(usual if usual and chance.random() < 0.6 else may or [(PEOPLE[0], "remind")])
        act = getattr(ticket, METHODS.get(command, command.replace("-", "_")))
        for _ in range(5):  # not every verdict fits every ticket
            with contextlib.suppress(guards.Refusal):
                act(by, terms, at, **DOINGS[command](chance))
                break
        if command in {"appeal", "request-extension"} and chance.random() < 0.5:
            break
    other_levels(ticket, number, terms)
    return ticket


def other_levels(ticket, number, terms):
    """Let the instance below report of its tickets, and the platform above send down and decide some."""
    for version, (event, status) in enumerate(REPORTED[: number // 9 % 6] if ticket.below else (), start=2):
        said = {"peer": "jining", "ticket": str(number), "number": f"7-{number}", "happened_at": NOW, "unit": "JN"}
        outcome = {"outcome": "fixed"} if event == "closed" else {}
        told = Report(**said | outcome, version=version, event=event, status=status)
        assert ticket.report(told, terms=terms, at=NOW, cause=f"jining|{version}")
    if number % 10 == 7 and ticket.is_open:
        snapshot, order = ticket.snapshot, uuid5(UUID(int=4), str(number))
        ticket.join(
            source="province", source_id=str(order), snapshot=snapshot, terms=terms, at=NOW, cause=2_000 + number
        )
        verdict = ("satisfied", "unsatisfied", "upheld")[number % 3]
        said = {"peer": "province", "order": order, "reason": None, "terms": terms, "at": NOW}
        ticket.overrule(verdict, **said, cause=3_000 + number)


@pytest.fixture(scope="module")
async def told(cluster, keys, tmp_path_factory):
    """Serve 160 tickets in all states, and return the site with the tickets."""
    await cluster.run(f"CREATE DATABASE queued TEMPLATE {TEMPLATE} OWNER haocha_owner")
    settings = Settings(
        data=tmp_path_factory.mktemp("queued"),
        keys=keys,
        dsn=cluster.dsn("haocha_app", "queued"),
        owner_dsn=cluster.dsn("haocha_owner", "queued"),
    )
    async with running(settings) as site:
        world = await World(site.pool, site.context.install).begin()
        namespace = world.namespace
        await world.append((policy_id(namespace, "hr"), policy_of("hr", dept="HR", contact="unit")))
        await world.append((policy_id(namespace, "all"), policy_of("all", area="3")))
        rulebook = await site.context.rules.current()
        chance = random.Random(12)
        tickets = [life(chance, number, rulebook) for number in range(160)]
        written = (log.Text(TEXT.id, UUID(int=2), "等了两个小时,请回电 13800000000"),)
        groups = [log.Group(aggregates.new_events(ticket)) for ticket in tickets]
        groups[0] = groups[0]._replace(texts=written)
        assert {verdict.verdict for verdict in await log.append(site.pool, groups)} == {"ok"}
        await world.fold()
        yield site, tickets


def policy_of(name, *, area="", dept="", **changes):
    """Return a policy under which all that is closed is looked at again the day after."""
    policy = msgspec.structs.replace(DEFAULT, look_back=LookBack(100, Limit(0, "natural")), **changes)
    return PolicyPublished(version=f"{name}-1", name=name, policy=policy, at=NOW, by="test", area=area, dept=dept)


def ids(rows):
    """Return which tickets are listed; their lights change with the time."""
    return [row.id for row in rows]


async def everything(site, account, filters, limit=7):
    """Follow the pages of a queue to the end."""
    rows, cursor = [], None
    while True:
        page = await queues.page(site.context, account, filters, cursor=cursor, limit=limit)
        rows += page.items
        cursor = page.next_cursor
        if cursor is None:
            return rows


def offered(site, rulebook, account, queue, ticket):
    """Say whether a queue should offer a ticket, from the guards alone."""
    terms = rulebook.of(ticket.policy_version, ticket.calendar_version)
    if not scopes.may_see(site.context, account, ticket) or (ticket.below and queue.key not in WATCHED):
        return False
    if queue.key in CHASED and account.role == "supervisor":
        return ticket.status == CHASED[queue.key]
    if queue.key == "supervision":
        return ticket.spent and ticket.is_open
    wanted = {
        "contact": ticket.snapshot.named
        and ticket.contacts < terms.policy.contact_attempts
        and not ticket.reached
        and ticket.status != "verifying",
        "look_back": ticket.dues.get("look_back", NOW) <= NOW,
    }
    return wanted.get(queue.key, True) and guards.refusal(ticket, COMMANDS[queue.key], account, terms, NOW) is None


@pytest.mark.parametrize("account", PEOPLE, ids=lambda account: account.username)
async def test_queues_offer_what_the_guards_allow(told, account):
    """Of each queue exactly those tickets in the account's scope on which its command is not refused; counted so."""
    site, tickets = told
    rulebook = await site.context.rules.current()
    counted = await queues.counts(site.context, account)
    for queue in queues.queues_of(account):
        listed = {row.id for row in await everything(site, account, Filters(queue=queue.key))}
        if queue.key in COMMANDS:
            assert {t.id for t in tickets if offered(site, rulebook, account, queue, t)} == listed, queue.key
        if queue.counted:
            assert len(listed) == counted[queue.key], queue.key
    assert list(counted) == [queue.key for queue in queues.queues_of(account) if queue.counted]


async def test_tickets_are_found_by_their_levels(told):
    """Those that the platform above sent down, and those that an instance below works on, in every state."""
    site, tickets = told
    admin = Account(username="admin", role="admin")
    expected = {
        "above": {t.id for t in tickets if any(source == "province" for source, _ in t.parts)},
        "below": {t.id for t in tickets if t.below},
    }
    for tier, there in expected.items():
        rows = await everything(site, admin, Filters(tier=tier))
        assert {row.id for row in rows} == there != set(), tier
    row, *_ = await everything(site, admin, Filters(tier="below", status=("fixing",)), 50)
    assert "jining 办理" in {mark.text for mark in desk_rows.marks(row)}
    row, *_ = await everything(site, admin, Filters(tier="above"), 50)
    assert {"省级", f"上级认定{words.RULINGS[row.above]}"} <= {mark.text for mark in desk_rows.marks(row)}


async def test_every_queue_had_something_to_offer(told):
    """A test that compares nothing with nothing proves nothing."""
    site, _ = told
    totals = dict.fromkeys(queues.QUEUES, 0)
    for account in PEOPLE:
        for key, n in (await queues.counts(site.context, account)).items():
            totals[key] += n
    assert {key for key, n in totals.items() if not n} == {"closed", "all"}
    assert set(QUEUE_NAMES) == set(queues.QUEUES)


async def test_open_closed_and_all_are_the_scope(told):
    """What an account may see and nothing else, open or closed."""
    site, tickets = told
    for account in PEOPLE:
        seen = {t.id: t for t in tickets if scopes.may_see(site.context, account, t)}
        for key, held in (("all", None), ("open", True), ("closed", False)):
            listed = {row.id for row in await everything(site, account, Filters(queue=key), 50)}
            assert {ticket for ticket, t in seen.items() if held in {None, t.is_open}} == listed


@pytest.mark.parametrize("queue", ["all", "open", "closed", "overdue", "look_back", "contact"])
async def test_pages_are_complete_and_in_order(told, queue):
    """Every order of every sort of queue: no row twice, none missing, in the order that was asked for."""
    site, _ = told
    agent = Account(username="agent", role="agent")
    keys = {
        "newest": lambda row: -row.position,
        "oldest": lambda row: row.position,
        "level": lambda row: (row.level or 6, row.position),
        "due": lambda row: (row.due is None, row.due or NOW, row.position),
        "contact": lambda row: (row.contact_due, row.position),
        "look_back": lambda row: (row.look_back, row.position),
        "closed": lambda row: (-row.closed.timestamp(), -row.position),
    }
    for sort in ("", *SORTS):
        filters = Filters(queue=queue, sort=sort)
        whole = (await queues.page(site.context, agent, filters, limit=500)).items
        rows = await everything(site, agent, filters, max(2, len(whole) // 4))
        assert ids(whole) == ids(rows)
        assert len(set(ids(rows))) == len(rows) > 2
        assert sorted(rows, key=keys[queues.order_of(filters)]) == rows


async def test_cursor_of_another_order_begins_anew(told):
    """A page kept open while the order was changed shows the first page, not a hole."""
    site, _ = told
    account = Account(username="s", role="supervisor")
    first = await queues.page(site.context, account, Filters(queue="open"), limit=3)
    again = await queues.page(site.context, account, Filters(queue="open", sort="newest"), cursor=first.next_cursor)
    newest = await queues.page(site.context, account, Filters(queue="open", sort="newest"))
    assert ids(newest.items) == ids(again.items) != []
    lost = await queues.page(site.context, account, Filters(queue="open"), cursor="nonsense", limit=3)
    assert ids(first.items) == ids(lost.items)


NARROWINGS = {
    "area": (Filters(area="370102"), lambda t, _: t.snapshot.area.startswith("370102")),
    "dept": (Filters(dept="TAX"), lambda t, _: t.snapshot.dept == "TAX"),
    "hall": (Filters(hall="H01"), lambda t, _: t.snapshot.hall == "H01"),
    "window": (Filters(window="H01/A01"), lambda t, _: t.snapshot.window == "H01/A01"),
    "staff": (Filters(staff="TAX/7"), lambda t, _: t.snapshot.staff == "TAX/7"),
    "matter": (Filters(matter="T-100"), lambda t, _: t.snapshot.matter.startswith("T-100")),
    "unit": (Filters(unit="HR"), lambda t, _: t.unit == "HR"),
    "pf": (Filters(pf="1"), lambda t, _: t.snapshot.pf == "1"),
    "level": (Filters(level=(0, 1)), lambda t, _: t.snapshot.satisfaction in {0, 1}),
    "source": (Filters(source=("inspection",)), lambda t, _: t.source == "inspection"),
    "ground": (Filters(ground=("delay",)), lambda t, _: t.ground == "delay"),
    "status": (Filters(status=("fixing", "approving")), lambda t, _: t.status in {"fixing", "approving"}),
    "outcome": (Filters(outcome=("excluded",)), lambda t, _: t.outcome == "excluded"),
    "escalated": (Filters(escalated="yellow"), lambda t, _: t.escalated == "red"),
    "since": (Filters(since=(NOW - timedelta(days=5)).date()), lambda t, _: t.snapshot.day >= day(5)),
    "until": (Filters(until=(NOW - timedelta(days=5)).date()), lambda t, _: t.snapshot.day <= day(5)),
    "number": (Filters(q="P-7"), lambda t, _: t.snapshot.project_no == "P-7"),
    "name of staff": (Filters(q="甲"), lambda t, _: t.snapshot.staff == "TAX/7"),
    "name of a window": (Filters(q="二号窗口"), lambda t, _: t.snapshot.window == "H01/A02"),
    "name of a matter": (Filters(q="保障卡"), lambda t, _: t.snapshot.matter == "T-100"),
    "code of a matter": (Filters(q="T-100"), lambda t, _: t.snapshot.matter.startswith("T-100")),
    "name of a unit": (Filters(q="人社局"), lambda t, _: t.unit == "HR"),
    "over": (Filters(due="over"), lambda _, due: due is not None and due < NOW),
    "none": (Filters(due="none"), lambda t, due: t.is_open and due is None),
}


def day(ago: int) -> date:
    """Return the day so many days ago."""
    return (NOW - timedelta(days=ago)).date()


@pytest.mark.parametrize("name", NARROWINGS)
async def test_filters_leave_what_they_name(told, name):
    """Each filter against the tickets themselves; a search by name finds the keys that the name stands for."""
    site, tickets = told
    filters, holds = NARROWINGS[name]
    rows = await everything(site, Account(username="s", role="supervisor"), filters, 200)
    expected = {t.id for t in tickets if holds(t, t.dues.get(t.stage) if t.is_open else None)}
    assert expected == {row.id for row in rows}
    assert expected or name == "none"


async def test_due_words_are_the_lights(told):
    """Filtered by a word of the deadline each shows that light, and together they are all that is open."""
    site, _ = told
    account = Account(username="s", role="supervisor")
    found = {}
    for word in ("over", "today", "soon", "later", "none"):
        rows = await everything(site, account, Filters(queue="open", due=word), 200)
        kinds = {"later": "fine"}.get(word, word)
        assert {row.light.kind for row in rows} <= {kinds}
        found |= {row.id: word for row in rows}
    assert {row.id for row in await everything(site, account, Filters(queue="open"), 200)} == set(found)
    assert {"over", "soon"} <= set(found.values())


async def test_row_has_names_and_what_is_left_of_the_time(told):
    """Names in the place of keys, words in the place of codes, working minutes until the deadline."""
    site, tickets = told
    by_id = {ticket.id: ticket for ticket in tickets}
    rulebook = await site.context.rules.current()
    rows = await everything(site, Account(username="s", role="supervisor"), Filters(staff="TAX/7"), 200)
    for row in rows:
        ticket = by_id[row.id]
        assert (row.number, row.version, row.status) == (ticket.number, ticket.version, ticket.status)
        assert row.staff == "甲"
        assert row.excerpt == ("等了两个小时,请回电 ＊＊＊" if ticket.snapshot.texts else "")
        assert row.place in {"市民中心 A01 一号窗口", "市民中心 A02 二号窗口"}
        assert row.unit == {"TAX": "税务局", "HR": "人社局"}.get(ticket.unit, ticket.unit)
        if row.due is not None and row.minutes_left is not None:
            terms = rulebook.of(ticket.policy_version, ticket.calendar_version)
            left = terms.worked(NOW, row.due) - terms.worked(row.due, NOW)
            assert abs(left - row.minutes_left) <= 5
    assert any(row.minutes_left for row in rows)
