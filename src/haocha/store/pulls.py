"""How far a peer's orders were pulled: a position of the peer's own log (migrations/0015_orders.sql)."""

from datetime import datetime
from pathlib import Path
from typing import Final

import asyncpg

from haocha.store import sql

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")


async def position(pool: asyncpg.Pool, peer: str) -> int:
    """Return behind which position to go on, 0 for a peer that was never pulled."""
    return await pool.fetchval(SQL["position"], peer) or 0


async def move(pool: asyncpg.Pool, peer: str, position: int, now: datetime) -> None:
    """Keep that everything up to `position` is in our log."""
    await pool.execute(SQL["move"], peer, position, now)


async def restart(pool: asyncpg.Pool, peer: str, now: datetime) -> None:
    """Begin again at the peer's first position: what is in our log already is known."""
    await pool.execute(SQL["restart"], peer, now)
