"""`/healthz`, `/readyz` and `/metrics`: what a watcher is told, also when the database is away."""

import asyncio

import asyncpg
import pytest

from tests.web.running import rating


@pytest.fixture
async def away(superuser_dsn, database):
    """Return a function that takes the database away from everybody, and one that brings it back."""
    connection = await asyncpg.connect(superuser_dsn.replace(f"/{database}", "/postgres"))

    async def leave():
        await connection.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        await connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", database)

    async def come_back():
        await connection.execute(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")

    yield leave, come_back
    await come_back()
    await connection.close()


async def test_health_needs_no_key(site):
    """The process answers."""
    answer = await site.client.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


async def test_readiness_needs_no_key_and_tells_how_things_stand(site):
    """200 while ratings can be taken; lag, parked events and the age of the last backup are members of the body."""
    answer = await site.client.get("/readyz")
    assert answer.status_code == 200
    body = answer.json()
    assert body["status"] == "ready"
    assert {"position", "queue", "projections", "handlers", "parked", "deliveries", "backupAge"} <= body.keys()
    assert body["backupAge"] is None


async def test_database_away_is_told_and_survived(lone_site, away):
    """`/readyz` is 503, a post 503 with Retry-After, `/healthz` still 200; afterwards the very same post is taken."""
    leave, come_back = away
    key = await lone_site.key()
    body = rating()
    assert (await lone_site.client.post("/v1/ratings", json=body, headers=key)).status_code == 201
    another = rating()
    await leave()
    ready = await lone_site.client.get("/readyz")
    assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    assert (await lone_site.client.get("/healthz")).status_code == 200
    for path, posted in (("/v1/ratings", another), ("/v1/ratings/batch", {"ratings": [another]})):
        refused = await lone_site.client.post(path, json=posted, headers=key)
        assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
        assert int(refused.headers["retry-after"]) >= 1
    for path in (
        "/v1/log",
        "/v1/receipts/0000-001A-BCDE-FGHJ-KMNP",
        "/v1/ratings/8b3c0e0e-3b1a-5a77-8a7c-0d3a5f4d1c11",
    ):
        refused = await lone_site.client.get(path, headers=key)
        assert refused.status_code in {503, 404}, refused.text
    await come_back()
    for _ in range(50):
        answer = await lone_site.client.post("/v1/ratings", json=another, headers=key)
        if answer.status_code != 503:
            break
        await asyncio.sleep(0.1)
    assert answer.status_code == 201, answer.text
    assert (await lone_site.client.get("/readyz")).status_code == 200


async def test_metrics_need_a_key_and_hold_no_personal_data(site):
    """Counters by level and channel; the key's scope is metrics:read or scores:read."""
    assert (await site.client.get("/metrics")).status_code == 401
    key = await site.key(scopes=["ratings:write"])
    assert (await site.client.get("/metrics", headers=key)).status_code == 403
    await site.rate(key, userName="欧阳测试", mobile="13800001111")
    answer = await site.client.get("/metrics", headers=await site.key(scopes=["metrics:read"]))
    assert answer.status_code == 200
    assert 'level="5"' in answer.text
    assert "haocha_" in answer.text
    assert "欧阳测试" not in answer.text
    assert "13800001111" not in answer.text
