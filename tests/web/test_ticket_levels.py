"""The page of a ticket across levels: what the platform above wants and decided, and what an instance below did."""

import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from haocha.domain.order import OrderIssued, order_id
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_levels import Link, Report
from haocha.store import aggregates
from haocha.store.texts import Writings
from tests.web.handling import REVIEW, Loop

ORDER = UUID(int=5)
REPORTED = {"peer": "jining", "ticket": "theirs", "number": "2026-77", "unit": "JN-7", "unit_name": "虚构市登记中心"}


@pytest.fixture(scope="module")
async def loop(site):
    """Return a loop of its own with people of every kind."""
    return await Loop.begin(site)


@pytest.fixture
async def ticket(loop):
    """Open a ticket."""
    return await loop.open()


async def order(ticket):
    """Let the platform above send its ticket about the same case."""
    said, now = (await ticket.ticket()).snapshot, datetime.now(UTC)
    stream = order_id(ticket.world.namespace, "province", "P-1" + ticket.id)
    issued = OrderIssued(
        peer="province",
        order_id="P-1" + ticket.id,
        number="SD20260001",
        project_no=said.project_no,
        received_at=now,
        day=said.day,
        linked=False,
        issued_at=now,
        due_at=now + timedelta(days=3),
        digest="00",
    )
    await ticket.world.append((stream, issued))
    await ticket.world.react("open_ticket")
    return stream


async def overrule(ticket, verdict, stream=ORDER):
    """Let the platform above decide."""
    said = {"peer": "province", "order": stream, "reason": None, "cause": f"order-{verdict}"}
    await ticket.decide(lambda it, terms, at: it.overrule(verdict, terms=terms, at=at, **said))


async def report(ticket, version, event, status, measures="", **members):
    """Let the instance below report, as the intake of its steps does."""
    site, now = ticket.site, datetime.now(UTC)
    rulebook = await site.context.rules.current()

    def take(it):
        writings = Writings(site.context.vault, it.id, it.snapshot.subject)
        texts = {"measures": writings.refer(it.version + 1, "measures", measures)} if measures else {}
        said = Report(**REPORTED | members | texts, version=version, event=event, status=status, happened_at=now)
        terms = rulebook.of(it.policy_version, it.calendar_version)
        assert it.report(said, terms=terms, at=now, cause=f"jining|theirs|{version}")
        return writings.texts

    await aggregates.execute(site.context.batcher, site.pool, Ticket, UUID(ticket.id), take)


async def page_of(ticket, who="supervisor", address=""):
    """Return the text of the page."""
    async with ticket.browser(who) as browser:
        answer = await browser.get(ticket.page + address)
    assert answer.status_code == 200
    return answer.text


def panel(page):
    """Return what the panel of levels says, without tags."""
    found = re.search(r'<section class="panel" aria-labelledby="tiers">.*?</section>', page, re.DOTALL)
    return re.sub(r"<[^>]+>|\s+", " ", found[0]) if found else ""


async def test_ticket_of_one_level_says_nothing_of_others(ticket):
    """There is no empty panel."""
    assert panel(await page_of(ticket)) == ""


async def test_tickets_of_the_platform_above_are_named_with_their_deadlines(ticket):
    """By its own number; the deadline is its, the ticket's own stay beside."""
    await order(ticket)
    page = await page_of(ticket)
    assert "省级工单" in re.search(r'<p class="lede">.*?</p>', page)[0]
    told = panel(page)
    assert "SD20260001" in told
    assert re.search(r"要求 .* 前办结", told)
    assert page.count('<div class="said">') == 1, "what was said is told once, though the platform above repeats it"


async def test_verdict_from_above_stands_beside_the_own(ticket):
    """Both can be seen, and which of them goes before."""
    stream = await order(ticket)
    await ticket.done("handler", "accept")
    await ticket.done("handler", "review", **REVIEW | {"verdict": "unsubstantiated"})
    await overrule(ticket, "upheld", stream)
    page = await page_of(ticket)
    told = panel(page)
    assert re.search(r"上级认定 +评价有效", told)
    assert re.search(r"本级认定 +不属实", told)
    assert "以上级认定为准" in told
    assert re.search(r"上级平台（province）", page)


async def test_rating_excluded_from_above_is_said_to_be_so(ticket):
    """Not by an appeal that nobody lodged."""
    await overrule(ticket, "excluded")
    await ticket.world.react("exclude_rating")
    assert "经上级平台认定不予采纳" in await page_of(ticket)


async def test_unit_is_told_why_it_cannot_appeal(ticket):
    """Where the platform above has said that the rating counts."""
    await ticket.done("handler", "accept")
    await overrule(ticket, "upheld")
    assert "您不能申诉：上级平台对这条评价已有认定" in await page_of(ticket, "handler")


async def test_ticket_that_is_worked_on_below_shows_who_and_what(ticket):
    """Instance, unit, number, measures, and where its evidence is; nothing to do here but to watch and to urge."""
    assert (await ticket.ticket()).unit == "TAX"
    link = Link("5f" * 32, "image/png", 2048, "https://city.example/tickets/1/evidence/5f")
    await report(ticket, 2, "reviewed", "fixing", verdict="substantiated", ground="attitude", disposition="fix")
    await report(ticket, 3, "fix_submitted", "approving", measures="已向评价人致歉并调整排班。", evidence=(link,))
    page = await page_of(ticket)
    told = panel(page)
    for said in ("jining", "虚构市登记中心", "2026-77", "属实"):
        assert said in told, said
    assert "已向评价人致歉并调整排班。" in page
    assert 'href="https://city.example/tickets/1/evidence/5f"' in page
    assert "由 jining 办理" in page
    offered = set(re.findall(r"\?do=([\w-]+)#do", page)) | set(re.findall(r'data-command="([\w-]+)"', page))
    assert offered == {"remind"}


async def test_what_was_decided_here_and_is_not_heard_below_is_marked(ticket):
    """Until the instance below reports that it has taken it in."""
    for version, event, status in ((2, "accepted", "reviewing"), (3, "approved", "verifying")):
        await report(ticket, version, event, status)
    await ticket.done("agent", "verify", result="unsatisfied")
    assert re.search(r"已下发认定 +不满意", panel(await page_of(ticket)))
    await report(ticket, 5, "reopened", "fixing")
    assert "已下发认定" not in panel(await page_of(ticket))


async def test_what_is_reported_stands_above_the_decision_on_it(ticket):
    """An agent who asks the citizen sees what was fixed below, a reviewer what is pleaded."""
    await report(ticket, 2, "accepted", "reviewing")
    await report(ticket, 3, "appeal_lodged", "appealing", ground="malicious")
    page = await page_of(ticket, "reviewer")
    about = re.search(r'<div class="about">.*?</div>', page, re.DOTALL)[0]
    assert "申诉：恶意" in re.sub(r"<[^>]+>|\s+", " ", about)


async def test_sheet_of_paper_counts_what_is_kept_below(ticket):
    """The file itself is not here."""
    link = Link("5f" * 32, "image/png", 2048)
    await report(ticket, 2, "fix_submitted", "approving", evidence=(link,))
    assert "凭证 1 份，存于下级平台" in await page_of(ticket, address="/print")


async def test_citizen_reads_what_was_done_below(ticket):
    """By the receipt that he was given here: the steps as they are, and the measures once they are approved."""
    ticket.site.context.public_limits._per_minute = 100_000
    rating = (await ticket.ticket()).source_id
    known = await ticket.site.client.get(f"/v1/ratings/{rating}", headers=await ticket.site.key())
    await report(ticket, 2, "accepted", "reviewing")
    await report(ticket, 3, "reviewed", "fixing", verdict="substantiated", ground="attitude", disposition="fix")
    await report(ticket, 4, "fix_submitted", "approving", measures="已增开窗口。")
    told = (await ticket.site.client.get(f"/v1/receipts/{known.json()['receipt']}")).json()["progress"]
    assert [step["step"] for step in told["steps"]] == ["opened", "accepted", "reviewed", "fixed"]
    assert (told["status"], told["done"]) == ("approving", [])
    await report(ticket, 5, "approved", "verifying")
    await report(ticket, 6, "verified", "verifying", result="satisfied")
    await report(ticket, 7, "closed", "closed", outcome="fixed")
    told = (await ticket.site.client.get(f"/v1/receipts/{known.json()['receipt']}")).json()["progress"]
    assert [(done["kind"], done["text"]) for done in told["done"]] == [("fix", "已增开窗口。")]
    assert told["outcome"] == "fixed"
    assert told["steps"][-2:] == [{**told["steps"][-2], "step": "verified", "how": "satisfied"}, told["steps"][-1]]


async def test_citizen_is_told_that_the_platform_above_excluded_his_rating(ticket):
    """And not that somebody called it untrue."""
    ticket.site.context.public_limits._per_minute = 100_000
    rating = (await ticket.ticket()).source_id
    known = await ticket.site.client.get(f"/v1/ratings/{rating}", headers=await ticket.site.key())
    await overrule(ticket, "excluded")
    await ticket.world.react("exclude_rating")
    page = await ticket.site.client.get(f"/receipts/{known.json()['receipt']}")
    assert "上级平台认定" in page.text
