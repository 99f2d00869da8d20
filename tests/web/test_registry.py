"""`/v1/registry`: what integrators and pages look up."""

from datetime import UTC, datetime

import httpx
import pytest

from haocha.registry import importing, rows
from haocha.registry.files import Line, Table
from haocha.store import keys
from haocha.store.instance import Instance
from haocha.web.app import create_app
from haocha.web.context import open_context

NOW = datetime(2025, 6, 1, tzinfo=UTC)
CITY = [
    {"kind": "org", "deptCode": "TAX", "name": "税务局", "areaCode": "990100000000"},
    {"kind": "hall", "hallCode": "H1", "name": "大厅", "areaCode": "990101000000"},
    {"kind": "window", "hallCode": "H1", "windowNo": "A01", "name": "一号窗口", "deptCode": "TAX"},
    {"kind": "window", "hallCode": "H1", "windowNo": "A02", "name": "二号窗口", "validTo": "2025-02-01"},
    {"kind": "window", "hallCode": "H1", "windowNo": "A03", "name": "三号窗口"},
    {"kind": "staff", "deptCode": "TAX", "staffNo": "7", "name": "甲", "hallCode": "H1", "windowNo": "A01"},
]


@pytest.fixture
async def api(settings, dsn, pool):
    """Serve the application in this process over an imported city; return a client and its key's headers."""
    lines = [Line(number, {"validFrom": "2025-01-01", **cells}) for number, cells in enumerate(CITY, start=2)]
    plan = await importing.run(pool, rows.parse(Table(tuple(rows.COLUMNS), lines)), apply=True, by="test", at=NOW)
    assert plan.faults == []
    _, key = await keys.create(pool, client="board", kind="web", scopes=["registry:read"], now=NOW)
    _, other = await keys.create(pool, client="pad", kind="pad", scopes=["ratings:write"], now=NOW)
    async with open_context(Instance(settings, dsn, settings.owner_dsn), pool) as context:
        app = create_app(context)
        app._app.state.context = context  # what uvicorn's start does
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            client.headers["Authorization"] = f"Bearer {key}"
            client.other = other
            yield client


async def test_list_shows_what_is_valid_then(api):
    """Now the second window is gone; in January it was there."""
    now = (await api.get("/v1/registry/window")).json()
    assert [item["key"] for item in now["items"]] == ["H1/A01", "H1/A03"]
    assert now["items"][0]["name"] == "一号窗口"
    then = (await api.get("/v1/registry/window", params={"at": "2025-01-15 09:00:00"})).json()
    assert [item["key"] for item in then["items"]] == ["H1/A01", "H1/A02", "H1/A03"]
    assert then["position"] == 6


async def test_list_is_paged_and_searched(api):
    """The cursor goes on behind the last key; `q` finds parts of keys and names."""
    first = (await api.get("/v1/registry/window", params={"limit": 1})).json()
    assert first["nextCursor"] == "H1/A01"
    second = (await api.get("/v1/registry/window", params={"limit": 1, "cursor": first["nextCursor"]})).json()
    assert ([item["key"] for item in second["items"]], second["nextCursor"]) == (["H1/A03"], None)
    found = (await api.get("/v1/registry/window", params={"q": "三号"})).json()
    assert [item["key"] for item in found["items"]] == ["H1/A03"]


async def test_entry_has_its_history(api):
    """Keys with a slash are part of the path."""
    entry = (await api.get("/v1/registry/staff/TAX/7")).json()
    assert entry["key"] == "TAX/7"
    assert [(period["name"], period["window"]) for period in entry["history"]] == [("甲", "H1/A01")]
    assert (await api.get("/v1/registry/staff/TAX/8")).status_code == 404


async def test_scope_is_needed(api):
    """Staff have names here: a key that may only rate is refused."""
    refused = await api.get("/v1/registry/staff", headers={"Authorization": f"Bearer {api.other}"})
    assert (refused.status_code, refused.json()["errors"][0]["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("query", [{"at": "gestern"}, {"limit": "0"}, {"limit": "1001"}, {"page": "2"}])
async def test_parameters_that_are_not_of_their_form_are_refused(api, query):
    """A mistyped parameter must not silently show something else."""
    assert (await api.get("/v1/registry/window", params=query)).status_code == 422


async def test_unknown_kind_is_refused(api):
    """The kinds are a closed list."""
    assert (await api.get("/v1/registry/street")).status_code in {404, 422}
