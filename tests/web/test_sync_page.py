"""Reporting to the platforms above as people see it: cards, levels, lists, sending again; and the same for machines."""

import re
from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from haocha.peers import Peer
from haocha.store import outbox_again
from tests.outboxes import beat, entry, put, settle
from tests.people import csrf_of, log_in, make
from tests.web.running import running

PAGE = {"Accept": "text/html"}
HOUR = timedelta(hours=1)


@pytest.fixture
async def desk(settings):
    """Serve the test's own database with one platform in its settings."""
    peer = Peer(name="up", dialect="shandong", url="https://province.example")
    async with running(msgspec.structs.replace(settings, peers=(peer,))) as site:
        yield site


@pytest.fixture
async def filled(desk):
    """Put some of everything into the outbox: accepted 1–5, dead 6–8, one without its service record, one waiting."""
    pool = desk.pool
    await put(
        pool,
        *(entry(n, n) for n in range(1, 6)),
        entry(6, 1, case="DEAD-6"),
        entry(7, 2, case="DEAD-7"),
        entry(8, 5, area="990202000000", case="DEAD-8"),
        entry(9, 1, needs="service|LONE|1", state="noService", case="LONE"),
        entry(10, 4),
        entry(11, 0, "service", state="local"),
        entry(12, 1, "ticket"),
    )
    now = datetime.now(UTC)
    await settle(pool, [1, 2, 3, 4], "accepted", now, receipt="R-1001")
    await settle(pool, [5], "accepted", now, adjusted=True, duplicate=True)
    await settle(pool, [6, 8], "dead", now, code="1005", words="事项编码不存在<b>")
    await settle(pool, [7], "dead", now, code="1009", words="评价时间早于服务时间")
    await beat(pool)
    return desk


async def signed_in(site, role="supervisor", **more):
    """Log somebody in."""
    await log_in(site.client, await make(site.pool, role, **more))


def cases(page):
    """Return the cases that a list shows."""
    return re.findall(r'<th scope="row">(?:<a [^>]*>)?([\w-]+)', page.text)


async def test_without_a_platform_the_page_says_what_to_do(lone_site):
    """Nothing is configured: no table of noughts."""
    await signed_in(lone_site)
    page = await lone_site.client.get("/desk/sync", headers=PAGE)
    assert page.status_code == 200
    assert "还没有对接平台" in page.text
    assert (await lone_site.client.get("/desk/sync/parts")).status_code == 200


async def test_platform_that_was_never_sent_to_has_empty_figures(desk):
    """Configured a minute ago: it says that nobody sends yet."""
    await signed_in(desk)
    page = await desk.client.get("/desk/sync", headers=PAGE)
    assert "发送进程还没有运行过" in page.text
    assert "没有死信" in page.text


async def test_card_and_levels_tell_how_it_stands(filled):
    """Dialect and version, backlog, each level's share, each state with the way to its list."""
    await signed_in(filled)
    page = await filled.client.get("/desk/sync", headers=PAGE)
    assert "山东型 · 对照表 2026.1" in page.text
    assert 'href="/desk/sync?peer=up&amp;state=noService&amp;level=1">1</a>' in page.text
    assert 'href="/desk/sync?peer=up&amp;state=dead&amp;level=5">1</a>' in page.text
    assert "有 3 条死信" in page.text
    assert "1 条随评价报送" in page.text
    assert "回执 R-1001" not in page.text
    assert "R-1001" in page.text


async def test_dead_letters_come_first_with_the_platforms_words(filled):
    """Each with code, words, attempts; the reasons gathered; nothing of it is taken for markup."""
    await signed_in(filled)
    page = await filled.client.get("/desk/sync", headers=PAGE)
    assert cases(page) == ["DEAD-8", "DEAD-7", "DEAD-6"]
    assert "事项编码不存在&lt;b&gt;" in page.text
    assert "发过 1 次" in page.text
    assert page.text.count("这类全部重发") == 2


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("state=dead&level=1", ["DEAD-6"]),
        ("state=dead&code=1009", ["DEAD-7"]),
        ("state=dead&area=9902", ["DEAD-8"]),
        ("state=dead&from=2001-01-01&to=2001-01-02", []),
        ("state=dead&pf=7", []),
        ("state=noService", ["LONE"]),
        ("state=accepted&level=2", ["CASE-000002"]),
        ("adjusted=true", ["CASE-000005"]),
        ("projectNo=DEAD-7", ["DEAD-7"]),
        ("state=waiting&kind=ticket", ["CASE-000012"]),
    ],
)
async def test_lists_are_narrowed(filled, query, expected):
    """By state, level, reason, area, days, channel, kind, case, and whether a time was adjusted."""
    await signed_in(filled, "leader")
    page = await filled.client.get(f"/desk/sync?peer=up&{query}", headers=PAGE)
    assert page.status_code == 200
    assert cases(page) == expected


async def test_what_waits_for_a_service_record_says_for_which(filled):
    """So that somebody can ask for it."""
    await signed_in(filled)
    page = await filled.client.get("/desk/sync?state=noService", headers=PAGE)
    assert "等 第 1 次服务的服务记录" in page.text


async def test_lists_go_on_where_the_page_ended(desk):
    """Fifty a page, each once."""
    await put(desk.pool, *(entry(n) for n in range(1, 121)))
    await signed_in(desk)
    found, address = [], "/desk/sync?state=waiting"
    for expected in (50, 50, 20):
        page = await desk.client.get(address, headers=PAGE)
        assert len(cases(page)) == expected
        found += cases(page)
        following = re.search(r'href="([^"]+)" rel="next"', page.text)
        address = following[1].replace("&amp;", "&") if following else ""
    assert found == [f"CASE-{n:06}" for n in range(120, 0, -1)]
    assert address == ""


async def test_one_and_all_of_a_reason_are_sent_again(filled):
    """By the form's buttons; the others stay dead."""
    await signed_in(filled)
    csrf = csrf_of(await filled.client.get("/desk/sync", headers=PAGE))
    form = {"csrf": csrf, "peer": "up", "back": "state=dead&next=https://elsewhere.example"}
    answer = await filled.client.post("/desk/sync/retry", data=form | {"position": 7})
    assert (answer.status_code, answer.headers["location"]) == (303, "/desk/sync?state=dead&peer=up&done=1")
    answer = await filled.client.post("/desk/sync/retry", data=form | {"code": "1005"})
    assert answer.headers["location"].endswith("done=2")
    page = await filled.client.get(answer.headers["location"], headers=PAGE)
    assert "已有 2 条重新排队" in page.text
    assert await filled.pool.fetchval("SELECT count(*) FROM sync.outbox WHERE state = 'dead'") == 0


async def test_reasons_without_a_code_are_told_apart_by_their_words(filled):
    """What is found before it is sent has no code of the platform's."""
    await put(filled.pool, *(entry(n) for n in range(20, 25)))
    await settle(filled.pool, [20, 21, 22], "dead", words="taskCode 缺少必填项")
    await settle(filled.pool, [23, 24], "dead", words="mobile 缺少必填项")
    await signed_in(filled)
    page = await filled.client.get("/desk/sync", headers=PAGE)
    reasons = re.findall(r'data-label="说法">([^<]+)</td><td class="num" data-label="条数">(\d+)', page.text)
    assert reasons[0] == ("taskCode 缺少必填项", "3")
    assert ("mobile 缺少必填项", "2") in reasons
    form = {"csrf": csrf_of(page), "peer": "up", "code": "", "words": "mobile 缺少必填项"}
    answer = await filled.client.post("/desk/sync/retry", data=form)
    assert answer.headers["location"].endswith("done=2")
    assert await filled.pool.fetchval("SELECT count(*) FROM sync.outbox WHERE state = 'dead'") == 6


async def test_nothing_chosen_and_foreign_forms_send_nothing(filled):
    """Without the session's token, without a position or reason, and by roles that only look."""
    await signed_in(filled)
    csrf = csrf_of(await filled.client.get("/desk/sync", headers=PAGE))
    for form, status in (
        ({"csrf": "0" * 64, "peer": "up", "position": 7}, 403),
        ({"csrf": csrf, "peer": "up"}, 400),
        ({"csrf": csrf, "position": 7}, 400),
        ({"csrf": csrf, "peer": "up", "position": -1}, 422),
    ):
        assert (await filled.client.post("/desk/sync/retry", data=form)).status_code == status
    await signed_in(filled, "auditor")
    page = await filled.client.get("/desk/sync", headers=PAGE)
    assert "重发</button>" not in page.text
    answer = await filled.client.post(
        "/desk/sync/retry", data={"csrf": csrf_of(page), "peer": "up", "position": 7}, headers=PAGE
    )
    assert answer.status_code == 403
    assert await filled.pool.fetchval("SELECT count(*) FROM sync.outbox WHERE state = 'dead'") == 3


async def test_area_bounds_what_is_seen_and_sent(filled):
    """Somebody bound to an area sees and re-sends its reports only, somebody of a department none."""
    await signed_in(filled, node="area:990200000000")
    page = await filled.client.get("/desk/sync", headers=PAGE)
    assert cases(page) == ["DEAD-8"]
    assert "有 1 条死信" in page.text
    assert cases(await filled.client.get("/desk/sync?state=dead&area=9901", headers=PAGE)) == []
    form = {"csrf": csrf_of(page), "peer": "up"}
    assert (await filled.client.post("/desk/sync/retry", data=form | {"position": 7})).headers["location"][
        -6:
    ] == "done=0"
    assert (await filled.client.post("/desk/sync/retry", data=form | {"code": "1005"})).headers["location"][
        -6:
    ] == "done=1"
    await signed_in(filled, node="dept:TAX")
    page = await filled.client.get("/desk/sync?state=dead", headers=PAGE)
    assert cases(page) == []
    assert "您的范围按部门划定" in page.text
    items = (await filled.client.get("/v1/sync/outbox")).json()["items"]
    assert items == []


async def test_parts_are_those_of_the_page(filled):
    """What a page that stays open asks for: cards, figures and counts, not the lists."""
    await signed_in(filled)
    parts = (await filled.client.get("/desk/sync/parts?peer=up&state=dead")).json()
    assert set(parts) == {"peers", "stand", "tabs"}
    page = (await filled.client.get("/desk/sync", headers=PAGE)).text
    assert parts["tabs"] in page
    filled.client.cookies.clear()
    assert (await filled.client.get("/desk/sync/parts")).status_code == 401


async def test_unknown_peer_or_state_is_said(filled):
    """A typo in an address is a 422, not an empty list."""
    await signed_in(filled)
    for query in ("peer=nobody", "state=lost", "level=9", "cursor=x", "page=2"):
        assert (await filled.client.get(f"/desk/sync?{query}", headers=PAGE)).status_code == 422


async def test_status_tells_machines_the_same(filled):
    """With a key of scope sync:read: each level with its counts, delays and what is wrong."""
    answer = await filled.client.get("/v1/sync/status", headers=await filled.key(scopes=["sync:read"]))
    (peer,) = answer.json()["peers"]
    assert (peer["peer"], peer["configured"], peer["dialect"], peer["version"]) == ("up", True, "shandong", "2026.1")
    levels = {line["level"]: line for line in peer["levels"]}
    assert levels["5"]["counts"]["accepted"] == 1
    assert levels["1"]["counts"] | {"accepted": 1, "dead": 1, "noService": 1} == levels["1"]["counts"]
    assert levels["5"]["delay"]["n"] == 1
    assert levels["4"]["oldestPending"] is not None
    assert {"code": "dead", "level": None, "message": peer["alarms"][0]["message"]} in peer["alarms"]
    refused = await filled.client.get("/v1/sync/status", headers=await filled.key(scopes=["ratings:read"]))
    assert refused.status_code == 403


async def test_outbox_is_paged_for_machines(filled):
    """The national names, the platform's words, a cursor to the rest."""
    key = await filled.key(scopes=["sync:read"])
    first = (await filled.client.get("/v1/sync/outbox?state=dead&limit=2", headers=key)).json()
    assert [item["projectNo"] for item in first["items"]] == ["DEAD-8", "DEAD-7"]
    item = first["items"][1]
    assert (item["satisfaction"], item["code"], item["words"], item["attempts"]) == (
        2,
        "1009",
        "评价时间早于服务时间",
        1,
    )
    rest = await filled.client.get(f"/v1/sync/outbox?state=dead&limit=2&cursor={first['nextCursor']}", headers=key)
    assert [item["projectNo"] for item in rest.json()["items"]] == ["DEAD-6"]
    assert rest.json()["nextCursor"] is None
    assert (await filled.client.get("/v1/sync/outbox?peer=nobody", headers=key)).status_code == 422


async def test_metrics_show_levels_and_sender(filled):
    """Each level's states, what waits, delays, the sender; what is sent once more does not turn the counter back."""
    key = await filled.key(scopes=["metrics:read"])
    shown = (await filled.client.get("/metrics", headers=key)).text
    for line in (
        'haocha_sync_items{level="1",peer="up",state="dead"} 1.0',
        'haocha_sync_items{level="0",peer="up",state="local"} 1.0',
        'haocha_sync_accepted_total{level="3",peer="up"} 1.0',
        'haocha_sync_behind{level="1",peer="up"} 0.0',
        'haocha_sync_breaker_open{peer="up"} 0.0',
        'haocha_sync_differences{peer="up"} 0.0',
    ):
        assert line in shown
    assert float(re.search(r'haocha_sync_oldest_pending_seconds\{level="4",peer="up"\} (\S+)', shown)[1]) > 59
    assert 'haocha_sync_oldest_pending_seconds{level="3",peer="up"} 0.0' in shown
    assert re.search(r'haocha_sync_delay_seconds\{level="5",peer="up",quantile="0.99"\} [56]\d', shown)
    await put(filled.pool, entry(99, 3))
    assert (
        'haocha_sync_items{level="3",peer="up",state="waiting"} 0.0'
        in (await filled.client.get("/metrics", headers=key)).text
    )


async def test_day_is_that_of_the_rating(desk):
    """`from` and `to` are days of assessTime, whatever day it was recorded."""
    await put(desk.pool, entry(1, day=date(2026, 3, 1)), entry(2, day=date(2026, 3, 3)))
    key = await desk.key(scopes=["sync:read"])
    answer = await desk.client.get("/v1/sync/outbox?from=2026-03-01&to=2026-03-02", headers=key)
    assert [item["position"] for item in answer.json()["items"]] == [1]


async def test_first_receipt_of_what_is_sent_once_more_stays(filled):
    """A replay asks the platform again; the proof of the first time is kept beside its new answer."""
    (before,) = await filled.pool.fetch("SELECT ended_at FROM sync.outbox WHERE position = 2")
    await outbox_again.again(filled.pool, "up", [2], datetime.now(UTC))
    await settle(filled.pool, [2], "accepted", receipt="R-2002", duplicate=True)
    await signed_in(filled)
    page = await filled.client.get("/desk/sync", params={"state": "accepted"}, headers=PAGE)
    assert page.text.count("首次送达") == 1
    assert '回执 <span class="mono">R-1001</span>' in page.text
    told = (await filled.client.get("/v1/sync/outbox", params={"peer": "up", "state": "accepted"})).json()["items"]
    (row,) = [one for one in told if one["position"] == 2]
    assert (row["receipt"], row["firstReceipt"]) == ("R-2002", "R-1001")
    assert datetime.fromisoformat(row["firstAt"]) == before["ended_at"]
