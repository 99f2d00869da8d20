"""`haocha sync …`: reporting to the platforms above, and what comes down from them."""

import os
import signal
import sys
import threading
from pathlib import Path

import click

from haocha import logs
from haocha.commands.options import data_option, load_settings, run
from haocha.commands.sync_indicators import indicators
from haocha.commands.sync_members import enrol, members, revoke
from haocha.commands.sync_outbox import dead, replay, retry, status
from haocha.commands.sync_reconcile import reconcile


@click.group()
def sync() -> None:
    """Report to the province's platform (省平台对接): what waits, what was refused, whether both sides hold the same.

    The platforms are named in DIR/sync.toml (docs/sync.md); `haocha serve` and `haocha work` report to them by
    themselves.
    """


@sync.command("run")
@data_option
@click.option("--attached", is_flag=True, hidden=True, help="End when standard input ends, as with who started it.")
def run_sync(data: Path | None, *, attached: bool) -> None:
    """Report to every platform of DIR/sync.toml until a signal comes.

    `haocha serve` and `haocha work` start this by themselves. Any number may run; for each platform one sends.
    """
    from haocha.engine import process

    settings = load_settings(data)
    if not settings.peers:
        raise click.ClickException(f"No platform is named in {settings.data / 'sync.toml'}: see docs/sync.md.")
    logs.configure("INFO")
    if attached:
        threading.Thread(target=_end_with_input, daemon=True).start()
    run(lambda: process.sync(settings))


def _end_with_input() -> None:
    """End this process in order when the one that started it is gone."""
    while os.read(sys.stdin.fileno(), 1024):  # not the buffered reader: its lock is missed when the process ends
        pass
    os.kill(os.getpid(), signal.SIGTERM)


for command in (status, dead, retry, replay, reconcile, indicators, enrol, members, revoke):
    sync.add_command(command)
