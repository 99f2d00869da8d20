"""An outbox for tests to look at: rows put in by the store's own functions, and settled as the sender does."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import asyncpg

from haocha.domain.workdays import SHANGHAI
from haocha.store import outbox
from haocha.store.outbox import Entry, Settled

MINUTE = timedelta(minutes=1)
AREA = "990101000000"


def entry(
    position: int,
    level: int = 5,
    kind: str = "rating",
    *,
    peer: str = "up",
    state: str = "waiting",
    at: datetime | None = None,
    case: str = "",
    area: str = AREA,
    pf: str = "4",
    needs: str | None = None,
    day: date | None = None,
) -> Entry:
    """Make a row, by default a rating of a case of its own, recorded a minute ago."""
    at = at or datetime.now(UTC) - MINUTE
    case = case or f"CASE-{position:06}"
    key = f"{kind}|{case}|1" if kind in {"service", "rating", "supplement"} else f"{kind}|{uuid4()}|1"
    day = day or at.astimezone(SHANGHAI).date()
    return Entry(peer, position, kind, key, needs, case, uuid4(), 1, area, pf, level, day, at, state)


async def put(pool: asyncpg.Pool, *entries: Entry) -> None:
    """Put rows into the outbox."""
    async with pool.acquire() as connection, connection.transaction():
        await outbox.enqueue(connection, entries)


async def settle(
    pool: asyncpg.Pool, positions: list[int], state: str, at: datetime | None = None, peer: str = "up", **more: object
) -> None:
    """Write what became of rows; `more` are members of `Settled`."""
    at = at or datetime.now(UTC)
    async with pool.acquire() as connection:
        await outbox.settle(connection, peer, [Settled(position, state, at, **more) for position in positions], at)


async def beat(pool: asyncpg.Pool, peer: str = "up", **changes: object) -> None:
    """Say how a sender is, by default well and just answered."""
    now = datetime.now(UTC)
    members = {
        "peer": peer,
        "dialect": "shandong",
        "version": "2026.1",
        "rate": 200.0,
        "alive_at": now,
        "answered_at": now,
        "open_until": None,
        "failures": 0,
        "error": "",
    } | changes
    places = ", ".join(f"${number}" for number in range(1, len(members) + 1))
    await pool.execute(
        f"INSERT INTO sync.peers ({', '.join(members)}) VALUES ({places}) ON CONFLICT (peer) DO UPDATE"  # noqa: S608
        f" SET {', '.join(f'{name} = excluded.{name}' for name in members)}",
        *members.values(),
    )
