"""`haocha accounts` as an operator types it: each command a process of its own."""

import asyncio
import json

import httpx
import pytest

from haocha.store import accounts
from tests.ops.processes import haocha


@pytest.fixture
def run(dsn, owner_dsn, tmp_path):
    """Return a function that runs a command of `haocha accounts` and returns what became of it."""

    def begin(*arguments, code=0):
        return haocha("accounts", *arguments, "--data", tmp_path, code=code, HAOCHA_DSN=dsn, HAOCHA_OWNER_DSN=owner_dsn)

    return begin


async def test_account_is_made_and_its_password_and_token_work(run, pool):
    """Username and generated password as JSON; the token is one of this account's."""
    done = run("create", "--username", "li.na", "--role", "handler", "--unit", "TAX", "--name", "李娜", "--json")
    made = json.loads(done.stdout)
    assert made.keys() == {"username", "password"}
    assert "no department TAX" in done.stderr
    person = await accounts.log_in(pool, "li.na", made["password"], now=(await accounts.find(pool, "li.na")).created_at)
    assert (person.account.unit, person.account.name, person.must_change) == ("TAX", "李娜", True)
    token = json.loads(run("token", "li.na", "--json").stdout)["token"]
    assert (await accounts.holding(pool, token)).id == person.id
    run("token", "li.na", "--revoke")
    assert await accounts.holding(pool, token) is None
    assert {change.by.partition(":")[0] for change in await accounts.changes(pool, person.id)} == {"os"}


@pytest.mark.parametrize(
    ("options", "role", "node"),
    [
        (["--role", "call-back"], "agent", ""),
        (["--role", "callback", "--dept", "GOV"], "agent", "dept:GOV"),
        (["--role", "supervisor", "--area", "370102000000"], "supervisor", "area:370102"),
    ],
)
async def test_where_an_account_stands(run, pool, options, role, node):
    """Call-back is called agent; an area is kept as what its codes begin with."""
    run("create", "--username", "x", *options)
    account = (await accounts.find(pool, "x")).account
    assert (account.role, account.node) == (role, node)


async def test_account_is_changed_disabled_and_enabled(run, pool):
    """What is not given stays, empty text takes away; the list shows how each is."""
    run("create", "--username", "li.na", "--role", "handler", "--unit", "TAX", "--contact-officer")
    assert json.loads(run("change", "li.na", "--role", "leader", "--area", "3701", "--json").stdout)["changed"] == [
        "role", "node",
    ]  # fmt: skip
    run("change", "li.na", "--area", "", "--no-contact-officer", "--unit", "")
    account = (await accounts.find(pool, "li.na")).account
    assert (account.role, account.unit, account.node, account.contact_officer) == ("leader", "", "", False)
    assert "like that already" in run("change", "li.na", "--role", "leader").stdout
    assert json.loads(run("disable", "li.na", "--json").stdout) == {"username": "li.na", "disabled": True}
    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["username"], listed["state"], listed["token"]) == ("li.na", "disabled", False)
    assert "disabled" in run("list", "--search", "LI").stdout
    assert "Nothing to do" in run("disable", "li.na").stdout
    run("enable", "li.na")
    assert "Nothing to do" in run("unlock", "li.na").stdout
    password = json.loads(run("reset-password", "li.na", "--json").stdout)["password"]
    now = (await accounts.find(pool, "li.na")).created_at
    assert (await accounts.log_in(pool, "li.na", password, now=now)).must_change


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("create", "--username", "x", "--role", "handler"), 2, "--unit"),
        (("create", "--username", "x", "--role", "leader", "--area", "37", "--dept", "X"), 2, "not both"),
        (("create", "--username", "x", "--role", "king"), 2, "king"),
        (("create", "--username", "李娜", "--role", "leader"), 1, "stands in events"),
        (("create", "--username", "x", "--role", "leader", "--password", "secret"), 2, "No such option"),
        (("create", "--username", "x", "--role", "leader", "--area", "3x"), 1, "area:PREFIX"),
        (("token", "nobody"), 1, "haocha accounts list"),
    ],
)
def test_what_is_wrong_is_said(run, arguments, code, said):
    """Wrong usage is 2, a refusal 1, each with what to do."""
    assert said in run(*arguments, code=code).stderr


async def test_another_process_follows_within_two_seconds(run, settings, pool):
    """A running site lets a new token in at once, and a disabled account out in time."""
    from tests.web.running import running

    run("create", "--username", "li.na", "--role", "leader")
    header = {"Authorization": f"Bearer {json.loads(run('token', 'li.na', '--json').stdout)['token']}"}
    async with running(settings) as site:
        address = "/v1/tickets/8b3c0e0e-3b1a-5a77-8a7c-0d3a5f4d1c11"
        assert (await site.client.get(address, headers=header)).status_code == httpx.codes.NOT_FOUND
        await asyncio.to_thread(run, "disable", "li.na")
        async with asyncio.timeout(2):
            while (await site.client.get(address, headers=header)).status_code != httpx.codes.UNAUTHORIZED:
                await asyncio.sleep(0.05)
        assert (await accounts.find(pool, "li.na")).disabled_at is not None
