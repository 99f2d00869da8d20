"""The tickets' rows are what their streams say, whatever batches they were folded in."""

import itertools
import random
from collections import Counter
from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

import msgspec
import pytest

from haocha.domain import ticket_events as events
from haocha.domain import ticket_levels as levels
from haocha.domain.policy import DEFAULT, Terms
from haocha.domain.rating import TextReference
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Snapshot
from haocha.domain.ticket_state import LADDER
from haocha.domain.workdays import Calendar, Limit
from haocha.engine.tables import SETTINGS, create, fold
from haocha.store import aggregates, log
from haocha.store.readmodels import definitions
from tests.projections.levels import HAPPENINGS as OF_OTHER_LEVELS
from tests.world import ASSESSED

TEXT = TextReference(UUID(int=1), 3, "c0ffee")
TERMS = Terms("default-1", DEFAULT, Calendar("CN-1", date(2026, 12, 31), frozenset(), frozenset()))
KNOWN_BRIEFLY = TERMS._replace(calendar=Calendar("CN-0", date(2025, 6, 4), frozenset(), frozenset()))
LI, WANG = events.Actor(account="li", unit="dept-7"), events.Actor(account="wang", unit="dept-8")
REVIEW = {"verdict": "partly", "difficulty": "simple", "finding": TEXT}
LATER = ASSESSED + timedelta(days=90)
HAPPENINGS = [
    (events.Dispatched, {"unit": "dept-7"}),
    (events.Transferred, {"previous": "dept-7", "reason": TEXT}),
    (events.Transferred, {"previous": "dept-7", "unit": "dept-8", "reason": TEXT}),
    (events.Accepted, {}),
    (events.Contacted, {"purpose": "review", "channel": "phone", "attempt": 1, "reached": False}),
    (events.Contacted, {"purpose": "review", "channel": "phone", "attempt": 2, "reached": True}),
    (events.Contacted, {"purpose": "verification", "channel": "phone", "attempt": 1, "reached": True}),
    (events.AppealLodged, {"ground": "untrue", "reason": TEXT}),
    (events.AppealDecided, {"upheld": False, "reason": TEXT}),
    (events.AppealDecided, {"upheld": True, "reason": TEXT}),
    (events.Reviewed, REVIEW | {"ground": "delay", "disposition": "fix", "by": LI}),
    (events.Reviewed, REVIEW | {"ground": "policy", "disposition": "explain", "by": WANG}),
    (events.ExtensionRequested, {"stage": "fix", "limit": Limit(2), "reason": TEXT}),
    (events.ExtensionDecided, {"stage": "fix", "granted": True}),
    (events.ExtensionDecided, {"stage": "fix", "granted": False}),
    (events.FixSubmitted, {"round": 1, "measures": TEXT, "responsible": "dept-7/1", "evidence": (), "by": LI}),
    (events.FixSubmitted, {"round": 2, "measures": TEXT, "responsible": "dept-8/2", "evidence": (), "by": WANG}),
    (events.Returned, {"to": "fixing", "reason": TEXT}),
    (events.Approved, {}),
    (events.VerificationSent, {"channel": "link", "attempt": 1, "expires_at": LATER}),
    (events.VerificationSent, {"channel": "recheck", "attempt": 2}),
    (events.Verified, {"channel": "call", "result": "satisfied", "satisfaction": 4}),
    (events.Verified, {"channel": "link", "result": "unsatisfied"}),
    (events.Reopened, {"why": "failed", "to": "reviewing", "round": 2}),
    (events.Reopened, {"why": "recurred", "to": "fixing", "round": 3}),
    (events.Reminded, {"stage": "fix"}),
    (events.Escalated, {"level": "red", "rule": "rounds"}),
    (events.Escalated, {"level": "yellow", "rule": "fix+0"}),
    (events.DueChanged, {"calendar_version": "CN-2"}),
    (events.Merged, {"into": UUID(int=9), "into_number": "2025-9"}),
    (events.Related, {"other": UUID(int=9), "number": "2025-9"}),
    (events.Closed, {"outcome": "fixed", "follows": 1}),
    (events.Closed, {"outcome": "fixed", "follows": 1, "dues": {"look_back": LATER}}),
    (events.Closed, {"outcome": "excluded", "follows": 1}),
    (events.LookedBack, {"draw": "2025-06", "result": "holds"}),
    (events.Joined, {"source": "supplement", "source_id": "x", "snapshot": Snapshot(day=date(2025, 6, 3))}),
    (events.Joined, {"source": "contested", "source_id": "y", "snapshot": Snapshot(day=date(2025, 6, 3))}),
    *OF_OTHER_LEVELS,
]
STEPS = 120
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
            snapshot=Snapshot(
                satisfaction=1,
                pf="4",
                day=date(2025, 6, 3),
                hall="H1",
                named=number == 0,
                eval_detail=("110", "113"),
                texts={"writingEvaluation": TEXT},
            ),
            unit=chance.choice(["", "dept-7"]),
            terms=chance.choice([TERMS, KNOWN_BRIEFLY]),
            at=ASSESSED,
            cause=number + 1,
            below=chance.choice(["", "", "jining"]),
        )
        for number in range(4)
    ]
    for step in range(STEPS):
        ticket = chance.choice(tickets)
        event_class, members = chance.choice(HAPPENINGS)
        dues = members.get("dues", {})
        if event_class in DATED and chance.random() < 0.7:
            dues = {chance.choice(["contact", "fix", "review"]): ASSESSED + timedelta(days=step)}
        provisional = tuple(dues) if chance.random() < 0.5 else ()
        at = ASSESSED + timedelta(minutes=step)
        ticket.trigger_event(event_class, **members | {"dues": dues, "provisional": provisional, "at": at})
        if chance.random() < 0.4 or step == STEPS - 1:
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


def told(stream):
    """Return what the last event of each kind in a stream says that the aggregate does not keep."""
    last = {type(recorded.event): recorded.event for recorded in stream}
    done = {deed: recorded.event for recorded in stream if (deed := deed_of(recorded.event))}
    counts = Counter(type(recorded.event) for recorded in stream)
    asked, merged = last.get(events.VerificationSent), last.get(events.Merged)
    followed = [e.event for e in stream if isinstance(e.event, levels.Reported) and e.event.status]
    extended = [e.event for e in stream if isinstance(e.event, events.ExtensionRequested | events.ExtensionDecided)]
    match extended[-1:]:
        case [events.ExtensionDecided(granted=granted)]:
            extension = "granted" if granted else "refused"
        case [events.ExtensionRequested()]:
            extension = "requested"
        case _:
            extension = ""
    return {
        "last_position": stream[-1].position,
        "responsible": fix.responsible if (fix := last.get(events.FixSubmitted)) else "",
        "difficulty": review.difficulty if (review := last.get(events.Reviewed)) else "",
        "fixed_at": fix.at if (fix := done.get("fix_submitted")) else None,
        "approved_at": approved.at if (approved := done.get("approved")) else None,
        "asked": asked.channel if asked else "",
        "verified": verified.result if (verified := done.get("verified")) else "",
        "verified_satisfaction": verified.satisfaction if verified else 0,
        "looked_back": looked.result if (looked := last.get(events.LookedBack)) else "",
        "merged_into": merged.into if merged else None,
        "merged_number": merged.into_number if merged else "",
        "reminded": counts[events.Reminded],
        "related": counts[events.Related],
        "unit_name": followed[-1].unit_name if followed else "",
    }, extension


def deed_of(event):
    """Return what was done, here or as it was reported from below; '' where a report led nowhere."""
    if isinstance(event, levels.Reported):
        return event.event if event.status else ""
    return event.TOPIC.removeprefix("ticket.").removesuffix(":v1")


def kept(ticket):
    """Return what the aggregate keeps, as the columns have it."""
    parts = {source for source, _ in ticket.parts}
    due = ticket.dues.get(ticket.stage) if ticket.is_open else None
    return {
        "version": ticket.version,
        "number": ticket.number,
        "status": ticket.status,
        "entered_at": ticket.entered_at,
        "unit": ticket.unit,
        "outcome": ticket.outcome,
        "calendar_version": ticket.calendar_version,
        "due_at": due,
        "due_provisional": due is not None and ticket.stage in ticket.provisional,
        "contact_due": ticket.dues.get("contact"),
        "contacts": ticket.contacts,
        "reached": ticket.reached,
        "verdict": ticket.verdict,
        "ground": ticket.ground,
        "disposition": ticket.disposition,
        "appeal": ticket.appeal,
        "extension_stage": ticket.extension or "",
        "fixers": sorted(ticket.fixers),
        "handled": sorted(ticket.handled),
        "link_expires_at": ticket.link_expires_at,
        "rounds": ticket.rounds,
        "spent": ticket.spent,
        "escalated": ticket.escalated,
        "rung": (LADDER.index(ticket.escalated) + 1) if ticket.escalated else 0,
        "closed_at": ticket.closed_at,
        "look_back_at": ticket.dues.get("look_back"),
        "joined": len(ticket.joined),
        "supplemented": "supplement" in parts,
        "contested": "contested" in parts,
        "province": "province" in parts,
        "above": ticket.above,
        "below": ticket.below,
        "named": ticket.snapshot.named,
        "indicators": list(ticket.snapshot.eval_detail),
        "text_id": TEXT.id,
        "hall": "H1",
        "opened_at": ASSESSED,
    }


@pytest.mark.parametrize("seed", range(12))
async def test_rows_are_what_the_streams_say(pool, seed):
    """Folded at once, one by one or anyhow, every column is what the aggregate or its last events say."""
    chance = random.Random(seed)
    tickets = {ticket.id: ticket for ticket in await tell(pool, chance)}
    head = await log.head(pool)
    at_once = await folded(pool, [0, head])
    some = sorted(chance.sample(range(1, head), 5))
    assert at_once == await folded(pool, list(range(head + 1))) == await folded(pool, [0, *some, head])
    for row in at_once:
        ticket = tickets[row["id"]]
        said, extension = told(await log.read_stream(pool, ticket.id))
        expected = kept(ticket) | said
        assert {name: row[name] for name in expected} == expected
        pending = ticket.extension is not None
        assert row["extension"] == ("" if extension == "requested" and not pending else extension)
        dues, provisional = msgspec.json.decode(row["dues"]), msgspec.json.decode(row["provisional"])
        assert {stage: datetime.fromisoformat(at) for stage, at in dues.items()} == ticket.dues
        assert {stage for stage, is_so in provisional.items() if is_so} == ticket.provisional
