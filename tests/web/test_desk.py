"""The workbench's queues over HTTP: who sees what, filters, pages, saved views, acts on many, and the event stream."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from haocha.engine.projector import prepare
from haocha.store import log, rulebook
from haocha.store.readmodels import wait_for
from haocha.web import work
from tests import people
from tests.loops import Life, tell
from tests.site import site

HERE = {"window": "H1/A01", "hall": "H1", "staff": "SCJG/7", "dept": "SCJG", "area": "990101000000", "matter": "T-1"}
ELSEWHERE = HERE | {"window": "H1/A02", "staff": "ZRZY/8", "dept": "ZRZY", "area": "990102000000"}


def life(hours: float = 1, due: float = 240, unit: str = "SCJG", **members) -> Life:
    """Open a ticket some hours ago, at the window of its unit."""
    at = datetime.now(UTC) - timedelta(hours=hours)
    return Life(unit=unit, at=at, due=due, **((ELSEWHERE if unit == "ZRZY" else HERE) | members))


@pytest.fixture
async def desk(settings, dsn, pool, install):
    """Serve the site with rules to handle tickets by."""
    await rulebook.seed(pool, install, datetime(2020, 1, 1, tzinfo=UTC))
    await prepare(pool)
    async with site(settings, dsn, pool) as running:
        yield running


async def enter(desk, role="handler", unit="", **more):
    """Log somebody in; the client of the site then is his."""
    unit = unit or ("SCJG" if role == "handler" else "")
    login = await desk.account(role, unit, **more)
    await people.log_in(desk.client, login)
    return login


async def read(desk, address):
    """Read a page that is there."""
    answer = await desk.client.get(address)
    assert answer.status_code == 200, (answer.status_code, answer.text[:300])
    return answer.text


def shown(page: str) -> list[str]:
    """Return the numbers of the tickets in a list, in its order."""
    return re.findall(r"data-open>([^<]+)</a>", page)


async def test_desk_needs_an_account_and_comes_back_after_the_log_in(desk):
    """Without a session the page sends to the log-in with its own address, and the stream refuses."""
    answer = await desk.client.get("/desk?queue=open")
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fdesk%3Fqueue%3Dopen")
    assert (await desk.client.get("/desk/events?queue=open")).status_code == 401


@pytest.mark.parametrize(
    ("role", "home"),
    [
        ("leader", "/desk/overview"),
        ("auditor", "/desk/overview"),
        ("admin", "/admin/accounts"),
        ("handler", "/desk?queue=acceptance"),
        ("reviewer", "/desk?queue=appeals"),
    ],
)
async def test_everybody_begins_where_his_work_is(desk, role, home):
    """Who has queues begins with the first of them, the others with what they oversee."""
    await enter(desk, role)
    answer = await desk.client.get("/desk")
    assert (answer.status_code, answer.headers["location"]) == (303, home)


async def test_desk_begins_with_the_first_queue_that_has_something(desk):
    """A handler with nothing to accept and something to review begins there."""
    await tell(desk.context.pool, life(3).accepted())
    await enter(desk)
    assert (await desk.client.get("/desk")).headers["location"] == "/desk?queue=review"


async def test_handler_sees_the_tickets_of_his_unit_only(desk):
    """The list, its light and the counts are those of his unit."""
    own, late, others = life(2), life(200, due=24), life(2, unit="ZRZY")
    await tell(desk.context.pool, own, late, others)
    await enter(desk)
    page = await read(desk, "/desk?queue=acceptance")
    assert set(shown(page)) == {own.number, late.number}
    assert others.number not in page
    assert "市场监督管理局的工单" in page
    assert "A01 企业开办窗口" in page
    assert re.search(r"light-over\">超 \d+ 工作日", page)
    assert re.search(r'data-count="acceptance">2<', page)


async def test_filters_narrow_and_are_told_in_words(desk):
    """A window by its number and a person by name are found; each condition can be taken away again."""
    here, there = life(2), life(3, unit="ZRZY")
    await tell(desk.context.pool, here, there)
    await enter(desk, "supervisor")
    page = await read(desk, "/desk?queue=open&hall=H1&window=A02&staff=%E5%91%A8%E6%99%93%E5%BD%A4")
    assert shown(page) == [there.number]
    for words in ("大厅：市民中心", "窗口：A02 不动产登记窗口", "人员：周晓彤"):
        assert words in page
    assert '"/desk?queue=open&amp;hall=H1&amp;staff=ZRZY%2F8"' in page
    assert shown(await read(desk, f"/desk?queue=open&q={here.number}")) == [here.number]


async def test_what_cannot_be_read_is_left_out_and_said(desk):
    """A wrong day or an unknown level does not break the page."""
    await enter(desk, "supervisor")
    page = await read(desk, "/desk?queue=open&from=yesterday&level=9")
    assert "已忽略" in page
    assert 'role="alert"' in page


async def test_empty_lists_say_why(desk):
    """Nothing there and nothing found are different things."""
    await tell(desk.context.pool, life(2))
    await enter(desk)
    assert "签收的工单都已核实" in await read(desk, "/desk?queue=review")
    page = await read(desk, "/desk?queue=acceptance&q=2099-1")
    assert "里有 1 件工单，但没有一件同时符合" in page
    assert "清除筛选" in page


async def test_long_list_goes_on_without_gap_or_repetition(desk):
    """Following the pages shows every ticket once, the most urgent first."""
    lives = [life(2, due=100 + n) for n in range(60)]
    await tell(desk.context.pool, *lives)
    await enter(desk)
    page = await read(desk, "/desk?queue=acceptance")
    assert len(shown(page)) == 50
    following = re.search(r'href="([^"]+)" rel="next"', page)[1].replace("&amp;", "&")
    rest = await read(desk, following)
    assert 'rel="next"' not in rest
    assert shown(page) + shown(rest) == [one.number for one in lives]
    newest = await read(desk, "/desk?queue=acceptance&sort=newest")
    assert shown(newest)[0] == lives[-1].number


async def test_marks_tell_a_ticket_at_a_glance(desk):
    """What happened to a ticket is on its line."""
    await tell(
        desk.context.pool,
        life(90, unit="SCJG").accepted().reviewed().escalated(30, "red"),
        life(80).accepted().contacted().reviewed().fixed().approved().verified(result="unsatisfied").reopened(),
        life(70).accepted().appealed(),
    )
    await enter(desk, "supervisor")
    page = await read(desk, "/desk?queue=open")
    for mark in ('mark bad">红牌督办', 'mark warn">重开 1', 'mark">申诉中', 'mark">实名'):
        assert mark in page


async def views(desk, page, **form):
    """Send one of the forms of the views of a page; return the page that follows."""
    csrf = people.csrf_of(await desk.client.get(page))
    answer = await desk.client.post("/desk/views", data={"csrf": csrf, "back": page.partition("?")[2]} | form)
    assert answer.status_code == 303
    return await read(desk, answer.headers["location"])


async def test_views_are_saved_renamed_started_with_and_deleted(desk):
    """A view is the queue with its filters, under a name of one's own; colleagues do not have it."""
    await enter(desk, "supervisor")
    address = "/desk?queue=open&hall=H1&due=over"
    assert "视图已保存" in await views(desk, address, act="save", name="  市民中心  超期 ")
    page = await read(desk, "/desk?queue=open")
    assert '<a href="/desk?queue=open&amp;hall=H1&amp;due=over">市民中心 超期' in page
    assert "已有同名" not in await views(desk, address, act="rename", view="市民中心 超期", name="超期")
    assert "先看到这个视图" in await views(desk, address, act="start", view="超期")
    assert (await desk.client.get("/desk")).headers["location"] == address
    await enter(desk, "supervisor")
    assert "超期</a>" not in await read(desk, "/desk?queue=open")


async def test_view_that_cannot_be_says_why(desk):
    """No name, a name that is taken, a view that is gone."""
    await enter(desk, "supervisor")
    address = "/desk?queue=open"
    assert "1 到 40 个字" in await views(desk, address, act="save", name=" ")
    await views(desk, address, act="save", name="一")
    await views(desk, address, act="save", name="二")
    assert "已有同名" in await views(desk, address, act="rename", view="一", name="二")
    assert "视图已删除" in await views(desk, address, act="delete", view="一")
    assert "没有这个视图" in await views(desk, address, act="start", view="一")
    for n in range(19):
        await views(desk, address, act="save", name=f"视图{n}")
    assert "最多保存 20 个" in await views(desk, address, act="save", name="太多")


async def chosen(desk, page, command, *lives, **more):
    """Send the form over the chosen tickets of a page."""
    said = await desk.client.get(page)
    tickets = [re.search(rf'value="({one.id}:\d+)"', said.text)[1] for one in lives]
    form = {"csrf": people.csrf_of(said), "back": page.partition("?")[2], "command": command, "ticket": tickets}
    return await desk.client.post("/desk/bulk", data=form | more)


async def test_many_are_accepted_and_each_says_what_became_of_it(desk):
    """What a colleague accepted a moment before is told as such, and the others are done."""
    lives = [life(2), life(3), life(4)]
    await tell(desk.context.pool, *lives)
    colleague = await desk.account("handler", "SCJG")
    await enter(desk)
    asked = await chosen(desk, "/desk?queue=acceptance", "accept", *lives)
    assert asked.status_code == 200
    assert asked.text.count("签收，进入核实") == 3
    taken = lives[1]
    answer = await desk.client.post(
        f"/v1/tickets/{taken.id}/accept", json={}, headers=colleague.headers | {"If-Match": '"1"'}
    )
    assert answer.status_code == 200, answer.text
    form = {
        "csrf": people.csrf_of(asked),
        "command": "accept",
        "confirmed": "1",
        "back": "queue=acceptance",
        "ticket": [f"{one.id}:1" for one in lives],
    }
    done = (await desk.client.post("/desk/bulk", data=form)).text
    assert "签收：2 件成功，1 件没有做" in done
    assert done.count("result-done") == 2
    assert re.search(rf"{taken.number}</a></th>.*?别人先一步.*?现在是“核实中”", done, re.DOTALL)
    assert 'href="/desk?queue=acceptance"' in done


async def test_confirmation_leaves_out_what_cannot_be_done(desk):
    """Of two chosen tickets one is under review already: it is shown with the reason and not sent."""
    waiting, under_review = life(2), life(3).accepted()
    await tell(desk.context.pool, waiting, under_review)
    await enter(desk)
    asked = (await chosen(desk, "/desk?queue=open", "accept", waiting, under_review)).text
    assert "签收 1 件工单" in asked
    assert "1 件不能签收" in asked
    assert "不改动：工单当前的环节不能这样做" in asked
    assert f'form="confirm" name="ticket" value="{waiting.id}:1"' in asked
    assert f'value="{under_review.id}' not in asked
    assert "没有可以签收的工单" in (await chosen(desk, "/desk?queue=open", "accept", under_review)).text


async def test_dispatching_many_asks_for_the_unit_first(desk):
    """Without a unit nothing is done and the form comes back; with one the tickets are that unit's."""
    lives = [life(2, unit=""), life(3, unit="")]
    await tell(desk.context.pool, *lives)
    await enter(desk, "supervisor")
    missing = await chosen(desk, "/desk?queue=dispatch", "dispatch", *lives, confirmed="1", note="请尽快")
    assert (missing.status_code, "请选择派给哪个单位" in missing.text) == (422, True)
    assert "请尽快</textarea>" in missing.text
    done = await chosen(desk, "/desk?queue=dispatch", "dispatch", *lives, confirmed="1", unit="ZRZY", note="请尽快")
    assert "派单：2 件成功" in done.text
    assert await wait_for(desk.context.pool, "tickets", await log.head(desk.context.pool), 10)
    page = await read(desk, "/desk?queue=acceptance")
    assert set(shown(page)) == {one.number for one in lives}
    assert "自然资源局" in page


async def test_guards_hold_for_many_too(desk):
    """A handler dispatches nothing, nobody acts on what he does not see, and no form of another site counts."""
    own, others = life(2), life(2, unit="ZRZY")
    await tell(desk.context.pool, own, others)
    await enter(desk)
    assert (await chosen(desk, "/desk?queue=acceptance", "dispatch", own)).status_code == 403
    foreign = await chosen(desk, "/desk?queue=acceptance", "accept", own, confirmed="1", ticket=f"{others.id}:1")
    assert "（不可见）" in foreign.text
    assert others.number not in foreign.text
    assert (await chosen(desk, "/desk?queue=acceptance", "accept", own, csrf="0" * 64)).status_code == 403
    assert (await chosen(desk, "/desk?queue=acceptance", "accept")).status_code == 400


async def next_event(lines):
    """Return the data of the next event of a stream."""
    async for line in lines:
        if line.startswith("data: "):
            return msgspec.json.decode(line.removeprefix("data: "))
    raise AssertionError


async def test_stream_tells_counts_and_the_head_of_the_list(desk):
    """What comes for the unit is told within two seconds; what comes for others is not told."""
    await enter(desk)
    async with desk.client.stream("GET", "/desk/events?queue=acceptance", timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.aiter_lines()
        first = await next_event(lines)
        assert (first["counts"]["acceptance"], first["head"]) == (0, [])
        others, own = life(1, unit="ZRZY"), life(1)
        await tell(desk.context.pool, others)
        await tell(desk.context.pool, own)
        async with asyncio.timeout(5):
            told = await next_event(lines)
        assert (told["counts"]["acceptance"], told["head"]) == (1, [str(own.id)])


@pytest.mark.parametrize(
    ("role", "ways"),
    [
        ("handler", ["工作台", "问题台账", "通报", "消息", "大屏"]),
        ("leader", ["工单", "督办看板", "问题台账", "通报", "省平台对接", "消息", "大屏"]),
        ("inspector", ["工作台", "问题台账", "查评与投诉", "消息", "大屏"]),
        ("admin", ["省平台对接", "消息", "大屏", "管理"]),
    ],
)
def test_navigation_shows_only_what_the_role_may_open(role, ways):
    """Nobody is shown a way that is then refused."""
    assert [entry.name for entry in work.entries(role, "/desk", 0)] == ways
