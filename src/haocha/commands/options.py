"""What every command shares: --data, --json, and running a coroutine inside an opened instance."""

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from haocha.settings import Settings, SettingsError
from haocha.store.binaries import EmbeddedError
from haocha.store.instance import Instance, open_instance
from haocha.store.migrate import MigrationError

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])


def data_option(command: Command) -> Command:
    """Add `--data DIR`, passed on as `data: Path | None`."""
    return click.option(
        "--data",
        type=click.Path(file_okay=False, path_type=Path),
        metavar="DIR",
        help="The instance's folder, with its own embedded PostgreSQL. [default: HAOCHA_DATA, else ./haocha-data]",
    )(command)


def json_option(command: Command) -> Command:
    """Add `--json`, passed on as `as_json: bool`."""
    return click.option("--json", "as_json", is_flag=True, help="Report as JSON on standard output, for scripts.")(
        command
    )


def report(value: Mapping[str, Any] | Sequence[Any], text: str, *, as_json: bool) -> None:
    """Print a command's result: `value` as one line of JSON, or `text` for people."""
    click.echo(msgspec.json.encode(value, enc_hook=str).decode() if as_json else text)


def load_settings(data: Path | None) -> Settings:
    """Read the settings; faults end the command with their list and exit code 1.

    Root becomes the owner of an instance's folder first: files it leaves there must stay usable for that owner.
    """
    from haocha import settings

    folder = settings.data_folder(data)
    if os.geteuid() == 0 and folder.is_dir() and (owner := folder.stat()).st_uid != 0:
        os.setgroups([])
        os.setgid(owner.st_gid)
        os.setuid(owner.st_uid)
    try:
        loaded = settings.load(data=data)
        _check_peers(loaded)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None
    return loaded


def _check_peers(loaded: Settings) -> None:
    """Raise SettingsError with what the peers' dialects find wrong."""
    if not loaded.peers:
        return
    from haocha.sync.dialect import dialect_of
    from haocha.sync.reconcile import time_of

    faults = []
    for peer in loaded.peers:
        try:
            dialect_of(peer)
            time_of(peer)
        except ValueError as error:
            faults.append(f"peer {peer.name}: {error}")
    if faults:
        raise SettingsError(faults)


def run(work: Callable[[], Awaitable[T]]) -> T:
    """Run a coroutine on uvloop; what an operator can mend ends the command with its message and exit code 1."""
    import asyncpg
    import uvloop

    async def main() -> T:
        task = asyncio.current_task()
        if task is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work()

    try:
        return uvloop.run(main())
    except asyncio.CancelledError:
        sys.exit(128 + signal.SIGTERM)
    except (EmbeddedError, MigrationError) as error:
        raise click.ClickException(str(error)) from None
    except (OSError, asyncpg.InvalidAuthorizationSpecificationError, asyncpg.CannotConnectNowError) as error:
        raise click.ClickException(str(error)) from None


def in_instance(data: Path | None, work: Callable[[Instance], Awaitable[T]], *, migrate: bool = True) -> T:
    """Open the instance of `data` (join it, or start and migrate its database), run `work` in it, and leave it."""
    settings = load_settings(data)

    async def inside() -> T:
        async with open_instance(settings, migrate=migrate) as instance:
            return await work(instance)

    return run(inside)
