"""Members: the instances below us that report to us, each of an area, each with a secret that can be derived again."""

import base64
import hmac
from datetime import date, datetime
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from haocha.domain.registry import area_prefix
from haocha.settings import Keys
from haocha.store import events, sql

SQL = sql.load(Path(__file__).with_suffix(".sql")).named("query")

KEY_KIND = "member"
"""What an event of a member has for the kind of its key; there are no API keys of this kind."""
PAGE = 1_000


class Member(NamedTuple):
    """An instance below us: `area` is what its areaCodes begin with."""

    name: str
    area: str
    serial: int

    def has(self, area: str) -> bool:
        """Tell whether an areaCode lies in the member's area; what has none lies anywhere."""
        return not area or area.startswith(self.area)


class Reported(NamedTuple):
    """A rating that a member reported; `text` is what was written, None where there is none (any more)."""

    position: int
    fact: Any
    text: str | None


def secret_of(keys: Keys, member: Member) -> str:
    """Return the secret that the member was shown when it was enrolled; requests are signed with its UTF-8 bytes."""
    derived = hmac.digest(keys.derive("sync-member"), f"{member.name}|{member.serial}".encode(), "sha256")
    return base64.b64encode(derived).decode()


async def enrol(
    connection: asyncpg.Connection | asyncpg.Pool, name: str, area: str, now: datetime, *, again: bool = False
) -> Member | None:
    """Enrol a member, `again` one that is known under a new secret; None where it is known, or is not."""
    row = await connection.fetchrow(SQL["renew" if again else "enrol"], name, area_prefix(area), now)
    return None if row is None else Member(*row)


async def revoke(connection: asyncpg.Connection | asyncpg.Pool, name: str, now: datetime) -> bool:
    """Refuse a member from now on; false where there is none in force."""
    return await connection.fetchval(SQL["revoke"], name, now) is not None


async def listed(connection: asyncpg.Connection | asyncpg.Pool) -> list[asyncpg.Record]:
    """Return all members by name."""
    rows: list[asyncpg.Record] = await connection.fetch(SQL["list"])
    return rows


async def get(connection: asyncpg.Connection | asyncpg.Pool, name: str) -> Member | None:
    """Return a member in force."""
    row = await connection.fetchrow(SQL["by_name"], name)
    return None if row is None else Member(*row)


async def reported(
    connection: asyncpg.Connection | asyncpg.Pool, name: str, day: date, after: int, limit: int = PAGE
) -> list[Reported]:
    """Return ratings and 追评 that a member reported, made on `day` (Shanghai), in the order they came in."""
    rows = await connection.fetch(SQL["reported"], name, day.isoformat(), after, limit)
    return [
        Reported(position, events.decode(topic, state, stream, version), body)
        for position, stream, version, topic, state, body in rows
    ]
