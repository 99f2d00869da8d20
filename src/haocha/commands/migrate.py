"""`haocha migrate`: brings the database to the version of this program."""

import asyncio
from pathlib import Path

import click

from haocha.commands.options import data_option, json_option, load_settings, report, run
from haocha.store import upgrade
from haocha.store.instance import open_instance
from haocha.store.migrate import migrate as apply


@click.command()
@data_option
@click.option(
    "--upgrade-from",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    metavar="BIN",
    help="Binaries of the older PostgreSQL that made DIR/pg: bring the cluster to the installed major version first.",
)
@json_option
def migrate(data: Path | None, upgrade_from: Path | None, *, as_json: bool) -> None:
    """Apply the migrations that this version brings; `serve` does the same by itself.

    With an external PostgreSQL (HAOCHA_DSN) it connects with HAOCHA_OWNER_DSN, the role haocha_owner.
    """
    settings = load_settings(data)
    if settings.dsn and not settings.owner_dsn:
        raise click.ClickException("Set HAOCHA_OWNER_DSN to the address of the role haocha_owner: only it may migrate.")

    async def work() -> tuple[str, ...]:
        if upgrade_from and not settings.dsn:
            await asyncio.to_thread(upgrade.upgrade, settings.data, upgrade_from.resolve())
        async with open_instance(settings, migrate=False) as instance:
            return await apply(str(instance.owner_dsn))

    applied = run(work)
    report(
        {"applied": applied},
        "\n".join(f"applied {name}" for name in applied) or "Nothing to apply: the database is up to date.",
        as_json=as_json,
    )
