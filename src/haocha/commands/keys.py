"""`haocha keys`: API keys of pads, hotlines, portals and integrations."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.store import keys as store
from haocha.store.db import connect
from haocha.store.instance import Instance

NAME = re.compile(r"\w[\w.-]{0,39}")


CREATING = """\b
haocha keys create --name window-pads --kind pad --scope ratings:write --hall H01
"""


@click.group()
def keys() -> None:
    """Create, list and revoke API keys.

    A client is a name; it may hold several keys, so that one can be replaced while the other still works.
    """


def _scopes(_: click.Context, __: click.Parameter, text: str) -> list[str]:
    scopes = [scope.strip() for scope in text.split(",") if scope.strip()]
    unknown = [scope for scope in scopes if scope not in store.SCOPES]
    if unknown or not scopes:
        raise click.BadParameter(
            f"{', '.join(unknown) or 'nothing'} is not a scope; there are {', '.join(store.SCOPES)}."
        )
    return scopes


@keys.command(epilog=CREATING)
@click.option("--name", required=True, help="The client: letters of any script, digits, '.', '_' and '-', up to 40.")
@click.option("--kind", required=True, type=click.Choice(store.KINDS), help="What kind of client holds the key.")
@click.option(
    "--scope",
    "scopes",
    required=True,
    callback=_scopes,
    metavar="SCOPE[,SCOPE…]",
    help=f"What the key may do: {', '.join(store.SCOPES)}.",
)
@click.option("--hall", default="", help="Bind the key to this hall (hallCode): it cannot rate another.")
@click.option("--window", default="", help="Bind the key to this window (windowNo) of --hall.")
@click.option(
    "--limit", type=click.IntRange(min=1), metavar="N", help="At most N records a minute. [default: no limit]"
)
@data_option
@json_option
def create(  # noqa: PLR0917 (one argument per option)
    name: str,
    kind: str,
    scopes: list[str],
    hall: str,
    window: str,
    limit: int | None,
    data: Path | None,
    *,
    as_json: bool,
) -> None:
    """Create a key and print it: this is the only time it can be seen."""
    if not NAME.fullmatch(name):
        raise click.BadParameter("use letters, digits, '.', '_' and '-', up to 40, no blanks.", param_hint="--name")
    if window and not hall:
        raise click.UsageError("--window needs --hall: a window number is unique only within its hall.")

    async def work(instance: Instance) -> tuple[int, str]:
        connection = await connect(instance.dsn)
        try:
            return await store.create(
                connection,
                client=name,
                kind=kind,
                scopes=scopes,
                hall=hall,
                window_no=window,
                per_minute=limit,
                now=datetime.now(UTC),
            )
        finally:
            await connection.close()

    number, key = in_instance(data, work)
    members = {"id": number, "name": name, "kind": kind, "scopes": scopes, "key": key}
    report(members, f"{key}\nKey {number} of {name}. Keep it now: only its hash is stored.", as_json=as_json)


@keys.command(name="list")
@data_option
@json_option
def list_keys(data: Path | None, *, as_json: bool) -> None:
    """List all keys, newest first, without the keys themselves."""

    async def work(instance: Instance) -> list[dict[str, Any]]:
        connection = await connect(instance.dsn)
        try:
            return [dict(row) for row in await store.listed(connection)]
        finally:
            await connection.close()

    rows = in_instance(data, work)
    if as_json:
        report(rows, "", as_json=True)
        return
    if not rows:
        click.echo("There are no keys yet: haocha keys create --name NAME --kind KIND --scope SCOPES")
        return
    table = Table("id", "client", "kind", "scopes", "bound to", "limit/min", "created", "revoked")
    for row in rows:
        bound = "/".join(part for part in (row["hall"], row["window_no"]) if part)
        revoked = f"{row['revoked_at']:%Y-%m-%d %H:%M}" if row["revoked_at"] else ""
        table.add_row(
            str(row["id"]),
            row["client"],
            row["kind"],
            " ".join(row["scopes"]),
            bound,
            str(row["per_minute"] or ""),
            f"{row['created_at']:%Y-%m-%d %H:%M}",
            revoked,
        )
    Console().print(table)


@keys.command()
@click.argument("number", type=int, metavar="ID")
@data_option
@json_option
def revoke(number: int, data: Path | None, *, as_json: bool) -> None:
    """Revoke the key ID; every process refuses it within 2 seconds."""

    async def work(instance: Instance) -> bool:
        connection = await connect(instance.dsn)
        try:
            return await store.revoke(connection, number, datetime.now(UTC))
        finally:
            await connection.close()

    if not in_instance(data, work):
        raise click.ClickException(f"There is no key {number} in force; see: haocha keys list")
    report({"id": number, "revoked": True}, f"Key {number} is revoked.", as_json=as_json)
