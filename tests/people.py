"""People with accounts, for tests: made by the store's own functions, logged in as people do."""

import itertools
import re
from dataclasses import dataclass
from datetime import UTC, datetime

import asyncpg
import httpx
from playwright.async_api import Page

from haocha.store import accounts

NUMBERS = itertools.count(1)


@dataclass(frozen=True)
class Login:
    """An account, its password, and the header that its token goes in."""

    username: str
    password: str
    headers: dict[str, str]


async def make(pool: asyncpg.Pool, role: str = "supervisor", unit: str = "", **more: object) -> Login:
    """Make an account with a token; `more`: username, name, node, staff, contact_officer, must_change."""
    now = datetime.now(UTC)
    members = {"username": f"{role}{next(NUMBERS)}", "must_change": False, "by": "os:test"} | more
    password = await accounts.create(pool, role=role, unit=unit, now=now, **members)
    person = await accounts.find(pool, members["username"])
    token = await accounts.create_token(pool, person.id, by="os:test", now=now)
    return Login(members["username"], password, {"Authorization": f"Bearer {token}"})


async def log_in(
    client: httpx.AsyncClient, login: Login, following: str = "/", *, password: str | None = None, csrf: str = ""
) -> httpx.Response:
    """Forget who was logged in, open the form and send it; the session is then in the client's cookies."""
    client.cookies.clear()
    form = await client.get("/login")
    csrf = csrf or csrf_of(form)
    members = {"username": login.username, "password": password or login.password, "csrf": csrf, "next": following}
    return await client.post("/login", data=members)


def csrf_of(page: httpx.Response) -> str:
    """Return the token of the forms on a page."""
    return re.search(r'name="csrf" value="(\w+)"', page.text)[1]


async def sign_in(page: Page, url: str, login: Login, following: str = "/desk") -> None:
    """Log in with a browser and arrive at `following`."""
    await page.goto(f"{url}/login?next={following}")
    await page.get_by_label("用户名").fill(login.username)
    await page.get_by_label("密码", exact=True).fill(login.password)
    await page.get_by_role("button", name="登录").click()
    await page.wait_for_url(f"**{following}")
