"""One embedded PostgreSQL for the whole run, one migrated template, one fresh clone of it per test that asks."""

import itertools
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import asyncpg
import pytest

from haocha.settings import Keys, Settings
from haocha.store import install as installs
from haocha.store.db import open_pool
from haocha.store.embedded import SUPERUSER, Postgres
from haocha.store.install import Install
from haocha.store.migrate import migrate

TEMPLATE = "haocha_template"
NUMBERS = itertools.count(1)


class Cluster:
    """The run's server, and the names of the databases in it."""

    def __init__(self, postgres: Postgres) -> None:
        self.postgres = postgres

    def dsn(self, role: str, database: str) -> str:
        """Return the address of a database for one of the roles."""
        return self.postgres.dsn(role, database=database)

    async def run(self, statement: str) -> None:
        """Run one statement as the superuser, outside any test's database."""
        connection = await asyncpg.connect(self.dsn(SUPERUSER, "postgres"))
        try:
            await connection.execute(statement)
        finally:
            await connection.close()


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """Start the run's server; nothing here outlives the run, so it need not reach the disk."""
    with tempfile.TemporaryDirectory(prefix="haocha-") as folder:
        postgres = Postgres(
            Path(folder),
            options={
                "fsync": "off",
                "synchronous_commit": "off",
                "full_page_writes": "off",
                "shared_buffers": "64MB",
                "max_connections": "100",
            },
        )
        postgres.start()
        try:
            yield postgres
        finally:
            postgres.stop()


@pytest.fixture(scope="session")
async def cluster(postgres: Postgres) -> Cluster:
    """Make the migrated template that every test's database is cloned from."""
    cluster = Cluster(postgres)
    await cluster.run(f"CREATE DATABASE {TEMPLATE} OWNER haocha_owner")
    await migrate(cluster.dsn("haocha_owner", TEMPLATE))
    return cluster


@pytest.fixture
async def database(cluster: Cluster) -> AsyncIterator[str]:
    """Clone the template; return the name of the clone."""
    name = f"test_{next(NUMBERS)}"
    await cluster.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER haocha_owner")
    yield name
    await cluster.run(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def dsn(cluster: Cluster, database: str) -> str:
    """Return the address of the test's database for haocha_app."""
    return cluster.dsn("haocha_app", database)


@pytest.fixture
def owner_dsn(cluster: Cluster, database: str) -> str:
    """Return the address of the test's database for haocha_owner."""
    return cluster.dsn("haocha_owner", database)


@pytest.fixture
def superuser_dsn(cluster: Cluster, database: str) -> str:
    """Return the address of the test's database for the superuser: to tamper with what no role may."""
    return cluster.dsn(SUPERUSER, database)


@pytest.fixture
async def pool(dsn: str) -> AsyncIterator[asyncpg.Pool]:
    """Open the pool of the test's database, as the application does."""
    pool = await open_pool(dsn)
    yield pool
    await pool.close()


@pytest.fixture(scope="session")
def keys() -> Keys:
    """Return keys that are the same in every run."""
    return Keys(master=bytes(range(32)), vault={1: bytes(range(32, 64))})


@pytest.fixture
def settings(tmp_path: Path, keys: Keys, dsn: str, owner_dsn: str) -> Settings:
    """Return the settings of an instance on the test's database."""
    return Settings(data=tmp_path, keys=keys, dsn=dsn, owner_dsn=owner_dsn)


@pytest.fixture
async def install(pool: asyncpg.Pool) -> Install:
    """Return the install of the test's database."""
    async with pool.acquire() as connection:
        return await installs.load(connection)
