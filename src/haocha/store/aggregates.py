"""Load → decide → append, once for the whole program."""

from collections.abc import Callable, Sequence
from typing import TypeVar
from uuid import UUID

import asyncpg

from haocha.domain.aggregate import Aggregate
from haocha.store import events, log

TAggregate = TypeVar("TAggregate", bound=Aggregate)

ATTEMPTS = 5


class Unknown(LookupError):
    """There is no such stream, or it begins with another kind's event than the aggregate's `FIRST`."""


class Contended(Exception):
    """Others changed the stream each time it was decided on: ask again."""


def replay(stream: list[log.Recorded], cls: type[TAggregate]) -> TAggregate:
    """Return the aggregate that `stream` tells."""
    if not stream or not isinstance(stream[0].event, getattr(cls, "FIRST", object)):
        raise Unknown
    first, *later = stream
    begin = getattr(cls, "begin", None)  # where the first event is a plain fact
    aggregate: TAggregate = begin(first.originator_id, first.event) if begin else first.event.mutate(None)
    for recorded in later:
        aggregate = recorded.event.mutate(aggregate)
    return aggregate


async def get(connection: asyncpg.Connection | asyncpg.Pool, cls: type[TAggregate], originator_id: UUID) -> TAggregate:
    """Load an aggregate from its stream; raises `Unknown`."""
    return replay(await log.read_stream(connection, originator_id), cls)


def new_events(aggregate: Aggregate) -> tuple[log.NewEvent, ...]:
    """Take the events that the aggregate has decided and the log does not hold yet."""
    return tuple(
        log.NewEvent(event.originator_id, event.originator_version, *events.encode(event))
        for event in aggregate.collect_events()
    )


async def execute(
    batcher: log.Batcher,
    pool: asyncpg.Pool,
    cls: type[TAggregate],
    originator_id: UUID,
    command: Callable[[TAggregate], Sequence[log.Text] | None],
) -> tuple[TAggregate, int]:
    """Load, let `command` decide, append; decide again when another was faster. Return what is now, and its position.

    `command` returns the texts that its events refer to. Raises what it raises, `Unknown`, and `Contended` after
    several lost races.
    """
    for _ in range(ATTEMPTS):
        stream = await log.read_stream(pool, originator_id)
        aggregate = replay(stream, cls)
        texts = command(aggregate) or ()
        decided = new_events(aggregate)
        if not decided:
            return aggregate, stream[-1].position
        verdict = await batcher.append(log.Group(decided, texts=tuple(texts)))
        if verdict.verdict == "ok":
            return aggregate, verdict.position
    raise Contended
