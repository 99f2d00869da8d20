"""People's accounts: made, changed and disabled, never deleted; each change leaves its trace in the same statement.

The identity of an account is one thing, how it proves itself another: a password, a token, or (`external`) the subject
that an identity provider knows it by.
"""

import hashlib
import re
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple, TypeAlias

import asyncpg
import msgspec

from haocha.domain.account import ROLES, Account, AccountRole
from haocha.domain.errors import Refusal
from haocha.store import passwords, sql

SQL = sql.load(Path(__file__).with_suffix(".sql")).named("query")

PREFIX = "hca_"
ATTEMPTS = 5
LOCKED_FOR = timedelta(minutes=15)
USERNAME = re.compile(r"[A-Za-z0-9._-]{1,40}")
NODE = re.compile(r"(area:[0-9]{2,12}|dept:[!-~]{1,50})?")
CODE = re.compile(r"[!-~]{0,50}")
STAFF = re.compile(r"([!-~]{1,50}/[!-~]{1,50})?")
LONGEST_NAME = 40
LATEST = 100  # changes of an account that are shown

Connection: TypeAlias = "asyncpg.Connection | asyncpg.Pool"


class UsernameInvalid(Refusal):
    """A username is letters of the alphabet, digits, '.', '_' and '-', up to 40: it stands in events for ever."""

    code = "username_invalid"


class UsernameTaken(Refusal):
    """There is an account of this username (upper and lower case are the same); accounts are never deleted."""

    code = "username_taken"


class UnitNeeded(Refusal):
    """A handler and a contact officer act for a unit: say which."""

    code = "unit_needed"


class ContactOfficerTaken(Refusal):
    """The unit has a contact officer, and it has one only: take it from the other account first."""

    code = "contact_officer_taken"


class AccountInvalid(Refusal):
    """A role, unit, node, staff key or name is not of its form."""

    code = "account_invalid"


class AccountUnknown(Refusal):
    """There is no such account."""

    code = "account_unknown"


class Person(NamedTuple):
    """An account as it stands in the table, but for its secrets; `revision` changes with whatever changes in it."""

    id: int
    account: Account
    epoch: int
    must_change: bool
    token: bytes | None
    token_at: datetime | None
    locked_until: datetime | None
    created_at: datetime
    disabled_at: datetime | None
    last_login_at: datetime | None
    revision: int


class Change(NamedTuple):
    """One line of what was done to an account."""

    at: datetime
    by: str
    what: str
    was: str
    became: str


def digest(token: str) -> bytes:
    """Return what is stored of a token."""
    return hashlib.sha256(token.encode()).digest()


def check(account: Account) -> None:
    """Refuse what no account may be; whether unit, node and staff are in the registry is not asked here."""
    if not USERNAME.fullmatch(account.username):
        raise UsernameInvalid(str(UsernameInvalid.__doc__))
    if account.role not in ROLES:
        raise AccountInvalid(f"{account.role!r} is not a role; there are {', '.join(ROLES)}.")
    if not account.unit and (account.role == "handler" or account.contact_officer):
        raise UnitNeeded(str(UnitNeeded.__doc__))
    for form, text, what in (
        (CODE, account.unit, "a unit is a department's code"),
        (NODE, account.node, "a node is area:PREFIX or dept:CODE"),
        (STAFF, account.staff, "staff is deptCode/staffNo"),
    ):
        if not form.fullmatch(text):
            raise AccountInvalid(f"{text!r} is not of its form: {what}.")
    if len(account.name) > LONGEST_NAME or (account.name and not account.name.isprintable()):
        raise AccountInvalid(f"A name is one line of up to {LONGEST_NAME} characters.")


def belonging(account: Account) -> Account:
    """Return an account that oversees a department as one of it, where no unit is said: it is not independent of it."""
    kind, _, code = account.node.partition(":")
    return msgspec.structs.replace(account, unit=code) if kind == "dept" and not account.unit else account


async def create(
    connection: Connection,
    *,
    username: str,
    role: AccountRole,
    now: datetime,
    unit: str = "",
    node: str = "",
    name: str = "",
    staff: str = "",
    contact_officer: bool = False,
    password: str | None = None,
    must_change: bool = True,
    by: str = "",
) -> str:
    """Create an account and return its password: the given one, else one that is made here and kept nowhere.

    `by` is who did it; where `must_change` holds, the first log-in leads to a new password.
    """
    account = Account(
        username=username,
        name=name,
        role=role,
        unit=unit,
        node=node,
        staff=staff,
        contact_officer=contact_officer,
    )
    account = belonging(account)
    check(account)
    if password is None:
        password = passwords.generate()
    else:
        passwords.check(password, username)
    stored = await passwords.hashed(password)
    arguments = (username, name, role, account.unit, node, staff, contact_officer, stored, must_change, now, by)
    await _write(connection, "create", arguments)
    return password


async def change(connection: Connection, number: int, account: Account, *, by: str, now: datetime) -> list[str]:
    """Make account `number` what `account` says, its username aside, and return the members that changed.

    Another role, unit, node or staff ends its sessions.
    """
    account = belonging(account)
    check(account)
    members = (account.name, account.role, account.unit, account.node, account.staff, account.contact_officer)
    return [row["what"] for row in await _write(connection, "change", (number, *members, now, by))]


async def _write(connection: Connection, statement: str, arguments: tuple[object, ...]) -> list[asyncpg.Record]:
    try:
        rows: list[asyncpg.Record] = await connection.fetch(SQL[statement], *arguments)
    except asyncpg.UniqueViolationError as error:
        if error.constraint_name == "accounts_one_contact_officer":
            raise ContactOfficerTaken(str(ContactOfficerTaken.__doc__)) from None
        raise UsernameTaken(str(UsernameTaken.__doc__)) from None
    return rows


async def disable(connection: Connection, number: int, *, by: str, now: datetime) -> bool:
    """Disable an account, which ends its sessions and its token; false where it was."""
    return bool(await _write(connection, "disable", (number, now, by)))


async def enable(connection: Connection, number: int, *, by: str, now: datetime) -> bool:
    """Enable a disabled account again; false where it was not disabled."""
    return bool(await _write(connection, "enable", (number, now, by)))


async def unlock(connection: Connection, number: int, *, by: str, now: datetime) -> bool:
    """Let a locked account log in again; false where it was not locked."""
    return bool(await _write(connection, "unlock", (number, now, by)))


async def set_password(
    connection: Connection, person: Person, password: str, *, by: str, now: datetime, must_change: bool = False
) -> None:
    """Give an account another password, which ends its sessions; `must_change` where not its owner chose it.

    Its token stays where its owner chose the password, and ends where he did not.
    """
    passwords.check(password, person.account.username)
    stored = await passwords.hashed(password)
    await _write(connection, "password", (person.id, now, by, stored, must_change))


async def reset_password(connection: Connection, person: Person, *, by: str, now: datetime) -> str:
    """Give an account a generated password, to be changed at the next log-in, and return it; its token ends."""
    password = passwords.generate()
    await set_password(connection, person, password, by=by, now=now, must_change=True)
    return password


async def create_token(connection: Connection, number: int, *, by: str, now: datetime) -> str:
    """Give an account a token in place of the one it may have, and return it: it is kept nowhere."""
    token = PREFIX + secrets.token_urlsafe(32)
    if not await _write(connection, "token", (number, now, by, digest(token))):
        raise AccountUnknown("A disabled account gets no token: enable it first.")
    return token


async def revoke_token(connection: Connection, number: int, *, by: str, now: datetime) -> bool:
    """Take an account's token away; false where it had none."""
    return bool(await _write(connection, "revoke_token", (number, now, by)))


async def log_in(connection: Connection, username: str, password: str, *, now: datetime) -> Person | None:
    """Return who proved himself with his password; None whatever was wrong, after the same time.

    After 5 wrong ones in a row an account is locked for 15 minutes, for the right password too. Raises
    `passwords.Busy`, which counts against nobody.
    """
    passwords.QUEUE.check()
    row = None
    if USERNAME.fullmatch(username):
        row = await connection.fetchrow(SQL["attempt"], username, now, ATTEMPTS, now + LOCKED_FOR)
    stored = row["password"] if row else None
    if not await passwords.holds(password, stored) or row is None:
        return None
    return _person(await connection.fetchrow(SQL["succeeded"], row["id"], now, stored))


async def find(connection: Connection, username: str) -> Person | None:
    """Return the account of that username, upper and lower case being the same."""
    return _person(await connection.fetchrow(SQL["by_username"], username)) if USERNAME.fullmatch(username) else None


async def numbered(connection: Connection, number: int) -> Person | None:
    """Return an account by its number."""
    return _person(await connection.fetchrow(SQL["by_id"], number))


async def holding(connection: Connection, token: str) -> Person | None:
    """Return the account in force that holds `token`."""
    return _person(await connection.fetchrow(SQL["by_token"], digest(token)))


async def page(
    connection: Connection,
    *,
    after: str = "",
    limit: int = 50,
    search: str = "",
    role: str = "",
    units: list[str] | None = None,
    area: str = "",
) -> list[Person]:
    """Return the accounts behind username `after`; `units` and `area` keep to those that act or oversee within them."""
    rows = await connection.fetch(SQL["page"], after, limit, search, role, units, area)
    return [person for row in rows if (person := _person(row))]


async def changes(connection: Connection, number: int) -> list[Change]:
    """Return what was done to an account, the latest first."""
    return [Change(*row) for row in await connection.fetch(SQL["changes"], number, LATEST)]


async def outdated(connection: Connection, known: dict[int, int]) -> list[int]:
    """Return which of the accounts known by number and revision have changed since."""
    rows = await connection.fetch(SQL["changed"], list(known), list(known.values()))
    return [row["id"] for row in rows]


def _person(row: asyncpg.Record | None) -> Person | None:
    if row is None:
        return None
    account = Account(
        username=row["username"],
        name=row["name"],
        role=row["role"],
        unit=row["unit"],
        node=row["node"],
        staff=row["staff"],
        contact_officer=row["contact_officer"],
    )
    return Person(row["id"], account, *(row[member] for member in Person._fields[2:]))
