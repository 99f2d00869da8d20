"""`haocha sync status|dead|retry|replay`: how reporting stands, what was refused, and sending again."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import click

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.store.instance import Instance

POOL_SIZE: Final = 2
DAY: Final = click.DateTime(["%Y-%m-%d"])
PEER: Final = "The platform, by its name in sync.toml."
SHOWN: Final = {
    "accepted": "accepted",
    "waiting": "waiting",
    "held": "held",
    "noService": "noService",
    "dead": "dead",
    "notReportable": "no form",
}
WIDTH: Final = 11
RETRYING: Final = """\b
haocha sync retry 4711 4712
haocha sync retry --all --peer province --code 1005
"""
REPLAYING: Final = """\b
haocha sync replay province --from 2026-03-01
haocha sync replay province --from 2026-03-01 --to 2026-03-02 --level 1 --yes
"""


@click.command()
@data_option
@json_option
def status(data: Path | None, *, as_json: bool) -> None:
    """Tell how reporting to each platform stands, level by level.

    Exit code 1 where something is wrong: a level later than the others, dead letters, nobody who sends, no answers.
    """
    found = in_instance(data, _status)
    report({"peers": found}, "\n\n".join(map(_told, found)) or "No platform is named in sync.toml.", as_json=as_json)
    if any(peer["alarms"] for peer in found):
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--peer", metavar="PEER", help=PEER + " [default: all]")
@click.option("--code", help="Only those refused with this code.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, newest first.")
@data_option
@json_option
def dead(peer: str | None, code: str | None, limit: int, data: Path | None, *, as_json: bool) -> None:
    """List what a platform would not take, in its own words, or what lacks what it asks for.

    Exit code 1 where there are any. `haocha sync retry` sends them again, after what was wrong has been mended.
    """
    found = in_instance(data, lambda instance: _dead(instance, peer, code, limit))
    lines = [
        f"{one['position']} {one['peer']} · {one['kind']} {one['projectNo']} · tried {one['attempts']} times"
        f" · {one['code']} {one['words']}".rstrip()
        for one in found
    ]
    report({"dead": found}, "\n".join(lines) or "Nothing is dead.", as_json=as_json)
    if found:
        raise click.exceptions.Exit(1)


@click.command(epilog=RETRYING)
@click.argument("positions", type=click.IntRange(1, 2**63 - 1), nargs=-1, metavar="[POSITION…]")
@click.option("--all", "every", is_flag=True, help="All dead letters, of --peer and --code where they are given.")
@click.option("--peer", metavar="PEER", help=PEER + " [default: all]")
@click.option("--code", help="With --all: only those refused with this code.")
@data_option
@json_option
def retry(
    positions: tuple[int, ...], peer: str | None, code: str | None, data: Path | None, *, every: bool, as_json: bool
) -> None:
    """Let dead letters be sent again: those at POSITION, or --all.

    The sender takes them in their order; one whose service record is not accepted waits for that first.
    """
    if bool(positions) == every or (code is not None and not every):
        raise click.UsageError("Name positions (haocha sync dead lists them), or --all, which may take --code.")
    count = in_instance(data, lambda instance: _retry(instance, peer, positions or None, code))
    if positions and not count:
        raise click.ClickException(f"Nothing dead is at {' '.join(map(str, positions))}: haocha sync dead lists them.")
    report({"retried": count}, f"{count} reports wait for the sender.", as_json=as_json)


@click.command(epilog=REPLAYING)
@click.argument("peer")
@click.option("--from", "since", type=DAY, required=True, help="The first day, of assessTime or serviceTime.")
@click.option("--to", "until", type=DAY, help="The last day. [default: the first]")
@click.option("--level", type=click.IntRange(1, 5), help="Only ratings and 追评 of this level. [default: everything]")
@click.option("--yes", is_flag=True, help="Do not ask.")
@data_option
@json_option
def replay(
    peer: str,
    since: datetime,
    until: datetime | None,
    level: int | None,
    data: Path | None,
    *,
    yes: bool,
    as_json: bool,
) -> None:
    """Send once more what PEER has accepted, day by day; it knows by their keys what it has already.

    For a platform that lost records. The figures do not count it as late.
    """
    days = since.date(), (until or since).date()
    if days[0] > days[1]:
        raise click.UsageError("--to is before --from.")
    count = in_instance(data, lambda instance: _replay(instance, peer, days, level, yes=yes))
    report({"replayed": count}, f"{count} reports wait for the sender.", as_json=as_json)


async def _status(instance: Instance) -> list[dict[str, Any]]:
    from haocha.store import sync_figures
    from haocha.store.db import open_pool
    from haocha.sync.alarms import alarms

    async with await open_pool(instance.dsn, size=POOL_SIZE) as pool:
        names = await sync_figures.peers(pool, [peer.name for peer in instance.settings.peers])
        found = await sync_figures.read(pool, names, datetime.now(UTC))
    named = {peer.name for peer in instance.settings.peers}
    return [_members(figures, alarms(figures) if figures.peer in named else []) for figures in found]


def _members(figures: Any, found: Sequence[Any]) -> dict[str, Any]:
    sender = figures.sender
    return {
        "peer": figures.peer,
        "dialect": sender.dialect if sender else None,
        "version": sender.version if sender else None,
        "aliveAt": sender.alive_at if sender else None,
        "answeredAt": sender.answered_at if sender else None,
        "pausedUntil": sender.open_until if sender else None,
        "error": sender.error if sender else "",
        "rate": round(figures.rate, 3),
        "remainingSeconds": figures.remaining.total_seconds() if figures.remaining is not None else None,
        "differences": figures.differences,
        "alarms": [{"code": alarm.kind, "level": alarm.line or None, "message": _said(alarm)} for alarm in found],
        "levels": [
            {
                "level": line.key,
                "counts": line.counts,
                "oldestPending": line.oldest,
                "p50": line.delay.p50 if line.delay else None,
                "p99": line.delay.p99 if line.delay else None,
            }
            for line in figures.lines
        ],
    }


def _said(alarm: Any) -> str:
    """Say what is wrong, for operators."""
    return {
        "late": f"Level {alarm.line} is late: p99 {alarm.seconds:.0f} s, the other levels {alarm.others:.0f} s.",
        "waiting": f"Level {alarm.line} has waited {alarm.seconds:.0f} s, the others at most {alarm.others:.0f} s.",
        "dead": f"{alarm.n} dead letters: haocha sync dead",
        "breaker": f"Calls are held back until {alarm.at} after {alarm.n} failures in a row.",
        "silent": "Nobody sends: is a worker running (haocha work, or serve), and does sync.toml name this platform?",
        "unheard": f"The platform has not answered for {alarm.seconds:.0f} s, and reports wait.",
        "differences": f"{alarm.n} differences in the last reconciliation: haocha sync reconcile",
    }[alarm.kind]


def _told(peer: dict[str, Any]) -> str:
    lines = [f"{peer['peer']} ({peer['dialect'] or 'no sender yet'}), {peer['rate']} reports a second"]
    lines.append("level  " + "".join(f"{title:>{WIDTH}}" for title in (*SHOWN.values(), "p50 s", "p99 s")))
    for line in peer["levels"]:
        cells = [*(line["counts"].get(state, 0) for state in SHOWN), _seconds(line["p50"]), _seconds(line["p99"])]
        lines.append(f"{line['level']:<7}" + "".join(f"{cell:>{WIDTH}}" for cell in cells))
    return "\n".join([*lines, *(f"! {alarm['message']}" for alarm in peer["alarms"])])


def _seconds(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


async def _names(instance: Instance, pool: Any, peer: str | None) -> list[str]:
    """Return the peers that are meant; one that nobody knows ends the command."""
    from haocha.store import sync_figures

    names = await sync_figures.peers(pool, [peer.name for peer in instance.settings.peers])
    if peer is not None and peer not in names:
        raise click.ClickException(f"There is no platform {peer}; there are: {', '.join(names) or 'none'}.")
    return names if peer is None else [peer]


async def _dead(instance: Instance, peer: str | None, code: str | None, limit: int) -> list[dict[str, Any]]:
    import msgspec

    from haocha.store import outbox_rows
    from haocha.store.db import open_pool

    async with await open_pool(instance.dsn, size=POOL_SIZE) as pool:
        found: list[dict[str, Any]] = []
        for name in await _names(instance, pool, peer):
            chosen = outbox_rows.Chosen(peer=name, state="dead", code=code)
            rows = await outbox_rows.page(pool, chosen, None, None, limit)
            found += [{"peer": name} | msgspec.to_builtins(row) for row in rows]
        return found[:limit]


async def _retry(instance: Instance, peer: str | None, positions: Sequence[int] | None, code: str | None) -> int:
    from haocha.commands.progress import bars
    from haocha.store import outbox_again
    from haocha.store.db import open_pool

    async with await open_pool(instance.dsn, size=POOL_SIZE) as pool:
        count = 0
        for name in await _names(instance, pool, peer):
            with bars() as step, step(name) as progress:
                count += await outbox_again.retry(
                    pool, name, datetime.now(UTC), positions=positions, code=code, progress=lambda n: progress(n, n)
                )
        return count


async def _replay(instance: Instance, peer: str, days: tuple[Any, Any], level: int | None, *, yes: bool) -> int:
    from haocha.commands.progress import bars
    from haocha.store import outbox_again
    from haocha.store.db import open_pool

    async with await open_pool(instance.dsn, size=POOL_SIZE) as pool:
        await _names(instance, pool, peer)
        positions = await outbox_again.accepted(pool, peer, *days, level)
        what = f"level {level} " if level else ""
        click.echo(f"{len(positions)} {what}reports of {days[0]} to {days[1]} go to {peer} once more.", err=True)
        if positions and not yes:
            click.confirm("Send them?", abort=True, err=True)
        with bars() as step, step(peer) as progress:
            return await outbox_again.again(
                pool, peer, positions, datetime.now(UTC), lambda done: progress(done, len(positions))
            )
