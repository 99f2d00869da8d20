"""Lists of tickets kept current: one look a second at what changed, for all who follow, and what they then see shared.

Who follows is woken only by tickets that may be his, and what was computed at one position of the log serves all who
see the same: a hundred handlers of one department cost what one does.
"""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable, Iterable
from pathlib import Path
from typing import Final

import asyncpg
import structlog

from haocha.store import sql
from haocha.web.live import HEARTBEAT, STREAMS, Crowded
from haocha.web.scopes import Scope

LOOK: Final = 1.0  # seconds between two looks
REMEMBERED: Final = 500
SQL: Final = sql.load(Path(__file__).parent / "desk.sql").named("query")

logger = structlog.get_logger(__name__)


def touches(scope: Scope, area: str, units: Iterable[str]) -> bool:
    """Say whether a ticket in `area` that `units` have had may be in somebody's lists."""
    if scope.area is not None:
        return area.startswith(scope.area)
    return scope.units is None or not set(units).isdisjoint(scope.units)


class Desk:
    """Watches the read model of tickets while anybody follows."""

    def __init__(self, pool: asyncpg.Pool, stopping: asyncio.Event) -> None:
        """Take what to ask, and what says that all streams end."""
        self._pool = pool
        self._stopping = stopping
        self._followers: dict[asyncio.Event, Scope] = {}
        self._wanted = asyncio.Event()
        self._position: int | None = None
        self._closed = False
        self._shared: OrderedDict[Hashable, tuple[int | None, asyncio.Task[bytes]]] = OrderedDict()

    async def follow(self, scope: Scope) -> AsyncIterator[bool]:
        """Yield true at once and whenever something in `scope` may have changed, false now and then in between."""
        if len(self._followers) >= STREAMS:
            raise Crowded
        news = asyncio.Event()
        self._followers[news] = scope
        self._wanted.set()
        try:
            yield True
            while not self._closed:
                try:
                    await asyncio.wait_for(news.wait(), HEARTBEAT)
                except TimeoutError:
                    yield False
                    continue
                news.clear()
                if not self._closed:
                    yield True
        finally:
            del self._followers[news]

    async def share(self, key: Hashable, compute: Callable[[], Awaitable[bytes]]) -> bytes:
        """Return what `compute` gives, once for all who ask by the same key while nothing changes."""
        position, task = self._shared.get(key, (None, None))
        if task is None or position != self._position or self._position is None:
            task = asyncio.ensure_future(compute())
            self._shared[key] = self._position, task
            self._shared.move_to_end(key)
            if len(self._shared) > REMEMBERED:
                self._shared.popitem(last=False)
        try:
            return await asyncio.shield(task)
        except Exception:
            self._shared.pop(key, None)
            raise

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look while inside."""
        tasks = [asyncio.create_task(self._watch(), name="desk"), asyncio.create_task(self._end(), name="desk end")]
        try:
            yield
        finally:
            self._close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def _close(self) -> None:
        self._closed = True
        for news in self._followers:
            news.set()

    async def _end(self) -> None:
        await self._stopping.wait()
        self._close()

    async def _watch(self) -> None:
        while True:
            if not self._followers:
                self._wanted.clear()
                self._position = None
            await self._wanted.wait()
            try:
                await self._look()
            except Exception as error:  # noqa: BLE001 (whatever it is, the lists go on: it comes back by itself)
                logger.warning("desk_not_looked_at", error=repr(error))
            await asyncio.sleep(LOOK)

    async def _look(self) -> None:
        """Wake those whose tickets changed since the last look; all of them at the first."""
        known = self._position
        rows = await self._pool.fetch(SQL["changed"], 2**62 if known is None else known)
        if not rows:
            return
        self._position = rows[0]["position"]
        for news, scope in self._followers.items():
            if known is None or any(row["id"] and touches(scope, row["area"], row["handled"]) for row in rows):
                news.set()
