"""The inbox in a browser: read by opening, one by one or all at once, counted on a page that stays open; on a phone."""

import itertools
from uuid import UUID, uuid4

import pytest
from playwright.async_api import expect

from haocha.engine.reactor import take
from haocha.handlers.handler import Effects, Notice
from tests.browser.looks import FAULTS, PALE
from tests.people import make, sign_in
from tests.site import site

pytestmark = pytest.mark.browser

NUMBERS = itertools.count(1)


@pytest.fixture
async def desk(settings, dsn, pool):
    """Serve the workbench."""
    async with site(settings, dsn, pool) as running:
        yield running


async def tell(pool, *kinds):
    """Tell notices to the handlers of SCJG, as a handler does."""
    members = {"stage": "fix", "due": "2026-11-23T09:00:00Z", "level": "red", "outcome": "fixed"}
    told = [
        Notice(uuid4(), kind, UUID(int=7), members | {"number": f"2026-{next(NUMBERS)}"}, role="handler", unit="SCJG")
        for kind in kinds
    ]
    async with pool.acquire() as connection, connection.transaction():
        await take(connection, None, Effects(notices=told))


async def test_count_follows_and_buttons_take_as_read(desk, pool, page):
    """The navigation counts what came since the page was opened; the buttons work, by keyboard too."""
    await tell(pool, "assigned", "overdue", "warning")
    await sign_in(page, desk.url, await make(pool, "handler", "SCJG"), "/desk/inbox")
    mark = page.locator(".ways-row [data-unread]")
    await expect(mark).to_contain_text("3")
    await tell(pool, "assigned")
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    await expect(mark).to_contain_text("4")
    first = page.locator(".told button").first
    await first.focus()
    await page.keyboard.press("Enter")
    await expect(mark).to_contain_text("3")
    await page.get_by_role("button", name="全部标为已读").click()
    await expect(page.get_by_role("heading", name="已读")).to_be_visible()
    await expect(mark).to_be_hidden()
    await expect(page.locator(".told button")).to_have_count(0)


@pytest.mark.parametrize("width", [360, 1366])
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_inbox_can_be_read_by_everybody(desk, pool, page, width, scheme):
    """Nothing sticks out, every control has a name, no text is pale."""
    await tell(pool, "assigned", "overdue", "warning", "urged", "closed")
    await page.emulate_media(color_scheme=scheme)
    await page.set_viewport_size({"width": width, "height": 760})
    await sign_in(page, desk.url, await make(pool, "handler", "SCJG"), "/desk/inbox")
    await expect(page.locator(".told li")).to_have_count(5)
    assert await page.evaluate("document.documentElement.scrollWidth") <= width
    assert await page.evaluate(FAULTS) == []
    assert await page.evaluate(PALE) == []
