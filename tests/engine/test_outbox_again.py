"""What is sent once more: what a platform lost or misses, replays, dead letters that were mended."""

import random
from datetime import timedelta

import asyncpg
import msgspec
import pytest

from haocha.domain.workdays import SHANGHAI
from haocha.store import outbox, outbox_again
from haocha.store.outbox import DOUBTS, Settled
from tests.outboxes import entry, put, settle
from tests.sync import reporting
from tests.sync.answering import Answering, answer
from tests.sync.provinces import province
from tests.sync.reporting import Reporting, cases, identity, now, peer, rating, service

JSON = "application/json"
MISSED = answer(msgspec.json.encode({"result": "0", "resultmsg": "没有对应的服务数据"}), kind=JSON)


@pytest.fixture
def reporting_to(pool, install, keys):
    """Return a function that makes a log that is reported to a peer."""
    return lambda to: Reporting(pool, install, keys, to)


@pytest.fixture
async def answering():
    """Run a platform that answers what it is told to."""
    async with Answering().open() as running:
        yield running


@pytest.fixture
async def zhejiang(tmp_path):
    """Run the simulated Zhejiang platform."""
    async with province("zhejiang", tmp_path) as running:
        yield running


@pytest.fixture
async def shandong(tmp_path):
    """Run the simulated Shandong platform and return it with a peer for it."""
    async with province("shandong", tmp_path, "--self-built", "") as running:
        files = {"app_word": "app.word", "public_key": "platform.pub"}
        secrets = {name: (running.folder / file).read_text().strip() for name, file in files.items()}
        options = {"app_mark": "haocha", "self_built": ""}
        yield running, reporting.peer("shandong", running.url, options=options, secrets=secrets)


async def test_record_that_is_missed_and_cannot_be_sent_ends_as_dead(answering, reporting_to):
    """The service record goes with its rating: a platform that misses it nevertheless is not asked for ever."""
    log = reporting_to(peer("zhejiang", answering.url))
    await log.append(*cases(log.install, log.vault, [1], now=now(), supplements=1000))
    await log.derive()
    answering.answers = [MISSED]
    async with log.sending():
        assert await log.until(lambda states: "dead" in states) == {"dead": 1, "local": 1}
    (dead,) = [row for row in await log.rows() if row["state"] == "dead"]
    assert (dead["words"], dead["attempts"]) == ("没有对应的服务数据", 1)


async def test_replay_sends_a_record_before_its_rating_though_it_is_younger(shandong, reporting_to):
    """The rating came first and waited; once more, it waits again."""
    running, to = shandong
    log = reporting_to(to)
    chance, at, person = random.Random(1), now() - timedelta(minutes=5), identity(7)
    project = "9901012026112200000007"
    await log.append(rating(log.install, log.vault, project, 1, at, person, chance))
    await log.append(service(log.install, log.vault, project, at - timedelta(minutes=3), person))
    await log.derive()
    async with log.sending():
        await log.until(lambda states: states == {"accepted": 2})
        for record in await running.records():
            await running.tamper(delete=f"{project}|1|{record['assessNumber'] if record['kind'] == 'rating' else 0}")
        assert await running.records() == []
        positions = [row["position"] for row in await log.rows()]
        assert await outbox_again.again(log.pool, "province", positions, now()) == 2
        await log.until(lambda states: states == {"accepted": 2})
    assert [record["kind"] for record in await running.records()] == ["service", "rating"]
    assert {row["attempts"] for row in await log.rows()} == {1}
    earlier = await log.pool.fetch("SELECT position, receipt, attempts, ended_at FROM sync.receipts ORDER BY position")
    assert [(row["position"], row["attempts"]) for row in earlier] == [(position, 1) for position in positions]
    assert all(was["ended_at"] < row["ended_at"] for was, row in zip(earlier, await log.rows(), strict=True))


async def test_platform_that_lost_a_record_gets_it_again(shandong, reporting_to):
    """It was accepted and is gone: it goes once more, and the rating behind it, however long the outage was."""
    running, to = shandong
    log = reporting_to(to)
    at, person, project = now() - timedelta(minutes=5), identity(7), "9901012026112200000007"
    await log.append(service(log.install, log.vault, project, at, person))
    await log.derive()
    async with log.sending():
        await log.until(lambda states: states == {"accepted": 1})
    await running.tamper(delete=f"{project}|1|0")
    await log.append(rating(log.install, log.vault, project, 1, at, person, random.Random(1)))
    await log.derive()
    await log.pool.execute("UPDATE sync.outbox SET attempts = 40 WHERE kind = 'rating'")
    async with log.sending():
        await log.until(lambda states: states == {"accepted": 2})
    assert [record["kind"] for record in await running.records()] == ["service", "rating"]


async def test_platform_that_misses_what_it_accepts_is_given_it_a_few_times(pool):
    """Then the rating is dead; tried again by hand, its record goes out once more."""
    await put(pool, entry(1, 0, "service", case="A"), entry(2, needs="service|A|1", case="A"))
    moment = now()
    for turn in range(DOUBTS + 1):
        moment += timedelta(seconds=1)
        await settle(pool, [1], "accepted", moment)
        async with pool.acquire() as connection:
            assert await outbox.hold_again(connection, "up", Settled(2, "held", moment), moment) is (turn < DOUBTS)
    await settle(pool, [2], "dead", moment)
    assert await outbox_again.retry(pool, "up", moment) == 1
    async with pool.acquire() as connection:
        assert await outbox.hold_again(connection, "up", Settled(2, "held", moment), moment)


async def test_dead_record_is_sent_as_it_was_corrected(shandong, reporting_to):
    """It lacked a member; the counter sent it again, and the letter is no longer dead."""
    running, to = shandong
    log = reporting_to(to)
    at, person, project = now() - timedelta(minutes=5), identity(7), "9901012026112200000007"
    whole = service(log.install, log.vault, project, at, person)
    (first,) = whole.events
    poor = msgspec.json.decode(first.state)
    del poor["case"]["projectType"]
    await log.append(whole._replace(events=(first._replace(state=msgspec.json.encode(poor)),)))
    await log.derive()
    async with log.sending():
        await log.until(lambda states: states == {"dead": 1})
        await log.append(whole._replace(events=(first._replace(version=2),), identities=(), texts=()))
        await log.derive()
        await log.until(lambda states: states == {"dead": 1, "accepted": 1})
        assert await outbox_again.retry(log.pool, "province", now()) == 1
        await log.until(lambda states: states == {"accepted": 2})
    assert len(await running.records()) == 1


async def test_record_from_before_the_first_day_goes_along_with_its_rating(zhejiang, superuser_dsn, reporting_to):
    """Else the rating would wait for it in vain; what else was before that day is neither sent nor waited for."""
    today = now().astimezone(SHANGHAI).date()
    log = reporting_to(peer("zhejiang", zhejiang.url, since=today))
    before, at, person = now() - timedelta(days=1), now() - timedelta(minutes=5), identity(7)
    await log.append(service(log.install, log.vault, "9901-1", before, person))
    await log.append(*cases(log.install, log.vault, [1], now=before, supplements=1000))
    old = f"99010120261122{1:08}"
    connection = await asyncpg.connect(superuser_dsn)
    await connection.execute("UPDATE log.events SET recorded_at = recorded_at - interval '1 day'")
    await connection.close()
    await log.append(rating(log.install, log.vault, "9901-1", 1, at, person, random.Random(1)))
    await log.append(rating(log.install, log.vault, old, 1, at, person, random.Random(1), again=True))
    await log.derive()
    async with log.sending():
        await log.until(lambda states: states == {"accepted": 1, "local": 1, "dead": 1})
    assert {row["lane"] for row in await log.rows() if row["kind"] != "supplement"} == {"9901-1"}
