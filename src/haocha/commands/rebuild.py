"""`haocha rebuild`: makes read models anew from the log, while everything else goes on."""

from pathlib import Path

import click

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.store.instance import Instance

POOL_SIZE = 2


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--all", "every", is_flag=True, help="Rebuild all of them, one after the other.")
@data_option
@json_option
def rebuild(names: tuple[str, ...], data: Path | None, *, every: bool, as_json: bool) -> None:
    """Rebuild the projection NAME from the log.

    Ingest and queries go on: readers see the old state until the new one takes its place in one step.
    """
    from haocha.store.readmodels import definitions

    known = definitions()
    if every == bool(names):
        raise click.UsageError(f"Name projections or give --all. There are: {' '.join(known)}.")
    if unknown := [name for name in names if name not in known]:
        raise click.BadParameter(f"no projection {' '.join(unknown)}; there are: {' '.join(known)}.", param_hint="NAME")
    done = in_instance(data, lambda instance: _rebuild(instance, tuple(known) if every else names))
    lines = [
        f"{one['projection']}: rebuilt up to position {one['position']}"
        + (f" ({one['perSecond']:,}/s)" if one["perSecond"] else "")
        for one in done
    ]
    report({"rebuilt": done}, "\n".join(lines), as_json=as_json)


async def _rebuild(instance: Instance, names: tuple[str, ...]) -> list[dict[str, object]]:
    import time

    import asyncpg

    from haocha.commands.progress import bars
    from haocha.engine import projector
    from haocha.engine.tables import Busy
    from haocha.store.db import open_pool

    done: list[dict[str, object]] = []
    async with await open_pool(instance.dsn, size=POOL_SIZE) as pool:
        await projector.prepare(pool)
        with bars() as step:
            for name in names:
                started = time.perf_counter()
                try:
                    with step(name) as progress:
                        position = await projector.rebuild(pool, name, progress)
                except (Busy, TimeoutError) as error:
                    raise click.ClickException(str(error)) from None
                except asyncpg.PostgresError as error:
                    raise click.ClickException(f"{name} stays as it was; its fold fails: {error}") from None
                seconds = round(time.perf_counter() - started, 3)
                rate = int(position / seconds) if seconds else 0
                done.append({"projection": name, "position": position, "seconds": seconds, "perSecond": rate})
    return done
