"""The demonstration: an instance with the fictional city in it, served, with its history, live traffic and offices.

The server runs in this process; the simulation is a second one that comes in by the front door, as any client does;
a simulated province, to which everything is reported, is a third.
"""

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec

from haocha import children
from haocha.registry import importing, rows
from haocha.settings import Settings
from haocha.simulate import city, province, run, staffing
from haocha.simulate.plan import Plan
from haocha.simulate.staffing import Worker
from haocha.store import keys
from haocha.store.db import open_pool
from haocha.store.instance import open_instance
from haocha.web import server

READER = "reader"
WRITES = ["ratings:write", "services:write", "complaints:write"]


async def serve(
    settings: Settings,
    listening: socket.socket,
    plan: Plan,
    files: tuple[Path, Path, Path],
    say: Callable[[dict[str, str], list[Worker]], None],
) -> None:
    """Prepare the instance, tell `say` the demo keys and accounts, then serve and simulate until a signal comes.

    `files` are where the keys, the accounts and the simulation's memory are kept.
    """
    keys_file, accounts_file, memory_file = files
    async with open_instance(settings) as instance:
        async with await open_pool(instance.dsn, size=2) as pool:
            now = datetime.now(UTC)
            memory = run.remember(memory_file, plan, now.date())
            run.keep(memory_file, memory)
            parsed = rows.parse(city.table(city.build(memory.seed, memory.since)))
            await importing.run(pool, parsed, apply=True, by="demo", at=now)
            await staffing.rule(pool, now)
            demo_keys = await _keys(pool, keys_file, now)
            workers = await staffing.hire(pool, accounts_file, now)
        say(demo_keys, workers)
        async with province.running(settings) as with_peer:
            simulating = asyncio.create_task(_simulate(settings.data, listening, plan))
            try:
                await server.serve(with_peer, listening, worker=True)
            finally:
                simulating.cancel()
                await asyncio.gather(simulating, return_exceptions=True)


async def _keys(pool: asyncpg.Pool, file: Path, now: datetime) -> dict[str, str]:
    """Return a key for each kind of client and one that reads all; earlier ones where they still work."""
    known = msgspec.json.decode(file.read_bytes(), type=dict[str, str]) if file.exists() else {}
    clients = keys.Clients(pool)
    held = {name: key for name, key in known.items() if await clients.of(key)}
    for kind in keys.KINDS:
        if kind not in held:
            _, held[kind] = await keys.create(pool, client=f"demo-{kind}", kind=kind, scopes=WRITES, now=now)
    if READER not in held:
        scopes = [scope for scope in keys.SCOPES if not scope.endswith(":write")]
        _, held[READER] = await keys.create(pool, client="demo-reader", kind="web", scopes=scopes, now=now)
    if held != known:
        draft = file.with_suffix(".new")
        draft.unlink(missing_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(msgspec.json.format(msgspec.json.encode(held)))
        draft.replace(file)
    return held


async def _simulate(data: Path, listening: socket.socket, plan: Plan) -> None:
    """Run the simulation as a process of its own; end it with us."""
    options = {"--days": plan.days, "--volume": plan.volume, "--rate": plan.rate, "--seed": plan.seed, "--data": data}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "haocha", "simulate", "--live", "--attached", "--url", address(listening)),
        *(str(part) for option in options.items() for part in option),
        stdin=asyncio.subprocess.PIPE,
    )
    try:
        await process.wait()
    except asyncio.CancelledError:
        await children.end(process)
        raise


def address(listening: socket.socket) -> str:
    """Return where a browser on this machine finds the service."""
    host, port = listening.getsockname()[:2]
    local = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{local}:{port}"
