"""Make a virtual environment with pip, also where the system's Python came without ensurepip.

Debian and Ubuntu split ensurepip off into python3-venv; a fresh machine has `python3` alone. Then pip is taken from
PyPI, with the checksum PyPI gives for it, and installs itself from its own wheel.
"""

import hashlib
import json
import subprocess
import sys
import tempfile
import urllib.request
import venv
from importlib.util import find_spec
from pathlib import Path

INDEX = "https://pypi.org/simple/pip/"
JSON = "application/vnd.pypi.simple.v1+json"


def fetch_pip(folder: Path) -> Path:
    """Download the newest release of pip as a wheel into `folder`; refuse one whose checksum differs."""
    request = urllib.request.Request(INDEX, headers={"Accept": JSON})
    with urllib.request.urlopen(request) as answer:  # noqa: S310
        files = json.load(answer)["files"]
    wheels = [f for f in files if f["filename"].endswith(".whl") and not f.get("yanked") and "sha256" in f["hashes"]]
    newest = max(wheels, key=lambda f: [int(part) for part in f["filename"].split("-")[1].split(".") if part.isdigit()])
    with urllib.request.urlopen(newest["url"]) as answer:  # noqa: S310
        body = answer.read()
    if hashlib.sha256(body).hexdigest() != newest["hashes"]["sha256"]:
        sys.exit(f"{newest['url']} does not have the checksum that {INDEX} gives for it: nothing was installed.")
    wheel = folder / newest["filename"]
    wheel.write_bytes(body)
    return wheel


def main() -> None:
    """Make the environment named on the command line."""
    target = Path(sys.argv[1])
    has_ensurepip = find_spec("ensurepip") is not None
    venv.create(target, with_pip=has_ensurepip, clear=target.exists(), symlinks=True)
    if has_ensurepip:
        return
    with tempfile.TemporaryDirectory() as folder:
        wheel = fetch_pip(Path(folder))
        python = target / "bin" / "python"
        subprocess.run([python, wheel / "pip", "install", "--no-index", wheel], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
