"""Saved views (常用视图): the queues and filters that a person wants back, by a name of his own."""

from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import asyncpg

from haocha.store import sql

SQL = sql.load(Path(__file__).with_suffix(".sql")).named("query")
LONGEST_NAME = 40
MOST = 20


class NameTaken(Exception):
    """Another view of this account has the name."""


class SavedView(NamedTuple):
    """A view: `query` is that of its address, `starts` whether the workbench opens with it."""

    name: str
    query: str
    starts: bool


async def listed(pool: asyncpg.Pool, account: str) -> list[SavedView]:
    """Return an account's views, the one that opens first before the others."""
    return [SavedView(row["name"], row["query"], row["starts"]) for row in await pool.fetch(SQL["list"], account)]


async def starting(pool: asyncpg.Pool, account: str) -> str | None:
    """Return the query that the workbench opens with, None where the account chose none."""
    query: str | None = await pool.fetchval(SQL["starting"], account)
    return query


async def save(pool: asyncpg.Pool, account: str, name: str, query: str, now: datetime) -> bool:
    """Save a view, or another query under its name; false where the account has `MOST` already."""
    return await pool.fetchval(SQL["save"], account, name, query, now, MOST) is not None


async def rename(pool: asyncpg.Pool, account: str, name: str, to: str) -> bool:
    """Give a view another name; false where there is no such view; raises `NameTaken`."""
    try:
        return await pool.fetchval(SQL["rename"], account, name, to) is not None
    except asyncpg.UniqueViolationError:
        raise NameTaken(to) from None


async def delete(pool: asyncpg.Pool, account: str, name: str) -> bool:
    """Delete a view; false where there is none of that name."""
    return await pool.fetchval(SQL["delete"], account, name) is not None


async def start_with(pool: asyncpg.Pool, account: str, name: str) -> bool:
    """Let the workbench open with this view, with none of them where `name` is empty; false where it is not there."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(SQL["stop_starting"], account, name)
        return not name or await connection.fetchval(SQL["start"], account, name) is not None
