"""A complaint (投诉意见): 意见箱, hotline, “办不成事” window, 综合点评. A fact; the ticket it opens is a handler's."""

from datetime import date, datetime
from typing import ClassVar, Literal, get_args
from uuid import UUID

import msgspec

from haocha.domain.ids import uuid5
from haocha.domain.rating import TextReference

Kind = Literal["box", "hotline", "desk", "comment", "other"]
"""意见箱, 热线, “办不成事”窗口, 综合点评, 其他."""

KINDS: tuple[Kind, ...] = get_args(Kind)


class ComplaintReceived(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A complaint as it came in; `client` is a key's, or an account where `key_kind` is "account"."""

    TOPIC: ClassVar[str] = "complaint.received:v1"

    kind: Kind
    source_id: str
    """The client's own id: the same one twice is one complaint."""
    satisfaction: int = 0
    """0 where nobody gave a level."""
    project_no: str = ""
    service_number: int = 1
    occurred_at: datetime | None = None
    received_at: datetime
    day: date
    """The Shanghai date of `occurred_at`, of `received_at` where none was given or it lies in the future."""
    window: str = ""
    staff: str = ""
    matter: str = ""
    dept: str = ""
    hall: str = ""
    area: str = ""
    linked: bool
    registry_position: int = 0
    said: dict[str, str] = {}
    client: str
    key_kind: str
    is_anonymity: str = ""
    named: bool = False
    subject: UUID | None = None
    texts: dict[str, TextReference] = {}
    digest: str


def complaint_id(namespace: UUID, key_kind: str, client: str, source_id: str) -> UUID:
    """Name a complaint's stream; an account's ids are apart from those of a client with the same name."""
    holder = "account" if key_kind == "account" else "client"
    return uuid5(namespace, f"complaint|{holder}|{client}|{source_id}")


EVENTS: tuple[type, ...] = (ComplaintReceived,)
