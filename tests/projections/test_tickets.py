"""The tickets' rows are what their streams say, whatever batches they were folded in."""

import itertools
import random
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

import msgspec
import pytest

from haocha.domain import ticket_events as events
from haocha.domain.policy import DEFAULT, Terms
from haocha.domain.rating import TextReference
from haocha.domain.ticket import Snapshot, Ticket
from haocha.domain.workdays import Calendar, Limit
from haocha.engine.tables import SETTINGS, create, fold
from haocha.store import aggregates, log
from haocha.store.readmodels import definitions
from tests.world import ASSESSED

TEXT = TextReference(UUID(int=1), 3, "c0ffee")
TERMS = Terms("default-1", DEFAULT, Calendar("CN-1", date(2026, 12, 31), frozenset(), frozenset()))
KNOWN_BRIEFLY = TERMS._replace(calendar=Calendar("CN-0", date(2025, 6, 4), frozenset(), frozenset()))
HAPPENINGS = [
    (events.Dispatched, {"unit": "dept-7"}),
    (events.Transferred, {"previous": "dept-7", "reason": TEXT}),
    (events.Transferred, {"previous": "dept-7", "unit": "dept-8", "reason": TEXT}),
    (events.Accepted, {}),
    (events.Contacted, {"purpose": "review", "channel": "phone", "attempt": 1, "reached": True}),
    (events.AppealLodged, {"ground": "untrue", "reason": TEXT}),
    (events.AppealDecided, {"upheld": False, "reason": TEXT}),
    (events.AppealDecided, {"upheld": True, "reason": TEXT}),
    (
        events.Reviewed,
        {"verdict": "partly", "ground": "x", "difficulty": "simple", "disposition": "fix", "finding": TEXT},
    ),
    (
        events.Reviewed,
        {"verdict": "partly", "ground": "x", "difficulty": "simple", "disposition": "explain", "finding": TEXT},
    ),
    (events.ExtensionRequested, {"stage": "fix", "limit": Limit(2), "reason": TEXT}),
    (events.ExtensionDecided, {"stage": "fix", "granted": True}),
    (events.FixSubmitted, {"round": 1, "measures": TEXT, "responsible": "li", "evidence": ()}),
    (events.Returned, {"to": "fixing", "reason": TEXT}),
    (events.Approved, {}),
    (events.Verified, {"channel": "call", "result": "satisfied"}),
    (events.Reopened, {"why": "failed", "to": "reviewing", "round": 2}),
    (events.DueChanged, {"calendar_version": "CN-2"}),
    (events.Closed, {"outcome": "fixed", "follows": 1}),
    (events.Closed, {"outcome": "excluded", "follows": 1}),
    (events.Joined, {"source": "supplement", "source_id": "x", "snapshot": Snapshot(day=date(2025, 6, 3))}),
]
DATED = {
    events.Dispatched,
    events.Accepted,
    events.Reviewed,
    events.ExtensionDecided,
    events.DueChanged,
    events.Reopened,
}


async def tell(pool, chance):
    """Write the lives of some tickets, interleaved, and return the tickets."""
    tickets = [
        Ticket.opened(
            uuid5(UUID(int=7), str(number)),
            source="rating",
            source_id=str(number),
            case_id=UUID(int=number),
            snapshot=Snapshot(satisfaction=1, pf="4", day=date(2025, 6, 3), hall="H1"),
            unit=chance.choice(["", "dept-7"]),
            terms=chance.choice([TERMS, KNOWN_BRIEFLY]),
            at=ASSESSED,
            cause=number + 1,
        )
        for number in range(4)
    ]
    for step in range(60):
        ticket = chance.choice(tickets)
        event_class, members = chance.choice(HAPPENINGS)
        dues = {}
        if event_class in DATED and chance.random() < 0.7:
            dues = {chance.choice(["fix", "review"]): ASSESSED + timedelta(days=step)}
        provisional = tuple(dues) if chance.random() < 0.5 else ()
        at = ASSESSED + timedelta(minutes=step)
        ticket.trigger_event(event_class, dues=dues, provisional=provisional, at=at, **members)
        if chance.random() < 0.4 or step == 59:
            new = [decided for one in tickets if (decided := aggregates.new_events(one))]
            verdicts = await log.append(pool, [log.Group(decided) for decided in new])
            assert {verdict.verdict for verdict in verdicts} == {"ok"}
    return tickets


async def folded(pool, bounds):
    """Fold from nothing between `bounds` and return the rows; nothing stays."""
    async with pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        try:
            await create(connection, definitions()["tickets"], "next")
            await connection.execute(SETTINGS["next"])
            for after, upto in itertools.pairwise(bounds):
                await fold(connection, definitions()["tickets"], after, upto)
            return await connection.fetch("SELECT * FROM tickets ORDER BY id")
        finally:
            await transaction.rollback()


@pytest.mark.parametrize("seed", range(8))
async def test_rows_are_what_the_streams_say(pool, seed):
    """Folded at once, one by one or anyhow, status, unit, outcome and deadlines are the aggregate's."""
    chance = random.Random(seed)
    tickets = {ticket.id: ticket for ticket in await tell(pool, chance)}
    head = await log.head(pool)
    at_once = await folded(pool, [0, head])
    some = sorted(chance.sample(range(1, head), 5))
    assert at_once == await folded(pool, list(range(head + 1))) == await folded(pool, [0, *some, head])
    for row in at_once:
        ticket = tickets[row["id"]]
        assert (row["status"], row["unit"], row["joined"]) == (ticket.status, ticket.unit, len(ticket.joined))
        assert (row["number"], row["hall"], row["opened_at"]) == (ticket.number, "H1", ASSESSED)
        closed_last = ticket.status == "closed"
        assert not closed_last or row["outcome"] in {"fixed", "excluded"}
        dues, provisional = msgspec.json.decode(row["dues"]), msgspec.json.decode(row["provisional"])
        assert {stage: datetime.fromisoformat(at) for stage, at in dues.items()} == ticket.dues
        assert {stage for stage, is_so in provisional.items() if is_so} == ticket.provisional
