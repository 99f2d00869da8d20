"""What a handler is: topics, what it loads, and a pure function from events and what was loaded to effects.

The engine (`haocha.engine.reactor`) reads, loads, appends and moves the checkpoint in one transaction. A handler never
writes; it decides on the aggregates that it loaded, and hands back those it changed.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, ClassVar, NamedTuple
from uuid import UUID

import asyncpg

from haocha.domain.aggregate import Aggregate, CauseHeld
from haocha.store import sql
from haocha.store.install import Install
from haocha.store.log import Recorded
from haocha.store.outbox import Entry

SQL = sql.load(Path(__file__).with_name("queries.sql"))


class Timer(NamedTuple):
    """Something to be done at `due_at`; `id` is a function of its cause, so setting it twice sets it once."""

    id: UUID
    key: str
    due_at: datetime
    payload: dict[str, Any]


class Notice(NamedTuple):
    """Something to hear of, for those of `role` (and of `unit`, or who oversee `area`) or for one account.

    `id` is a function of its cause, so telling it twice tells it once. `members` fill the notice's sentence; nothing
    personal is among them. `subject` is where the vault holds the citizen whom it is for, where it is for him.
    """

    id: UUID
    kind: str
    ticket: UUID
    members: dict[str, Any]
    role: str = ""
    unit: str = ""
    area: str = ""
    account: str = ""
    subject: UUID | None = None


class Effects(NamedTuple):
    """What a batch of events leads to; `cursor`: from where to go on with the same batch in the next transaction."""

    aggregates: Iterable[Aggregate] = ()
    timers: Sequence[Timer] = ()
    cursor: str | None = None
    notices: Sequence[Notice] = ()
    outbox: Sequence[Entry] = ()


NOTHING = Effects()


class Handler(ABC):
    """An event handler (process manager)."""

    name: ClassVar[str]
    topics: ClassVar[tuple[str, ...]]
    where: ClassVar[str | None] = None
    """A jsonpath predicate on the event's state: what it does not match is not even decoded."""
    batch: ClassVar[int] = 500
    """Events in one transaction."""
    follows: ClassVar[str | None] = None
    """A projection that this handler reads: it goes no further than that one has come."""

    def __init__(self, install: Install) -> None:
        """Work for the installation whose namespace makes the ids."""
        self.install = install
        self.namespace = install.namespace

    def key(self, event: Recorded) -> str:
        """Name what the event belongs to: behind a parked event the later ones of its key wait."""
        return str(event.originator_id)

    @abstractmethod
    async def load(self, connection: asyncpg.Connection, batch: Sequence[Recorded], cursor: str | None) -> Any:
        """Read what `decide` needs for these events; `cursor` is the last effects'."""

    @abstractmethod
    def decide(self, batch: Sequence[Recorded], state: Any) -> Effects:
        """Decide what follows from the events."""


class EventHandler(Handler):
    """A handler that takes each event for itself."""

    def decide(self, batch: Sequence[Recorded], state: Any) -> Effects:
        """React to each event in turn, and put the effects together."""
        changed: dict[UUID, Aggregate] = {}
        timers: list[Timer] = []
        notices: list[Notice] = []
        for event in batch:
            try:
                effects = self.react(event, state)
            except CauseHeld:  # done before
                continue
            changed |= {aggregate.id: aggregate for aggregate in effects.aggregates}
            timers += effects.timers
            notices += effects.notices
        return Effects(changed.values(), timers, notices=notices)

    @abstractmethod
    def react(self, event: Recorded, state: Any) -> Effects:
        """Decide what follows from one event; what it changes in `state` the next event finds changed."""


class TimedHandler(EventHandler):
    """A handler that also sets timers."""

    @abstractmethod
    async def load_fired(self, connection: asyncpg.Connection, timer: Timer) -> Any:
        """Read what `fire` needs."""

    @abstractmethod
    def fire(self, timer: Timer, state: Any, now: datetime) -> Effects:
        """Decide what follows from a timer that is due; its id is the cause."""
