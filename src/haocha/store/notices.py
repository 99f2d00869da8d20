"""What accounts hear of (消息): each one's list and count, and what of it is read.

A notice is written once for a role and a place, never per person; whose it is, the asking account's role and scope say.
What is read is a number per account, everything up to it, and single ones beyond.
"""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol
from uuid import UUID

import asyncpg
import msgspec

from haocha.domain.account import Account
from haocha.store import sql

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")

MOST: Final = 100
"""What is counted: more than that is many."""
NEWEST: Final = 2**63 - 1


class Seen(Protocol):
    """How far an account sees: None is everything."""

    @property
    def units(self) -> Sequence[str] | None:
        """The units, if it is by unit."""

    @property
    def area(self) -> str | None:
        """What the codes of the areas begin with, if it is by area."""


class Told(NamedTuple):
    """One notice in somebody's inbox; `n` grows in the order in which notices came."""

    n: int
    id: UUID
    at: datetime
    kind: str
    ticket: UUID
    members: dict[str, Any]
    read: bool


class Page(NamedTuple):
    """A part of an inbox, unread notices first, each part newest first; `following` is where it goes on."""

    notices: list[Told]
    following: str | None


class Deliveries(NamedTuple):
    """How the deliveries to the webhook stand; `oldest` is the seconds that the first one waits."""

    waiting: int
    oldest: float
    dead: int


async def deliveries(connection: asyncpg.Connection | asyncpg.Pool, now: datetime) -> Deliveries:
    """Count what waits and what is dead."""
    row = await connection.fetchrow(SQL["deliveries"], now)
    return Deliveries(row["waiting"], row["oldest"], row["dead"])


async def unread(connection: asyncpg.Connection | asyncpg.Pool, account: Account, scope: Seen) -> int:
    """Count what the account has not read, up to `MOST`."""
    return len(await connection.fetch(SQL["unread"], *_whose(account, scope), NEWEST, MOST))


async def page(
    connection: asyncpg.Connection | asyncpg.Pool,
    account: Account,
    scope: Seen,
    *,
    cursor: str = "",
    limit: int,
    only_unread: bool = False,
) -> Page:
    """Return `limit` notices from `cursor` on (a page's `following`); raises ValueError where it is none."""
    whose = _whose(account, scope)
    old, before = _place(cursor)
    new = [] if old else await connection.fetch(SQL["unread"], *whose, before, limit + 1)
    numbers = [(row["n"], False) for row in new]
    if len(numbers) <= limit and not only_unread:
        rest = before if old else NEWEST
        seen = await connection.fetch(SQL["read"], *whose, rest, limit + 1 - len(numbers))
        numbers += [(row["n"], True) for row in seen]
    shown = await _told(connection, numbers[:limit])
    if len(numbers) <= limit:
        return Page(shown, None)
    (last, last_read), (_, read) = numbers[limit - 1], numbers[limit]
    return Page(shown, f"read-{last if last_read else NEWEST}" if read else f"new-{last}")


async def ticket_of(
    connection: asyncpg.Connection | asyncpg.Pool, account: Account, scope: Seen, number: int
) -> UUID | None:
    """Return the ticket of one of the account's notices, None where it is not his."""
    ticket: UUID | None = await connection.fetchval(SQL["ticket"], *_whose(account, scope), number)
    return ticket


async def read_one(connection: asyncpg.Connection | asyncpg.Pool, account: Account, scope: Seen, number: int) -> None:
    """Take one of the account's notices as read."""
    await connection.execute(SQL["read_one"], *_whose(account, scope), number)


async def read_all(connection: asyncpg.Connection | asyncpg.Pool, account: Account, upto: int) -> None:
    """Take everything up to a number as read, the newest that he was shown: what came since stays unread."""
    await connection.execute(SQL["read_all"], account.username, upto)


def _whose(account: Account, scope: Seen) -> tuple[str, str, list[str] | None, str | None]:
    return account.username, account.role, None if scope.units is None else list(scope.units), scope.area


def _place(cursor: str) -> tuple[bool, int]:
    if not cursor:
        return False, NEWEST
    part, _, number = cursor.partition("-")
    if part not in {"new", "read"} or not (number.isascii() and number.isdigit()) or int(number) > NEWEST:
        raise ValueError("not a cursor")
    return part == "read", int(number)


async def _told(connection: asyncpg.Connection | asyncpg.Pool, numbers: list[tuple[int, bool]]) -> list[Told]:
    rows = {row["n"]: row for row in await connection.fetch(SQL["notices"], [n for n, _ in numbers])}
    return [
        Told(n, row["id"], row["at"], row["kind"], row["ticket"], msgspec.json.decode(row["members"]), read)
        for n, read in numbers
        if (row := rows.get(n)) is not None
    ]
