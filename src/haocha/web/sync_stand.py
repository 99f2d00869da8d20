"""How reporting stands, read at most every few seconds for all who look: page, API and `/metrics`."""

import asyncio
import contextlib
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Hashable
from datetime import datetime
from typing import Any, Final, NamedTuple, TypeVar

from litestar import Litestar, Request

from haocha.domain.account import Account, AccountRole
from haocha.domain.registry import area_prefix
from haocha.peers import Peer
from haocha.store import sync_figures
from haocha.store.sync_figures import Figures
from haocha.sync.alarms import Alarm, alarms
from haocha.web.context import Context

T = TypeVar("T")

FIGURES_SECONDS: Final = 4.0
HOURS_SECONDS: Final = 60.0
REMEMBERED: Final = 200
NOWHERE: Final = "-"
"""What no area begins with: reports know areas, so that whoever is bound to a department sees none of them."""


MAY_RESEND: Final[tuple[AccountRole, ...]] = ("supervisor", "admin")


class Stand(NamedTuple):
    """One peer: its figures and what is wrong; `peer` is None where `sync.toml` no longer names it."""

    name: str
    peer: Peer | None
    figures: Figures
    alarms: list[Alarm]


class Recent:
    """What was computed lately: those who ask for it at the same time wait for the same computation."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Hashable, tuple[float, asyncio.Task[Any]]] = OrderedDict()

    async def of(self, key: Hashable, seconds: float, compute: Callable[[], Awaitable[T]]) -> T:
        """Return what `compute` gives, or gave to somebody not more than `seconds` ago."""
        now = asyncio.get_running_loop().time()
        at, task = self._kept.get(key, (0.0, None))
        if task is None or now - at > seconds:
            task = asyncio.ensure_future(compute())
            self._kept[key] = now, task
            self._kept.move_to_end(key)
            if len(self._kept) > REMEMBERED:
                self._kept.popitem(last=False)
        try:
            kept: T = await asyncio.shield(task)
            return kept
        except Exception:
            self._kept.pop(key, None)
            raise


@contextlib.asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Keep what was read lately at `app.state.sync`."""
    app.state.sync = Recent()
    yield


def area_of(account: Account | None) -> str | None:
    """Return what the areas begin with that somebody sees reports of, None for all; a key sees all."""
    kind, _, value = account.node.partition(":") if account else ("", "", "")
    if kind == "area":
        return area_prefix(value)
    return NOWHERE if kind else None


async def stands(request: Request[Any, Any, Any], area: str | None, seconds: float = FIGURES_SECONDS) -> list[Stand]:
    """Return how each peer stands, those of `sync.toml` first and in its order."""
    context: Context = request.app.state.context
    recent: Recent = request.app.state.sync
    return await recent.of(("figures", area), seconds, lambda: _stands(context, area))


async def hours(request: Request[Any, Any, Any], peer: str, area: str | None) -> list[tuple[datetime, int]]:
    """Return how many a peer took in each of the last 24 hours."""
    context: Context = request.app.state.context
    recent: Recent = request.app.state.sync

    async def compute() -> list[tuple[datetime, int]]:
        return await sync_figures.hours(context.pool, peer, context.now(), area)

    return await recent.of(("hours", peer, area), HOURS_SECONDS, compute)


async def _stands(context: Context, area: str | None) -> list[Stand]:
    configured = {peer.name: peer for peer in context.settings.peers}
    names = await sync_figures.peers(context.pool, list(configured))
    return [
        Stand(figures.peer, peer, figures, alarms(figures) if peer else [])
        for figures in await sync_figures.read(context.pool, names, context.now(), area)
        for peer in [configured.get(figures.peer)]
    ]
