"""Logging in with a key and out again: sessions that nobody can forge, forms that no other site can send."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from haocha.store import keys
from haocha.web import pages, sessions
from tests.site import site


@pytest.fixture
async def closed(settings, dsn, pool):
    """Serve a board that needs a session."""
    async with site(settings, dsn, pool) as running:
        yield running


async def log_in(running, key, following="/", csrf=None):
    """Open the form and send it with `key`."""
    form = await running.client.get("/login")
    csrf = csrf or re.search(r'name="csrf" value="(\w+)"', form.text).group(1)
    return await running.client.post("/login", data={"key": key, "csrf": csrf, "next": following})


async def test_key_with_scope_logs_in_and_goes_where_one_wanted(closed):
    """The session's cookie is out of reach of scripts and of other sites."""
    _, key = await closed.key("scores:read")
    answer = await log_in(closed, f" {key} ", "/?period=7")
    assert (answer.status_code, answer.headers["location"]) == (303, "/?period=7")
    cookie = next(c for c in answer.headers.get_list("set-cookie") if c.startswith(sessions.SESSION))
    assert "HttpOnly" in cookie
    assert "samesite=lax" in cookie.lower()
    assert "Secure" not in cookie
    assert (await closed.client.get("/")).status_code == 200


async def test_secure_cookies_where_the_settings_say_so(settings, dsn, pool):
    """Behind HTTPS the cookie is never sent in the clear."""
    async with site(settings, dsn, pool, secure_cookies=True) as running:
        answer = await running.client.get("/login")
        assert "Secure" in answer.headers["set-cookie"]


async def test_unknown_key_and_missing_scope_are_told_apart(closed):
    """Each refusal says what to do, and begins no session."""
    _, writer = await closed.key("ratings:write")
    unknown = await log_in(closed, "hc_nothing")
    assert (unknown.status_code, "不存在或已被吊销" in unknown.text) == (401, True)
    missing = await log_in(closed, writer)
    assert (missing.status_code, "scores:read" in missing.text) == (403, True)
    assert (await closed.client.get("/")).status_code == 303


async def test_form_of_another_site_is_refused(closed):
    """Without the token of this visitor's form a good key begins no session."""
    _, key = await closed.key("scores:read")
    answer = await log_in(closed, key, csrf="0" * 64)
    assert answer.status_code == 403
    assert (await closed.client.get("/")).status_code == 303


async def test_guessing_is_limited(closed):
    """After too many attempts from one address the answer is 429 and says when to come back."""
    answers = [await log_in(closed, f"hc_{n}") for n in range(12)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert int(answers[-1].headers["retry-after"]) > 0
    assert "登录太频繁" in answers[-1].text


async def test_logging_out_ends_the_session(closed):
    """The button on the board ends it; without its token nothing happens."""
    _, key = await closed.key("scores:read")
    await log_in(closed, key)
    refused = await closed.client.post("/logout", data={"csrf": "0"})
    assert refused.status_code == 403
    board = await closed.client.get("/")
    csrf = re.search(r'action="/logout"><input type="hidden" name="csrf" value="(\w+)"', board.text).group(1)
    assert (await closed.client.post("/logout", data={"csrf": csrf})).headers["location"] == "/login"
    assert (await closed.client.get("/")).status_code == 303


@pytest.mark.parametrize("change", ["later", "other key", "bare", "garbage", "中文.1.2"])
async def test_forged_session_is_none(closed, change):
    """A token with anything changed is worth nothing."""
    number, _ = await closed.key("scores:read")
    other, _ = await closed.key("scores:read")
    token = sessions.issue(closed.context, number)
    key_id, ends, mark = token.split(".")
    forged = {
        "later": f"{key_id}.{int(ends) + 3600}.{mark}",
        "other key": f"{other}.{ends}.{mark}",
        "bare": f"{key_id}.{ends}.",
        "garbage": "garbage",
    }.get(change, change)
    assert await sessions.client_of(closed.context, token) is not None
    assert await sessions.client_of(closed.context, forged) is None


async def test_session_ends_by_itself(closed, monkeypatch):
    """After its time a session is over though the key is still good."""
    number, _ = await closed.key("scores:read")
    monkeypatch.setattr(sessions, "LASTS", timedelta(seconds=-1))
    assert await sessions.client_of(closed.context, sessions.issue(closed.context, number)) is None


async def test_session_of_revoked_key_is_none(closed):
    """A key that was never cached and is revoked opens nothing."""
    number, _ = await closed.key("scores:read")
    await keys.revoke(closed.context.pool, number, datetime.now(UTC))
    assert await sessions.client_of(closed.context, sessions.issue(closed.context, number)) is None


@pytest.mark.parametrize("address", ["https://evil.example/", "//evil.example", "/\\evil.example", "evil", "/a\nb", ""])
def test_log_in_sends_nobody_to_another_site(address):
    """Whatever the address asks for, one stays on this site."""
    assert pages.same_site(address) == "/"
