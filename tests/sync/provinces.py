"""A simulated province in a process of its own, as `python ops/province/NAME.py` starts it."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec

PROGRAMS = Path(__file__).parents[2] / "ops" / "province"
PATIENCE = 30  # seconds for a process to listen or to end


class Running:
    """A simulator that runs, ran, or will run again: always on the same port and folder."""

    def __init__(self, program: Path, folder: Path, arguments: tuple[str, ...]) -> None:
        """Name what to run; `start` runs it."""
        self.folder, self.url = folder, ""
        self._program, self._arguments, self._port = program, arguments, 0
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start it and wait until it listens."""
        command = (str(self._program), "--port", str(self._port), "--data", str(self.folder), *self._arguments)
        env = os.environ | {"PYTHONPATH": str(PROGRAMS)}  # for simulators that stand elsewhere
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *command, stdout=asyncio.subprocess.PIPE, env=env
        )
        line = await asyncio.wait_for(self._process.stdout.readline(), PATIENCE)
        said, _, self.url = line.decode().strip().partition(" ")
        assert said == "listening", f"{self._program.name} did not start: {line!r}"
        self._port = int(self.url.rpartition(":")[2])

    async def kill(self) -> None:
        """End it with SIGKILL, in the middle of whatever it does."""
        await self._end(signal.SIGKILL)

    async def stop(self) -> None:
        """End it in order."""
        await self._end(signal.SIGTERM)

    async def restart(self) -> None:
        """Start it again on the same port and data; one that still runs is killed first."""
        await self.kill()
        await self.start()

    async def _end(self, with_signal: signal.Signals) -> None:
        if self._process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._process.pid, with_signal)
        await asyncio.wait_for(self._process.wait(), PATIENCE)
        self._process._transport.close()
        self._process = None

    async def records(self, **members: Any) -> list[dict[str, Any]]:
        """Return what it holds, in the order in which it came, of that `kind` or whatever members are given."""
        lines = msgspec.json.Decoder().decode_lines(await self._asked("GET", "records"))
        return [line for line in lines if members.items() <= line.items()]

    async def counts(self) -> dict[str, int]:
        """Return the number of records per kind, and `requests` since its start and `repeats`."""
        return msgspec.json.decode(await self._asked("GET", "counts"))

    async def faults(self, **chances: float) -> dict[str, dict[str, float]]:
        """Set chances; return all as `{name: {"chance", "happened"}}`."""
        if chances:
            return msgspec.json.decode(await self._asked("POST", "faults", chances))
        return msgspec.json.decode(await self._asked("GET", "faults"))

    async def tamper(self, **change: Any) -> str:
        """Delete, alter or add a record: `delete=KEY`, `alter=KEY, satisfaction=5`, `add={…}`; return its key."""
        return msgspec.json.decode(await self._asked("POST", "tamper", change))["key"]

    async def _asked(self, method: str, route: str, body: object = None) -> bytes:
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            content = None if body is None else msgspec.json.encode(body)
            answer = await client.request(method, f"{self.url}/-/{route}", content=content)
        assert answer.status_code == 200, answer.text
        return answer.content


@contextlib.asynccontextmanager
async def province(name: str | Path, folder: Path, *arguments: object) -> AsyncIterator[Running]:
    """Run the simulator ops/province/`name`.py, or the file given, on a free port; end it afterwards.

    Its data are in `folder`/NAME.
    """
    program = name if isinstance(name, Path) else PROGRAMS / f"{name}.py"
    running = Running(program, folder / program.stem, tuple(map(str, arguments)))
    await running.start()
    try:
        yield running
    finally:
        await running.stop()
