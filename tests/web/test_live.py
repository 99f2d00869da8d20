"""The hub of the live board: one computation per view, streams that end, rounds only when something moved."""

import asyncio
from datetime import date

import pytest

from haocha.web import live
from haocha.web.live import Crowded, Hub
from haocha.web.panels import Rendered
from haocha.web.views import View

TODAY = date(2025, 9, 12)
VIEW = View(since=TODAY, until=TODAY)
OTHER = View(since=TODAY, until=TODAY, hall="H1")


class Source:
    """A board that counts how often it is computed, and a pulse that moves when the test says so."""

    def __init__(self) -> None:
        self.computed = []
        self.moved = 0
        self.broken = False
        self.stopping = asyncio.Event()
        self.hub = Hub(self.load, self.pulse, self.stopping)

    async def load(self, view: View) -> Rendered:
        """Compute a view, slowly."""
        self.computed.append(view)
        await asyncio.sleep(0.01)
        if self.broken:
            raise OSError
        text = f"{view.hall}{self.moved}"
        return Rendered(position=self.moved, version=text, grid=text, parts={}, tags={}, summary="")

    async def pulse(self) -> int:
        """Tell how often the log moved."""
        return self.moved


@pytest.fixture
def source(monkeypatch):
    """Make a source whose hub is in a hurry."""
    monkeypatch.setattr(live, "PULSE", 0.01)
    monkeypatch.setattr(live, "ROUND", 0.05)
    return Source()


async def test_all_who_look_at_once_share_one_computation(source):
    """A hundred viewers of one view cost one."""
    seen = await asyncio.gather(*(source.hub.look(VIEW) for _ in range(100)))
    assert len(source.computed) == 1
    assert len({id(rendered) for rendered in seen}) == 1


async def test_viewers_share_each_round_and_views_do_not_mix(source):
    """When the log moved every followed view is computed once, whoever follows it; nobody else's is."""
    async with source.hub.running():
        followers = [source.hub.follow(view) for view in (VIEW, VIEW, OTHER)]
        assert [(await anext(follower)).version for follower in followers] == ["0", "0", "H10"]
        await asyncio.sleep(0.1)
        source.computed.clear()
        source.moved = 1
        assert [(await anext(follower)).version for follower in followers] == ["1", "1", "H11"]
        assert sorted(view.hall for view in source.computed) == ["", "H1"]
        for follower in followers:
            await follower.aclose()


async def test_nothing_is_computed_while_nothing_moves(source):
    """A quiet log costs one look at the positions, not a board."""
    async with source.hub.running():
        follower = source.hub.follow(VIEW)
        await anext(follower)
        await asyncio.sleep(0.1)
        source.computed.clear()
        await asyncio.sleep(0.1)
        assert source.computed == []
        await follower.aclose()


async def test_streams_end_when_the_server_stops(source):
    """A follower that waits is let go at once."""
    async with source.hub.running():
        follower = source.hub.follow(VIEW)
        await anext(follower)
        asyncio.get_running_loop().call_later(0.05, source.stopping.set)
        async with asyncio.timeout(1):
            assert [rendered async for rendered in follower if rendered.position > 0] == []


async def test_failed_round_is_made_up_for(source):
    """A computation that failed is tried again until the viewers have the news."""
    async with source.hub.running():
        follower = source.hub.follow(VIEW)
        await anext(follower)
        source.broken, source.moved = True, 1
        await asyncio.sleep(0.1)
        source.broken = False
        async with asyncio.timeout(1):
            assert (await anext(follower)).position == 1
        await follower.aclose()


async def test_crowd_beyond_the_limit_is_turned_away(source, monkeypatch):
    """The number of streams is bounded; leaving makes room."""
    monkeypatch.setattr(live, "STREAMS", 1)
    first, second = source.hub.follow(VIEW), source.hub.follow(VIEW)
    await anext(first)
    with pytest.raises(Crowded):
        await anext(second)
    await first.aclose()
    third = source.hub.follow(VIEW)
    await anext(third)
    await third.aclose()


async def test_who_leaves_while_a_view_is_computed_does_not_take_it_from_the_others(source):
    """A cancelled request cancels no computation that others wait for."""
    impatient = asyncio.create_task(source.hub.look(VIEW))
    patient = asyncio.create_task(source.hub.look(VIEW))
    await asyncio.sleep(0)
    impatient.cancel()
    assert (await patient).version == "0"
