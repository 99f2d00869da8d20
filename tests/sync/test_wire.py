"""Whatever a platform answers, it takes no more memory than one answer may, and errors are httpx's."""

import gzip

import httpx
import pytest

from haocha.sync import wire
from haocha.sync.wire import client_of
from tests.sync.answering import Answering, answer
from tests.sync.reporting import peer


@pytest.fixture
async def platform():
    """Run a platform that answers what it is given."""
    async with Answering().open() as running:
        yield running


async def posted(platform, said):
    """Return the answer to a call."""
    platform.answers.append(said)
    async with client_of(peer("zhejiang", platform.url)) as client:
        return await client.post(platform.url, content=b"{}")


async def test_answer_comes_as_it_is(platform):
    """Up to the limit."""
    assert (await posted(platform, answer("好"))).text == "好"


async def test_answer_beyond_the_limit_is_an_error(platform, monkeypatch):
    """It is not read to its end."""
    monkeypatch.setattr(wire, "MOST_BYTES", 10)
    with pytest.raises(httpx.ReadError):
        await posted(platform, answer("0123456789x"))


async def test_packed_answer_is_an_error(platform):
    """Nothing is unpacked: what is small on the wire need not be small."""
    packed = gzip.compress(b" " * 1_000_000)
    with pytest.raises(httpx.DecodingError):
        await posted(platform, answer(packed, 200, "application/json", "Content-Encoding: gzip"))


async def test_answer_that_is_cut_off_is_an_error_of_the_network(platform):
    """As is no answer at all."""
    with pytest.raises(httpx.HTTPError):
        await posted(platform, answer("0123456789")[:-5])
    with pytest.raises(httpx.HTTPError):
        await posted(platform, b"")
