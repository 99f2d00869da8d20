"""Every page of the workbench for every role that may open it: names, contrast and width, on a desk and on a phone."""

from datetime import UTC, datetime, timedelta

import pytest

from haocha.domain.workdays import SHANGHAI
from haocha.store import rulebook
from haocha.web import work
from tests import people
from tests.browser.looks import complaints
from tests.loops import Life, tell
from tests.site import site

pytestmark = pytest.mark.browser

HERE = {"window": "H1/A01", "hall": "H1", "staff": "SCJG/7", "dept": "SCJG", "area": "990101000000", "matter": "开办"}
COMPLAINT = HERE | {"source": "complaint", "kind": "hotline"}
SHOWN = {
    "handler": ("/desk?queue=acceptance", "/desk?queue=closed", "/desk?queue=review&q=2099-1", *"0126"),
    "supervisor": ("/desk?queue=dispatch", "/desk?queue=open&hall=H1&due=over", "/desk/circulars/week/{monday}", *"48"),
    "reviewer": ("/desk?queue=appeals", "3"),
    "agent": ("/desk?queue=verification", "/desk/sources/complaint", "5"),
    "inspector": ("/desk?queue=recheck", "/desk/sources/finding", "/desk/sources/import"),
    "leader": ("/desk?queue=open", "2", "7"),
    "auditor": ("/desk?queue=all", "7"),
    "admin": (
        "/admin/accounts/1",
        "/admin/accounts/new",
        "/admin/policies",
        "/admin/policies/default-1",
        "/admin/calendar",
    ),
}
"""Beside what the navigation leads to; a number is a ticket of `lives`."""


def lives() -> list[Life]:
    """Tell tickets in every state."""
    now = datetime.now(UTC)
    one = (
        Life(unit="SCJG", at=now - timedelta(hours=90 + n), due=60 + 20 * n, said="等了很久", **COMPLAINT)
        for n in range(9)
    )
    return [
        next(one),
        next(one).accepted(),
        next(one).accepted().contacted().reviewed().escalated(70, "red"),
        next(one).accepted().appealed(),
        next(one).accepted().reviewed().fixed(),
        next(one).accepted().reviewed().fixed().approved(),
        next(one).accepted().reviewed().fixed().approved().verified(result="unsatisfied").reopened(),
        next(one).done(),
        Life(unit="", at=now - timedelta(hours=2), due=100, **COMPLAINT),
    ]


@pytest.fixture
async def desk(settings, dsn, pool, install):
    """Serve the site with tickets in every state."""
    await rulebook.seed(pool, install, datetime(2020, 1, 1, tzinfo=UTC))
    async with site(settings, dsn, pool) as running:
        running.lives = lives()
        await tell(pool, *running.lives)
        yield running


@pytest.mark.parametrize("role", SHOWN)
async def test_every_page_of_a_role_can_be_read_and_named(desk, page, role):
    """Nothing lacks a name, no text is too pale by day or night, and no page scrolls sideways."""
    login = await desk.account(role, "SCJG" if role == "handler" else "", name="欧阳文静")
    await people.sign_in(page, desk.url, login, "/account")
    monday = datetime.now(SHANGHAI).date() - timedelta(days=datetime.now(SHANGHAI).weekday() + 7)
    addresses = [address for address, roles in work.MAY_OPEN.items() if role in roles and address not in {"/", "/desk"}]
    addresses += [
        f"/tickets/{desk.lives[int(one)].id}" if one.isdigit() else one.format(monday=monday) for one in SHOWN[role]
    ]
    found = []
    for width, height, scheme in ((1366, 768, "light"), (360, 740, "dark")):
        await page.set_viewport_size({"width": width, "height": height})
        await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        for address in addresses:
            answer = await page.goto(desk.url + address)
            if answer.status != 200:
                found.append((address, answer.status))
            found += [(address, width, scheme, fault) for fault in await complaints(page, width)]
    assert found == []
