"""The whole site on a port of its own: web process and projector, in the test's own loop, over a small made-up city."""

import asyncio
import contextlib
import itertools
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import httpx
import msgspec
import uvicorn

from haocha.domain.workdays import SHANGHAI
from haocha.engine import projector
from haocha.registry import importing, rows
from haocha.registry.files import Line, Table
from haocha.settings import Settings
from haocha.store import keys
from haocha.store.instance import Instance
from haocha.store.readmodels import wait_for
from haocha.web.app import create_app
from haocha.web.context import Context, open_context
from tests import people

CITY = [
    {"kind": "org", "deptCode": "SCJG", "name": "市场监督管理局", "areaCode": "990100000000"},
    {"kind": "org", "deptCode": "ZRZY", "name": "自然资源局", "areaCode": "990100000000"},
    {"kind": "hall", "hallCode": "H1", "name": "市民中心", "areaCode": "990101000000"},
    {"kind": "hall", "hallCode": "H2", "name": "高新区分中心", "areaCode": "990102000000"},
    {"kind": "window", "hallCode": "H1", "windowNo": "A01", "name": "企业开办窗口", "deptCode": "SCJG"},
    {"kind": "window", "hallCode": "H1", "windowNo": "A02", "name": "不动产登记窗口", "deptCode": "ZRZY"},
    {"kind": "window", "hallCode": "H2", "windowNo": "B01", "name": "综合窗口", "deptCode": "SCJG"},
    {"kind": "staff", "deptCode": "SCJG", "staffNo": "7", "name": "林知远", "hallCode": "H1", "windowNo": "A01"},
    {"kind": "staff", "deptCode": "ZRZY", "staffNo": "8", "name": "周晓彤", "hallCode": "H1", "windowNo": "A02"},
]
NUMBERS = itertools.count(1)


class Site:
    """A running site, and how tests act on it from outside."""

    def __init__(self, url: str, context: Context, client: httpx.AsyncClient) -> None:
        self.url = url
        self.context = context
        self.client = client
        self.writer = ""

    async def key(self, *scopes: str, kind: str = "web", name: str = "监督科") -> tuple[int, str]:
        """Create a key; return its number and itself."""
        return await keys.create(self.context.pool, client=name, kind=kind, scopes=scopes, now=datetime.now(UTC))

    async def account(self, role: str = "supervisor", unit: str = "", **more: object) -> people.Login:
        """Create an account; `people.log_in` and `people.sign_in` log it in."""
        return await people.make(self.context.pool, role, unit, **more)

    async def rate(self, satisfaction: int, **members: object) -> httpx.Response:
        """Post one rating of a new case at window A01 by its staff, made just now on a web page."""
        said = datetime.now(SHANGHAI) - timedelta(seconds=1)
        body = {
            "projectNo": f"CASE-{next(NUMBERS):06}",
            "satisfaction": satisfaction,
            "pf": "1",
            "assessTime": f"{said:%Y-%m-%d %H:%M:%S}",
            "hallCode": "H1",
            "windowNo": "A01",
            "deptCode": "SCJG",
            "staffNo": "7",
            "taskName": "企业设立登记",
        }
        if satisfaction <= 2:
            body["evalDetail"] = ["213"] if satisfaction == 2 else ["110"]
        answer = await self.client.post(
            "/v1/ratings", json=body | members, headers={"Authorization": f"Bearer {self.writer}"}
        )
        assert answer.status_code == 201, answer.text
        return answer

    async def settle(self) -> None:
        """Wait until the read models of the board hold all that was posted."""
        head = await self.context.pool.fetchval("SELECT max(upto) FROM log.commits")
        assert await wait_for(self.context.pool, ("scores", "indicators", "ledger", "services"), head, 10)


@contextlib.asynccontextmanager
async def site(settings: Settings, dsn: str, pool: asyncpg.Pool, **changes: object) -> AsyncIterator[Site]:
    """Serve with `changes` to the settings until the block ends, over the imported city."""
    settings = msgspec.structs.replace(settings, **changes)
    lines = [Line(number, {"validFrom": "2025-01-01", **cells}) for number, cells in enumerate(CITY, start=2)]
    table = Table(tuple(rows.COLUMNS), lines)
    await importing.run(pool, rows.parse(table), apply=True, by="test", at=datetime.now(UTC))
    async with open_context(Instance(settings, dsn, settings.owner_dsn), pool) as context:
        listening = socket.create_server(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        config = uvicorn.Config(create_app(context), lifespan="on", log_config=None, access_log=False)
        server = uvicorn.Server(config)
        server.capture_signals = contextlib.nullcontext
        tasks = [
            asyncio.create_task(projector.run(pool, context.tail)),
            asyncio.create_task(server.serve(sockets=[listening])),
        ]
        try:
            async with httpx.AsyncClient(base_url=url) as client:
                running = Site(url, context, client)
                _, running.writer = await running.key("ratings:write", "services:write", name="网上大厅")
                yield running
        finally:
            context.stopping.set()
            server.should_exit = True
            await tasks[1]
            tasks[0].cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
