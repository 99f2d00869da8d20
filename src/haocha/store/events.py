"""Topics ⇄ structs: how an event is written, and how any version ever written is read.

Topics are stable names, not Python paths. An old payload is never rewritten: an upcaster lifts it when it is read, and
the view `log.current_events` does the same for the folds in SQL.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import msgspec

from haocha.domain import (
    complaint,
    entries,
    identity,
    indicators,
    inspection,
    order,
    policy,
    rating,
    service,
    ticket_events,
    ticket_levels,
    workdays,
)
from haocha.domain.aggregate import AggregateEvent

State = dict[str, Any]

EVENTS: dict[str, type] = {
    event.TOPIC: event
    for module in (
        rating,
        service,
        complaint,
        inspection,
        order,
        indicators,
        entries,
        ticket_events,
        ticket_levels,
        policy,
        workdays,
        identity,
    )
    for event in module.EVENTS
}
"""Every current topic and its struct; each module of the domain lists its own in `EVENTS`."""

UPCASTERS: dict[str, tuple[str, Callable[[State], State]]] = {}
"""An old topic → the topic it is read as and the function that lifts its state."""

_encoder = msgspec.json.Encoder()
_stream_members = ("originatorId", "originatorVersion")


def encode(event: Any) -> tuple[str, bytes]:
    """Return the topic and the JSON state; what the log's columns say is left out of the state."""
    topic: str = event.TOPIC
    if not isinstance(event, AggregateEvent):
        return topic, _encoder.encode(event)
    state = msgspec.to_builtins(event)
    for member in _stream_members:
        del state[member]
    return topic, _encoder.encode(state)


def decode(topic: str, state: bytes, originator_id: UUID, version: int) -> Any:
    """Return the struct of `state`, lifted to the current version of its topic."""
    if topic in UPCASTERS:
        lifted: State = msgspec.json.decode(state)
        while topic in UPCASTERS:
            topic, lift = UPCASTERS[topic]
            lifted = lift(lifted)
        state = _encoder.encode(lifted)
    struct = EVENTS[topic]
    if not issubclass(struct, AggregateEvent):
        return msgspec.json.decode(state, type=struct)
    members = msgspec.json.decode(state) | {"originatorId": str(originator_id), "originatorVersion": version}
    return msgspec.convert(members, struct)
