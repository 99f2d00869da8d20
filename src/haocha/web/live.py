"""The live board: one computation per view however many look, and a stream of what changed for each of them.

A round begins when the pulse (positions and states of the projections) differs from the last one, at most once a
second; only views that somebody follows are computed again, one after the other, so that a crowd before the board
costs the database no more than one viewer does.
"""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable

import structlog

from haocha.web.panels import Rendered
from haocha.web.views import View

PULSE = 0.25
ROUND = 1.0
HEARTBEAT = 15.0
REMEMBERED = 200
STREAMS = 500
AT_ONCE = 2  # views computed side by side: many addresses at once must not take the database from those who write

log = structlog.get_logger(__name__)


class Crowded(Exception):
    """As many people follow the board as this process serves."""


class _Channel:
    """What the followers of one view wait on."""

    def __init__(self) -> None:
        self.followers = 0
        self.rendered: Rendered | None = None
        self.news = asyncio.Event()

    def publish(self, rendered: Rendered) -> None:
        self.rendered = rendered
        self.news.set()
        self.news = asyncio.Event()


class Hub:
    """Computes views with `load`, watches `pulse`, and serves both the page and its event stream."""

    def __init__(
        self,
        load: Callable[[View], Awaitable[Rendered]],
        pulse: Callable[[], Awaitable[Hashable]],
        stopping: asyncio.Event,
    ) -> None:
        """Take how a view is computed, what changes whenever it should be again, and what says that all streams end."""
        self._load = load
        self._pulse = pulse
        self._stopping = stopping
        self._recent: OrderedDict[View, tuple[float, Rendered]] = OrderedDict()
        self._loading: dict[View, asyncio.Task[Rendered]] = {}
        self._channels: dict[View, _Channel] = {}
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._wanted = asyncio.Event()
        self._closed = False

    async def look(self, view: View) -> Rendered:
        """Return a view no older than a second; those who ask at the same time share one computation."""
        then, rendered = self._recent.get(view, (0.0, None))
        if rendered is not None and time.monotonic() - then < ROUND:
            return rendered
        return await self._compute(view)

    async def _compute(self, view: View) -> Rendered:
        task = self._loading.get(view)
        if task is None:
            task = self._loading[view] = asyncio.create_task(self._remember(view))
            task.add_done_callback(lambda _: self._loading.pop(view, None))
        return await asyncio.shield(task)

    async def _remember(self, view: View) -> Rendered:
        async with self._slots:
            begun = time.monotonic()
            rendered = await self._load(view)
        self._recent[view] = begun, rendered
        self._recent.move_to_end(view)
        if len(self._recent) > REMEMBERED:
            self._recent.popitem(last=False)
        return rendered

    async def follow(self, view: View) -> AsyncIterator[Rendered | None]:
        """Yield the view now and after each change, None now and then in between; ends when the hub is closed."""
        if sum(channel.followers for channel in self._channels.values()) >= STREAMS:
            raise Crowded
        channel = self._channels.setdefault(view, _Channel())
        channel.followers += 1
        self._wanted.set()
        try:
            seen = await self.look(view)
            yield seen
            while not self._closed:
                news = channel.news
                if channel.rendered is not None and channel.rendered is not seen:
                    seen = channel.rendered
                    yield seen
                    continue
                try:
                    await asyncio.wait_for(news.wait(), HEARTBEAT)
                except TimeoutError:
                    yield None
        finally:
            channel.followers -= 1
            if not channel.followers:
                self._channels.pop(view, None)

    def close(self) -> None:
        """End every stream at once, so that a server that stops need not wait for them."""
        self._closed = True
        for channel in self._channels.values():
            channel.news.set()

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Watch the pulse while inside."""
        tasks = [asyncio.create_task(self._watch(), name="board"), asyncio.create_task(self._end(), name="board end")]
        try:
            yield
        finally:
            self.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, *self._loading.values(), return_exceptions=True)

    async def _end(self) -> None:
        await self._stopping.wait()
        self.close()

    async def _watch(self) -> None:
        last: Hashable = None
        while True:
            if not self._channels:
                self._wanted.clear()
            await self._wanted.wait()
            begun = time.monotonic()
            try:
                pulse = await self._pulse()
                if pulse != last:
                    for view, channel in list(self._channels.items()):
                        channel.publish(await self._compute(view))
                    last = pulse
                    await asyncio.sleep(max(0.0, ROUND - (time.monotonic() - begun)))
            except Exception as error:  # noqa: BLE001 (whatever it is, the board goes on: figures come back by themselves)
                log.warning("board_round_failed", error=repr(error))
                await asyncio.sleep(ROUND)
            await asyncio.sleep(PULSE)
