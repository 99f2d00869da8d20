"""Who may call, and what he may see for it."""

from datetime import UTC, date, datetime
from uuid import UUID, uuid5

import msgspec
import pytest

from haocha.domain import identity
from haocha.domain import ticket_refusals as refusals
from haocha.domain.account import Account
from haocha.domain.policy import DEFAULT, Terms
from haocha.domain.rating import TextReference
from haocha.domain.ticket import Ticket, TicketClosed
from haocha.domain.ticket_events import Evidence, Snapshot
from haocha.domain.workdays import Calendar

AT = datetime(2025, 6, 3, 2, tzinfo=UTC)
CALENDAR = Calendar("CN-1", date(2026, 12, 31), frozenset(), frozenset())
BY_AGENT = Terms("default-1", DEFAULT, CALENDAR)
BY_UNIT = Terms("unit-1", msgspec.structs.replace(DEFAULT, contact="unit"), CALENDAR)
RATED = Snapshot(day=date(2025, 6, 3), dept="TAX", staff="TAX/7", satisfaction=1, named=True)
TEXT = TextReference(UUID(int=1), 3, "c0ffee")

AGENT = Account(username="wang", role="agent", unit="12345")
OFFICER = Account(username="zhao", role="handler", unit="TAX", contact_officer=True)
HANDLER = Account(username="qian", role="handler", unit="TAX")
SUPERVISOR = Account(username="sun", role="supervisor", unit="GOV")


def opened(terms, unit="TAX"):
    """Open the ticket of a bad rating of TAX/7."""
    return Ticket.opened(
        uuid5(UUID(int=7), "ticket"),
        source="rating",
        source_id="x",
        case_id=None,
        snapshot=RATED,
        unit=unit,
        terms=terms,
        at=AT,
        cause=41,
    )


def verifying(terms):
    """Bring a ticket so far that its citizen is asked."""
    ticket = opened(terms)
    ticket.accept(HANDLER, terms, AT)
    ticket.review(HANDLER, terms, AT, verdict="substantiated", ground="attitude", disposition="fix", finding=TEXT)
    proof = (Evidence(digest="5f" * 32, media_type="image/png", size=1),)
    ticket.fix(HANDLER, terms, AT, measures=TEXT, responsible="TAX/7", evidence=proof)
    ticket.approve(SUPERVISOR, terms, AT)
    return ticket


def due(ticket, by, terms, *joined):
    """Ask what `by` may call for."""
    return identity.due(ticket, (ticket.snapshot, *joined), by, terms, AT)


def test_agent_calls_where_policy_says_agent():
    """Name and phone."""
    assert due(opened(BY_AGENT), AGENT, BY_AGENT) == "review"
    assert identity.fields_for(AGENT) == ("userName", "mobile")


def test_contact_officer_calls_where_policy_says_unit():
    """The phone only."""
    assert due(opened(BY_UNIT), OFFICER, BY_UNIT) == "review"
    assert identity.fields_for(OFFICER) == ("mobile",)


@pytest.mark.parametrize(
    ("by", "terms"),
    [
        (OFFICER, BY_AGENT),
        (AGENT, BY_UNIT),
        (HANDLER, BY_UNIT),
        (SUPERVISOR, BY_AGENT),
        (SUPERVISOR, BY_UNIT),
        (msgspec.structs.replace(OFFICER, unit="HR"), BY_UNIT),
        *(
            (Account(username="x", role=role), BY_AGENT)
            for role in ("reviewer", "inspector", "leader", "auditor", "admin")
        ),
    ],
)
def test_nobody_else_sees_anything(by, terms):
    """Other roles, other units, the wrong side of the policy."""
    with pytest.raises(refusals.Forbidden):
        due(opened(terms), by, terms)


def test_who_was_rated_never_sees_who_rated():
    """Though he be the contact officer; nor who was rated by what joined the ticket."""
    with pytest.raises(refusals.RatedPerson):
        due(opened(BY_UNIT), msgspec.structs.replace(OFFICER, staff="TAX/7"), BY_UNIT)
    joined = msgspec.structs.replace(RATED, staff="TAX/9")
    with pytest.raises(refusals.RatedPerson):
        due(opened(BY_UNIT), msgspec.structs.replace(OFFICER, staff="TAX/9"), BY_UNIT, joined)


def test_agent_of_a_unit_that_was_rated_or_has_handled_is_not_independent():
    """Also where another unit handles it now, and where only what joined rated his."""
    for unit in ("TAX", "HR"):
        with pytest.raises(refusals.NotIndependent):
            due(opened(BY_AGENT, unit="HR"), msgspec.structs.replace(AGENT, unit=unit), BY_AGENT)
    joined = msgspec.structs.replace(RATED, dept="12345")
    with pytest.raises(refusals.NotIndependent):
        due(opened(BY_AGENT), AGENT, BY_AGENT, joined)


@pytest.mark.parametrize(("terms", "by"), [(BY_AGENT, AGENT), (BY_UNIT, OFFICER)])
def test_once_reached_there_is_no_reason_left(terms, by):
    """Attempts that did not reach leave it due."""
    ticket = opened(terms)
    ticket.contact(by, terms, AT, channel="phone", reached=False)
    assert due(ticket, by, terms) == "review"
    ticket.contact(by, terms, AT, channel="phone", reached=True)
    with pytest.raises(identity.NothingDue):
        due(ticket, by, terms)


def test_call_back_is_never_the_units():
    """Whatever the policy says of the first contact: an agent asks for the verdict."""
    ticket = verifying(BY_UNIT)
    assert due(ticket, AGENT, BY_UNIT) == "verification"
    with pytest.raises(refusals.Forbidden):
        due(ticket, OFFICER, BY_UNIT)


def test_closed_ticket_gives_no_reason():
    """When it is over nobody is called."""
    ticket = verifying(BY_AGENT)
    ticket.verify(AGENT, BY_AGENT, AT, result="satisfied")
    with pytest.raises(TicketClosed):
        due(ticket, AGENT, BY_AGENT)
