"""sync.toml for each simulated province, as an operator writes it, with its secrets in files of their own."""

from pathlib import Path
from typing import Any

from haocha import peers
from haocha.peers import Peer
from tests.sync.provinces import Running

DIALECTS = ("shandong", "fujian", "zhejiang", "haocha")
MEMBER, MEMBER_SECRET = "yunxiu", "c2VjcmV0LW9mLWEtZmljdGlvbmFsLWNpdHktMDAwMQ=="
ARGUMENTS: dict[str, tuple[str, ...]] = {"haocha": ("--member", MEMBER, "--key", MEMBER_SECRET)}


def secrets_of(dialect: str, running: Running) -> dict[str, str]:
    """Return what the platform gave us."""
    match dialect:
        case "shandong":
            return {
                "app_word": (running.folder / "app.word").read_text(),
                "public_key": (running.folder / "platform.pub").read_text(),
            }
        case "fujian":
            return {"app_key": "example-app-key", "app_code": "example-app-code"}
        case "haocha":
            return {"key": MEMBER_SECRET}
        case _:
            return {}


def options_of(dialect: str) -> str:
    """Return the dialect's options as TOML."""
    return {"shandong": 'app_mark = "haocha"', "haocha": f'member = "{MEMBER}", pull = false'}.get(dialect, "")


def write(data: Path, dialect: str, running: Running, **members: Any) -> Path:
    """Write DATA/sync.toml for one peer and return it; `members` are numbers of the peer's table."""
    data.mkdir(parents=True, exist_ok=True)
    lines = ["[[peer]]", 'name = "province"', f'dialect = "{dialect}"', f'url = "{running.url}"']
    lines += [f"{name} = {value}" for name, value in members.items()]
    lines.append(f"options = {{ {options_of(dialect)} }}")
    found = secrets_of(dialect, running)
    for name, secret in found.items():
        file = data / f"{name}.secret"
        file.touch(mode=0o600)
        file.write_text(secret)
    lines.append("[peer.secrets]")
    lines += [f'{name} = {{ file = "{name}.secret" }}' for name in found]
    path = data / "sync.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def peer(data: Path, dialect: str, running: Running, **members: Any) -> Peer:
    """Write DATA/sync.toml and read it."""
    (found,), faults = peers.load(write(data, dialect, running, **members), {})
    assert faults == []
    return found
