"""The log: append, group commit, read, tail.

`log.append()` (migrations/0001_log.sql) is the only way in. Handlers call `append` inside their own transaction;
everything else goes through the `Batcher`: while one commit is in flight the next batch gathers, so a commit is one
fsync for many.
"""

import asyncio
import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self
from uuid import UUID

import asyncpg
import structlog

from haocha.store import events, sql
from haocha.store.db import AWAY

SQL = sql.load(Path(__file__).with_suffix(".sql")).named("query")

LARGEST_BATCH = 1_000
LULL = 0.02  # seconds: a busy log is not looked at for every commit
# Data exceptions, integrity violations and program limits: the input is at fault, not the database.
DATA_ERROR_CLASSES = ("22", "23", "54")

logger = structlog.get_logger(__name__)


class NewEvent(NamedTuple):
    """An event on its way in; `state` is JSON."""

    originator_id: UUID
    version: int
    topic: str
    state: bytes


class Identity(NamedTuple):
    """A sealed identity for the vault; `person` is the blind index that finds all of one person's."""

    subject: UUID
    sealed: bytes
    key_no: int
    person: bytes | None


class Text(NamedTuple):
    """A free text; erased with its subject."""

    id: UUID
    subject: UUID
    body: str


class Group(NamedTuple):
    """Events that are taken together or not at all, with the personal data that belong to them."""

    events: tuple[NewEvent, ...]
    identities: tuple[Identity, ...] = ()
    texts: tuple[Text, ...] = ()


class Verdict(NamedTuple):
    """What became of a group; `position` is that of its last event where the verdict is `ok`, else 0."""

    verdict: Literal["ok", "exists", "doubled", "stale", "poisoned"]
    position: int = 0
    recorded_at: datetime | None = None


class Recorded(NamedTuple):
    """An event as it stands in the log."""

    position: int
    originator_id: UUID
    originator_version: int
    topic: str
    event: Any
    recorded_at: datetime


class QueueFull(Exception):
    """The batcher holds as many groups as it may: ask again in a second."""


class Unavailable(Exception):
    """The database did not answer; whether the group is in is unknown, and sending it again is safe."""


async def append(connection: asyncpg.Connection | asyncpg.Pool, groups: Sequence[Group]) -> list[Verdict]:
    """Append `groups` in one statement and return a verdict for each, in order."""
    flat = [(index, event) for index, group in enumerate(groups) for event in group.events]
    identities = [(index, identity) for index, group in enumerate(groups) for identity in group.identities]
    texts = [(index, text) for index, group in enumerate(groups) for text in group.texts]
    rows = await connection.fetch(
        SQL["append"],
        [event.originator_id for _, event in flat],
        [event.version for _, event in flat],
        [event.topic for _, event in flat],
        [event.state for _, event in flat],
        [index for index, _ in flat],
        [index for index, _ in identities],
        [identity.subject for _, identity in identities],
        [identity.sealed for _, identity in identities],
        [identity.key_no for _, identity in identities],
        [identity.person for _, identity in identities],
        [index for index, _ in texts],
        [text.id for _, text in texts],
        [text.subject for _, text in texts],
        [text.body for _, text in texts],
    )
    verdicts: dict[int, Verdict] = {grp: Verdict(verdict, last or 0, at) for grp, verdict, last, at in rows}
    return [verdicts[index] for index in range(len(groups))]


class Batcher:
    """Group commit with a bounded queue: an answer is given only after COMMIT."""

    def __init__(self, pool: asyncpg.Pool, limit: int, observe: Callable[[int], None] = lambda _size: None) -> None:
        """Take at most `limit` waiting groups; `observe` hears how many groups each commit held."""
        self._pool = pool
        self._limit = limit
        self._waiting: deque[tuple[Group, asyncio.Future[Verdict]]] = deque()
        self._wake = asyncio.Event()
        self._closing = False
        self._observe = observe

    async def __aenter__(self) -> Self:
        """Start taking groups."""
        self._connection: Any = None
        self._task = asyncio.create_task(self._run(), name="batcher")
        return self

    async def __aexit__(self, *_: object) -> None:
        """Commit what waits, then stop."""
        self._closing = True
        self._wake.set()
        await self._task
        await self._release()

    @property
    def depth(self) -> int:
        """How many groups wait."""
        return len(self._waiting)

    def submit(self, group: Group) -> "asyncio.Future[Verdict]":
        """Queue `group`; raises `QueueFull`."""
        if self._closing or len(self._waiting) >= self._limit:
            raise QueueFull
        done: asyncio.Future[Verdict] = asyncio.get_running_loop().create_future()
        self._waiting.append((group, done))
        self._wake.set()
        return done

    async def append(self, group: Group) -> Verdict:
        """Append `group` and return its verdict after COMMIT; raises `QueueFull`, `Unavailable`."""
        return await self.submit(group)

    async def _run(self) -> None:
        while not (self._closing and not self._waiting):
            await self._wake.wait()
            self._wake.clear()
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(len(self._waiting), LARGEST_BATCH))]
                await self._commit(batch)

    async def _commit(self, batch: list[tuple[Group, "asyncio.Future[Verdict]"]]) -> None:
        """Commit one batch; halve it on a data error until the guilty group stands alone."""
        try:
            if self._connection is None:
                self._connection = await self._pool.acquire()
            verdicts = await append(self._connection, [group for group, _ in batch])
        except asyncpg.PostgresError as error:
            if not (error.sqlstate or "").startswith(DATA_ERROR_CLASSES):
                await self._fail(batch, error)
            elif len(batch) == 1:
                logger.warning("group_poisoned", sqlstate=error.sqlstate, topic=batch[0][0].events[0].topic)
                _answer(batch[0][1], Verdict("poisoned"))
            else:
                middle = len(batch) // 2
                await self._commit(batch[:middle])
                await self._commit(batch[middle:])
        except Exception as error:  # noqa: BLE001 (the batches behind this one must not wait for ever)
            await self._fail(batch, error)
        else:
            self._observe(len(batch))
            again = []
            for item, verdict in zip(batch, verdicts, strict=True):
                if verdict.verdict == "doubled":
                    again.append(item)
                else:
                    _answer(item[1], verdict)
            self._waiting.extendleft(reversed(again))

    async def _release(self) -> None:
        """Give the connection back; it is kept from one commit to the next, a pool would reset it each time."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(*AWAY):
                await self._pool.release(connection)

    async def _fail(self, batch: list[tuple[Group, "asyncio.Future[Verdict]"]], error: Exception) -> None:
        logger.error("append_failed", error=type(error).__name__, groups=len(batch))
        for _, done in batch:
            if not done.done():
                done.set_exception(Unavailable())
        await self._release()


def _answer(done: "asyncio.Future[Verdict]", verdict: Verdict) -> None:
    if not done.done():  # the client went away while we committed
        done.set_result(verdict)


async def latest_seal(connection: asyncpg.Connection | asyncpg.Pool) -> tuple[int, datetime, bytes]:
    """Return `(position, recorded_at, seal)` of the last commit."""
    row = await connection.fetchrow(SQL["last"])
    return row["upto"], row["recorded_at"], row["seal"]


async def head(connection: asyncpg.Connection | asyncpg.Pool) -> int:
    """Return the position of the last event, 0 for an empty log."""
    position, *_ = await latest_seal(connection)
    return position


async def read_streams(
    connection: asyncpg.Connection | asyncpg.Pool, originator_ids: Sequence[UUID]
) -> dict[UUID, list[Recorded]]:
    """Read several streams at once, each in version order; unknown ones are missing."""
    streams: dict[UUID, list[Recorded]] = {}
    for position, stream, version, topic, state, at in await connection.fetch(SQL["streams"], originator_ids):
        event = events.decode(topic, state, stream, version)
        streams.setdefault(stream, []).append(Recorded(position, stream, version, topic, event, at))
    return streams


async def read_stream(connection: asyncpg.Connection | asyncpg.Pool, originator_id: UUID) -> list[Recorded]:
    """Read one stream in version order; an unknown one is empty."""
    return (await read_streams(connection, [originator_id])).get(originator_id, [])


class Tail:
    """Wakes its waiters when the log has grown: LISTEN where it works, a look every second in any case."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Watch the log behind `pool`."""
        self._pool = pool
        self._grown = asyncio.Condition()
        self.head = 0

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Self]:
        """Watch until the block ends."""
        task = asyncio.create_task(self._run(), name="tail")
        try:
            yield self
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def wait(self, position: int, timeout: float = 1.0) -> int:
        """Return the head once it is beyond `position`, or after `timeout` seconds whatever it is."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout), self._grown:
                await self._grown.wait_for(lambda: self.head > position)
        return self.head

    async def _run(self) -> None:
        while True:
            try:
                async with self._pool.acquire() as connection:
                    await self._follow(connection)
            except AWAY as error:
                logger.warning("tail_lost", error=type(error).__name__)
                await asyncio.sleep(0.5)

    async def _follow(self, connection: Any) -> None:
        notified = asyncio.Event()

        def notify(*_: object) -> None:
            notified.set()

        await connection.add_listener("log", notify)
        try:
            while True:
                notified.clear()
                now = await head(connection)
                if now != self.head:
                    async with self._grown:
                        self.head = now
                        self._grown.notify_all()
                await asyncio.sleep(LULL)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(1.0):
                        await notified.wait()
        finally:
            with contextlib.suppress(*AWAY):  # raised here it would take the place of a cancellation
                await connection.remove_listener("log", notify)
