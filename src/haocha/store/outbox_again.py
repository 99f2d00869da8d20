"""Sending once more what somebody names: dead letters once mended, accepted reports that got lost over there.

A platform knows by the natural key what it has already, so that a report may go out any number of times.
"""

from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Final

import asyncpg

from haocha.store import outbox, sql

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")
SLICE: Final = 1_000  # rows of one transaction: the sender and the handler go on in between


async def retry(
    pool: asyncpg.Pool,
    peer: str,
    now: datetime,
    *,
    positions: Sequence[int] | None = None,
    code: str | None = None,
    words: str | None = None,
    area: str | None = None,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Let a peer's dead letters wait again, all that every given condition holds of; return how many.

    One whose service record or rating is not accepted waits for that first.
    """
    done, after = 0, 0
    while True:
        async with pool.acquire() as connection, connection.transaction():
            await outbox.in_turn(connection, peer)
            rows = await connection.fetch(SQL["retry"], peer, positions, code, words, area, after, SLICE, now)
        done += len(rows)
        progress(done)
        if len(rows) < SLICE:
            return done
        after = max(row["position"] for row in rows)


async def accepted(pool: asyncpg.Pool, peer: str, since: date, until: date, level: int | None = None) -> list[int]:
    """Return the positions of what a peer accepted of these days (of assessTime or serviceTime), in order."""
    return [row["position"] for row in await pool.fetch(SQL["accepted"], peer, since, until, level)]


async def again(
    pool: asyncpg.Pool,
    peer: str,
    positions: Sequence[int],
    now: datetime,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Let accepted reports wait to be sent once more, slice by slice; return how many did."""
    done = 0
    for start in range(0, len(positions), SLICE):
        async with pool.acquire() as connection, connection.transaction():
            await outbox.in_turn(connection, peer)
            done += len(await connection.fetch(SQL["again"], peer, positions[start : start + SLICE], now))
        progress(done)
    return done
