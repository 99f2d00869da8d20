"""The base of everything that decides: an `eventsourcing` aggregate whose events are msgspec Structs.

The library reads the clock for a `timestamp`; here the argument `at` is the only time an event has, and `cause` (the
position of the event or the id of the timer that made a handler act) makes every handler's effect happen once.
"""

from datetime import datetime
from typing import Any, ClassVar, Self
from uuid import UUID

import msgspec
from eventsourcing.domain import BaseAggregate, CanInitAggregate, CanMutateAggregate

from haocha.domain.errors import Refusal


class CauseHeld(Refusal):
    """The stream already holds an event with this cause."""

    code = "cause_held"


class Struct(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What an aggregate's event always has; `cause` is None where a person acted."""

    originator_id: UUID
    originator_version: int
    at: datetime
    cause: int | str | None = None


class AggregateEvent(Struct, CanMutateAggregate[UUID], frozen=True, kw_only=True):
    """An event that evolves an aggregate."""

    @property
    def timestamp(self) -> datetime:  # type: ignore[override]
        """The library's name for `at`."""
        return self.at

    def apply(self, aggregate: Any) -> None:
        """Remember the cause, so that it can be refused the second time."""
        if self.cause is not None:
            aggregate.causes.add(self.cause)

    def _as_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__struct_fields__} | {"timestamp": self.at}


class Aggregate(BaseAggregate[UUID]):
    """A consistency boundary: its commands guard, then call one private `@event` method, always with `at`.

    The library wants the first event's class named `Created` and an `__init__` that takes `id`:
    `@event("Created", topic="ticket.opened:v1") def __init__(self, *, id: UUID, …, at: datetime, cause: …)`.
    """

    TOPIC: ClassVar[str]

    class Event(AggregateEvent, frozen=True, kw_only=True):
        """The base of this aggregate's events."""

    class Created(Event, CanInitAggregate[UUID], frozen=True, kw_only=True):
        """The base of the event that begins a stream."""

        originator_topic: str

    def __base_init__(self, originator_id: UUID, originator_version: int, timestamp: datetime) -> None:
        """Begin a stream."""
        super().__base_init__(originator_id, originator_version, timestamp)
        self.causes: set[int | str] = set()

    @classmethod
    def _create(cls, event_class: Any, *, id: UUID, **kwargs: Any) -> Self:  # type: ignore[override]
        created = event_class(originator_id=id, originator_version=1, originator_topic=cls.TOPIC, **kwargs)
        aggregate: Self = created.mutate(None)
        aggregate.pending_events.append(created)
        return aggregate

    def trigger_event(self, event_class: Any, **kwargs: Any) -> None:
        """Make the event, let it evolve this aggregate, and keep it for the log.

        Raises `CauseHeld` when an event with the same `cause` is in the stream already.
        """
        cause = kwargs.get("cause")
        if cause is not None and cause in self.causes:
            raise CauseHeld(f"{type(self).__name__} {self.id} already holds an event caused by {cause}.")
        new = event_class(originator_id=self.id, originator_version=self.version + 1, **kwargs)
        new.mutate(self)
        self.pending_events.append(new)
