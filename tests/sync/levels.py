"""A city and its province as operators run them: the real program in processes of its own, one below the other."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from haocha.domain.ticket import Ticket
from haocha.registry import importing, rows
from haocha.registry.files import Line, Table
from haocha.store import aggregates, keys, log
from haocha.store.db import open_pool
from tests import people
from tests.ops.processes import haocha, serving
from tests.site import CITY

AREA = "9901"
PATIENCE = 90.0
PICTURE = b"\x89PNG\r\n\x1a\n" + b"0" * 64


class Operated:
    """One running instance, and how tests act on it from outside."""

    def __init__(self, url: str, pool: asyncpg.Pool, client: httpx.AsyncClient) -> None:
        self.url = url
        self.pool = pool
        self.client = client

    async def key(self, *scopes: str) -> dict[str, str]:
        """Create a key and return the header that it goes in."""
        _, key = await keys.create(self.pool, client="网上大厅", kind="web", scopes=scopes, now=datetime.now(UTC))
        return {"Authorization": f"Bearer {key}"}

    async def account(self, role: str, unit: str = "") -> dict[str, str]:
        """Create an account and return the header that its token goes in."""
        return (await people.make(self.pool, role, unit)).headers

    async def give(self, who: dict[str, str], ticket: UUID, command: str, **body: Any) -> None:
        """Give a command to a ticket as it is now; the site takes it."""
        version = len(await log.read_stream(self.pool, ticket))
        headers = who | {"If-Match": f'"{version}"'}
        answer = await self.client.post(f"/v1/tickets/{ticket}/{command}", json=body, headers=headers)
        assert answer.status_code == 200, answer.text

    async def ticket(self, project_no: str) -> Ticket | None:
        """Read the newest ticket of a case, None where there is none yet."""
        found = await self.pool.fetch(
            "SELECT originator_id FROM log.events"
            " WHERE topic = 'ticket.opened:v1' AND state #>> '{snapshot,projectNo}' = $1 ORDER BY position",
            project_no,
        )
        return await aggregates.get(self.pool, Ticket, found[-1][0]) if found else None

    async def events(self, project_no: str, kind: type) -> list[Any]:
        """Read the events of one kind of a case's newest ticket."""
        ticket = await self.ticket(project_no)
        return [one.event for one in await log.read_stream(self.pool, ticket.id) if isinstance(one.event, kind)]

    async def evidence(self, who: dict[str, str]) -> list[dict[str, str]]:
        """Upload a picture; return what a fix says of it."""
        headers = who | {"Content-Type": "image/png"}
        answer = await self.client.post("/v1/evidence", content=PICTURE, headers=headers)
        assert answer.status_code in {200, 201}, answer.text
        return [{"digest": answer.json()["digest"]}]


async def until(holds: Callable[[], Awaitable[Any]]) -> Any:
    """Wait until something is so, and return it."""
    async with asyncio.timeout(PATIENCE):
        while not (found := await holds()):
            await asyncio.sleep(0.1)
    return found


@contextlib.asynccontextmanager
async def city_below_province(
    folder: Path, above: tuple[str, str], below: tuple[str, str]
) -> AsyncIterator[tuple[Operated, Operated]]:
    """Run a province and a city, each on a database (application's and owner's address) of its own."""
    data = {"above": folder / "above", "below": folder / "below"}
    env = {
        name: {"HAOCHA_DSN": dsn, "HAOCHA_OWNER_DSN": owner, "HAOCHA_URL": f"https://{name}.example"}
        for name, (dsn, owner) in {"above": above, "below": below}.items()
    }
    for path in data.values():
        path.mkdir()
    async with contextlib.AsyncExitStack() as stack:
        up, _ = await asyncio.to_thread(stack.enter_context, serving(data["above"], **env["above"]))
        enrol = ("sync", "enrol", "city", "--area", AREA, "--data", data["above"], "--json")
        enrolled = await asyncio.to_thread(haocha, *enrol, **env["above"])
        _write(data["below"], up, json.loads(enrolled.stdout)["secret"])
        await _register(below[0])
        down, _ = await asyncio.to_thread(stack.enter_context, serving(data["below"], **env["below"]))
        yield await _open(stack, up, above[0]), await _open(stack, down, below[0])


def _write(data: Path, url: str, secret: str) -> None:
    """Name the province in the city's sync.toml, as `enrol` says."""
    key = data / "above.key"
    key.touch(mode=0o600)
    key.write_text(secret)
    (data / "sync.toml").write_text(
        f"""[[peer]]
name = "province"
dialect = "haocha"
url = "{url}"
options = {{ member = "city", pull = true, pull_seconds = 0.3 }}
secrets = {{ key = {{ file = "above.key" }} }}
"""
    )


async def _register(dsn: str) -> None:
    """Import the small made-up city."""
    pool = await open_pool(dsn)
    lines = [Line(number, {"validFrom": "2025-01-01", **cells}) for number, cells in enumerate(CITY, start=2)]
    table = Table(tuple(rows.COLUMNS), lines)
    await importing.run(pool, rows.parse(table), apply=True, by="test", at=datetime.now(UTC))
    await pool.close()


async def _open(stack: contextlib.AsyncExitStack, url: str, dsn: str) -> Operated:
    pool = await open_pool(dsn, size=3)
    stack.push_async_callback(pool.close)
    client = await stack.enter_async_context(httpx.AsyncClient(base_url=url, timeout=30))
    return Operated(url, pool, client)
