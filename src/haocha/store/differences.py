"""What reconciliations found: runs by day, cells that are not equal, differences by key, and sending again.

Only what we hold can be sent again: what is missing over there is then there, and what is altered the platform knows
already, as a rule, so that it stays altered until the platform mends it.
"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import asyncpg
import msgspec

from haocha.store import outbox, sql

STATEMENTS: Final = sql.load(Path(__file__).with_suffix(".sql"))
SQL: Final = STATEMENTS.named("query")
SLICE: Final = 1_000  # differences of one transaction: the sender goes on in between

Found = Literal["missing", "altered", "extra", "doubled"]
State = Literal["open", "resent", "settled"]
FOUND: Final[tuple[Found, ...]] = ("missing", "altered", "extra", "doubled")
STATES: Final[tuple[State, ...]] = ("open", "resent", "settled")
UNSETTLED: Final[tuple[State, ...]] = ("open", "resent")


class Cell(msgspec.Struct, frozen=True, rename="camel"):
    """Records of an area, a channel and a level that the two sides do not hold alike."""

    area: str
    pf: str
    level: int
    ours: int
    theirs: int
    ours_digest: str
    theirs_digest: str


class Day(msgspec.Struct, frozen=True, rename="camel"):
    """A day as its latest run found it; the numbers of differences are those not settled by now.

    `unequal` counts cells, `unsent` what is missing and was not sent again.
    """

    run: int
    peer: str
    day: date
    source: str
    taken_at: datetime
    ended_at: datetime
    late: int
    ours: int
    theirs: int
    unequal: int
    missing: int
    altered: int
    extra: int
    doubled: int
    unsent: int
    resent: int
    settled: int
    cells: tuple[Cell, ...] = ()

    @property
    def differences(self) -> int:
        """How many records differ still."""
        return self.missing + self.altered + self.extra + self.doubled


class Difference(msgspec.Struct, frozen=True, rename="camel"):
    """One record on which the two sides differ."""

    id: int
    peer: str
    day: date
    key: str
    found: Found
    position: int | None
    area: str
    pf: str
    level: int
    their_level: int | None
    here: str
    state: State
    found_at: datetime
    resent_at: datetime | None
    resent_by: str
    settled_at: datetime | None

    @property
    def project_no(self) -> str:
        """The case."""
        return self.key.partition("|")[2].rpartition("|")[0]

    @property
    def can_be_resent(self) -> bool:
        """Whether sending it again may help."""
        return self.position is not None and self.found in {"missing", "altered"} and self.state != "settled"


class Wanted(NamedTuple):
    """Which days: of a peer or all, from and to; in areas whose codes begin so; those after a day and peer."""

    peer: str | None
    since: date
    until: date
    area: str | None = None
    below: tuple[date, str] | tuple[None, None] = (None, None)


async def days(pool: asyncpg.Pool, wanted: Wanted, limit: int) -> list[Day]:
    """Return the days that were reconciled, the newest first, each with its cells that are not equal."""
    peer, since, until, area, below = wanted
    rows = await pool.fetch(SQL["days"], peer, since, until, area, *below, limit)
    cells: dict[int, list[Cell]] = defaultdict(list)
    for row in await pool.fetch(SQL["cells"], [row["id"] for row in rows if row["unequal"]], area):
        cells[row["run"]].append(Cell(*list(row.values())[1:]))
    values: list[list[Any]] = [[*row.values(), tuple(cells[row["id"]])] for row in rows]
    return [Day(*each) for each in values]


async def of_day(
    pool: asyncpg.Pool,
    peer: str,
    day: date,
    *,
    found: Found | None = None,
    states: Sequence[State] = UNSETTLED,
    area: str | None = None,
    after: int = 0,
    limit: int = 100,
) -> list[Difference]:
    """Return the differences of a day, in the order in which they were found."""
    rows = await pool.fetch(SQL["differences"], peer, day, found, list(states), area, after, limit)
    return [Difference(*row.values()) for row in rows]


async def resend(
    pool: asyncpg.Pool,
    *,
    by: str,
    now: datetime,
    ids: Sequence[int] | None = None,
    of: tuple[str, date] | None = None,
    area: str | None = None,
) -> int:
    """Send again the differences of these `ids`, or all that are missing `of` a peer and day; return how many.

    The service record goes first where the platform takes it by itself; a 追评 waits for its rating.
    """
    peer, day = of or (None, None)
    done = after = 0
    while True:
        chosen = await pool.fetch(SQL["chosen"], ids, peer, day, area, after, SLICE)
        if not chosen:
            return done
        after = chosen[-1]["id"]
        for name in sorted({row["peer"] for row in chosen}):
            rows = [row for row in chosen if row["peer"] == name]
            done += await _again(pool, name, rows, now, by)


async def _again(pool: asyncpg.Pool, peer: str, rows: Sequence[Any], now: datetime, by: str) -> int:
    positions = [row["position"] for row in rows]
    async with pool.acquire() as connection, connection.transaction():
        await outbox.in_turn(connection, peer)
        await connection.execute(STATEMENTS["services"], peer, positions, now)
        for kind in ("rating", "supplement"):
            await connection.execute(STATEMENTS["rows"], peer, positions, now, kind)
        return len(await connection.fetch(SQL["resent"], [row["id"] for row in rows], now, by))
