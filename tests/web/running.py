"""A running haocha for tests: real uvicorn on loopback, over a database of its own, with keys on demand."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg
import httpx
import uvicorn

from haocha.registry import importing, rows
from haocha.registry.files import Line, Table
from haocha.settings import Settings
from haocha.store import keys
from haocha.store.db import open_pool
from haocha.store.instance import Instance
from haocha.web.app import create_app
from haocha.web.context import Context, open_context
from tests import people

CITY = [
    {"kind": "org", "deptCode": "TAX", "name": "税务局", "areaCode": "370102000000"},
    {"kind": "org", "deptCode": "HR", "name": "人社局", "areaCode": "370102000000"},
    {"kind": "hall", "hallCode": "H01", "name": "市民中心", "areaCode": "370102000000"},
    {"kind": "hall", "hallCode": "H02", "name": "分中心", "areaCode": "370103000000"},
    {"kind": "window", "hallCode": "H01", "windowNo": "A01", "name": "一号窗口", "deptCode": "TAX"},
    {"kind": "window", "hallCode": "H01", "windowNo": "A02", "name": "二号窗口", "deptCode": "HR"},
    {"kind": "window", "hallCode": "H02", "windowNo": "A01", "name": "分中心一号窗口", "deptCode": "TAX"},
    {"kind": "staff", "deptCode": "TAX", "staffNo": "7", "name": "甲", "hallCode": "H01", "windowNo": "A01"},
    {"kind": "matter", "taskCode": "T-100", "name": "社会保障卡补领", "deptCode": "HR"},
    {"kind": "device", "deviceNo": "D-1", "hallCode": "H01", "windowNo": "A02"},
]
SINCE = "2024-01-01"
NUMBERS = itertools.count(1)


def now() -> datetime:
    """Return the time to the second, as devices send it."""
    return datetime.now(UTC).replace(microsecond=0)


def rating(**changes: Any) -> dict[str, Any]:
    """Return a good rating of a case of its own; a member changed to None is left out."""
    members = {
        "projectNo": f"P{next(NUMBERS):08d}",
        "satisfaction": 5,
        "pf": "4",
        "assessTime": now().isoformat(),
        "hallCode": "H01",
        "windowNo": "A01",
    } | changes
    return {name: value for name, value in members.items() if value is not None}


def service(**changes: Any) -> dict[str, Any]:
    """Return a service record of a case of its own; a member changed to None is left out."""
    members = {
        "projectNo": f"P{next(NUMBERS):08d}",
        "serviceTime": now().isoformat(),
        "hallCode": "H01",
        "windowNo": "A01",
    }
    return {name: value for name, value in (members | changes).items() if value is not None}


def faults(answer: httpx.Response) -> set[tuple[str, str]]:
    """Return pointer and code of every fault a problem lists."""
    return {(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]}


class Site:
    """One running server: `url`, an HTTP client, and what stands behind it."""

    def __init__(self, url: str, client: httpx.AsyncClient, context: Context) -> None:
        self.url = url
        self.client = client
        self.context = context
        self.pool: asyncpg.Pool = context.pool

    async def key(
        self, kind: str = "integration", scopes: Sequence[str] = keys.SCOPES, *, name: str | None = None, **more: Any
    ) -> dict[str, str]:
        """Create a key of a client of its own and return the header it goes in; `more`: hall, window_no, per_minute."""
        name = name or f"client{next(NUMBERS)}"
        _, key = await keys.create(self.pool, client=name, kind=kind, scopes=scopes, now=now(), **more)
        return {"Authorization": f"Bearer {key}"}

    async def account(self, role: str, unit: str = "", **more: Any) -> dict[str, str]:
        """Create an account and return the header its token goes in; `more`: username, node, staff, contact_officer."""
        return (await people.make(self.pool, role, unit, **more)).headers

    async def rate(self, key: dict[str, str], **changes: Any) -> httpx.Response:
        """Post one rating."""
        return await self.client.post("/v1/ratings", json=rating(**changes), headers=key)

    async def read(self, key: dict[str, str], rating_id: str) -> dict[str, Any]:
        """Read one rating that is there."""
        answer = await self.client.get(f"/v1/ratings/{rating_id}", headers=key)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def events(self, originator_id: str) -> list[asyncpg.Record]:
        """Return a stream as it lies in the log: topic and state as text."""
        return await self.pool.fetch(
            "SELECT position, topic, state::text AS state FROM log.events WHERE originator_id = $1"
            " ORDER BY originator_version",
            originator_id,
        )

    async def count(self) -> int:
        """Return how many events the log holds."""
        return await self.pool.fetchval("SELECT count(*) FROM log.events")


class Server(uvicorn.Server):
    """uvicorn that leaves the test run's signals alone."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Capture none."""
        yield


@contextlib.asynccontextmanager
async def running(settings: Settings) -> AsyncIterator[Site]:
    """Import the city and serve it until the block ends."""
    assert settings.dsn is not None
    pool = await open_pool(settings.dsn)
    lines = [Line(number, {"validFrom": SINCE, **cells}) for number, cells in enumerate(CITY, start=2)]
    plan = await importing.run(pool, rows.parse(Table(tuple(rows.COLUMNS), lines)), apply=True, by="test", at=now())
    assert plan.faults == []
    await pool.close()
    async with open_context(Instance(settings, settings.dsn, settings.owner_dsn)) as context:
        app = create_app(context)
        config = uvicorn.Config(app, loop="none", ws="none", lifespan="on", log_config=None, access_log=False)
        server = Server(config)
        with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
            serving = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started:
                await asyncio.sleep(0.01)
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                yield Site(url, client, context)
            server.should_exit = True
            await serving


def local(moment: datetime) -> str:
    """Write a time as counter software does: `yyyy-MM-dd HH:mm:ss`, meaning Asia/Shanghai."""
    return (moment.astimezone(UTC) + timedelta(hours=8)).strftime("%Y-%m-%d %H:%M:%S")
