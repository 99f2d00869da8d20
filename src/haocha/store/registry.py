"""The registry from the log: loaded when a process starts, kept up to date from the log's tail, written by imports."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, NamedTuple

import asyncpg
import structlog

from haocha.domain.entries import Entry
from haocha.domain.registry import Registry
from haocha.store import aggregates, events, log
from haocha.store.db import AWAY

PAGE = 500  # a page is decoded in one go: short, so that a web process goes on answering meanwhile
GROUPS = 500  # entries per transaction of an import
PACE = 0.2  # seconds between two looks: an entry is known everywhere well within one second
RETRY = 1.0

# The condition is that of the index `events_registry`, word for word, so that ratings are not read.
READ = """
SELECT position, originator_id, originator_version, topic, state FROM log.events
 WHERE position > $1 AND position <= $2
   AND split_part(topic, '.', 1) IN ('org', 'hall', 'window', 'staff', 'matter', 'device')
 ORDER BY position LIMIT $3
"""

logger = structlog.get_logger(__name__)


class Entries(NamedTuple):
    """All entries as they can be changed, by kind and key, and the registry that they make."""

    by_key: dict[tuple[str, str], Entry]
    registry: Registry


async def load(pool: asyncpg.Pool) -> Registry:
    """Read the registry as it is now."""
    registry = Registry()
    await catch_up(registry, pool, await log.head(pool))
    return registry


async def catch_up(registry: Registry, pool: asyncpg.Pool, head: int) -> None:
    """Read what came since the registry's position; afterwards it is true up to `head`."""
    async for position, event in _read(pool, registry.position, head):
        registry.apply(event, position)
    registry.position = max(registry.position, head)


async def follow(registry: Registry, tail: log.Tail, pool: asyncpg.Pool) -> None:
    """Keep the registry up to date until cancelled; where the database is away, look again a second later."""
    while True:
        head = await tail.wait(registry.position)
        try:
            if head > registry.position:
                await catch_up(registry, pool, head)
                await asyncio.sleep(PACE)
        except AWAY as error:
            logger.warning("registry_behind", error=type(error).__name__, position=registry.position)
            await asyncio.sleep(RETRY)


async def load_entries(pool: asyncpg.Pool) -> Entries:
    """Read all entries, to decide on changes."""
    entries = Entries({}, Registry())
    streams: dict[Any, Entry] = {}
    head = await log.head(pool)
    async for position, event in _read(pool, 0, head):
        entries.registry.apply(event, position)
        entry = event.mutate(streams.get(event.originator_id))
        streams[event.originator_id] = entry
        entries.by_key[entry.TOPIC, entry.key] = entry
    entries.registry.position = head
    return entries


async def write(pool: asyncpg.Pool, changed: Sequence[Entry], advance: Callable[[int, int], None]) -> int:
    """Append what the entries decided and return how many others were faster with: plan those again.

    Each entry is a group: a refused one harms no other. `advance` hears how many more are through, and of how many.
    """
    refused = 0
    for start in range(0, len(changed), GROUPS):
        groups = [log.Group(aggregates.new_events(entry)) for entry in changed[start : start + GROUPS]]
        refused += sum(verdict.verdict != "ok" for verdict in await log.append(pool, groups))
        advance(len(groups), len(changed))
    return refused


async def _read(pool: asyncpg.Pool, after: int, upto: int) -> AsyncIterator[tuple[int, Any]]:
    while True:
        rows = await pool.fetch(READ, after, upto, PAGE)
        for position, originator_id, version, topic, state in rows:
            yield position, events.decode(topic, state, originator_id, version)
            after = position
        if len(rows) < PAGE:
            return
