"""`haocha inspections`: findings of 监督查评 and the tree of indicators, from and to tables."""

import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.store.instance import Instance

T = TypeVar("T")
SHOWN = 200  # faults that are printed for people; --json has all
TABLE = click.Path(exists=True, dir_okay=False, path_type=Path)
OUT = click.Path(dir_okay=False, path_type=Path)


@click.group()
def inspections() -> None:
    """Import findings (查评问题) and the tree of indicators (指标体系) that they are held against."""


@inspections.group()
def tree() -> None:
    """Import and export the tree of indicators."""


@inspections.command("import")
@click.argument("file", type=TABLE)
@click.option(
    "--photos", type=click.Path(exists=True, path_type=Path), help="The folder or zip with the photos it names."
)
@click.option("--apply", is_flag=True, help="Write the findings; without it is only checked (dry run).")
@data_option
@json_option
def import_(file: Path, photos: Path | None, data: Path | None, *, apply: bool, as_json: bool) -> None:
    """Import FILE (.xlsx or .csv): one row is one finding, and opens one ticket.

    Columns by their names or their Chinese headings, as in the template (haocha inspections template). Shows every
    fault with its row and column; --apply writes when there are none. The same finding again changes nothing.
    """

    async def work(instance: Instance, pool: Any) -> dict[str, Any]:
        from haocha.commands.progress import bars
        from haocha.domain.ticket_events import Actor
        from haocha.inspections import importing
        from haocha.inspections.photos import Nowhere, opened
        from haocha.registry import files
        from haocha.store import install, registry

        at, by = datetime.now(UTC), Actor(account=f"os:{getpass.getuser()}", role="inspector")
        pictures = opened(photos) if photos else Nowhere()
        desk = importing.Desk(pool, await install.load(pool), instance.settings.keys, await registry.load(pool))
        with bars() as bar, bar("findings") as advance:
            plan = await importing.run(desk, files.read(file), pictures, by=by, at=at, apply=apply, advance=advance)
        return {
            "applied": apply and not plan.faults,
            "new": len(plan.new),
            "unchanged": plan.unchanged,
            "faults": [fault._asdict() for fault in plan.faults],
        }

    _told(
        _in(data, work), "{new} findings to open tickets for, {unchanged} known already.", apply=apply, as_json=as_json
    )


@tree.command("import")
@click.argument("file", type=TABLE)
@click.option("--apply", is_flag=True, help="Publish it as the next version; without it is only checked (dry run).")
@data_option
@json_option
def import_tree(file: Path, data: Path | None, *, apply: bool, as_json: bool) -> None:
    """Import FILE (.xlsx or .csv) with the columns code, name, parent, weight as the tree's next version.

    A finding keeps the version it was held against. The same tree again changes nothing.
    """

    async def work(_: Instance, pool: Any) -> dict[str, Any]:
        from haocha.inspections import tree as trees
        from haocha.registry import files
        from haocha.store import install

        at, by = datetime.now(UTC), f"os:{getpass.getuser()}"
        plan = await trees.publish(pool, await install.load(pool), files.read(file), apply=apply, by=by, at=at)
        return {
            "applied": apply and plan.changed,
            "version": plan.version,
            "nodes": plan.nodes,
            "changed": plan.changed,
            "faults": [fault._asdict() for fault in plan.faults],
        }

    _told(_in(data, work), "{nodes} indicators, version {version}.", apply=apply, as_json=as_json)


@tree.command("export")
@click.argument("file", type=OUT)
@data_option
@json_option
def export_tree(file: Path, data: Path | None, *, as_json: bool) -> None:
    """Export the tree in force to FILE (.xlsx or .csv); importing it again changes nothing."""

    async def work(_: Instance, pool: Any) -> dict[str, Any]:
        from haocha.inspections import tree as trees
        from haocha.inspections.columns import TREE
        from haocha.registry import files
        from haocha.store import install

        known = await trees.load(pool, await install.load(pool))
        written = files.write(file, tuple(column.name for column in TREE), trees.rows(known))
        return {"file": str(file), "version": known.version, "nodes": written}

    result = _in(data, work)
    report(result, f"{result['nodes']} indicators written to {file}.", as_json=as_json)


@inspections.command()
@click.argument("file", type=OUT)
@data_option
@json_option
def template(file: Path, data: Path | None, *, as_json: bool) -> None:
    """Write an empty table of findings to FILE (.xlsx), with what belongs into its columns and the tree in force."""
    if file.suffix.lower() != ".xlsx":
        raise click.ClickException(f"{file}: name a file that ends in .xlsx.")

    async def work(_: Instance, pool: Any) -> dict[str, Any]:
        from haocha.inspections import template as templates
        from haocha.inspections import tree as trees
        from haocha.store import install

        templates.write(file, await trees.load(pool, await install.load(pool)))
        return {"file": str(file)}

    report(_in(data, work), f"Template written to {file}.", as_json=as_json)


def _in(data: Path | None, work: Callable[[Instance, Any], Awaitable[T]]) -> T:
    """Run `work` on the instance and a pool; what an operator can mend ends the command with exit code 1."""

    async def inside(instance: Instance) -> T:
        from haocha.store.db import open_pool

        async with await open_pool(instance.dsn, size=2) as pool:
            return await work(instance, pool)

    from haocha.inspections.photos import Unreadable as UnreadablePhotos
    from haocha.registry.files import Unreadable
    from haocha.store.aggregates import Contended

    try:
        return in_instance(data, inside)
    except (Unreadable, UnreadablePhotos) as error:
        raise click.ClickException(str(error)) from None
    except Contended:
        raise click.ClickException("Others are importing the same: run this again.") from None


def _told(result: dict[str, Any], said: str, *, apply: bool, as_json: bool) -> None:
    """Report what an import did or would do; faults are findings: exit code 1."""
    from haocha.inspections.columns import Fault, english

    faults = [english(Fault(**fault)) for fault in result["faults"]]
    if faults:
        more = [f"… and {len(faults) - SHOWN} more"] if len(faults) > SHOWN else []
        lines = [*faults[:SHOWN], *more, f"{len(faults)} faults: nothing was imported."]
    else:
        lines = [said.format(**result)]
        if not apply:
            lines.append("This was a dry run: import with --apply to write it.")
    report(result, "\n".join(lines), as_json=as_json)
    if faults:
        raise click.exceptions.Exit(1)
