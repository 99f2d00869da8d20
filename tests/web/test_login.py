"""Logging in with username and password and out again: sessions that nobody can forge, forms no other site can send."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from haocha.store import accounts, passwords
from haocha.web import pages, sessions
from tests.people import csrf_of, log_in
from tests.site import site


@pytest.fixture
async def closed(settings, dsn, pool):
    """Serve a board that needs a session."""
    async with site(settings, dsn, pool) as running:
        yield running


async def person(running, login):
    """Return the account behind a log-in."""
    return await accounts.find(running.context.pool, login.username)


async def test_account_logs_in_and_goes_where_one_wanted(closed):
    """The session's cookie is out of reach of scripts and of other sites."""
    login = await closed.account()
    answer = await log_in(closed.client, login, "/?period=7")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?period=7")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(sessions.SESSION))
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert "Secure" not in cookie
    assert (await closed.client.get("/")).status_code == 200
    again = await closed.client.get("/login?next=/?period=30")
    assert (again.status_code, again.headers["location"]) == (303, "/?period=30")


async def test_secure_cookies_where_the_settings_say_so(settings, dsn, pool):
    """Behind HTTPS the cookie is never sent in the clear."""
    async with site(settings, dsn, pool, secure_cookies=True) as running:
        answer = await running.client.get("/login")
        assert "Secure" in answer.headers["set-cookie"]


async def test_no_refusal_tells_whether_there_is_such_an_account(closed):
    """Wrong password, no such account, disabled, locked: the same page, but for the username that was typed."""
    known, locked, disabled = [await closed.account() for _ in range(3)]
    now = datetime.now(UTC)
    await accounts.disable(closed.context.pool, (await person(closed, disabled)).id, by="os:test", now=now)
    for _ in range(accounts.ATTEMPTS):
        await accounts.log_in(closed.context.pool, locked.username, "wrong password", now=now)
    nobody = replace(known, username="nobody")
    told = set()
    for login, password in (
        (known, "wrong password"),
        (nobody, known.password),
        (locked, locked.password),
        (disabled, disabled.password),
    ):
        answer = await log_in(closed.client, login, password=password)
        assert answer.status_code == 401
        told.add(re.sub(r'(name="csrf" value|id="username" name="username" value)="[^"]*"', "", answer.text))
        assert f'value="{login.username}"' in answer.text
        assert password not in answer.text
    assert len(told) == 1
    assert (await closed.client.get("/")).status_code == 303


async def test_form_of_another_site_is_refused(closed):
    """Without the token of this visitor's form a good password begins no session."""
    answer = await log_in(closed.client, await closed.account(), csrf="0" * 64)
    assert answer.status_code == 403
    assert (await closed.client.get("/")).status_code == 303


@pytest.mark.parametrize("address", ["/login", "/logout", "/v/none"])
async def test_nobody_sends_a_form_of_millions_of_fields(closed, address):
    """Before anybody proved who he is, a form is as large as a form of people."""
    answer = await closed.client.post(address, data={"username": "a" * pages.LARGEST_FORM})
    assert answer.status_code == 413


async def test_form_from_a_page_without_an_address_leads_to_the_log_in(closed):
    """Whatever stands in the header that says where a form stood."""
    answer = await closed.client.post("/account/token", headers={"Referer": "http://["})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2F")


async def test_guessing_is_limited(closed, monkeypatch):
    """After too many attempts from one address the answer is 429 and says when to come back."""
    monkeypatch.setattr(closed.context.login_limits, "_per_minute", 3)
    login = await closed.account()
    answers = [await log_in(closed.client, login, csrf="0" * 64) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [403, 403, 403, 429]
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "登录太频繁" in answers[-1].text


async def test_too_many_at_once_are_asked_to_wait(closed, monkeypatch):
    """Where too many passwords wait to be looked at the answer is 503, and no attempt is counted against anybody."""
    login = await closed.account()
    with monkeypatch.context() as full:
        full.setattr(passwords.QUEUE, "most", 0)
        for _ in range(accounts.ATTEMPTS):
            answer = await log_in(closed.client, login)
            assert (answer.status_code, "请稍等片刻" in answer.text) == (503, True)
    assert (await log_in(closed.client, login)).status_code == 303


async def test_logging_out_ends_the_session(closed):
    """The button on the board ends it; without its token nothing happens."""
    await log_in(closed.client, await closed.account())
    refused = await closed.client.post("/logout", data={"csrf": "0"})
    assert refused.status_code == 403
    csrf = csrf_of(await closed.client.get("/"))
    assert (await closed.client.post("/logout", data={"csrf": csrf})).headers["location"] == "/login"
    assert (await closed.client.get("/")).status_code == 303


@pytest.mark.parametrize("change", ["later", "other account", "other epoch", "bare", "garbage", "中文.1.2.3", "1.2.3"])
async def test_forged_session_is_none(closed, change):
    """A token with anything changed is worth nothing."""
    mine, other = [await person(closed, await closed.account()) for _ in range(2)]
    token = sessions.issue(closed.context, mine)
    number, epoch, ends, mark = token.split(".")
    forged = {
        "later": f"{number}.{epoch}.{int(ends) + 3600}.{mark}",
        "other account": f"{other.id}.{epoch}.{ends}.{mark}",
        "other epoch": f"{number}.{int(epoch) + 1}.{ends}.{mark}",
        "bare": f"{number}.{epoch}.{ends}.",
    }.get(change, change)
    assert (await sessions.person_of(closed.context, token)).id == mine.id
    assert await sessions.person_of(closed.context, forged) is None


async def test_session_ends_by_itself(closed, monkeypatch):
    """After its time a session is over though the account is as it was."""
    mine = await person(closed, await closed.account())
    monkeypatch.setattr(sessions, "LASTS", timedelta(seconds=-1))
    assert await sessions.person_of(closed.context, sessions.issue(closed.context, mine)) is None


@pytest.mark.parametrize("what", ["password", "role", "disabled"])
async def test_session_of_a_changed_account_is_none(closed, what):
    """A new password, another role and disabling end the sessions that there are."""
    mine, now, pool = await person(closed, await closed.account()), datetime.now(UTC), closed.context.pool
    token = sessions.issue(closed.context, mine)
    if what == "password":
        await accounts.reset_password(pool, mine, by="os:test", now=now)
    elif what == "role":
        account = msgspec.structs.replace(mine.account, role="leader")
        await accounts.change(pool, mine.id, account, by="os:test", now=now)
    else:
        await accounts.disable(pool, mine.id, by="os:test", now=now)
    assert await sessions.person_of(closed.context, token) is None


async def test_password_of_somebody_else_must_be_changed_first(closed):
    """After creation and reset every page leads to one's own account, the API refuses; the token works."""
    login = await closed.account("leader", must_change=True)
    answer = await log_in(closed.client, login, "/?period=7")
    assert answer.headers["location"] == "/account"
    assert (await closed.client.get("/", follow_redirects=True)).url.path == "/account"
    assert (await closed.client.get("/account")).status_code == 200
    page = await closed.client.get("/account")
    new = {"csrf": csrf_of(page), "current": login.password, "new": "the third lamp", "again": "the third lamp"}
    assert (await closed.client.post("/account/password", data=new)).status_code == 303
    assert (await closed.client.get("/")).status_code == 200


@pytest.mark.parametrize(
    "address", ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "/a\nb", "", "//[", "/\t/evil"]
)
def test_log_in_sends_nobody_to_another_site(address):
    """Whatever the address asks for, one stays on this site."""
    assert pages.same_site(address) == "/"
