"""`haocha sync indicators`: the lists of indicators (测评指标) that hold here, and publishing one of our own."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.commands.policy import by
from haocha.domain.indicators import Indicator, Indicators
from haocha.store.instance import Instance


@click.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--version", metavar="NAME", help="What the list is called, such as 2027-01; needed with FILE.")
@click.option("--apply", is_flag=True, help="Publish it; without it the changes are only shown (dry run).")
@data_option
@json_option
def indicators(file: Path | None, version: str | None, data: Path | None, *, apply: bool, as_json: bool) -> None:
    """Show the lists of indicators that came down or were published here; publish FILE as another.

    FILE is JSON as `GET /v1/indicators` answers it, or its array alone: normCode, normName, starLevel, usingStatus and
    expandNorm. What it names is as it says from then on, here and at the members below; the rest stays as it was.
    """
    if file is not None and not version:
        raise click.UsageError("Say what the list is called: --version NAME.")
    if file is None:
        _show(in_instance(data, _known), as_json=as_json)
        return
    items = _read(file)
    name = version or ""

    async def work(instance: Instance) -> tuple[list[str], list[str]]:
        return await _publish(instance, name, items, apply=apply)

    changes, faults = in_instance(data, work)
    if faults:
        report({"applied": False, "faults": faults}, "\n".join([*faults, f"{len(faults)} faults."]), as_json=as_json)
        raise click.exceptions.Exit(1)
    said = "Published." if apply else "This was a dry run: --apply publishes it."
    lines = [*changes, f"{name}: {len(items)} indicators, {len(changes)} change.", said]
    report({"applied": apply, "version": name, "changes": changes}, "\n".join(lines), as_json=as_json)


async def _known(instance: Instance) -> Indicators:
    from haocha.store import indicators as store
    from haocha.store.db import open_pool

    async with await open_pool(instance.dsn, size=1) as pool:
        return await store.load(pool)


def _show(known: Indicators, *, as_json: bool) -> None:
    versions = [{"version": one.version, "peer": one.peer, "at": one.at, "n": one.indicators} for one in known.versions]
    lines = [
        f"{one.version}  {one.indicators:>4} indicators  {one.peer or 'here'}  {one.at or 'with the program'}"
        for one in known.versions
    ]
    lines.append(f"{len(known.current)} indicators in use.")
    report({"versions": versions, "used": sorted(known.current)}, "\n".join(lines), as_json=as_json)


def _read(file: Path) -> list[Any]:
    try:
        read = msgspec.json.decode(file.read_bytes())
    except (OSError, msgspec.DecodeError) as error:
        raise click.ClickException(f"{file} cannot be read: {error}") from None
    items = read.get("data") if isinstance(read, dict) else read
    if not isinstance(items, list) or not items:
        raise click.ClickException(f'{file} must be an array of indicators, or {{"data": [ … ]}}.')
    return items


async def _publish(instance: Instance, version: str, items: list[Any], *, apply: bool) -> tuple[list[str], list[str]]:
    """Return what changes, or every fault; append the version where `apply` is true."""
    from haocha.domain.registry import Registry
    from haocha.store import events, log
    from haocha.store import indicators as store
    from haocha.store import install as installs
    from haocha.store.db import open_pool
    from haocha.store.vault import Vault
    from haocha.web import order_facts

    keys = instance.settings.keys
    async with await open_pool(instance.dsn, size=1) as pool:
        install = await installs.load(pool)
        known = await store.load(pool)
        desk = order_facts.Desk(install.namespace, Registry(), Vault(keys), keys.derive("digest"))
        ready = order_facts.own_list(desk, version, items, at=datetime.now(UTC), by=by())
        if not isinstance(ready, order_facts.Ready):
            return [], [f"{fault.pointer}  {fault.message}" for fault in ready]
        event = ready.group.events[0]
        fact = events.decode(event.topic, event.state, event.originator_id, event.version)
        changes = [line for one in fact.items if (line := _change(known, one))]
        if apply:
            (verdict,) = await log.append(pool, [ready.group])
            if verdict.verdict != "ok":
                return [], [f"There is a version {version} already: call this one otherwise."]
        return changes, []


def _change(known: Indicators, one: Indicator) -> str:
    """Say what a list changes about one code; '' where it says what is so already."""
    before = {other.code: other for other in known}.get(one.code)
    if before == one:
        return ""
    sign = "+" if before is None else "-" if before.used and not one.used else "~"
    return f"{sign} {one.code} {one.level} {one.name}"
