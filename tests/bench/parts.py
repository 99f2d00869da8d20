"""The parts a benchmark runs on: an instance in a new folder, its web process, its worker, and the empty handler."""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx

from haocha import load
from haocha import settings as settings_of
from haocha.registry import importing, rows
from haocha.simulate import city as cities
from haocha.store import keys
from haocha.store.db import open_pool
from haocha.store.instance import Instance, open_instance

SCOPES = ("ratings:write", "services:write", "ratings:read", "scores:read")


class Bench:
    """An open instance with the city in its registry and a key that may do all a benchmark does."""

    def __init__(self, folder: Path, instance: Instance, pool: asyncpg.Pool, key: str) -> None:
        self.folder, self.instance, self.pool, self.key = folder, instance, pool, key
        self.city = load.city(datetime.now(UTC).date())


@contextlib.asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Bench]:
    """Open a new instance in `folder`, import the city and make a key."""
    settings = settings_of.load(data=folder)
    async with open_instance(settings) as instance:
        pool = await open_pool(instance.dsn, size=4)
        now = datetime.now(UTC)
        _, key = await keys.create(pool, client="bench", kind="pad", scopes=SCOPES, now=now)
        parsed = rows.parse(cities.table(load.city(now.date())))
        await importing.run(pool, parsed, apply=True, by="bench", at=now)
        bench = Bench(folder, instance, pool, key)
        try:
            yield bench
        finally:
            await pool.close()


@contextlib.contextmanager
def process(*command: str | Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the block ends; then ask it to stop."""
    with subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL) as running:
        try:
            yield running
        finally:
            running.send_signal(signal.SIGTERM)
            running.wait(30)


def port() -> int:
    """Return a port that is free now."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number: int = listening.getsockname()[1]
        return number


@contextlib.asynccontextmanager
async def web(bench: Bench) -> AsyncIterator[tuple[int, subprocess.Popen[bytes]]]:
    """Run the web process alone; yield its port and process."""
    number = port()
    haocha = Path(sys.executable).with_name("haocha")
    with process(haocha, "serve", "--no-worker", "--data", bench.folder, "--port", str(number)) as running:
        await answering(f"http://127.0.0.1:{number}/healthz")
        yield number, running


@contextlib.contextmanager
def worker(bench: Bench) -> Iterator[subprocess.Popen[bytes]]:
    """Run the worker alone."""
    with process(Path(sys.executable).with_name("haocha"), "work", "--data", bench.folder) as running:
        yield running


@contextlib.asynccontextmanager
async def empty() -> AsyncIterator[int]:
    """Run a Litestar handler that decodes and validates the same body and does nothing; yield its port."""
    number = port()
    options = ("--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "error")
    with process(sys.executable, "-m", "uvicorn", "tests.bench.empty:app", "--port", str(number), *options):
        await answering(f"http://127.0.0.1:{number}/")
        yield number


async def answering(address: str, seconds: float = 30) -> None:
    """Wait until a server answers at all."""
    until = time.monotonic() + seconds
    async with httpx.AsyncClient() as client:
        while time.monotonic() < until:
            with contextlib.suppress(httpx.TransportError):
                await client.get(address)
                return
            await asyncio.sleep(0.05)
    message = f"Nothing answers at {address}."
    raise TimeoutError(message)


async def caught_up(pool: asyncpg.Pool, seconds: float = 900) -> None:
    """Wait until every projection has folded the whole log."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        behind = await pool.fetchval(
            "SELECT (SELECT max(upto) FROM log.commits) - min(position) FROM engine.checkpoints"
            " WHERE name LIKE 'projection:%'"
        )
        if behind == 0:
            return
        await asyncio.sleep(0.2)
    message = "The projections did not catch up."
    raise TimeoutError(message)


def resident(pid: int) -> int:
    """Return the resident memory of a process in bytes."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
