"""Reconciliation (对账): what a platform accepted from us against what it holds, one day of assessTime at a time.

Neither side is held in memory: what they tell is laid into a temporary table page by page, ours beside it, and the
database finds what is missing, altered, too much or there twice. What is there and still on its way here is late, and
no difference; nor is what was accepted after they were asked.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Final, Literal, NamedTuple, NoReturn

import asyncpg
import msgspec
import structlog

from haocha.domain.workdays import SHANGHAI
from haocha.peers import Peer
from haocha.settings import Settings
from haocha.store import install, registry, sql
from haocha.store.outbox import Row
from haocha.store.vault import Vault
from haocha.sync import contents
from haocha.sync.contents import Reader
from haocha.sync.dialect import Dialect, Item, Theirs, digest
from haocha.sync.holdings import PAGE, Told, key_of, listed

STATEMENTS: Final = sql.load(Path(__file__).with_suffix(".sql"))
SQL: Final = STATEMENTS.named("query")
USUAL_TIME: Final = "02:30"
"""When a day is reconciled, in Shanghai: the day before, and once more the day before that."""
LOOK: Final = 60.0  # seconds between two looks whether it is time
AGAIN: Final = 600.0  # seconds after one that failed
LISTED: Final = ("key", "area", "pf", "level", "digest")

Progress = Callable[[int, int], None]
logger = structlog.get_logger(__name__)


class Busy(Exception):
    """Another reconciliation of this peer is running."""


class Cell(NamedTuple):
    """What is counted together: records of an area, a channel and a level."""

    area: str
    pf: str
    level: int


class Sum(msgspec.Struct):
    """How many records, and a digest of them all in which their order does not matter.

    It is the sum of their digests modulo 2¹²⁸: one more, one less or another one shows, also where it is there twice.
    """

    n: int = 0
    total: int = 0

    def add(self, record: str) -> None:
        """Take in the digest of one record, 32 hexadecimal digits."""
        self.n += 1
        self.total = (self.total + int(record, 16)) % (1 << 128)

    @property
    def digest(self) -> str:
        """The digest, 32 hexadecimal digits."""
        return f"{self.total:032x}"


Cells = dict[Cell, tuple[Sum, Sum]]
"""Ours and theirs of each cell."""


class Result(msgspec.Struct, frozen=True):
    """What one run found, and under which number it is kept."""

    run: int
    peer: str
    day: date
    ours: int
    theirs: int
    late: int
    missing: int = 0
    altered: int = 0
    extra: int = 0
    doubled: int = 0

    @property
    def differences(self) -> int:
        """How many records differ."""
        return self.missing + self.altered + self.extra + self.doubled


def quiet(_done: int, _total: int) -> None:
    """Report progress to nobody."""


async def reader(pool: asyncpg.Pool, settings: Settings) -> Reader:
    """Return what our side is read with."""
    namespace = (await install.load(pool)).namespace
    return Reader(namespace, Vault(settings.keys), await registry.load(pool), settings.url)


async def run(
    pool: asyncpg.Pool,
    reads: Reader,
    peer: str,
    day: date,
    told: Told,
    *,
    source: Literal["listing", "file"] = "listing",
    taken_at: datetime,
    progress: Progress = quiet,
) -> Result:
    """Compare one day and keep what was found; what they hold was `told` at `taken_at`.

    Raises `Busy` where somebody else is at it, and what `told` raises: then nothing is kept.
    """
    async with _alone(pool, peer) as connection:
        await connection.execute(STATEMENTS["tables"])
        number = 0
        async for page in told:
            await _lay(connection, page, number)
            number += len(page)
        await connection.execute(STATEMENTS["counted"])
        await connection.execute(STATEMENTS["look_up"], peer)
        await connection.execute(STATEMENTS["gather"], peer, day)
        await _say(connection, reads, day, taken_at, progress)
        await connection.execute(STATEMENTS["find"])
        cells = await _cells(connection)
        async with connection.transaction():
            result = await _keep(connection, peer, day, (source, taken_at), cells)
        await connection.execute(STATEMENTS["tables"])
    logger.info("reconciled", peer=peer, day=day.isoformat(), theirs=result.theirs, differences=result.differences)
    return result


@asynccontextmanager
async def _alone(pool: asyncpg.Pool, peer: str) -> AsyncIterator[asyncpg.Connection]:
    async with pool.acquire() as connection:
        if not await connection.fetchval(SQL["alone"], peer):
            raise Busy(f"Another reconciliation of {peer} is running.")
        try:
            yield connection
        finally:
            if not connection.is_closed():
                await connection.execute(SQL["over"], peer)


async def _lay(connection: asyncpg.Connection, page: Sequence[Theirs], number: int) -> None:
    """Lay a page of theirs beside ours."""
    await connection.copy_records_to_table(
        "reconciling_theirs",
        columns=("no", *LISTED),
        records=[
            (
                no,
                key_of(theirs.project_no.strip(), theirs.service_number, theirs.assess_number),
                theirs.area,
                theirs.pf,
                theirs.satisfaction,
                theirs.digest,
            )
            for no, theirs in enumerate(page, start=number + 1)
        ],
    )


async def _say(
    connection: asyncpg.Connection, reads: Reader, day: date, taken_at: datetime, progress: Progress
) -> None:
    """Digest ours as they were sent, page by page."""
    total = await connection.fetchval(SQL["how_many"])
    done = after = 0
    while rows := await connection.fetch(SQL["page"], after, PAGE):
        after = rows[-1]["position"]
        adjusted = {row["position"] for row in rows if row["adjusted"]}
        plain = [Row(*row[:9]) for row in rows if row["position"] not in adjusted]
        moved = [Row(*row[:9]) for row in rows if row["position"] in adjusted]
        items = await contents.load(connection, reads, plain, services=False)
        items += await contents.load(connection, reads, moved)
        ended = {row["position"]: row["ended_at"] for row in rows}
        said = [_said(item, adjusted=item.position in adjusted) for item in items]
        await connection.execute(
            STATEMENTS["say"],
            [item.position for item in items],
            [one.digest for one in said],
            [one.erased for one in said],
            [one.day == day and ended[item.position] < taken_at for one, item in zip(said, items, strict=True)],
        )
        done += len(rows)
        progress(done, total)


class _Said(NamedTuple):
    """What was sent of an item: its digest, the day it has over there, whether its text is erased here."""

    digest: str
    day: date
    erased: bool


def _said(item: Item, *, adjusted: bool) -> _Said:
    values = item.values
    if adjusted:
        values = values | {"assessTime": max(values["assessTime"], values.get("serviceTime") or values["assessTime"])}
    erased = "writingEvaluation" in item.event.texts and "writingEvaluation" not in values
    return _Said(digest(values), values["assessTime"].astimezone(SHANGHAI).date(), erased)


async def _cells(connection: asyncpg.Connection) -> Cells:
    """Sum up both sides by area, channel and level; of a record that we hold too, the area is ours."""
    cells: Cells = {}
    for side, name in enumerate(("our_page", "their_page")):
        after = 0
        while rows := await connection.fetch(SQL[name], after, PAGE):
            after = rows[-1][0]
            for _, area, pf, level, content in rows:
                cells.setdefault(Cell(area, pf, level), (Sum(), Sum()))[side].add(content)
    return cells


async def _keep(
    connection: asyncpg.Connection, peer: str, day: date, told: tuple[str, datetime], cells: Cells
) -> Result:
    now = datetime.now(UTC)
    sides = await connection.fetchrow(SQL["sides"])
    found = {row["found"]: row["n"] for row in await connection.fetch(SQL["found"])}
    counts = [found.get(kind, 0) for kind in ("missing", "altered", "extra", "doubled")]
    number = await connection.fetchval(SQL["run"], peer, day, *told, now, *sides, *counts)
    await connection.execute(STATEMENTS["forget_cells"], peer, day)
    table = [(*cell, ours.n, theirs.n, ours.digest, theirs.digest) for cell, (ours, theirs) in sorted(cells.items())]
    if table:
        await connection.execute(STATEMENTS["cells"], number, *(list(column) for column in zip(*table, strict=True)))
    await connection.execute(STATEMENTS["differences"], peer, day, number, now)
    await connection.execute(STATEMENTS["settled"], peer, day, number, now)
    return Result(number, peer, day, *sides, *counts)


def time_of(peer: Peer) -> time:
    """Return when a peer is reconciled every day, in Shanghai; raises ValueError naming the option."""
    said = peer.option("reconcile_at", USUAL_TIME)
    try:
        return datetime.strptime(said, "%H:%M").replace(tzinfo=SHANGHAI).timetz()
    except ValueError:
        raise ValueError(f"option reconcile_at must be a time of day such as 02:30, not {said!r}") from None


async def daily(pool: asyncpg.Pool, settings: Settings, peer: Peer, dialect: Dialect) -> NoReturn:
    """Reconcile yesterday and the day before every day, as soon as it is time and the platform answers.

    Days before the first that is reported are left out. A process that was down then does it when it is up; of several
    processes one does it.
    """
    at = time_of(peer)
    while True:
        pause = LOOK
        try:
            for day in await due(pool, peer.name, at, datetime.now(UTC)):
                if peer.since is not None and day < peer.since:
                    continue
                reads = await reader(pool, settings)
                await run(pool, reads, peer.name, day, listed(dialect, day), taken_at=datetime.now(UTC))
        except Busy:
            pass
        except Exception as error:  # noqa: BLE001 (whatever it is, reports go on; what a platform said is not for a log)
            logger.warning("not_reconciled", peer=peer.name, error=type(error).__name__)
            pause = AGAIN
        await asyncio.sleep(pause)


async def due(pool: asyncpg.Pool, peer: str, at: time, now: datetime) -> list[date]:
    """Return the days that are to be reconciled: none before `at`, and none that were since then."""
    today = now.astimezone(SHANGHAI).date()
    since = datetime.combine(today, at)
    days = [today - timedelta(days=1), today - timedelta(days=2)] if now >= since else []
    last = {day: await pool.fetchval(SQL["last"], peer, day) for day in days}
    return [day for day in days if (before := last[day]) is None or before < since]
