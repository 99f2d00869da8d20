"""The command line: gathers the commands of haocha.commands, one file per noun."""

import click

from haocha import logs
from haocha.commands.accounts import accounts
from haocha.commands.backup import backup, restore
from haocha.commands.bench import bench
from haocha.commands.calendar import calendar
from haocha.commands.check import check
from haocha.commands.demo import demo
from haocha.commands.inspections import inspections
from haocha.commands.keys import keys
from haocha.commands.migrate import migrate
from haocha.commands.notices import notices
from haocha.commands.parked import parked
from haocha.commands.policy import policy
from haocha.commands.rebuild import rebuild
from haocha.commands.registry import registry
from haocha.commands.seal import seal
from haocha.commands.serve import serve, work
from haocha.commands.simulate import simulate
from haocha.commands.sync import sync
from haocha.commands.vault import vault
from haocha.commands.version import version


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """好差评: ratings in, scores out, a ticket for every bad rating.

    Every command works on the instance of --data DIR: it joins the database that runs there, or starts (and migrates)
    it for its own duration. Settings are environment variables HAOCHA_*.

    Exit codes: 0 done and clean, 1 findings or failure, 2 wrong usage.
    """
    logs.configure("WARNING")


COMMANDS = (
    serve,
    work,
    migrate,
    check,
    seal,
    rebuild,
    parked,
    notices,
    registry,
    policy,
    calendar,
    inspections,
    keys,
    accounts,
    sync,
    simulate,
    demo,
    backup,
    restore,
    vault,
    version,
    bench,
)
for command in COMMANDS:
    main.add_command(command)
