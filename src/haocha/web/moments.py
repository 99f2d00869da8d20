"""`asOf`: a day, a time or a position, and what it means for figures that know only days.

A day is the live table up to `known`. A moment inside a day is what was known before that day and the fold of that
day's events up to the moment: a day's work at most, never the history.
"""

from datetime import date, datetime, time, timedelta
from pathlib import Path

import asyncpg
import msgspec

from haocha.domain.workdays import SHANGHAI
from haocha.store import log, sql
from haocha.web import wire
from haocha.web.parameters import DAY, WHOLE, Parameters

SQL = sql.load(Path(__file__).with_name("scores.sql"))
FORM = "应为日期 yyyy-MM-dd、带时区的时间，或日志位置"


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """What was known: everything through the day `known`, or before it and its events in `(after, position]`."""

    known: date
    position: int
    after: int | None = None


def read(parameters: Parameters) -> date | datetime | int | None:
    """Return what `asOf` says, by its form."""
    value = parameters.raw("asOf")
    if value is None:
        return None
    if WHOLE.fullmatch(value):
        return int(value)
    if DAY.fullmatch(value):
        return parameters.day("asOf")
    moment = wire.moment(value)
    if moment is None:
        parameters.wrong("asOf", FORM)
    return moment


async def find(pool: asyncpg.Pool, asked: date | datetime | int, parameters: Parameters) -> Moment:
    """Look up what `asked` means in the log; a position that is not there yet is a fault."""
    if isinstance(asked, int):
        if asked > await log.head(pool):
            parameters.wrong("asOf", "还没有这个日志位置")
            parameters.check()
        position, at = asked, await pool.fetchval(SQL["recorded"], asked)
    elif isinstance(asked, datetime):
        position, at = await pool.fetchval(SQL["upto"], asked) or 0, asked
    else:
        position = await pool.fetchval(SQL["before"], midnight(asked) + timedelta(days=1)) or 0
        return Moment(known=asked, position=position)
    day = at.astimezone(SHANGHAI).date()
    before = await pool.fetchval(SQL["before"], midnight(day)) or 0
    return Moment(known=day, position=position, after=min(before, position))


def midnight(day: date) -> datetime:
    """Return when a day begins in Shanghai."""
    return datetime.combine(day, time(), SHANGHAI)
