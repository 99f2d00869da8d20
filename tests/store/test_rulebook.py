"""The published rules: found by an index, read again only where a version came, and by scope."""

import msgspec
import pytest

from haocha.domain.policy import DEFAULT, PolicyPublished, policy_id
from haocha.store import events, log, rulebook
from tests.world import OPENED, World


@pytest.fixture
async def world(pool, install):
    """Return a log with a policy and a calendar."""
    return await World(pool, install).begin()


async def publish(world, name, number=1, **members):
    """Publish a version of a policy."""
    policy = PolicyPublished(version=f"{name}-{number}", name=name, policy=DEFAULT, at=OPENED, **members)
    new = log.NewEvent(policy_id(world.namespace, name), number, *events.encode(policy))
    (verdict,) = await log.append(world.pool, [log.Group((new,))])
    assert verdict.verdict == "ok"


async def test_every_name_is_found(world):
    """Whatever it is called, a policy is read, and the installation's seed with it."""
    await publish(world, "jinan", area="3701")
    rules = await rulebook.load(world.pool, world.install)
    assert [published.version for _, published in rules.policies] == ["default-1", "jinan-1"]
    assert rules.at(2**60, "370102000000").policy_version == "jinan-1"
    assert rules.at(2**60, "370102000000").seed == str(world.namespace)


async def test_rules_are_read_again_only_when_a_version_came(world):
    """What did not change is the same object."""
    rules = rulebook.Rules(world.pool, world.install)
    first = await rules.current()
    await world.rate("3701-1")
    assert await rules.current() is first
    await publish(world, "jinan", area="3701")
    assert len((await rules.current()).policies) == 2


async def test_seeding_twice_publishes_once(world):
    """Every worker that starts seeds."""
    before = await rulebook.load(world.pool, world.install)
    await rulebook.seed(world.pool, world.install, OPENED)
    assert await rulebook.load(world.pool, world.install) == before


@pytest.mark.parametrize("query", ["versions", "latest"])
async def test_looking_for_rules_needs_no_look_at_the_log(world, query):
    """A log of millions of ratings costs nothing."""
    await world.pool.execute("ANALYZE log.events")
    async with world.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL enable_seqscan = off")
        plan = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {rulebook.SQL[query]}")
    assert "events_rules" in plan
    assert msgspec.json.decode(plan)
