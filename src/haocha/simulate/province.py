"""The demonstration's province: a simulated platform of the Fujian type in a process of its own; our peer for it."""

import asyncio
import contextlib
import os
import secrets
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import httpx
import msgspec

import haocha
from haocha import children, peers
from haocha.peers import Peer
from haocha.settings import Settings

MARK: Final = "# Written by haocha demo, anew each time.\n"
PEER: Final = """[[peer]]
name = "province"
dialect = "fujian"
url = "{url}"
rate = 150
options = {{ reconcile_at = "00:05" }}
[peer.secrets]
app_key = {{ file = "demo-province/app.key" }}
app_code = {{ file = "demo-province/app.code" }}
"""
FAULTS: Final = {"error": 0.01, "html": 0.005, "slow": 0.01, "cut": 0.01, "expire": 0.001, "refuse": 0.0005}
"""What a platform is like on an ordinary day."""


def program() -> Path:
    """Return the simulator: packaged beside this code, else at the repository's root."""
    package = Path(haocha.__file__).parent
    packaged = package / "province" / "fujian.py"
    return packaged if packaged.is_file() else package.parents[1] / "ops" / "province" / "fujian.py"


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Settings]:
    """Run it until the block ends; yield settings with the peer. A sync.toml of somebody else's stays as it is."""
    file = settings.data / "sync.toml"
    if file.exists() and not file.read_text(encoding="utf-8").startswith(MARK):
        yield settings
        return
    folder = settings.data / "demo-province"
    folder.mkdir(exist_ok=True)
    key, code = (_secret(folder / name) for name in ("app.key", "app.code"))
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(str(program()), "--data", str(folder), "--app-key", key, "--app-code", code),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        url = await _listening(process)
        async with httpx.AsyncClient(trust_env=False) as client:
            await client.post(f"{url}/-/faults", content=msgspec.json.encode(FAULTS))
        file.write_text(MARK + PEER.format(url=url), encoding="utf-8")
        found: tuple[Peer, ...]
        found, faults = peers.load(file)
        if faults:
            raise RuntimeError("; ".join(faults))
        yield msgspec.structs.replace(settings, peers=found)
    finally:
        await children.end(process)


def _secret(file: Path) -> str:
    """Read a secret that is its owner's alone, or make one that stays."""
    with contextlib.suppress(FileExistsError):
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as out:
            out.write(secrets.token_urlsafe(16))
    return file.read_text()


async def _listening(process: asyncio.subprocess.Process) -> str:
    """Return where the simulator listens, as it says in its first line."""
    assert process.stdout is not None  # noqa: S101 (it is a pipe)
    line = (await process.stdout.readline()).decode()
    said, _, url = line.strip().partition(" ")
    if said != "listening":
        raise RuntimeError(f"The simulated province did not start: {line!r}")
    return url
