"""Fixes that look perfunctory (疑似敷衍整改): hints with their evidence and the tickets to read, never verdicts.

The same text handed in for several tickets, a fix handed in within minutes of the acceptance, and the same cause at the
same window soon after the closing: 拖而不改、虚假整改、敷衍整改, as the circulars of 遂宁 name them.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from haocha.domain.registry import Registry
from haocha.web import citizen_names, words
from haocha.web.context import Context
from haocha.web.loop_figures import Asked, fetch
from haocha.web.reading import masked, window_name

MINUTES: Final = 10
DAYS: Final = 30
TEXTS: Final = 8
SAMPLE: Final = 6
ROWS: Final = 8


class Mention(msgspec.Struct, frozen=True):
    """A ticket to read."""

    id: UUID
    number: str


class Pasted(msgspec.Struct, frozen=True):
    """One text of measures that stands in several tickets."""

    n: int
    units: int
    text: str
    tickets: tuple[Mention, ...]


class Quick(msgspec.Struct, frozen=True):
    """A fix handed in `minutes` after the acceptance."""

    ticket: Mention
    unit: str
    place: str
    minutes: int
    at: datetime


class Recurring(msgspec.Struct, frozen=True):
    """A ticket closed as fixed, and the next one at the same window for the same cause."""

    ticket: Mention
    again: Mention
    unit: str
    place: str
    ground: str
    days: int


class Suspicions(msgspec.Struct, frozen=True):
    """A few of each kind, and how many there are in all; of `pasted`, in how many tickets such texts stand."""

    pasted: tuple[Pasted, ...] = ()
    pasted_tickets: int = 0
    quick: tuple[Quick, ...] = ()
    quick_tickets: int = 0
    recurring: tuple[Recurring, ...] = ()
    recurring_tickets: int = 0


async def suspicions(context: Context, asked: Asked) -> Suspicions:
    """Look for them among the tickets opened in the period."""
    arguments = (*asked.where, asked.since, asked.until)
    pasted = await fetch(context, "loops", "pasted", *arguments, TEXTS, SAMPLE)
    quick = await fetch(context, "loops", "quick", *arguments, MINUTES, ROWS)
    recurring = await fetch(context, "loops", "recurring", *arguments, DAYS, ROWS)
    registry = context.registry
    named = await citizen_names.of_tickets(context, [ticket for row in pasted for ticket in row["tickets"]])
    return Suspicions(
        pasted=tuple(_pasted(row, named) for row in pasted),
        pasted_tickets=_total(pasted),
        quick=tuple(
            Quick(
                Mention(row["ticket"], row["number"]),
                registry.name("org", row["unit"]) or row["unit"],
                place(registry, row),
                row["minutes"],
                row["first_at"],
            )
            for row in quick
        ),
        quick_tickets=_total(quick),
        recurring=tuple(
            Recurring(
                Mention(row["ticket"], row["number"]),
                Mention(row["again"], row["again_number"]),
                registry.name("org", row["unit"]) or row["unit"],
                place(registry, row),
                words.GROUNDS.get(row["ground"], row["ground"]),
                (row["again_at"] - row["closed_at"]).days,
            )
            for row in recurring
        ),
        recurring_tickets=_total(recurring),
    )


def place(registry: Registry, row: Any) -> str:
    """Name hall and window of a row, as people find them."""
    hall = row["hall"] or row["window"].rpartition("/")[0]
    window = window_name(registry, row["window"]) if row["window"] else ""
    return f"{registry.name('hall', hall) or hall} {window}".strip()


def _pasted(row: Any, named: Mapping[UUID, set[str]]) -> Pasted:
    tickets = tuple(Mention(*one) for one in zip(row["tickets"], row["numbers"], strict=True))
    if not row["body"]:
        return Pasted(row["n"], row["units"], "（原文已按规定删除）", tickets)
    names = set().union(*(named.get(ticket, set()) for ticket in row["tickets"]))
    return Pasted(row["n"], row["units"], masked(citizen_names.without(row["body"], names)), tickets)


def _total(rows: list[Any]) -> int:
    return rows[0]["total"] if rows else 0
