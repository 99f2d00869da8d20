"""What the page of a ticket tells of other levels (上下级): what the platform above wants and decided, who works below.

The verdict of the platform above stands beside the ticket's own: it goes before, but does not take the other's place.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from haocha.domain.order import OrderIssued
from haocha.domain.policy import Terms
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_levels import Overruled, Reported
from haocha.store import log
from haocha.store.log import Recorded
from haocha.web import words
from haocha.web.context import Context
from haocha.web.lights import Light, light

SOURCE = "province"
FROM_BELOW = "这件工单由 {peer} 办理，办理情况上报后在这里更新；这里可以催办，也可以认定。"


class Order(msgspec.Struct, frozen=True):
    """A ticket of the platform above (省级工单) that came down, and by when it is wanted; `number` is theirs."""

    peer: str
    number: str
    issued_at: datetime
    due_at: datetime | None
    light: Light | None
    """None where nothing is due, or nothing is left to be done."""


class Ruling(msgspec.Struct, frozen=True):
    """What the platform above has decided last (认定)."""

    peer: str
    word: str
    at: datetime
    prevails: bool
    """Whether it stands against what was found or decided here."""


class Below(msgspec.Struct, frozen=True):
    """Who works on it: the instance, its unit, and its tickets by their numbers; nothing reported yet where none."""

    peer: str
    unit: str
    numbers: tuple[str, ...]
    reported_at: datetime | None
    awaited: str
    """What was decided here and is not heard below yet, '' where nothing is."""


class Levels(NamedTuple):
    """All that the page says of other levels."""

    orders: tuple[Order, ...]
    ruling: Ruling | None
    below: Below | None
    own: str
    """The verdict of the review here or below, '' before."""

    @property
    def any(self) -> bool:
        """Say whether there is anything to tell."""
        return bool(self.orders or self.ruling or self.below)


async def read(context: Context, stream: Sequence[Recorded], ticket: Ticket, terms: Terms, now: datetime) -> Levels:
    """Tell what a ticket's stream, and the orders behind it, say of other levels."""
    orders = [UUID(source_id) for source, source_id in ticket.parts if source == SOURCE]
    streams = await log.read_streams(context.pool, orders) if orders else {}
    issued = [streams[order][0].event for order in orders if order in streams]
    return Levels(
        tuple(_order(order, ticket, terms, now) for order in issued),
        _ruling([one.event for one in stream], ticket),
        _below([one.event for one in stream if isinstance(one.event, Reported)], ticket),
        words.VERDICTS.get(ticket.verdict, ""),
    )


def _order(order: OrderIssued, ticket: Ticket, terms: Terms, now: datetime) -> Order:
    shown = light(order.due_at, now, terms.calendar) if order.due_at and ticket.is_open else None
    return Order(order.peer, order.number or order.order_id, order.issued_at, order.due_at, shown)


def _ruling(told: Sequence[object], ticket: Ticket) -> Ruling | None:
    last = next((event for event in reversed(told) if isinstance(event, Overruled)), None)
    if last is None:
        return None
    against = {
        "upheld": ticket.appeal in {"upheld", "dismissed"} or ticket.verdict == "unsubstantiated",
        "excluded": ticket.verdict in {"substantiated", "partly"},
        "unsatisfied": ticket.verdict == "unsubstantiated",
        "satisfied": False,
    }
    return Ruling(last.peer, words.RULINGS[last.verdict], last.at, against[last.verdict])


def _below(reports: Sequence[Reported], ticket: Ticket) -> Below | None:
    if not ticket.below:
        return None
    followed = [report for report in reports if report.status]
    last = followed[-1] if followed else None
    return Below(
        ticket.below,
        (last.unit_name or last.unit) if last else "",
        tuple(dict.fromkeys(report.number for report in reports)),
        reports[-1].happened_at if reports else None,
        words.RULINGS.get(ticket.behind, ""),
    )


def waiting(ticket: Ticket, usual: str) -> str:
    """Say for what a ticket waits: for the instance below where that works on it."""
    return FROM_BELOW.format(peer=ticket.below) if ticket.below and ticket.is_open else usual
