"""What follows from other levels: ratings excluded and counted again, clocks, notices, tickets worked on below."""

from datetime import timedelta
from uuid import UUID, uuid5

import pytest

from haocha.domain.rating import Rating
from haocha.domain.ticket_levels import Report
from haocha.handlers.exclude_rating import RULED
from haocha.store import aggregates, log, rulebook
from tests.handlers.casework import AGENT, FIX, HANDLER, REVIEW, REVIEWER, SUPERVISOR, WORDS, Case, fire, opened

ORDER = uuid5(UUID(int=7), "order")
MEMBER = {"key_kind": "member", "client": "jining"}


async def hear(case, method, *said, **members):
    """Let another level be heard, and the handlers deal with it; return what the ticket's method did."""
    case.at += timedelta(hours=0.1)
    ticket = await case.ticket()
    rules = await rulebook.load(case.world.pool, case.world.install)
    terms = rules.of(ticket.policy_version, ticket.calendar_version)
    done = getattr(ticket, method)(*said, terms=terms, at=case.at, **members)
    (verdict,) = await log.append(case.world.pool, [log.Group(aggregates.new_events(ticket))])
    assert verdict.verdict == "ok"
    await case.world.react()
    return done


async def overrule(case, verdict, cause):
    """Let the platform above decide."""
    await hear(case, "overrule", verdict, peer="province", order=ORDER, reason=WORDS, cause=cause)


async def report(case, version, event, status, **members):
    """Let the instance below report."""
    said = {"peer": "jining", "ticket": "theirs", "number": "2025-7", "unit": "JN", "unit_name": "登记中心"}
    told = Report(**said | members, version=version, event=event, status=status, happened_at=case.at)
    assert await hear(case, "report", told, cause=f"jining|theirs|{version}")


async def rating_of(case):
    """Read the rating that the ticket is about."""
    return await aggregates.get(case.world.pool, Rating, UUID((await case.ticket()).source_id))


async def noticed(case, before):
    """Return the notices after the first `before`."""
    return (await case.notices())[before:]


async def test_verdict_from_above_takes_the_rating_out_and_puts_it_back(world):
    """Whatever was decided here; the rating's own stream says who and why."""
    case = await opened(world)
    await overrule(case, "excluded", 901)
    rating = await rating_of(case)
    assert rating.excluded
    excluded = (await log.read_stream(world.pool, rating.id))[-1].event
    assert (excluded.by, excluded.reason) == ("above:province", RULED)
    await overrule(case, "upheld", 902)
    assert not (await rating_of(case)).excluded
    assert (await case.ticket()).status == "reviewing"


async def test_rating_that_an_appeal_excluded_counts_again_when_the_platform_upholds_it(world):
    """Once: the reopening that follows from the verdict finds it done."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    await case.do(HANDLER, "lodge_appeal", ground="mistaken", reason=WORDS)
    await case.do(REVIEWER, "decide_appeal", upheld=True, reason=WORDS)
    await overrule(case, "upheld", 901)
    rating = await rating_of(case)
    kinds = [one.topic for one in await log.read_stream(world.pool, rating.id)]
    assert kinds[1:] == ["rating.excluded:v1", "rating.reinstated:v1"]
    assert not rating.excluded


async def test_satisfied_or_unsatisfied_leaves_the_rating_alone(world):
    """They are about the handling."""
    case = await opened(world)
    await overrule(case, "satisfied", 901)
    await overrule(case, "unsatisfied", 902)
    assert (await rating_of(case)).version == 1


async def test_unit_and_supervisors_hear_of_verdicts_and_urgings_from_above(world):
    """By what the platform said, and in which stage."""
    case = await opened(world)
    before = len(await case.notices())
    await overrule(case, "unsatisfied", 901)
    assert await noticed(case, before) == [("overruled", "handler"), ("overruled", "supervisor")]
    said = {"peer": "province", "note": None}
    assert await hear(case, "urge", "remind", **said, cause=902)
    assert await noticed(case, before + 2) == [("urged", "handler"), ("urged", "supervisor")]
    assert await hear(case, "urge", "red", **said, cause=903)
    assert await noticed(case, before + 4) == [("pressed", "handler"), ("pressed", "supervisor")]


async def test_dismissed_from_above_the_review_is_due_again(world):
    """Its clock runs on where it stood, and is watched."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    await case.do(HANDLER, "lodge_appeal", ground="untrue", reason=WORDS)
    await overrule(case, "upheld", 901)
    ticket = await case.ticket()
    assert ticket.status == "reviewing"
    await fire(world, ticket.dues["review"])
    assert "review warning:80" in await case.rules()


@pytest.fixture
async def below(world):
    """Open a ticket of a rating that an instance below reported; nobody here has its department."""
    await world.rate("case", dept="JN", area="370882000000", **MEMBER)
    await world.react()
    (ticket,) = await world.tickets()
    return Case(world, ticket.id, ticket.opened_at)


async def test_rating_from_below_waits_for_nobody_here(below):
    """No unit is to be found for it, and no handler to be told."""
    ticket = await below.ticket()
    assert (ticket.below, ticket.status) == ("jining", "awaiting_acceptance")
    assert await below.notices() == []


async def test_ticket_follows_below_and_the_supervisors_hear_of_its_end(below):
    """Of nothing on the way."""
    await report(below, 2, "accepted", "reviewing")
    await report(below, 3, "reviewed", "fixing", verdict="partly", ground="delay", disposition="fix")
    await report(below, 4, "fix_submitted", "approving", measures=WORDS)
    await report(below, 5, "approved", "verifying")
    assert await below.notices() == []
    await report(below, 7, "closed", "closed", outcome="fixed")
    assert await below.notices() == [("closed", "supervisor")]
    assert (await below.ticket()).unit == "JN"


async def test_what_is_late_below_is_told_here_and_only_while_it_is_late(below):
    """Supervisors are warned of the stage that runs; the stage before has ended with the report."""
    ticket = await below.ticket()
    await report(below, 2, "accepted", "reviewing")
    await fire(below.world, ticket.dues["acceptance"] + timedelta(days=30))
    rules = await below.rules()
    assert not [rule for rule in rules if rule.startswith(("acceptance", "contact", "dispatch"))]
    assert {"review ladder:yellow", "fix ladder:yellow"} <= set(rules)
    roles = {role for _, role in await below.notices()}
    assert roles <= {"supervisor", "leader"}


async def test_reporting_stops_nobody_from_having_fixed_it_here(world):
    """A ticket that people here had in hand before the first report stands as the instance below says."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    await case.do(HANDLER, "review", **REVIEW)
    await case.do(HANDLER, "fix", **FIX)
    await report(case, 2, "accepted", "reviewing")
    ticket = await case.ticket()
    assert (ticket.status, ticket.below, ticket.fixers) == ("reviewing", "jining", {"wang"})
    assert "approve" not in ticket.allowed(SUPERVISOR, await _terms(case), case.at)


async def _terms(case):
    ticket = await case.ticket()
    rules = await rulebook.load(case.world.pool, case.world.install)
    return rules.of(ticket.policy_version, ticket.calendar_version)


async def test_exclusion_below_is_theirs_to_report(below):
    """The decision on the rating comes as one of its own; the ticket only ends."""
    await report(below, 2, "accepted", "reviewing")
    await report(below, 3, "appeal_lodged", "appealing", ground="mistaken")
    await report(below, 4, "appeal_decided", "appealing", result="upheld")
    await report(below, 5, "closed", "closed", outcome="excluded")
    assert (await below.ticket()).outcome == "excluded"
    assert not (await rating_of(below)).excluded


async def test_appeal_below_decided_here_excludes_here(below):
    """A reviewer above may decide what is pending below."""
    await report(below, 2, "accepted", "reviewing")
    await report(below, 3, "appeal_lodged", "appealing", ground="malicious")
    await below.do(REVIEWER, "decide_appeal", upheld=True, reason=WORDS)
    assert (await rating_of(below)).excluded
    assert (await below.ticket()).outcome == "excluded"


async def test_agents_here_may_call_who_is_asked_below(below):
    """And their verdict is the last word."""
    for version, event, status in ((2, "accepted", "reviewing"), (3, "approved", "verifying")):
        await report(below, version, event, status)
    await below.do(AGENT, "contact", channel="phone", reached=True)
    await below.do(AGENT, "verify", result="informed")
    assert (await below.ticket()).outcome == "explained"
