"""The citizen's link runs out: asked again, and after the last attempt closed, never as satisfied."""

from datetime import timedelta

from tests.handlers.casework import AGENT, FIX, HANDLER, REVIEW, SUPERVISOR, fire, opened


async def verifying(world):
    """Return a ticket whose citizen was asked for the first time."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    await case.do(AGENT, "contact", channel="phone", reached=True)
    await case.do(HANDLER, "review", **REVIEW)
    await case.do(HANDLER, "fix", **FIX)
    await case.do(SUPERVISOR, "approve")
    return case


async def test_unanswered_links_are_sent_again_and_then_the_ticket_closes(world):
    """As often as the policy says; each event is caused by the timer of the link before it."""
    case = await verifying(world)
    for attempt in (1, 2, 3):
        ticket = await case.ticket()
        assert (ticket.status, ticket.link) == ("verifying", attempt)
        await fire(world, ticket.link_expires_at - timedelta(seconds=1))
        assert (await case.ticket()).link == attempt
        await fire(world, ticket.link_expires_at)
    ticket = await case.ticket()
    assert (ticket.status, ticket.outcome) == ("closed", "unreachable")
    timers = {
        str(row[0]) for row in await world.pool.fetch("SELECT id FROM engine.timers WHERE handler = 'verification'")
    }
    first, *later = await case.events("verification_sent")
    (closed,) = await case.events("closed")
    assert first.cause is None
    assert {event.cause for event in (*later, closed)} == timers
    assert len(timers) == 3


async def test_answer_leaves_nothing_to_lapse(world):
    """The timer of a link that was answered does nothing."""
    case = await verifying(world)
    expires_at = (await case.ticket()).link_expires_at
    await case.do(AGENT, "verify", result="satisfied")
    await fire(world, expires_at + timedelta(days=30))
    assert len(await case.events("verification_sent")) == 1
    assert (await case.ticket()).outcome == "fixed"


async def test_link_of_an_earlier_round_does_not_lapse_the_next(world):
    """Reopened and asked again, the first link's timer meets another attempt."""
    case = await verifying(world)
    expires_at = (await case.ticket()).link_expires_at
    await case.do(AGENT, "verify", result="unsatisfied")
    await case.do(HANDLER, "fix", **FIX)
    await case.do(SUPERVISOR, "approve", hours=48)
    await fire(world, expires_at)
    ticket = await case.ticket()
    assert (ticket.status, ticket.link, ticket.attempts) == ("verifying", 2, 0)
