"""Ingest: single ratings against the empty handler, batches against COPY, and the lag until a score shows them."""

import asyncio
import itertools
import statistics
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import httpx
import msgspec

from haocha import load
from haocha.store.db import connect
from tests.bench import parts
from tests.bench.parts import Bench

CONNECTIONS = 64
ROUNDS = 3
BATCH = 1_000
PREPARED = 12_000  # requests a second are made ready beforehand: more than any server here answers


def requests(bench: Bench, tag: str, count: int) -> Iterator[bytes]:
    """Make `count` requests ready, so that the load generator only sends."""
    made = load.ratings(tag, bench.city, datetime.now(UTC))
    return iter([load.request("/v1/ratings", body, bench.key) for body in itertools.islice(made, count)])


async def single(bench: Bench, seconds: float, say: Any) -> dict[str, Any]:
    """Post single ratings in turn to the empty handler and to haocha with its worker running."""
    against: list[load.Measured] = []
    ours: list[load.Measured] = []
    lags: list[float] = []
    async with parts.empty() as empty, parts.web(bench) as (port, _):
        with parts.worker(bench):
            await parts.caught_up(bench.pool)
            for turn in range(ROUNDS + 1):  # the first warms up
                await asyncio.sleep(1)
                count = int(seconds * PREPARED)
                prepared = requests(bench, f"E{turn}-", count)
                idle = await load.run("127.0.0.1", empty, prepared, connections=CONNECTIONS, seconds=seconds)
                prepared = requests(bench, f"S{turn}-", count)
                busy, seen = await _with_lag(bench, port, prepared, seconds)
                await parts.caught_up(bench.pool)
                if turn:
                    against.append(idle)
                    ours.append(busy)
                    lags += seen
                say(f"single: empty {idle.rate:,.0f}/s, haocha {busy.rate:,.0f}/s {dict(busy.statuses)}")
    ratios = [mine.rate / other.rate for mine, other in zip(ours, against, strict=True)]
    lags.sort()
    return {
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "rate": statistics.median(run.rate for run in ours),
        "empty_rate": statistics.median(run.rate for run in against),
        "p50_ms": statistics.median(run.quantile(0.5) for run in ours) * 1000,
        "p99_ms": statistics.median(run.quantile(0.99) for run in ours) * 1000,
        "lag_p50_s": lags[len(lags) // 2],
        "lag_p99_s": lags[int(len(lags) * 0.99)],
        "lag_samples": len(lags),
    }


class _Last:
    """The newest acknowledged position and when it was acknowledged."""

    def __init__(self) -> None:
        self.position, self.at = 0, 0.0

    def __call__(self, status: int, body: bytes) -> None:
        if status == 201:
            position = msgspec.json.decode(body)["position"]
            if position > self.position:
                self.position, self.at = position, time.perf_counter()


async def _with_lag(
    bench: Bench, port: int, prepared: Iterator[bytes], seconds: float
) -> tuple[load.Measured, list[float]]:
    """Run the load and, beside it, follow single acknowledged ratings until `/v1/scores` has them."""
    last, lags = _Last(), []

    async def follow() -> None:
        headers = {"Authorization": f"Bearer {bench.key}"}
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", headers=headers, timeout=30) as client:
            while True:
                position, at = last.position, last.at
                while position:
                    answer = await client.get("/v1/scores/channels", params={"limit": 1, "after": position})
                    if answer.json()["position"] >= position:
                        lags.append(time.perf_counter() - at)
                        break
                await asyncio.sleep(0.05)

    following = asyncio.create_task(follow())
    measured = await load.run("127.0.0.1", port, prepared, connections=CONNECTIONS, seconds=seconds, answer=last)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
    return measured, lags


async def batches(bench: Bench, count: int, say: Any) -> dict[str, Any]:
    """Post batches of 1,000, then COPY the very same events into a bare table, in turn."""
    ratios, rates, copies = [], [], []
    async with parts.web(bench) as (port, _):
        for turn in range(ROUNDS + 1):
            before = await bench.pool.fetchval("SELECT max(upto) FROM log.commits")
            rate = await post(bench, port, f"B{turn}-", count)
            copied = await _copy(bench, before, before + count)
            if turn:
                rates.append(rate)
                copies.append(copied)
                ratios.append(rate / copied)
            say(f"batches: haocha {rate:,.0f}/s, COPY {copied:,.0f}/s")
    return {
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "rate": statistics.median(rates),
        "copy_rate": statistics.median(copies),
    }


async def post(bench: Bench, port: int, tag: str, count: int, days: int = load.DAYS) -> float:
    """Post `count` ratings in batches of 1,000 over two connections; return ratings per second."""
    made = load.ratings(tag, bench.city, datetime.now(UTC), days)
    prepared = [
        load.request("/v1/ratings/batch", {"ratings": list(itertools.islice(made, BATCH))}, bench.key)
        for _ in range(count // BATCH)
    ]
    refused: list[bytes] = []

    def answer(status: int, body: bytes) -> None:
        if status != 200 or b'"status":201' not in body:
            refused.append(body[:200])

    measured = await load.run("127.0.0.1", port, iter(prepared), connections=2, seconds=3600, answer=answer)
    if refused:
        message = f"A batch was refused: {refused[0]!r}"
        raise RuntimeError(message)
    return measured.rate * BATCH


async def _copy(bench: Bench, after: int, upto: int) -> float:
    """COPY the events of a range into a bare table; return events per second."""
    owner: asyncpg.Connection = await connect(str(bench.instance.owner_dsn))
    try:
        rows = await owner.fetch("SELECT * FROM log.events WHERE position > $1 AND position <= $2", after, upto)
        records = [tuple(row) for row in rows]
        await owner.execute("CREATE TABLE log.bare (LIKE log.events)")
        try:
            started = time.perf_counter()
            for at in range(0, len(records), BATCH):
                await owner.copy_records_to_table("bare", schema_name="log", records=records[at : at + BATCH])
            return len(records) / (time.perf_counter() - started)
        finally:
            await owner.execute("DROP TABLE log.bare")
    finally:
        await owner.close()
