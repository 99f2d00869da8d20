"""How reporting to the platforms above stands: of each level what waits, what was taken, and how long it took.

Counts are the tallies' (exact, kept by triggers), times are reads that an index bounds: nothing here counts the outbox.
Lines are the levels 5 to 1 (ratings and 追评), 0 for service records, and `other` for contests, decisions and tickets:
those exist for bad ratings only and must not be compared with the good ones.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from haocha.store import sql

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")

LINES: Final = ("5", "4", "3", "2", "1", "0", "other")
LEVELS: Final = LINES[:5]
STATES: Final = ("waiting", "held", "noService", "accepted", "dead", "notReportable", "local")
KINDS: Final = ("service", "rating", "supplement", "contested", "decision", "ticket")
DAY: Final = timedelta(days=1)
SAMPLE: Final = 20_000
"""Delays are those of the last so many that a platform took within a day: all levels over the same stretch of time."""
RECENT: Final = timedelta(minutes=5)
"""What a platform took in this time says how fast the rest will go."""


class Delay(msgspec.Struct, frozen=True):
    """From the log to the platform's answer, in seconds, over `n` reports."""

    n: int
    p50: float
    p99: float


class Line(msgspec.Struct, frozen=True):
    """One level: how many are in each state, how late the taken ones were.

    `oldest` is since when the first waits that could be sent: what is held waits for something else.
    """

    key: str
    counts: dict[str, int]
    oldest: datetime | None = None
    delay: Delay | None = None

    def n(self, *states: str) -> int:
        """Return how many are in these states, of all where none is named."""
        return sum(self.counts.get(state, 0) for state in states or STATES)


class Sender(msgspec.Struct, frozen=True):
    """What the sending process says of itself (sync.peers)."""

    dialect: str
    version: str
    rate: float
    alive_at: datetime
    answered_at: datetime | None
    open_until: datetime | None
    failures: int
    error: str


class Figures(msgspec.Struct, frozen=True):
    """One peer at one moment; `recent` is what it took within `RECENT`, `differences` what it holds otherwise."""

    peer: str
    at: datetime
    lines: tuple[Line, ...]
    sender: Sender | None
    recent: int
    differences: int = 0

    def n(self, *states: str) -> int:
        """Return how many are in these states, whatever their level."""
        return sum(line.n(*states) for line in self.lines)

    @property
    def rate(self) -> float:
        """Reports taken a second, lately."""
        return self.recent / RECENT.total_seconds()

    @property
    def remaining(self) -> timedelta | None:
        """How long what waits will take at the pace of late; None where nothing moves."""
        return timedelta(seconds=self.n("waiting") / self.rate) if self.recent else None


async def peers(pool: asyncpg.Pool, configured: Sequence[str] = ()) -> list[str]:
    """Return the names of the peers, first those `configured`, then others that anything was ever to be sent to."""
    rows = await pool.fetch(SQL["known"])
    return [*configured, *(row["peer"] for row in rows if row["peer"] not in configured)]


async def read(pool: asyncpg.Pool, names: Sequence[str], now: datetime, area: str | None = None) -> list[Figures]:
    """Return the figures of each peer, in the order of `names`, of areas whose codes begin with `area`."""
    counts: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for row in await pool.fetch(SQL["counts"], names, area):
        cell = counts[row["peer"], line_of(row["kind"], row["level"])]
        cell[row["state"]] = cell.get(row["state"], 0) + row["n"]
    oldest: dict[tuple[str, str], datetime] = {}
    for row in await pool.fetch(SQL["oldest"], names, KINDS, area):
        key = row["peer"], line_of(row["kind"], row["level"])
        oldest[key] = min(row["since"], oldest.get(key, row["since"]))
    delays = {
        (row["peer"], row["line"]): Delay(row["n"], *row["seconds"])
        for row in await pool.fetch(SQL["delays"], names, now - DAY, SAMPLE, area)
    }
    recent = {row["peer"]: row["n"] for row in await pool.fetch(SQL["recent"], names, now - RECENT)}
    differences = {row["peer"]: row["n"] for row in await pool.fetch(SQL["differences"], names, area)}
    senders = {row["peer"]: _sender(row) for row in await pool.fetch(SQL["senders"])}
    return [
        Figures(
            peer=name,
            at=now,
            lines=tuple(
                Line(key, counts.get((name, key), {}), oldest.get((name, key)), delays.get((name, key)))
                for key in LINES
            ),
            sender=senders.get(name),
            recent=recent.get(name, 0),
            differences=differences.get(name, 0),
        )
        for name in names
    ]


async def hours(pool: asyncpg.Pool, peer: str, now: datetime, area: str | None = None) -> list[tuple[datetime, int]]:
    """Return how many a peer took in each of the last 24 hours, the running one last."""
    last = now.replace(minute=0, second=0, microsecond=0)
    first = last - timedelta(hours=23)
    found = {row["hour"]: row["n"] for row in await pool.fetch(SQL["hours"], peer, first, area)}
    moments = [first + timedelta(hours=number) for number in range(24)]
    return [(moment, found.get(moment, 0)) for moment in moments]


def line_of(kind: str, level: int) -> str:
    """Return the line that a report of this kind and level counts in."""
    if kind == "service":
        return "0"
    return str(level) if kind in {"rating", "supplement"} else "other"


def _sender(row: Any) -> Sender:
    return Sender(*list(row.values())[1:])
