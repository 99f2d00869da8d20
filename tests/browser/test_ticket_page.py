"""The ticket's page with its scripts: drafts, files that go up at once, word of what others do, a phone, paper."""

import pytest
from playwright.async_api import expect

from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import FixSubmitted
from haocha.store import aggregates, log
from tests import people
from tests.browser.looks import FAULTS, PALE
from tests.pictures import png
from tests.site import site
from tests.world import World

pytestmark = pytest.mark.browser
REVIEW = {"verdict": "substantiated", "ground": "attitude", "disposition": "fix", "finding": "查了录像，情况属实。"}


class Desk:
    """A running site with one ticket at the stage of fixing, and those who have to do with it."""

    def __init__(self, running, ticket, logins):
        self.site = running
        self.pool = running.context.pool
        self.url = f"{running.url}/tickets/{ticket.id}"
        self.id = ticket.id
        self.logins = logins

    async def give(self, who, command, **body):
        """Give a command through the API."""
        seen = len(await log.read_stream(self.pool, self.id))
        answer = await self.site.client.post(
            f"/v1/tickets/{self.id}/{command}",
            json=body,
            headers=self.logins[who].headers | {"If-Match": f'"{seen}"'},
        )
        assert answer.status_code == 200, answer.text

    async def enter(self, page, who, address=""):
        """Log somebody in and open the ticket."""
        await people.sign_in(page, self.site.url, self.logins[who], "/account")
        await page.goto(self.url + address)


@pytest.fixture
async def desk(settings, dsn, pool, install):
    """Serve a ticket that is being fixed."""
    world = await World(pool, install).begin()
    async with site(settings, dsn, pool) as running:
        logins = {
            "handler": await people.make(pool, "handler", "SCJG", name="李明"),
            "supervisor": await people.make(pool, "supervisor", name="王督办"),
            "agent": await people.make(pool, "agent", name="陈回访"),
        }
        await running.rate(1, writingEvaluation="排了两个小时的队，窗口的人一直在看手机。")
        await world.react("open_ticket")
        (ticket,) = await world.tickets()
        made = Desk(running, ticket, logins)
        await made.give("handler", "accept")
        await made.give("handler", "review", **REVIEW)
        yield made


async def test_fix_with_a_photo(desk, page):
    """A file goes up when it is chosen, is shown, can be taken out again; a wrong one says why; then the fix is in."""
    await desk.enter(page, "handler")
    await page.get_by_label("整改措施").fill("对当班人员批评教育，加开一个窗口。")
    await page.get_by_label("责任人").select_option(label="林知远 7")
    photo = {"name": "窗口.png", "mimeType": "image/png", "buffer": png(320, 240)}
    other = {"name": "走廊.png", "mimeType": "image/png", "buffer": png(120, 90)}
    wrong = {"name": "方案.docx", "mimeType": "application/msword", "buffer": b"PK\x03\x04"}
    await page.get_by_label("凭证", exact=True).set_input_files([photo, other, wrong])
    pieces = page.locator(".piece")
    await expect(pieces.locator("input[name=digest]")).to_have_count(2)
    await expect(pieces.filter(has_text="方案.docx").locator(".error")).to_have_text("只收 JPG、PNG、WebP 图片和 PDF。")
    await expect(pieces.first.locator("img")).to_have_js_property("naturalWidth", 320)
    await page.get_by_role("button", name="移除 走廊.png").click()
    await page.get_by_role("button", name="移除 方案.docx").click()
    await page.get_by_label("窗口.png 的说明").fill("加开的窗口")
    await page.get_by_role("button", name="提交整改").click()
    await page.wait_for_url("**?done=fix*")
    await expect(page.locator(".timeline li").first).to_contain_text("责任人 林知远")
    await expect(page.locator(".timeline .papers img")).to_have_js_property("naturalWidth", 320)
    await expect(page.get_by_text("加开的窗口")).to_be_visible()
    (fix,) = [one.event for one in await log.read_stream(desk.pool, desk.id) if isinstance(one.event, FixSubmitted)]
    assert [piece.size for piece in fix.evidence] == [len(png(320, 240))]


async def test_what_the_server_refuses_is_said_beside_the_file(desk, page):
    """A name and a type can lie: the bytes are looked at."""
    await desk.enter(page, "handler")
    liar = {"name": "照片.png", "mimeType": "image/png", "buffer": b"<svg onload='alert(1)'/>"}
    await page.get_by_label("凭证", exact=True).set_input_files(liar)
    await expect(page.locator(".piece .error")).to_contain_text("以文件内容为准")
    page.complaints.clear()  # the browser reports the 415 itself
    await expect(page.get_by_role("button", name="提交整改")).to_be_enabled()


async def test_draft_is_kept_until_it_is_sent(desk, page):
    """In this browser, for this account: there again after a reload, gone once it was taken."""
    await desk.enter(page, "handler", "?do=request-extension")
    await page.get_by_label("理由").fill("设备月底才到")
    await page.goto(f"{desk.site.url}/account")
    await page.goto(f"{desk.url}?do=request-extension")
    await expect(page.get_by_label("理由")).to_have_value("设备月底才到")
    await expect(page.locator("[data-draft-note]")).to_contain_text("已恢复")
    await page.get_by_role("button", name="提交申请").click()
    await page.wait_for_url("**?done=request-extension*")
    assert await page.evaluate("Object.keys(localStorage)") == []


async def test_draft_can_be_dropped_and_does_not_outlive_the_log_out(desk, page):
    """Others sit at this computer too."""
    await desk.enter(page, "handler")
    await page.get_by_label("整改措施").fill("写了一半")
    await page.reload()
    await page.get_by_role("button", name="清空").click()
    await expect(page.get_by_label("整改措施")).to_have_value("")
    await page.get_by_label("整改措施").fill("又写了一半")
    await page.goto(f"{desk.site.url}/account")
    await page.locator(".menu.account summary").click()
    await page.get_by_role("button", name="退出登录").click()
    await page.wait_for_url("**/login")
    assert await page.evaluate("Object.keys(localStorage)") == []


async def test_refused_form_comes_back_as_it_was_sent(desk, page):
    """What the server sends back counts, not an older draft; and it says what happened meanwhile."""
    await desk.enter(page, "handler", "?do=request-extension")
    await page.get_by_label("理由").fill("设备月底才到")
    await desk.give("supervisor", "remind")
    await page.get_by_role("button", name="提交申请").click()
    await expect(page.get_by_role("alert")).to_contain_text("王督办 已于")
    page.complaints.clear()  # the browser reports the 412 itself
    await expect(page.get_by_label("理由")).to_have_value("设备月底才到")
    await page.get_by_role("button", name="提交申请").click()
    await page.wait_for_url("**?done=request-extension*")


async def test_open_page_says_what_others_do(desk, page):
    """Within seconds, without losing what is being typed."""
    await desk.enter(page, "handler")
    await page.get_by_label("整改措施").fill("正在写")
    await desk.give("supervisor", "remind")
    await expect(page.locator("[data-news]")).to_contain_text("王督办", timeout=8_000)
    await expect(page.locator("[data-news]")).to_contain_text("催办")
    await expect(page.get_by_label("整改措施")).to_have_value("正在写")


async def test_way_back_leads_to_the_list_one_came_from(desk, page):
    """With its filters, also after a step on the ticket."""
    await people.sign_in(page, desk.site.url, desk.logins["supervisor"], "/desk?queue=open")
    await page.evaluate("address => { location.href = address }", desk.url)
    await page.wait_for_url("**/tickets/*")
    await page.get_by_role("link", name="催办").click()
    await page.get_by_role("button", name="催办").click()
    await page.wait_for_url("**?done=remind*")
    await page.get_by_role("link", name="回到工作台").click()
    await page.wait_for_url("**/desk?queue=open")


async def test_explanation_asks_for_its_basis(desk, page):
    """Only who explains is asked for the law."""
    ticket = await aggregates.get(desk.pool, Ticket, desk.id)
    assert ticket.disposition == "fix"
    await desk.site.rate(1)
    await World(desk.pool, desk.site.context.install).react("open_ticket")
    other = (await World(desk.pool, desk.site.context.install).tickets())[-1]
    again = Desk(desk.site, other, desk.logins)
    await again.give("handler", "accept")
    await again.enter(page, "handler")
    await expect(page.get_by_label("法律法规依据")).to_be_hidden()
    await page.get_by_label("解释说明").check()
    await expect(page.get_by_label("法律法规依据")).to_be_visible()


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("who", ["handler", "supervisor", "agent"])
async def test_page_is_readable_by_everybody(desk, page, who, dark):
    """Names, headings, contrast, on a desk and on a phone, by day and by night; nothing is wider than the phone."""
    await page.emulate_media(color_scheme="dark" if dark else "light")
    if who != "handler":
        await desk.give("handler", "fix", measures="已整改", responsible="SCJG/7", evidence=[await kept(desk)])
    await desk.enter(page, who)
    assert await page.evaluate(FAULTS) == []
    assert await page.evaluate(PALE) == []
    await page.set_viewport_size({"width": 360, "height": 740})
    assert await page.evaluate(PALE) == []
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360


async def kept(desk):
    """Bring a photo; return how a command refers to it."""
    headers = desk.logins["handler"].headers
    answer = await desk.site.client.post("/v1/evidence", content=png(40, 30), headers=headers)
    return {"digest": answer.json()["digest"], "caption": "整改后"}


async def test_fix_by_keyboard_alone(desk, page):
    """From the first field to the button with Tab; Enter on the button sends."""
    await desk.enter(page, "handler")
    await page.get_by_label("整改措施").focus()
    await page.keyboard.type("加开窗口")
    await page.keyboard.press("Tab")
    await page.keyboard.press("ArrowDown")
    await page.get_by_label("凭证", exact=True).set_input_files(
        {"name": "a.png", "mimeType": "image/png", "buffer": png(8, 8)}
    )
    await expect(page.locator("input[name=digest]")).to_have_count(1)
    for _ in range(6):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent.trim()") == "提交整改":
            break
    await page.keyboard.press("Enter")
    await page.wait_for_url("**?done=fix*")


async def test_sheet_is_paper_also_at_night(desk, page):
    """Black on white, without navigation, wide enough for A4."""
    await page.emulate_media(color_scheme="dark")
    await desk.enter(page, "supervisor", "/print")
    assert await page.evaluate(PALE) == []
    assert await page.evaluate(FAULTS) == []
    await expect(page.get_by_role("button", name="打印")).to_be_visible()
    await page.emulate_media(media="print")
    await expect(page.get_by_role("button", name="打印")).to_be_hidden()
