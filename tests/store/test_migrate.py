"""Migrations are applied once, in order, and never after they were edited."""

from pathlib import Path

import asyncpg
import pytest

from haocha.store import migrate as migrations
from haocha.store.migrate import MigrationError, migrate, verify


def folder_of(tmp_path: Path, **files: str) -> Path:
    """Write migrations into a folder of their own."""
    for name, text in files.items():
        (tmp_path / f"{name}.sql").write_text(text)
    return tmp_path


@pytest.fixture
async def bare(cluster, database) -> str:
    """Return the owner's address of a database without any migration."""
    name = f"{database}_bare"
    await cluster.run(f"CREATE DATABASE {name} OWNER haocha_owner")
    yield cluster.dsn("haocha_owner", name)
    await cluster.run(f"DROP DATABASE {name} WITH (FORCE)")


async def test_second_run_applies_nothing(owner_dsn):
    """A migrated database stays as it is."""
    assert await migrate(owner_dsn) == ()


async def test_files_run_in_order_of_their_numbers(bare, tmp_path):
    """0002 may use what 0001 made; both are reported."""
    folder = folder_of(tmp_path, **{"0002_b": "INSERT INTO a VALUES (1);", "0001_a": "CREATE TABLE a (n int);"})
    assert await migrate(bare, folder=folder) == ("0001_a", "0002_b")


async def test_failed_migration_leaves_nothing(bare, tmp_path):
    """One file is one transaction, its row included: the next run tries the whole file again."""
    folder = folder_of(tmp_path, **{"0001_a": "CREATE TABLE a (n int); SELECT 1/0;"})
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(bare, folder=folder)
    folder_of(tmp_path, **{"0001_a": "CREATE TABLE a (n int);"})
    assert await migrate(bare, folder=folder) == ("0001_a",)


async def test_edited_migration_is_refused(bare, tmp_path):
    """What was applied is what the file must say for ever."""
    folder = folder_of(tmp_path, **{"0001_a": "CREATE TABLE a (n int);"})
    await migrate(bare, folder=folder)
    folder_of(tmp_path, **{"0001_a": "CREATE TABLE a (n bigint);"})
    with pytest.raises(MigrationError, match=r"0001_a\.sql was edited"):
        await migrate(bare, folder=folder)


async def test_database_of_a_newer_version_is_refused(bare, tmp_path):
    """A program must not write to a schema it does not know."""
    folder = folder_of(tmp_path, **{"0001_a": "SELECT 1;", "0002_b": "SELECT 2;"})
    await migrate(bare, folder=folder)
    (folder / "0002_b.sql").unlink()
    with pytest.raises(MigrationError, match="0002_b, which this haocha does not know"):
        await migrate(bare, folder=folder)


async def test_application_names_the_command_where_migrations_are_missing(cluster, database, dsn):
    """Without the owner's address the program only checks, and says what to run."""
    name = f"{database}_empty"
    await cluster.run(f"CREATE DATABASE {name} OWNER haocha_owner")
    connection = await asyncpg.connect(cluster.dsn("haocha_app", name))
    try:
        with pytest.raises(MigrationError, match="run: haocha migrate"):
            await verify(connection)
    finally:
        await connection.close()
        await cluster.run(f"DROP DATABASE {name} WITH (FORCE)")
    connection = await asyncpg.connect(dsn)
    await verify(connection)
    await connection.close()


def test_numbers_are_unique():
    """Two files of one number would run in an order nobody chose."""
    numbers = [migration.name[:4] for migration in migrations.files()]
    assert sorted(set(numbers)) == numbers
