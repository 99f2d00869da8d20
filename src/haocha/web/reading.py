"""Reads one view of the board from the read models: named queries (`board.sql`), counts in, figures out."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import asyncpg
import msgspec

from haocha.domain import codes
from haocha.domain.registry import Registry
from haocha.store import readmodels, sql
from haocha.web import citizen_names, words
from haocha.web.citizen_names import MASK
from haocha.web.context import Context
from haocha.web.figures import Bad, Board, Choice, Day, Health, Indicator, Ranking, Subject, Tally, Ticket
from haocha.web.views import View

PROJECTIONS: Final = ("scores", "indicators", "ledger", "services", "tickets")
CHECKPOINTS: Final = [f"projection:{name}" for name in PROJECTIONS]
RANKED: Final = 5
NEWEST: Final = 8
INDICATORS: Final = 8
TEXT_LENGTH: Final = 80
NUMBERS: Final = re.compile(r"[0-9０-９Xx][0-9０-９Xx\-\s]{4,}[0-9０-９Xx]")
DATES_AND_NUMBERS: Final = re.compile(rf"(20[0-9]{{2}}-[0-9]{{1,2}}-[0-9]{{1,2}}(?![0-9-]))|{NUMBERS.pattern}")
KINDS: Final = {1: "", 2: "追评", 3: "有争议"}


QUERIES: Final = sql.load(Path(__file__).parent / "board.sql").named("query")


async def fetch(pool: asyncpg.Pool, name: str, *arguments: object) -> list[asyncpg.Record]:
    """Run a query of the board; nothing where its read model is not there yet, once more where it was just swapped."""
    return await readmodels.fetch(pool, QUERIES[name], *arguments)


async def health(pool: asyncpg.Pool) -> Health:
    """Read how far the figures are, and what stands in their way."""
    (row,) = await fetch(pool, "health", CHECKPOINTS)
    return Health(
        head=row["head"],
        position=row["position"],
        recorded_at=row["recorded_at"],
        seal=row["seal"] or "",
        stopped=_names(row["failed"]),
        frozen=_names(row["frozen"]),
        waiting_since=row["waiting_since"],
        backup_at=row["backup_at"],
    )


async def board(context: Context, view: View) -> Board:
    """Read all that a view shows."""
    pool, hall, dept = context.pool, view.hall or None, view.dept or None
    kind, key = _subject(view)
    within = (view.since, view.until, hall, dept)
    filters = (hall, dept) if kind == "windows" else (None, None)
    stand = await health(pool)
    days = await fetch(pool, "days", kind, key, min(view.before[0], view.trend_since), view.until, *filters)
    total = _sum(days, view.since, view.until)
    try:
        indicators = await readmodels.query(
            pool, "indicators", "counts", *within, None, None, None, max(codes.BAD_LEVELS)
        )
        services = await readmodels.query(
            pool, "services", "figures", kind, view.since, view.until, *filters, None, key
        )
    except readmodels.NotBuilt:
        indicators, services = [], []
    newest = await fetch(pool, "newest", *within, NEWEST, view.full)
    named = await citizen_names.of_subjects(context, [row["subject"] for row in newest if row["body"]])
    tickets = await fetch(pool, "tickets", hall, dept)
    unlinked = await fetch(pool, "unlinked", *within)
    ever = await fetch(pool, "ever")
    return Board(
        health=stand,
        total=total,
        before=_sum(days, *view.before),
        services=services[0]["services"] if services else 0,
        rated_services=services[0]["rated"] if services else 0,
        trend=_trend(days, view),
        channels=_channels(days, view),
        windows=await _ranking(context, "windows", view),
        staff=await _ranking(context, "staff", view) if view.full else Ranking(),
        indicators=tuple(
            Indicator(row["code"], context.indicators.name(row["code"], "未知指标"), row["level"], row["n"])
            for row in indicators[:INDICATORS]
        ),
        newest=tuple(_bad(context.registry, row, named.get(row["subject"], set()), full=view.full) for row in newest),
        tickets=tuple(
            Ticket(row["status"], words.STATUSES.get(row["status"], row["status"]), row["n"]) for row in tickets
        ),
        unlinked=unlinked[0]["count"] if unlinked else 0,
        average=total.average(context.settings.weights),
        weights_version=context.settings.weights_version,
        rank_minimum=context.settings.rank_minimum,
        ever=bool(ever and ever[0]["exists"]),
    )


def choices(registry: Registry, kind: str) -> list[Choice]:
    """List the halls or departments to filter by."""
    return [Choice(key, registry.name(kind, key) or key) for key in registry.keys(kind)]


def _names(checkpoints: Sequence[str] | None) -> tuple[str, ...]:
    return tuple(name.partition(":")[2] for name in checkpoints or ())


def _subject(view: View) -> tuple[str, str | None]:
    """Tell which rows of the read model add up to the view: every rating has a channel, most have a hall, a window."""
    if view.hall and view.dept:
        return "windows", None
    if view.hall:
        return "halls", view.hall
    return ("departments", view.dept) if view.dept else ("channels", None)


def _tally(row: asyncpg.Record) -> Tally:
    return Tally(
        counts=(row["n5"], row["n4"], row["n3"], row["n2"], row["n1"]),
        excluded=row.get("excluded", 0),
        supplements=row.get("supplements", 0),
        contested=row.get("contested", 0),
    )


def _sum(rows: Sequence[asyncpg.Record], since: date, until: date) -> Tally:
    return sum((_tally(row) for row in rows if since <= row["day"] <= until), Tally())


def _trend(rows: Sequence[asyncpg.Record], view: View) -> tuple[Day, ...]:
    days = dict.fromkeys(
        map(date.fromordinal, range(view.trend_since.toordinal(), view.until.toordinal() + 1)), Tally()
    )
    for row in rows:
        if row["day"] in days:
            days[row["day"]] += _tally(row)
    return tuple(Day(day, tally) for day, tally in days.items())


def _channels(rows: Sequence[asyncpg.Record], view: View) -> tuple[Subject, ...]:
    by_channel: dict[str, Tally] = {}
    for row in rows:
        if view.since <= row["day"] <= view.until:
            by_channel[row["channel"]] = by_channel.get(row["channel"], Tally()) + _tally(row)
    subjects = [Subject(pf, codes.CHANNELS.get(pf, pf), tally) for pf, tally in by_channel.items() if tally.n]
    return tuple(sorted(subjects, key=lambda subject: (-subject.tally.n, subject.key)))


async def _ranking(context: Context, kind: str, view: View) -> Ranking:
    """Rank the period; where nobody has enough ratings in it yet, as every morning, the last 30 days, and say so."""
    ranking = await _ranking_since(context, kind, view, view.since)
    if ranking.ranked or view.trend_since == view.since:
        return ranking
    wider = await _ranking_since(context, kind, view, view.trend_since)
    return msgspec.structs.replace(wider, wider=True) if wider.ranked else ranking


async def _ranking_since(context: Context, kind: str, view: View, since: date) -> Ranking:
    minimum = context.settings.rank_minimum
    rows = await fetch(
        context.pool, "ranking", kind, since, view.until, RANKED, minimum, view.hall or None, view.dept or None
    )
    ranked = [row for row in rows if row["rankable"]]
    best = sorted((row for row in ranked if row["best"] <= RANKED), key=lambda row: row["best"])
    # With few subjects the two lists would repeat each other: whoever is among the best is not among the worst.
    worst = sorted((row for row in ranked if row["best"] > RANKED), key=lambda row: row["worst"])[:RANKED]
    return Ranking(
        best=tuple(_ranked(context.registry, kind, row) for row in best),
        worst=tuple(_ranked(context.registry, kind, row) for row in worst),
        ranked=ranked[0]["members"] if ranked else 0,
        unranked=next((row["members"] for row in rows if not row["rankable"]), 0),
    )


def _ranked(registry: Registry, kind: str, row: asyncpg.Record) -> Subject:
    if kind == "windows":
        hall = row["hall"]
        place = registry.name("hall", hall) or hall
        return Subject(row["key"], window_name(registry, row["key"]), _tally(row), place, hall)
    dept = row["dept"]
    name = registry.name("staff", row["key"]) or row["key"]
    return Subject(row["key"], name, _tally(row), registry.name("org", dept) or dept, dept)


def window_name(registry: Registry, key: str) -> str:
    """Give a window's number with its name: the number is what stands above the counter."""
    number = key.rpartition("/")[2]
    name = registry.name("window", key) or ""
    return name if number in name else f"{number} {name}".strip()


def masked(text: str) -> str:
    """Shorten a text and cover what looks like a telephone or identity number: people write those too."""
    return covered(text if len(text) <= TEXT_LENGTH else f"{text[:TEXT_LENGTH]}…")


def covered(text: str) -> str:
    """Cover what looks like a telephone or identity number; a date is none."""
    return DATES_AND_NUMBERS.sub(lambda found: found[1] or MASK, text)


def _bad(registry: Registry, row: asyncpg.Record, named: set[str], *, full: bool) -> Bad:
    said: dict[str, Any] = msgspec.json.decode(row["said"]) if row["said"] else {}
    at: datetime = row["recorded_at"]
    hall = registry.name("hall", row["hall"], at) or row["hall"]
    window = window_name(registry, row["window"]) if row["window"] else ""
    dept = registry.name("org", row["dept"], at) or row["dept"]
    staff = registry.name("staff", row["staff"], at) or row["staff"] if full else ""
    return Bad(
        at=at,
        level=row["satisfaction"],
        matter=registry.name("matter", row["matter"], at) or said.get("taskName") or row["matter"],
        place=f"{hall} {window}".strip() or dept,
        channel=codes.CHANNELS.get(row["pf"], row["pf"]),
        note=KINDS[row["kind"]],
        staff=staff,
        text=masked(citizen_names.without(row["body"], named)) if row["body"] else "",
    )
