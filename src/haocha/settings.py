"""Settings: the environment's HAOCHA_* variables, read once into one frozen struct; all faults reported together."""

import base64
import binascii
import difflib
import hashlib
import hmac
import ipaddress
import os
import secrets
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import msgspec
import structlog

from haocha import peers as platforms

log = structlog.get_logger(__name__)

#: Every variable that is read, with what stands in for it. The table in docs/operations.md is held equal to this.
VARIABLES = {
    "HAOCHA_DATA": "./haocha-data",
    "HAOCHA_DSN": "",
    "HAOCHA_OWNER_DSN": "",
    "HAOCHA_KEYS": "DATA/keys.json",
    "HAOCHA_SKEW": "600",
    "HAOCHA_BOARD": "login",
    "HAOCHA_WEIGHTS": "default-10:10,8,6,4,2",
    "HAOCHA_RANK_MINIMUM": "30",
    "HAOCHA_QUEUE": "20000",
    "HAOCHA_PROXIES": "",
    "HAOCHA_SECURE_COOKIES": "",
    "HAOCHA_URL": "",
    "HAOCHA_WEBHOOK": "",
    "HAOCHA_WEBHOOK_SECRET": "",
    "HAOCHA_SYNC": "DATA/sync.toml",
}
LEVELS = (5, 4, 3, 2, 1)
KEY_BYTES = 32
SHORTEST_SECRET = 16


class SettingsError(Exception):
    """Settings cannot be used; `faults` names each variable and what it must be."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("Settings cannot be used:\n" + "\n".join(f"  {fault}" for fault in faults))
        self.faults = faults


class Keys(msgspec.Struct, frozen=True):
    """The instance's secrets: `master` for everything derived, `vault` (number → key) for identities."""

    master: bytes
    vault: dict[int, bytes]

    def derive(self, purpose: str) -> bytes:
        """Return the key of one purpose (`digest`, `receipt`, `webhook` …), 32 bytes, a function of `master`."""
        return hmac.digest(self.master, b"haocha:" + purpose.encode(), hashlib.sha256)

    @property
    def sealing(self) -> tuple[int, bytes]:
        """The number and the key that seal new identities: the highest number."""
        number = max(self.vault)
        return number, self.vault[number]

    def __repr__(self) -> str:
        return f"Keys(vault={sorted(self.vault)})"

    @classmethod
    def generate(cls) -> "Keys":
        """Make new keys from the system's randomness."""
        return cls(master=secrets.token_bytes(KEY_BYTES), vault={1: secrets.token_bytes(KEY_BYTES)})

    @classmethod
    def from_json(cls, text: str | bytes) -> "Keys":
        """Read `{"master": base64, "vault": {"1": base64}}`; raise ValueError with what is wrong."""
        try:
            raw = msgspec.json.decode(text, type=_KeysFile)
            keys = cls(
                master=base64.b64decode(raw.master, validate=True),
                vault={number: base64.b64decode(key, validate=True) for number, key in raw.vault.items()},
            )
        except (msgspec.DecodeError, binascii.Error) as error:
            raise ValueError(f'is not of the form {{"master": base64, "vault": {{"1": base64}}}} ({error})') from None
        if not keys.vault or any(len(key) != KEY_BYTES for key in (keys.master, *keys.vault.values())):
            raise ValueError(f"must hold a master and at least one vault key, each of {KEY_BYTES} bytes")
        return keys

    def to_json(self) -> bytes:
        """Write the form that `from_json` reads."""
        raw = _KeysFile(
            master=base64.b64encode(self.master).decode(),
            vault={number: base64.b64encode(key).decode() for number, key in self.vault.items()},
        )
        return msgspec.json.format(msgspec.json.encode(raw), indent=2) + b"\n"


class _KeysFile(msgspec.Struct):
    master: str
    vault: dict[int, str]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What the environment says, checked. `dsn` None means the embedded PostgreSQL of `data`."""

    data: Path
    keys: Keys
    dsn: str | None = None
    owner_dsn: str | None = None
    skew: int = 600  # seconds a device's clock may be ahead
    board: Literal["login", "public"] = "login"
    weights_version: str = "default-10"
    weights: dict[int, float] = msgspec.field(default_factory=lambda: {5: 10.0, 4: 8.0, 3: 6.0, 2: 4.0, 1: 2.0})
    rank_minimum: int = 30  # ratings below which nothing is ranked
    queue: int = 20_000  # groups that may wait for the next commit
    proxies: tuple[str, ...] = ()  # networks whose X-Forwarded-For is believed
    secure_cookies: bool = False
    url: str = ""  # where people reach the pages, without a slash at the end: what links begin with
    webhooks: tuple[str, ...] = ()  # addresses of gateways that take the notices
    webhook_secret: bytes = b""  # what deliveries are signed with
    peers: tuple[platforms.Peer, ...] = ()  # the platforms that ratings are reported to

    def __repr__(self) -> str:
        return f"Settings(data={str(self.data)!r}, database={'external' if self.dsn else 'embedded'})"


def data_folder(data: Path | str | None = None, env: Mapping[str, str] = os.environ) -> Path:
    """Return the instance's folder: `data` (from --data), else HAOCHA_DATA, else its default; absolute."""
    return Path(data or env.get("HAOCHA_DATA") or VARIABLES["HAOCHA_DATA"]).expanduser().absolute()


def load(
    *, data: Path | str | None = None, env: Mapping[str, str] = os.environ, generate_keys: bool = True
) -> Settings:
    """Read the settings, `data` (from --data) before HAOCHA_DATA; raise SettingsError with every fault at once.

    Missing keys are generated into DATA/keys.json (mode 600) unless `generate_keys` is false: then they are a fault.
    """
    read = _Reader(env)
    folder = data_folder(data, env)
    dsn, owner_dsn = read.dsn("HAOCHA_DSN"), read.dsn("HAOCHA_OWNER_DSN")
    if owner_dsn and not dsn:
        read.faults.append("HAOCHA_OWNER_DSN is set without HAOCHA_DSN: set both, or neither for the embedded database")
    skew = read.integer("HAOCHA_SKEW", least=0)
    board = read.choice("HAOCHA_BOARD", ("login", "public"))
    weights_version, weights = read.weights("HAOCHA_WEIGHTS")
    rank_minimum = read.integer("HAOCHA_RANK_MINIMUM", least=1)
    queue = read.integer("HAOCHA_QUEUE", least=1)
    proxies = read.networks("HAOCHA_PROXIES")
    secure_cookies = read.flag("HAOCHA_SECURE_COOKIES", default=bool(proxies))
    url = read.address("HAOCHA_URL").rstrip("/")
    webhooks = read.addresses("HAOCHA_WEBHOOK")
    if webhooks and not url:
        read.faults.append("HAOCHA_WEBHOOK is set without HAOCHA_URL: what is sent holds links to the pages")
    secret = read.secret("HAOCHA_WEBHOOK_SECRET")
    peers = read.peers("HAOCHA_SYNC", folder)
    keys = read.keys(folder, generate=generate_keys and not read.faults, external=dsn is not None)
    if read.faults or keys is None:
        raise SettingsError(read.faults)
    return Settings(
        data=folder,
        keys=keys,
        dsn=dsn,
        owner_dsn=owner_dsn,
        skew=skew,
        board="public" if board == "public" else "login",
        weights_version=weights_version,
        weights=weights,
        rank_minimum=rank_minimum,
        queue=queue,
        proxies=proxies,
        secure_cookies=secure_cookies,
        url=url,
        webhooks=webhooks,
        webhook_secret=secret or keys.derive("webhook").hex().encode(),
        peers=peers,
    )


class _Reader:
    """Reads one variable after the other and gathers the faults."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.env = env
        self.faults: list[str] = []
        for name in sorted(env):
            if name.startswith("HAOCHA_") and name not in VARIABLES:
                near = difflib.get_close_matches(name, VARIABLES, n=1, cutoff=0.8)
                hint = f"did you mean {near[0]}?" if near else f"known are {' '.join(VARIABLES)}"
                self.faults.append(f"{name} is not a setting: {hint}")

    def text(self, name: str) -> str:
        return self.env.get(name, "").strip() or VARIABLES[name]

    def dsn(self, name: str) -> str | None:
        text = self.text(name)
        if text and urlsplit(text).scheme not in {"postgresql", "postgres"}:
            self.faults.append(f"{name} must be an address of the form postgresql://user:password@host:5432/database")
        return text or None

    def integer(self, name: str, *, least: int) -> int:
        text = self.text(name)
        if not (text.isascii() and text.isdigit() and int(text) >= least):
            self.faults.append(f"{name} must be a whole number of at least {least}, not {text!r}")
            return least
        return int(text)

    def choice(self, name: str, among: tuple[str, ...]) -> str:
        text = self.text(name)
        if text not in among:
            self.faults.append(f"{name} must be one of {' '.join(among)}, not {text!r}")
        return text

    def flag(self, name: str, *, default: bool) -> bool:
        text = self.text(name)
        if text not in {"", "0", "1"}:
            self.faults.append(f"{name} must be 1 or 0, not {text!r}")
        return default if text == "" else text == "1"

    def weights(self, name: str) -> tuple[str, dict[int, float]]:
        version, _, numbers = self.text(name).partition(":")
        try:
            scores = [float(number) for number in numbers.split(",")]
        except ValueError:
            scores = []
        if not version or len(scores) != len(LEVELS) or scores != sorted(scores, reverse=True) or scores[-1] < 0:
            self.faults.append(
                f"{name} must be NAME:W5,W4,W3,W2,W1 with falling scores that are not negative, "
                f"like {VARIABLES[name]}, not {self.text(name)!r}"
            )
        return version, dict(zip(LEVELS, scores, strict=False))

    def networks(self, name: str) -> tuple[str, ...]:
        found = []
        for part in self.text(name).replace(",", " ").split():
            try:
                found.append(str(ipaddress.ip_network(part)))
            except ValueError as error:
                self.faults.append(f"{name} must list addresses or networks of reverse proxies: {error}")
        return tuple(found)

    def address(self, name: str) -> str:
        found = self.addresses(name)
        if len(found) > 1:
            self.faults.append(f"{name} must be one address")
        return found[0] if found else ""

    def addresses(self, name: str) -> tuple[str, ...]:
        found = self.text(name).split()
        for address in found:
            try:
                parts = urlsplit(address)
                good = parts.scheme in {"http", "https"} and parts.hostname and not parts.fragment
            except ValueError:
                good = False
            if not good:
                self.faults.append(f"{name} must be an address of the form https://host/path")
        return tuple(found)

    def secret(self, name: str) -> bytes:
        text = self.text(name)
        if text and len(text) < SHORTEST_SECRET:
            self.faults.append(f"{name} must have at least {SHORTEST_SECRET} characters")
        return text.encode()

    def peers(self, name: str, folder: Path) -> tuple[platforms.Peer, ...]:
        given = self.env.get(name, "").strip()
        file = Path(given).expanduser() if given else folder / "sync.toml"
        if given and not file.exists():
            self.faults.append(f"{name}: {file} is not there")
        found, faults = platforms.load(file, self.env)
        self.faults += faults
        return found

    def keys(self, folder: Path, *, generate: bool, external: bool) -> Keys | None:
        file = folder / "keys.json"
        text = self.text("HAOCHA_KEYS") if self.env.get("HAOCHA_KEYS", "").strip() else None
        source = "HAOCHA_KEYS" if text else str(file)
        try:
            if text is None:
                if generate and not file.exists():
                    _generate(file, external=external)
                if not file.exists():
                    if not self.faults:
                        self.faults.append(f"{file} is missing: put the keys of this instance there, or in HAOCHA_KEYS")
                    return None
                text = file.read_text()
            return Keys.from_json(text)
        except OSError as error:
            self.faults.append(f"{source} cannot be read or made: {error.strerror}")
        except ValueError as error:
            self.faults.append(f"{source} {error}")
        return None


def _generate(file: Path, *, external: bool) -> None:
    """Write new keys so that of two processes starting at once both read the same file."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=".keys-")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(Keys.generate().to_json())
            out.flush()
            os.fsync(out.fileno())
        os.link(name, file)
    except FileExistsError:
        return
    finally:
        Path(name).unlink()
    if external:
        log.warning("keys generated", file=str(file), note="every process of this database needs this same file")
