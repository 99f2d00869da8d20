"""`haocha registry`: the departments, halls, windows, staff, matters and devices that ratings are linked to."""

import getpass
import inspect
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.domain.entries import KINDS
from haocha.registry.plan import Plan
from haocha.registry.rows import COLUMNS, Parsed, time_cell
from haocha.store.instance import Instance

SHOWN = 20  # changes that a dry run lists

TABLE = "\b\n" + "\n".join(f"  {name:<15} {what}" for name, what in COLUMNS.items())


@click.group()
def registry() -> None:
    """Import, export and show the registry."""


def _import_help(command: Any) -> Any:
    """Put the table's columns into `--help`."""
    command.__doc__ = f"{inspect.cleandoc(command.__doc__)}\n\n{TABLE}"
    return command


@registry.command("import")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--apply", is_flag=True, help="Write the changes; without it they are only shown (dry run).")
@data_option
@json_option
@_import_help
def import_(file: Path, data: Path | None, *, apply: bool, as_json: bool) -> None:
    """Import FILE (.csv in UTF-8 or GBK, or .xlsx): one row is one period of one entry.

    Shows what would be registered, changed and retired, or every fault with its row and column; --apply writes it.
    The same file again changes nothing. An entry that the file does not name stays as it is. Columns:
    """
    from haocha.registry import files, rows

    try:
        parsed = rows.parse(files.read(file))
    except files.Unreadable as error:
        raise click.ClickException(str(error)) from None
    plan = in_instance(data, lambda instance: _run(instance, parsed, apply=apply, quiet=as_json))
    result = {
        "applied": apply and not plan.faults,
        "counts": plan.counts,
        "unchanged": plan.unchanged,
        "changes": plan.lines,
        "faults": [fault._asdict() for fault in plan.faults],
    }
    report(result, _said(result, apply=apply), as_json=as_json)
    if plan.faults:
        raise click.exceptions.Exit(1)


async def _run(instance: Instance, parsed: Parsed, *, apply: bool, quiet: bool) -> Plan:
    from rich.console import Console
    from rich.progress import Progress

    from haocha.registry import importing
    from haocha.store.aggregates import Contended
    from haocha.store.db import open_pool

    async with await open_pool(instance.dsn, size=2) as pool:
        with Progress(console=Console(stderr=True), disable=quiet or not apply) as progress:
            task = progress.add_task("registry", total=None)
            try:
                return await importing.run(
                    pool,
                    parsed,
                    apply=apply,
                    by=getpass.getuser(),
                    at=datetime.now(UTC),
                    advance=lambda through, total: progress.update(task, advance=through, total=total),
                )
            except Contended:
                raise click.ClickException("Others keep changing the same entries: import the file again.") from None


def _said(result: dict[str, Any], *, apply: bool) -> str:
    if result["faults"]:
        faults = [f"row {fault['row']}, {fault['column'] or '-'}: {fault['message']}" for fault in result["faults"]]
        return "\n".join([*faults, f"{len(faults)} faults: nothing was imported."])
    changes = result["changes"]
    lines = [] if apply else changes[:SHOWN]
    if len(changes) > SHOWN and not apply:
        lines.append(f"… and {len(changes) - SHOWN} more")
    counts = ", ".join(f"{n} {topic}" for topic, n in sorted(result["counts"].items())) or "nothing to change"
    lines.append(f"{counts}; {result['unchanged']} entries unchanged.")
    if changes and not apply:
        lines.append("This was a dry run: import with --apply to write it.")
    return "\n".join(lines)


@registry.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@data_option
@json_option
def export(file: Path, data: Path | None, *, as_json: bool) -> None:
    """Export everything with its history to FILE (.csv or .xlsx); importing it again changes nothing."""
    from haocha.registry import files, rows
    from haocha.store import registry as store
    from haocha.store.db import open_pool

    async def work(instance: Instance) -> int:
        async with await open_pool(instance.dsn, size=2) as pool:
            return files.write(file, tuple(COLUMNS), rows.export(await store.load(pool)))

    try:
        written = in_instance(data, work)
    except files.Unreadable as error:
        raise click.ClickException(str(error)) from None
    report({"file": str(file), "rows": written}, f"{written} rows written to {file}.", as_json=as_json)


@registry.command()
@click.argument("kind", type=click.Choice(tuple(KINDS)))
@click.argument("key")
@data_option
@json_option
def show(kind: str, key: str, data: Path | None, *, as_json: bool) -> None:
    """Show the history of one entry; KEY is hallCode/windowNo, deptCode/staffNo, or the code."""
    from haocha.store import registry as store
    from haocha.store.db import open_pool

    async def work(instance: Instance) -> list[dict[str, Any]]:
        async with await open_pool(instance.dsn, size=2) as pool:
            periods = (await store.load(pool)).periods(kind, key)
        return [{"validFrom": p.start, "validTo": p.end, **p.facts._asdict()} for p in periods]

    history = in_instance(data, work)
    if not history:
        raise click.ClickException(f"No {kind} {key} is known: `haocha registry export FILE` lists all entries.")
    lines = []
    for period in history:
        facts = " ".join(f"{member}={period[member]}" for member in period if member[:5] != "valid" and period[member])
        end = time_cell(period["validTo"]) if period["validTo"] else "open"
        lines.append(f"{time_cell(period['validFrom'])} to {end}  {facts}")
    report({"kind": kind, "key": key, "history": history}, "\n".join(lines), as_json=as_json)
