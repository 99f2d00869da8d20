"""An instance: one data folder with its database, joined where it runs, started where it does not.

Every process that uses the embedded PostgreSQL holds a shared lock on DIR/lock; the last one out stops the server.
DIR/start.lock makes starting and stopping exclusive, so that two starters do not race.
"""

import asyncio
import contextlib
import fcntl
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import structlog

from haocha.settings import Settings
from haocha.store.binaries import EmbeddedError
from haocha.store.embedded import SUPERUSER, Postgres
from haocha.store.migrate import migrate as run_migrations
from haocha.store.migrate import verify

log = structlog.get_logger(__name__)

WATCH_EVERY = 0.25  # seconds between two looks at the embedded server
TRY_AGAIN = 5.0  # seconds after a start that failed


class Instance:
    """An open instance; `owner_dsn` and `superuser_dsn` are None where they are not ours to have."""

    def __init__(
        self, settings: Settings, dsn: str, owner_dsn: str | None = None, postgres: Postgres | None = None
    ) -> None:
        self.settings = settings
        self.dsn = dsn
        self.owner_dsn = owner_dsn
        self.postgres = postgres

    @property
    def superuser_dsn(self) -> str | None:
        """The embedded server's superuser, for base backups and tests."""
        return self.postgres.dsn(SUPERUSER) if self.postgres else None

    async def supervise(self) -> None:
        """Start the embedded server again whenever it died; return at once for an external one."""
        if self.postgres is None:
            return
        while True:
            await asyncio.sleep(WATCH_EVERY)
            if self.postgres.pid() is not None:
                continue
            log.warning("postgresql died", folder=str(self.settings.data))
            try:
                await asyncio.to_thread(_start, self.postgres)
            except EmbeddedError as error:
                log.error("postgresql did not come back", error=str(error))  # noqa: TRY400 - the message says it all
                await asyncio.sleep(TRY_AGAIN)
            else:
                log.info("postgresql is back")


@contextlib.asynccontextmanager
async def open_instance(settings: Settings, *, migrate: bool = True) -> AsyncIterator[Instance]:
    """Open the instance of `settings`: join or start its database and migrate it, unless `migrate` is false.

    With an external server and no HAOCHA_OWNER_DSN migrations are only checked; MigrationError says what is missing.
    """
    if settings.dsn:
        if migrate and settings.owner_dsn:
            await run_migrations(settings.owner_dsn)
        elif migrate:
            await _check_migrated(settings.dsn)
        yield Instance(settings, settings.dsn, settings.owner_dsn)
        return
    postgres = Postgres(settings.data)
    entering = asyncio.ensure_future(asyncio.to_thread(_enter, postgres))
    try:
        users = await asyncio.shield(entering)
    except asyncio.CancelledError:
        await asyncio.to_thread(_leave, postgres, await entering)
        raise
    try:
        instance = Instance(settings, postgres.dsn("haocha_app"), postgres.dsn("haocha_owner"), postgres)
        if migrate:
            await run_migrations(postgres.dsn("haocha_owner"))
        yield instance
    finally:
        await asyncio.shield(asyncio.to_thread(_leave, postgres, users))


async def _check_migrated(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        await verify(connection)
    finally:
        await connection.close()


@contextlib.contextmanager
def starting(folder: Path) -> Iterator[None]:
    """Hold DIR/start.lock: nobody else starts or stops the server of this folder meanwhile."""
    handle = _open(folder / "start.lock")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Hold the whole folder; raise EmbeddedError while any process uses it."""
    with starting(folder):
        handle = _open(folder / "lock")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
            raise EmbeddedError(f"{folder} is in use: stop every haocha that runs on it, then try again.") from None
        try:
            yield
        finally:
            os.close(handle)


def _start(postgres: Postgres) -> None:
    with starting(postgres.folder):
        postgres.start()


def _enter(postgres: Postgres) -> int:
    """Join or start the server; return the open lock file that says it is used."""
    postgres.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with starting(postgres.folder):
        handle = _open(postgres.folder / "lock")
        try:
            fcntl.flock(handle, fcntl.LOCK_SH)
            postgres.start()
        except BaseException:
            os.close(handle)
            raise
        return handle


def _leave(postgres: Postgres, handle: int) -> None:
    """Let go; stop the server where nobody else uses it."""
    try:
        with starting(postgres.folder):
            fcntl.flock(handle, fcntl.LOCK_UN)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            postgres.stop()
    finally:
        os.close(handle)


def _open(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
