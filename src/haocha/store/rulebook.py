"""The published policies and calendars: seeded when a log has none, read by what decides on tickets."""

from datetime import date, datetime
from pathlib import Path

import asyncpg
import chinese_calendar
from chinese_calendar import constants

from haocha.domain.policy import DEFAULT, DEFAULT_NAME, PolicyPublished, Rulebook, policy_id
from haocha.domain.workdays import SATURDAY, CalendarPublished, calendar_id
from haocha.store import events, log, sql
from haocha.store import install as installs
from haocha.store.install import Install

SQL = sql.load(Path(__file__).with_suffix(".sql")).named("query")

FIRST_VERSION = 1


def national_calendar(version: str, at: datetime) -> CalendarPublished:
    """Return the days off and make-up days (调休) of all years that `chinesecalendar` knows."""
    return CalendarPublished(
        version=version,
        known_until=date(max(constants.holidays).year, 12, 31),
        holidays=tuple(sorted(constants.holidays)),
        make_up_days=tuple(sorted(day for day in constants.workdays if day.weekday() >= SATURDAY)),
        at=at,
        by=f"chinesecalendar {chinese_calendar.__version__}",
    )


async def seed(connection: asyncpg.Connection | asyncpg.Pool, install: Install, at: datetime) -> None:
    """Publish the default policy and the national calendar where the log holds none; twice is once."""
    rulebook = await load(connection, install)
    if rulebook.policies and rulebook.calendars:
        return
    policy = PolicyPublished(version=f"{DEFAULT_NAME}-1", name=DEFAULT_NAME, policy=DEFAULT, at=at, by="haocha")
    calendar = national_calendar("CN-1", at)
    await log.append(connection, [group(install, rule, FIRST_VERSION) for rule in (policy, calendar)])


async def begun(connection: asyncpg.Connection | asyncpg.Pool, at: datetime) -> tuple[Install, Rulebook]:
    """Read the installation and its rules, the first ones published where the log holds none."""
    install = await installs.load(connection)
    await seed(connection, install, at)
    return install, await load(connection, install)


def group(install: Install, published: PolicyPublished | CalendarPublished, number: int) -> log.Group:
    """Return what appends a version as the `number`-th event of its stream."""
    match published:
        case PolicyPublished():
            stream = policy_id(install.namespace, published.name)
        case CalendarPublished():
            stream = calendar_id(install.namespace)
    return log.Group((log.NewEvent(stream, number, *events.encode(published)),))


async def load(connection: asyncpg.Connection | asyncpg.Pool, install: Install) -> Rulebook:
    """Read all versions; `seed` has made sure that there is one of each."""
    policies, calendars = [], []
    for position, stream, version, topic, state in await connection.fetch(SQL["versions"]):
        event = events.decode(topic, state, stream, version)
        if isinstance(event, PolicyPublished):
            policies.append((position, event))
        else:
            calendars.append((position, event))
    return Rulebook(tuple(policies), tuple(calendars), seed=str(install.namespace))


class Rules:
    """The rulebook as it is now, read again only where a version came."""

    def __init__(self, pool: asyncpg.Pool, install: Install) -> None:
        """Read from the log behind `pool`, when first asked."""
        self._pool = pool
        self._install = install
        self._read: tuple[int, Rulebook] = 0, Rulebook((), (), seed=str(install.namespace))

    async def current(self) -> Rulebook:
        """Return all versions; where nothing came since the last time this is one look at an index."""
        position: int = await self._pool.fetchval(SQL["latest"])
        known, rulebook = self._read
        if position > known:
            rulebook = await load(self._pool, self._install)
            self._read = position, rulebook
        return rulebook
