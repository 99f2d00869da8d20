"""A cluster of an older PostgreSQL is brought to the installed one, and nothing is lost on the way."""

from pathlib import Path

import asyncpg
import pytest

from haocha.settings import Keys, Settings
from haocha.store import binaries, upgrade
from haocha.store.binaries import EmbeddedError
from haocha.store.instance import open_instance


def older() -> Path | None:
    """Find the binaries of a system PostgreSQL older than the embedded one."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    return next((f for f in folders if (f / "initdb").exists() and binaries.at(f).major < binaries.find().major), None)


OLD = older()


@pytest.mark.skipif(OLD is None, reason="no older PostgreSQL is installed on this machine")
async def test_older_cluster_is_upgraded_with_its_data(tmp_path, monkeypatch):
    """Made by the older one, refused by the installed one, upgraded, and then served with all its events."""
    settings = Settings(data=tmp_path / "data", keys=Keys(master=bytes(32), vault={1: bytes(32)}))
    with monkeypatch.context() as patched:
        patched.setattr(binaries, "find", lambda: binaries.at(OLD))
        async with open_instance(settings) as instance:
            namespace = await _namespace(instance.dsn)
    with pytest.raises(EmbeddedError, match=f"made by PostgreSQL {binaries.at(OLD).major}"):
        async with open_instance(settings):
            pass

    upgrade.upgrade(settings.data, OLD)

    async with open_instance(settings) as instance:
        assert await _namespace(instance.dsn) == namespace
        connection = await asyncpg.connect(instance.dsn)
        assert connection.get_server_version().major == binaries.find().major
        await connection.close()


def test_binaries_of_a_third_version_are_refused(tmp_path):
    """What --upgrade-from names must be the version that made the cluster."""
    (tmp_path / "pg").mkdir()
    (tmp_path / "pg" / "PG_VERSION").write_text("12\n")
    with pytest.raises(EmbeddedError, match="made by PostgreSQL 12"):
        upgrade.upgrade(tmp_path, binaries.find().folder)


async def _namespace(dsn: str) -> object:
    connection = await asyncpg.connect(dsn)
    try:
        return await connection.fetchval("SELECT namespace FROM log.install")
    finally:
        await connection.close()
