"""Platforms and items that do what nobody foresaw: each stops itself at most, neither its neighbours nor the peer."""

from datetime import UTC, datetime, timedelta
from typing import ClassVar

import pytest

from haocha.engine.outbox import Sender
from haocha.store import outbox
from haocha.sync.dialect import Dialect, Outcome
from haocha.sync.said import LONGEST_CODE, LONGEST_RECEIPT
from tests import outboxes
from tests.sync.reporting import Reporting, cases, now, peer

MOMENT = timedelta(seconds=2)


class Odd(Dialect):
    """A platform in this process, with an answer for each case; what it refuses as a whole it refuses for `guilty`."""

    name: ClassVar[str] = "zhejiang"
    version: ClassVar[str] = "odd"
    kinds = frozenset({"rating", "supplement"})

    def __init__(self, peer, size=8):
        super().__init__(peer)
        self.size = size
        self.taken, self.calls = [], []
        self.check_fails = self.guilty = self.refused = ""
        self.outcome = Outcome("accepted")

    def operation(self, _item):
        """All go one way."""
        return "rate"

    def limit(self, _operation):
        """Return what one call may hold."""
        return self.size

    def check(self, item, _now):
        """Fail for one case."""
        if item.values["projectNo"] == self.check_fails:
            raise KeyError(item.values["userName"])

    async def send(self, _client, _operation, items, _now):
        """Answer, fail, or refuse."""
        numbers = [item.values["projectNo"] for item in items]
        self.calls.append(numbers)
        if self.guilty in numbers:
            raise TypeError(items[0].values["userName"])
        if self.refused in numbers:
            return []
        self.taken += numbers
        return [self.outcome] * len(items)


@pytest.fixture
async def log(pool, install, keys):
    """Return a log with eight ratings to report."""
    log = Reporting(pool, install, keys, peer("zhejiang", "http://127.0.0.1:9"))
    await log.append(*cases(install, log.vault, range(1, 9), now=now(), supplements=1000))
    await log.derive()
    return log


async def delivered(log, odd):
    """Let all that waits be sent once; return the numbers of cases by state."""
    sender = log.sender = Sender(log.pool, odd, log.reader, lambda: 0.0)
    await sender.fill(datetime.now(UTC))
    await sender.deliver(None, sender.backlog.take(100))
    return await log.states()


def number(which):
    """Return the number of a case."""
    return f"99010120261122{which:08}"


async def test_item_that_cannot_be_written_is_dead_and_harms_no_other(log):
    """What went wrong is named by its kind; its words may be a citizen's."""
    odd = Odd(log.peer)
    odd.check_fails = number(3)
    assert await delivered(log, odd) == {"accepted": 7, "dead": 1, "local": 8}
    (dead,) = [row for row in await log.rows() if row["state"] == "dead"]
    assert (dead["lane"], dead["code"], dead["words"]) == (
        number(3), "unwritable", "内容无法按平台的接口写出: KeyError",
    )  # fmt: skip


@pytest.mark.parametrize("how", ["guilty", "refused"])
async def test_item_that_spoils_every_call_is_found_and_those_before_it_are_through(log, how):
    """It stands alone at last and is tried again later, as nobody said what is wrong with it."""
    odd = Odd(log.peer)
    setattr(odd, how, number(5))
    assert await delivered(log, odd) == {"accepted": 4, "waiting": 4, "local": 8}
    assert odd.taken == [number(which) for which in range(1, 5)]
    sender = log.sender
    sender.backlog.ripen(datetime.max.replace(tzinfo=UTC))
    rows = {row.lane: row for row in sender.backlog.take(100)}
    await sender.deliver(None, [row for lane, row in rows.items() if lane != number(5)])
    assert await log.states() == {"accepted": 7, "waiting": 1, "local": 8}
    assert rows[number(5)].attempts == 1


async def test_whatever_a_platform_says_can_be_written(log):
    """No places for NUL in the database, no end to a receipt: what is kept is cut, what cannot be kept is left out."""
    odd = Odd(log.peer)
    odd.outcome = Outcome("accepted", "a\0b" + "c" * 500, "完成\0\n\ud800好", "r\0" + "9" * 5000)
    assert await delivered(log, odd) == {"accepted": 8, "local": 8}
    row = next(row for row in await log.rows() if row["state"] == "accepted")
    assert (row["code"][:3], len(row["code"])) == ("a b", LONGEST_CODE)
    assert (row["receipt"][:3], len(row["receipt"])) == ("r 9", LONGEST_RECEIPT)
    assert row["words"] == "完成 好"


async def test_rows_put_off_leave_room_for_others(log, monkeypatch):
    """A platform that is never ready for some of them does not keep the others from being read."""
    monkeypatch.setattr("haocha.engine.outbox.PUT_OFF", 3)
    odd = Odd(log.peer)
    odd.outcome = Outcome("unavailable", words="系统异常")
    assert await delivered(log, odd) == {"waiting": 8, "local": 8}
    assert log.sender.backlog.in_hand == 3
    assert {row["attempts"] for row in await log.rows() if row["state"] == "waiting"} == {1}


async def test_what_a_dialect_before_this_one_had_operations_for_is_dead(log):
    """A peer whose dialect was changed: the page says so, the process goes on."""
    odd = Odd(log.peer)
    odd.kinds = frozenset({"supplement"})
    assert await delivered(log, odd) == {"dead": 8, "local": 8}


async def test_row_recorded_by_a_clock_that_was_set_back_waits_for_no_morning(pool):
    """The log's times never go back; what a platform is sent does not wait until they are past."""
    at = now()
    await outboxes.put(pool, outboxes.entry(1, at=at + timedelta(days=1)), outboxes.entry(2, at=at + MOMENT))
    async with pool.acquire() as connection:
        assert [row.position for row in await outbox.oldest(connection, "up", 0, at, 10)] == [1]
        assert [row.position for row in await outbox.newest(connection, "up", at, 10)] == [1]
        lanes = ["CASE-000001", "CASE-000002"]
        assert [row.position for row in await outbox.following(connection, "up", lanes, at)] == [1]
