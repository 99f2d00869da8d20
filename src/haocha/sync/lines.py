"""What stands in the lines between two haochas: items on their way up, receipts for them, and what was reported.

Both ends read and write these; docs/integrators.md has them as tables. An event goes up as the log holds it; who rated
and what was written go beside it, sealed.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

import msgspec

from haocha.sync.dialect import Kind

ITEMS: Final = "/v1/sync/items"
RATINGS: Final = "/v1/sync/ratings"
NDJSON: Final = "application/x-ndjson"
MOST_ITEMS: Final = 500

RATED: Final[Mapping[Kind, str]] = {
    "rating": "rating.submitted:v1",
    "supplement": "rating.supplemented:v1",
    "contested": "rating.contested:v1",
}
SERVICE: Final = "service.recorded:v1"
DECISIONS: Final = ("rating.linked:v1", "rating.excluded:v1", "rating.reinstated:v1")


class Rated(msgspec.Struct, rename="camel", frozen=True, kw_only=True, omit_defaults=True):
    """Which rating a decision is about: its key, and which of several with that key."""

    project_no: str
    service_number: int = 1
    assess_number: int = 1
    no_case: bool = False
    digest: str


class Line(msgspec.Struct, rename="camel", kw_only=True, omit_defaults=True):
    """One item: an event of `stream`, or for `ticket` the step as `ticket_items` tells it."""

    kind: Kind
    stream: UUID
    version: int
    topic: str = ""
    event: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    rated: Rated | None = None
    step: dict[str, Any] | None = None
    sealed: str = ""


class Error(msgspec.Struct, rename="camel", frozen=True):
    """One fault of an item, as in problems."""

    pointer: str
    code: str
    message: str


class Receipt(msgspec.Struct, rename="camel", frozen=True, omit_defaults=True):
    """What became of an item; `position` is where it stands in the log of whoever took it."""

    status: Literal["accepted", "known", "retry", "invalid"]
    position: int = 0
    code: str = ""
    message: str = ""
    errors: tuple[Error, ...] = ()


class Held(msgspec.Struct, rename="camel", frozen=True):
    """A rating or 追评 as the instance above holds it."""

    position: int
    project_no: str
    service_number: int
    assess_number: int
    area_code: str
    pf: str
    satisfaction: int
    assess_time: datetime
    digest: str
