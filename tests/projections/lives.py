"""Lives of tickets for the folds: random walks of events that the program could append, and some that it would not."""

import random
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid5

from haocha.domain import ticket_events as events
from haocha.domain.rating import TextReference
from haocha.domain.ticket_events import Snapshot, TicketEvent
from haocha.store import log
from haocha.store.events import encode
from tests.projections.levels import HAPPENINGS as OF_OTHER_LEVELS

BEGAN = datetime(2025, 6, 3, 2, tzinfo=UTC)
TEXTS = [TextReference(UUID(int=number), 12, f"{number:032x}") for number in range(1, 4)]
DATED = ("fix", "review", "contact", "acceptance", "verification", "approval", "closing")
HAPPENINGS: list[tuple[type[TicketEvent], dict[str, object]]] = [
    (events.Dispatched, {"unit": "dept-7"}),
    (events.Transferred, {"previous": "dept-7", "reason": TEXTS[0]}),
    (events.Transferred, {"previous": "dept-7", "unit": "dept-8", "reason": TEXTS[0]}),
    (events.Accepted, {}),
    (events.Accepted, {}),
    (events.Contacted, {"purpose": "review", "channel": "phone", "attempt": 1, "reached": False}),
    (events.Contacted, {"purpose": "review", "channel": "phone", "attempt": 2, "reached": True}),
    (events.Contacted, {"purpose": "verification", "channel": "phone", "attempt": 1, "reached": True}),
    (
        events.Reviewed,
        {"verdict": "partly", "ground": "delay", "difficulty": "simple", "disposition": "fix", "finding": TEXTS[0]},
    ),
    (
        events.Reviewed,
        {
            "verdict": "substantiated",
            "ground": "policy",
            "difficulty": "simple",
            "disposition": "explain",
            "finding": TEXTS[1],
        },
    ),
    (events.AppealLodged, {"ground": "untrue", "reason": TEXTS[0]}),
    (events.AppealDecided, {"upheld": False, "reason": TEXTS[0]}),
    (events.AppealDecided, {"upheld": True, "reason": TEXTS[0]}),
    (events.ExtensionDecided, {"stage": "fix", "granted": True}),
    (events.FixSubmitted, {"round": 0, "measures": TEXTS[0], "responsible": "d/7", "evidence": ()}),
    (events.FixSubmitted, {"round": 0, "measures": TEXTS[2], "responsible": "li", "evidence": ()}),
    (events.Returned, {"to": "fixing", "reason": TEXTS[0]}),
    (events.Returned, {"to": "reviewing", "reason": TEXTS[0]}),
    (events.Approved, {}),
    (events.VerificationSent, {"channel": "link", "attempt": 1}),
    (events.Verified, {"channel": "call", "result": "satisfied"}),
    (events.Verified, {"channel": "call", "result": "unsatisfied"}),
    (events.Verified, {"channel": "call", "result": "informed"}),
    (events.Reopened, {"why": "unsatisfied", "to": "fixing", "round": 1}),
    (events.Reopened, {"why": "reinstated", "to": "reviewing", "round": 1}),
    (events.Reminded, {"stage": "fix"}),
    (events.Escalated, {"level": "yellow", "rule": "x", "stage": "fix"}),
    (events.Escalated, {"level": "red", "rule": "x", "stage": "fix"}),
    (events.DueChanged, {"calendar_version": "CN-2"}),
    (events.Closed, {"outcome": "fixed", "follows": 1}),
    (events.Closed, {"outcome": "excluded", "follows": 1}),
    (events.LookedBack, {"draw": "1", "result": "holds"}),
    (events.Joined, {"source": "supplement", "source_id": "x", "snapshot": Snapshot(day=date(2025, 6, 3))}),
    *OF_OTHER_LEVELS,
]


def lives(chance: random.Random, tickets: int = 4, steps: int = 80) -> list[TicketEvent]:
    """Return the events of some tickets, interleaved, in the order in which they happen."""
    ids = [uuid5(UUID(int=7), str(number)) for number in range(tickets)]
    told: list[TicketEvent] = [opened(ticket, number, chance) for number, ticket in enumerate(ids)]
    versions = dict.fromkeys(ids, 1)
    for step in range(1, steps + 1):
        ticket = chance.choice(ids)
        versions[ticket] += 1
        event_class, members = chance.choice(HAPPENINGS)
        dues = {stage: _due(chance, step) for stage in chance.sample(DATED, chance.choice([0, 0, 1, 2]))}
        if event_class is events.Closed and chance.random() < 0.5:
            dues = {"look_back": _due(chance, step)}
        told.append(
            event_class(
                originator_id=ticket,
                originator_version=versions[ticket],
                at=BEGAN + timedelta(hours=step),
                worked=chance.randrange(500),
                dues=dues if event_class not in _UNDATED else {},
                **members,
            )
        )
    return told


_UNDATED = {
    events.Contacted,
    events.Joined,
    events.Reminded,
    events.Escalated,
    events.VerificationSent,
    events.Verified,
    events.LookedBack,
}


def opened(ticket: UUID, number: int, chance: random.Random) -> events.Opened:
    """Return the opening of a ticket."""
    return events.Opened(
        originator_id=ticket,
        originator_version=1,
        number=f"2025-{number + 1}",
        source=chance.choice(["rating", "complaint"]),
        source_id=str(number),
        snapshot=Snapshot(
            satisfaction=1,
            pf="4",
            day=date(2025, 6, 3),
            hall="H1",
            window="H1/A01",
            eval_detail=("110", "115"),
            named=number % 2 == 0,
            texts={"writingEvaluation": TEXTS[number % 3]},
        ),
        unit=chance.choice(["", "dept-7"]),
        policy_version="default-1",
        calendar_version="CN-1",
        dues={"contact": BEGAN + timedelta(hours=20), "fix": BEGAN + timedelta(hours=30)},
        at=BEGAN,
        cause=number + 1,
        below=chance.choice(["", "", "jining"]),
    )


async def append(pool, told: list[TicketEvent]) -> int:
    """Append the events, each a group of its own, in their order; return the last position."""
    for event in told:
        new = log.NewEvent(event.originator_id, event.originator_version, *encode(event))
        (verdict,) = await log.append(pool, [log.Group((new,))])
        assert verdict.verdict == "ok"
    return verdict.position


def _due(chance: random.Random, step: int) -> datetime:
    return BEGAN + timedelta(hours=step + chance.randrange(-5, 30))
