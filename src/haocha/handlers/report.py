"""Everything of record goes up (上报): events become rows of the outbox, one handler for each peer.

All levels go the same way at the same time. A row names what must have been accepted before it: a rating its service
record, which goes along where it was recorded before the first day that is reported; a 追评, a contest, a decision and
a ticket's step their rating. A contested rating is never sent as a rating.
"""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from haocha.domain import ids
from haocha.domain import ticket_events as events
from haocha.domain.order import OrderIssued
from haocha.domain.rating import Rating, RatingContested, RatingSubmitted, RatingSupplemented
from haocha.domain.service import ServiceRecorded
from haocha.domain.ticket_levels import Overruled, Reported
from haocha.domain.workdays import SHANGHAI
from haocha.handlers.handler import NOTHING, SQL, Effects, Handler
from haocha.peers import Peer
from haocha.store import log
from haocha.store.install import Install
from haocha.store.log import Recorded
from haocha.store.outbox import Entry
from haocha.sync.dialect import Kind, dialect_of

STEPS: Final = (
    events.Dispatched,
    events.Accepted,
    events.Transferred,
    events.Reviewed,
    events.AppealLodged,
    events.AppealDecided,
    events.FixSubmitted,
    events.Returned,
    events.Approved,
    events.VerificationSent,
    events.Verified,
    events.Reopened,
    events.Closed,
    Overruled,
)
"""What of a ticket is reported."""

FOLLOWED: Final = frozenset({"reopened", "overruled"})
"""What an instance below reports that it has taken in from here: the platform above has heard it from us."""

DECISIONS: Final = (Rating.Linked, Rating.Excluded, Rating.Reinstated)
FACTS: Final[dict[type, Kind]] = {
    ServiceRecorded: "service",
    RatingSubmitted: "rating",
    RatingSupplemented: "supplement",
    RatingContested: "contested",
}


class About(NamedTuple):
    """What the event belongs to: the case, and what its row is counted under."""

    project_no: str
    service_number: int
    area: str
    pf: str
    level: int
    day: date


class State(NamedTuple):
    """Streams of ratings and tickets, and the orders that tickets are about."""

    streams: dict[UUID, list[Recorded]]
    orders: dict[UUID, OrderIssued]
    recorded: frozenset[UUID]
    """Of the service records that ratings may go without, those that there are."""
    early: dict[UUID, Recorded]
    """Service records from before the first day of ratings that are reported."""
    before: frozenset[UUID]
    """Ratings from before the first day that 追评 and contests are about."""


class Report(Handler):
    """Reports to one peer."""

    batch = 2_000

    def __init__(self, install: Install, peer: Peer) -> None:
        """Report what the peer's dialect has operations for; raises ValueError as the dialect does."""
        super().__init__(install)
        self.peer = peer
        self.dialect = dialect_of(peer)
        kinds: dict[Kind, tuple[Any, ...]] = {"decision": DECISIONS, "ticket": (*STEPS, Reported)}
        wanted = [kind for kind, each in FACTS.items() if each != "contested" or "contested" in self.dialect.kinds]
        wanted += [event for each, group in kinds.items() if each in self.dialect.kinds for event in group]
        self.topics = tuple(event.TOPIC for event in wanted)  # type: ignore[attr-defined, misc]

    @property
    def name(self) -> str:  # type: ignore[override]
        """The handler's name holds the peer's: each has a checkpoint of its own."""
        return f"report:{self.peer.name}"

    async def load(self, connection: asyncpg.Connection, batch: Sequence[Recorded], _cursor: str | None) -> Any:
        """Read the streams that decisions and steps are about, and the orders (下发工单) behind them."""
        streams = {event.originator_id for event in batch if isinstance(event.event, (*DECISIONS, *STEPS, Reported))}
        known = await log.read_streams(connection, list(streams))
        orders = await log.read_streams(connection, [order for stream in known.values() for order in _orders(stream)])
        records = (
            [] if self.dialect.record_first else [self._record(event.event) for event in batch if _has_case(event)]
        )
        there = frozenset(row[0] for row in await connection.fetch(SQL["begun"], records))
        early, before = await self._early(connection, batch)
        return State(known, {order: stream[0].event for order, stream in orders.items()}, there, early, before)

    async def _early(
        self, connection: asyncpg.Connection, batch: Sequence[Recorded]
    ) -> tuple[dict[UUID, Recorded], frozenset[UUID]]:
        """Read what is from before the first day behind what came since: service records, and which first ratings."""
        since = [event for event in batch if not self._is_early(event)] if self.peer.since is not None else []
        records = [self._record(event.event) for event in since if _has_case(event)]
        firsts = [event.event.first for event in since if isinstance(event.event, RatingSupplemented | RatingContested)]
        streams = await log.read_streams(connection, [*records, *firsts]) if records or firsts else {}
        latest = {stream: streams[stream][-1] for stream in records if stream in streams}
        early = {stream: record for stream, record in latest.items() if self._is_early(record)}
        return early, frozenset(stream for stream in firsts if stream in streams and self._is_early(streams[stream][0]))

    def _is_early(self, recorded: Recorded) -> bool:
        """Tell whether something was recorded before the first day that is reported."""
        since = self.peer.since
        return since is not None and recorded.recorded_at.astimezone(SHANGHAI).date() < since

    def decide(self, batch: Sequence[Recorded], state: State) -> Effects:
        """Make a row of each event that concerns the peer."""
        known = [*state.early.values(), *(event for event in batch if not self._is_early(event))]
        entries = [entry for event in known if (entry := self._entry(event, state)) is not None]
        return Effects(outbox=entries) if entries else NOTHING

    def _entry(self, recorded: Recorded, state: State) -> Entry | None:
        event, stream, version = recorded.event, recorded.originator_id, recorded.originator_version
        if isinstance(event, Reported) and (not event.status or event.event in FOLLOWED):
            return None
        kind: Kind = FACTS.get(type(event)) or ("decision" if isinstance(event, DECISIONS) else "ticket")
        about = self._about(recorded, state)
        if about is None or self._is_old(kind, recorded, state) or not about.area.startswith(self.peer.areas or ""):
            return None
        case = f"{about.project_no}|{about.service_number}"
        rating, needs = f"rating|{case}", None
        match kind:
            case "service":
                key = f"service|{case}"
            case "rating":
                waits = _has_case(recorded) and (self.dialect.record_first or self._record(event) in state.recorded)
                key, needs = rating, f"service|{case}" if waits else None
            case "supplement":
                key, needs = f"supplement|{case}", None if event.first in state.before else rating
            case _:
                key, needs = f"{kind}|{stream}|{version}", rating
        if kind == "ticket" and not _is_rated(state.streams[stream][0].event):
            needs = None
        return Entry(
            self.peer.name,
            recorded.position,
            kind,
            key,
            needs,
            about.project_no or str(stream),
            stream,
            version,
            about.area,
            about.pf,
            about.level,
            about.day,
            recorded.recorded_at,
            self._state(kind, event),
        )

    def _is_old(self, kind: Kind, recorded: Recorded, state: State) -> bool:
        """Tell whether a contest, decision or step is of a rating from before the first day: nobody has it there."""
        match kind:
            case "contested":
                return recorded.event.first in state.before
            case "decision":
                return self._is_early(state.streams[recorded.originator_id][0])
            case "ticket":
                opened = state.streams[recorded.originator_id][0]
                return _is_rated(opened.event) and self._is_early(opened)
            case _:
                return False

    def _record(self, fact: RatingSubmitted) -> UUID:
        return ids.service_id(self.namespace, fact.project_no, fact.service_number)

    def _state(self, kind: Kind, event: Any) -> str:
        if kind == "service" and kind not in self.dialect.kinds:
            return "local"
        if kind not in self.dialect.kinds or ("noCase" in getattr(event, "flags", ()) and not self.dialect.no_case):
            return "notReportable"
        return "waiting"

    def _about(self, recorded: Recorded, state: State) -> About | None:
        match recorded.event:
            case ServiceRecorded() as fact:
                return About(fact.project_no, fact.service_number, fact.area, "", 0, _day(fact.service_time))
            case RatingSubmitted() | RatingSupplemented() | RatingContested() as fact:
                return _rated(fact)
            case Rating.Linked() | Rating.Excluded() | Rating.Reinstated():
                fact = state.streams[recorded.originator_id][0].event
                return _rated(fact)
            case _:
                return self._ticket(state.streams[recorded.originator_id], state.orders)

    def _ticket(self, stream: list[Recorded], orders: dict[UUID, OrderIssued]) -> About | None:
        """Return what a ticket is about; None where it is neither of a rating nor from this peer."""
        said = stream[0].event.snapshot
        if not _is_rated(stream[0].event) and self.peer.name not in {orders[order].peer for order in _orders(stream)}:
            return None
        return About(said.project_no, said.service_number, said.area, said.pf, said.satisfaction, said.day)


def _has_case(recorded: Recorded) -> bool:
    """Say whether an event is a first rating of a case."""
    return isinstance(recorded.event, RatingSubmitted) and "noCase" not in recorded.event.flags


def _is_rated(opened: events.Opened) -> bool:
    """Say whether a ticket is of a rating: its steps wait for that."""
    return opened.source in {"rating", "supplement", "contested"}


def _orders(stream: list[Recorded]) -> list[UUID]:
    """Return the orders (下发工单) that a ticket came from or that joined it."""
    parts = [recorded.event for recorded in stream if isinstance(recorded.event, events.Opened | events.Joined)]
    return [UUID(part.source_id) for part in parts if part.source == "province"]


def _rated(fact: RatingSubmitted | RatingSupplemented | RatingContested) -> About:
    day = _day(fact.assess_time)
    return About(fact.project_no, fact.service_number, fact.area, fact.pf, fact.satisfaction, day)


def _day(moment: datetime) -> date:
    return moment.astimezone(SHANGHAI).date()
