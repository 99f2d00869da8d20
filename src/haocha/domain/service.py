"""A service record (办件服务): who was served on which matter, the n-th service of a case."""

from datetime import date, datetime
from typing import ClassVar, Final
from uuid import UUID

import msgspec

from haocha.domain.rating import TextReference

IDENTITY: Final[tuple[str, ...]] = (
    "userName",
    "userPageType",
    "certKey",
    "mobile",
    "certkeyGOV",
    "creditType",
    "creditNum",
    "handleUserName",
    "handleUserPageType",
    "handleUserPageCode",
)
"""Who was served and who acted for him: wire members that go into the vault and into no event."""


class ServiceRecorded(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A service record as it came in; a later one of the same stream corrects it, and the latest counts."""

    TOPIC: ClassVar[str] = "service.recorded:v1"

    project_no: str
    service_number: int = 1
    service_time: datetime
    received_at: datetime
    day: date
    window: str = ""
    staff: str = ""
    matter: str = ""
    dept: str = ""
    hall: str = ""
    area: str = ""
    linked: bool
    registry_position: int = 0
    said: dict[str, str] = {}
    case: dict[str, str | int] = {}
    client: str
    key_kind: str
    named: bool = False
    user_prop: str = ""
    subject: UUID | None = None
    texts: dict[str, TextReference] = {}
    digest: str


EVENTS: tuple[type, ...] = (ServiceRecorded,)
