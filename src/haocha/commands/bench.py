"""`haocha bench`: what this machine takes, in a minute."""

import asyncio
import itertools
import shutil
import socket
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import click
import httpx

from haocha import load
from haocha import settings as settings_of
from haocha.commands.options import json_option, report, run
from haocha.registry import importing, rows
from haocha.simulate import city as cities
from haocha.store import keys
from haocha.store.db import open_pool
from haocha.store.instance import open_instance

PREPARED = 12_000  # requests a second are made ready beforehand: more than one process answers
START_SECONDS = 60


@click.command()
@click.option("--seconds", default=10.0, show_default=True, type=click.FloatRange(1, 300), help="How long to post.")
@click.option("--connections", default=64, show_default=True, type=click.IntRange(1, 1000), help="Clients at a time.")
@click.option(
    "--data",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Make the throw-away instance in this folder: its disk is measured. [default: the folder for temporary files]",
)
@json_option
def bench(seconds: float, connections: int, data: Path | None, *, as_json: bool) -> None:
    """Measure how many ratings a second this machine takes.

    Serves a throw-away instance with the fictional city on loopback (web and worker in one process, every answer after
    its fsync), posts single ratings to it, half of them with an identity, and removes it again. The benchmarks with
    their targets are the developers': `make bench` in the source tree.
    """
    if data:
        data.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="haocha-bench-", dir=data))
    try:
        measured = run(lambda: _measure(folder / "data", seconds, connections))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    taken = measured.statuses[201]
    figures = {
        "ratings": taken,
        "seconds": round(measured.seconds, 2),
        "perSecond": round(taken / measured.seconds),
        "p50Ms": round(measured.quantile(0.5) * 1000, 1),
        "p99Ms": round(measured.quantile(0.99) * 1000, 1),
        "otherAnswers": measured.answered - taken,
    }
    rate = f"{figures['perSecond']:,} a second over {connections} connections"
    latency = f"p50 {figures['p50Ms']} ms, p99 {figures['p99Ms']} ms"
    text = f"{taken:,} ratings in {figures['seconds']} s: {rate}, {latency}, {figures['otherAnswers']} other answers"
    report(figures, text, as_json=as_json)


async def _measure(data: Path, seconds: float, connections: int) -> load.Measured:
    settings = settings_of.load(data=data)
    now = datetime.now(UTC)
    city = load.city(now.date())
    async with open_instance(settings) as instance:
        pool = await open_pool(instance.dsn, size=2)
        try:
            _, key = await keys.create(pool, client="bench", kind="pad", scopes=["ratings:write"], now=now)
            await importing.run(pool, rows.parse(cities.table(city)), apply=True, by="bench", at=now)
        finally:
            await pool.close()
        bodies = itertools.islice(load.ratings("BENCH", city, now), int(seconds * PREPARED))
        requests = [load.request("/v1/ratings", body, key) for body in bodies]
        with socket.create_server(("127.0.0.1", 0)) as free:
            port: int = free.getsockname()[1]
        command = (sys.executable, "-m", "haocha", "serve", "--data", str(data), "--port", str(port))
        server = await asyncio.create_subprocess_exec(*command, stderr=subprocess.DEVNULL)
        try:
            await _ready(port)
            return await load.run("127.0.0.1", port, iter(requests), connections=connections, seconds=seconds)
        finally:
            server.terminate()
            await server.wait()


async def _ready(port: int) -> None:
    async with asyncio.timeout(START_SECONDS), httpx.AsyncClient() as client:
        while True:
            try:
                answer = await client.get(f"http://127.0.0.1:{port}/readyz")
            except httpx.TransportError:
                await asyncio.sleep(0.1)
            else:
                if answer.status_code == httpx.codes.OK:
                    return
