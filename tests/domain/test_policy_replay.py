"""Replaying a policy: under its own, a ticket's past is what it was; under another only what it was due changes."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from haocha.domain import ticket_events as events
from haocha.domain.errors import Refusal
from haocha.domain.policy import DEFAULT, Extension, Policy, StageRule, Terms
from haocha.domain.policy_replay import Rate, Visit, count, visits
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_state import TicketState
from haocha.domain.workdays import Limit
from tests.domain.test_ticket_machine import CALENDAR, NAMESPACE, PEOPLE, RATED, START, TEXT, USUAL

LATER = START + timedelta(days=90)
WITH_CLOSING = DEFAULT.stages | {"closing": StageRule(Limit(10), start="opened")}
POLICIES = st.builds(
    lambda stops, times, fix, stages: msgspec.structs.replace(
        DEFAULT,
        appeal_stops_clock=stops,
        extension=Extension(times, Limit(3), ("fix", "review")),
        stages=stages | {"fix": fix},
        rounds=2,
    ),
    st.booleans(),
    st.integers(0, 2),
    st.builds(StageRule, st.builds(Limit, st.integers(1, 8)), st.sampled_from(["opened", "entered"])),
    st.sampled_from([DEFAULT.stages, WITH_CLOSING]),
)
STEPS = st.lists(st.tuples(st.integers(0, 10_000), st.sampled_from([0, 1, 5, 24, 90])), max_size=25)


def terms_of(policy: Policy) -> Terms:
    """Return the terms of a policy under the calendar of the tests."""
    return Terms("test-1", policy, CALENDAR, "seed")


def lived(policy, steps, unit=RATED):
    """Let people do some of what is offered to them, step by step, and return the ticket's stream."""
    terms, now = terms_of(policy), START
    ticket = Ticket.opened(
        NAMESPACE,
        source="rating",
        source_id="1",
        case_id=None,
        snapshot=events.Snapshot(day=START.date(), satisfaction=1, dept=RATED),
        unit=unit,
        terms=terms,
        at=START,
        cause=1,
    )
    stream = list(ticket.collect_events())
    for pick, hours in steps:
        now += timedelta(hours=hours)
        offers = [(name, by) for by in PEOPLE for name in ticket.allowed(by, terms, now) if name in USUAL]
        if not offers:
            break
        names = sorted({name for name, _ in offers})
        chosen = names[pick % len(names)]
        by = next(by for name, by in offers if name == chosen)
        try:
            if chosen == "decide-appeal":
                ticket.decide_appeal(by, terms, now, upheld=pick % 3 == 0, reason=TEXT)
            else:
                USUAL[chosen](ticket, by, terms, now)
        except Refusal:
            continue
        stream += ticket.collect_events()
    return stream


@settings(max_examples=200, deadline=None)
@given(POLICIES, STEPS, st.sampled_from(["", RATED]))
def test_under_its_own_policy_a_past_is_what_it_was(policy, steps, unit):
    """Every deadline of every visit is reckoned again as the ticket itself had reckoned it."""
    for visit in visits(lived(policy, steps, unit), terms_of(policy)):
        assert visit.would_be_due == visit.due, visit


@settings(max_examples=100, deadline=None)
@given(POLICIES, STEPS, st.integers(0, 10))
def test_longer_limits_never_make_anybody_late(policy, steps, more):
    """Every visit is due later or at the same time, so no more of them are late."""
    stages = {
        stage: msgspec.structs.replace(
            rule,
            limit=Limit(rule.limit.days + more),
            difficult=rule.difficult and Limit(rule.difficult.days + more),
        )
        for stage, rule in policy.stages.items()
    }
    found = visits(lived(policy, steps), terms_of(msgspec.structs.replace(policy, stages=stages)))
    assert all(visit.due <= visit.would_be_due for visit in found if visit.due)
    for rate in count(found, LATER, {}).values():
        assert rate.due - rate.on_time >= rate.would_be_due - rate.would_be_on_time


@settings(max_examples=100, deadline=None)
@given(POLICIES, STEPS)
def test_visits_tell_the_whole_past(policy, steps):
    """Every stage that a ticket entered it left, but the one where it is."""
    stream = lived(policy, steps)
    ticket = TicketState.begin(NAMESPACE, stream[0])
    entered = [ticket.stage]
    for event in stream[1:]:
        before = ticket.status
        event.mutate(ticket)
        if ticket.status != before:
            entered.append(ticket.stage)
    found = visits(stream, terms_of(DEFAULT))
    told = [visit.stage for visit in found if visit.stage not in ("contact", "closing")]
    assert told == [stage for stage in entered if stage != "look_back"]
    assert [visit.stage for visit in found if visit.left_at is None] == (
        [] if not ticket.is_open else [ticket.stage, *(["contact"] if not ticket.rounds else []), "closing"]
    )


def test_extension_counts_where_the_other_policy_grants_it():
    """Under a policy that grants none the deadline is the first one."""
    terms = terms_of(DEFAULT)
    names = ["accept", "review", "request-extension", "decide-extension", "fix"]
    ticket = Ticket.begin(NAMESPACE, lived(DEFAULT, [])[0])
    stream = lived(DEFAULT, [])
    for name in names:
        by = next(by for by in PEOPLE if name in ticket.allowed(by, terms, START))
        USUAL[name](ticket, by, terms, START)
        stream += ticket.collect_events()
    none = msgspec.structs.replace(DEFAULT, extension=Extension(0, Limit(5), ()))
    [fix] = [visit for visit in visits(stream, terms_of(none)) if visit.stage == "fix"]
    assert fix.due > fix.would_be_due == terms.due("fix", START).at


NOW = datetime(2025, 6, 10, tzinfo=UTC)
BEFORE, AFTER = NOW - timedelta(days=1), NOW + timedelta(days=1)


@pytest.mark.parametrize(
    ("visit", "rate"),
    [
        (Visit("fix", BEFORE, NOW, BEFORE - timedelta(1)), Rate(1, 1, 1, 0)),
        (Visit("fix", NOW, BEFORE, AFTER), Rate(1, 0, 1, 1)),
        (Visit("fix", None, BEFORE, AFTER), Rate(1, 0, 0, 0)),  # overdue, or not due yet
        (Visit("fix", NOW, None, NOW), Rate(0, 0, 1, 1)),  # a stage that had no limit
        (Visit("contact", BEFORE, NOW, NOW), Rate(0, 0, 0, 0)),  # closed before anybody had to be reached
        (Visit("contact", BEFORE, NOW, NOW, left_by_contact=True), Rate(1, 1, 1, 1)),
        (Visit("contact", NOW, BEFORE, AFTER), Rate(1, 0, 0, 0)),
    ],
)
def test_what_counts_as_on_time(visit, rate):
    """As the figures count: ended by the deadline; running ones only once they are overdue."""
    assert count([visit], NOW, {}) == {visit.stage: rate}


def test_stream_of_something_else_is_refused():
    """A ticket begins with its opening."""
    closed = events.Closed(originator_id=NAMESPACE, originator_version=1, at=NOW, outcome="fixed", follows=1)
    with pytest.raises(TypeError, match=r"ticket\.opened:v1"):
        visits([closed], terms_of(DEFAULT))
