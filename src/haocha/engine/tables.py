"""A projection's tables in `live`, in `next` (a rebuild) or in `recount` (a check), and folding into them."""

import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Literal

import asyncpg

from haocha.store import log, sql
from haocha.store.readmodels import Definition

SQL = sql.load(Path(__file__).with_name("projector.sql"))
SETTINGS = SQL.named("setting")

LARGE = 250_000  # events folded at once where nobody waits for them
NEAR = 5_000  # events that are few enough to be folded while the last step holds its locks
PATIENCE = 600.0  # seconds for one large fold; they take one or two

Schema = Literal["live", "next", "recount"]
Progress = Callable[[int, int], None]  # position so far, head


def quiet(_position: int, _head: int) -> None:
    """Report progress to nobody."""


class Busy(Exception):
    """Another process is rebuilding (or recounting) this projection: wait for it, or end it."""


@contextlib.asynccontextmanager
async def alone(connection: asyncpg.Connection, definition: Definition, schema: Schema) -> AsyncIterator[None]:
    """Work alone on a projection's tables in `schema`, begun and left without any; raises `Busy`."""
    if not await connection.fetchval(SQL["exclusive"], schema, definition.name):
        raise Busy(f"{definition.name} is being worked on by another process; wait for it and try again.")
    try:
        await drop(connection, definition, schema)
        yield
    finally:
        if not connection.is_closed():
            await drop(connection, definition, schema)
            await connection.execute(SQL["shared"], schema, definition.name)


async def create(connection: asyncpg.Connection, definition: Definition, schema: Schema) -> None:
    """Create the tables, empty."""
    async with connection.transaction():
        await connection.execute(SETTINGS[schema])
        for statement in definition.schema:
            await connection.execute(statement)
        await run_all(connection, "mark", definition, schema)


async def drop(connection: asyncpg.Connection, definition: Definition, schema: Schema) -> None:
    """Drop the tables where there are any."""
    await run_all(connection, "drop", definition, schema)


async def run_all(connection: asyncpg.Connection, section: str, definition: Definition, schema: Schema) -> None:
    """Run the statements that a section makes, one for each of the projection's tables."""
    for row in await connection.fetch(SQL[section], schema, definition.name):
        await connection.execute(row[0])


async def fold(
    connection: asyncpg.Connection, definition: Definition, after: int, upto: int, *, timeout: float | None = None
) -> None:
    """Fold `(after, upto]`, inside a transaction that has one of SETTINGS."""
    for statement in definition.folds:
        await connection.execute(statement, after, upto, timeout=timeout)


async def fill(
    connection: asyncpg.Connection,
    definition: Definition,
    schema: Schema,
    position: int,
    progress: Progress,
    *,
    goal: int | None = None,
) -> int:
    """Fold from `position` in large batches until few events are left to `goal` (the head); return how far that is."""
    head = await log.head(connection) if goal is None else goal
    while head - position > NEAR:
        upto = min(head, position + LARGE)
        async with connection.transaction():
            await connection.execute(SETTINGS[schema])
            await fold(connection, definition, position, upto, timeout=PATIENCE)
        position = upto
        progress(position, head)
        head = await log.head(connection) if goal is None else goal
    return position
