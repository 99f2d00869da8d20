"""`haocha accounts`: the people who work with ratings and tickets, what they may do, and how far they see."""

import getpass
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from haocha.commands.options import data_option, in_instance, json_option, report
from haocha.domain import ids
from haocha.domain.account import ROLES, Account, AccountRole
from haocha.domain.errors import Refusal
from haocha.domain.registry import area_prefix
from haocha.store import accounts as store
from haocha.store import install, log
from haocha.store.accounts import Person
from haocha.store.db import connect
from haocha.store.instance import Instance

T = TypeVar("T")
Command = TypeVar("Command", bound=Callable[..., Any])
ALIASES = {"call-back": "agent", "callback": "agent"}
PAGE = 500
ROLES_EXPLAINED = """\b
handler     承办  accepts, reviews, appeals and fixes the tickets of a unit
supervisor  督办  dispatches, transfers, decides extensions, approves, reminds
reviewer    复核  decides appeals, approves
agent       回访  calls citizens back (also: call-back)
inspector   查评  enters findings and re-checks them
leader      领导  reads boards and ledgers
auditor     审计  reads everything, and who looked at whose identity
admin       管理  keeps the accounts
"""
CREATING = """\b
haocha accounts create --username li.na --role handler --unit TAX --name 李娜
haocha accounts create --username chen --role handler --unit TAX --contact-officer --staff TAX/0117
haocha accounts create --username wang --role supervisor --area 3701
haocha accounts create --username zhou --role reviewer --dept GOV
"""
CALLING = """\b
curl -H "Authorization: Bearer hca_…" https://…/v1/tickets
"""
CHANGING = """\b
haocha accounts change li.na --unit HR
haocha accounts change wang --role leader --area ""
haocha accounts change chen --no-contact-officer
"""


@click.group(epilog=ROLES_EXPLAINED)
def accounts() -> None:
    """Create, change, list and disable people's accounts.

    An account has one role. What it sees follows from the role and from where it stands: a handler sees the tickets of
    the unit and of those below it; everybody else sees everything, or one area, or one department with those below it.

    Accounts are never deleted, because events name them; they are disabled.
    """


def _role(_: click.Context, __: click.Parameter, value: str | None) -> str | None:
    return ALIASES.get(value, value) if value else value


def _node(area: str | None, dept: str | None) -> str | None:
    """Make the node of --area and --dept; None where neither was given."""
    if area and dept:
        raise click.UsageError("Give --area or --dept, not both: an account stands at one node.")
    if area is not None:
        return f"area:{area_prefix(area)}" if area else ""
    if dept is not None:
        return f"dept:{dept}" if dept else ""
    return None


def _members(command: Command) -> Command:
    """Add the options that say who an account is; those that were not given are None."""
    for decorate in reversed(
        (
            click.option("--unit", metavar="CODE", help="The unit (deptCode) that the account acts for."),
            click.option(
                "--area", metavar="PREFIX", help="Sees this area only: the first digits of areaCode, such as 3701."
            ),
            click.option(
                "--dept",
                metavar="CODE",
                help="Sees this department (deptCode) and those below it only; without --unit it is the unit too.",
            ),
            click.option("--name", help="What pages call the person; never in an event."),
            click.option(
                "--staff",
                metavar="DEPT/NO",
                help="The staff member that this is: nobody decides on ratings of himself.",
            ),
            click.option(
                "--contact-officer/--no-contact-officer",
                default=None,
                help="The one person of the unit who may contact citizens where the policy lets units do so (联系人).",
            ),
        )
    ):
        command = decorate(command)
    return command


def role_option(**more: Any) -> Callable[[Command], Command]:
    """Add `--role`, with the roles by their names and aliases."""
    return click.option(
        "--role",
        type=click.Choice([*ROLES, *ALIASES], case_sensitive=False),
        callback=_role,
        help="What the account may do; see: haocha accounts --help",
        **more,
    )


ask_option = click.option(
    "--ask",
    is_flag=True,
    help="Ask for the password at the terminal instead of making one. Never give it as an option.",
)


def _by() -> str:
    """Name who types: what is done to accounts is kept with who did it."""
    return f"os:{getpass.getuser()}"


def _do(data: Path | None, work: Callable[[Any], Awaitable[T]]) -> T:
    """Run `work` on a connection; a refusal ends the command with its message."""

    async def inside(instance: Instance) -> T:
        connection = await connect(instance.dsn)
        try:
            return await work(connection)
        finally:
            await connection.close()

    try:
        return in_instance(data, inside)
    except Refusal as refusal:
        raise click.ClickException(str(refusal)) from None


async def _found(connection: Any, username: str) -> Person:
    person = await store.find(connection, username)
    if person is None:
        raise store.AccountUnknown(f"There is no account {username}; see: haocha accounts list")
    return person


async def _warn_of_unknown(connection: Any, account: Account) -> None:
    """Say on stderr which codes the registry does not know: a slip, or an import that is still to come."""
    namespace = (await install.load(connection)).namespace
    kind, _, code = account.node.partition(":")
    for option, key in (("--unit", account.unit), ("--dept", code if kind == "dept" else "")):
        if key and not await log.read_stream(connection, ids.registry_id(namespace, "org", key)):
            click.echo(f"Warning: the registry has no department {key} ({option}).", err=True)


def _with(account: Account, given: dict[str, Any]) -> Account:
    """Return `account` with the options that were given."""
    node = _node(given.pop("area"), given.pop("dept"))
    members = {name: value for name, value in {**given, "node": node}.items() if value is not None}
    account = msgspec.structs.replace(account, **members)
    unit = store.belonging(account).unit
    if account.role == "handler" and not unit:
        raise click.UsageError("A handler acts for a unit: add --unit CODE.")
    if account.contact_officer and not unit:
        raise click.UsageError("A contact officer is one of a unit: add --unit CODE.")
    return account


def _asked(*, ask: bool) -> str | None:
    return click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True) if ask else None


@accounts.command(epilog=CREATING)
@click.option("--username", required=True, help="Letters, digits, '.', '_' and '-', up to 40; it stands in events.")
@role_option(required=True)
@_members
@ask_option
@data_option
@json_option
def create(username: str, role: AccountRole, data: Path | None, *, ask: bool, as_json: bool, **given: Any) -> None:
    """Create an account and print its password: this is the only time it can be seen.

    At the first log-in the person chooses another one. For scripts: haocha accounts token USERNAME
    """
    account = _with(Account(username=username, role=role), given)
    password = _asked(ask=ask)

    async def work(connection: Any) -> str:
        await _warn_of_unknown(connection, account)
        members = msgspec.structs.asdict(account)
        return await store.create(connection, **members, password=password, now=datetime.now(UTC), by=_by())

    made = _do(data, work)
    said = "" if ask else f"{made}\n"
    report(
        {"username": username, "password": None if ask else made},
        f"{said}Account {username} ({role}) is there; at the first log-in it needs a new password.",
        as_json=as_json,
    )


@accounts.command(epilog=CALLING)
@click.argument("username")
@click.option("--revoke", is_flag=True, help="Take the token away instead; scripts that use it are refused.")
@data_option
@json_option
def token(username: str, data: Path | None, *, revoke: bool, as_json: bool) -> None:
    """Give an account a token for scripts and print it: this is the only time it can be seen.

    It acts with the account's role and unit, and takes the place of the token the account may have.
    """

    async def work(connection: Any) -> str:
        person = await _found(connection, username)
        if revoke:
            await store.revoke_token(connection, person.id, by=_by(), now=datetime.now(UTC))
            return ""
        return await store.create_token(connection, person.id, by=_by(), now=datetime.now(UTC))

    made = _do(data, work)
    if revoke:
        report({"username": username, "revoked": True}, f"{username} has no token.", as_json=as_json)
    else:
        report({"token": made}, f"{made}\nKeep it now: only its hash is stored.", as_json=as_json)


@accounts.command(name="list")
@click.option("--search", default="", metavar="TEXT", help="Part of a username, name, unit, node or staff key.")
@role_option()
@data_option
@json_option
def list_accounts(search: str, role: str | None, data: Path | None, *, as_json: bool) -> None:
    """List accounts by username, the disabled ones too."""

    async def work(connection: Any) -> list[Person]:
        found: list[Person] = []
        while True:
            after = found[-1].account.username if found else ""
            people = await store.page(connection, after=after, limit=PAGE, search=search, role=role or "")
            found += people
            if len(people) < PAGE:
                return found

    people = _do(data, work)
    if as_json:
        report([_shown(person) for person in people], "", as_json=True)
        return
    if not people:
        click.echo("There are no such accounts: haocha accounts create --username NAME --role ROLE")
        return
    table = Table("username", "name", "role", "unit", "sees", "last log-in", "state")
    for person in people:
        account, seen = person.account, person.last_login_at
        sees = f"{account.unit} and below" if account.role == "handler" else account.node or "everything"
        unit = f"{account.unit} (contact officer)" if account.contact_officer else account.unit
        last = f"{seen:%Y-%m-%d %H:%M}" if seen else ""
        table.add_row(account.username, account.name, account.role, unit, sees, last, _state(person))
    Console().print(table)


def _state(person: Person) -> str:
    locked = person.locked_until is not None and person.locked_until > datetime.now(UTC)
    return "disabled" if person.disabled_at else "locked" if locked else ""


def _shown(person: Person) -> dict[str, Any]:
    members: dict[str, Any] = msgspec.to_builtins(person.account)
    return members | {
        "state": _state(person),
        "mustChange": person.must_change,
        "token": person.token is not None,
        "createdAt": person.created_at,
        "lastLoginAt": person.last_login_at,
    }


@accounts.command(epilog=CHANGING)
@click.argument("username")
@role_option()
@_members
@data_option
@json_option
def change(username: str, role: AccountRole | None, data: Path | None, *, as_json: bool, **given: Any) -> None:
    """Change who an account is; what is not given stays. Empty text takes away.

    Another role, unit, staff key, area or department ends its sessions at once; its token goes on with the new ones.
    """

    async def work(connection: Any) -> list[str]:
        person = await _found(connection, username)
        account = _with(person.account, {"role": role, **given})
        await _warn_of_unknown(connection, account)
        return await store.change(connection, person.id, account, by=_by(), now=datetime.now(UTC))

    changed = _do(data, work)
    text = f"Changed of {username}: {', '.join(changed)}." if changed else f"{username} was like that already."
    report({"username": username, "changed": changed}, text, as_json=as_json)


@accounts.command()
@click.argument("username")
@data_option
@json_option
def disable(username: str, data: Path | None, *, as_json: bool) -> None:
    """Disable an account: its sessions and its token end within 2 seconds, and it can be enabled again."""
    _act(data, username, store.disable, "disabled", as_json=as_json)


@accounts.command()
@click.argument("username")
@data_option
@json_option
def enable(username: str, data: Path | None, *, as_json: bool) -> None:
    """Enable a disabled account, with the password it had; it needs a new token."""
    _act(data, username, store.enable, "enabled", as_json=as_json)


@accounts.command()
@click.argument("username")
@data_option
@json_option
def unlock(username: str, data: Path | None, *, as_json: bool) -> None:
    """Let an account log in that is locked for 15 minutes after 5 wrong passwords."""
    _act(data, username, store.unlock, "unlocked", as_json=as_json)


def _act(data: Path | None, username: str, act: Callable[..., Awaitable[bool]], done: str, *, as_json: bool) -> None:
    async def work(connection: Any) -> bool:
        return await act(connection, (await _found(connection, username)).id, by=_by(), now=datetime.now(UTC))

    changed = _do(data, work)
    text = f"{username} is {done}." if changed else f"Nothing to do: {username} was not in need of it."
    report({"username": username, done: changed}, text, as_json=as_json)


@accounts.command()
@click.argument("username")
@ask_option
@data_option
@json_option
def reset_password(username: str, data: Path | None, *, ask: bool, as_json: bool) -> None:
    """Give an account another password, to be changed at the next log-in; ends its sessions, its lock and its token."""
    password = _asked(ask=ask)

    async def work(connection: Any) -> str:
        person, now = await _found(connection, username), datetime.now(UTC)
        if password is None:
            return await store.reset_password(connection, person, by=_by(), now=now)
        await store.set_password(connection, person, password, by=_by(), now=now, must_change=True)
        return password

    made = _do(data, work)
    said = "" if ask else f"{made}\n"
    report(
        {"username": username, "password": None if ask else made},
        f"{said}{username} chooses a new one at the next log-in.",
        as_json=as_json,
    )
