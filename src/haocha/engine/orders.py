"""Pulls what a haocha above us sends down (下发), for peers whose option `pull` is true, page by page.

The page is in our log before the position moves on, and every item is known the second time: whatever stops this, the
next one goes on where it was. An item that cannot be taken is told to the operator and left behind; the others go on.
"""

import asyncio
import random
from datetime import UTC, datetime
from typing import Annotated, Final, NoReturn

import asyncpg
import httpx
import msgspec
import structlog
from msgspec import Meta

from haocha.engine.pace import pause
from haocha.peers import Peer
from haocha.settings import Settings
from haocha.store import install as installs
from haocha.store import log, pulls
from haocha.store import registry as registry_store
from haocha.store.db import AWAY
from haocha.store.log import Batcher
from haocha.store.vault import Vault
from haocha.sync import signing
from haocha.sync.wire import client_of
from haocha.web import order_intake
from haocha.web.order_facts import Desk

ORDERS: Final = "/v1/sync/orders"
DIALECT: Final = "haocha"
PAGE: Final = 200
QUEUE: Final = 2 * PAGE
EVERY: Final = 5.0  # seconds between two looks where nothing new is there
OK: Final = 200
AHEAD: Final = 409
"""Our position is beyond the end of their log."""
LONGEST_NAME: Final = 100
KNOWN: Final = frozenset({200, 201, 409})

logger = structlog.get_logger(__name__)


class _Page(msgspec.Struct):
    """What the haocha above answers."""

    position: int
    more: bool
    items: list[msgspec.Raw]


class _Named(msgspec.Struct):
    """What an item is called by; '' where it is not, or not as an item is."""

    type: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""
    id: Annotated[str, Meta(max_length=LONGEST_NAME)] = ""


_page = msgspec.json.Decoder(_Page)


class Refused(Exception):
    """The haocha above answered something else than a page of orders."""


class Restored(Exception):
    """The haocha above was restored from a backup: positions that we have passed are given again there."""


async def run(pool: asyncpg.Pool, settings: Settings, peer: Peer) -> None:
    """Pull the orders of `peer` until cancelled; nothing is to be done where it is no haocha that lets us pull."""
    if peer.dialect == DIALECT and peer.option("pull", default=False):
        await Puller(pool, settings, peer).run()


class Puller:
    """The orders of one peer."""

    def __init__(self, pool: asyncpg.Pool, settings: Settings, peer: Peer) -> None:
        """Pull as the member that `peer` knows us as, with the key that it gave us."""
        self.pool, self.peer = pool, peer
        self._vault = Vault(settings.keys)
        self._digest_key = settings.keys.derive("digest")
        self._member: str = peer.option("member", "")
        self._secret = peer.secret("key").encode()
        self._every: float = float(peer.option("pull_seconds", EVERY))

    async def run(self) -> NoReturn:
        """Pull until cancelled; what fails is tried again later and later."""
        failures = 0
        async with (
            client_of(self.peer) as client,
            Batcher(self.pool, QUEUE) as batcher,
        ):
            desk: Desk | None = None
            while True:
                try:
                    desk = desk or await self._desk()
                    more = await self.step(client, batcher, desk)
                    failures = 0
                    if not more:
                        await asyncio.sleep(self._every)
                except (httpx.HTTPError, Refused, log.QueueFull, log.Unavailable, *AWAY) as error:
                    failures += 1
                    said = str(error) if isinstance(error, Refused) else type(error).__name__
                    logger.warning("orders_not_pulled", peer=self.peer.name, error=said, failures=failures)
                    await asyncio.sleep(pause(failures, random.random()).total_seconds())  # noqa: S311 (spreads)

    async def _desk(self) -> Desk:
        install = await installs.load(self.pool)
        return Desk(install.namespace, await registry_store.load(self.pool), self._vault, self._digest_key)

    async def step(self, client: httpx.AsyncClient, batcher: Batcher, desk: Desk) -> bool:
        """Pull one page into the log; say whether there is more. Raises `Refused` and the network's errors."""
        after = await pulls.position(self.pool, self.peer.name)
        try:
            page = await self._fetch(client, after)
        except Restored:
            logger.warning("orders_from_the_beginning", peer=self.peer.name, after=after)
            await pulls.restart(self.pool, self.peer.name, datetime.now(UTC))
            return True
        if page.items:
            await registry_store.catch_up(desk.registry, self.pool, await log.head(self.pool))
            now = datetime.now(UTC)
            taken = await order_intake.take(
                desk, batcher, self.pool, self.peer, page.items, secret=self._secret, received=now
            )
            for item, one in zip(page.items, taken, strict=True):
                if one.status not in KNOWN or one.faults:
                    self._complain(item, one)
        if page.position > after:
            await pulls.move(self.pool, self.peer.name, page.position, datetime.now(UTC))
        return page.more

    async def _fetch(self, client: httpx.AsyncClient, after: int) -> _Page:
        target = f"{ORDERS}?after={after}&limit={PAGE}"
        headers = {signing.PEER: self._member, **signing.sign(self._secret, "GET", target, b"", datetime.now(UTC))}
        async with asyncio.timeout(self.peer.timeout):  # as a whole: an answer may come drop by drop
            answer = await client.get(self.peer.url + target, headers=headers)
        if answer.status_code == AHEAD and after:
            raise Restored
        if answer.status_code != OK:
            raise Refused(f"status {answer.status_code}")
        try:
            return _page.decode(answer.content)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            raise Refused("the answer is no page of orders") from None

    def _complain(self, item: msgspec.Raw, one: order_intake.Taken) -> None:
        """Tell the operator what was not taken, by its type and id, and why; nothing of what it says."""
        try:
            said = msgspec.json.decode(item, type=_Named)
        except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
            said = _Named()
        faults = [f"{fault.pointer} {fault.code}" for fault in one.faults]
        logger.error("order_not_taken", peer=self.peer.name, type=said.type, id=said.id, faults=faults)
