"""The sender against a simulated province in a process of its own."""

import asyncio
import random
from datetime import timedelta

import pytest

from haocha.sync.said import scrub
from tests.sync import reporting
from tests.sync.provinces import province
from tests.sync.reporting import Reporting, cases, identity, now, peer, rating, service


@pytest.fixture
async def zhejiang(tmp_path):
    """Run the simulated Zhejiang platform."""
    async with province("zhejiang", tmp_path) as running:
        yield running


@pytest.fixture
def reporting_to(pool, install, keys):
    """Return a function that makes a log that is reported to a peer."""
    return lambda to: Reporting(pool, install, keys, to)


async def test_everything_arrives_once(zhejiang, reporting_to):
    """Service records go with their ratings, ratings before their 追评, all levels alike."""
    log = reporting_to(peer("zhejiang", zhejiang.url))
    await log.append(*cases(log.install, log.vault, range(100), now=now()))
    await log.derive()
    async with log.sending():
        states = await log.until(lambda states: set(states) <= {"accepted", "local"})
    assert states == {"accepted": 105, "local": 100}
    held = await zhejiang.records()
    assert len({(record["projectNo"], record["assessNumber"]) for record in held}) == len(held) == 105
    assert {row["attempts"] for row in await log.rows() if row["state"] == "accepted"} == {1}


async def test_rating_that_just_came_is_not_kept_waiting_by_a_backlog(zhejiang, reporting_to):
    """The oldest go first, at a low rate; what comes meanwhile is over there long before they are through."""
    log = reporting_to(peer("zhejiang", zhejiang.url, rate=50.0, concurrency=2))
    await log.append(*cases(log.install, log.vault, range(800), now=now(), supplements=1000))
    await log.derive()
    async with log.sending():
        await log.until(lambda states: states.get("accepted", 0) > 10)
        await log.append(*cases(log.install, log.vault, [900], now=now(), supplements=1000))
        await log.derive()
        mine = "SELECT state = 'accepted' FROM sync.outbox WHERE kind = 'rating' ORDER BY position DESC LIMIT 1"
        async with asyncio.timeout(30):
            while not await log.pool.fetchval(mine):
                await asyncio.sleep(0.05)
    accepted = [row["position"] for row in await log.rows() if row["state"] == "accepted"]
    assert (await log.states())["waiting"] > 400
    assert accepted[:20] == [row["position"] for row in await log.rows() if row["kind"] == "rating"][:20]


async def test_faults_of_the_network_lose_and_double_nothing(zhejiang, reporting_to):
    """Errors, error pages, cut connections and slow answers are tried again until they are answered."""
    await zhejiang.faults(error=0.1, html=0.1, cut=0.1)
    log = reporting_to(peer("zhejiang", zhejiang.url, concurrency=8))
    log.sender._chance = lambda: 0.0
    await log.append(*cases(log.install, log.vault, range(60), now=now()))
    await log.derive()
    async with log.sending():
        states = await log.until(lambda states: states.get("waiting", 0) == 0 and "held" not in states, 90)
    assert states == {"accepted": 63, "local": 60}
    held = await zhejiang.records()
    assert len({(record["projectNo"], record["assessNumber"]) for record in held}) == len(held) == 63


async def test_rating_waits_for_its_service_record(zhejiang, reporting_to):
    """Without one it waits, then is listed as noService and holds up nothing; when the record comes it goes."""
    log = reporting_to(peer("zhejiang", zhejiang.url, wait=timedelta(0)))
    chance, at, person = random.Random(1), now() - timedelta(minutes=5), identity(7)
    await log.append(rating(log.install, log.vault, "9901-1", 1, at, person, chance))
    await log.append(*cases(log.install, log.vault, [8], now=now()))
    await log.derive()
    async with log.sending():
        states = await log.until(lambda states: "noService" in states and "waiting" not in states)
        assert states == {"noService": 1, "accepted": 1, "local": 1}
        await log.append(service(log.install, log.vault, "9901-1", at - timedelta(minutes=3), person))
        await log.derive()
        assert await log.until(lambda states: "noService" not in states and "waiting" not in states) == {
            "accepted": 2,
            "local": 2,
        }


async def test_service_record_that_comes_in_time_lets_its_rating_go(zhejiang, reporting_to):
    """A held rating is in the outbox before its service record, and is sent after it."""
    log = reporting_to(peer("zhejiang", zhejiang.url))
    chance, at, person = random.Random(1), now() - timedelta(minutes=5), identity(7)
    await log.append(rating(log.install, log.vault, "9901-1", 2, at, person, chance))
    await log.derive()
    assert await log.states() == {"held": 1}
    await log.append(service(log.install, log.vault, "9901-1", at - timedelta(minutes=3), person))
    await log.derive()
    assert await log.states() == {"waiting": 1, "local": 1}


async def test_refusal_is_dead_with_the_platforms_words_and_nothing_personal(zhejiang, reporting_to):
    """What the platform refuses for what it says ends as dead; the others go on."""
    await zhejiang.faults(refuse=1.0)
    log = reporting_to(peer("zhejiang", zhejiang.url))
    await log.append(*cases(log.install, log.vault, [3], now=now(), supplements=1000))
    await log.derive()
    async with log.sending():
        await log.until(lambda states: "dead" in states)
    (dead,) = [row for row in await log.rows() if row["state"] == "dead"]
    assert dead["words"]
    assert identity(3)["certKey"] not in dead["words"]


async def test_rating_without_a_case_is_counted_as_not_reportable(zhejiang, reporting_to):
    """A form for them this dialect has not."""
    log = reporting_to(peer("zhejiang", zhejiang.url))
    made = rating(log.install, log.vault, "X-pad-1", 1, now(), None, random.Random(1), flags=("noCase",))
    await log.append(made)
    await log.derive()
    assert await log.states() == {"notReportable": 1}


async def test_one_sender_at_a_time(zhejiang, reporting_to):
    """A second sender waits as long as the first one lives, and takes over when it ends."""
    log, other = (reporting_to(peer("zhejiang", zhejiang.url)) for _ in range(2))
    async with log.sending():
        await log.append(*cases(log.install, log.vault, range(5), now=now()))
        await log.derive()
        await log.until(lambda states: states.get("accepted") == 6)
        async with other.sending():
            assert other.sender.answered_at is None
            await log.append(*cases(log.install, log.vault, range(5, 10), now=now(), supplements=1000))
            await log.derive()
            await log.until(lambda states: states.get("accepted") == 11)
            assert other.sender.answered_at is None
    async with other.sending():
        await log.append(*cases(log.install, log.vault, range(10, 15), now=now(), supplements=1000))
        await log.derive()
        await log.until(lambda states: states.get("accepted") == 16)
    assert other.sender.answered_at is not None


def test_words_of_a_platform_identify_nobody():
    """Names, numbers and phones that an answer repeats are covered."""
    person = reporting.identity(12)
    words = f"{person['userName']}的证件号 {person['certKey']} 无效，请联系 19912345678"
    assert scrub(words, person) == "***的证件号 *** 无效，请联系 ***"


async def test_supplement_goes_the_way_of_a_rating_that_has_no_form(zhejiang, reporting_to):
    """The phone has no code there: the 追评 of such a rating waits for nothing, whichever comes first."""
    log = reporting_to(peer("zhejiang", zhejiang.url))
    chance, at, person = random.Random(1), now() - timedelta(minutes=9), identity(7)
    for project in ("9901-1", "9901-2"):
        await log.append(service(log.install, log.vault, project, at, person))
        await log.append(rating(log.install, log.vault, project, 1, at, person, chance, pf="6"))
    await log.append(rating(log.install, log.vault, "9901-1", 1, at, person, chance, again=True))
    await log.derive()
    async with log.sending():
        await log.until(lambda states: states == {"local": 2, "notReportable": 3})
    await log.append(rating(log.install, log.vault, "9901-2", 1, at, person, chance, again=True))
    await log.derive()
    assert await log.states() == {"local": 2, "notReportable": 4}
