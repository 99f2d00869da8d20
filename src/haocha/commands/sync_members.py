"""`haocha sync enrol|members|revoke`: the instances below us that report to us."""

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.peers import NAME
from haocha.store import members as store
from haocha.store.db import connect
from haocha.store.instance import Instance

SNIPPET = """\
[[peer]]
name = "above"
dialect = "haocha"
url = "{url}"
options = {{ member = "{name}", pull = true }}
secrets = {{ key = {{ file = "above.key" }} }}
"""
SHOWN = """\
{secret}

Member {name} may report what its areas {area}… have. Keep the secret now: it is not shown again.
On the member's side, put it into the file above.key beside sync.toml (chmod 600) and add to sync.toml:

{snippet}"""


@click.command()
@click.argument("name")
@click.option(
    "--area", required=True, metavar="CODE", help="The member's areaCode, or the digits its areas begin with."
)
@click.option("--again", is_flag=True, help="A new secret (and area) for a member that there is; the old one is void.")
@data_option
@json_option
def enrol(name: str, area: str, data: Path | None, *, again: bool, as_json: bool) -> None:
    """Let the instance NAME report to this one, and print its secret: this is the only time it can be seen."""
    if not re.fullmatch(NAME, name):
        raise click.BadParameter("use small letters, digits and '-', up to 31, a letter first.", param_hint="NAME")
    if not re.fullmatch("[0-9]{2,12}", area):
        raise click.BadParameter("give 2 to 12 digits.", param_hint="--area")

    async def work(instance: Instance) -> tuple[store.Member, str, str] | None:
        connection = await connect(instance.dsn)
        try:
            member = await store.enrol(connection, name, area, datetime.now(UTC), again=again)
        finally:
            await connection.close()
        settings = instance.settings
        return member and (member, store.secret_of(settings.keys, member), settings.url)

    enrolled = in_instance(data, work)
    if enrolled is None:
        raise click.ClickException(
            f"There is no member {name}; see: haocha sync members"
            if again
            else f"There is a member {name}; for a new secret: haocha sync enrol {name} --area {area} --again"
        )
    member, secret, url = enrolled
    snippet = SNIPPET.format(url=url or "https://HOST", name=name)
    shown = SHOWN.format(secret=secret, name=name, area=member.area, snippet=snippet)
    report({"name": name, "area": member.area, "secret": secret, "snippet": snippet}, shown, as_json=as_json)


@click.command()
@data_option
@json_option
def members(data: Path | None, *, as_json: bool) -> None:
    """List the instances that report to this one, without their secrets."""

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
        click.echo("There are no members yet: haocha sync enrol NAME --area CODE")
        return
    table = Table("name", "areas", "secret no.", "since", "revoked")
    for row in rows:
        revoked = f"{row['revoked_at']:%Y-%m-%d %H:%M}" if row["revoked_at"] else ""
        table.add_row(
            row["name"], f"{row['area']}…", str(row["serial"]), f"{row['created_at']:%Y-%m-%d %H:%M}", revoked
        )
    Console().print(table)


@click.command()
@click.argument("name")
@data_option
@json_option
def revoke(name: str, data: Path | None, *, as_json: bool) -> None:
    """Refuse what the instance NAME reports, from now on; what it has reported stays."""

    async def work(instance: Instance) -> bool:
        connection = await connect(instance.dsn)
        try:
            return await store.revoke(connection, name, datetime.now(UTC))
        finally:
            await connection.close()

    if not in_instance(data, work):
        raise click.ClickException(f"There is no member {name} in force; see: haocha sync members")
    report({"name": name, "revoked": True}, f"Member {name} is revoked.", as_json=as_json)
