"""The registry from the log: loaded, followed, written by two at once."""

import asyncio
from datetime import UTC, datetime

import pytest

from haocha.domain.entries import Facts, Period, Window
from haocha.store import log
from haocha.store import registry as store

START = datetime(2025, 1, 1, tzinfo=UTC)
MOVE = datetime(2025, 3, 1, tzinfo=UTC)


def window(install, key, name="窗口"):
    """Decide to register a window."""
    return Window.register(install.namespace, key, Period(START, None, Facts(name=name)), by="test", at=START)


def ignore(_through, _total):
    """Take no notice of progress."""


async def test_what_was_written_is_loaded(pool, install):
    """Every process that starts later knows the entries and their histories."""
    entry = window(install, "H1/A01")
    entry.change(Period(MOVE, None, Facts(name="新窗口")), by="test", at=MOVE)
    assert await store.write(pool, [entry, window(install, "H1/A02")], ignore) == 0
    registry = await store.load(pool)
    assert registry.position == 3
    assert registry.periods("window", "H1/A01") == entry.periods
    assert list(registry.keys("window")) == ["H1/A01", "H1/A02"]


async def test_a_running_process_hears_of_new_entries(pool, install):
    """The registry in memory follows the log's tail within a second; its position follows every event."""
    registry = await store.load(pool)
    async with log.Tail(pool).running() as tail:
        following = asyncio.create_task(store.follow(registry, tail, pool))
        await store.write(pool, [window(install, "H1/A01")], ignore)
        async with asyncio.timeout(3):
            while registry.name("window", "H1/A01") is None:
                await asyncio.sleep(0.02)
        following.cancel()
        with pytest.raises(asyncio.CancelledError):
            await following
    assert registry.position == 1


async def test_of_two_who_write_the_same_entry_one_is_refused(pool, install):
    """The second decided on an older state: it must plan again, and other entries of its import are in."""
    first, second = await store.load_entries(pool), await store.load_entries(pool)
    assert first == second or first.by_key == second.by_key == {}
    assert await store.write(pool, [window(install, "H1/A01", "一")], ignore) == 0
    assert await store.write(pool, [window(install, "H1/A01", "二"), window(install, "H1/A02")], ignore) == 1
    registry = await store.load(pool)
    assert registry.name("window", "H1/A01") == "一"
    assert registry.name("window", "H1/A02") == "窗口"


async def test_entries_go_on_from_their_version(pool, install):
    """An entry loaded from the log decides its next event on top of what is there."""
    await store.write(pool, [window(install, "H1/A01")], ignore)
    entries = await store.load_entries(pool)
    entry = entries.by_key["window", "H1/A01"]
    assert entry.retire(MOVE, by="test", at=MOVE)
    assert await store.write(pool, [entry], ignore) == 0
    assert (await store.load(pool)).periods("window", "H1/A01")[0].end == MOVE


async def test_loading_reads_registry_events_by_their_index(pool):
    """Millions of ratings beside them cost nothing: the query's condition is the index's."""
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetch(f"EXPLAIN {store.READ}", 0, 1_000_000, 10)
    assert "events_registry" in "\n".join(row[0] for row in plan)
