"""haocha as an operator runs it: the real program in processes of its own, on a data folder of its own."""

import contextlib
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

PROGRAM = (sys.executable, "-m", "haocha")
PATIENCE = 60  # seconds for a command to end


def haocha(*arguments: object, code: int = 0, **env: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end and assert its exit code."""
    done = subprocess.run(
        [*PROGRAM, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
        env=os.environ | env,
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def told(*arguments: object, code: int = 0) -> dict[str, Any]:
    """Run one command with --json and return what it reports."""
    return json.loads(haocha(*arguments, "--json", code=code).stdout)


@contextlib.contextmanager
def serving(data: Path, *options: object, **env: str) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Run `haocha serve` on a free port; yield its address and its process, which is ended in order afterwards."""
    process = subprocess.Popen(
        [*PROGRAM, "serve", "--data", str(data), "--port", "0", *map(str, options)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | env,
    )
    try:
        said = []
        for line in process.stderr:
            said.append(line)
            if found := re.match(r"haocha: (http://\S+)/$", line):
                yield found[1], process
                break
        else:
            raise AssertionError("".join(said))
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE)
