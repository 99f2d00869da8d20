"""The score board and its event stream: who may see what, what is shown, and that it follows the log."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from haocha.domain.workdays import SHANGHAI
from haocha.store import accounts
from tests.people import log_in
from tests.site import site


@pytest.fixture
async def public(settings, dsn, pool):
    """Serve a board that anybody may look at."""
    async with site(settings, dsn, pool, board="public", rank_minimum=2) as running:
        yield running


@pytest.fixture
async def closed(settings, dsn, pool):
    """Serve a board that needs a session; give the site and a client that has one."""
    async with site(settings, dsn, pool, rank_minimum=2) as running:
        login = await running.account("supervisor", name="监督科")
        running.number = (await accounts.find(pool, login.username)).id
        assert (await log_in(running.client, login)).status_code == 303
        yield running


async def read_events(client, address, count=1, until=None, **headers):
    """Read events of a stream, comments left out: the first `count`, or all up to the one that `until` knows."""
    events = []
    async with client.stream("GET", address, headers=headers, timeout=10) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        event = {}
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name in {"id", "event", "data"}:
                event[name] = value
            elif not line and event:
                events.append(event)
                event = {}
                if until(events[-1]) if until else len(events) == count:
                    break
    return events


def stream_of(page: str) -> str:
    """Give the address of the event stream that a page follows."""
    return re.search(r'data-events="([^"]+)"', page).group(1).replace("&amp;", "&")


async def test_board_needs_a_session_and_comes_back_after_it(settings, dsn, pool):
    """Without a session the board sends to the log-in with its own address, and the stream refuses."""
    async with site(settings, dsn, pool) as running:
        answer = await running.client.get("/?period=7")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F%3Fperiod%3D7")
        assert (await running.client.get("/board/events")).status_code == 401


async def test_empty_board_says_how_to_post_the_first_rating(public):
    """Before the first rating the board shows the command and no figures."""
    page = (await public.client.get("/")).text
    assert "haocha keys create" in page
    assert "/v1/ratings" in page
    assert "好评率</dt>" not in page


async def test_public_board_shows_halls_and_matters_but_neither_staff_nor_texts(public):
    """Whoever passes by sees what a bad rating was about and where, never who served or what was written."""
    for level in (5, 5, 4, 1):
        await public.rate(level, writingEvaluation="等了两个小时，电话 13800001111")
    await public.settle()
    page = (await public.client.get("/?period=30")).text
    for shown in ("市民中心", "A01 企业开办窗口", "企业设立登记", "75.00%", "无理由超过法定办理时间"):
        assert shown in page
    for hidden in ("林知远", "等了两个小时", "13800001111"):
        assert hidden not in page


async def test_session_shows_staff_and_texts_but_no_telephone_numbers(closed):
    """With an account staff and texts are there, but for what looks like a person's number; a wall shows neither."""
    for level in (5, 1):
        await closed.rate(level, writingEvaluation="等了两个小时，电话 13800001111")
    await closed.settle()
    page = (await closed.client.get("/")).text
    for shown in ("林知远", "等了两个小时", "＊＊＊", "监督科"):
        assert shown in page
    assert "13800001111" not in page
    wall = (await closed.client.get("/?wall=1")).text
    assert "林知远" not in wall
    assert "等了两个小时" not in wall


async def test_filters_keep_to_their_hall_department_and_days(public):
    """Hall, department and both together count the same rating once; another hall and other days do not have it."""
    await public.rate(5)
    await public.settle()
    for address in ("/?hall=H1", "/?dept=SCJG", "/?hall=H1&dept=SCJG", "/?period=7", "/?period=30"):
        assert "100.00%" in (await public.client.get(address)).text, address
    for address in ("/?hall=H2", "/?dept=ZRZY", "/?from=2025-01-01&to=2025-01-31"):
        assert "还没有评价" in (await public.client.get(address)).text, address


@pytest.mark.parametrize(
    "query", ["from=x", "from=2025-02-01&to=2025-01-01", "from=2999-01-01", "from=2020-01-01", "period=nine"]
)
async def test_impossible_period_shows_today_and_says_so(public, query):
    """What an address cannot mean is no error, and no silent guess either."""
    answer = await public.client.get(f"/?{query}")
    assert answer.status_code == 200
    assert 'role="alert"' in answer.text


async def test_stream_sends_what_changed_and_nothing_that_is_shown_already(public):
    """The stream begins where the page is, then sends the changed parts after the rating."""
    await public.rate(5)
    await public.settle()
    page = (await public.client.get("/")).text
    reading = asyncio.create_task(
        read_events(public.client, stream_of(page), until=lambda event: "levels" in event["data"])
    )
    await asyncio.sleep(0)
    await public.rate(1)
    update = msgspec.json.decode((await reading)[-1]["data"])
    assert "50.00%" in update["parts"]["headline"]


async def test_reconnecting_viewer_gets_the_whole_grid_only_if_it_missed_something(public):
    """`Last-Event-ID` says what is shown: equal, and nothing comes; older, and everything does."""
    await public.rate(5)
    await public.settle()
    (event,) = await read_events(public.client, "/board/events?version=older")
    assert set(msgspec.json.decode(event["data"])["parts"]) == {"grid", "warning", "freshness"}
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1.2):
            await read_events(public.client, "/board/events", **{"Last-Event-ID": event["id"]})


async def test_disabled_account_ends_session_and_stream(closed):
    """Within two seconds of its disabling the stream tells the page to ask anew, which then leads to the log-in."""
    await closed.rate(5)
    await closed.settle()
    page = (await closed.client.get("/")).text
    told = asyncio.create_task(
        read_events(closed.client, stream_of(page), until=lambda event: event["event"] == "reload")
    )
    await asyncio.sleep(0)
    await accounts.disable(closed.context.pool, closed.number, by="os:test", now=datetime.now(UTC))
    while (await closed.client.get("/")).status_code == 200:
        await asyncio.sleep(0.1)
    await closed.rate(5)
    assert (await told)[-1]["event"] == "reload"


async def test_stopping_server_ends_streams_at_once(public):
    """A stream without end does not hold the shutdown up."""
    await public.rate(5)
    await public.settle()
    reading = asyncio.create_task(read_events(public.client, "/board/events?version=x", count=99))
    await public.client.get("/healthz")
    public.context.stopping.set()
    async with asyncio.timeout(1):
        await reading


async def test_morning_without_rankable_windows_shows_the_last_month(public):
    """Where today has nobody with enough ratings, the ranking is of the last 30 days and says so."""
    await public.rate(5, assessTime=f"{datetime.now(SHANGHAI) - timedelta(days=2):%Y-%m-%d %H:%M:%S}")
    await public.rate(5)
    await public.settle()
    page = (await public.client.get("/")).text
    assert "今日还没有窗口达到 2 份评价，以下是近 30 日的排名" in page
    assert "2<span" in page
    week = (await public.client.get("/?period=7")).text
    assert "以下是近 30 日的排名" not in week


async def test_too_few_ratings_are_counted_but_not_ranked(public):
    """A window with one rating stands in no ranking; how many such there are is said."""
    await public.rate(5)
    await public.settle()
    page = (await public.client.get("/")).text
    assert "还没有窗口达到 2 份评价，不排名" in page
    assert "1 个不足 2 份，样本不足" in page


async def test_late_projection_is_told(settings, dsn, pool):
    """Figures that stopped are shown with a warning and their position, not as if they were new."""
    async with site(settings, dsn, pool, board="public") as running:
        await running.rate(5)
        await running.settle()
        await pool.execute(
            "UPDATE engine.checkpoints SET state = 'failed', error = 'x' WHERE name = 'projection:indicators'"
        )
        page = (await running.client.get("/?period=7")).text
        assert "已停在第" in page
        assert "indicators" in page


async def test_pages_carry_their_security_headers(public):
    """No script, style, frame or form but our own; personal pages are kept by no cache."""
    for address in ("/", "/login", "/receipts", "/nowhere"):
        answer = await public.client.get(address, headers={"Accept": "text/html"})
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert " style=" not in answer.text
        assert not re.search(r"<script(?![^>]* src=)", answer.text)


async def test_static_files_are_kept_for_ever_under_their_version_only(public):
    """With the content's hash a file is immutable; without it, it is asked for anew and may be unchanged."""
    page = (await public.client.get("/login")).text
    address = re.search(r'href="(/static/style\.css\?v=\w+)"', page).group(1)
    kept = await public.client.get(address)
    assert "immutable" in kept.headers["cache-control"]
    bare = await public.client.get("/static/style.css")
    assert bare.headers["cache-control"] == "no-cache"
    again = await public.client.get("/static/style.css", headers={"If-None-Match": bare.headers["etag"]})
    assert again.status_code == 304
    for wrong in ("/static/nothing.css", "/static/..%2Fpages.py", "/static/../pages.py"):
        assert (await public.client.get(wrong)).status_code == 404


async def test_browsers_get_pages_and_machines_problems(public):
    """The same missing address answers each in its own language."""
    page = await public.client.get("/nowhere", headers={"Accept": "text/html,*/*"})
    assert (page.status_code, "没有" in page.text) == (404, True)
    machine = await public.client.get("/nowhere")
    assert machine.headers["content-type"] == "application/problem+json"
