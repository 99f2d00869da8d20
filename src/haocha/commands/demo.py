"""`haocha demo`: everything at once, with a fictional city in it."""

import contextlib
import os
from pathlib import Path

import click

from haocha.commands.options import data_option, load_settings, run
from haocha.commands.simulate import ACCOUNTS, KEYS, MEMORY
from haocha.simulate.plan import USUAL, Plan
from haocha.simulate.staffing import Worker

SHOWN = 8  # accounts that are printed: one of each role, and a handler


@click.command()
@data_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port; 0 takes a free one."
)
@click.option("--days", type=click.IntRange(0, 365), default=USUAL.days, show_default=True, help="Days of history.")
@click.option(
    "--volume", type=click.IntRange(1), default=USUAL.volume, show_default=True, help="Visits on a working day."
)
@click.option(
    "--rate", type=click.FloatRange(0.1), default=USUAL.rate, show_default=True, help="Live ratings per minute."
)
@click.option("--seed", type=int, default=USUAL.seed, show_default=True, help="Another seed, another city and history.")
def demo(data: Path | None, host: str, port: int, days: int, volume: int, rate: float, seed: int) -> None:  # noqa: PLR0917 (click passes them by name)
    """Serve the fictional city 云岫市: registry, a month of ratings, live traffic, offices at work, a province above.

    The board is open to everybody (HAOCHA_BOARD=public) unless you set it otherwise. Ctrl-C ends everything; a second
    run goes on with the same data and keys.
    """
    from haocha import demo as demonstration
    from haocha.web import server

    os.environ.setdefault("HAOCHA_BOARD", "public")
    settings = load_settings(data)
    try:
        listening = server.listen(host, port)
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {host}:{port} ({error.strerror}): choose another with --port."
        ) from None
    keys_file = settings.data / KEYS
    plan = Plan(days, volume, rate, seed)

    def say(keys: dict[str, str], workers: list[Worker]) -> None:
        url = demonstration.address(listening)
        width = max(map(len, keys))
        click.echo(
            f"\n  board     {url}/\n  workbench {url}/desk\n  province  {url}/desk/sync\n  API       {url}/schema"
        )
        click.echo(f"\n  log in as, all of them in {settings.data / ACCOUNTS}:")
        for worker in workers[:SHOWN]:
            click.echo(f"  {worker.username:<12} {worker.password}  {worker.role} {worker.name}")
        click.echo(f"\n  demo keys, also in {keys_file}:")
        for name, key in keys.items():
            click.echo(f"  {name:<{width}}  {key}")
        click.echo(
            f"\n  curl -H 'Authorization: Bearer {keys[demonstration.READER]}' '{url}/v1/scores/windows?limit=5'\n"
        )

    files = keys_file, settings.data / ACCOUNTS, settings.data / MEMORY
    with contextlib.closing(listening), contextlib.suppress(KeyboardInterrupt):
        run(lambda: demonstration.serve(settings, listening, plan, files, say))
