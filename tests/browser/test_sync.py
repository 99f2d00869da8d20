"""The page of reporting in a real browser: readable when it is full, current while one looks, whole without scripts."""

from datetime import UTC, datetime, timedelta

import pytest

from haocha.peers import Peer
from tests import people
from tests.browser.looks import complaints
from tests.outboxes import beat, entry, put, settle
from tests.site import site

pytestmark = pytest.mark.browser

PEERS = (
    Peer(name="up", dialect="shandong", url="https://province.example"),
    Peer(name="nation", dialect="haocha", url="https://nation.example"),
)


@pytest.fixture
async def desk(settings, dsn, pool):
    """Serve the site with two platforms: one that took much and refused some, one that does not answer."""
    now = datetime.now(UTC)
    async with site(settings, dsn, pool, peers=PEERS) as running:
        await put(pool, *(entry(n, 1 + n % 5, at=now - timedelta(minutes=9 * (70 - n))) for n in range(1, 61)))
        await put(pool, entry(70, 1, needs="service|LONE|1", state="noService", case="LONE"), entry(71, 0, "service"))
        await settle(pool, list(range(1, 50)), "accepted", receipt="R-20260301-0001", duplicate=True)
        await settle(pool, [50, 51, 52], "dead", code="1005", words="taskCode 不在省级事项库中，请核对事项编码")
        await settle(pool, [53], "accepted", adjusted=True)
        await put(pool, *(entry(n, peer="nation") for n in range(1, 20)))
        await beat(pool)
        later = now + timedelta(minutes=3)
        await beat(pool, "nation", dialect="haocha", open_until=later, failures=6, error="ConnectTimeout")
        yield running


@pytest.mark.parametrize("query", ["", "?state=noService", "?state=accepted", "?adjusted=true", "?peer=nation"])
async def test_full_page_can_be_read(desk, page, query):
    """Nothing lacks a name, no text is too pale by day or night, and no page scrolls sideways."""
    await people.sign_in(page, desk.url, await desk.account("supervisor", name="欧阳文静"), "/account")
    found = []
    for width, height, scheme in ((1366, 768, "light"), (360, 740, "dark")):
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        await page.goto(f"{desk.url}/desk/sync{query}")
        found += [(width, scheme, fault) for fault in await complaints(page, width)]
    assert found == []


async def test_figures_stay_current(desk, page):
    """What comes in while one looks is in the counts a few seconds later; the list stays as it was."""
    await people.sign_in(page, desk.url, await desk.account("leader"), "/account")
    await page.goto(f"{desk.url}/desk/sync?state=waiting")
    before = await page.locator("table.sent tbody tr").count()
    await put(desk.context.pool, *(entry(n, 4) for n in range(100, 203)))
    await page.locator("[data-part=tabs] [aria-current] .count", has_text="111").wait_for(timeout=20_000)
    assert await page.locator("table.sent tbody tr").count() == before


async def test_dead_letter_is_sent_again_with_the_keyboard(desk, page):
    """The button by its letter; the page says how many are in the queue again."""
    await people.sign_in(page, desk.url, await desk.account("supervisor"), "/account")
    await page.goto(f"{desk.url}/desk/sync")
    await page.get_by_role("button", name="重发", exact=True).first.focus()
    await page.keyboard.press("Enter")
    await page.get_by_role("status").filter(has_text="已有 1 条重新排队").wait_for()
    assert await page.get_by_role("button", name="重发", exact=True).count() == 2


async def test_page_is_whole_without_scripts(desk, browser):
    """Figures, lists, filters and buttons are in the document itself."""
    context = await browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = await context.new_page()
    await people.sign_in(page, desk.url, await desk.account("admin"), "/account")
    await page.goto(f"{desk.url}/desk/sync")
    await page.locator("select[name=level]").select_option("1")
    await page.get_by_role("button", name="查看").click()
    await page.wait_for_url("**level=1**")
    assert await page.locator("table.sent tbody tr").count() == 1
    await page.get_by_role("button", name="这类全部重发").click()
    await page.get_by_role("status").filter(has_text="已有 3 条重新排队").wait_for()
    await context.close()
