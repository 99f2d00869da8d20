"""`haocha version`: what is installed."""

import platform

import click

import haocha
from haocha.commands.options import json_option, report
from haocha.store import binaries


@click.command()
@json_option
def version(*, as_json: bool) -> None:
    """Print the versions of haocha, Python and the PostgreSQL that would be embedded."""
    try:
        found = binaries.find()
        postgres = {"major": found.major, "folder": str(found.folder)}
        words = f"{found.major} ({found.folder})"
    except binaries.EmbeddedError:
        postgres, words = None, "none to embed"
    python = platform.python_version()
    report(
        {"haocha": haocha.__version__, "python": python, "postgresql": postgres},
        f"haocha {haocha.__version__}\nPython {python}\nPostgreSQL {words}",
        as_json=as_json,
    )
