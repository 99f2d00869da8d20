"""Tickets across levels: the platform above has the last word on the verdict, the unit below on the measures."""

from datetime import date, datetime, timedelta
from uuid import UUID, uuid5

import msgspec
import pytest

from haocha.domain import ticket_events as events
from haocha.domain import ticket_levels as levels
from haocha.domain import ticket_refusals as refusals
from haocha.domain.account import Account
from haocha.domain.aggregate import CauseHeld
from haocha.domain.policy import DEFAULT, Terms
from haocha.domain.rating import TextReference
from haocha.domain.ticket import STATUSES, Ticket
from haocha.domain.ticket_events import Evidence, Snapshot
from haocha.domain.ticket_guards import COMMANDS
from haocha.domain.ticket_levels import Link, Report
from haocha.domain.workdays import SHANGHAI, Calendar

NAMESPACE = UUID(int=7)
TUESDAY = datetime(2025, 6, 3, 10, tzinfo=SHANGHAI)
LATER = TUESDAY + timedelta(days=2)
TERMS = Terms("default-1", DEFAULT, Calendar("CN-1", date(2026, 12, 31), frozenset(), frozenset()))
TEXT = TextReference(uuid5(NAMESPACE, "text"), 3, "c0ffee")
FILE = Evidence(digest="5f" * 32, media_type="image/png", size=3)
ORDER = uuid5(NAMESPACE, "order")
UNIT = "tax"
HANDLER = Account(username="li", role="handler", unit=UNIT)
SUPERVISOR = Account(username="zhao", role="supervisor", unit="gov")
REVIEWER = Account(username="sun", role="reviewer", unit="gov")
AGENT = Account(username="qian", role="agent", unit="gov")
PEOPLE = (HANDLER, SUPERVISOR, REVIEWER, AGENT)
STAYS = {"remind", "reopen", "decide-appeal", "verify", "merge", "look-back", "reinstate"}
"""What can still be done where an instance below works on a ticket."""


def opened(unit=UNIT, terms=TERMS, below=""):
    """Open a ticket."""
    return Ticket.opened(
        uuid5(NAMESPACE, "ticket"),
        source="rating",
        source_id="x",
        case_id=None,
        snapshot=Snapshot(day=date(2025, 6, 3), satisfaction=1, dept=UNIT),
        unit=unit,
        terms=terms,
        at=TUESDAY,
        cause=41,
        below=below,
    )


ROAD = {
    "awaiting_dispatch": (),
    "awaiting_acceptance": (lambda t: t.dispatch(SUPERVISOR, TERMS, TUESDAY, unit=UNIT),),
    "reviewing": (lambda t: t.accept(HANDLER, TERMS, TUESDAY),),
    "fixing": (
        lambda t: t.review(HANDLER, TERMS, TUESDAY, verdict="partly", ground="delay", disposition="fix", finding=TEXT),
    ),
    "approving": (lambda t: t.fix(HANDLER, TERMS, TUESDAY, measures=TEXT, responsible="7", evidence=(FILE,)),),
    "verifying": (lambda t: t.approve(SUPERVISOR, TERMS, TUESDAY),),
    "closed": (lambda t: t.verify(AGENT, TERMS, TUESDAY, result="satisfied"),),
}
"""What leads to a status from the one before."""


def given(status):
    """Bring a ticket to a status, as people do."""
    ticket = opened(unit="")
    if status == "appealing":
        ticket = given("reviewing")
        ticket.lodge_appeal(HANDLER, TERMS, TUESDAY, ground="mistaken", reason=TEXT)
        return ticket
    for name, steps in ROAD.items():
        for step in steps:
            step(ticket)
        if name == status:
            break
    ticket.collect_events()
    assert ticket.status == status
    return ticket


def excluded():
    """Return a ticket that an appeal closed."""
    ticket = given("appealing")
    ticket.decide_appeal(REVIEWER, TERMS, TUESDAY, upheld=True, reason=TEXT)
    ticket.collect_events()
    return ticket


def overrule(ticket, verdict, cause=77, terms=TERMS):
    """Let the platform above decide, and return the events it led to."""
    ticket.collect_events()
    ticket.overrule(verdict, peer="province", order=ORDER, reason=TEXT, terms=terms, at=LATER, cause=cause)
    return [type(event) for event in ticket.collect_events()]


def reported(version, event, status, **members):
    """Return a report of the instance below."""
    said = {"peer": "jining", "ticket": "theirs", "number": "2025-7", "happened_at": TUESDAY, "unit": "jn-tax"}
    return Report(**said | members, version=version, event=event, status=status)


def tell(ticket, *reports, at=LATER):
    """Take reports in, and return the events that they led to."""
    ticket.collect_events()
    for report in reports:
        assert ticket.report(report, terms=TERMS, at=at, cause=f"jining|theirs|{report.version}")
    return [type(event) for event in ticket.collect_events()]


ACCEPTED = reported(2, "accepted", "reviewing")
REVIEWED = reported(3, "reviewed", "fixing", verdict="substantiated", ground="attitude", disposition="fix")
FIXED = reported(4, "fix_submitted", "approving", measures=TEXT, evidence=(Link("5f" * 32, "image/png", 3),))
APPROVED = reported(5, "approved", "verifying")
VERIFIED = reported(6, "verified", "verifying", result="satisfied", satisfaction=5)
CLOSED = reported(7, "closed", "closed", outcome="fixed")
WORK = (ACCEPTED, REVIEWED, FIXED, APPROVED, VERIFIED)


# The platform above


@pytest.mark.parametrize("status", STATUSES)
def test_satisfied_closes_only_what_waits_for_a_verdict(status):
    """Who is still at work is not done because somebody is content."""
    ticket = given(status)
    told = overrule(ticket, "satisfied")
    follows = [events.Closed] if status == "verifying" else []
    assert told == [levels.Overruled, *follows]
    assert ticket.status == ("closed" if status == "verifying" else status)
    assert ticket.outcome == ("fixed" if status in {"verifying", "closed"} else "")
    assert ticket.above == "satisfied"


@pytest.mark.parametrize("status", STATUSES)
def test_unsatisfied_reopens_what_seemed_done(status):
    """In a further round, whatever rounds the policy here grants; elsewhere it is recorded."""
    ticket = given(status)
    told = overrule(ticket, "unsatisfied", terms=TERMS._replace(policy=msgspec.structs.replace(DEFAULT, rounds=0)))
    reopens = status in {"verifying", "closed"}
    assert told == [levels.Overruled, *([events.Reopened] if reopens else [])]
    assert (ticket.status, ticket.rounds) == ("fixing", 1) if reopens else (status, 0)
    assert ticket.above == "unsatisfied"


@pytest.mark.parametrize("status", STATUSES)
def test_excluded_closes_whatever_the_status(status):
    """The rating does not count, so there is nothing to fix, and nothing to look back at."""
    ticket = given(status)
    assert overrule(ticket, "excluded") == [levels.Overruled, events.Closed]
    assert (ticket.status, ticket.outcome, ticket.ruled) == ("closed", "excluded", "excluded")
    assert "look_back" not in ticket.dues
    assert overrule(ticket, "excluded", cause=78) == [levels.Overruled]


@pytest.mark.parametrize("status", STATUSES)
def test_upheld_ends_a_pending_appeal(status):
    """The review goes on; the appeal was lodged and stays visible, elsewhere nothing changes."""
    ticket = given(status)
    assert overrule(ticket, "upheld") == [levels.Overruled]
    appealed = status == "appealing"
    assert ticket.status == ("reviewing" if appealed else status)
    assert (ticket.appeal, ticket.appeal_ground) == (("dismissed", "mistaken") if appealed else ("", ""))


def test_upheld_brings_back_what_an_appeal_excluded():
    """The rating counts again and its review begins anew."""
    ticket = excluded()
    assert overrule(ticket, "upheld") == [levels.Overruled, events.Reopened]
    assert (ticket.status, ticket.outcome, ticket.rounds) == ("reviewing", "", 1)


def test_verdict_from_above_leaves_review_and_measures_as_they_are():
    """Both are visible beside it."""
    ticket = given("verifying")
    before = ticket.verdict, ticket.ground, ticket.disposition, set(ticket.fixers)
    overrule(ticket, "unsatisfied")
    assert (ticket.verdict, ticket.ground, ticket.disposition, set(ticket.fixers)) == before


def test_what_was_decided_above_is_not_appealed_or_reinstated_here():
    """The platform above has the last word on whether a rating counts."""
    ticket = given("reviewing")
    overrule(ticket, "upheld")
    with pytest.raises(refusals.DecidedAbove, match="upheld"):
        ticket.lodge_appeal(HANDLER, TERMS, LATER, ground="untrue", reason=TEXT)
    overrule(ticket, "excluded", cause=78)
    with pytest.raises(refusals.DecidedAbove, match="excluded"):
        ticket.reinstate(REVIEWER, TERMS, LATER, reason=TEXT)
    overrule(ticket, "upheld", cause=79)
    assert ticket.status == "reviewing"


def test_pause_of_an_appeal_that_ends_from_above_is_made_good():
    """As where a reviewer here dismisses it."""
    terms = TERMS._replace(policy=msgspec.structs.replace(DEFAULT, appeal_stops_clock=True))
    ticket = opened(terms=terms)
    ticket.accept(HANDLER, terms, TUESDAY)
    ticket.lodge_appeal(HANDLER, terms, TUESDAY, ground="untrue", reason=TEXT)
    fix, started = ticket.dues["fix"], ticket.started["fix"]
    overrule(ticket, "upheld", terms=terms)
    assert ticket.dues["fix"] == fix + timedelta(days=2)
    assert ticket.started["fix"] == started


def test_same_verdict_is_not_taken_twice():
    """An order has one effect, by its cause."""
    ticket = given("verifying")
    overrule(ticket, "unsatisfied")
    with pytest.raises(CauseHeld):
        overrule(ticket, "unsatisfied")


def test_urging_from_above_reminds_or_climbs_the_ladder():
    """It names the platform; what is closed is not urged."""
    ticket = given("fixing")
    said = {"peer": "province", "note": TEXT, "terms": TERMS, "at": LATER}
    assert ticket.urge("remind", **said, cause=1)
    assert ticket.urge("red", **said, cause=2)
    reminded, escalated = ticket.collect_events()
    assert (reminded.TOPIC, reminded.stage, reminded.rule) == (events.Reminded.TOPIC, "fix", "above:province")
    assert (escalated.level, escalated.rule, ticket.escalated) == ("red", "above:province", "red")
    assert not given("closed").urge("remind", **said, cause=3)


# The instance below


def test_ticket_follows_the_reports_from_below():
    """Unit, review and status are theirs; the end of theirs is the end of ours."""
    ticket = opened(unit="")
    states = []
    for report in (*WORK, CLOSED):
        tell(ticket, report)
        states.append(ticket.status)
    assert states == ["reviewing", "fixing", "approving", "verifying", "verifying", "closed"]
    assert (ticket.unit, ticket.verdict, ticket.ground, ticket.disposition) == (
        "jn-tax",
        "substantiated",
        "attitude",
        "fix",
    )
    assert (ticket.outcome, ticket.below, ticket.handled) == ("fixed", "jining", {"jn-tax"})


def test_report_that_is_known_changes_nothing():
    """Its cause is held, and the answer says so."""
    ticket = opened()
    tell(ticket, ACCEPTED)
    assert not ticket.report(ACCEPTED, terms=TERMS, at=LATER, cause="jining|theirs|2")
    assert ticket.collect_events() == []


def test_report_that_comes_late_is_recorded_and_leads_nowhere():
    """What was told after it stands."""
    ticket = opened()
    tell(ticket, ACCEPTED, FIXED)
    assert tell(ticket, REVIEWED) == [levels.Reported]
    assert (ticket.status, ticket.verdict, ticket.reported) == ("approving", "", {"theirs": 4})


def test_second_ticket_below_about_the_case_is_followed_too():
    """Its versions are its own: a later bad rating may have opened it while ours was still open."""
    ticket = opened()
    tell(ticket, *WORK[:4])
    second = reported(2, "accepted", "reviewing", ticket="second")
    assert ticket.report(second, terms=TERMS, at=LATER, cause="jining|second|2")
    assert (ticket.status, ticket.reported) == ("reviewing", {"theirs": 5, "second": 2})


@pytest.mark.parametrize("reports", [WORK[:number] for number in range(1, 6)])
def test_what_is_worked_on_below_is_not_worked_on_here(reports):
    """In no status, by nobody; but it is watched, urged and judged."""
    ticket = opened()
    tell(ticket, *reports)
    allowed = {command for by in PEOPLE for command in ticket.allowed(by, TERMS, LATER)}
    assert "remind" in allowed
    assert allowed <= STAYS | {"contact"}
    for command in COMMANDS.keys() - STAYS - {"contact", "return"}:
        codes = {refusal.code for by in PEOPLE if (refusal := _refused(ticket, command, by)) is not None}
        assert "handled_below" in codes, command


def _refused(ticket, command, by):
    unit = msgspec.structs.replace(by, unit=ticket.unit) if by.role == "handler" else by
    try:
        COMMANDS[command](ticket, unit, TERMS, LATER)
    except refusals.Refusal as refused:
        return refused
    return None


def test_ticket_of_a_rating_from_below_is_worked_on_below_from_the_first():
    """Nobody here is asked to find a unit."""
    ticket = opened(unit="", below="jining")
    assert (ticket.status, ticket.below) == ("awaiting_acceptance", "jining")
    assert "dispatch" not in ticket.allowed(SUPERVISOR, TERMS, TUESDAY)
    assert not ticket.runs("contact")


def test_clock_of_a_stage_begins_with_the_report_and_the_one_before_stops():
    """So that what is late below is known here; whom nobody here is to call has no deadline."""
    ticket = opened(unit="")
    tell(ticket, ACCEPTED)
    assert [stage for stage in ticket.dues if ticket.runs(stage)] == ["fix", "review"]
    assert ticket.dues["review"] > LATER
    tell(ticket, REVIEWED, FIXED, APPROVED)
    assert not ticket.runs("fix")
    assert ticket.started["verification"] == LATER


def test_agent_here_may_ask_the_citizen_himself():
    """Content, the ticket is closed here at once; what is reported afterwards is recorded."""
    ticket = opened()
    tell(ticket, *WORK[:4])
    ticket.verify(AGENT, TERMS, LATER, result="satisfied")
    assert ticket.outcome == "fixed"
    assert tell(ticket, CLOSED) == [levels.Reported]


def test_reopening_travels_both_ways_once():
    """Reopened here, the report that it was reopened below opens no further round."""
    ticket = opened()
    tell(ticket, *WORK, CLOSED)
    ticket.reopen(SUPERVISOR, TERMS, LATER, reason=TEXT)
    told = tell(ticket, reported(8, "overruled", "closed"), reported(9, "reopened", "fixing"))
    assert told == [levels.Reported, levels.Reported]
    assert (ticket.status, ticket.rounds, ticket.behind) == ("fixing", 1, "")
    assert tell(ticket, reported(12, "closed", "closed", outcome="fixed")) == [levels.Reported, events.Closed]


def test_reopening_below_opens_a_round_here():
    """What was looked at again and had come back is open here too."""
    ticket = opened()
    tell(ticket, *WORK, CLOSED)
    assert tell(ticket, reported(9, "reopened", "fixing")) == [levels.Reported, events.Reopened]
    assert (ticket.status, ticket.outcome, ticket.rounds) == ("fixing", "", 1)


def test_end_reported_after_a_contrary_verdict_of_ours_does_not_close():
    """It was told before they had heard; once they have, their end counts again."""
    ticket = opened()
    tell(ticket, *WORK[:4])
    ticket.verify(AGENT, TERMS, LATER, result="unsatisfied")
    assert tell(ticket, VERIFIED, CLOSED) == [levels.Reported, levels.Reported]
    assert ticket.is_open
    tell(ticket, reported(8, "overruled", "closed"), reported(9, "reopened", "fixing"))
    tell(ticket, reported(13, "closed", "closed", outcome="explained"))
    assert ticket.outcome == "explained"


def test_exclusion_below_does_not_stand_against_a_reviewer_here():
    """Who dismissed the appeal here meant that the rating counts; another end is an end."""
    lodged = reported(3, "appeal_lodged", "appealing", ground="mistaken")
    decided = reported(4, "appeal_decided", "appealing", result="upheld")
    for outcome, closes in (("excluded", False), ("fixed", True)):
        ticket = opened()
        tell(ticket, ACCEPTED, lodged)
        ticket.decide_appeal(REVIEWER, TERMS, LATER, upheld=False, reason=TEXT)
        assert (ticket.status, ticket.behind) == ("reviewing", "upheld")
        tell(ticket, decided, reported(5, "closed", "closed", outcome=outcome))
        assert ticket.is_open != closes


def test_appeal_below_can_be_upheld_here():
    """The rating is excluded, and the ticket closed."""
    ticket = opened()
    tell(ticket, ACCEPTED, reported(3, "appeal_lodged", "appealing", ground="malicious"))
    ticket.decide_appeal(REVIEWER, TERMS, LATER, upheld=True, reason=TEXT)
    assert (ticket.outcome, ticket.appeal_ground) == ("excluded", "malicious")


def test_link_and_unanswered_calls_close_nothing_that_is_worked_on_below():
    """Only their report, or a verdict, ends it."""
    ticket = opened()
    tell(ticket, *WORK[:4])
    for _ in range(DEFAULT.verification_attempts):
        ticket.contact(AGENT, TERMS, LATER, channel="phone", reached=False)
    assert not ticket.lapse(ticket.link, TERMS, LATER, cause="timer")
    assert ticket.status == "verifying"


def test_event_holds_all_that_a_report_says():
    """The two structs are one, but for what the status means."""
    said = {field.name: field.default for field in msgspec.structs.fields(Report)}
    kept = {field.name: field.default for field in msgspec.structs.fields(levels.Reported)}
    assert said.keys() <= kept.keys()
    assert {name for name, default in said.items() if kept[name] != default} == {"status"}
