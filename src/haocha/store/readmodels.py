"""Read models as their readers see them: named queries of `projections/*.sql`, how far each is, and waiting for it.

Below engine and web alike: the projector fills what is read here.
"""

import asyncio
import contextlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import asyncpg

from haocha.store import sql
from haocha.store.db import AWAY

PREFIX = "projection:"  # a projection's row in engine.checkpoints
LOOK = 0.02  # seconds between two looks at the checkpoints while somebody waits
# The tables' schema, then the log; and a plan made for the filters that are given, not one for all that might be.
PREPARE = "SET LOCAL search_path = live, log; SET LOCAL plan_cache_mode = force_custom_plan"


PREPARE_TAIL = "SET LOCAL search_path = pg_temp, live, log; SET LOCAL plan_cache_mode = force_custom_plan"


class NotBuilt(Exception):
    """The read model's tables are not there yet: the worker makes them when it starts."""


class Definition:
    """One file: what a read model is made of, and the hash that changes with its statements."""

    def __init__(self, path: Path) -> None:
        """Read the file; its name is the read model's."""
        self.name = path.stem
        self.sections = sql.load(path)
        self.topics = frozenset(self.sections.words("events"))
        self.schema = self.sections.all("schema")
        self.folds = self.sections.all("fold")
        self.queries = self.sections.named("query")
        self.hash = self.sections.definition("schema", "fold")

    @property
    def checkpoint(self) -> str:
        """The name of its row in engine.checkpoints."""
        return PREFIX + self.name


@cache
def definitions() -> dict[str, Definition]:
    """Return every read model by its name, read once."""
    return {path.stem: Definition(path) for path in sorted(sql.folder("projections").glob("*.sql"))}


async def query(pool: asyncpg.Pool, name: str, section: str, *arguments: object) -> list[Any]:
    """Run a named query of a read model and return its rows; raises `NotBuilt`."""
    return await run(pool, name, definitions()[name].queries[section], *arguments)


async def run(pool: asyncpg.Pool, name: str, statement: str, *arguments: object) -> list[Any]:
    """Run a statement over the read model `name` with a plan of its own and return the rows; raises `NotBuilt`.

    A rebuilt table may change under a prepared statement: then once more.
    """
    for last in (False, True):
        try:
            async with pool.acquire() as connection, connection.transaction(readonly=True):
                await connection.execute(PREPARE)
                rows: list[Any] = await connection.fetch(statement, *arguments)
                return rows
        except (asyncpg.InvalidCachedStatementError, asyncpg.UndefinedTableError) as error:
            if last:
                raise NotBuilt(name) from error
    raise AssertionError


async def fetch(pool: asyncpg.Pool, statement: str, *arguments: object) -> list[Any]:
    """Run a statement over read models; nothing where one is not there yet, once more where it was just swapped."""
    for last in (False, True):
        try:
            rows: list[Any] = await pool.fetch(statement, *arguments)
            return rows
        except asyncpg.UndefinedTableError:
            return []
        except asyncpg.InvalidCachedStatementError:
            if last:
                raise
    raise AssertionError


class Tail(NamedTuple):
    """A range of the log to fold by itself, and the named query that adds what was known before it."""

    after: int
    upto: int
    before: str
    arguments: tuple[object, ...]


async def query_with_tail(pool: asyncpg.Pool, name: str, tail: Tail, section: str, *arguments: object) -> list[Any]:
    """Run a named query over temporary tables: the fold of `tail` and what stood before; raises `NotBuilt`.

    The same statements as everywhere, for figures as of a moment inside a day. Nothing of it stays.
    """
    definition = definitions()[name]
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await connection.execute(PREPARE_TAIL)
            for statement in definition.schema:
                await connection.execute(statement)
            for statement in definition.folds:
                await connection.execute(statement, tail.after, tail.upto)
            await connection.execute(definition.queries[tail.before], *tail.arguments)
            rows: list[Any] = await connection.fetch(definition.queries[section], *arguments)
        except asyncpg.UndefinedTableError as error:
            raise NotBuilt(name) from error
        finally:
            await transaction.rollback()
    return rows


async def position(connection: asyncpg.Connection | asyncpg.Pool, *names: str) -> int:
    """Return up to where all the named read models are; 0 where one was never built."""
    wanted = [PREFIX + name for name in names]
    rows = await connection.fetch("SELECT position FROM engine.checkpoints WHERE name = ANY($1)", wanted)
    return min(row["position"] for row in rows) if len(rows) == len(wanted) else 0


async def wait_for(pool: asyncpg.Pool, names: str | Sequence[str], position: int, timeout: float = 2.0) -> bool:
    """Wait until the named read models hold `position`; return whether they do within `timeout` seconds."""
    named = (names,) if isinstance(names, str) else tuple(names)
    watcher = _watchers.get(pool) or _watchers.setdefault(pool, _Watcher(pool))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(timeout):
            await watcher.until(named, position)
            return True
    return False


class _Watcher:
    """Looks at the checkpoints for all who wait in this process: one query, however many they are."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._waiting: dict[asyncio.Future[None], tuple[tuple[str, ...], int]] = {}
        self._task: asyncio.Task[None] | None = None

    async def until(self, names: tuple[str, ...], position: int) -> None:
        """Return once all of `names` hold `position`."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[done] = (names, position)
        if self._task is None:
            self._task = asyncio.create_task(self._look(), name="read models watched")
        try:
            await done
        finally:
            del self._waiting[done]

    async def _look(self) -> None:
        while self._waiting:
            try:
                rows = await self._pool.fetch("SELECT name, position FROM engine.checkpoints")
            except AWAY:
                rows = []  # away for a moment; who waits has a time limit
            self._wake({row["name"]: row["position"] for row in rows})
            await asyncio.sleep(LOOK)
        del _watchers[self._pool]

    def _wake(self, held: dict[str, int]) -> None:
        for done, (names, position) in self._waiting.items():
            if not done.done() and all(held.get(PREFIX + name, -1) >= position for name in names):
                done.set_result(None)


_watchers: dict[asyncpg.Pool, _Watcher] = {}
