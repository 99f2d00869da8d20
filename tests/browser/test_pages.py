"""The pages as people have them: in a browser, by keyboard, on a phone, on a wall, without scripts."""

import pytest
from playwright.async_api import expect

from tests.browser.looks import FAULTS, PALE
from tests.site import site

pytestmark = pytest.mark.browser


@pytest.fixture
async def public(settings, dsn, pool):
    """Serve a public board with a few ratings on it."""
    async with site(settings, dsn, pool, board="public", rank_minimum=1) as running:
        for level in (5, 5, 4, 3, 2, 1):
            await running.rate(level)
        await running.rate(5, hallCode="H2", windowNo="B01")
        await running.settle()
        yield running


async def test_board_follows_a_new_rating_by_itself(public, page):
    """A posted rating is on the open page within two seconds; the page is not loaded again."""
    await page.goto(public.url)
    await expect(page.locator(".figure", has_text="差评率").locator("strong")).to_have_text("2")
    await page.evaluate("window.same = true")
    await page.locator("summary", has_text="看表格").click()
    position = (await public.rate(1)).json()["position"]
    await expect(page.locator(".figure", has_text="差评率").locator("strong")).to_have_text("3", timeout=2_000)
    await expect(page.locator("[data-position]")).to_have_text(str(position))
    await expect(page.locator(".newest li").first).to_contain_text("非常不满意")
    assert await page.evaluate("window.same")
    await expect(page.locator("#table-trend")).to_have_attribute("open", "")


async def test_first_rating_ever_fills_the_empty_board(settings, dsn, pool, page):
    """The empty board becomes a full one in place."""
    async with site(settings, dsn, pool, board="public") as running:
        await page.goto(running.url)
        await expect(page.locator(".empty")).to_contain_text(running.url)
        await running.rate(5)
        await expect(page.locator(".figure.lead strong")).to_have_text("100.00%", timeout=3_000)
        await expect(page.locator(".panel-levels")).to_be_visible()
        await page.goto("about:blank")


async def test_filters_work_by_keyboard_alone(public, page):
    """From the top of the page: skip link, period, hall, button, without a pointer."""
    await page.goto(public.url)
    await page.keyboard.press("Tab")
    await expect(page.locator(":focus")).to_have_text("跳到正文")
    for _ in range(30):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.name") == "hall":
            break
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("ArrowDown")
    for _ in range(5):
        await page.keyboard.press("Tab")
        if await page.evaluate("document.activeElement.textContent") == "查看":
            break
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?hall=H2")
    await expect(page.locator("h1")).to_contain_text("高新区分中心")
    await expect(page.locator(".figure").nth(1).locator("strong")).to_have_text("1")
    await page.locator(".periods a", has_text="近 7 日").focus()
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/?hall=H2&period=7")


async def test_dates_of_ones_own_make_a_period(public, page):
    """The form's dates go into the address; empty fields do not."""
    await page.goto(public.url)
    await page.locator("summary", has_text="自定时段").click()
    await page.locator("input[name=from]").fill("2025-01-01")
    await page.locator("input[name=to]").fill("2025-01-31")
    await page.locator(".filters button").click()
    await page.wait_for_url("**/?from=2025-01-01&to=2025-01-31")
    await expect(page.locator("h1")).to_contain_text("2025-01-01 至 2025-01-31")
    await expect(page.locator(".empty")).to_be_visible()


async def test_chart_is_read_with_the_arrow_keys(public, page):
    """Focus on the chart, then each arrow tells one day in words."""
    await page.goto(public.url)
    await page.locator("[data-chart]").focus()
    await page.keyboard.press("End")
    await expect(page.locator("[data-readout]")).to_contain_text("评价 7 份")
    await page.keyboard.press("ArrowLeft")
    await expect(page.locator("[data-readout]")).to_contain_text("没有评价")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [360, 768, 1280])
async def test_pages_fit_their_screen_and_can_be_read(public, page, width, scheme):
    """No page scrolls sideways; no text is too pale; nothing lacks a name."""
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.set_viewport_size({"width": width, "height": 740})
    for address in ("/", "/?hall=H2&period=30", "/login", "/receipts"):
        await page.goto(public.url + address)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width, address
        assert await page.evaluate(FAULTS) == [], address
        assert await page.evaluate(PALE) == [], address


@pytest.mark.parametrize(("width", "height"), [(1920, 1080), (3840, 2160), (1366, 768)])
async def test_wall_shows_everything_in_one_screen(public, page, width, height):
    """Nothing scrolls, nothing of a panel is cut off, and the text grows with the screen."""
    await page.set_viewport_size({"width": width, "height": height})
    await page.goto(f"{public.url}/?wall=1")
    assert await page.evaluate("[document.documentElement.scrollWidth, document.documentElement.scrollHeight]") == [
        width,
        height,
    ]
    cut = await page.evaluate(
        """[...document.querySelectorAll('.panel')]
             .filter((panel) => panel.scrollHeight > panel.clientHeight + 1).map((panel) => panel.className)"""
    )
    assert cut == []
    assert await page.evaluate(FAULTS) == []
    assert await page.evaluate(PALE) == []
    await expect(page.locator(".panel-staff")).to_have_count(0)


async def test_logging_in_and_out(settings, dsn, pool, page):
    """From the board to the log-in, wrong password, right one, board, out again."""
    async with site(settings, dsn, pool) as running:
        login = await running.account("supervisor", name="监督科")
        await page.goto(f"{running.url}/?period=7")
        await expect(page.locator("h1")).to_have_text("登录")
        await page.get_by_label("用户名").fill(login.username)
        await page.get_by_label("密码").fill("wrong password")
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("用户名或密码不对")
        page.complaints.clear()  # Chromium logs every answer of 401
        await expect(page.get_by_label("用户名")).to_have_value(login.username)
        await page.get_by_label("密码").fill(login.password)
        await page.get_by_role("button", name="登录").click()
        await page.wait_for_url("**/?period=7")
        await expect(page.locator(".who")).to_have_text("监督科")
        await page.get_by_role("button", name="退出").click()
        await page.wait_for_url("**/login")
        await page.goto(running.url)
        await expect(page.locator("h1")).to_have_text("登录")


async def test_citizen_finds_the_rating_by_its_receipt(public, page):
    """On a phone: type the code, read what became of it; a slip is explained."""
    await page.set_viewport_size({"width": 360, "height": 740})
    code = (await public.rate(2)).json()["receipt"]
    await page.goto(f"{public.url}/receipts")
    await page.get_by_label("回执号").fill(code.lower().replace("-", ""))
    await page.get_by_role("button", name="查询").click()
    await expect(page.locator("h1")).to_have_text("您的评价在，未被改动。")
    await expect(page.locator(".verdict")).to_contain_text("不满意")
    assert await page.evaluate("document.documentElement.scrollWidth") <= 360
    assert await page.evaluate(FAULTS) == []
    assert await page.evaluate(PALE) == []
    await page.goto(f"{public.url}/receipts/{code[:-1]}{'0' if code[-1] != '0' else '1'}")
    await expect(page.get_by_role("alert")).to_contain_text("抄写有误")
    page.complaints.clear()  # Chromium logs every answer of 404


async def test_board_without_scripts_is_whole_and_renews_itself(public, browser):
    """Everything is in the page; a plain refresh keeps it current."""
    context = await browser.new_context(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(public.url)
    await expect(page.locator(".figure.lead strong")).to_have_text("71.43%")
    assert 'http-equiv="refresh"' in await page.content()
    await page.locator("select[name=hall]").select_option("H2")
    await page.locator(".filters button").click()
    await expect(page.locator("h1")).to_contain_text("高新区分中心")
    await context.close()


async def test_lost_connection_is_told_and_made_up_for(public, page):
    """While the server is away the page says that its figures are old; afterwards it catches up."""
    await page.goto(public.url)
    await expect(page.locator("[data-offline]")).to_be_hidden()
    await page.route("**/board/events*", lambda route: route.abort())
    public.context.stopping.set()
    await expect(page.locator("[data-offline]")).to_be_visible(timeout=5_000)
    page.complaints.clear()
