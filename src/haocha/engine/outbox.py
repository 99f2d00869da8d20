"""Delivers the outbox to one peer: in the order of each case, several cases at once, again until it is answered.

One sender per peer at a time: it holds a lock in the database as long as its connection lives. What is on its way is
kept in memory only; a sender that dies leaves rows that wait, and the next one sends them again: the platform knows
them by their natural key, and `duplicate` is as good as `accepted`. A platform's words may end a row as dead, silence
never does.
"""

import asyncio
import math
import random
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, NoReturn, assert_never

import asyncpg
import httpx
import structlog

from haocha.engine.backlog import Backlog
from haocha.engine.pace import LONGEST_PAUSE, Breaker, Bucket, pause
from haocha.engine.reactor import RETRY
from haocha.store import outbox, sql
from haocha.store.db import AWAY
from haocha.store.outbox import Row, Settled
from haocha.sync import contents
from haocha.sync.contents import Reader
from haocha.sync.dialect import Dialect, Expired, Item, Outcome, Unavailable
from haocha.sync.said import LONGEST_CODE, LONGEST_RECEIPT, kept, scrub
from haocha.sync.wire import client_of

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")

PAGE: Final = 2_000
"""Rows read at a time."""
FRESH_PAGE: Final = 250
FRESH_LOOK: Final = 0.5  # seconds between two looks at what has just come, while others wait
MOST: Final = 10_000
"""Rows in hand, those put off included."""
PUT_OFF: Final = MOST // 2
"""Rows in hand up to which those put off are kept; others are found again in the table when their time has come."""
LEAST: Final = 100
"""Rows that are read together, even where a call holds one."""
SETTLE: Final = 0.5
"""Seconds after which what was answered is written, though more of the rows that were read are still to be sent."""
LOOK: Final = 0.2  # seconds between two looks where nothing waits
BEAT: Final = 5.0  # seconds between two signs of life
GIVE_UP: Final = 60.0  # seconds between two looks at what waits for a service record
TURN: Final = 2.0  # seconds between two attempts to become the sender
SILENCE: Final = (Unavailable, httpx.HTTPError, httpx.InvalidURL, OSError)
"""What stands for an answer that did not come; a TimeoutError is an OSError."""

logger = structlog.get_logger(__name__)


class Sender:
    """The deliveries to one peer."""

    def __init__(
        self, pool: asyncpg.Pool, dialect: Dialect, reader: Reader, chance: Callable[[], float] = random.random
    ) -> None:
        """Send through `dialect` what `reader` reads."""
        self.pool, self.dialect, self.reader = pool, dialect, reader
        self.peer = dialect.peer
        self.backlog, self.bucket = Backlog(), Bucket(self.peer.rate)
        self.breakers: dict[str, Breaker] = {}
        self.answered_at: datetime | None = None
        self._chance = chance
        self._wake = asyncio.Event()
        self._after = 0

    async def run(self) -> NoReturn:
        """Deliver until cancelled; where the database is away or another sender is at work, wait."""
        while True:
            try:
                async with client_of(self.peer) as client, self.pool.acquire() as connection:
                    if await connection.fetchval(SQL["become"], self.peer.name):
                        await self._serve(client, connection)
                await asyncio.sleep(TURN)
            except* AWAY as errors:
                logger.warning("sender_interrupted", peer=self.peer.name, error=type(errors.exceptions[0]).__name__)
                await asyncio.sleep(RETRY)

    async def _serve(self, client: httpx.AsyncClient, connection: asyncpg.Connection) -> None:
        """Be the sender as long as the lock's connection lives."""
        self.backlog, self._after = Backlog(), 0
        logger.info("sender_started", peer=self.peer.name)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._beat(connection), name=f"{self.peer.name}: beat")
                group.create_task(self._give_up(), name=f"{self.peer.name}: give up")
                group.create_task(self._fill(), name=f"{self.peer.name}: fill")
                for lane in range(self.peer.concurrency):
                    group.create_task(self._lane(client), name=f"{self.peer.name}: lane {lane}")
        finally:
            if not connection.is_closed():
                await connection.execute(SQL["resign"], self.peer.name)

    async def _beat(self, connection: asyncpg.Connection) -> NoReturn:
        """Say how it is, on the lock's connection: where that is lost, somebody else may be the sender."""
        while True:
            now = datetime.now(UTC)
            worst = max(self.breakers.values(), key=lambda breaker: breaker.failures, default=self._breaker())
            await connection.execute(
                SQL["beat"],
                self.peer.name,
                self.dialect.name,
                self.dialect.version,
                self.peer.rate,
                now,
                self.answered_at,
                worst.open_until,
                worst.failures,
                worst.error,
            )
            await asyncio.sleep(BEAT)

    async def _give_up(self) -> NoReturn:
        """Give up waiting for service records that do not come, now and then: all that is held is looked through."""
        while True:
            now = datetime.now(UTC)
            async with self.pool.acquire() as connection:
                await outbox.give_up_waiting(connection, self.peer.name, now - self.peer.wait, now)
            await asyncio.sleep(GIVE_UP)

    async def _fill(self) -> NoReturn:
        """Keep rows in hand: page by page from the oldest, and while many wait, some of the newest."""
        looked = time.monotonic()
        while True:
            now = datetime.now(UTC)
            self.backlog.ripen(now)
            idle = True
            if len(self.backlog) < self.low and self.backlog.in_hand < MOST:
                idle = not await self.fill(now)
            elif time.monotonic() - looked > FRESH_LOOK:
                looked = time.monotonic()
                await self.freshen(now)
            if len(self.backlog):
                self._wake.set()
            if idle:
                await asyncio.sleep(LOOK)

    async def fill(self, now: datetime) -> bool:
        """Read a page; say whether there is more behind it."""
        async with self.pool.acquire() as connection:
            self.backlog.look()
            rows = await outbox.oldest(connection, self.peer.name, self._after, now, PAGE)
            self.backlog.add(rows)
            full = len(rows) == PAGE
            self._after = rows[-1].position if full else 0
        return full

    async def freshen(self, now: datetime) -> None:
        """Read what has just come, unless enough of that is in hand."""
        if self.backlog.fresh < FRESH_PAGE and self.backlog.in_hand < MOST:
            async with self.pool.acquire() as connection:
                self.backlog.look()
                rows = await outbox.newest(connection, self.peer.name, now, FRESH_PAGE)
                self.backlog.add(rows, fresh=True)

    async def _lane(self, client: httpx.AsyncClient) -> NoReturn:
        while True:
            rows = self.backlog.take(self.size)
            if rows:
                await asyncio.sleep(self.bucket.wait(len(rows)))
                await self.deliver(client, rows)
            else:
                await self._rest()

    async def _rest(self) -> None:
        try:
            async with asyncio.timeout(LOOK):
                await self._wake.wait()
        except TimeoutError:
            pass
        self._wake.clear()

    @property
    def low(self) -> int:
        """Rows in hand below which more are read: a second's, as what comes behind them is not taken before them."""
        return min(PAGE // 2, max(self.size, math.ceil(self.peer.rate)))

    @property
    def size(self) -> int:
        """Rows that are read, sent and settled together; at a low rate one call's or a second's."""
        together = max(LEAST, 4 * self.peer.batch, self.dialect.usual)
        return min(together, max(self.peer.batch, self.dialect.usual, math.ceil(self.peer.rate)))

    async def deliver(self, client: httpx.AsyncClient, rows: Sequence[Row]) -> None:
        """Send rows of different cases and write what became of each."""
        by_position = {row.position: row for row in rows}
        readable, settled = await self._read(rows)
        now, written = datetime.now(UTC), time.monotonic()
        wanted = []
        for item in readable:
            outcome = self._checked(item, now)
            if outcome is None:
                wanted.append(item)
            else:
                settled.append(self._settled(item, by_position[item.position], outcome, now))
        async for item, outcome in self._send(client, wanted):
            settled.append(self._settled(item, by_position[item.position], outcome, datetime.now(UTC)))
            if time.monotonic() - written > SETTLE:
                await self._settle(by_position, settled)
                settled, written = [], time.monotonic()
        await self._settle(by_position, settled)
        self._put_back([(item, by_position[item.position]) for item in wanted if item.position in by_position])

    async def _read(self, rows: Sequence[Row]) -> tuple[list[Item], list[Settled]]:
        """Read what the rows stand for; what cannot be read is dead, and harms no other."""
        try:
            return await contents.load(self.pool, self.reader, rows, services=self.dialect.with_service), []
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 (one that cannot be read must not hold up the others)
            if len(rows) == 1:
                name = type(error).__name__
                logger.error("item_unreadable", peer=self.peer.name, position=rows[0].position, error=name)  # noqa: TRY400
                words = f"内容无法读取: {name}"
                return [], [Settled(rows[0].position, "dead", datetime.now(UTC), code="unreadable", words=words)]
        items, dead = [], []
        for row in rows:
            one, none = await self._read([row])
            items += one
            dead += none
        return items, dead

    def _checked(self, item: Item, now: datetime) -> Outcome | None:
        """Say why an item need not be sent; one that the dialect cannot write is dead, and harms no other."""
        if item.kind not in self.dialect.kinds:
            return Outcome("invalid", "no_operation", "平台的接口没有这一类内容")  # of the dialect before this one
        try:
            return self.dialect.check(item, now)
        except Exception as error:  # noqa: BLE001 (one that cannot be written must not hold up the others)
            name = type(error).__name__
            logger.error("item_unwritable", peer=self.peer.name, position=item.position, error=name)  # noqa: TRY400
            return Outcome("invalid", "unwritable", f"内容无法按平台的接口写出: {name}")

    async def _send(self, client: httpx.AsyncClient, items: Sequence[Item]) -> AsyncIterator[tuple[Item, Outcome]]:
        """Send items call by call; after one that nobody answered the others of its endpoint are not tried."""
        in_vain: set[str] = set()
        for operation, call in self._calls(items):
            breaker = self.breakers.setdefault(operation, self._breaker())
            if operation in in_vain or not breaker.may_call(datetime.now(UTC)):
                continue
            answered = 0
            try:
                async for pair in self._call(client, operation, call):
                    answered += 1
                    yield pair
            except SILENCE as error:
                # Only our own words: a library's may hold an address with what the platform wants in it.
                words = str(error) if isinstance(error, Unavailable) and str(error) else type(error).__name__
                breaker.failed(scrub(words, {}), datetime.now(UTC), self._chance())
                in_vain.add(operation)
                for item in call[answered:]:
                    yield item, Outcome("unavailable", words=words)

    def _breaker(self) -> Breaker:
        return Breaker(timedelta(seconds=self.peer.timeout))

    def _put_back(self, untried: Sequence[tuple[Item, Row]]) -> None:
        """Put rows back that were not tried; those of an endpoint that is left alone until it is tried again."""
        now = datetime.now(UTC)
        for item, row in untried:
            breaker = self.breakers.get(self.dialect.operation(item))  # None: the clock made it another operation
            until = breaker.open_until if breaker else None
            if until is not None and until > now:
                self.backlog.later(row, until)
            else:
                self.backlog.back([row])

    def _calls(self, items: Sequence[Item]) -> Iterator[tuple[str, Sequence[Item]]]:
        by_operation: dict[str, list[Item]] = {}
        for item in items:
            by_operation.setdefault(self.dialect.operation(item), []).append(item)
        for operation, group in by_operation.items():
            most = self.dialect.limit(operation)
            for start in range(0, len(group), most):
                yield operation, group[start : start + most]

    async def _call(
        self, client: httpx.AsyncClient, operation: str, items: Sequence[Item]
    ) -> AsyncIterator[tuple[Item, Outcome]]:
        """Make one call; one that is refused as a whole is made again in halves, until the guilty item stands alone."""
        why = "refused without a reason"
        try:
            outcomes = await self._answer(client, operation, items)
        except SILENCE:
            raise
        except Exception as error:  # noqa: BLE001 (whatever a platform answers, it stops neither this peer nor others)
            why = type(error).__name__
            logger.error("answer_unreadable", peer=self.peer.name, operation=operation, error=why)  # noqa: TRY400
            outcomes = []
        if len(outcomes) == len(items):
            for pair in zip(items, outcomes, strict=True):
                yield pair
            return
        if len(items) == 1:
            raise Unavailable(why)
        middle = len(items) // 2
        for half in (items[:middle], items[middle:]):
            async for pair in self._call(client, operation, half):
                yield pair

    async def _answer(self, client: httpx.AsyncClient, operation: str, items: Sequence[Item]) -> list[Outcome]:
        """Make one call, with a new token where the old one is no longer taken."""
        for last in (False, True):
            try:
                async with asyncio.timeout(self.peer.timeout):
                    outcomes = await self.dialect.send(client, operation, items, datetime.now(UTC))
            except Expired:
                if last:
                    raise Unavailable from None
                async with asyncio.timeout(self.peer.timeout):
                    await self.dialect.renew(client)
            else:
                break
        self.breakers.setdefault(operation, self._breaker()).answered()
        self.answered_at = datetime.now(UTC)
        return outcomes

    def _settled(self, item: Item, row: Row, outcome: Outcome, now: datetime) -> Settled:
        """Return what is written of an item; `held` where the platform misses what it needs."""
        state, again = "accepted", now
        match outcome.verdict:
            case "accepted" | "duplicate":
                pass
            case "noService":
                state = "held"
            case "invalid":
                state = "dead"
            case "notReportable":
                state = "notReportable"
            case "unavailable":
                state = "waiting"
                again = now + pause(row.attempts + 1, self._chance(), LONGEST_PAUSE)
            case _:
                assert_never(outcome.verdict)
        return Settled(
            item.position,
            state,
            again,
            outcome.verdict == "duplicate",
            outcome.adjusted,
            kept(outcome.receipt, LONGEST_RECEIPT),
            kept(outcome.code, LONGEST_CODE),
            scrub(outcome.words, item.values),
        )

    async def _settle(self, rows: dict[int, Row], settled: list[Settled]) -> None:
        """Write what became of some of `rows`, take them out of it, and go on with their cases."""
        now = datetime.now(UTC)
        async with self.pool.acquire() as connection:
            final = [one for one in settled if one.state != "held"]
            missing = [one for one in settled if one.state == "held"]
            final += [
                one._replace(state="dead")  # there is nothing that could be sent before it
                for one in missing
                if not await outbox.hold_again(connection, self.peer.name, one, now)
            ]
            if final:
                await outbox.settle(connection, self.peer.name, final, now)
            ended = [rows.pop(one.position) for one in settled if one.state != "waiting"]
            for one in settled:
                if one.state == "waiting" and self.backlog.in_hand <= PUT_OFF:
                    row = rows.pop(one.position)
                    self.backlog.later(row._replace(attempts=row.attempts + 1), one.next_at)
                elif one.state == "waiting":
                    self.backlog.settle([rows.pop(one.position)])
            lanes = [row.lane for row in ended]
            following = await outbox.following(connection, self.peer.name, lanes, now) if lanes else []
        self.backlog.settle(ended)
        self.backlog.add(following)
