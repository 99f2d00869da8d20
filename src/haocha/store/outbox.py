"""The outbox (migrations/0013_sync.sql): rows come in with the handler's transaction, and are settled by the sender."""

from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from haocha.store import sql

SQL = sql.load(Path(__file__).with_suffix(".sql")).named("query")
DOUBTS = 3
"""Times that what a row needs goes out again, because the platform misses what it has accepted."""


class Entry(NamedTuple):
    """A row on its way in; `state` is waiting, held, local or notReportable."""

    peer: str
    position: int
    kind: str
    key: str
    needs: str | None
    lane: str
    stream: UUID
    version: int
    area: str
    pf: str
    level: int
    day: date
    recorded_at: datetime
    state: str


class Row(NamedTuple):
    """A row that waits to be sent."""

    position: int
    kind: str
    key: str
    lane: str
    stream: UUID
    version: int
    recorded_at: datetime
    attempts: int
    next_at: datetime


class Settled(NamedTuple):
    """What became of a row; `next_at` matters where it goes on waiting."""

    position: int
    state: str
    next_at: datetime
    duplicate: bool = False
    adjusted: bool = False
    receipt: str = ""
    code: str = ""
    words: str = ""


async def enqueue(connection: asyncpg.Connection, entries: Sequence[Entry]) -> None:
    """Add rows of one peer, once each, in the caller's transaction; what needs something not accepted yet is held."""
    await in_turn(connection, entries[0].peer)
    await connection.execute(SQL["enqueue"], *(list(column) for column in zip(*entries, strict=True)))
    keys = [(entry.peer, entry.key) for entry in entries if entry.state == "local"]
    if keys:
        await connection.execute(SQL["release"], [peer for peer, _ in keys], [key for _, key in keys])


async def oldest(connection: asyncpg.Connection, peer: str, after: int, now: datetime, limit: int) -> list[Row]:
    """Return what waits behind position `after`, the first of each case only, oldest first."""
    return _rows(await connection.fetch(SQL["oldest"], peer, after, now, limit))


async def newest(connection: asyncpg.Connection, peer: str, now: datetime, limit: int) -> list[Row]:
    """Return what waits, the first of each case only, newest first."""
    return _rows(await connection.fetch(SQL["newest"], peer, now, limit))


async def following(connection: asyncpg.Connection, peer: str, lanes: Sequence[str], now: datetime) -> list[Row]:
    """Return what now waits first in each of these cases."""
    return _rows(await connection.fetch(SQL["following"], peer, list(lanes), now))


async def in_turn(connection: asyncpg.Connection, peer: str) -> None:
    """Wait until no other transaction changes the peer's rows; every writer begins with this."""
    await connection.execute(SQL["in_turn"], peer)


async def settle(connection: asyncpg.Connection, peer: str, settled: Sequence[Settled], now: datetime) -> None:
    """Write what became of rows of different cases, and let go on what waited for those that were accepted.

    Nothing is lost when this is: the platform then hears of it twice, and knows it already.
    """
    async with connection.transaction():
        await connection.execute("SET LOCAL synchronous_commit = off")
        await in_turn(connection, peer)
        keys = await connection.fetch(SQL["settle"], peer, *(list(c) for c in zip(*settled, strict=True)), now)
        done = [row["key"] for row in keys if row["state"] == "accepted"]
        if done:
            await connection.execute(SQL["release"], [peer] * len(done), done)
        formless = [row["key"] for row in keys if row["state"] == "notReportable"]
        if formless:
            await connection.execute(SQL["with_it"], peer, formless, now)


async def hold_again(connection: asyncpg.Connection, peer: str, missing: Settled, now: datetime) -> bool:
    """Send once more what a row needs, and hold the row meanwhile; false where nothing is sent, or was often enough."""
    async with connection.transaction():
        await in_turn(connection, peer)
        again = await connection.fetchval(SQL["needed_again"], peer, missing.position, now, DOUBTS)
        if again is None:
            return False
        await connection.execute(SQL["hold_again"], peer, missing.position, now, missing.code, missing.words)
        return True


async def give_up_waiting(connection: asyncpg.Connection, peer: str, before: datetime, now: datetime) -> None:
    """Put what was recorded before `before` and still waits for its service record into the state `noService`."""
    async with connection.transaction():
        await in_turn(connection, peer)
        await connection.execute(SQL["give_up_waiting"], peer, before, now)


def _rows(rows: Sequence[Any]) -> list[Row]:
    return [Row(*row) for row in rows]
