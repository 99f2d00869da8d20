"""`haocha parked`: what could not be dealt with is listed, and tried again when told to."""

import json
from datetime import UTC, datetime

import pytest

from haocha.engine.reactor import Reactor, park
from haocha.handlers import handlers
from haocha.store import log
from tests.ops.processes import haocha
from tests.world import World


@pytest.fixture
async def stuck(pool, install):
    """Return a log whose one bad rating is parked, and its position."""
    world = await World(pool, install).begin()
    stream = await world.rate("case")
    (came,) = await log.read_stream(pool, stream)
    (open_ticket,) = (handler for handler in handlers(install) if handler.name == "open_ticket")
    async with pool.acquire() as connection:
        await park(connection, open_ticket, came.position, "case", "ValueError: it broke")
        await connection.execute(
            "INSERT INTO engine.checkpoints (name, position) VALUES ('handler:open_ticket', $1)", came.position
        )
    assert not await Reactor(pool, [open_ticket]).step(open_ticket)
    return world, came.position


async def test_parked_events_are_findings_until_they_are_retried(stuck, dsn, owner_dsn, tmp_path):
    """Listing them exits 1; retrying deals with them, and then there is nothing to list."""
    world, position = stuck
    where = {"HAOCHA_DSN": dsn, "HAOCHA_OWNER_DSN": owner_dsn}

    def run(*arguments, code=0):
        return haocha("parked", "--data", tmp_path, *arguments, code=code, **where).stdout

    assert run(code=1) == f"{position} rating.submitted:v1 · open_ticket · tried 1 times: ValueError: it broke\n"
    (event,) = json.loads(run("--json", code=1))["parked"]
    assert (event["position"], event["handler"], event["error"]) == (position, "open_ticket", "ValueError: it broke")
    assert run("retry", str(position)) == f"{position} open_ticket: done\n"
    assert len(await world.tickets()) == 1
    assert json.loads(run("--json")) == {"parked": [], "overdueTimers": []}


async def test_position_that_is_not_parked_is_named(stuck, dsn, owner_dsn, tmp_path):
    """A typo is told, with the command that lists what is there."""
    _, position = stuck
    done = haocha(
        "parked", "retry", position + 7, "--data", tmp_path, code=1, HAOCHA_DSN=dsn, HAOCHA_OWNER_DSN=owner_dsn
    )
    assert f"No event is parked at position {position + 7}: haocha parked lists them." in done.stderr


async def test_late_timers_are_listed(pool, dsn, owner_dsn, tmp_path):
    """A timer long due says that no worker runs, or that it fails."""
    await pool.execute(
        "INSERT INTO engine.timers (id, handler, key, due_at, payload) VALUES (gen_random_uuid(), 'pair', 'k', $1, $2)",
        datetime(2025, 6, 3, tzinfo=UTC),
        b"{}",
    )
    done = haocha("parked", "--data", tmp_path, code=1, HAOCHA_DSN=dsn, HAOCHA_OWNER_DSN=owner_dsn)
    assert "· pair · due 2025-06-03" in done.stdout
