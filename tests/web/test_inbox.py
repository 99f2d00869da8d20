"""The inbox: each account's own, unread first, read one by one or all at once."""

import itertools
import re
from uuid import UUID, uuid4

import pytest

from haocha.domain.account import Account
from haocha.engine.reactor import take
from haocha.handlers.handler import Effects, Notice
from haocha.store import notices
from haocha.web.scopes import Scope
from tests.people import csrf_of, log_in, make

NUMBERS = itertools.count(1)
PAGE = {"Accept": "text/html"}


def notice(unit, kind="assigned", role="handler", **more):
    """Make a notice for a unit."""
    number = f"2025-9{next(NUMBERS):05}"
    members = {"number": number} | more.pop("members", {})
    return Notice(uuid4(), kind, UUID(int=7), members, **{"role": role, "unit": unit} | more)


async def tell(pool, *told):
    """Tell notices as a handler does; return their numbers."""
    async with pool.acquire() as connection, connection.transaction():
        await take(connection, None, Effects(notices=told))
    return [await pool.fetchval("SELECT n FROM engine.notices WHERE id = $1", one.id) for one in told]


def shown(page):
    """Return the numbers of the tickets on a page, and how many are unread."""
    return re.findall(r"2025-9\d{5}(?=，|。|的| )", re.sub(r'aria-label="[^"]*"', "", page.text)), page.text.count(
        ">标为已读<"
    )


@pytest.fixture
async def handler(site):
    """Return somebody of a unit of his own, logged in, and the unit."""
    unit = f"U{next(NUMBERS)}"
    login = await make(site.pool, "handler", unit)
    await log_in(site.client, login)
    yield login, unit
    site.client.cookies.clear()


async def test_unread_come_first_and_say_what_to_do(site, handler):
    """Newest first within each part; each leads to its ticket and is then read."""
    _, unit = handler
    due = {"stage": "fix", "due": "2025-06-10T09:00:00Z"}
    first, second, third = (
        notice(unit),
        notice(unit, "overdue", members=due | {"level": "red"}),
        notice(unit, "warning", members=due),
    )
    numbers = await tell(site.pool, first, second, third)
    page = await site.client.get("/desk/inbox", headers=PAGE)
    assert shown(page) == ([one.members["number"] for one in (third, second, first)], 3)
    assert f"工单 {second.members['number']} 的整改已超过时限 6月10日 17:00：红牌督办。" in page.text
    assert '<span class="mark bad">超期</span>' in page.text
    assert '<span class="mark warn">预警</span>' in page.text
    answer = await site.client.get(f"/desk/inbox/{numbers[1]}", headers=PAGE)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/tickets/{UUID(int=7)}")
    page = await site.client.get("/desk/inbox", headers=PAGE)
    assert shown(page) == ([one.members["number"] for one in (third, first, second)], 2)
    assert "未读 2 条" in page.text
    unread = await site.client.get("/desk/inbox?only=unread", headers=PAGE)
    assert shown(unread) == ([one.members["number"] for one in (third, first)], 2)


async def test_one_and_all_are_marked_by_forms(site, handler):
    """What came after the page was shown stays unread."""
    _, unit = handler
    numbers = await tell(site.pool, *(notice(unit) for _ in range(4)))
    page = await site.client.get("/desk/inbox", headers=PAGE)
    csrf = csrf_of(page)
    answer = await site.client.post("/desk/inbox/read", data={"csrf": csrf, "one": numbers[0], "only": "unread"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/inbox?only=unread")
    assert shown(await site.client.get("/desk/inbox", headers=PAGE))[1] == 3
    await tell(site.pool, notice(unit))
    (newest,) = re.findall(r'name="upto" value="(\d+)"', page.text)
    assert int(newest) == numbers[-1]
    await site.client.post("/desk/inbox/read", data={"csrf": csrf, "upto": newest})
    page = await site.client.get("/desk/inbox", headers=PAGE)
    assert (shown(page)[1], len(shown(page)[0])) == (1, 5)


async def test_form_of_another_site_marks_nothing(site, handler):
    """Without the session's token the form is refused."""
    _, unit = handler
    (number,) = await tell(site.pool, notice(unit))
    answer = await site.client.post("/desk/inbox/read", data={"csrf": "0" * 64, "one": number})
    assert answer.status_code == 403
    assert shown(await site.client.get("/desk/inbox", headers=PAGE))[1] == 1


@pytest.mark.parametrize("form", [{"one": -1}, {"upto": 2**63}, {"one": "x"}])
async def test_number_that_is_none_is_refused(site, handler, form):
    """No number of a form reaches the database but one that it can hold."""
    await tell(site.pool, notice(handler[1]))
    csrf = csrf_of(await site.client.get("/desk/inbox", headers=PAGE))
    answer = await site.client.post("/desk/inbox/read", data={"csrf": csrf} | form)
    assert answer.status_code == 422


@pytest.mark.usefixtures("handler")
async def test_notice_of_others_cannot_be_opened(site):
    """Nor one that does not exist; neither is told apart."""
    (number,) = await tell(site.pool, notice("ELSEWHERE"))
    for one in (number, 2**62, 2**80):
        assert (await site.client.get(f"/desk/inbox/{one}", headers=PAGE)).status_code == 404
    page = await site.client.get("/desk/inbox", headers=PAGE)
    assert "还没有消息" in page.text


async def test_pages_go_on_where_the_last_one_ended(site, handler):
    """Through the unread and on into the read ones, each once."""
    _, unit = handler
    told = [notice(unit) for _ in range(120)]
    numbers = await tell(site.pool, *told)
    login, _ = handler
    account = Account(username=login.username, role="handler", unit=unit)
    await notices.read_all(site.pool, account, numbers[69])
    found, address = [], "/desk/inbox"
    for expected in (50, 50, 20):
        page = await site.client.get(address, headers=PAGE)
        assert len(shown(page)[0]) == expected
        found += shown(page)[0]
        following = re.search(r'rel="next" href="([^"]+)"', page.text)
        address = following[1].replace("&amp;", "&") if following else ""
    assert address == ""
    newest_first = [one.members["number"] for one in reversed(told)]
    assert found == newest_first
    assert (await site.client.get("/desk/inbox?cursor=nonsense", headers=PAGE)).headers["location"] == "/desk/inbox"


async def test_count_of_an_open_page_stays_current(site, handler):
    """What the navigation asks for now and then; many are not counted to the end."""
    _, unit = handler
    await tell(site.pool, *(notice(unit) for _ in range(2)))
    assert (await site.client.get("/desk/inbox/count")).json() == {"unread": 2, "many": False}
    await tell(site.pool, *(notice(unit) for _ in range(notices.MOST)))
    assert (await site.client.get("/desk/inbox/count")).json() == {"unread": notices.MOST, "many": True}
    page = await site.client.get("/desk/inbox", headers=PAGE)
    assert "未读 99 条以上" in page.text
    assert "，未读</span> 99+</span>" in page.text
    site.client.cookies.clear()
    assert (await site.client.get("/desk/inbox/count")).status_code == 401


async def test_nobody_without_an_account_sees_one(site):
    """The way to the log-in leads back here."""
    site.client.cookies.clear()
    answer = await site.client.get("/desk/inbox", headers=PAGE)
    assert answer.headers["location"] == "/login?next=%2Fdesk%2Finbox"


async def test_inbox_is_by_role_and_scope(pool):
    """A unit's people, whoever oversees the unit, its area, or everything; an account alone; never a citizen's."""
    await tell(
        pool,
        notice("TAX", area="370102000000"),
        notice("HR", area="370202000000"),
        notice("TAX", "overdue", "supervisor", area="370102000000"),
        notice("", "awaiting_dispatch", "supervisor", area="370202000000"),
        notice("TAX", "closed", account="boss"),
        notice("", "citizen_verification", "", subject=UUID(int=5)),
    )

    async def count(role, username="x", **scope):
        return await notices.unread(pool, Account(username=username, role=role), Scope(**scope))

    assert await count("handler", units=["TAX"]) == 1
    assert await count("handler", units=["TAX", "HR"]) == 2
    assert await count("supervisor") == 2
    assert await count("supervisor", area="3701") == 1
    assert await count("supervisor", units=["HR"]) == 0
    assert await count("leader", username="boss") == 1
    assert await count("", username="") == 0
    assert await count("auditor") == 0


async def test_count_ends_at_many(pool):
    """The number beside the navigation costs the same for who never reads."""
    await tell(pool, *(notice("TAX") for _ in range(notices.MOST + 20)))
    account = Account(username="wang", role="handler", unit="TAX")
    assert await notices.unread(pool, account, Scope(units=["TAX"])) == notices.MOST


async def test_reading_up_to_a_number_holds_for_what_exists(pool):
    """Nobody reads the future; going back does not make anything unread."""
    first, second = await tell(pool, notice("TAX"), notice("TAX"))
    account, scope = Account(username="wang", role="handler", unit="TAX"), Scope(units=["TAX"])
    await notices.read_one(pool, account, scope, second)
    await notices.read_all(pool, account, 10**12)
    await tell(pool, notice("TAX"))
    assert await notices.unread(pool, account, scope) == 1
    await notices.read_all(pool, account, first)
    assert await notices.unread(pool, account, scope) == 1
