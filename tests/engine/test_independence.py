"""Where nobody is independent, `haocha check` names the gap."""

from datetime import UTC, datetime

import pytest

from haocha.engine.independence import unjudged
from haocha.store import accounts
from tests.loops import Life, tell
from tests.world import World

NOW = datetime(2026, 3, 2, 2, tzinfo=UTC)


@pytest.fixture
async def appealed(pool, install):
    """Let a ticket of the tax office wait for a reviewer."""
    world = await World(pool, install).begin()
    life = Life(unit="TAX", dept="TAX", area="370102000000")
    life.accepted().appealed()
    await tell(pool, life)
    await world.fold()
    return world


async def found(world):
    """Return what is found."""
    return [finding.message async for finding in unjudged(world.pool)]


async def test_appeal_without_anybody_to_decide_it_is_named(appealed):
    """The role, the area, and of whom he must be independent."""
    (message,) = await found(appealed)
    assert "1 tickets of area 370102000000 wait for a reviewer who is independent of TAX" in message


@pytest.mark.parametrize(
    ("unit", "node", "gap"),
    [
        ("TAX", "", True),
        ("GOV", "", False),
        ("GOV", "area:370102", False),
        ("GOV", "area:37", False),
        ("GOV", "area:370103", True),
        ("GOV", "dept:HR", True),
    ],
)
async def test_reviewer_of_another_unit_over_the_area_fills_it(appealed, unit, node, gap):
    """One of the unit itself, or of another area, does not; the parent area's does."""
    await accounts.create(appealed.pool, username="r", role="reviewer", unit=unit, node=node, now=NOW)
    assert bool(await found(appealed)) == gap
