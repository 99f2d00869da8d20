"""The embedded PostgreSQL is joined, left, killed and healed for real."""

import asyncio
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import asyncpg
import pytest

from haocha.settings import Keys, Settings
from haocha.store import binaries, embedded
from haocha.store.binaries import EmbeddedError
from haocha.store.embedded import Postgres
from haocha.store.instance import Instance, alone, open_instance

JOINER = """
import asyncio, sys
from haocha import settings
from haocha.store.instance import open_instance

async def main():
    async with open_instance(settings.load(data=sys.argv[1]), migrate=False) as instance:
        print(instance.postgres.pid(), flush=True)
        await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


def settings_in(folder: Path) -> Settings:
    """Return the settings of an instance with an embedded PostgreSQL in `folder`."""
    return Settings(data=folder, keys=Keys(master=bytes(32), vault={1: bytes(32)}))


def join(folder: Path) -> subprocess.Popen:
    """Start another process that opens the instance and stays until its input ends; return once it is in."""
    process = subprocess.Popen(
        [sys.executable, "-c", JOINER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip().isdigit()
    return process


def leave(process: subprocess.Popen) -> None:
    """Let that process end in order."""
    process.communicate(timeout=30)


async def answer(instance: Instance) -> int:
    """Ask the database for the number 1."""
    connection = await asyncpg.connect(instance.dsn)
    try:
        return await connection.fetchval("SELECT 1")
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    """Make one cluster for the tests of this file to copy: initdb is the slow part."""
    folder = tmp_path_factory.mktemp("made") / "data"
    folder.mkdir(mode=0o700)
    postgres = Postgres(folder)
    postgres.start()
    postgres.stop()
    return folder


@pytest.fixture
def folder(made, tmp_path) -> Path:
    """Return a data folder of the test's own."""
    return shutil.copytree(made, tmp_path / "data", symlinks=True, ignore=shutil.ignore_patterns("run"))


async def test_last_one_out_stops_the_server(folder):
    """Of two processes the first to leave leaves the server running, the second stops it."""
    async with open_instance(settings_in(folder), migrate=False) as instance:
        other = await asyncio.to_thread(join, folder)
        pid = instance.postgres.pid()
    assert instance.postgres.pid() == pid
    await asyncio.to_thread(leave, other)
    assert instance.postgres.pid() is None


async def test_killed_starter_leaves_a_server_that_the_next_one_joins(folder):
    """SIGKILL of the process that started PostgreSQL costs no one else the database."""
    starter = await asyncio.to_thread(join, folder)
    pid = Postgres(folder).pid()
    starter.kill()
    await asyncio.to_thread(starter.communicate)
    async with open_instance(settings_in(folder), migrate=False) as instance:
        assert instance.postgres.pid() == pid
        assert await answer(instance) == 1
    assert instance.postgres.pid() is None


async def test_killed_server_is_healed(folder):
    """supervise() has the server back within seconds of a SIGKILL, with a connection open and work going on."""
    async with open_instance(settings_in(folder), migrate=False) as instance:
        busy = await asyncpg.connect(instance.dsn)
        working = asyncio.ensure_future(busy.fetchval("SELECT pg_sleep(600)"))
        watch = asyncio.ensure_future(instance.supervise())
        await asyncio.sleep(0.3)
        killed = instance.postgres.pid()
        os.kill(killed, signal.SIGKILL)
        begun = time.monotonic()
        while instance.postgres.pid() in {None, killed}:
            await asyncio.sleep(0.05)
            assert time.monotonic() - begun < 10, "the server did not come back"
        while True:
            try:
                assert await answer(instance) == 1
                break
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.05)
        assert time.monotonic() - begun < 10
        watch.cancel()
        with pytest.raises((asyncpg.PostgresConnectionError, asyncpg.InterfaceError, ConnectionError, OSError)):
            await working
        busy.terminate()


async def test_lock_file_with_a_living_strangers_pid_does_not_stop_the_start(folder):
    """After a crash the dead server's pid may be another process's, as it often is in a container."""
    (folder / "pg" / "postmaster.pid").write_text(
        f"{os.getppid()}\n{folder / 'pg'}\n1\n5432\n{folder / 'run'}\n\n1 1\n"
    )
    async with open_instance(settings_in(folder), migrate=False) as instance:
        assert await answer(instance) == 1


async def test_nobody_connects_without_a_password(folder):
    """The socket's folder is ours alone, and the server asks for passwords all the same."""
    async with open_instance(settings_in(folder), migrate=False) as instance:
        sockets = instance.postgres.sockets
        assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "passwords.json").stat().st_mode) == 0o600
        for role in embedded.ROLES:
            with pytest.raises((asyncpg.InvalidPasswordError, asyncpg.InterfaceError)):
                await asyncpg.connect(host=str(sockets), user=role, password="guess", database="haocha")


async def test_durability_is_on_and_nothing_listens_on_tcp(folder):
    """What is acknowledged is on disk, whatever the other settings say."""
    async with open_instance(settings_in(folder), migrate=False) as instance:
        connection = await asyncpg.connect(instance.dsn)
        names = ("fsync", "synchronous_commit", "full_page_writes", "listen_addresses", "data_checksums", "jit")
        shown = [await connection.fetchval(f"SHOW {name}") for name in names]
        assert shown == ["on", "on", "on", "", "on", "off"]
        assert await connection.fetchval("SHOW idle_in_transaction_session_timeout") == "1min"
        await connection.close()


def test_two_starters_do_not_race(folder):
    """Of processes that start at once, one starts the server and the others join it."""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", JOINER, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    pids = {process.stdout.readline().strip() for process in started}
    for process in started:
        leave(process)
    assert len(pids) == 1
    assert Postgres(folder).pid() is None


def test_other_major_version_stops_with_two_commands(folder):
    """A cluster of another major version is left alone, and the message says how to bring it over."""
    (folder / "pg" / "PG_VERSION").write_text("14\n")
    with pytest.raises(EmbeddedError) as refused:
        Postgres(folder).start()
    commands = [line.strip() for line in str(refused.value).splitlines() if line.startswith("  ")]
    assert [command.split()[0] for command in commands] == ["python", "haocha"]
    assert "made by PostgreSQL 14" in str(refused.value)


def test_too_long_a_path_gets_a_short_private_socket_folder(tmp_path, monkeypatch):
    """A socket's path has 107 bytes at most: a deep data folder uses a folder named by its hash."""
    deep = tmp_path.joinpath(*["d" * 40] * 3)
    deep.mkdir(parents=True)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(Path("/tmp")))
    postgres = Postgres(deep)
    assert postgres.sockets.parent == Path("/tmp")
    postgres.start()
    try:
        assert stat.S_IMODE(postgres.sockets.stat().st_mode) == 0o700
    finally:
        postgres.stop()
        shutil.rmtree(postgres.sockets)


def test_socket_folder_of_somebody_else_is_refused(tmp_path, folder):
    """In a shared folder the name could have been taken by another user: nothing is started there."""
    postgres = Postgres(folder)
    postgres.sockets = tmp_path / "open"
    postgres.sockets.mkdir(mode=0o755)
    postgres.sockets.chmod(0o755)
    with pytest.raises(EmbeddedError, match="ours alone"):
        postgres.start()


def test_folder_in_use_is_not_held_alone(folder):
    """An upgrade waits for nobody: it refuses while any process uses the instance."""
    other = join(folder)
    try:
        with pytest.raises(EmbeddedError, match="in use"), alone(folder):
            pass
    finally:
        leave(other)
    with alone(folder):
        pass


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_namespaces_runs_the_server_as_nobody(monkeypatch):
    """Where the kernel refuses user namespaces the server is nobody's, in a folder nobody can reach."""
    monkeypatch.setattr(binaries, "_namespaces_work", lambda _prefix: False)
    folder = Path(f"/tmp/haocha-test-{os.getpid()}")
    folder.mkdir(mode=0o700)
    postgres = Postgres(folder)
    try:
        postgres.start()
        owner = (Path("/proc") / str(postgres.pid())).stat().st_uid
        assert owner == (folder / "pg").stat().st_uid != 0
        postgres.stop()
        assert postgres.pid() is None
    finally:
        shutil.rmtree(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to become somebody else")
def test_root_without_namespaces_in_its_own_folder_is_told_where_to_go(monkeypatch, tmp_path):
    """The user nobody cannot reach a folder below /root: the message says so and names another."""
    monkeypatch.setattr(binaries, "_namespaces_work", lambda _prefix: False)
    tmp_path.chmod(0o700)
    folder = tmp_path / "data"
    folder.mkdir()
    with pytest.raises(EmbeddedError, match="/var/lib/haocha"):
        Postgres(folder).start()


def test_without_any_postgresql_the_message_names_both_ways(monkeypatch):
    """No wheel and no pg_config: install one, or use a server of one's own."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EmbeddedError, match=r"haocha\[embedded\].*HAOCHA_DSN"):
        binaries.find()


def test_server_that_cannot_be_seen_is_not_started_twice(folder, monkeypatch):
    """In another container the pid file means nothing, but the lock does: two servers on one cluster would ruin it."""
    monkeypatch.setattr(embedded, "ENDED_WITHIN", 0.5)
    other = join(folder)
    try:
        monkeypatch.setattr(embedded, "_is_server", lambda *_: False)
        with pytest.raises(EmbeddedError, match="cannot be seen from here"):
            Postgres(folder).start()
    finally:
        monkeypatch.undo()
        leave(other)
