"""The queues as people work with them: by keyboard, by pointer, on a phone, without scripts, while others work."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.async_api import expect

from haocha.store import log, rulebook
from haocha.store.readmodels import wait_for
from tests import people
from tests.loops import Life, tell
from tests.site import site

pytestmark = pytest.mark.browser

HERE = {"window": "H1/A01", "hall": "H1", "staff": "SCJG/7", "dept": "SCJG", "area": "990101000000", "matter": "开办"}
COMPLAINT = HERE | {"source": "complaint", "kind": "hotline"}


def life(hours: float = 1, due: float = 240, unit: str = "SCJG") -> Life:
    """Open a ticket some hours ago."""
    return Life(unit=unit, at=datetime.now(UTC) - timedelta(hours=hours), due=due, **COMPLAINT)


@pytest.fixture
async def desk(settings, dsn, pool, install):
    """Serve the site with three tickets that wait to be accepted, the first of them the most urgent."""
    await rulebook.seed(pool, install, datetime(2020, 1, 1, tzinfo=UTC))
    async with site(settings, dsn, pool) as running:
        running.lives = [life(3, due=50), life(2, due=150), life(1, due=250)]
        await tell(pool, *running.lives)
        yield running


async def enter(desk, page, role="handler", following="/desk?queue=acceptance"):
    """Log in with the browser and arrive at a queue."""
    login = await desk.account(role, "SCJG" if role == "handler" else "", name="王建国")
    await page.goto(f"{desk.url}{following}")
    await page.get_by_label("用户名").fill(login.username)
    await page.get_by_label("密码", exact=True).fill(login.password)
    await page.get_by_role("button", name="登录").click()
    await page.wait_for_url(f"**{following}")
    return login


def row(page, one):
    """Return the line of a ticket."""
    return page.locator(f'tr[data-ticket="{one.id}"]')


async def test_list_is_worked_by_keys(desk, page):
    """J and K move, X chooses, / searches, ? explains, Enter opens; what is typed into a field is text."""
    await enter(desk, page)
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await expect(row(page, desk.lives[1]).locator("[data-open]")).to_be_focused()
    await page.keyboard.press("x")
    await expect(row(page, desk.lives[1]).get_by_role("checkbox")).to_be_checked()
    await expect(page.locator("[data-chosen]")).to_have_text("已选 1 件：")
    await page.keyboard.press("ArrowUp")
    await expect(row(page, desk.lives[0]).locator("[data-open]")).to_be_focused()
    await page.keyboard.press("/")
    await expect(page.get_by_label("搜索")).to_be_focused()
    await page.keyboard.type("xj?")
    await expect(page.get_by_label("搜索")).to_have_value("xj?")
    await page.keyboard.press("Escape")
    await page.keyboard.press("Shift+?")
    await expect(page.get_by_role("dialog", name="快捷键")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_be_hidden()
    await page.keyboard.press("k")
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/tickets/{desk.lives[0].id}")


async def test_three_are_accepted_at_once(desk, page):
    """All of the page are chosen, the confirmation lists them, and the result says what became of each."""
    await enter(desk, page)
    accept = page.locator("[data-bar]").get_by_role("button", name="签收")
    await expect(accept).to_be_disabled()
    await page.get_by_label("全选本页").check()
    await accept.click()
    await expect(page.locator("h1")).to_have_text("签收 3 件工单")
    await page.get_by_role("button", name="确认签收").click()
    await expect(page.locator("h1")).to_have_text("签收：3 件成功")
    assert await wait_for(desk.context.pool, "tickets", await log.head(desk.context.pool), 10)
    await page.get_by_role("link", name="回到队列").click()
    await expect(page.locator(".empty h2")).to_have_text("待签收：现在没有工单")
    await expect(page.locator('[data-count="review"]')).to_have_text("3")


async def test_new_tickets_are_announced_and_rows_stay(desk, page):
    """The counts follow by themselves; the list waits until the reader wants it anew."""
    await enter(desk, page)
    await expect(page.locator("tr[data-ticket]")).to_have_count(3)
    await page.keyboard.press("j")
    await tell(desk.context.pool, life(due=10), life(due=20))
    await expect(page.locator("[data-toast]")).to_contain_text("有 2 件新工单", timeout=4_000)
    await expect(page.locator('[data-count="acceptance"]')).to_have_text("5")
    await expect(page.locator("tr[data-ticket]")).to_have_count(3)
    await expect(row(page, desk.lives[0]).locator("[data-open]")).to_be_focused()
    await page.get_by_role("link", name="刷新").click()
    await expect(page.locator("tr[data-ticket]")).to_have_count(5)
    await expect(page.locator("[data-toast]")).to_be_hidden()


async def test_view_is_saved_and_opens_first(desk, page):
    """Filters without the empty ones go into the address, and the address under a name."""
    await enter(desk, page)
    await page.get_by_label("满意度").select_option("非常不满意")
    await page.get_by_role("button", name="查看").click()
    await page.wait_for_url("**/desk?queue=acceptance&level=1")
    await page.locator("summary", has_text="常用视图").click()
    await page.get_by_label("把当前的队列、筛选和排序存为").fill("最差的")
    await page.get_by_role("button", name="保存").click()
    await expect(page.get_by_role("status").first).to_have_text("视图已保存。")
    await page.locator("summary", has_text="常用视图").click()
    await page.get_by_role("button", name="设为起始页").click()
    await page.goto(f"{desk.url}/desk")
    await page.wait_for_url("**/desk?queue=acceptance&level=1")
    await expect(page.locator(".views a")).to_contain_text("最差的")
    await expect(page.locator(".views a")).to_have_attribute("aria-current", "page")


async def test_everything_is_reached_with_the_tab_key(desk, page):
    """From the top of the page to the box of the first ticket and to the act, without a pointer or a shortcut."""
    await enter(desk, page)
    await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_text("跳到正文")
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.name") == "ticket":
            break
    await page.keyboard.press("Space")
    for _ in range(60):
        await page.keyboard.press("Shift+Tab")
        if await page.evaluate("document.activeElement.value") == "accept":
            break
    await page.keyboard.press("Enter")
    await expect(page.locator("h1")).to_have_text("签收 1 件工单")


async def test_menu_holds_the_ways_on_a_phone(desk, page):
    """The navigation folds away and opens with the keyboard; Escape closes it."""
    await page.set_viewport_size({"width": 360, "height": 740})
    await enter(desk, page)
    await expect(page.get_by_role("navigation", name="主导航")).to_be_hidden()
    await page.locator(".menu.ways summary").focus()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("navigation", name="菜单").get_by_role("link", name="问题台账")).to_be_visible()
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("navigation", name="菜单")).to_be_hidden()


async def test_queues_work_without_scripts(desk, browser):
    """Choosing, confirming and the result are forms; nothing of it needs a script."""
    context = await browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = await context.new_page()
    login = await desk.account("handler", "SCJG")
    await people.sign_in(page, desk.url, login, "/desk?queue=acceptance")
    await row(page, desk.lives[0]).get_by_role("checkbox").check()
    await page.locator("[data-bar]").get_by_role("button", name="签收").click()
    await page.get_by_role("button", name="确认签收").click()
    await expect(page.locator("h1")).to_have_text("签收：1 件成功")
    await context.close()


async def test_ended_session_is_said_on_the_open_page(desk, page):
    """Whoever's account is disabled is told on the page that he left open."""
    login = await enter(desk, page)
    await desk.context.pool.execute(
        "UPDATE access.accounts SET disabled_at = now() WHERE username = $1", login.username
    )
    await tell(desk.context.pool, life())
    await expect(page.locator("[data-toast]")).to_contain_text("登录已过期", timeout=20_000)
    page.complaints.clear()


async def test_draft_keeps_what_was_said_and_not_who_said_it(desk, page):
    """A form that was left comes back with its words, without the citizen's name and number."""
    await enter(desk, page, "agent", "/desk/sources/complaint")
    await page.get_by_label("反映的内容").fill("排队两个小时")
    await page.get_by_label("姓名").fill("欧阳某")
    await page.get_by_label("电话").fill("13800001111")
    await page.reload()
    await expect(page.get_by_label("反映的内容")).to_have_value("排队两个小时")
    await expect(page.get_by_label("姓名")).to_have_value("")
    assert "欧阳某" not in await page.evaluate("JSON.stringify({...sessionStorage, ...localStorage})")
