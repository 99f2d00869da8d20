"""The whole loop in a real browser, worker and messages included: not satisfied the first time, an appeal the other.

Each page is kept as a picture under `artifacts/screenshots`, to be looked at.
"""

import asyncio
import contextlib
from pathlib import Path
from uuid import UUID

import pytest
from playwright.async_api import expect

from haocha.engine import worker
from haocha.store import log
from haocha.store.instance import Instance
from tests import people
from tests.browser.looks import FAULTS
from tests.engine.gateway import Gateway
from tests.pictures import png
from tests.site import site
from tests.world import World

pytestmark = pytest.mark.browser
PICTURES = Path(__file__).parents[2] / "artifacts" / "screenshots"
PHONE = {"width": 390, "height": 844}
LEVELS = {"满意": 4, "不满意": 2}
CITIZEN = {"userName": "测试人", "mobile": "10000000001", "isAnonymity": "2"}


class Story:
    """A served site with everything that runs beside it, a browser, and the pictures that are taken."""

    def __init__(self, name, running, browser, gateway):
        self.name, self.site, self.browser, self.gateway = name, running, browser, gateway
        self.taken = 0
        self.pages = []

    async def person(self, role, unit="", **more):
        """Make somebody and log him in, in a browser of his own."""
        login = await people.make(self.site.context.pool, role, unit, **more)
        page = await self.page({"width": 1366, "height": 768})
        await people.sign_in(page, self.site.url, login, "/account")
        return page

    async def page(self, size):
        """Open a browser of its own; whatever its console complains of fails the test at the end."""
        context = await self.browser.new_context(viewport=size, locale="zh-CN")
        page = await context.new_page()
        page.complaints = []
        page.on("console", lambda said: page.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        self.pages.append(page)
        return page

    async def take(self, page, name):
        """Keep a picture of the whole page."""
        self.taken += 1
        await page.screenshot(path=PICTURES / f"{self.name}-{self.taken:02d}-{name}.png", full_page=True)
        assert await page.evaluate(FAULTS) == []

    async def rate(self, **members):
        """Let a bad rating arrive, and wait until its ticket is in the workbench."""
        before = set(await self.tickets())
        await self.site.rate(1, writingEvaluation="排了两个小时，窗口的人一直在看手机。", **members)
        async with asyncio.timeout(20):
            while not (new := set(await self.tickets()) - before):
                await self.site.context.tail.wait(self.site.context.tail.head, 0.2)
        return f"{self.site.url}/tickets/{new.pop()}"

    async def tickets(self):
        """Return the tickets that the read model has."""
        return [row[0] for row in await self.site.context.pool.fetch("SELECT id FROM live.tickets")]

    async def link(self, number):
        """Wait for the citizen's n-th message, and return the address in it."""
        async with asyncio.timeout(20):
            while True:
                found = [came.told["url"] for came in self.gateway.came if "/v/" in came.told["url"]]
                if len(found) >= number:
                    return found[number - 1]
                await self.site.context.tail.wait(self.site.context.tail.head, 0.2)


@pytest.fixture
async def story(settings, dsn, pool, install, browser, request):  # noqa: PLR0917 (what it stands on)
    """Serve the site, run the whole worker, and take messages at a gateway."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    await World(pool, install).begin()
    async with Gateway().open() as gateway:
        changes = {"webhooks": (gateway.address,), "webhook_secret": b"a secret of some length"}
        async with site(settings, dsn, pool, url="http://haocha.test", **changes) as running:
            instance = Instance(running.context.settings, dsn, settings.owner_dsn)
            working = asyncio.create_task(worker.run(instance, pool))
            story = Story(request.node.name.removeprefix("test_")[:12].rstrip("_"), running, browser, gateway)
            yield story
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
            complaints = [said for page in story.pages for said in page.complaints]
            for page in story.pages:
                await page.context.close()
            assert complaints == []


async def fix(page, ticket, measures):
    """Report a fix with a photo."""
    await page.goto(ticket)
    await page.get_by_label("整改措施").fill(measures)
    await page.get_by_label("责任人").select_option(label="林知远 7")
    photo = {"name": "窗口.png", "mimeType": "image/png", "buffer": png(320, 240)}
    await page.locator("input[type=file]").set_input_files([photo])
    await expect(page.locator(".piece img")).to_have_js_property("naturalWidth", 320)
    await page.get_by_role("button", name="提交整改").click()
    await page.wait_for_url("**?done=fix*")


async def approve(page, ticket):
    """Approve a fix."""
    await page.goto(ticket)
    await page.get_by_role("button", name="审核通过").click()
    await page.wait_for_url("**?done=approve*")


async def judge(story, link, level):
    """Judge by the link in the message, on a phone."""
    page = await story.page(PHONE)
    await page.goto(link.replace("http://haocha.test", story.site.url))
    await story.take(page, f"citizen-{level}")
    await page.locator(f"[name=level][value='{LEVELS[level]}']").check()
    await page.get_by_label("想说的话").fill("还是要排队。" if level == "不满意" else "谢谢，快多了。")
    await page.get_by_role("button", name="下一步").click()
    await page.get_by_role("button", name="确认提交").click()
    await expect(page.get_by_role("heading", name="谢谢，您的评价已收到")).to_be_visible()
    await story.take(page, f"citizen-{level}-thanks")


async def test_bad_rating_is_fixed_twice_before_the_citizen_is_satisfied(story):  # noqa: PLR0915 (one long story)
    """Accepted, contacted, reviewed, fixed with a photo, approved by another, not satisfied, fixed again, closed."""
    handler = await story.person("handler", "SCJG", name="李明")
    agent = await story.person("agent", "RX", name="陈回访")
    supervisor = await story.person("supervisor", "ZSJ", name="王督办")
    ticket = await story.rate(**CITIZEN)

    await handler.goto(f"{story.site.url}/desk?queue=acceptance")
    await story.take(handler, "queue")
    await handler.locator(f"a[href='{ticket.removeprefix(story.site.url)}']").first.click()
    await handler.wait_for_url("**/tickets/*")
    await handler.get_by_role("button", name="签收").click()
    await handler.wait_for_url("**?done=accept*")
    await story.take(handler, "accepted")

    await agent.goto(f"{ticket}/identity")
    await agent.get_by_role("radio").first.check()
    await agent.get_by_role("button", name="查看联系方式").click()
    await expect(agent.get_by_text(CITIZEN["mobile"])).to_be_visible()
    await story.take(agent, "disclosed")
    await agent.goto(f"{ticket}?do=contact")
    await agent.get_by_label("联系上了", exact=True).check()
    await agent.locator("[name=note]").fill("确认等候时间过长。")
    await agent.get_by_role("button", name="记下这次联系").click()
    await agent.wait_for_url("**?done=contact*")

    await handler.goto(ticket)
    await handler.get_by_label("属实", exact=True).check()
    await handler.get_by_label("问题原因").select_option(label="服务态度")
    await handler.get_by_label("核实情况").fill("调取录像，情况属实。")
    await story.take(handler, "reviewing")
    await handler.get_by_role("button", name="提交核实").click()
    await handler.wait_for_url("**?done=review*")
    await fix(handler, ticket, "对当班人员批评教育。")
    await story.take(handler, "fixed")
    await supervisor.goto(ticket)
    await story.take(supervisor, "approving")
    await approve(supervisor, ticket)
    await judge(story, await story.link(1), "不满意")

    await handler.goto(ticket)
    await expect(handler.locator(".state")).to_have_text("整改中")
    await expect(handler.locator(".timeline")).to_contain_text("重开")
    await story.take(handler, "reopened")
    await fix(handler, ticket, "增开一个窗口，午间轮值。")
    await approve(supervisor, ticket)
    await judge(story, await story.link(2), "满意")

    await supervisor.goto(ticket)
    await expect(supervisor.locator(".state")).to_have_text("已办结")
    await story.take(supervisor, "closed")
    await supervisor.goto(f"{ticket}/print")
    await story.take(supervisor, "print")
    stream = [one.topic for one in await log.read_stream(story.site.context.pool, UUID(ticket[-36:]))]
    assert stream.count("ticket.fix_submitted:v1") == 2
    assert stream[-1] == "ticket.closed:v1"
    for name in ("overview", "ledger", "circulars", "inbox", "sources"):
        await supervisor.goto(f"{story.site.url}/desk/{name}")
        await expect(supervisor.locator("h1")).to_be_visible()
        await story.take(supervisor, name)


async def test_upheld_appeal_restates_the_score_of_the_window(story):
    """The unit appeals, somebody independent upholds it, and the window's score is as if the rating had not been."""
    pool, key = story.site.context.pool, (await story.site.key("scores:read"))[1]

    async def window():
        await story.site.settle()
        answer = await story.site.client.get("/v1/scores/windows", headers={"Authorization": f"Bearer {key}"})
        (found,) = [item for item in answer.json()["items"] if item["key"] == "H1/A01"]
        return found

    await story.site.rate(5)
    ticket = await story.rate()
    assert (await window())["counts"] == {"5": 1, "4": 0, "3": 0, "2": 0, "1": 1}
    handler = await story.person("handler", "SCJG", name="李明")
    reviewer = await story.person("reviewer", "ZSJ", name="赵复核")
    await handler.goto(ticket)
    await handler.get_by_role("button", name="签收").click()
    await handler.wait_for_url("**?done=accept*")
    await handler.goto(f"{ticket}?do=appeal")
    await handler.get_by_label("误评", exact=True).check()
    await handler.get_by_label("理由").fill("评价人说点错了，本意是非常满意。")
    await story.take(handler, "appeal")
    await handler.get_by_role("button", name="提交申诉").click()
    await handler.wait_for_url("**?done=appeal*")
    await reviewer.goto(ticket)
    await story.take(reviewer, "deciding")
    await reviewer.get_by_label("申诉成立，评价不予采纳").check()
    await reviewer.get_by_label("理由").fill("已与评价人核实。")
    await reviewer.get_by_role("button", name="作出裁定").click()
    await reviewer.wait_for_url("**?done=decide-appeal*")
    async with asyncio.timeout(20):
        while not (await window())["excluded"]:
            await story.site.context.tail.wait(story.site.context.tail.head, 0.2)
    after = await window()
    assert after["counts"] == {"5": 1, "4": 0, "3": 0, "2": 0, "1": 0}
    await reviewer.reload()
    await expect(reviewer.get_by_text("不予采纳").first).to_be_visible()
    await story.take(reviewer, "excluded")
    assert await pool.fetchval("SELECT count(*) FROM log.events WHERE topic = 'rating.excluded:v1'") == 1
