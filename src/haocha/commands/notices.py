"""`haocha notices`: what went to the webhook, what it would not take, and another try."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from haocha.commands.options import data_option, in_instance, json_option, load_settings, report
from haocha.store.instance import Instance

POOL_SIZE = 2
STATES = ("waiting", "delivered", "dead", "nobody")
MEMBERS = ("id", "kind", "number", "address", "state", "attempts", "status", "error")
TIMES = {"at": "at", "since": "since", "next_at": "nextAt", "ended_at": "endedAt"}


@click.group()
def notices() -> None:
    """Look after the deliveries of notices to the webhook (HAOCHA_WEBHOOK)."""


@notices.command(name="list")
@click.option("--state", type=click.Choice(STATES), help="Only those in this state. [default: all]")
@click.option("--limit", type=click.IntRange(1, 10_000), default=50, show_default=True, help="How many, newest first.")
@data_option
@json_option
def list_deliveries(state: str | None, limit: int, data: Path | None, *, as_json: bool) -> None:
    """List the last deliveries: `nobody` is one to a citizen whose phone is not known, or no longer."""
    found = in_instance(data, lambda instance: _listed(instance, state, limit))
    report({"deliveries": found}, _lines(found) or "No notice was to be delivered.", as_json=as_json)


@notices.command()
@data_option
@json_option
def dead(data: Path | None, *, as_json: bool) -> None:
    """List the deliveries that were given up: refused, or not taken within a day.

    Exit code 1 where there are any. `haocha notices retry` sends them again.
    """
    found = in_instance(data, lambda instance: _listed(instance, "dead", 1_000))
    report({"deliveries": found}, _lines(found) or "No delivery is dead.", as_json=as_json)
    if found:
        raise click.exceptions.Exit(1)


@notices.command()
@click.argument("delivery", type=click.UUID, required=False)
@data_option
@json_option
def retry(delivery: UUID | None, data: Path | None, *, as_json: bool) -> None:
    """Let the worker send the dead DELIVERY again, or all dead ones."""

    async def work(instance: Instance) -> int:
        from haocha.engine import courier
        from haocha.store.db import open_pool

        async with await open_pool(instance.dsn, size=POOL_SIZE) as pool:
            return await courier.retry(pool, delivery, datetime.now(UTC))

    count = in_instance(data, work)
    if delivery is not None and not count:
        raise click.ClickException(f"No dead delivery is {delivery}: haocha notices dead lists them.")
    report({"retried": count}, f"{count} deliveries wait for the worker.", as_json=as_json)


@notices.command()
@data_option
@json_option
def test(data: Path | None, *, as_json: bool) -> None:
    """Send a test message to every webhook and print what each answered.

    Exit code 1 where one did not take it.
    """
    from haocha.engine.courier import is_success

    answers = in_instance(data, _tested)
    if not answers:
        raise click.ClickException("HAOCHA_WEBHOOK is not set: there is nowhere to send to.")
    results = [
        {"address": name, "status": answer.status, "error": answer.error or None} for name, answer in answers.items()
    ]
    lines = [f"{one['address']}: {one['error'] or 'taken'}" for one in results]
    report({"webhooks": results}, "\n".join(lines), as_json=as_json)
    if not all(answer.status is not None and is_success(answer.status) for answer in answers.values()):
        raise click.exceptions.Exit(1)


@notices.command()
@data_option
def secret(data: Path | None) -> None:
    """Print the secret that deliveries are signed with, for the gateway to check them."""
    click.echo(load_settings(data).webhook_secret.decode())


async def _tested(instance: Instance) -> dict[str, Any]:
    from haocha.engine.courier import Courier
    from haocha.store.db import open_pool

    async with await open_pool(instance.dsn, size=POOL_SIZE) as pool:
        return await Courier(pool, instance.settings).test(datetime.now(UTC))


async def _listed(instance: Instance, state: str | None, limit: int) -> list[dict[str, Any]]:
    from haocha.engine import courier
    from haocha.store.db import open_pool

    async with await open_pool(instance.dsn, size=POOL_SIZE) as pool:
        rows = await courier.listed(pool, state, limit)
    return [
        {name: row[name] for name in MEMBERS} | {shown: row[name] for name, shown in TIMES.items() if row[name]}
        for row in rows
    ]


def _lines(deliveries: list[dict[str, Any]]) -> str:
    return "\n".join(
        f"{one['id']} {one['state']} · {one['kind']} {one['number']} · {one['address']} · tried {one['attempts']} times"
        + (f": {one['error']}" if one["error"] else "")
        for one in deliveries
    )
