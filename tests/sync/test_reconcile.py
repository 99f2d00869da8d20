"""Reconciliation: what is deleted, altered, too much or there twice is found by key; what is late is no difference."""

import asyncio
import csv
import json
import random
import re
from datetime import UTC, datetime, time, timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haocha.domain.workdays import SHANGHAI
from haocha.peers import Peer
from haocha.store import differences
from haocha.store.differences import Wanted
from haocha.sync import holdings, reconcile
from haocha.sync.dialect import Theirs, Unavailable
from haocha.sync.holdings import Unreadable
from haocha.sync.reconcile import Sum
from tests.sync import fujian_cases
from tests.sync.provinces import province
from tests.sync.reporting import Reporting, cases, identity, peer, rating, service

NOON = datetime.combine(datetime.now(SHANGHAI).date() - timedelta(days=1), time(12), SHANGHAI)
DAY = NOON.date()
CASES = 24
PLACE = {"supplements": 6}
EVER = Wanted(None, DAY - timedelta(days=9), DAY)


def number(project: int) -> str:
    """Return the projectNo of a case."""
    return f"99010120261122{project:08}"


@pytest.fixture
async def fujian(tmp_path):
    """Run the simulated Fujian platform."""
    async with province("fujian", tmp_path) as running:
        yield running


@pytest.fixture
def reporting_to(pool, install, keys):
    """Return a function that makes a log that is reported to a peer."""
    return lambda to: Reporting(pool, install, keys, to)


@pytest.fixture
async def reporting(reporting_to, fujian):
    """Report a day's cases to it, and wait until it has them."""
    log = reporting_to(fujian_cases.peer(fujian.url, rate=1e6))
    await log.append(*cases(log.install, log.vault, range(CASES), now=NOON, **PLACE))
    await sent(log)
    return log


async def sent(log: Reporting) -> None:
    """Let all that waits be sent."""
    await log.derive()
    async with log.sending():
        await log.until(lambda states: set(states) <= {"accepted", "local"})


async def compare(log: Reporting, day=DAY) -> reconcile.Result:
    """Run one reconciliation by what the platform lists."""
    told = holdings.listed(log.sender.dialect, day)
    return await reconcile.run(log.pool, log.reader, log.peer.name, day, told, taken_at=datetime.now(UTC))


async def found(log: Reporting, *states: str) -> set[tuple[str, str]]:
    """Return what is found and the keys, of differences in these states."""
    rows = await differences.of_day(log.pool, log.peer.name, DAY, states=states or differences.UNSETTLED)
    return {(row.found, row.key) for row in rows}


async def the_day(log: Reporting) -> differences.Day:
    """Return how the day stands."""
    [day] = await differences.days(log.pool, Wanted(None, DAY, DAY), 10)
    return day


async def test_clean_day_is_clean(reporting):
    """Both sides hold the same, cell by cell, in whatever order they are told."""
    result = await compare(reporting)
    assert (result.ours, result.theirs, result.late, result.differences) == (28, 28, 0, 0)
    day = await the_day(reporting)
    assert (day.ours, day.theirs, day.unequal, day.cells, day.differences) == (28, 28, 0, (), 0)


async def test_deleted_altered_and_extra_are_found_by_key(reporting, fujian):
    """And by area, channel and level: the counts and digests of just those cells differ."""
    await fujian.tamper(delete=f"{number(3)}|1|1")
    await fujian.tamper(delete=f"{number(6)}|1|2")
    await fujian.tamper(alter=f"{number(5)}|1|1", satisfaction=5)
    (held,) = await fujian.records(projectNo=number(7))
    await fujian.tamper(add=held | {"projectNo": "invented", "satisfaction": 5})
    result = await compare(reporting)
    assert (result.missing, result.altered, result.extra, result.doubled) == (2, 1, 1, 0)
    assert await found(reporting) == {
        ("missing", f"rating|{number(3)}|1"),
        ("missing", f"supplement|{number(6)}|1"),
        ("altered", f"rating|{number(5)}|1"),
        ("extra", "rating|invented|1"),
    }
    day = await the_day(reporting)
    assert {cell.level for cell in day.cells} == {1, 2, 4, 5}  # levels are number % 5 + 1; the altered one left 1
    assert sum(cell.ours - cell.theirs for cell in day.cells) == 1
    assert all(cell.ours_digest != cell.theirs_digest for cell in day.cells)


async def test_resending_heals_what_was_deleted(reporting, fujian):
    """The next run finds it there and settles it; what was altered stays until the platform mends it."""
    await fujian.tamper(delete=f"{number(3)}|1|1")
    await fujian.tamper(delete=f"{number(12)}|1|1")
    await fujian.tamper(delete=f"{number(12)}|1|2")
    await fujian.tamper(alter=f"{number(5)}|1|1", satisfaction=5)
    await compare(reporting)
    now = datetime.now(UTC)
    assert await differences.resend(reporting.pool, of=("province", DAY), by="li", now=now) == 3
    rows = {row["key"]: row["state"] for row in await reporting.rows() if row["again_at"] is not None}
    assert rows == {
        f"rating|{number(3)}|1": "waiting",
        f"rating|{number(12)}|1": "waiting",
        f"supplement|{number(12)}|1": "held",
    }
    between = await compare(reporting)
    assert (between.missing, between.altered) == (0, 1)
    assert len(await found(reporting, "resent")) == 3
    await sent(reporting)
    assert (await compare(reporting)).missing == 0
    assert await found(reporting, "settled") == {
        ("missing", f"rating|{number(3)}|1"),
        ("missing", f"rating|{number(12)}|1"),
        ("missing", f"supplement|{number(12)}|1"),
    }
    assert len(await fujian.records(projectNo=number(12))) == 2
    [altered] = await differences.of_day(reporting.pool, "province", DAY)
    assert await differences.resend(reporting.pool, ids=[altered.id], by="li", now=now) == 1
    assert (await compare(reporting)).differences == 0
    assert await found(reporting, "resent") == {("altered", f"rating|{number(5)}|1")}
    await sent(reporting)
    assert (await compare(reporting)).altered == 1
    assert await found(reporting, "open") == {("altered", f"rating|{number(5)}|1")}
    await fujian.tamper(alter=f"{number(5)}|1|1", satisfaction=1)
    assert (await compare(reporting)).differences == 0
    assert await found(reporting) == set()


async def test_service_record_goes_before_its_rating_once_more(reporting_to, tmp_path):
    """Where the platform takes it by itself and may have lost it, too: a haocha above that wants it first."""
    async with province("haocha", tmp_path, "--strict", "--member", "city", "--key", "a key of both") as above:
        log = reporting_to(
            peer("haocha", above.url, options={"member": "city"}, secrets={"key": "a key of both"}, name="province")
        )
        await log.append(*cases(log.install, log.vault, range(CASES), now=NOON, **PLACE))
        await sent(log)
        assert (await compare(log)).differences == 0
        for gone in (f"{number(6)}|1|0", f"{number(6)}|1|1", f"{number(7)}|1|1"):
            await above.tamper(delete=gone)
        assert (await compare(log)).missing == 2
        await differences.resend(log.pool, of=("province", DAY), by="li", now=datetime.now(UTC))
        assert await log.states() == {"accepted": 2 * CASES, "waiting": 2, "held": 2}
        await sent(log)
        assert (await compare(log)).differences == 0
        assert len(await above.records(projectNo=number(6))) == 3


async def test_what_is_late_is_no_difference(reporting, fujian):
    """There, while the answer was lost and our row still waits; and accepted after they were asked."""
    key = f"rating|{number(4)}|1"
    await reporting.pool.execute("UPDATE sync.outbox SET state = 'waiting', ended_at = NULL WHERE key = $1", key)
    result = await compare(reporting)
    assert (result.late, result.differences, (await the_day(reporting)).unequal) == (1, 0, 0)
    told = holdings.listed(reporting.sender.dialect, DAY)
    await fujian.tamper(delete=f"{number(9)}|1|1")
    before = NOON - timedelta(days=1)
    late = await reconcile.run(reporting.pool, reporting.reader, "province", DAY, told, taken_at=before)
    assert (late.differences, (await the_day(reporting)).unequal) == (0, 0)


async def test_repeat_of_one_that_was_there_already_is_no_difference(reporting):
    """Accepted as a duplicate is accepted."""
    await reporting.pool.execute("UPDATE sync.outbox SET duplicate = true")
    assert (await compare(reporting)).differences == 0


async def test_erased_text_is_no_alteration(reporting, fujian):
    """What was erased here is compared by level and channel only."""
    await reporting.pool.execute("DELETE FROM private.texts")
    result = await compare(reporting)
    assert (result.differences, (await the_day(reporting)).unequal) == (0, 0)
    rated = next(row for row in await reporting.rows() if row["kind"] == "rating" and row["level"] == 1)
    await fujian.tamper(alter=f"{rated['lane']}|1|1", satisfaction=4)
    await compare(reporting)
    assert await found(reporting) == {("altered", rated["key"])}


async def test_moved_time_is_compared_as_it_was_sent(reporting_to, fujian):
    """A rating before its service, raised as the platform permits, has the service's time there: also over midnight."""
    log = reporting_to(fujian_cases.peer(fujian.url, rate=1e6, adjust=timedelta(minutes=5)))
    midnight = datetime.combine(DAY, time(0), SHANGHAI)
    person, chance = identity(1), random.Random(1)
    await log.append(
        service(log.install, log.vault, number(1), midnight, person),
        rating(log.install, log.vault, number(1), 2, midnight - timedelta(minutes=2), person, chance),
    )
    await sent(log)
    assert [row["adjusted"] for row in await log.rows()] == [False, True]
    eve = await compare(log, DAY - timedelta(days=1))
    assert (eve.ours, eve.theirs, eve.differences) == (0, 0, 0)
    result = await compare(log)
    assert (result.ours, result.theirs, result.differences) == (1, 1, 0)


async def test_settled_difference_that_comes_back_is_open(reporting, fujian):
    """Found, healed, and gone once more."""
    for _ in range(2):
        await fujian.tamper(delete=f"{number(3)}|1|1")
        await compare(reporting)
        assert await found(reporting, "open") == {("missing", f"rating|{number(3)}|1")}
        await differences.resend(reporting.pool, of=("province", DAY), by="li", now=datetime.now(UTC))
        await sent(reporting)
        await compare(reporting)
        assert await found(reporting, "settled") == {("missing", f"rating|{number(3)}|1")}


async def test_twice_over_there_is_one_too_many(reporting):
    """By one key a platform holds one record."""
    everything = [theirs async for page in holdings.listed(reporting.sender.dialect, DAY) for theirs in page]

    async def told():
        yield everything
        yield everything[:1]

    result = await reconcile.run(reporting.pool, reporting.reader, "province", DAY, told(), taken_at=datetime.now(UTC))
    assert (result.doubled, result.differences) == (1, 1)
    assert len((await the_day(reporting)).cells) == 1


async def test_nothing_is_kept_of_one_that_breaks_off(reporting):
    """A platform that stops in the middle of its list has not said what it holds."""

    async def told():
        yield [Theirs(number(1), 1, 1, "990101", "1", 1, "0" * 32)]
        raise Unavailable

    with pytest.raises(Unavailable):
        await reconcile.run(reporting.pool, reporting.reader, "province", DAY, told(), taken_at=datetime.now(UTC))
    assert await differences.days(reporting.pool, Wanted(None, DAY, DAY), 10) == []
    assert (await compare(reporting)).differences == 0


@pytest.mark.parametrize(("ending", "encoding"), [("ndjson", "utf-8"), ("csv", "utf-8-sig"), ("csv", "gb18030")])
async def test_file_that_the_platform_exported(reporting_to, tmp_path, ending, encoding):
    """For platforms that tell nothing: by the documented columns, its prefix before our case numbers taken off."""
    async with province("zhejiang", tmp_path) as zhejiang:
        log = reporting_to(peer("zhejiang", zhejiang.url))
        await log.append(*cases(log.install, log.vault, range(CASES), now=NOON, **PLACE))
        await sent(log)
        records = [one for one in await zhejiang.records() if one["projectNo"] != number(8)]
    records[0]["pf"] = "1" if records[0]["pf"] != "1" else "2"
    for record in records:
        record["projectNo"] = "33" + record["projectNo"]
    path = tmp_path / f"export.{ending}"
    if ending == "ndjson":
        path.write_text("".join(json.dumps(record) + "\n" for record in [{"kind": "service"}, *records]), encoding)
    else:
        columns = [
            "projectNo", "serviceNumber", "assessNumber", "satisfaction", "pf", "evalDetail", "assessTime", "areaCode",
            "writingEvaluation", "kind",
        ]  # fmt: skip
        with path.open("w", encoding=encoding, newline="") as file:
            writer = csv.DictWriter(file, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(record | {"evalDetail": ",".join(record["evalDetail"])} for record in records)
    told = holdings.matched(log.pool, "province", holdings.read(path, DAY), "33")
    result = await reconcile.run(log.pool, log.reader, "province", DAY, told, source="file", taken_at=datetime.now(UTC))
    assert (result.missing, result.altered, result.extra) == (1, 1, 0)
    altered = holdings.key_of(records[0]["projectNo"].removeprefix("33"), 1, records[0]["assessNumber"])
    assert await found(log) == {("missing", f"rating|{number(8)}|1"), ("altered", altered)}
    other = holdings.matched(log.pool, "province", holdings.read(path, DAY - timedelta(days=3)), "33")
    assert [page async for page in other] == []


def test_faulty_lines_are_named(tmp_path):
    """All of them, with what is wrong."""
    path = tmp_path / "export.csv"
    path.write_text("projectNo,satisfaction,pf,assessTime\nA,6,1,2026-11-20 09:00:00\nB,5,9,2026-11-20\nC,5,1,soon\n")
    with pytest.raises(Unreadable) as refused:
        list(holdings.read(path, DAY))
    said = str(refused.value).splitlines()
    assert [line.partition(": line ")[2][0] for line in said] == ["2", "3", "4"]
    path.write_text("projectNo,level\nA,5\n")
    with pytest.raises(Unreadable, match="assessTime, pf, satisfaction is not there"):
        list(holdings.read(path, DAY))


def test_guide_names_the_columns_of_a_file():
    """All of them, and which are needed."""
    guide = (Path(__file__).parents[2] / "docs" / "reconciliation.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (needed)? *\|", guide[guide.index("<!-- columns: export -->") :], re.MULTILINE)
    fields = msgspec.structs.fields(holdings.Exported)
    assert {(field.encode_name, "needed" if field.required else "") for field in fields} == set(rows)


@given(
    st.lists(st.integers(0, 2**128 - 1), max_size=30).flatmap(
        lambda all_: st.tuples(st.just(all_), st.permutations(all_))
    )
)
def test_digest_of_a_cell_does_not_know_the_order(both):
    """However they are told, the same records have the same digest, and one more, one less or one twice another."""
    first, second = Sum(), Sum()
    for records, into in zip(both, (first, second), strict=True):
        for record in records:
            into.add(f"{record:032x}")
    assert (first.n, first.digest) == (second.n, second.digest)
    second.add(f"{1:032x}")
    assert first.digest != second.digest


async def test_days_are_due_once_after_their_time(reporting_to, pool, fujian):
    """Yesterday and the day before; not before the time, and not twice."""
    log = reporting_to(fujian_cases.peer(fujian.url))
    at = time(2, 30, tzinfo=SHANGHAI)
    today = datetime.now(SHANGHAI).date()
    late = datetime.combine(today, time(0, 10), SHANGHAI) + timedelta(days=1)
    after = late + timedelta(hours=3)
    assert await reconcile.due(pool, "province", at, late) == []
    assert await reconcile.due(pool, "province", at, after) == [today, today - timedelta(days=1)]
    told = holdings.listed(log.sender.dialect, today)
    await reconcile.run(log.pool, log.reader, "province", today, told, taken_at=after)
    assert await reconcile.due(pool, "province", at, after) == [today - timedelta(days=1)]


async def test_daily_run_waits_until_the_platform_answers(reporting, fujian, settings, monkeypatch):
    """Yesterday and the day before, each once; a platform that is away is asked again."""
    monkeypatch.setattr(reconcile, "AGAIN", 0.05)
    monkeypatch.setattr(reconcile, "LOOK", 0.05)
    await fujian.kill()
    peer = fujian_cases.peer(fujian.url, options={"reconcile_at": "00:00"})
    task = asyncio.create_task(reconcile.daily(reporting.pool, settings, peer, reporting.sender.dialect))
    await asyncio.wait([task], timeout=0.5)
    assert await differences.days(reporting.pool, EVER, 10) == []
    await fujian.start()
    async with asyncio.timeout(30):
        while len(await differences.days(reporting.pool, EVER, 10)) < 2:
            await asyncio.wait([task], timeout=0.05)
    await asyncio.wait([task], timeout=0.5)
    assert not task.done()
    task.cancel()
    found = await differences.days(reporting.pool, EVER, 10)
    assert [(day.day, day.ours, day.differences) for day in found] == [(DAY, 28, 0), (DAY - timedelta(days=1), 0, 0)]
    assert await reporting.pool.fetchval("SELECT count(*) FROM sync.reconciliations") == 2


async def test_one_reconciliation_of_a_peer_at_a_time(reporting, pool):
    """A second one is told, and leaves the first alone."""
    began, go_on = asyncio.Event(), asyncio.Event()

    async def told():
        began.set()
        await go_on.wait()
        yield []

    now = datetime.now(UTC)
    first = asyncio.create_task(reconcile.run(pool, reporting.reader, "province", DAY, told(), taken_at=now))
    await began.wait()
    with pytest.raises(reconcile.Busy, match="province"):
        await compare(reporting)
    go_on.set()
    assert (await first).missing == 28


def test_time_of_day_is_read_or_named():
    """A time that is none is told by the option's name."""
    assert reconcile.time_of(named()) == time(2, 30, tzinfo=SHANGHAI)
    assert reconcile.time_of(named("23:05")) == time(23, 5, tzinfo=SHANGHAI)
    with pytest.raises(ValueError, match="reconcile_at"):
        reconcile.time_of(named("25:00"))


def named(at: str | None = None) -> Peer:
    """Return a peer with or without a time."""
    return Peer(name="a", dialect="b", url="http://c", options={} if at is None else {"reconcile_at": at})
