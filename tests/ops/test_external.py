"""An external PostgreSQL, set up as docs/operations.md says."""

import re
from pathlib import Path

import asyncpg
import pytest

from haocha.settings import Keys, Settings
from haocha.store.embedded import SUPERUSER, Postgres
from haocha.store.instance import open_instance
from haocha.store.migrate import MigrationError, migrate

GUIDE = Path(__file__).parents[2] / "docs" / "operations.md"


def statements() -> list[str]:
    """Return the guide's SQL for the roles and the database."""
    block = re.search(r"```sql\n(.*?)```", GUIDE.read_text(), re.DOTALL)[1]
    return [line for line in block.splitlines() if line]


@pytest.fixture
async def server(tmp_path) -> Postgres:
    """Start a server that knows nothing of haocha yet, as somebody else's would."""
    postgres = Postgres(tmp_path)
    postgres.start()
    superuser = await asyncpg.connect(postgres.dsn(SUPERUSER, database="postgres"))
    for statement in ("DROP DATABASE haocha", "DROP ROLE haocha_app", "DROP ROLE haocha_owner", *statements()):
        await superuser.execute(statement)
    await superuser.close()
    yield postgres
    postgres.stop()


def settings_of(server: Postgres, *, owner: bool) -> Settings:
    """Return settings with the guide's passwords."""

    def dsn(role: str) -> str:
        password = f"change-me-{role.removeprefix('haocha_')}"
        return re.sub(r"://[^@]*@", f"://{role}:{password}@", server.dsn(SUPERUSER))

    keys = Keys(master=bytes(32), vault={1: bytes(32)})
    owner_dsn = dsn("haocha_owner") if owner else None
    return Settings(data=server.folder, keys=keys, dsn=dsn("haocha_app"), owner_dsn=owner_dsn)


async def test_guides_sql_makes_a_server_that_migrates_and_serves(server):
    """First refused with the command to run, then migrated as the owner, then opened as the application alone."""
    with pytest.raises(MigrationError, match="run: haocha migrate"):
        async with open_instance(settings_of(server, owner=False)):
            pass
    await migrate(settings_of(server, owner=True).owner_dsn)
    async with open_instance(settings_of(server, owner=False)) as instance:
        assert instance.superuser_dsn is None
        connection = await asyncpg.connect(instance.dsn)
        assert await connection.fetchval("SELECT max(upto) FROM log.commits") == 0
        await connection.close()


async def test_missing_role_is_named(server):
    """Without haocha_app the migrations would fail half-way: the message says where its SQL is."""
    superuser = await asyncpg.connect(server.dsn(SUPERUSER, database="postgres"))
    await superuser.execute("DROP ROLE haocha_app")
    await superuser.close()
    with pytest.raises(MigrationError, match="haocha_app does not exist"):
        await migrate(settings_of(server, owner=True).owner_dsn)
