"""What a platform above us sends down: its tickets (省级工单), its verdicts on them, its urgings (催办).

Facts, each the first event of a stream of its own, so that the same item twice is one. Verdicts and urgings name the
order that they belong to by its stream, which is known before the order itself has come.
"""

from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

import msgspec

from haocha.domain.ids import uuid5
from haocha.domain.policy import Level
from haocha.domain.rating import TextReference

Verdict = Literal["satisfied", "unsatisfied", "excluded", "upheld"]
"""满意, 不满意 (重办), 不予采纳, 维持评价."""


class OrderIssued(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A ticket of the platform above; codes are ours where the registry knows them, `said` what came otherwise."""

    TOPIC: ClassVar[str] = "order.issued:v1"

    peer: str
    order_id: str
    """The platform's own id of its ticket."""
    number: str = ""
    project_no: str = ""
    service_number: int = 1
    satisfaction: int = 0
    """0 where the platform names no level."""
    pf: str = ""
    eval_detail: tuple[str, ...] = ()
    assess_time: datetime | None = None
    received_at: datetime
    day: date
    """The Shanghai date of `assess_time`, else of `issued_at`."""
    window: str = ""
    staff: str = ""
    matter: str = ""
    dept: str = ""
    hall: str = ""
    area: str = ""
    linked: bool
    registry_position: int = 0
    said: dict[str, str] = {}
    named: bool = False
    subject: UUID | None = None
    texts: dict[str, TextReference] = {}
    issued_at: datetime
    due_at: datetime | None = None
    """By when the platform wants it done; the ticket's own deadlines are our policy's."""
    digest: str


class VerdictGiven(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """What the platform decided on its ticket; over ours it wins."""

    TOPIC: ClassVar[str] = "order.verdict_given:v1"

    peer: str
    order: UUID
    verdict: Verdict
    reason: TextReference | None = None
    given_at: datetime
    received_at: datetime
    digest: str


class Urged(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The platform urges (催办), or climbs a rung of its own ladder (督办)."""

    TOPIC: ClassVar[str] = "order.urged:v1"

    peer: str
    order: UUID
    level: Level
    note: TextReference | None = None
    given_at: datetime
    received_at: datetime
    digest: str


def order_id(namespace: UUID, peer: str, their_id: str) -> UUID:
    """Name the stream of a platform's ticket."""
    return uuid5(namespace, f"order|{peer}|{their_id}")


def verdict_id(namespace: UUID, peer: str, their_id: str) -> UUID:
    """Name the stream of one verdict."""
    return uuid5(namespace, f"verdict|{peer}|{their_id}")


def urging_id(namespace: UUID, peer: str, their_id: str) -> UUID:
    """Name the stream of one urging."""
    return uuid5(namespace, f"urging|{peer}|{their_id}")


EVENTS: tuple[type, ...] = (OrderIssued, VerdictGiven, Urged)
