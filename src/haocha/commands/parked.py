"""`haocha parked`: events that a handler could not deal with, and another try."""

from pathlib import Path
from typing import Any

import click

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.store.instance import Instance

POOL_SIZE = 2


@click.group(invoke_without_command=True)
@data_option
@json_option
@click.pass_context
def parked(context: click.Context, data: Path | None, *, as_json: bool) -> None:
    """List the events that a handler could not deal with, and timers that are late.

    Exit code 1 where there are any. `haocha parked retry` tries them again, after what was wrong has been mended.
    """
    if context.invoked_subcommand is not None:
        return
    found = in_instance(data, _list)
    report(found, _listed(found), as_json=as_json)
    if found["parked"] or found["overdueTimers"]:
        raise click.exceptions.Exit(1)


@parked.command()
@click.argument("position", type=int, required=False)
@data_option
@json_option
@click.pass_context
def retry(context: click.Context, position: int | None, data: Path | None, *, as_json: bool) -> None:
    """Try the parked event at POSITION again, or all of them in the order of the log.

    Exit code 1 where any stays parked.
    """
    before: dict[str, Any] = context.parent.params if context.parent else {}  # `haocha parked --data DIR retry`
    as_json = as_json or before.get("as_json", False)
    outcomes = in_instance(data or before.get("data"), lambda instance: _retry(instance, position))
    if position is not None and not outcomes:
        raise click.ClickException(f"No event is parked at position {position}: haocha parked lists them.")
    lines = [f"{one['position']} {one['handler']}: {one['error'] or 'done'}" for one in outcomes]
    report({"retried": outcomes}, "\n".join(lines) or "Nothing is parked.", as_json=as_json)
    if any(one["error"] for one in outcomes):
        raise click.exceptions.Exit(1)


async def _list(instance: Instance) -> dict[str, Any]:
    from haocha.engine import parked as engine
    from haocha.store.db import open_pool

    async with await open_pool(instance.dsn, size=POOL_SIZE) as pool:
        return {
            "parked": [
                {
                    "handler": event.handler,
                    "position": event.position,
                    "topic": event.topic,
                    "stream": event.stream,
                    "key": event.key,
                    "error": event.error,
                    "attempts": event.attempts,
                    "parkedAt": event.parked_at,
                }
                for event in await engine.parked(pool)
            ],
            "overdueTimers": [
                {"timer": late.timer, "handler": late.handler, "key": late.key, "dueAt": late.due_at}
                for late in await engine.overdue(pool)
            ],
        }


async def _retry(instance: Instance, position: int | None) -> list[dict[str, Any]]:
    from haocha.engine import parked as engine
    from haocha.handlers import handlers
    from haocha.store import install
    from haocha.store.db import open_pool

    async with await open_pool(instance.dsn, size=POOL_SIZE) as pool:
        async with pool.acquire() as connection:
            by_name = {
                handler.name: handler for handler in handlers(await install.load(connection), instance.settings.peers)
            }
        return [
            {"handler": event.handler, "position": event.position, "error": await engine.retry(pool, by_name, event)}
            for event in await engine.parked(pool, position)
        ]


def _listed(found: dict[str, Any]) -> str:
    lines = [
        f"{event['position']} {event['topic']} · {event['handler']} · tried {event['attempts']} times: {event['error']}"
        for event in found["parked"]
    ]
    lines += [f"timer {late['timer']} · {late['handler']} · due {late['dueAt']}" for late in found["overdueTimers"]]
    return "\n".join(lines) or "Nothing is parked and no timer is late."
