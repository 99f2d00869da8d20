"""Reads a table that somebody uploaded in a process of its own, with little memory and little time.

A spreadsheet of 5 kB may say that it has a million rows, or unpack to gigabytes; whoever reads it makes room for all of
that at once. Here it is a child that dies of it, and what serves everybody goes on.
"""

import contextlib
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import msgspec

from haocha.registry import files
from haocha.registry.files import Table, Unreadable

MEMORY: Final = 1024 * 1024 * 1024
"""Bytes of addresses, most of them of libraries; a table of 5 MB needs a tenth of it."""
SECONDS: Final = 20
LARGEST: Final = 64 * 1024 * 1024
"""Bytes of the answer."""


def read(body: bytes, suffix: str) -> Table:
    """Read a table by its ending as `files.read` does; raises `Unreadable`, also where reading it takes too much."""
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:
        file.write(body)
        file.flush()
        command = (sys.executable, "-m", "haocha.registry.apart", file.name)
        with contextlib.suppress(subprocess.TimeoutExpired):
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=SECONDS + 5
            )
            if done.returncode == 0:
                return msgspec.json.decode(done.stdout, type=Table)
    raise Unreadable("The table cannot be read, or takes too much to read.")


def main() -> int:
    """Be the child: read one file within the limits and write it as JSON."""
    for limit, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(limit, (most, most))
    try:
        answer = msgspec.json.encode(files.read(Path(sys.argv[1])))
    except (Unreadable, MemoryError):
        return 1
    if len(answer) > LARGEST:
        return 1
    sys.stdout.buffer.write(answer)
    return 0


if __name__ == "__main__":
    sys.exit(main())
