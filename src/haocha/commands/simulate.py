"""`haocha simulate`: fictional traffic against a running haocha."""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from haocha.commands.options import data_option, json_option, report
from haocha.settings import VARIABLES
from haocha.simulate.plan import USUAL, Plan

KEYS, ACCOUNTS, MEMORY = "demo-keys.json", "demo-accounts.json", "simulated.json"


@click.command()
@click.option("--days", type=click.IntRange(0, 365), default=USUAL.days, show_default=True, help="Days of history.")
@click.option(
    "--volume", type=click.IntRange(1), default=USUAL.volume, show_default=True, help="Visits on a working day."
)
@click.option(
    "--rate", type=click.FloatRange(0.1), default=USUAL.rate, show_default=True, help="Live ratings per minute."
)
@click.option("--url", default="http://127.0.0.1:8080", show_default=True, help="Where haocha serves.")
@click.option("--key", help="One key for everything (kind integration). [default: the keys in DIR/demo-keys.json]")
@click.option("--seed", type=int, default=USUAL.seed, show_default=True, help="Another seed, another city and history.")
@click.option("--live", is_flag=True, help="After the history post live traffic until Ctrl-C.")
@click.option(
    "--attached", is_flag=True, hidden=True, help="End when standard input ends, as with the demo that started it."
)
@click.option(
    "--city",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Only write the city's registry to FILE (.csv or .xlsx), for `haocha registry import`.",
)
@data_option
@json_option
def simulate(  # noqa: PLR0917 (click passes them by name)
    days: int,
    volume: int,
    rate: float,
    url: str,
    key: str | None,
    seed: int,
    city: Path | None,
    data: Path | None,
    *,
    live: bool,
    attached: bool,
    as_json: bool,
) -> None:
    """Post fictional service records and ratings of 云岫市 through the HTTP API.

    With --live the people of DIR/demo-accounts.json, where there is one, work on the tickets. Days that were posted
    are remembered in DIR/simulated.json; a second run goes on from there.
    """
    from haocha.simulate import run
    from haocha.simulate.client import Away, Refused

    folder = data or Path(os.environ.get("HAOCHA_DATA") or VARIABLES["HAOCHA_DATA"])
    plan = Plan(days, volume, rate, seed)
    if city is not None:
        _write_city(city, run.remember(folder / MEMORY, plan, datetime.now(UTC).date()), as_json=as_json)
        return
    keys = {"": key} if key else _keys(folder / KEYS)
    if attached:
        threading.Thread(target=_end_with_input, daemon=True).start()
    try:
        with contextlib.suppress(KeyboardInterrupt):
            _simulate(url, keys, plan, folder, live=live, as_json=as_json)
    except (Refused, Away) as error:
        raise click.ClickException(str(error)) from None


def _end_with_input() -> None:
    """Interrupt this process when the other end of standard input is gone, however it went."""
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGINT)


def _keys(file: Path) -> dict[str, str]:
    import msgspec

    if not file.exists():
        raise click.UsageError(
            f"{file} is missing: give --key (see `haocha keys create --help`), or run `haocha demo`, which makes keys."
        )
    return msgspec.json.decode(file.read_bytes(), type=dict[str, str])


def _tokens(file: Path) -> dict[str, str]:
    import msgspec

    from haocha.simulate import staffing

    if not file.exists():
        return {}
    return staffing.tokens(msgspec.json.decode(file.read_bytes(), type=list[staffing.Worker]))


def _write_city(file: Path, memory: Any, *, as_json: bool) -> None:
    from haocha.registry import files
    from haocha.simulate import city

    table = city.table(city.build(memory.seed, memory.since))
    rows = (tuple(line.cells.get(column, "") for column in table.columns) for line in table.lines)
    try:
        written = files.write(file, table.columns, rows)
    except files.Unreadable as error:
        raise click.ClickException(str(error)) from None
    report({"file": str(file), "rows": written}, f"{written} rows written to {file}.", as_json=as_json)


def _simulate(url: str, keys: Mapping[str, str], plan: Plan, folder: Path, *, live: bool, as_json: bool) -> None:
    import asyncio

    import uvloop
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from haocha.simulate import run
    from haocha.simulate.client import Client
    from haocha.simulate.office import Office

    memory = folder / MEMORY
    columns = (TextColumn("history"), BarColumn(), MofNCompleteColumn(), TextColumn("days  {task.fields[taken]}"))
    console = Console(stderr=True)

    async def work() -> None:
        async with Client(url, keys) as client:
            with Progress(*columns, TimeElapsedColumn(), console=console, disable=as_json) as progress:
                task = progress.add_task("history", total=plan.days + 1, taken="")
                await run.history(
                    client,
                    plan,
                    memory,
                    datetime.now(UTC),
                    lambda done, total, taken: progress.update(task, completed=done, total=total, taken=_taken(taken)),
                )
            answers = {f"{to} {status}": n for (to, status), n in sorted(client.answers.items())}
            faults = client.faults[:5]
            report(
                {"answers": answers, "faults": faults},
                "\n".join([f"History is in: {answers or 'it was already'}.", *map(str, faults)]),
                as_json=as_json,
            )
            sys.stdout.flush()
            if live:
                async with Office(url, _tokens(folder / ACCOUNTS)) as office:
                    await asyncio.gather(run.live(client, plan, memory), office.work())

    uvloop.run(work())


def _taken(taken: Mapping[str, int]) -> str:
    return ", ".join(f"{n:,} {to}" for to, n in taken.items())
