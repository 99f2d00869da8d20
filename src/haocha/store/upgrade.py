"""Brings an embedded cluster from the PostgreSQL that made it to the installed one, with pg_upgrade.

The old cluster stays beside the new one until the operator removes it.
"""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from haocha.store import binaries
from haocha.store.binaries import EmbeddedError
from haocha.store.embedded import ACCESS, PORT, SUPERUSER, Postgres
from haocha.store.instance import alone


def upgrade(folder: Path, old_folder: Path) -> None:
    """Upgrade DIR/pg from the binaries in `old_folder`; raise EmbeddedError, with nothing changed, where it fails."""
    old, new = binaries.at(old_folder), binaries.find()
    cluster = folder / "pg"
    made_by = int((cluster / "PG_VERSION").read_text())
    if made_by == new.major:
        return
    if made_by != old.major:
        raise EmbeddedError(f"{cluster} was made by PostgreSQL {made_by}, but {old_folder} holds {old.major}.")
    with alone(folder):
        postgres = Postgres(folder)
        fresh = postgres.initialise(new)
        account = binaries.account(cluster)
        work = folder / "upgrade"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir(mode=0o700)
        account.own(work)
        postgres.prepare_sockets(account)
        with _trusting(cluster), _trusting(fresh):
            done = account.run(
                *(new / "pg_upgrade", "-b", old.folder, "-B", new.folder, "-d", cluster, "-D", fresh),
                *("-U", SUPERUSER, "-s", postgres.sockets, "-p", str(PORT), "-P", str(PORT + 1)),
                cwd=work,
            )
        if done.returncode != 0:
            raise EmbeddedError(f"pg_upgrade failed (its files are in {work}): {done.stdout[-2000:]}{done.stderr}")
        cluster.rename(folder / f"pg.{old.major}")
        fresh.rename(cluster)
        shutil.rmtree(work, ignore_errors=True)


@contextlib.contextmanager
def _trusting(cluster: Path) -> Iterator[None]:
    """Let pg_upgrade in without a password; the socket's folder lets nobody else near."""
    access = cluster / "pg_hba.conf"
    access.write_text("local all all trust\n")
    try:
        yield
    finally:
        access.write_text(ACCESS)
