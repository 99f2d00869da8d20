"""Volume: what two million ratings do to memory, disk, score queries and a rebuild."""

import statistics
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from haocha import load
from haocha.domain.workdays import SHANGHAI
from haocha.engine.rebuild import rebuild
from haocha.store.db import connect
from tests.bench import ingest, parts
from tests.bench.parts import Bench

QUERIES = 200
CHUNK = 50_000
KINDS = ("windows", "staff", "matters", "departments", "halls", "areas", "channels")


async def measure(bench: Bench, small: int, large: int, say: Any) -> dict[str, Any]:
    """Post `small`, then `large` ratings over 30 days in batches, and look at both."""
    async with parts.web(bench) as (port, running):
        with parts.worker(bench):
            await _fill(bench, port, 0, small, say)
            few = await _queries(bench, port)
            started = time.perf_counter()
            await _fill(bench, port, small, large, say)
            filling = (large - small) / (time.perf_counter() - started)
            many = await _queries(bench, port)
            memory = parts.resident(running.pid)
    disk = await _disk(bench)
    rebuilt = await _rebuild(bench, say)
    return {
        "query_p95_small_ms": few * 1000,
        "query_p95_large_ms": many * 1000,
        "query_ratio": many / few,
        "web_resident_bytes": memory,
        "fill_rate": filling,
        "disk": disk,
        "rebuild": rebuilt,
    }


async def _fill(bench: Bench, port: int, have: int, want: int, say: Any) -> None:
    for at in range(have, want, CHUNK):
        rate = await ingest.post(bench, port, f"V{at // ingest.BATCH}-", min(CHUNK, want - at))
        if at // CHUNK % 5 == 0:
            say(f"volume: {at + CHUNK:,} ratings, {rate:,.0f}/s")
    await parts.caught_up(bench.pool)


async def _queries(bench: Bench, port: int) -> float:
    """Return the p95 of score queries over 30 days, all kinds in turn."""
    today = datetime.now(UTC).astimezone(SHANGHAI).date()
    period = {"from": str(today - timedelta(days=load.DAYS)), "to": str(today), "limit": 50}
    headers = {"Authorization": f"Bearer {bench.key}"}
    taken = []
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
        for turn in range(QUERIES + len(KINDS)):
            started = time.perf_counter()
            answer = await client.get(f"/v1/scores/{KINDS[turn % len(KINDS)]}", params=period)
            answer.raise_for_status()
            if turn >= len(KINDS):
                taken.append(time.perf_counter() - started)
    return statistics.quantiles(taken, n=20)[-1]


async def _disk(bench: Bench) -> dict[str, float]:
    """Return bytes per rating: the log with its indexes, personal data, and each read model."""
    ratings = await bench.pool.fetchval("SELECT count(*) FROM log.events WHERE topic = 'rating.submitted:v1'")
    sizes = await bench.pool.fetch(
        "SELECT n.nspname AS schema, c.relname AS name, pg_total_relation_size(c.oid) AS bytes"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind = 'r' AND n.nspname IN ('log', 'private', 'live')"
    )
    log = sum(row["bytes"] for row in sizes if row["schema"] == "log")
    private = sum(row["bytes"] for row in sizes if row["schema"] == "private")
    models = {row["name"]: row["bytes"] / ratings for row in sizes if row["schema"] == "live"}
    return {"ratings": ratings, "log": log / ratings, "private": private / ratings, **models}


async def _rebuild(bench: Bench, say: Any) -> dict[str, float]:
    """Rebuild the scores; before and after, time one plain GROUP BY over the same members of the same jsonb."""
    connection = await connect(bench.instance.dsn)
    try:
        before = await _group_by(connection)
        events = await bench.pool.fetchval("SELECT max(upto) FROM log.commits")
        started = time.perf_counter()
        await rebuild(bench.pool, "scores")
        seconds = time.perf_counter() - started
        after = await _group_by(connection)
    finally:
        await connection.close()
    plain = (before + after) / 2
    say(f"rebuild: {events / seconds:,.0f} events/s; GROUP BY {events / plain:,.0f} events/s")
    return {"rate": events / seconds, "group_by_rate": events / plain, "ratio": plain / seconds}


async def _group_by(connection: Any) -> float:
    started = time.perf_counter()
    await connection.fetch(
        "SELECT state ->> 'day', state ->> 'satisfaction', state ->> 'pf', state ->> 'window', state ->> 'staff',"
        " state ->> 'matter', state ->> 'dept', state ->> 'hall', state ->> 'area', count(*)"
        " FROM log.events WHERE topic = 'rating.submitted:v1' GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9",
        timeout=600,
    )
    return time.perf_counter() - started
