"""Reporting to a province, against its simulator on the same machine.

How much of a processor is the ciphers', how many a second the haocha type takes, how long a day's outage takes to catch
up, and what ingest feels of it all.
"""

import asyncio
import itertools
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from haocha.domain.registry import Registry
from haocha.engine.reactor import Reactor
from haocha.handlers.report import Report
from haocha.peers import Peer
from haocha.store import install as installs
from haocha.store import log, outbox
from haocha.store.vault import Vault
from haocha.sync import contents
from haocha.sync.contents import Reader
from haocha.sync.dialect import dialect_of
from haocha.sync.mapping import compact
from tests.bench import parts
from tests.bench.loop import Client
from tests.bench.parts import Bench
from tests.sync import configured
from tests.sync.provinces import Running, province
from tests.sync.reporting import cases
from tests.sync.reporting import rating as rating_of

RATE = 200  # ratings a second that are taken in meanwhile
LOOK = 0.05
CLOCK = 100  # ticks of a processor's clock in a second, as /proc counts
PATIENCE = 1_800.0
SAMPLE = """
SELECT position, kind, key, lane, stream, version, recorded_at, attempts, next_at FROM sync.outbox
 WHERE peer = $1 AND state IN ('waiting', 'held') ORDER BY position LIMIT 1000
"""


class Province(NamedTuple):
    """A simulated province, and our peer for it."""

    running: Running
    peer: Peer


class Drained(NamedTuple):
    """What a drain took: items, seconds on the clock, and seconds of the sender's processor."""

    items: int
    seconds: float
    processor: float


@asynccontextmanager
async def reported(bench: Bench, dialect: str, **members: float) -> AsyncIterator[Province]:
    """Run a simulated province and name it in sync.toml."""
    async with province(dialect, bench.folder / "provinces", *configured.ARGUMENTS.get(dialect, ())) as running:
        yield Province(running, configured.peer(bench.folder, dialect, running, **members))


async def fill(bench: Bench, peer: Peer, numbers: range, *, services: bool) -> None:
    """Append cases, and let the handler make the outbox's rows."""
    install = await installs.load(bench.pool)
    vault, now, chance = Vault(bench.instance.settings.keys), datetime.now(UTC), random.Random(1)
    for start in range(numbers.start, numbers.stop, 1_000):
        some = range(start, min(start + 1_000, numbers.stop))
        if services:
            groups = cases(install, vault, some, now=now, supplements=1_000_000)
        else:
            groups = [rating_of(install, vault, f"B{number:012}", number % 5 + 1, now, None, chance) for number in some]
        await log.append(bench.pool, groups)
    handler = Report(install, peer)
    reactor = Reactor(bench.pool, [handler])
    while await reactor.step(handler):
        pass


@contextmanager
def sender(bench: Bench) -> Iterator[subprocess.Popen[bytes]]:
    """Run the sync process alone."""
    with parts.process(Path(sys.executable).with_name("haocha"), "sync", "run", "--data", bench.folder) as running:
        yield running


async def drain(bench: Bench, peer: Peer) -> Drained:
    """Send all that waits; time from the first answer to the last."""
    before = await accepted(bench, peer)
    with sender(bench) as running:
        while (first := await accepted(bench, peer)) == before:
            await asyncio.sleep(LOOK)
        begun, spent = time.perf_counter(), processor(running.pid)
        while await pending(bench, peer):
            assert time.perf_counter() - begun < PATIENCE
            await asyncio.sleep(LOOK)
        seconds, used = time.perf_counter() - begun, processor(running.pid) - spent
    return Drained(await accepted(bench, peer) - first, seconds, used)


async def accepted(bench: Bench, peer: Peer) -> int:
    """Return how many the peer has accepted."""
    return await counted(bench, peer, ["accepted"])


async def pending(bench: Bench, peer: Peer) -> int:
    """Return how many wait."""
    return await counted(bench, peer, ["waiting", "held"])


async def counted(bench: Bench, peer: Peer, states: list[str]) -> int:
    """Return how many rows are in these states."""
    number: int = await bench.pool.fetchval(
        "SELECT coalesce(sum(n), 0)::int FROM sync.tallies WHERE peer = $1 AND state = ANY ($2)", peer.name, states
    )
    return number


def processor(pid: int) -> float:
    """Return the seconds of processor time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK


async def ciphers(bench: Bench, batch: int, items: int, say: Any) -> dict[str, float]:
    """Shandong type: the sender's processor time beside that of the same encryptions alone."""
    async with reported(bench, "shandong", batch=batch, rate=1_000_000, concurrency=4) as (_, peer):
        start = await bench.pool.fetchval("SELECT count(*) FROM log.events")
        await fill(bench, peer, range(start, start + items // 2), services=True)
        alone = await bare(bench, peer, batch)
        done = await drain(bench, peer)
    per_core, per_second = done.items / done.processor, done.items / done.seconds
    say(
        f"shandong, {batch} a call: {per_core:,.0f} items per core and second, bare {1 / alone:,.0f};"
        f" {per_second:,.0f}/s on the clock"
    )
    return {"ratio": alone * per_core, "per_core": per_core, "bare_per_core": 1 / alone, "per_second": per_second}


async def bare(bench: Bench, peer: Peer, batch: int) -> float:
    """Return the processor seconds per item of the same encryptions: each call's payload and its `sign`."""
    install = await installs.load(bench.pool)
    reader = Reader(install.namespace, Vault(bench.instance.settings.keys), Registry())
    rows = await bench.pool.fetch(SAMPLE, peer.name)
    items = await contents.load(bench.pool, reader, [outbox.Row(*row) for row in rows])
    dialect: Any = dialect_of(peer)
    sign = f"{compact(datetime.now(UTC))}haocha{peer.secret('app_word')}".encode()
    payloads = []
    for operation in ("service", "online"):
        records = [dialect._written(operation, one.values) for one in items if dialect.operation(one) == operation]
        payloads += [msgspec.json.encode(records[first : first + batch]) for first in range(0, len(records), batch)]
    dialect._sealed(sign)  # the tables of the key are made with the first
    begun = time.process_time()
    for payload in payloads:
        dialect._sealed(sign)
        dialect._sealed(payload)
    return (time.process_time() - begun) / len(items)


async def own(bench: Bench, items: int, say: Any) -> dict[str, float]:
    """Haocha type: ratings delivered and acknowledged a second."""
    async with reported(bench, "haocha", rate=1_000_000, concurrency=4) as (_, peer):
        await fill(bench, peer, range(items), services=False)
        done = await drain(bench, peer)
    say(f"haocha: {done.items / done.seconds:,.0f} ratings/s delivered and acknowledged")
    return {"per_second": done.items / done.seconds, "per_core": done.items / done.processor}


async def outage(bench: Bench, items: int, say: Any) -> dict[str, float]:
    """Fujian type: a day's ratings after an outage, at the rate that a peer has unless told otherwise."""
    async with reported(bench, "fujian") as (_, peer):
        await fill(bench, peer, range(items), services=True)
        done = await drain(bench, peer)
    say(f"fujian: {done.items:,} ratings in {done.seconds / 60:,.1f} min ({done.items / done.seconds:,.0f}/s)")
    return {"items": done.items, "minutes": done.seconds / 60}


async def backlog(bench: Bench, rows: int, seconds: float, say: Any) -> dict[str, float]:
    """Ingest at a steady rate, alone and while a backlog drains: at a peer's usual rate, and as fast as it goes."""
    async with reported(bench, "haocha") as (running, peer):
        await fill(bench, peer, range(rows), services=False)
        figures: dict[str, float] = {}
        async with parts.web(bench) as (port, _):
            await ingest(bench, port, seconds / 3, "warm")
            before = await ingest(bench, port, seconds, "alone")
            with sender(bench):
                await _begun(bench, peer)
                usual = await ingest(bench, port, seconds, "usual")
                sent = await accepted(bench, peer)
            configured.write(bench.folder, "haocha", running, rate=1_000_000)
            with sender(bench):
                await _begun(bench, peer)
                start, at = await accepted(bench, peer), time.perf_counter()
                flat_out = await ingest(bench, port, seconds, "flat")
                speed = (await accepted(bench, peer) - start) / (time.perf_counter() - at)
            left = await pending(bench, peer)
    figures = {
        "p99_alone_ms": before * 1000,
        "p99_usual_ms": usual * 1000,
        "p99_flat_out_ms": flat_out * 1000,
        "ratio": usual / before,
        "flat_out_ratio": flat_out / before,
        "drained_usual": sent,
        "flat_out_per_second": speed,
        "left": left,
    }
    say(
        f"ingest p99 {before * 1000:.1f} ms alone, {usual * 1000:.1f} ms while {rows:,} rows drain at the usual rate,"
        f" {flat_out * 1000:.1f} ms at {speed:,.0f}/s"
    )
    return figures


async def _begun(bench: Bench, peer: Peer) -> None:
    """Wait until the sender sends."""
    before = await accepted(bench, peer)
    while await accepted(bench, peer) == before:
        await asyncio.sleep(LOOK)


async def ingest(bench: Bench, port: int, seconds: float, tag: str) -> float:
    """Post ratings at a steady rate; return the 99th percentile of the answers' times in seconds."""
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {bench.key}"}
    took: list[float] = []
    now = datetime.now(UTC)
    with closing(Client(port)) as client:

        async def one(number: int) -> None:
            said = {"projectNo": f"{tag}-{number}", "satisfaction": 5, "pf": "4", "assessTime": now.isoformat()}
            begun = time.perf_counter()
            answer = await client.send("POST", "/v1/ratings", headers, msgspec.json.encode(said))
            took.append(time.perf_counter() - begun)
            answer.json()

        begun = time.perf_counter()
        async with asyncio.TaskGroup() as group:
            for number in itertools.count():
                if number / RATE > seconds:
                    break
                await asyncio.sleep(max(0.0, begun + number / RATE - time.perf_counter()))
                group.create_task(one(number))
    return sorted(took)[int(0.99 * len(took))]
