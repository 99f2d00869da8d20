"""`haocha backup` and `haocha restore`."""

import os
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from haocha.commands.options import data_option, in_instance, json_option, load_settings, report, run
from haocha.settings import Keys, data_folder
from haocha.store import backup as backups
from haocha.store.backup import Manifest
from haocha.store.instance import Instance

KEYS_NOTE = "Without these keys the vault (identities) cannot be read: keep them apart from the backups, but keep them."


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@data_option
@click.option(
    "--keys",
    "keys_file",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Also copy the instance's keys to FILE (mode 600). They are never inside a backup.",
)
@click.option(
    "--keep", type=click.IntRange(min=1), metavar="N", help="Then remove all but the newest N backups in DIR."
)
@json_option
def backup(folder: Path, data: Path | None, keys_file: Path | None, keep: int | None, *, as_json: bool) -> None:
    """Back the embedded PostgreSQL up into DIR/<time>/ while everything runs on."""
    keys = load_settings(data).keys

    async def work(instance: Instance) -> tuple[Path, Manifest]:
        with _bar() as bar:
            task = bar.add_task("backup", total=None)
            return await backups.take(
                instance,
                folder.absolute(),
                progress=lambda done, total: bar.update(task, completed=done * 1024, total=total * 1024),
            )

    path, manifest = in_instance(data, work)
    if keys_file:
        run(lambda: _copy_keys(keys, keys_file))
    removed = backups.prune(folder.absolute(), keep) if keep else []
    lines = [f"{path}: {manifest.bytes:,} bytes, log up to {manifest.position}"]
    lines += [f"removed {old}" for old in removed]
    lines.append(f"{keys_file}: {KEYS_NOTE}" if keys_file else f"The keys are not inside (--keys FILE). {KEYS_NOTE}")
    built = msgspec.to_builtins(manifest)
    report({"path": path, "removed": removed, "keys": keys_file, **built}, "\n".join(lines), as_json=as_json)


@click.command()
@click.argument("folder", metavar="DIR", type=click.Path(exists=True, file_okay=False, path_type=Path))
@data_option
@click.option(
    "--keys",
    "keys_file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="The keys of the instance, as `haocha backup --keys FILE` wrote them. Not needed where HAOCHA_KEYS is set.",
)
@click.option(
    "--without-keys",
    is_flag=True,
    help="Restore although the keys are lost: identities and old receipts stay unreadable for ever.",
)
@json_option
def restore(folder: Path, data: Path | None, keys_file: Path | None, *, without_keys: bool, as_json: bool) -> None:
    """Restore the backup DIR (or the newest in DIR) into the new instance --data."""
    keys = _keys(keys_file, needed=not without_keys)
    source = (backups.finished(folder) or [folder])[-1]
    target = data_folder(data)

    async def work() -> Manifest:
        return backups.restore(source.absolute(), target, keys)

    manifest = run(work)
    since = f" --since {manifest.position}:{manifest.seal}" if manifest.seal else ""
    report(
        {"data": target, "path": source, **msgspec.to_builtins(manifest)},
        f"{target}: restored from {source}, log up to at least {manifest.position}.\n"
        f"Now run: haocha check --data {target}{since}",
        as_json=as_json,
    )


def _keys(file: Path | None, *, needed: bool) -> Keys | None:
    if file is None:
        if needed and not os.environ.get("HAOCHA_KEYS"):
            raise click.UsageError(f"--keys FILE is missing. {KEYS_NOTE} If they are lost: --without-keys.")
        return None
    try:
        return Keys.from_json(file.read_bytes())
    except ValueError as error:
        raise click.ClickException(f"{file} {error}") from None


async def _copy_keys(keys: Keys, file: Path) -> None:
    backups.copy_keys(keys, file)


def _bar() -> Progress:
    console = Console(stderr=True)
    columns = ("{task.description}", BarColumn(), DownloadColumn(binary_units=True), TimeRemainingColumn())
    return Progress(*columns, console=console, disable=not console.is_terminal)
