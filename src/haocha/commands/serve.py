"""`haocha serve` and `haocha work`: the processes that stay."""

import contextlib
import os
from pathlib import Path

import click

from haocha import logs
from haocha.commands.options import data_option, load_settings, run


@click.command()
@data_option
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Port; 0 takes a free one."
)
@click.option("--no-worker", is_flag=True, help="Serve only; `haocha work` then runs beside it.")
def serve(data: Path | None, host: str, port: int, *, no_worker: bool) -> None:
    """Serve the API and the pages, and run the worker beside them.

    Starts and migrates the embedded PostgreSQL where it does not run yet. SIGINT (Ctrl-C) and SIGTERM end it in order:
    no new requests, the waiting ratings are committed, the last one out stops PostgreSQL.
    """
    from haocha.web import server

    settings = load_settings(data)
    logs.configure("INFO")
    try:
        listening = server.listen(host, port)
    except OSError as error:
        raise click.ClickException(
            f"Cannot listen on {host}:{port} ({os.strerror(error.errno or 0)}): choose another with --port."
        ) from None
    with contextlib.closing(listening):
        run(lambda: server.serve(settings, listening, worker=not no_worker))


@click.command()
@data_option
def work(data: Path | None) -> None:
    """Run the worker alone: projections, handlers and timers, beside `serve --no-worker`.

    Any number may run; those that are too many wait.
    """
    from haocha.engine import process

    settings = load_settings(data)
    logs.configure("INFO")
    run(lambda: process.run(settings))
