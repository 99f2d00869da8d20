"""A world with its first policy, for every handler's tests."""

import pytest

from tests.world import World


@pytest.fixture
async def world(pool, install):
    """Return a log with a policy and a calendar, and read models."""
    return await World(pool, install).begin()
