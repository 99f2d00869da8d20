"""A platform that tells what it holds without coming to an end is not listened to for ever."""

import asyncio
from datetime import date

import msgspec
import pytest

from haocha.sync import holdings
from haocha.sync.dialect import Dialect, Theirs, Unavailable
from haocha.sync.haocha import Haocha
from haocha.sync.holdings import listed
from haocha.sync.lines import NDJSON, Held
from tests.sync import reports
from tests.sync.answering import Answering, answer
from tests.sync.reporting import peer

DAY = date(2026, 11, 20)
ONE = Theirs("9901-1", 1, 1, "990101000000", "4", 5, "0" * 32)
HELD = Held(7, *ONE[:6], reports.now(), ONE.digest)


class Endless(Dialect):
    """Tells one rating again and again, or, `silent`, nothing and no end either."""

    name = "endless"
    silent = False

    def operation(self, item):
        """Have none."""
        raise NotImplementedError

    limit = check = send = operation

    async def listing(self, _client, _day):
        """Tell."""
        while not self.silent:
            yield ONE
        await asyncio.Event().wait()


async def all_of(dialect):
    """Return what a platform tells."""
    return [theirs async for page in listed(dialect, DAY) for theirs in page]


async def test_list_has_a_limit(monkeypatch):
    """It would fill the disk."""
    monkeypatch.setattr(holdings, "MOST", 2_500)
    with pytest.raises(Unavailable, match="more than 2500"):
        await all_of(Endless(peer("zhejiang", "http://127.0.0.1:9")))


async def test_list_that_does_not_go_on_is_left():
    """Whatever keeps the connection open."""
    endless = Endless(peer("zhejiang", "http://127.0.0.1:9", timeout=0.01))
    endless.silent = True
    with pytest.raises(TimeoutError):
        await all_of(endless)


async def test_pages_must_go_on():
    """The same page again would be the same for ever."""
    async with Answering().open() as platform:
        platform.token = answer(msgspec.json.encode(HELD) + b"\n", kind=NDJSON)
        with pytest.raises(Unavailable, match="does not go on"):
            await all_of(Haocha(reports.peer(platform.url, "city", "a secret of two")))
