"""The list of indicators from the log: loaded when a process starts, kept up to date from the log's tail."""

import asyncio
from pathlib import Path
from typing import NoReturn

import asyncpg
import structlog

from haocha.domain.indicators import Indicators
from haocha.store import events, log, sql
from haocha.store.db import AWAY

SQL = sql.load(Path(__file__).with_suffix(".sql")).named("query")
PACE = 0.5  # seconds between two looks: a list comes once in a year, and is known everywhere within one second
RETRY = 1.0

logger = structlog.get_logger(__name__)


async def load(pool: asyncpg.Pool) -> Indicators:
    """Read the list as it is now."""
    indicators = Indicators()
    await catch_up(indicators, pool, await log.head(pool))
    return indicators


async def catch_up(indicators: Indicators, pool: asyncpg.Pool, head: int) -> None:
    """Read the versions that came since; afterwards the list is true up to `head`."""
    rows = await pool.fetch(SQL["published"], indicators.position, head)
    for position, stream, version, topic, state in rows:
        indicators.apply(events.decode(topic, state, stream, version), position)
    indicators.position = max(indicators.position, head)


async def follow(indicators: Indicators, tail: log.Tail, pool: asyncpg.Pool) -> NoReturn:
    """Keep the list up to date until cancelled; where the database is away, look again a second later."""
    while True:
        head = await tail.wait(indicators.position)
        try:
            if head > indicators.position:
                await catch_up(indicators, pool, head)
                await asyncio.sleep(PACE)
        except AWAY as error:
            logger.warning("indicators_behind", error=type(error).__name__, position=indicators.position)
            await asyncio.sleep(RETRY)
