"""API keys: 256 random bits shown once, stored as SHA-256; cached in every web process, revoked within 2 seconds."""

import asyncio
import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg
import structlog

from haocha.store import sql
from haocha.store.db import AWAY

SQL = sql.load(Path(__file__).with_suffix(".sql")).named("query")

KINDS = ("pad", "keypad", "terminal", "hotline", "web", "mobile", "integration")
ASKING_KINDS = frozenset({"pad", "web", "mobile", "terminal"})
"""Kinds that can ask the citizen for the reason of a 差评."""
SCOPES = (
    "ratings:write",
    "ratings:read",
    "services:write",
    "complaints:write",
    "scores:read",
    "tickets:read",
    "registry:read",
    "events:read",
    "sync:read",
    "metrics:read",
)
PREFIX = "hc_"

logger = structlog.get_logger(__name__)


class Client(NamedTuple):
    """Who holds a key: `name` is the client, `hall` and `window_no` what a bound key may rate."""

    id: int
    name: str
    kind: str
    scopes: frozenset[str]
    hall: str
    window_no: str
    per_minute: int | None


def _client(row: asyncpg.Record) -> Client:
    return Client(
        row["id"],
        row["client"],
        row["kind"],
        frozenset(row["scopes"]),
        row["hall"],
        row["window_no"],
        row["per_minute"],
    )


def digest(key: str) -> bytes:
    """Return what is stored of a key."""
    return hashlib.sha256(key.encode()).digest()


async def create(
    connection: asyncpg.Connection | asyncpg.Pool,
    *,
    client: str,
    kind: str,
    scopes: Sequence[str],
    now: datetime,
    hall: str = "",
    window_no: str = "",
    per_minute: int | None = None,
) -> tuple[int, str]:
    """Create a key and return `(id, key)`; the key itself is kept nowhere."""
    key = PREFIX + secrets.token_urlsafe(32)
    number: int = await connection.fetchval(
        SQL["create"],
        client,
        kind,
        list(scopes),
        hall,
        window_no,
        per_minute,
        digest(key),
        now,
    )
    return number, key


async def listed(connection: asyncpg.Connection | asyncpg.Pool) -> list[asyncpg.Record]:
    """Return all keys, newest first, without their digests."""
    rows: list[asyncpg.Record] = await connection.fetch(SQL["list"])
    return rows


async def revoke(connection: asyncpg.Connection | asyncpg.Pool, number: int, now: datetime) -> bool:
    """Revoke a key; false where there is no such key in force."""
    return await connection.fetchval(SQL["revoke"], number, now) is not None


class Clients:
    """The keys in force by digest; one never seen is looked up once, a revoked one is forgotten within 2 seconds."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        """Look up in the database behind `pool`."""
        self._pool = pool
        self._known: dict[bytes, Client] = {}

    async def of(self, key: str) -> Client | None:
        """Return the client that holds `key`, None where it is unknown or revoked."""
        hashed = digest(key)
        client = self._known.get(hashed)
        if client is None and key.startswith(PREFIX):
            client = self._remember(await self._pool.fetchrow(SQL["by_digest"], hashed))
        return client

    async def numbered(self, number: int) -> Client | None:
        """Return the client of key `number`, None where it is revoked (a session asks this on every request)."""
        for client in self._known.values():
            if client.id == number:
                return client
        return self._remember(await self._pool.fetchrow(SQL["by_id"], number))

    def _remember(self, row: asyncpg.Record | None) -> Client | None:
        if row is None:
            return None
        client = self._known[row["digest"]] = _client(row)
        return client

    async def follow(self) -> None:
        """Forget revoked keys, every second; forget all when the database cannot be asked."""
        while True:
            await asyncio.sleep(1)
            try:
                rows = await self._pool.fetch(SQL["revoked"], list(self._known))
            except AWAY as error:
                logger.warning("keys_not_checked", error=type(error).__name__)
                self._known.clear()
            else:
                for row in rows:
                    self._known.pop(row["digest"], None)
