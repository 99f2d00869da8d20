"""What comes to a ticket from another level (上级、下级): the platform's verdict from above, the reports from below.

The platform above has the last word on the verdict (认定): whether the rating counts, and whether the handling
satisfies. The unit below has it on the measures: where an instance below works on the case, the ticket here follows its
reports.
"""

from datetime import datetime
from typing import ClassVar, Final, Literal
from uuid import UUID

import msgspec

from haocha.domain.rating import TextReference
from haocha.domain.ticket_events import Outcome, Status, TicketEvent

Ruling = Literal["satisfied", "unsatisfied", "excluded", "upheld"]
"""认定: 满意, 不满意, 评价不予采纳, 评价有效 (it counts, whatever was appealed)."""

Deed = Literal[
    "dispatched",
    "accepted",
    "transferred",
    "reviewed",
    "appeal_lodged",
    "appeal_decided",
    "fix_submitted",
    "returned",
    "approved",
    "verification_sent",
    "verified",
    "reopened",
    "overruled",
    "closed",
]
"""What is reported upwards: the words of a ticket's own events."""

ABOVE: Final = "above:"
"""How the rule of an urging (催办、督办) from above begins; the peer's name follows."""


class Overruled(TicketEvent, frozen=True, kw_only=True):
    """上级认定: the platform above has decided, and its verdict goes before ours.

    `order` is the stream of its order; `dismisses`: an appeal was pending and has ended with it.
    """

    TOPIC: ClassVar[str] = "ticket.overruled:v1"
    verdict: Ruling
    peer: str
    order: UUID
    reason: TextReference | None = None
    dismisses: bool = False


class Link(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A file (凭证) that the instance below keeps: its SHA-256, and where it shows it."""

    digest: str
    media_type: str
    size: int
    url: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """上报: one event of their ticket, as they tell it; the texts are kept here, under ids of ours.

    `result` is the verdict of a `verified`, of an `appeal_decided` upheld or dismissed; `verdict`, `ground` and
    `disposition` are those of a `reviewed`, `ground` of an `appeal_lodged` too; `outcome` is only that of a `closed`.
    """

    peer: str
    ticket: str
    """Theirs, by its id there."""
    number: str
    version: int
    """Of the event in their stream: what was told before is known by it."""
    event: Deed
    happened_at: datetime
    status: Status
    """Theirs after the event."""
    unit: str = ""
    unit_name: str = ""
    verdict: Literal["", "substantiated", "partly", "unsubstantiated"] = ""
    ground: str = ""
    disposition: Literal["", "fix", "explain"] = ""
    outcome: Outcome | Literal[""] = ""
    result: Literal["", "satisfied", "unsatisfied", "informed", "passed", "failed", "upheld", "dismissed"] = ""
    satisfaction: int = 0
    measures: TextReference | None = None
    finding: TextReference | None = None
    basis: TextReference | None = None
    reason: TextReference | None = None
    comment: TextReference | None = None
    evidence: tuple[Link, ...] = ()


class Reported(TicketEvent, frozen=True, kw_only=True):
    """下级上报: a `Report` as it was taken in.

    `status` is where it leads here, '' where it leads nowhere: a later one was told before it, or the ticket is closed
    here. A closing and a reopening follow as events of their own.
    """

    TOPIC: ClassVar[str] = "ticket.reported:v1"
    peer: str
    ticket: str
    number: str
    version: int
    event: Deed
    happened_at: datetime
    status: Status | Literal[""] = ""
    unit: str = ""
    unit_name: str = ""
    verdict: Literal["", "substantiated", "partly", "unsubstantiated"] = ""
    ground: str = ""
    disposition: Literal["", "fix", "explain"] = ""
    outcome: Outcome | Literal[""] = ""
    result: Literal["", "satisfied", "unsatisfied", "informed", "passed", "failed", "upheld", "dismissed"] = ""
    satisfaction: int = 0
    measures: TextReference | None = None
    finding: TextReference | None = None
    basis: TextReference | None = None
    reason: TextReference | None = None
    comment: TextReference | None = None
    evidence: tuple[Link, ...] = ()


EVENTS: tuple[type[TicketEvent], ...] = (Overruled, Reported)
