"""`haocha notices`: deliveries are listed, dead ones tried again, a gateway tried out before it matters."""

import asyncio
import json
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest

from haocha.engine.courier import Courier, signature
from haocha.engine.reactor import take
from haocha.handlers.handler import Effects, Notice
from tests.engine.gateway import Gateway
from tests.ops.processes import haocha

NOW = datetime.now(UTC)
SECRET = "a secret of some length"


@pytest.fixture
async def gateway():
    """Run a gateway."""
    async with Gateway().open() as gateway:
        yield gateway


@pytest.fixture
def run(dsn, owner_dsn, tmp_path, gateway):
    """Return how to run a command beside the gateway."""
    env = {
        "HAOCHA_DSN": dsn,
        "HAOCHA_OWNER_DSN": owner_dsn,
        "HAOCHA_URL": "https://haocha.example",
        "HAOCHA_WEBHOOK": gateway.address,
        "HAOCHA_WEBHOOK_SECRET": SECRET,
    }

    async def run(*arguments, code=0, **more):
        return await asyncio.to_thread(haocha, "notices", *arguments, "--data", tmp_path, code=code, **(env | more))

    return run


@pytest.fixture
async def courier(pool, settings, gateway):
    """Return the worker's courier."""
    courier = Courier(pool, msgspec.structs.replace(settings, webhooks=(gateway.address,)))
    await courier.enqueue(NOW)
    return courier


async def test_dead_deliveries_are_findings_until_they_are_retried(run, courier, gateway, pool):
    """Listing them exits 1; told to, the worker sends them again."""
    gateway.answers = [400, 400]
    notices = [Notice(UUID(int=n), "assigned", UUID(int=n), {"number": f"2025-{n}"}, role="handler") for n in (1, 2)]
    async with pool.acquire() as connection, connection.transaction():
        await take(connection, None, Effects(notices=notices))
    await courier.enqueue(NOW)
    while await courier.deliver_one(NOW):
        pass
    shown = (await run("dead", code=1)).stdout
    assert "dead · assigned 2025-1 · 127.0.0.1#" in shown
    assert "tried 1 times: answered 400" in shown
    newest, oldest = json.loads((await run("dead", "--json", code=1)).stdout)["deliveries"]
    assert (newest["number"], newest["status"], oldest["number"]) == ("2025-2", 400, "2025-1")
    assert (await run("retry", oldest["id"])).stdout == "1 deliveries wait for the worker.\n"
    assert json.loads((await run("list", "--state", "waiting", "--json")).stdout)["deliveries"][0]["id"] == oldest["id"]
    assert (await run("retry")).stdout == "1 deliveries wait for the worker.\n"
    later = datetime.now(UTC)
    while await courier.deliver_one(later):
        pass
    assert (await run("dead")).stdout == "No delivery is dead.\n"
    assert len(gateway.came) == 4


async def test_delivery_that_is_not_dead_is_named(run):
    """A typo is told, with the command that lists what is there."""
    done = await run("retry", UUID(int=9), code=1)
    assert f"No dead delivery is {UUID(int=9)}: haocha notices dead lists them." in done.stderr


async def test_gateway_is_tried_out(run, gateway):
    """A message that says it is a test, signed like any other; what is not taken is exit 1."""
    assert (await run("test")).stdout.endswith(": taken\n")
    (came,) = gateway.came
    moment = int(came.headers["x-haocha-signature"].split(",")[0].removeprefix("t="))
    assert came.told["kind"] == "test"
    assert came.headers["x-haocha-signature"] == signature(
        SECRET.encode(), came.body, datetime.fromtimestamp(moment, UTC)
    )
    gateway.answers = [403]
    (one,) = json.loads((await run("test", "--json", code=1)).stdout)["webhooks"]
    assert (one["status"], one["error"]) == (403, "answered 403")
    done = await run("test", code=1, HAOCHA_WEBHOOK="")
    assert "HAOCHA_WEBHOOK is not set" in done.stderr


async def test_secret_is_the_chosen_one_or_the_instances(run):
    """Whoever sets up the gateway can ask for it."""
    assert (await run("secret")).stdout == f"{SECRET}\n"
    own = (await run("secret", HAOCHA_WEBHOOK_SECRET="")).stdout
    assert len(own.strip()) == 64
    assert (await run("secret", HAOCHA_WEBHOOK_SECRET="")).stdout == own
