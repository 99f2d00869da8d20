"""Differences with a platform as people see them: the days, the list, sending again; and the days for machines."""

import re
from datetime import UTC, datetime, time, timedelta

import msgspec
import pytest

from haocha.domain.workdays import SHANGHAI
from haocha.store import differences, outbox
from haocha.sync import contents, reconcile
from haocha.sync.dialect import Theirs, digest
from tests.people import csrf_of, log_in, make
from tests.sync import fujian_cases
from tests.sync.reporting import Reporting, cases
from tests.web.running import faults, running

NOON = datetime.combine(datetime.now(SHANGHAI).date() - timedelta(days=1), time(12), SHANGHAI)
DAY = NOON.date()
PAGE = {"Accept": "text/html"}
LIST = f"/desk/sync/differences?peer=province&day={DAY}"


@pytest.fixture
async def desk(settings, keys):
    """Serve a log whose platform lacks one accepted rating, has another one altered, and one of its own."""
    peer = fujian_cases.peer()
    async with running(msgspec.structs.replace(settings, peers=(peer,))) as site:
        log = Reporting(site.pool, site.context.install, keys, peer)
        await log.append(*cases(log.install, log.vault, range(1, 9), now=NOON, supplements=1000))
        await log.derive()
        await site.pool.execute(
            "UPDATE sync.outbox SET state = 'accepted', ended_at = $1 WHERE kind = 'rating'", datetime.now(UTC)
        )
        site.told = await holdings(log)
        site.log = log
        await compare(site, [*site.told[:6], site.told[6]._replace(satisfaction=5, digest="1" * 32), other()])
        yield site


async def holdings(log) -> list[Theirs]:
    """Return what a platform would hold that has everything, in the order of our log."""
    rows = [outbox.Row(*row) for row in await log.pool.fetch(
        "SELECT position, kind, key, lane, stream, version, recorded_at, attempts, next_at"
        " FROM sync.outbox WHERE kind = 'rating' ORDER BY position"
    )]  # fmt: skip
    items = await contents.load(log.pool, log.reader, rows)
    return [
        Theirs(one["projectNo"], 1, 1, "990101", one["pf"], one["satisfaction"], digest(one))
        for one in (item.values for item in items)
    ]


def other() -> Theirs:
    """Return a record that is none of ours, of another area."""
    return Theirs("STRANGE", 1, 1, "990202", "1", 5, "f" * 32)


async def compare(site, told) -> reconcile.Result:
    """Reconcile the day with what is told."""

    async def pages():
        yield told

    return await reconcile.run(site.pool, site.log.reader, "province", DAY, pages(), taken_at=datetime.now(UTC))


async def signed_in(site, role="supervisor", **more):
    """Log somebody in."""
    await log_in(site.client, await make(site.pool, role, **more))


def shown(page) -> list[str]:
    """Return the cases that a list shows."""
    return re.findall(r'<th scope="row">([\w-]+)<span', page.text)


async def test_list_says_what_differs_and_what_can_be_done(desk):
    """Each by its key, with both levels and the advice; what can be sent again has a button."""
    await signed_in(desk)
    page = await desk.client.get(LIST)
    assert page.status_code == 200
    missing, altered = desk.told[7].project_no, desk.told[6].project_no
    assert set(shown(page)) == {missing, altered, "STRANGE"}
    assert "平台上为非常满意" in page.text
    assert "本系统没有这一条" in page.text
    assert page.text.count(">重新报送</button>") == 2
    assert "把缺失的全部重新报送" in page.text
    assert shown(await desk.client.get(f"{LIST}&found=extra")) == ["STRANGE"]
    assert shown(await desk.client.get(f"{LIST}&state=settled")) == []


async def test_one_click_sends_again_and_the_next_run_settles(desk):
    """The row waits again, who did it stands beside it, and the list of settled ones has it in the end."""
    await signed_in(desk)
    page = await desk.client.get(LIST)
    [missing] = await differences.of_day(desk.pool, "province", DAY, found="missing")
    form = {"csrf": csrf_of(page), "peer": "province", "day": str(DAY), "back": "state=open&found=missing&x=y"}
    answer = await desk.client.post("/desk/sync/differences", data=form | {"id": missing.id})
    assert answer.status_code == 303
    assert (
        answer.headers["location"] == f"/desk/sync/differences?state=open&found=missing&peer=province&day={DAY}&done=1"
    )
    assert await desk.log.states() == {"accepted": 7, "waiting": 1, "local": 8}
    after = await desk.client.get(f"{LIST}&done=1")
    assert "已有 1 条重新排队报送" in after.text
    assert "下次对账时核实" in after.text
    assert "把缺失的全部重新报送" not in after.text
    await desk.pool.execute("UPDATE sync.outbox SET state = 'accepted', ended_at = now() WHERE state = 'waiting'")
    await compare(desk, desk.told)
    assert set(shown(await desk.client.get(f"{LIST}&state=settled"))) == {
        desk.told[7].project_no, desk.told[6].project_no, "STRANGE",
    }  # fmt: skip
    assert "没有差异" in (await desk.client.get(LIST)).text


async def test_all_that_is_missing_is_sent_again_at_once(desk):
    """Altered ones only one by one."""
    await compare(desk, [*desk.told[:3], desk.told[6]._replace(digest="1" * 32)])
    await signed_in(desk, "admin")
    form = {"csrf": csrf_of(await desk.client.get(LIST)), "peer": "province", "day": str(DAY)}
    answer = await desk.client.post("/desk/sync/differences", data=form)
    assert answer.headers["location"].endswith("done=4")
    assert await desk.log.states() == {"accepted": 4, "waiting": 4, "local": 8}


async def test_who_only_reads_sends_nothing(desk):
    """A leader sees the list without buttons and is refused; so is a form without its token."""
    await signed_in(desk, "leader")
    page = await desk.client.get(LIST)
    assert len(shown(page)) == 3
    assert "重新报送</button>" not in page.text
    form = {"csrf": csrf_of(page), "peer": "province", "day": str(DAY)}
    assert (await desk.client.post("/desk/sync/differences", data=form)).status_code == 403
    await signed_in(desk)
    assert (await desk.client.post("/desk/sync/differences", data=form | {"csrf": "x"})).status_code == 403
    assert await desk.log.states() == {"accepted": 8, "local": 8}


async def test_area_sees_its_own(desk):
    """Differences and cells of other areas are not shown, and not sent again."""
    await signed_in(desk, node="area:990202000000")
    page = await desk.client.get(LIST)
    assert shown(page) == ["STRANGE"]
    [missing] = await differences.of_day(desk.pool, "province", DAY, found="missing")
    form = {"csrf": csrf_of(page), "peer": "province", "day": str(DAY), "id": missing.id}
    answer = await desk.client.post("/desk/sync/differences", data=form)
    assert answer.headers["location"].endswith("done=0")
    token = (await make(desk.pool, "leader", node="area:990202000000")).headers
    [day] = (await desk.client.get("/v1/sync/reconciliations", headers=token)).json()["items"]
    assert (day["ours"], day["theirs"], day["missing"], day["extra"]) == (0, 1, 0, 1)
    assert {cell["area"] for cell in day["cells"]} == {"990202"}


async def test_days_for_machines(desk):
    """The latest run of each day with the cells that differ; all faults at once."""
    key = await desk.key(scopes=["sync:read"])
    answer = (await desk.client.get("/v1/sync/reconciliations", params={"peer": "province"}, headers=key)).json()
    [day] = answer["items"]
    assert day == day | {
        "peer": "province", "day": str(DAY), "source": "listing", "ours": 8, "theirs": 8, "late": 0,
        "missing": 1, "altered": 1, "extra": 1, "doubled": 0, "unsent": 1, "resent": 0, "settled": 0,
    }  # fmt: skip
    assert len(day["cells"]) == day["unequal"] > 2
    assert sum(cell["ours"] - cell["theirs"] for cell in day["cells"]) == 0
    assert answer["nextCursor"] is None
    wrong = await desk.client.get("/v1/sync/reconciliations", params={"from": "x", "limit": "0", "a": "b"}, headers=key)
    assert faults(wrong) == {("/from", "form"), ("/limit", "form"), ("/a", "unknown")}


async def test_day_without_a_run_says_what_to_do(desk):
    """And an address that names no day is refused."""
    await signed_in(desk)
    page = await desk.client.get("/desk/sync/differences?peer=province&day=2026-01-01")
    assert "haocha sync reconcile province --day 2026-01-01" in page.text
    assert (await desk.client.get("/desk/sync/differences", headers=PAGE)).status_code == 422


async def test_page_of_reporting_shows_the_days(desk):
    """Where they differ, by area, channel and level, with ways to the lists."""
    await signed_in(desk)
    page = await desk.client.get("/desk/sync")
    assert f"/desk/sync/differences?peer=province&amp;day={DAY}&amp;found=missing" in page.text
    assert re.search(r'990101000000 \S+ \S+<span class="of">\d 对 \d</span>', page.text)
