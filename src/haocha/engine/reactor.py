"""Runs the handlers: a batch of events, all its effects and the checkpoint in one transaction.

The checkpoint's row is the lock: with several workers one deals with a handler's events at a time. What cannot be
appended because others were faster rolls everything back and is decided again. A poisoned event is found by taking the
batch one by one; it is parked, with the later events of its key, and the others go on.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec
import structlog
from prometheus_client import Counter

from haocha.handlers.handler import NOTHING, Effects, Handler, Notice
from haocha.store import aggregates, events, log, outbox, sql
from haocha.store.db import AWAY

SQL = sql.load(Path(__file__).with_suffix(".sql"))
HANDLED = Counter("haocha_handled_events_total", "Events a handler dealt with", ["handler", "outcome"])

SCAN = 20_000  # positions looked through in one transaction
ATTEMPTS = 10  # lost races in a row
PAUSE = 0.2  # seconds between two looks at a growing log: events gather, and the web process keeps the processor
RETRY = 1.0  # seconds after the database was away

logger = structlog.get_logger(__name__)


class Raced(Exception):
    """Another append came first: everything is to be decided again."""


class Poisoned(Exception):
    """An event of the batch cannot be dealt with, however often it is tried."""

    guilty: asyncpg.Record | None = None
    upto = 0


def is_data_error(error: asyncpg.PostgresError) -> bool:
    """Tell whether PostgreSQL refused what it was given, rather than to answer."""
    return (error.sqlstate or "").startswith(log.DATA_ERROR_CLASSES)


def checkpoint(handler: Handler) -> str:
    """Return the name of the handler's checkpoint."""
    return f"handler:{handler.name}"


def read(rows: Sequence[asyncpg.Record]) -> list[log.Recorded]:
    """Decode events; raises `Poisoned`."""
    try:
        return [
            log.Recorded(position, stream, version, topic, events.decode(topic, state, stream, version), at)
            for position, stream, version, topic, state, at in rows
        ]
    except (msgspec.MsgspecError, KeyError) as error:
        raise Poisoned(f"The event cannot be read: {error}") from error


async def decide(
    connection: asyncpg.Connection, handler: Handler, batch: Sequence[log.Recorded], cursor: str | None = None
) -> Effects:
    """Load what the handler needs and let it decide; raises `Poisoned`."""
    if not batch:
        return NOTHING
    try:
        return handler.decide(batch, await handler.load(connection, batch, cursor))
    except AWAY as error:
        if isinstance(error, asyncpg.PostgresError) and is_data_error(error):
            raise Poisoned(f"{type(error).__name__}: {error}") from error
        raise
    except Exception as error:
        raise Poisoned(f"{type(error).__name__}: {error}") from error


async def take(connection: asyncpg.Connection, handler: Handler, effects: Effects) -> None:
    """Set the timers, tell the notices, fill the outbox and append the events, last of all.

    Raises `Raced` and `Poisoned`.
    """
    if effects.timers:
        rows = [(t.id, handler.name, t.key, t.due_at, msgspec.json.encode(t.payload)) for t in effects.timers]
        await connection.executemany(SQL["set_timer"], rows)
    if effects.notices:
        await _tell(connection, effects.notices)
    if effects.outbox:
        await outbox.enqueue(connection, effects.outbox)
    groups = [log.Group(decided) for one in effects.aggregates if (decided := aggregates.new_events(one))]
    if not groups:
        return
    try:
        verdicts = await log.append(connection, groups)
    except asyncpg.PostgresError as error:
        if is_data_error(error):
            raise Poisoned(f"The log refuses the effects: {error}") from error
        raise
    for group, verdict in zip(groups, verdicts, strict=True):
        # A new stream's id is a function of its cause: where it is there already, the effect was done before.
        done_before = verdict.verdict == "exists" and group.events[0].version == 1
        if verdict.verdict != "ok" and not done_before:
            raise Raced


async def _tell(connection: asyncpg.Connection, notices: Sequence[Notice]) -> None:
    now = _now()
    rows = [
        (n.id, now, n.kind, n.ticket, n.role, n.unit, n.area, n.account, msgspec.json.encode(n.members), n.subject)
        for n in notices
    ]
    await connection.execute(SQL["tell_in_turn"])
    await connection.executemany(SQL["tell"], rows)


class Reactor:
    """All handlers of one worker, in turn."""

    def __init__(self, pool: asyncpg.Pool, handlers: Sequence[Handler]) -> None:
        """Run `handlers` on the log behind `pool`."""
        self.pool = pool
        self.handlers = handlers
        self._registered: set[str] = set()
        self._one_by_one: dict[str, int] = {}  # checkpoint → up to where a poisoned event is looked for

    async def run(self, tail: log.Tail) -> None:
        """React to the log until cancelled; where the database is away, try again."""
        while True:
            seen = tail.head
            if not any([await self._step(handler) for handler in self.handlers]):
                await tail.wait(seen)
                await asyncio.sleep(PAUSE)

    async def _step(self, handler: Handler) -> bool:
        try:
            return await self.step(handler)
        except AWAY as error:  # one handler's trouble does not keep the others waiting for long
            logger.warning("handler_interrupted", handler=handler.name, error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(RETRY)
            return False

    async def step(self, handler: Handler) -> bool:
        """Deal with the handler's next batch; say whether more may wait behind it."""
        if handler.name not in self._registered:
            await self.pool.execute(SQL["register"], checkpoint(handler))
            self._registered.add(handler.name)
        for _ in range(ATTEMPTS):
            async with self.pool.acquire() as connection:
                try:
                    async with connection.transaction():
                        return await self._batch(connection, handler)
                except Raced:
                    HANDLED.labels(handler.name, "raced").inc()
                except Poisoned as error:
                    await self._put_aside(connection, handler, error)
                    return True
        logger.warning("handler_contended", handler=handler.name, attempts=ATTEMPTS)
        return True

    async def _batch(self, connection: asyncpg.Connection, handler: Handler) -> bool:
        claimed = await connection.fetchrow(SQL["claim"], checkpoint(handler))
        if claimed is None:
            return False
        after: int = claimed["position"]
        # A batch of more effects than one transaction holds goes on where it stopped, with the same events.
        until, _, cursor = (claimed["cursor"] or "").partition(" ")
        rows, upto, head = await self._look(connection, handler, after, int(until or 0))
        if upto <= after:
            return False
        effects = NOTHING
        if rows:
            try:
                batch = await self._pass_waiting(connection, handler, read(rows))
                effects = await decide(connection, handler, batch, cursor or None)
                await take(connection, handler, effects)
            except Poisoned as error:
                error.guilty = rows[0] if len(rows) == 1 else None
                error.upto = upto
                raise
        else:
            await connection.execute("SET LOCAL synchronous_commit = off")  # nothing is lost by looking twice
        if effects.cursor is not None:
            await connection.execute(SQL["move"], checkpoint(handler), after, f"{upto} {effects.cursor}", _now())
            return True
        await connection.execute(SQL["move"], checkpoint(handler), upto, None, _now())
        HANDLED.labels(handler.name, "done").inc(len(rows))
        if upto >= self._one_by_one.get(handler.name, 0):
            self._one_by_one.pop(handler.name, None)
        return upto < head

    async def _look(
        self, connection: asyncpg.Connection, handler: Handler, after: int, until: int
    ) -> tuple[list[asyncpg.Record], int, int]:
        """Return the next rows, the position up to which they are all, and how far the handler may go."""
        head: int = await connection.fetchval(SQL["limit"], handler.follows and f"projection:{handler.follows}")
        upto = min(until or after + SCAN, head)
        if upto <= after:
            return [], upto, head
        limit = 1 if handler.name in self._one_by_one else handler.batch
        rows = await connection.fetch(SQL["events"], after, upto, handler.topics, handler.where, limit)
        return rows, rows[-1]["position"] if len(rows) == limit else upto, head

    async def _pass_waiting(
        self, connection: asyncpg.Connection, handler: Handler, batch: list[log.Recorded]
    ) -> list[log.Recorded]:
        """Park the events whose key waits behind a parked one, and return the others."""
        keys = {recorded.position: handler.key(recorded) for recorded in batch}
        waiting = dict(await connection.fetch(SQL["waiting_keys"], handler.name, list(keys.values())))
        for recorded in batch:
            if keys[recorded.position] in waiting:
                first = waiting[keys[recorded.position]]
                await park(connection, handler, recorded.position, keys[recorded.position], f"Waits behind {first}.")
        return [recorded for recorded in batch if keys[recorded.position] not in waiting]

    async def _put_aside(self, connection: asyncpg.Connection, handler: Handler, error: Poisoned) -> None:
        """Park the guilty event and go on behind it; where it is one of many, take them one by one from now on."""
        if error.guilty is None:
            self._one_by_one[handler.name] = error.upto
            return
        position: int = error.guilty["position"]
        async with connection.transaction():
            claimed = await connection.fetchrow(SQL["claim"], checkpoint(handler))
            if claimed is None or claimed["position"] >= position:
                return
            await park(connection, handler, position, _key(handler, error.guilty), str(error))
            await connection.execute(SQL["move"], checkpoint(handler), position, None, _now())
        HANDLED.labels(handler.name, "parked").inc()
        logger.error("event_parked", handler=handler.name, position=position, error=str(error))


async def park(connection: asyncpg.Connection, handler: Handler, position: int, key: str, error: str) -> None:
    """Put an event aside, or note another failure of one that is."""
    await connection.execute(SQL["park"], handler.name, position, key, error, _now())


def _key(handler: Handler, row: asyncpg.Record) -> str:
    try:
        return handler.key(read([row])[0])
    except Exception:  # noqa: BLE001 (what is poisoned may have no key either)
        return str(row["originator_id"])


def _now() -> datetime:
    return datetime.now(UTC)
