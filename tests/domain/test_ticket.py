"""Tickets: opening, joining, and the status that each event leads to."""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid5

import msgspec
import pytest

from haocha.domain import ticket_events as events
from haocha.domain import ticket_guards as guards
from haocha.domain import ticket_refusals as refusals
from haocha.domain.account import Account
from haocha.domain.aggregate import CauseHeld
from haocha.domain.policy import DEFAULT, Terms
from haocha.domain.rating import TextReference
from haocha.domain.ticket import STATUSES, Ticket, TicketClosed
from haocha.domain.ticket_events import Snapshot
from haocha.domain.workdays import SHANGHAI, Calendar, Limit

NAMESPACE = UUID(int=7)
CASE = uuid5(NAMESPACE, "case")
TUESDAY = datetime(2025, 6, 3, 10, tzinfo=SHANGHAI)
TERMS = Terms("default-1", DEFAULT, Calendar("CN-1", date(2026, 12, 31), frozenset(), frozenset()))
SNAPSHOT = Snapshot(project_no="3701-1", satisfaction=1, pf="4", day=date(2025, 6, 3), dept="dept-7")
BARE = Snapshot(day=date(2025, 6, 3), satisfaction=1, staff="9")
TEXT = TextReference(uuid5(NAMESPACE, "text"), 3, "c0ffee")


def opened(unit="dept-7", at=TUESDAY, terms=TERMS):
    """Open a ticket for the rating at position 41."""
    return Ticket.opened(
        uuid5(NAMESPACE, "ticket"),
        source="rating",
        source_id=str(CASE),
        case_id=CASE,
        snapshot=SNAPSHOT,
        unit=unit,
        terms=terms,
        at=at,
        cause=41,
    )


def join(ticket, at=TUESDAY + timedelta(hours=1), cause=42):
    """Let a 追评 join."""
    ticket.join(source="supplement", source_id="second", snapshot=SNAPSHOT, terms=TERMS, at=at, cause=cause)


def then(ticket, event_class, **members):
    """Let one event happen."""
    ticket.trigger_event(event_class, at=TUESDAY + timedelta(hours=2), **members)
    return ticket


def test_ticket_is_numbered_by_the_year_in_shanghai_and_its_source_event():
    """The number says the year and the position of the event that opened it."""
    assert opened(at=datetime(2025, 12, 31, 16, 30, tzinfo=UTC)).number == "2026-41"


def test_ticket_with_a_unit_awaits_acceptance_under_its_deadlines():
    """What has started runs: to accept, to contact, to fix."""
    ticket = opened()
    assert ticket.status == "awaiting_acceptance"
    assert ticket.dues == {
        "acceptance": datetime(2025, 6, 4, 17, tzinfo=SHANGHAI),
        "contact": datetime(2025, 6, 4, 17, tzinfo=SHANGHAI),
        "fix": datetime(2025, 6, 10, 17, tzinfo=SHANGHAI),
    }
    assert (ticket.policy_version, ticket.calendar_version) == ("default-1", "CN-1")


def test_ticket_without_a_unit_awaits_dispatch():
    """Where nobody knows the unit the first deadline is to find it."""
    ticket = opened(unit="")
    assert ticket.status == "awaiting_dispatch"
    assert set(ticket.dues) == {"dispatch", "contact", "fix"}


def test_deadlines_beyond_the_calendar_are_provisional():
    """A ticket says which of its deadlines rest on days nobody has published."""
    calendar = Calendar("CN-0", date(2025, 6, 5), frozenset(), frozenset())
    assert opened(terms=TERMS._replace(calendar=calendar)).provisional == {"fix"}


def test_open_ticket_takes_in_another_rating_of_its_case():
    """Joining keeps the deadlines and says how long the stage has run."""
    ticket = opened()
    dues = dict(ticket.dues)
    join(ticket)
    (_, joined) = ticket.collect_events()
    assert (joined.worked, joined.cause, joined.originator_version) == (60, 42, 2)
    assert (ticket.joined, ticket.dues, ticket.status) == (["second"], dues, "awaiting_acceptance")


def test_whoever_is_rated_by_what_joined_judges_nothing():
    """A person and a unit that only a later rating of the case names are as little independent as the first ones."""
    ticket = then(opened(unit="hr"), events.FixSubmitted, round=1, measures=TEXT, responsible="7", evidence=())
    person = Account(username="rated", role="reviewer", unit="gov", staff="tax/9")
    colleague = Account(username="colleague", role="supervisor", unit="tax")
    for by in (person, colleague):
        guards.approve(ticket, by, TERMS, TUESDAY)
    named = msgspec.structs.replace(SNAPSHOT, dept="tax", staff="tax/9")
    ticket.join(source="contested", source_id="x", snapshot=named, terms=TERMS, at=TUESDAY, cause=43)
    with pytest.raises(refusals.RatedPerson):
        guards.approve(ticket, person, TERMS, TUESDAY)
    with pytest.raises(refusals.NotIndependent):
        guards.approve(ticket, colleague, TERMS, TUESDAY)


def test_rated_person_is_known_by_a_number_that_nobody_knew_when_it_came():
    """The bare number means the one of the unit that has the ticket, not his namesake of another."""
    ticket = then(opened(unit=""), events.Joined, source="contested", source_id="x", snapshot=BARE)
    assert not ticket.rates("tax/9")
    then(ticket, events.Dispatched, unit="tax")
    assert [ticket.rates(staff) for staff in ("tax/9", "hr/9", "tax/8", "")] == [True, False, False, False]


def test_nothing_joins_twice():
    """An event that the ticket has taken in is refused by its position."""
    ticket = opened()
    join(ticket)
    with pytest.raises(CauseHeld, match="42"):
        join(ticket)


def test_closed_ticket_takes_nothing_in():
    """What comes after closing opens a ticket of its own."""
    ticket = then(opened(), events.Closed, outcome="fixed", follows=1)
    assert not ticket.is_open
    with pytest.raises(TicketClosed, match="2025-41 is closed"):
        join(ticket)


def test_every_event_leads_to_its_status():
    """One whole life, with an appeal, a return and a second round."""
    ticket = opened(unit="")
    told = [
        (events.Dispatched, {"unit": "dept-7"}, "awaiting_acceptance"),
        (events.Transferred, {"previous": "dept-7", "reason": TEXT}, "awaiting_dispatch"),
        (events.Dispatched, {"unit": "dept-8"}, "awaiting_acceptance"),
        (events.Accepted, {}, "reviewing"),
        (events.Contacted, {"purpose": "review", "channel": "phone", "attempt": 1, "reached": True}, "reviewing"),
        (events.AppealLodged, {"ground": "mistaken", "reason": TEXT}, "appealing"),
        (events.AppealDecided, {"upheld": False, "reason": TEXT}, "reviewing"),
        (
            events.Reviewed,
            {
                "verdict": "substantiated",
                "ground": "attitude",
                "difficulty": "simple",
                "disposition": "fix",
                "finding": TEXT,
            },
            "fixing",
        ),
        (events.ExtensionRequested, {"stage": "fix", "limit": Limit(3), "reason": TEXT}, "fixing"),
        (events.ExtensionDecided, {"stage": "fix", "granted": True}, "fixing"),
        (events.FixSubmitted, {"round": 1, "measures": TEXT, "responsible": "li", "evidence": ()}, "approving"),
        (events.Returned, {"to": "fixing", "reason": TEXT}, "fixing"),
        (events.FixSubmitted, {"round": 1, "measures": TEXT, "responsible": "li", "evidence": ()}, "approving"),
        (events.Approved, {}, "verifying"),
        (events.VerificationSent, {"channel": "link", "attempt": 1}, "verifying"),
        (events.Verified, {"channel": "link", "result": "unsatisfied"}, "verifying"),
        (events.Reopened, {"why": "unsatisfied", "to": "fixing", "round": 2}, "fixing"),
        (events.Reminded, {"stage": "fix"}, "fixing"),
        (events.Escalated, {"level": "red", "rule": "overdue+1"}, "fixing"),
        (events.DueChanged, {"calendar_version": "CN-2"}, "fixing"),
        (events.Related, {"other": CASE, "number": "2025-30"}, "fixing"),
        (events.Merged, {"into": CASE, "into_number": "2025-30"}, "fixing"),
        (events.Closed, {"outcome": "merged", "follows": 22}, "closed"),
        (events.LookedBack, {"draw": "2025-07", "result": "recurred"}, "closed"),
        (events.Reopened, {"why": "recurred", "to": "reviewing", "round": 3}, "reviewing"),
    ]
    for event_class, members, status in told:
        then(ticket, event_class, **members)
        assert (event_class.__name__, ticket.status) == (event_class.__name__, status)
    assert {status for _, _, status in told} == set(STATUSES)
    assert {event_class for event_class, _, _ in told} == set(events.EVENTS) - {events.Opened, events.Joined}
    assert ticket.unit == "dept-8"


def test_explanation_goes_straight_to_approval():
    """Where nothing is to be fixed the explanation is what gets approved."""
    members = {"verdict": "unsubstantiated", "ground": "law", "difficulty": "simple", "finding": TEXT, "basis": TEXT}
    assert then(opened(), events.Reviewed, disposition="explain", **members).status == "approving"


def test_clock_that_stood_still_for_an_appeal_is_remembered_by_its_events():
    """Loaded from its stream, the ticket reckons the fix as the one that was there all along."""
    terms = TERMS._replace(policy=msgspec.structs.replace(DEFAULT, appeal_stops_clock=True))
    handler = Account(username="li", role="handler", unit="dept-7")
    reviewer = Account(username="wu", role="reviewer", unit="gov")
    ticket, decided = opened(terms=terms), TUESDAY + timedelta(days=7)
    ticket.accept(handler, terms, TUESDAY)
    ticket.lodge_appeal(handler, terms, TUESDAY, ground="untrue", reason=TEXT)
    ticket.decide_appeal(reviewer, terms, decided, upheld=False, reason=TEXT)
    stream = ticket.collect_events()
    loaded = Ticket.begin(ticket.id, stream[0])
    for event in stream[1:]:
        event.mutate(loaded)
    for one in (ticket, loaded):
        one.review(handler, terms, decided, verdict="partly", ground="delay", disposition="fix", finding=TEXT)
    assert loaded.dues["fix"] == ticket.dues["fix"] > terms.due("fix", TUESDAY).at
