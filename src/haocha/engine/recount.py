"""Counts a projection anew beside the live one and compares the two at the same position."""

from typing import NamedTuple

import asyncpg

from haocha.engine.tables import PATIENCE, SETTINGS, Progress, alone, create, fill, fold, quiet
from haocha.store import sql
from haocha.store.readmodels import Definition


class Difference(NamedTuple):
    """A table that does not hold what the log says: numbers of rows, and a few rows of either side."""

    table: str
    stored: int
    recounted: int
    position: int
    rows: tuple[tuple[str, str], ...]


async def recount(
    pool: asyncpg.Pool, definition: Definition, queries: sql.Sections, progress: Progress = quiet
) -> list[Difference]:
    """Fold the whole log into `recount` up to where the live tables are, and return what differs; raises `Busy`.

    Large slices first, each a transaction of its own; only the last few events and the comparison share one snapshot.
    """
    async with pool.acquire() as connection, alone(connection, definition, "recount"):
        await create(connection, definition, "recount")
        position = 0
        while (goal := await _live(connection, definition)) > position:
            reached = await fill(connection, definition, "recount", position, progress, goal=goal)
            if reached == position:
                break
            position = reached
        async with connection.transaction(isolation="repeatable_read"):
            await connection.execute(SETTINGS["recount"])
            goal = await _live(connection, definition)
            await fold(connection, definition, position, goal, timeout=PATIENCE)
            return [
                found
                for table, comparison, difference in await connection.fetch(queries["compare"], definition.name)
                if (found := await _differs(connection, table, goal, comparison, difference))
            ]


async def _live(connection: asyncpg.Connection, definition: Definition) -> int:
    position: int = await connection.fetchval(
        "SELECT position FROM engine.checkpoints WHERE name = $1", definition.checkpoint
    )
    return position


async def _differs(
    connection: asyncpg.Connection, table: str, position: int, comparison: str, difference: str
) -> Difference | None:
    row = await connection.fetchrow(comparison, timeout=PATIENCE)
    if row["same"]:
        return None
    rows = await connection.fetch(difference, timeout=PATIENCE)
    return Difference(table, row["stored"], row["recounted"], position, tuple((side, text) for side, text in rows))
