"""`haocha check`: proves that the log is whole and that all derived from it is what it says."""

from pathlib import Path
from typing import Any

import click

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.store.instance import Instance

POOL_SIZE = 2


@click.command()
@click.option(
    "--since",
    "since",
    multiple=True,
    metavar="POSITION:SEAL",
    help="A seal that was published (haocha seal prints it): the log must still have it. May be given several times;"
    " the more, the narrower the range that a finding names.",
)
@data_option
@json_option
def check(since: tuple[str, ...], data: Path | None, *, as_json: bool) -> None:
    """Check positions, the chain of seals, checkpoints, parked events, tickets, and every projection against a recount.

    Each finding says what to do next. Exit code 1 where there are any. Ingest may go on meanwhile.
    """
    from haocha.engine.check import Seal

    try:
        seals = [Seal.parse(text) for text in since]
    except ValueError as error:
        raise click.BadParameter(f"{error}.", param_hint="--since") from None
    found = in_instance(data, lambda instance: _check(instance, seals))
    report(found, _told(found), as_json=as_json)
    if found["findings"]:
        raise click.exceptions.Exit(1)


async def _check(instance: Instance, seals: list[Any]) -> dict[str, Any]:
    import msgspec

    from haocha.commands.progress import bars
    from haocha.engine import check as engine
    from haocha.store import log
    from haocha.store.db import open_pool

    async with await open_pool(instance.dsn, size=POOL_SIZE) as pool:
        with bars() as step:
            findings = await engine.check(pool, seals, step)
        return {"position": await log.head(pool), "findings": [msgspec.to_builtins(finding) for finding in findings]}


def _told(found: dict[str, Any]) -> str:
    if not found["findings"]:
        return f"Clean: {found['position']} events, their seals, and all that is derived from them."
    lines = []
    for finding in found["findings"]:
        lines.append(f"{finding['code']}: {finding['message']}")
        lines += [f"    {side}: {row}" for side, row in finding["rows"]]
        lines.append(f"    → {finding['todo']}")
    return "\n".join(lines)
