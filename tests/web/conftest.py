"""The running server that the web tests share, and one of a test's own where it must be alone."""

from collections.abc import AsyncIterator

import pytest

from haocha.settings import Keys, Settings
from tests.conftest import TEMPLATE, Cluster
from tests.web.running import Site, running


@pytest.fixture(scope="session")
async def site(cluster: Cluster, keys: Keys, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Site]:
    """Serve one database for all tests that only add to it, each with cases and clients of its own."""
    await cluster.run(f"CREATE DATABASE site TEMPLATE {TEMPLATE} OWNER haocha_owner")
    settings = Settings(
        data=tmp_path_factory.mktemp("site"),
        keys=keys,
        dsn=cluster.dsn("haocha_app", "site"),
        owner_dsn=cluster.dsn("haocha_owner", "site"),
    )
    async with running(settings) as site:
        yield site


@pytest.fixture
async def lone_site(settings: Settings) -> AsyncIterator[Site]:
    """Serve the test's own database."""
    async with running(settings) as site:
        yield site
