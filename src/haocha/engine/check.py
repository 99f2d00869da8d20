"""What `haocha check` finds: whether the log is whole, and whether all that is derived from it says what it says.

Everything is read in slices, so that no snapshot is held for long and ingest goes on beside it.
"""

import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import asyncpg
import msgspec

from haocha.engine.finding import Finding
from haocha.engine.independence import unjudged
from haocha.engine.recount import recount
from haocha.engine.tables import Busy, Progress, quiet
from haocha.store import sql
from haocha.store.db import is_away
from haocha.store.readmodels import PREFIX, definitions

SQL = sql.load(Path(__file__).with_suffix(".sql"))
SLICE = 50_000  # events
COMMITS = 500  # of at most some thousand events each
MOST = 20  # findings of one kind; one restored backup mends them all
SEAL = re.compile(r"(?P<position>[0-9]{1,18}):(?P<seal>(?:[0-9a-f]{64})?)")
RESTORE = (
    "Keep this database as evidence. Restore backups into another folder (haocha restore), run haocha check there,"
    " and go on with the newest one that is clean."
)

Step = Callable[[str], AbstractContextManager[Progress]]


class Seal(msgspec.Struct, frozen=True):
    """A seal that was published: `POSITION:HEX`, as `haocha seal` prints it."""

    position: int
    seal: bytes

    @classmethod
    def parse(cls, text: str) -> "Seal":
        """Read `POSITION:HEX`; raises ValueError."""
        match = SEAL.fullmatch(text.strip().lower())
        if match is None:
            raise ValueError(f"{text!r} is not of the form POSITION:SEAL that haocha seal prints")
        return cls(int(match["position"]), bytes.fromhex(match["seal"]))


def _silent(_title: str) -> AbstractContextManager[Progress]:
    return nullcontext(quiet)


async def check(pool: asyncpg.Pool, seals: Sequence[Seal] = (), step: Step = _silent) -> list[Finding]:
    """Return all findings; `step` is entered with the title of each part and takes its progress."""
    found: list[Finding] = []
    with step("positions") as progress:
        found += [finding async for finding in positions(pool, progress)]
    with step("chain of seals") as progress:
        found += [finding async for finding in chain(pool, progress)]
        found += [finding async for finding in published(pool, seals)]
    found += [finding async for finding in checkpoints(pool)]
    with step("tickets") as progress:
        found += [finding async for finding in tickets(pool, progress)]
        found += [finding async for finding in unjudged(pool)]
    for name in definitions():
        with step(f"recount {name}") as progress:
            found += [finding async for finding in projection(pool, name, progress)]
    return found


async def positions(pool: asyncpg.Pool, progress: Progress = quiet) -> AsyncIterator[Finding]:
    """Find where events are not numbered 1, 2, 3 … up to the last commit."""
    bounds = await pool.fetchrow(SQL["bounds"])
    head: int = bounds["head"] or 0
    if bounds["first"] < 1:
        yield Finding(
            code="inserted", message="There are events at positions below 1.", todo=RESTORE, upto=bounds["first"]
        )
    if bounds["last"] > head:
        message = f"There are events after position {head}, the last commit: they did not come through append."
        yield Finding(code="inserted", message=message, todo=RESTORE, after=head, upto=bounds["last"])
    gaps = 0
    for after in range(0, head, SLICE):
        upto = min(after + SLICE, head)
        if await pool.fetchval(SQL["count"], after, upto) != upto - after and (gaps := gaps + 1) <= MOST:
            missing = [row[0] for row in await pool.fetch(SQL["missing"], after, upto)]
            yield Finding(
                code="removed",
                message=f"No event at position {', '.join(map(str, missing))}: removed, or never restored.",
                todo=RESTORE,
                after=missing[0] - 1,
                upto=missing[-1],
            )
        progress(upto, head)


async def chain(pool: asyncpg.Pool, progress: Progress = quiet) -> AsyncIterator[Finding]:
    """Find commits whose seal does not follow from the seal before and the events between."""
    if not await pool.fetchval(SQL["begun"]):
        yield Finding(code="chain", message="The chain does not begin with the empty seal.", todo=RESTORE, upto=0)
    head, at, broken = await _head(pool), 0, 0
    while at < head:
        rows = await pool.fetch(SQL["chain"], at, COMMITS)
        if not rows:
            break
        for after, upto, holds, timed in rows:
            if not (holds and timed) and (broken := broken + 1) <= MOST:
                yield Finding(
                    code="altered",
                    message=f"The seal of positions {after + 1} to {upto} does not hold: an event was altered, removed"
                    " or inserted there, or its commit was.",
                    todo=RESTORE,
                    after=after,
                    upto=upto,
                )
        at = rows[-1]["upto"]
        progress(min(at, head), head)


async def published(pool: asyncpg.Pool, seals: Sequence[Seal]) -> AsyncIterator[Finding]:
    """Find the first published seal that the log no longer has: it and its chain were rewritten since."""
    held = 0
    for seal in sorted(seals, key=lambda seal: seal.position):
        found = await pool.fetchval(SQL["seal"], seal.position)
        if found == seal.seal:
            held = seal.position
            continue
        there = "another seal" if found is not None else "no commit"
        yield Finding(
            code="rewritten",
            message=f"At position {seal.position} there is {there}, not the one published: events between"
            f" {held + 1} and {seal.position} were altered, removed or inserted since.",
            todo=RESTORE,
            after=held,
            upto=seal.position,
        )
        return


async def checkpoints(pool: asyncpg.Pool) -> AsyncIterator[Finding]:
    """Find what is ahead of the log, stopped, stale or parked."""
    rows = await pool.fetch(SQL["checkpoints"])
    head = await _head(pool)
    for name, position, definition, state, error in rows:
        plain = name.partition(":")[2]
        mend = (
            f"haocha rebuild {plain}" if name.startswith(PREFIX) else "Restore the backup that has the missing events."
        )
        if position > head:
            message = f"{name} is at position {position}, beyond the log's last, {head}."
            yield Finding(code="ahead", message=message, todo=mend, after=head, upto=position)
        if state == "failed":
            message = f"{name} stopped after position {position}: {error}"
            yield Finding(code="failed", message=message, todo=f"Mend what it fails on, then: {mend}", upto=position)
        known = definitions().get(plain) if name.startswith(PREFIX) else None
        if state == "frozen" or (known and known.hash != definition):
            message = f"{name} was made by other statements than those of projections/{plain}.sql."
            yield Finding(code="stale", message=message, todo=f"Wait for the worker to rebuild it, or: {mend}")
        if name.startswith(PREFIX) and known is None:
            message = f"{name} has no file in projections/ any more."
            yield Finding(code="orphan", message=message, todo="Install the version that has it, or drop its tables.")
    built = {row["name"] for row in rows}
    for name, known in definitions().items():
        if known.checkpoint not in built:
            message = f"projection:{name} was never built."
            yield Finding(code="unbuilt", message=message, todo="Start a worker: haocha serve, or haocha work")
    for handler, events, first in await pool.fetch(SQL["parked"]):
        message = f"{events} events are parked by {handler}, the first at position {first}."
        yield Finding(code="parked", message=message, todo="haocha parked lists them; haocha parked retry tries again")


async def tickets(pool: asyncpg.Pool, progress: Progress = quiet) -> AsyncIterator[Finding]:
    """Find bad ratings, 追评 and contests that the handler has passed and that are the source of no ticket."""
    handled = await pool.fetchrow(SQL["handled"])
    last, parked = handled["position"] or 0, set(handled["parked"])
    head = await _head(pool)
    waiting: dict[object, int] = {}
    for after in range(0, head, SLICE):
        upto = min(after + SLICE, head)
        bad = await pool.fetch(SQL["bad"], after, upto)
        waiting |= {stream: position for position, stream in bad if position <= last and position not in parked}
        for (originator_id,) in await pool.fetch(SQL["sources"], after, upto):
            waiting.pop(originator_id, None)
        progress(upto, head)
    for originator_id, position in list(waiting.items())[:MOST]:
        message = f"The bad rating {originator_id} at position {position} has no ticket."
        todo = "Report this with the log of the worker: the handler open_ticket has passed it over."
        yield Finding(code="no_ticket", message=message, todo=todo, after=position - 1, upto=position)


async def projection(pool: asyncpg.Pool, name: str, progress: Progress = quiet) -> AsyncIterator[Finding]:
    """Find tables that do not hold what the folds make of the log; a stale projection is not looked at."""
    definition = definitions()[name]
    rows = {row["name"]: row for row in await pool.fetch(SQL["checkpoints"])}
    row = rows.get(definition.checkpoint)
    if row is None or row["definition"] != definition.hash or row["state"] == "frozen":
        return
    mend = f"haocha rebuild {name}"
    try:
        differences = await recount(pool, definition, SQL, progress)
    except Busy as busy:
        yield Finding(code="busy", message=str(busy), todo="Run haocha check again.")
    except asyncpg.PostgresError as error:
        if is_away(error):
            raise
        message = f"projection:{name} cannot be compared with a recount: {error}"
        yield Finding(code="tampered", message=message, todo=f"{mend}; where that fails too, mend what it names.")
    else:
        for table, stored, recounted, position, differing in differences:
            message = (
                f"{table} is not what the log says up to position {position}: {stored} rows, counted anew {recounted}."
            )
            yield Finding(code="tampered", message=message, todo=mend, upto=position, rows=differing)


async def _head(pool: asyncpg.Pool) -> int:
    head: int | None = (await pool.fetchrow(SQL["bounds"]))["head"]
    return head or 0
