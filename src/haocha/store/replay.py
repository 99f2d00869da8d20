"""Replays tickets' streams under another policy, slice by slice, so that no query holds the log for long."""

from collections.abc import Callable
from datetime import date, datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg

from haocha.domain import policy_replay
from haocha.domain.policy import Stage, Terms
from haocha.domain.policy_replay import Rate
from haocha.store import log, sql

SQL = sql.load(Path(__file__).with_suffix(".sql")).named("query")

SLICE = 500


class Chosen(NamedTuple):
    """Which tickets: opened from a day to a day, inclusive, in areas whose code begins so; None for all."""

    since: date | None = None
    until: date | None = None
    area: str | None = None


async def replay(
    pool: asyncpg.Pool, terms: Terms, chosen: Chosen, now: datetime, progress: Callable[[int, int], None]
) -> tuple[int, dict[Stage, Rate]]:
    """Return how many tickets there are, and the rates of every stage as they were and as they would be."""
    total: int = await pool.fetchval(SQL["total"], *chosen)
    rates: dict[Stage, Rate] = {}
    done = after = 0
    while rows := await pool.fetch(SQL["slice"], *chosen, after, SLICE):
        after = rows[-1]["position"]
        streams = await log.read_streams(pool, [row["originator_id"] for row in rows])
        for stream in streams.values():
            rates = policy_replay.count(policy_replay.visits([r.event for r in stream], terms), now, rates)
        done += len(rows)
        progress(done, total)
    return done, rates
