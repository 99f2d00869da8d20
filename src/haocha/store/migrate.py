"""Migrations: runs `migrations/NNNN_name.sql` in order, each in one transaction, and refuses edited ones."""

import hashlib
from pathlib import Path
from typing import NamedTuple

import asyncpg
import structlog

from haocha.store import sql

log = structlog.get_logger(__name__)

LOCK = 7119  # advisory; the log's append lock is 7120
OLDEST = 15  # PostgreSQL's major version

BOOKKEEPING = """
CREATE SCHEMA IF NOT EXISTS migrations;
CREATE TABLE IF NOT EXISTS migrations.applied (
  name text CONSTRAINT applied_name PRIMARY KEY,
  digest bytea NOT NULL,
  applied_at timestamptz NOT NULL DEFAULT now()
);
GRANT USAGE ON SCHEMA migrations TO haocha_app;
GRANT SELECT ON migrations.applied TO haocha_app;
"""


class MigrationError(Exception):
    """The database cannot be brought to, or used at, the version of this program; the message says what to do."""


class Migration(NamedTuple):
    """One numbered file."""

    name: str
    text: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the file as it is: an applied migration is never edited."""
        return hashlib.sha256(self.text.encode()).digest()


def files(folder: Path | None = None) -> tuple[Migration, ...]:
    """Read all migrations in the order of their numbers."""
    paths = sorted((folder or sql.folder("migrations")).glob("[0-9][0-9][0-9][0-9]_*.sql"))
    return tuple(Migration(path.stem, path.read_text(encoding="utf-8")) for path in paths)


async def migrate(owner_dsn: str, *, folder: Path | None = None) -> tuple[str, ...]:
    """Apply what is not applied yet, as haocha_owner; return the names applied now. Two starters take turns."""
    connection = await asyncpg.connect(
        owner_dsn,
        server_settings={"timezone": "UTC", "application_name": "haocha migrate", "client_min_messages": "warning"},
    )
    try:
        await _check_server(connection)
        done: list[str] = []
        for migration in files(folder):
            if await _apply(connection, migration):
                log.info("migrated", migration=migration.name)
                done.append(migration.name)
        await verify(connection, folder=folder)
        return tuple(done)
    finally:
        await connection.close()


async def verify(connection: asyncpg.Connection, *, folder: Path | None = None) -> None:
    """Raise MigrationError unless exactly the migrations of this program are applied, unedited."""
    known = {migration.name: migration.digest for migration in files(folder)}
    try:
        rows = await connection.fetch("SELECT name, digest FROM migrations.applied ORDER BY name")
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError, asyncpg.InsufficientPrivilegeError):
        rows = []
    applied = {row["name"]: row["digest"] for row in rows}
    if missing := sorted(known.keys() - applied.keys()):
        raise MigrationError(
            f"This database lacks the migrations {', '.join(missing)}. "
            "Set HAOCHA_OWNER_DSN to the address of the role haocha_owner and run: haocha migrate"
        )
    if unknown := sorted(applied.keys() - known.keys()):
        raise MigrationError(
            f"This database has the migrations {', '.join(unknown)}, which this haocha does not know: "
            "it was migrated by a newer version. Install that version or restore an older backup."
        )
    _refuse_edited(known, applied)


async def _apply(connection: asyncpg.Connection, migration: Migration) -> bool:
    """Apply one migration unless it is there; its row goes in first, so that a second starter waits for the first."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        await connection.execute(BOOKKEEPING)
        digest = await connection.fetchval("SELECT digest FROM migrations.applied WHERE name = $1", migration.name)
        if digest is not None:
            _refuse_edited({migration.name: migration.digest}, {migration.name: digest})
            return False
        await connection.execute(
            "INSERT INTO migrations.applied (name, digest) VALUES ($1, $2)", migration.name, migration.digest
        )
        await connection.execute(migration.text)
        return True


def _refuse_edited(known: dict[str, bytes], applied: dict[str, bytes]) -> None:
    for name, digest in applied.items():
        if known[name] != digest:
            raise MigrationError(
                f"migrations/{name}.sql was edited after it was applied to this database. "
                "Put the file back as it was and write the change as a new migration."
            )


async def _check_server(connection: asyncpg.Connection) -> None:
    version = connection.get_server_version()
    if version.major < OLDEST:
        raise MigrationError(
            f"haocha needs PostgreSQL {OLDEST} or newer; the server of HAOCHA_OWNER_DSN is {version.major}."
        )
    if not await connection.fetchval("SELECT true FROM pg_roles WHERE rolname = 'haocha_app'"):
        raise MigrationError(
            "The role haocha_app does not exist on this server. "
            "Create it as the section 'External PostgreSQL' of docs/operations.md shows, then run: haocha migrate"
        )
