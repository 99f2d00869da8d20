"""Rows of the outbox as people look for them, page by page; the sender has ways of its own (haocha.store.outbox)."""

from datetime import date, datetime
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import asyncpg
import msgspec

from haocha.store import sql

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")

NATURAL: Final = ("service", "rating", "supplement")
"""Kinds whose key is `kind|projectNo|serviceNumber`."""
MOST_SERVICES: Final = 20
"""A case is looked for by the keys of so many services: the outbox has no other way to it."""
MOST_DEAD: Final = 10_000
"""Dead letters whose reasons are counted."""
MOST_TAKEN: Final = 10_000
"""Accepted reports among which those of an area are looked for."""


class Row(msgspec.Struct, frozen=True, rename="camel"):
    """One report as it lies in the outbox; `waits_for` is the key of what must be there before.

    Of one that was sent once more, `first_at` and `first_receipt` say when and how the platform took it the first time.
    """

    position: int
    kind: str
    project_no: str
    service_number: int | None
    stream: UUID
    waits_for: str | None
    area_code: str
    pf: str
    satisfaction: int | None
    day: date
    recorded_at: datetime
    state: str
    attempts: int
    next_at: datetime | None
    ended_at: datetime | None
    again_at: datetime | None
    first_at: datetime | None
    first_receipt: str
    duplicate: bool
    adjusted: bool
    receipt: str
    code: str
    words: str


class Chosen(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of one peer; None is any."""

    peer: str
    state: str | None = None
    kind: str | None = None
    level: int | None = None
    pf: str | None = None
    area: str | None = None
    since: date | None = None
    until: date | None = None
    adjusted: bool | None = None
    project_no: str | None = None
    code: str | None = None


class Reason(msgspec.Struct, frozen=True):
    """Why reports are dead: the platform's code, its latest words, and how many have it."""

    code: str
    words: str
    n: int


async def page(pool: asyncpg.Pool, chosen: Chosen, seen: str | None, below: int | None, limit: int) -> list[Row]:
    """Return up to `limit` rows with positions less than `below`, the newest first.

    Only of areas that begin with `seen` too: how far the one who asks sees, None for everywhere.
    """
    if not _overlap(chosen.area, seen):
        return []
    within = max(chosen.area or "", seen or "", key=len) or None
    arguments = (
        chosen.peer, chosen.state, chosen.kind, chosen.level, chosen.pf, within, chosen.since, chosen.until,
        chosen.adjusted, _keys(chosen.project_no), chosen.code, below, limit,
    )  # fmt: skip
    async with pool.acquire() as connection, connection.transaction(readonly=True):
        await connection.execute("SET LOCAL plan_cache_mode = force_custom_plan")
        return [_row(row) for row in await connection.fetch(SQL["rows"], *arguments)]


async def reasons(pool: asyncpg.Pool, peer: str, area: str | None) -> list[Reason]:
    """Return what a peer's dead letters were refused for, the most frequent first."""
    found = await pool.fetch(SQL["reasons"], peer, area, MOST_DEAD)
    return [Reason(row["code"], row["words"], row["n"]) for row in found]


async def receipts(pool: asyncpg.Pool, peer: str, area: str | None, limit: int) -> list[Row]:
    """Return what a peer took last; what of an area is not among the last `MOST_TAKEN` is not looked for."""
    return [_row(row) for row in await pool.fetch(SQL["receipts"], peer, area, limit, MOST_TAKEN)]


def _overlap(asked: str | None, seen: str | None) -> bool:
    """Tell whether an area can lie in both, by what its code begins with."""
    return not asked or not seen or asked.startswith(seen) or seen.startswith(asked)


def _keys(project_no: str | None) -> list[str] | None:
    if project_no is None:
        return None
    return [f"{kind}|{project_no}|{number}" for kind in NATURAL for number in range(1, MOST_SERVICES + 1)]


def _row(row: Any) -> Row:
    kind, number = row["kind"], row["key"].rpartition("|")[2]
    return Row(
        position=row["position"],
        kind=kind,
        project_no=row["lane"],
        service_number=int(number) if kind in NATURAL and number.isdecimal() else None,
        stream=row["stream"],
        waits_for=row["needs"],
        area_code=row["area"],
        pf=row["pf"],
        satisfaction=row["level"] or None,
        day=row["day"],
        recorded_at=row["recorded_at"],
        state=row["state"],
        attempts=row["attempts"],
        next_at=row["next_at"] if row["state"] == "waiting" else None,
        ended_at=row["ended_at"],
        again_at=row["again_at"],
        first_at=row["first_at"],
        first_receipt=row["first_receipt"] or "",
        duplicate=row["duplicate"],
        adjusted=row["adjusted"],
        receipt=row["receipt"],
        code=row["code"],
        words=row["words"],
    )
