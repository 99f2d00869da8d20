"""Peers: the platforms that ratings are reported to (上报), as `sync.toml` names them.

Beside the settings because they are read with them, once, with all faults together. A secret is never written there:
the file says which environment variable or which file holds it.
"""

import os
import re
import stat
import tomllib
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

NAME = r"^[a-z][a-z0-9-]{0,30}$"
OPEN_TO_OTHERS = stat.S_IRGRP | stat.S_IROTH | stat.S_IWGRP | stat.S_IWOTH


class Peer(msgspec.Struct, frozen=True, kw_only=True):
    """One platform: how it is reached, what it is sent and how fast."""

    name: str
    dialect: str
    url: str
    since: date | None = None
    """The first day (of recording, Shanghai) that is reported; None from the beginning of the log."""
    areas: tuple[str, ...] = ()
    """What the areaCode of everything reported begins with; empty: all."""
    wait: timedelta = timedelta(hours=24)
    """How long a rating waits for its service record."""
    rate: float = 200.0
    """Items a second."""
    concurrency: int = 4
    batch: int = 0
    """Items in one call; 0 is the dialect's own."""
    adjust: timedelta = timedelta(0)
    """By how much this platform permits in writing to raise an assessTime that lies before its serviceTime."""
    timeout: float = 20.0
    options: dict[str, Any] = {}
    secrets: dict[str, str] = {}
    districts: dict[str, str] = {}
    """Merged districts (行政区划合并): the first digits of an areaCode → what the platform calls them."""

    def __repr__(self) -> str:
        return f"Peer(name={self.name!r}, dialect={self.dialect!r})"

    def there(self, area: str) -> str:
        """Return an areaCode as the platform has it, where districts were merged; the longest match counts."""
        for ours in sorted(self.districts, key=len, reverse=True):
            if area.startswith(ours):
                return self.districts[ours] + area[len(ours) :]
        return area

    def option(self, name: str, default: Any) -> Any:
        """Return an option of the dialect; raises ValueError where it is not of the default's type."""
        value = self.options.get(name, default)
        if not isinstance(value, type(default)):
            raise ValueError(f"option {name} must be {type(default).__name__}, not {value!r}")  # noqa: TRY004 (a setting)
        return value

    def secret(self, name: str) -> str:
        """Return a secret; raises ValueError naming it where `sync.toml` does not say where it is."""
        if not self.secrets.get(name):
            raise ValueError(f'secret {name} is missing: add {name} = {{ env = "NAME" }} or {{ file = "PATH" }}')
        return self.secrets[name]


class _Source(msgspec.Struct, forbid_unknown_fields=True):
    """Where a secret is."""

    env: str = ""
    file: str = ""


class _Written(msgspec.Struct, forbid_unknown_fields=True):
    """A peer as `sync.toml` writes it."""

    name: Annotated[str, Meta(pattern=NAME)]
    dialect: Annotated[str, Meta(pattern=NAME)]
    url: str
    since: date | None = None
    areas: tuple[Annotated[str, Meta(pattern="^[0-9]{2,12}$")], ...] = ()
    wait_hours: Annotated[float, Meta(ge=0)] = 24.0
    rate: Annotated[float, Meta(gt=0)] = 200.0
    concurrency: Annotated[int, Meta(ge=1, le=64)] = 4
    batch: Annotated[int, Meta(ge=0)] = 0
    adjust_minutes: Annotated[float, Meta(ge=0, le=60)] = 0.0
    timeout: Annotated[float, Meta(gt=0, le=120)] = 20.0
    options: dict[str, Any] = {}
    secrets: dict[str, _Source] = {}
    districts: dict[str, str] = {}


def load(file: Path, env: Mapping[str, str] = os.environ) -> tuple[tuple[Peer, ...], list[str]]:
    """Read `file`; return the peers and all faults. A file that is not there names none."""
    if not file.exists():
        return (), []
    try:
        read = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        return (), [f"{file} cannot be read: {error}"]
    unknown = sorted(set(read) - {"peer"})
    faults = [f"{file}: {name} is not known here; peers are [[peer]] tables" for name in unknown]
    peers: list[Peer] = []
    tables = read.get("peer", [])
    if not isinstance(tables, list):
        return (), [*faults, f"{file}: peers are [[peer]] tables, with two brackets"]
    for number, table in enumerate(tables, start=1):
        where = f"{file}: peer {number}"
        try:
            written = msgspec.convert(table, _Written)
        except msgspec.ValidationError as error:
            faults.append(f"{where}: {error}")
            continue
        where = f"{file}: peer {written.name}"
        secrets, missing = _secrets(written.secrets, file.parent, env)
        faults += [f"{where}: {fault}" for fault in (*missing, *_faults(written, peers))]
        peers.append(_peer(written, secrets))
    return (() if faults else tuple(peers)), faults


def _peer(written: _Written, secrets: dict[str, str]) -> Peer:
    return Peer(
        name=written.name,
        dialect=written.dialect,
        url=written.url.rstrip("/"),
        since=written.since,
        areas=written.areas,
        wait=timedelta(hours=written.wait_hours),
        rate=written.rate,
        concurrency=written.concurrency,
        batch=written.batch,
        adjust=timedelta(minutes=written.adjust_minutes),
        timeout=written.timeout,
        options=written.options,
        secrets=secrets,
        districts=written.districts,
    )


def _faults(written: _Written, earlier: list[Peer]) -> Iterator[str]:
    if any(peer.name == written.name for peer in earlier):
        yield "there is another peer of this name"
    try:
        parts = urlsplit(written.url)
        more = parts.query or parts.fragment or "@" in parts.netloc
        good = parts.scheme in {"http", "https"} and parts.hostname and not more
    except ValueError:
        good = False
    if not good:
        yield "url must be an address of the form https://host/path, without a user or password in it"
    if not all(re.fullmatch("[0-9]{2,12}", code) for pair in written.districts.items() for code in pair):
        yield "districts must map the first digits of an areaCode to others"


def _secrets(sources: dict[str, _Source], folder: Path, env: Mapping[str, str]) -> tuple[dict[str, str], list[str]]:
    """Read each secret from where it is; a file must be its owner's alone."""
    found: dict[str, str] = {}
    faults: list[str] = []
    for name, source in sources.items():
        if bool(source.env) == bool(source.file):
            faults.append(f'secret {name} must be {{ env = "NAME" }} or {{ file = "PATH" }}')
        elif source.env:
            found[name] = env.get(source.env, "").strip()
            if not found[name]:
                faults.append(f"secret {name}: the environment variable {source.env} is not set")
        else:
            path = folder / source.file
            try:
                if path.stat().st_mode & OPEN_TO_OTHERS:
                    faults.append(f"secret {name}: others may read {path}; run chmod 600 {path}")
                found[name] = path.read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                faults.append(f"secret {name}: {path} cannot be read ({error})")
    return found, faults
