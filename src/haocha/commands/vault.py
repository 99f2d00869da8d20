"""`haocha vault`: erasing a person, by what only that person's papers say."""

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.store.instance import Instance


@click.group()
def vault() -> None:
    """Erase identities and texts of a person."""


@vault.command()
@click.option(
    "--person-certificate", "certificate", is_flag=True, help="Find by certificate number, which is asked for."
)
@click.option("--mobile", is_flag=True, help="Find by phone number, which is asked for; opens every identity.")
@click.option(
    "--thorough", is_flag=True, help="Open every identity also for a certificate: finds it as a second number."
)
@click.option("--apply", is_flag=True, help="Erase; without it is only counted what there is (dry run).")
@data_option
@json_option
def erase(*, certificate: bool, mobile: bool, thorough: bool, apply: bool, data: Path | None, as_json: bool) -> None:
    """Erase all identities of one person, and all texts that belong to them.

    The numbers are prompted for, or read from standard input, a line each in the order of the options above: as
    arguments they would stand in the shell's history and in the list of processes. The events stay, without anything
    personal in them; that the person was erased becomes an event, too. What backups hold goes when the oldest of them
    is removed.
    """
    if not (certificate or mobile):
        raise click.UsageError("Say by what to find the person: --person-certificate, --mobile, or both.")
    numbers = {
        "certificate": _ask("Certificate number") if certificate else "",
        "mobile": _ask("Phone number") if mobile else "",
    }
    result = in_instance(data, lambda instance: _run(instance, numbers, thorough=thorough, apply=apply))
    report(result, _said(result), as_json=as_json)


def _ask(prompt: str) -> str:
    """Return a number from the terminal, unseen, or the next line of standard input."""
    number = click.prompt(prompt, hide_input=True, err=True) if sys.stdin.isatty() else sys.stdin.readline()
    number = str(number).strip()
    if not number:
        raise click.ClickException(f"{prompt}: standard input ended before it.")
    return number


async def _run(instance: Instance, numbers: dict[str, str], *, thorough: bool, apply: bool) -> dict[str, Any]:
    from haocha.commands.progress import bars
    from haocha.store import erasure
    from haocha.store.aggregates import Contended
    from haocha.store.db import open_pool
    from haocha.store.vault import Vault

    async with await open_pool(instance.dsn, size=2) as pool:
        with bars() as bar:
            try:
                with bar("identities opened") as advance:
                    safe = Vault(instance.settings.keys)
                    found = await erasure.find(pool, safe, **numbers, thorough=thorough, advance=advance)
                result = {"applied": apply, "identities": len(found.subjects), "texts": found.texts}
                if apply:
                    with bar("identities erased") as advance:
                        erased = await erasure.erase(
                            pool, found.subjects, by=getpass.getuser(), at=datetime.now(UTC), advance=advance
                        )
                    result |= erased._asdict()
            except erasure.KeyMissing as error:
                raise click.ClickException(str(error)) from None
            except Contended:
                raise click.ClickException("Others keep looking at the same identities: run this again.") from None
    return result


def _said(result: dict[str, Any]) -> str:
    counts = f"{result['identities']} identities, {result['texts']} texts"
    if result["applied"]:
        return f"{counts} erased. They are gone for good when the oldest backup is removed."
    if not result["identities"]:
        return "Nobody is found by this."
    return f"{counts}.\nThis was a dry run: run with --apply to erase them."
