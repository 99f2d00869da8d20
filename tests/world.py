"""A log that tests tell what happened: ratings without HTTP, handlers and projections stepped by hand."""

import hashlib
from datetime import UTC, date, datetime
from uuid import UUID

import asyncpg

from haocha.domain import entries, ids
from haocha.domain.rating import Rating, RatingContested, RatingSubmitted, RatingSupplemented
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Closed
from haocha.engine.projector import Projector, prepare
from haocha.engine.reactor import Reactor
from haocha.handlers import handlers
from haocha.store import aggregates, events, log, rulebook
from haocha.store.install import Install
from haocha.store.readmodels import definitions

ASSESSED = datetime(2025, 6, 3, 2, tzinfo=UTC)
OPENED = datetime(2020, 1, 1, tzinfo=UTC)


class World:
    """What happens on one log."""

    def __init__(self, pool: asyncpg.Pool, install: Install) -> None:
        self.pool = pool
        self.install = install
        self.namespace = install.namespace

    async def begin(self) -> "World":
        """Publish the first policy and calendar, and make the read models."""
        await rulebook.seed(self.pool, self.install, OPENED)
        await prepare(self.pool)
        return self

    async def append(self, *new: tuple[UUID, object]) -> int:
        """Append first events of streams of their own; return the last position."""
        groups = [log.Group((log.NewEvent(stream, 1, *events.encode(event)),)) for stream, event in new]
        verdicts = await log.append(self.pool, groups)
        assert {verdict.verdict for verdict in verdicts} == {"ok"}
        return verdicts[-1].position

    async def rate(self, project_no: str, satisfaction: int = 1, **members) -> UUID:
        """Let a first rating come in."""
        stream = ids.rating_id(self.namespace, project_no, members.get("service_number", 1))
        await self.append((stream, RatingSubmitted(**fact(project_no, satisfaction, members))))
        return stream

    def ratings(self, start: int, count: int, **members) -> list[tuple[UUID, RatingSubmitted]]:
        """Make first ratings of different cases, to append at once."""
        return [
            (
                ids.rating_id(self.namespace, f"many-{number}", 1),
                RatingSubmitted(**fact(f"many-{number}", 5, members)),
            )
            for number in range(start, start + count)
        ]

    async def supplement(self, project_no: str, satisfaction: int = 1, **members) -> UUID:
        """Let a 追评 come in."""
        stream = ids.rating_id(self.namespace, project_no, 1, 2)
        first = ids.rating_id(self.namespace, project_no, 1)
        await self.append((stream, RatingSupplemented(first=first, **fact(project_no, satisfaction, members))))
        return stream

    async def contest(
        self, project_no: str, satisfaction: int = 1, *, same: bool = False, first_stream: UUID | None = None, **members
    ) -> UUID:
        """Let another rating of the same case come in, contesting its first or `first_stream`."""
        first = first_stream or ids.rating_id(self.namespace, project_no, 1)
        known = fact(project_no, satisfaction, members)
        stream = ids.contest_id(first, known["digest"])
        await self.append((stream, RatingContested(first=first, same=same, **known)))
        return stream

    async def register(self, kind: str, key: str, **facts: str) -> None:
        """Let a registry entry appear."""
        period = entries.Period(OPENED, None, entries.Facts(name=key, **facts))
        entry = entries.KINDS[kind].register(self.namespace, key, period, by="test", at=OPENED)
        await log.append(self.pool, [log.Group(aggregates.new_events(entry))])

    async def fold(self) -> None:
        """Bring the read models up to the head of the log."""
        projector, head = Projector(self.pool), await log.head(self.pool)
        for definition in definitions().values():
            while await projector.step(definition, head):
                pass

    async def react(self, *names: str) -> None:
        """Fold, and let the handlers of these names (all without any) deal with all there is, until nothing follows."""
        chosen = [handler for handler in handlers(self.install) if not names or handler.name in names]
        reactor, before = Reactor(self.pool, chosen), -1
        while before != (before := await log.head(self.pool)):
            await self.fold()
            for handler in chosen:
                while await reactor.step(handler):
                    pass

    async def rating(self, stream: UUID) -> Rating:
        """Read a rating as it is now."""
        return await aggregates.get(self.pool, Rating, stream)

    async def tickets(self) -> list[Ticket]:
        """Read all tickets, in the order of their opening."""
        rows = await self.pool.fetch(
            "SELECT originator_id FROM log.events WHERE topic = 'ticket.opened:v1' ORDER BY position"
        )
        return [await aggregates.get(self.pool, Ticket, row[0]) for row in rows]

    async def close(self, ticket: Ticket) -> None:
        """Let a ticket be closed, as if it had been fixed."""
        ticket.trigger_event(Closed, outcome="fixed", follows=1, at=ASSESSED)
        await log.append(self.pool, [log.Group(aggregates.new_events(ticket))])


def fact(project_no: str, satisfaction: int, members: dict) -> dict:
    """Return the members of a rating that a test does not care about."""
    known = {
        "project_no": project_no,
        "satisfaction": satisfaction,
        "pf": "4",
        "assess_time": ASSESSED,
        "received_at": ASSESSED,
        "day": date(2025, 6, 3),
        "linked": True,
        "client": "test",
        "key_kind": "pad",
    } | members
    return known | {"digest": hashlib.sha256(repr(known).encode()).hexdigest()}
