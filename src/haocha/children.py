"""Processes that we start and end with us."""

import asyncio

PATIENCE = 5.0  # seconds to finish what it is at


async def end(process: asyncio.subprocess.Process) -> None:
    """End a process in order; one that takes too long is killed, one that has ended is left alone."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(PATIENCE):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
