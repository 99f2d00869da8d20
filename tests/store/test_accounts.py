"""Accounts: secrets stored as hashes, five wrong passwords lock, every change leaves a trace and ends what it must."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from statistics import median

import asyncpg
import msgspec
import pytest

from haocha.domain.account import ROLES
from haocha.store import accounts, passwords
from haocha.store.people import People

NOW = datetime(2026, 11, 20, tzinfo=UTC)


async def create(pool, username="li.na", **more):
    """Create an account; return it and its password."""
    members = {"role": "handler", "unit": "TAX", "now": NOW, "by": "boss"} | more
    password = await accounts.create(pool, username=username, **members)
    return await accounts.find(pool, username), password


async def told(pool, person):
    """Return what was done to an account, the first first."""
    return [(change.what, change.by) for change in reversed(await accounts.changes(pool, person.id))]


async def test_secrets_are_stored_nowhere(pool):
    """The table holds an argon2id hash of the password and SHA-256 of the token."""
    person, password = await create(pool)
    token = await accounts.create_token(pool, person.id, by="li.na", now=NOW)
    row = str(dict(await pool.fetchrow("SELECT * FROM access.accounts")))
    assert "$argon2id$" in row
    assert token.startswith("hca_")
    assert password not in row
    assert token[4:] not in row
    assert await pool.fetchval("SELECT token FROM access.accounts") == accounts.digest(token)


async def test_account_is_found_in_either_case_and_its_name_is_kept(pool):
    """`Li.Na` is `li.na`: one account, called as it was first written."""
    person, _ = await create(pool, "Li.Na", name="李娜")
    assert (await accounts.find(pool, "LI.NA")).account == person.account
    assert person.account.username == "Li.Na"
    with pytest.raises(accounts.UsernameTaken):
        await create(pool, "li.na")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"username": ""}, accounts.UsernameInvalid),
        ({"username": "李娜"}, accounts.UsernameInvalid),
        ({"username": "a b"}, accounts.UsernameInvalid),
        ({"username": "a" * 41}, accounts.UsernameInvalid),
        ({"username": "a\x00"}, accounts.UsernameInvalid),
        ({"role": "king"}, accounts.AccountInvalid),
        ({"unit": ""}, accounts.UnitNeeded),
        ({"role": "leader", "unit": "", "contact_officer": True}, accounts.UnitNeeded),
        ({"node": "area:37x"}, accounts.AccountInvalid),
        ({"node": "TAX"}, accounts.AccountInvalid),
        ({"staff": "7"}, accounts.AccountInvalid),
        ({"name": "a\nb"}, accounts.AccountInvalid),
        ({"password": "short"}, passwords.PasswordTooWeak),
    ],
)
async def test_what_no_account_may_be(pool, changes, refusal):
    """Each refusal has its code, and nothing is stored."""
    members = {"username": "li.na", "role": "handler", "unit": "TAX", "now": NOW} | changes
    with pytest.raises(refusal) as refused:
        await accounts.create(pool, **members)
    assert refused.value.code
    assert await pool.fetchval("SELECT count(*) FROM access.accounts") == 0


@pytest.mark.parametrize(
    "password",
    [
        "",
        "123456789",
        "1234567890",
        "aaaaaaaaaa",
        "password123",
        "ninechars",
        "wang.fang2026",
        "ＷＡＮＧ.fang!!",
    ],
)
def test_worst_passwords_are_refused(password):
    """Too short, everybody's favourites, one letter again and again, and the username with a year behind it."""
    with pytest.raises(passwords.PasswordTooWeak):
        passwords.check(password, "wang.fang")


def test_good_passwords_are_not_refused():
    """Words in a row, of any script, and what is generated."""
    for password in ("correct horse battery", "窗口的第三盏灯常亮着呢", passwords.generate()):
        passwords.check(password, "wang.fang")


async def test_unit_has_one_contact_officer(pool):
    """A second one is refused, until the first is disabled; then the first cannot come back as one."""
    first, _ = await create(pool, "first", contact_officer=True)
    with pytest.raises(accounts.ContactOfficerTaken):
        await create(pool, "second", contact_officer=True)
    assert await accounts.disable(pool, first.id, by="boss", now=NOW)
    await create(pool, "second", contact_officer=True)
    with pytest.raises(accounts.ContactOfficerTaken):
        await accounts.enable(pool, first.id, by="boss", now=NOW)
    await create(pool, "other", unit="HR", contact_officer=True)


async def test_right_password_logs_in(pool):
    """And only the right one; when is remembered."""
    person, password = await create(pool)
    assert await accounts.log_in(pool, "li.na", "wrong password", now=NOW) is None
    logged_in = await accounts.log_in(pool, "LI.NA", password, now=NOW)
    assert (logged_in.id, logged_in.last_login_at) == (person.id, NOW)
    assert await accounts.log_in(pool, "nobody", password, now=NOW) is None
    assert await accounts.log_in(pool, "a\x00b", password, now=NOW) is None


async def test_five_wrong_passwords_lock_for_a_quarter_of_an_hour(pool):
    """Then the right one does not help either, until the time is over or somebody unlocks."""
    person, password = await create(pool)
    for _ in range(5):
        assert await accounts.log_in(pool, "li.na", "wrong password", now=NOW) is None
    assert await accounts.log_in(pool, "li.na", password, now=NOW + timedelta(minutes=14)) is None
    assert await accounts.log_in(pool, "li.na", password, now=NOW + timedelta(minutes=15)) is not None
    for _ in range(5):
        await accounts.log_in(pool, "li.na", "wrong password", now=NOW)
    assert await accounts.unlock(pool, person.id, by="boss", now=NOW)
    assert not await accounts.unlock(pool, person.id, by="boss", now=NOW)
    assert await accounts.log_in(pool, "li.na", password, now=NOW) is not None


async def test_success_forgets_the_failures_before(pool):
    """Four wrong ones, a right one, four wrong ones: not locked."""
    _, password = await create(pool)
    for _ in range(2):
        for _ in range(4):
            await accounts.log_in(pool, "li.na", "wrong password", now=NOW)
        assert await accounts.log_in(pool, "li.na", password, now=NOW) is not None


async def test_many_attempts_at_once_are_no_way_round_the_lock(pool):
    """Of twenty at the same moment five are looked at; the right one among the later fifteen is refused."""
    _, password = await create(pool)
    tries = ["wrong password"] * 5 + [password] * 15
    first = await asyncio.gather(*(accounts.log_in(pool, "li.na", one, now=NOW) for one in tries[:5]))
    later = await asyncio.gather(*(accounts.log_in(pool, "li.na", one, now=NOW) for one in tries[5:]))
    assert {*first, *later} == {None}


async def test_unknown_username_takes_as_long_as_a_wrong_password(pool):
    """How long the answer takes does not tell whether there is such an account."""
    await create(pool)
    await accounts.log_in(pool, "nobody", "wrong password", now=NOW)

    async def seconds(username):
        started = time.perf_counter()
        await accounts.log_in(pool, username, "wrong password", now=NOW)
        return time.perf_counter() - started

    known = median([await seconds("li.na") for _ in range(4)])
    unknown = median([await seconds("nobody") for _ in range(4)])
    assert 1 / 3 < unknown / known < 3


async def test_other_members_end_sessions_and_a_name_does_not(pool):
    """Role, unit, node and staff count up the epoch; name and contact officer do not; each leaves its trace."""
    person, _ = await create(pool)
    for change, epoch in (
        ({"name": "李娜"}, 1),
        ({"contact_officer": True}, 1),
        ({"unit": "HR"}, 2),
        ({"node": "area:37"}, 3),
        ({"staff": "HR/7"}, 4),
        ({"role": "supervisor"}, 5),
    ):
        account = msgspec.structs.replace((await accounts.find(pool, "li.na")).account, **change)
        assert await accounts.change(pool, person.id, account, by="boss", now=NOW) == list(change)
        assert await accounts.change(pool, person.id, account, by="boss", now=NOW) == []
        assert (await accounts.find(pool, "li.na")).epoch == epoch
    changes = await accounts.changes(pool, person.id)
    assert (changes[0].what, changes[0].was, changes[0].became) == ("role", "handler", "supervisor")
    assert [what for what, _ in await told(pool, person)] == [
        "created", "name", "contact_officer", "unit", "node", "staff", "role",
    ]  # fmt: skip


async def test_disabling_ends_sessions_and_token(pool):
    """Enabled again, the account has its password, but no token."""
    person, password = await create(pool)
    token = await accounts.create_token(pool, person.id, by="boss", now=NOW)
    assert await accounts.disable(pool, person.id, by="boss", now=NOW)
    assert not await accounts.disable(pool, person.id, by="boss", now=NOW)
    assert await accounts.log_in(pool, "li.na", password, now=NOW) is None
    assert await accounts.holding(pool, token) is None
    with pytest.raises(accounts.AccountUnknown):
        await accounts.create_token(pool, person.id, by="boss", now=NOW)
    assert await accounts.enable(pool, person.id, by="boss", now=NOW)
    assert await accounts.log_in(pool, "li.na", password, now=NOW) is not None
    assert await accounts.holding(pool, token) is None
    assert await told(pool, person) == [
        ("created", "boss"), ("token_created", "boss"), ("disabled", "boss"), ("enabled", "boss"),
    ]  # fmt: skip


async def test_new_password_ends_sessions_and_the_lock(pool):
    """Reset by another it must be changed; chosen by oneself it need not."""
    person, old = await create(pool)
    for _ in range(5):
        await accounts.log_in(pool, "li.na", "wrong password", now=NOW)
    new = await accounts.reset_password(pool, person, by="boss", now=NOW)
    reset = await accounts.log_in(pool, "li.na", new, now=NOW)
    assert (reset.must_change, reset.epoch) == (True, person.epoch + 1)
    assert await accounts.log_in(pool, "li.na", old, now=NOW) is None
    await accounts.set_password(pool, person, "the third lamp is on", by="li.na", now=NOW)
    chosen = await accounts.log_in(pool, "li.na", "the third lamp is on", now=NOW)
    assert (chosen.must_change, chosen.epoch) == (False, person.epoch + 2)
    assert [what for what, _ in await told(pool, person)] == ["created", "password_reset", "password_changed"]


async def test_reset_password_takes_the_token_away(pool):
    """Whoever needs a reset may have lost more than a password; one's own new password keeps the token."""
    person, _ = await create(pool)
    token = await accounts.create_token(pool, person.id, by="li.na", now=NOW)
    await accounts.set_password(pool, person, "the third lamp is on", by="li.na", now=NOW)
    assert (await accounts.holding(pool, token)).id == person.id
    await accounts.reset_password(pool, person, by="boss", now=NOW)
    assert await accounts.holding(pool, token) is None
    assert (await accounts.find(pool, "li.na")).token_at is None


async def test_overseer_of_a_department_is_one_of_it(pool):
    """Where no unit is said, so that he is not taken for independent of it; a unit that is said stays."""
    person, _ = await create(pool, role="reviewer", unit="", node="dept:TAX")
    assert person.account.unit == "TAX"
    account = msgspec.structs.replace(person.account, node="dept:HR", unit="")
    assert await accounts.change(pool, person.id, account, by="boss", now=NOW) == ["unit", "node"]
    assert (await accounts.find(pool, "li.na")).account.unit == "HR"
    other, _ = await create(pool, "other", role="reviewer", unit="TAX", node="dept:GOV")
    assert other.account.unit == "TAX"
    region, _ = await create(pool, "region", role="reviewer", unit="", node="area:37")
    assert region.account.unit == ""


async def test_password_of_an_input_method_is_the_same(pool):
    """Full-width letters are those they stand for."""
    await create(pool, password="abc123!@#def")
    assert await accounts.log_in(pool, "li.na", "ａｂｃ１２３！＠＃ｄｅｆ", now=NOW) is not None


async def test_account_without_a_password_cannot_log_in(pool):
    """Who proves himself at an identity provider has none here."""
    person, _ = await create(pool)
    await pool.execute("UPDATE access.accounts SET password = NULL, external = 'oidc|42' WHERE id = $1", person.id)
    for password in ("", "None", "wrong password"):
        assert await accounts.log_in(pool, "li.na", password, now=NOW) is None


async def test_new_token_takes_the_place_of_the_old(pool):
    """One account, one token; revoked, none."""
    person, _ = await create(pool)
    people = People(pool)
    old = await accounts.create_token(pool, person.id, by="li.na", now=NOW)
    assert (await people.of(old)).id == person.id
    new = await accounts.create_token(pool, person.id, by="li.na", now=NOW)
    assert (await people.of(new)).id == person.id
    assert await people.of(old) is None
    assert await accounts.revoke_token(pool, person.id, by="li.na", now=NOW)
    assert not await accounts.revoke_token(pool, person.id, by="li.na", now=NOW)
    people.forget(person.id)
    assert await people.of(new) is None


@pytest.mark.parametrize("token", ["", "x", "hca_", "hca_\x00", "hca_" + "a" * 10_000, "hca_令牌", "hc_key"])
async def test_other_tokens_are_nobodys(pool, token):
    """Whatever is sent, the answer is no, not an error."""
    await create(pool)
    assert await People(pool).of(token) is None


async def test_what_is_changed_elsewhere_is_forgotten(pool):
    """A process that knows an account and its token forgets them within two seconds of any change."""
    person, _ = await create(pool)
    token = await accounts.create_token(pool, person.id, by="li.na", now=NOW)
    people = People(pool)
    following = asyncio.create_task(people.follow())
    try:
        assert (await people.of(token)).account.unit == "TAX"
        account = msgspec.structs.replace(person.account, unit="HR")
        await accounts.change(pool, person.id, account, by="boss", now=NOW)
        changed = time.monotonic()
        while (await people.of(token)).account.unit != "HR":
            assert time.monotonic() - changed < 2
            await asyncio.sleep(0.05)
        await accounts.disable(pool, person.id, by="boss", now=NOW)
        disabled = time.monotonic()
        while await people.numbered(person.id) is not None:
            assert time.monotonic() - disabled < 2
            await asyncio.sleep(0.05)
        assert await people.of(token) is None
    finally:
        following.cancel()


async def test_pages_of_accounts(pool):
    """By username whatever its case, with search and role; an area or units keep to those within."""
    for username, more in {
        "b": {"unit": "TAX"},
        "A": {"unit": "HR", "name": "王芳"},
        "c": {"role": "supervisor", "unit": "", "node": "area:3701"},
        "d": {"role": "supervisor", "unit": "", "node": "dept:HR"},
        "e": {"role": "admin", "unit": ""},
    }.items():
        await create(pool, username, **more)

    async def names(**more):
        return "".join(person.account.username for person in await accounts.page(pool, **more))

    assert await names() == "Abcde"
    assert await names(limit=2) == "Ab"
    assert await names(after="B") == "cde"
    assert await names(search="王") == "A"
    assert await names(search="hr") == "Ad"
    assert await names(role="supervisor") == "cd"
    assert await names(units=["HR"]) == "Ad"
    assert await names(units=["TAX"], area="37") == "bc"
    assert await names(units=[], area="3702") == ""


async def test_roles_are_those_of_the_table(pool):
    """Python's list and the table's check say the same."""
    for role in ROLES:
        await create(pool, role, role=role)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE access.accounts SET role = 'citizen'")


@pytest.mark.parametrize("statement", ["DELETE FROM access.accounts", "DELETE FROM access.account_changes",
    "UPDATE access.account_changes SET by = 'x'", "TRUNCATE access.account_changes"])  # fmt: skip
async def test_application_can_neither_delete_accounts_nor_alter_their_traces(pool, statement):
    """Events name accounts, and what was done to them stays told."""
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(statement)
