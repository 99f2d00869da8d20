"""`haocha sync reconcile`: whether a platform holds what it accepted, day by day."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.store.instance import Instance

if TYPE_CHECKING:
    import asyncpg

    from haocha.peers import Peer
    from haocha.sync.dialect import Dialect
    from haocha.sync.reconcile import Result

POOL_SIZE = 3
SHOWN = 20  # differences that are listed for each day


@click.command()
@click.argument("peer", required=False)
@click.option(
    "--day", type=click.DateTime(["%Y-%m-%d"]), help="One day of assessTime in Shanghai. [default: yesterday]"
)
@click.option("--from", "since", type=click.DateTime(["%Y-%m-%d"]), help="The first of several days; needs --to.")
@click.option("--to", "until", type=click.DateTime(["%Y-%m-%d"]), help="The last of several days, inclusive.")
@click.option(
    "--theirs",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    metavar="FILE",
    help="What the platform exported, .csv or .ndjson, where it lists nothing itself (docs/reconciliation.md).",
)
@click.option(
    "--as-of",
    type=click.DateTime(["%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S"]),
    help="When FILE was exported, in Shanghai; what was accepted later is not missed in it. [default: the file's time]",
)
@click.option("--prefix", default="", help="What the platform puts before our case numbers, such as 37, in FILE.")
@data_option
@json_option
def reconcile(  # noqa: PLR0917 (click passes them by name)
    peer: str | None,
    day: datetime | None,
    since: datetime | None,
    until: datetime | None,
    theirs: Path | None,
    as_of: datetime | None,
    prefix: str,
    data: Path | None,
    *,
    as_json: bool,
) -> None:
    """Compare what PEER accepted with what it holds, and list what differs (对账).

    Without PEER every platform that lists what it holds. Exit code 1 where there are differences; what is missing over
    there can be sent again on the page /desk/sync, or by haocha sync replay.
    """
    days = _days(day, since, until)
    told_at = None if theirs is None else _exported_at(theirs, as_of)
    found = in_instance(data, lambda instance: _reconcile(instance, peer, days, theirs, told_at, prefix))
    report({"reconciled": [one for one, _ in found]}, "\n".join(text for _, text in found), as_json=as_json)
    if any(one["differences"] for one, _ in found):
        raise click.exceptions.Exit(1)


def _days(day: datetime | None, since: datetime | None, until: datetime | None) -> list[date]:
    """Return the days asked for, the oldest first."""
    from haocha.domain.workdays import SHANGHAI

    if (since is None) != (until is None) or (day is not None and since is not None):
        raise click.UsageError("Give --day, or --from and --to.")
    if since is None or until is None:
        return [day.date() if day else datetime.now(SHANGHAI).date() - timedelta(days=1)]
    if since > until:
        raise click.UsageError("--to is before --from.")
    return [since.date() + timedelta(days=number) for number in range((until - since).days + 1)]


def _exported_at(file: Path, as_of: datetime | None) -> datetime:
    from haocha.domain.workdays import SHANGHAI

    return as_of.replace(tzinfo=SHANGHAI) if as_of else datetime.fromtimestamp(file.stat().st_mtime, UTC)


def _chosen(instance: Instance, name: str | None, file: Path | None) -> "list[tuple[Peer, Dialect]]":
    """Return the peers that can be reconciled, with their dialects."""
    from haocha.sync.dialect import dialect_of

    peers = [(peer, dialect_of(peer)) for peer in instance.settings.peers if name in {None, peer.name}]
    if not peers:
        known = " ".join(peer.name for peer in instance.settings.peers) or "none"
        raise click.ClickException(f"There is no peer {name or ''}; sync.toml names: {known}.")
    if file is not None:
        if len(peers) > 1:
            raise click.UsageError("Say of which PEER the file is.")
        return peers
    listable = [(peer, dialect) for peer, dialect in peers if dialect.listable]
    if not listable:
        raise click.ClickException(
            f"{' '.join(peer.name for peer, _ in peers)}: this platform does not list what it holds."
            " Let it export the day and give --theirs FILE (docs/reconciliation.md)."
        )
    return listable


async def _reconcile(  # noqa: PLR0917
    instance: Instance,
    name: str | None,
    days: Sequence[date],
    file: Path | None,
    told_at: datetime | None,
    prefix: str,
) -> list[tuple[dict[str, Any], str]]:
    import httpx

    from haocha.commands.progress import bars
    from haocha.store.db import open_pool
    from haocha.sync import holdings, reconcile
    from haocha.sync.dialect import Unavailable
    from haocha.sync.said import scrub

    done = []
    peers = _chosen(instance, name, file)
    async with await open_pool(instance.dsn, size=POOL_SIZE) as pool:
        reader = await reconcile.reader(pool, instance.settings)
        with bars() as step:
            for (peer, dialect), day in ((peer, day) for peer in peers for day in days):
                if file is None:
                    told = holdings.listed(dialect, day)
                else:
                    told = holdings.matched(pool, peer.name, holdings.read(file, day), prefix)
                try:
                    with step(f"{peer.name} {day}") as progress:
                        result = await reconcile.run(
                            pool,
                            reader,
                            peer.name,
                            day,
                            told,
                            source="file" if file else "listing",
                            taken_at=told_at or datetime.now(UTC),
                            progress=progress,
                        )
                except (Unavailable, httpx.HTTPError) as error:
                    why = scrub(str(error), {}) if isinstance(error, Unavailable) else type(error).__name__
                    raise click.ClickException(f"{peer.name} did not tell what it holds of {day}: {why}") from None
                except (reconcile.Busy, holdings.Unreadable) as error:
                    raise click.ClickException(str(error)) from None
                done.append(await _told(pool, result))
    return done


async def _told(pool: "asyncpg.Pool", result: "Result") -> tuple[dict[str, Any], str]:
    """Return a result for scripts and for people."""
    import msgspec

    from haocha.store import differences

    day = await differences.days(pool, differences.Wanted(result.peer, result.day, result.day), 1)
    listed = await differences.of_day(pool, result.peer, result.day, limit=SHOWN)
    kinds = "  ".join(f"{kind} {getattr(result, kind)}" for kind in differences.FOUND)
    lines = [
        f"{result.peer} {result.day}: ours {result.ours}, theirs {result.theirs}, late {result.late}  {kinds}",
        *(
            f"  area {cell.area or '-'} channel {cell.pf} level {cell.level}: ours {cell.ours}, theirs {cell.theirs}"
            for cell in day[0].cells[:SHOWN]
        ),
        *(f"  {one.found:8} {one.key}{' (sent again)' if one.state == 'resent' else ''}" for one in listed),
    ]
    left = sum(getattr(day[0], kind) for kind in differences.FOUND) - len(listed)
    if left > 0:
        lines.append(f"  … and {left} more, on the page /desk/sync")
    members: dict[str, Any] = msgspec.to_builtins(result) | {
        "differences": result.differences,
        "cells": msgspec.to_builtins(day[0].cells),
        "listed": [{"found": one.found, "key": one.key, "state": one.state} for one in listed],
    }
    return members, "\n".join(lines)
