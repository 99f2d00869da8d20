"""What the platform above says of its ticket happens to ours, whatever came first."""

import itertools
from datetime import timedelta
from uuid import uuid4

import pytest

from haocha.domain import ids
from haocha.domain.order import OrderIssued, Urged, VerdictGiven, order_id, urging_id, verdict_id
from haocha.domain.rating import TextReference
from haocha.domain.ticket_events import Merged
from haocha.domain.ticket_levels import Overruled
from haocha.store import aggregates, log
from tests.handlers.casework import FIX, HANDLER, REVIEW, SUPERVISOR, Case
from tests.world import ASSESSED

WORDS = TextReference(uuid4(), 4, "0" * 32)
NUMBERS = itertools.count(1)
GIVEN = {"peer": "province", "given_at": ASSESSED, "received_at": ASSESSED, "digest": "0"}


async def order(world, number="P-1", **members):
    """Let a ticket of the province come down; return its stream."""
    stream = order_id(world.namespace, "province", number)
    known = {"peer": "province", "order_id": number, "received_at": ASSESSED, "day": ASSESSED.date()}
    fact = OrderIssued(**known | {"linked": True, "issued_at": ASSESSED, "digest": "0"} | members)
    await world.append((stream, fact))
    return stream


async def verdict(world, verdict, number="P-1", **members):
    """Let the province decide on its ticket."""
    stream = verdict_id(world.namespace, "province", str(next(NUMBERS)))
    order = order_id(world.namespace, "province", number)
    return await world.append((stream, VerdictGiven(order=order, verdict=verdict, **GIVEN | members)))


async def urge(world, level, number="P-1", **members):
    """Let the province urge."""
    stream = urging_id(world.namespace, "province", str(next(NUMBERS)))
    order = order_id(world.namespace, "province", number)
    return await world.append((stream, Urged(order=order, level=level, **GIVEN | members)))


async def case_of(world) -> Case:
    """Return the one ticket that there is."""
    (ticket,) = await world.tickets()
    return Case(world, ticket.id, ticket.opened_at)


async def test_order_joins_the_open_ticket_of_its_case(world):
    """A rating that we hold has a ticket already: the province's is another part of it."""
    await world.rate("case")
    await world.react()
    stream = await order(world, project_no="case")
    await world.react()
    (ticket,) = await world.tickets()
    assert ticket.parts[-1] == ("province", str(stream))


async def test_order_for_a_good_rating_opens_a_ticket_that_knows_the_rating(world):
    """What the province does not say is the rating's: its place, its level, its day; nothing marks it."""
    await world.register("org", "TAX")
    rating = await world.rate("case", 5, dept="TAX", staff="TAX/7", window="H1/A01", area="990100000000", pf="3")
    stream = await order(world, project_no="case", area="990100000000", texts={"text": WORDS})
    await world.react()
    (ticket,) = await world.tickets()
    said = ticket.snapshot
    assert (ticket.source, ticket.source_id, ticket.case_id) == ("province", str(stream), rating)
    assert ticket.id == ids.ticket_id(world.namespace, "province", str(stream))
    assert (ticket.unit, ticket.status, ticket.rated) == ("TAX", "awaiting_acceptance", {"TAX/7"})
    assert (said.satisfaction, said.pf, said.window, said.flags) == (5, "3", "H1/A01", ())
    assert said.texts == {"text": WORDS}


async def test_order_for_a_rating_never_seen_is_marked(world):
    """It opens one of its own, with the department that the registry has, or with none."""
    await world.register("org", "TAX")
    await order(world, "P-1", project_no="elsewhere", dept="TAX", satisfaction=1)
    await order(world, "P-2", dept="nobody", linked=False)
    await world.react()
    first, second = await world.tickets()
    assert (first.unit, first.snapshot.satisfaction, first.snapshot.flags) == ("TAX", 1, ("fromProvince",))
    assert (second.status, second.case_id, second.snapshot.flags) == ("awaiting_dispatch", None, ("fromProvince",))


async def test_rating_that_comes_after_its_order_joins(world):
    """The rating of an order may still be on its way."""
    await order(world, project_no="case")
    await world.react()
    rating = await world.rate("case")
    await world.react()
    (ticket,) = await world.tickets()
    assert ticket.parts[1:] == [("rating", str(rating))]


@pytest.mark.parametrize("turn", list(itertools.permutations(("order", "verdict", "urging"))))
@pytest.mark.parametrize("step", [True, False])
async def test_whatever_comes_first_everything_happens_once(world, turn, step):
    """Order, verdict and urging in any order, dealt with one by one or together, end the same."""
    coming = {
        "order": lambda: order(world, project_no="case", satisfaction=1),
        "verdict": lambda: verdict(world, "upheld", reason=WORDS),
        "urging": lambda: urge(world, "yellow", note=WORDS),
    }
    for name in turn:
        await coming[name]()
        if step:
            await world.react()
    await world.react()
    await world.pool.execute("UPDATE engine.checkpoints SET position = 0 WHERE name IN ('handler:obey')")
    await world.react()
    case = await case_of(world)
    (ruled,), (urged,) = await case.events("overruled"), await case.events("escalated")
    assert (ruled.verdict, ruled.peer, ruled.reason) == ("upheld", "province", WORDS)
    assert (urged.level, urged.stage, urged.note) == ("yellow", "dispatch", WORDS)


async def test_dissatisfied_province_reopens_what_is_closed(world):
    """The province wins on the verdict; what the city did stays."""
    await world.register("org", "TAX")
    await world.rate("case", dept="TAX")
    await order(world, project_no="case")
    await world.react()
    case = await case_of(world)
    await case.do(HANDLER, "accept")
    await case.do(HANDLER, "review", **REVIEW)
    await case.do(HANDLER, "fix", **FIX)
    await case.do(SUPERVISOR, "approve")
    await verdict(world, "satisfied")
    await world.react()
    assert ((await case.ticket()).status, (await case.ticket()).outcome) == ("closed", "fixed")
    await verdict(world, "unsatisfied")
    await world.react()
    ticket = await case.ticket()
    assert (ticket.status, ticket.rounds, ticket.verdict) == ("fixing", 1, "substantiated")
    assert ("overruled", "handler") in await case.notices()
    assert ("reopened", "handler") in await case.notices()


async def test_urgings_are_told_to_whom_they_concern(world):
    """催办 to the unit, 督办 to the supervisor too; a closed ticket is urged no more."""
    await world.register("org", "TAX")
    await order(world, dept="TAX", satisfaction=1)
    await world.react()
    case = await case_of(world)
    await urge(world, "remind")
    await urge(world, "red")
    await world.react()
    told = await case.notices()
    assert ("urged", "handler") in told
    assert {("pressed", "handler"), ("pressed", "supervisor")} <= set(told)
    assert (await case.ticket()).escalated == "red"
    await world.close(await case.ticket())
    version = (await case.ticket()).version
    await urge(world, "talk")
    await world.react()
    assert (await case.ticket()).version == version


async def test_verdict_reaches_the_ticket_that_its_own_was_merged_into(world):
    """What was merged is handled there."""
    await order(world, "P-1", satisfaction=1)
    await order(world, "P-2", satisfaction=1)
    await world.react()
    first, second = await world.tickets()
    at = first.modified_on + timedelta(hours=1)
    first.trigger_event(Merged, into=second.id, into_number=second.number, at=at)
    await log.append(world.pool, [log.Group(aggregates.new_events(first))])
    await world.close((await world.tickets())[0])
    await verdict(world, "excluded", "P-1")
    await world.react()
    merged, other = await world.tickets()
    assert (merged.outcome, other.outcome) == ("fixed", "excluded")
    stream = await log.read_stream(world.pool, other.id)
    assert [one.event.order for one in stream if isinstance(one.event, Overruled)] == [
        order_id(world.namespace, "province", "P-1")
    ]


async def test_order_of_a_closed_case_opens_another_ticket(world):
    """A closed ticket takes nothing in."""
    await world.rate("case")
    await world.react()
    (ticket,) = await world.tickets()
    await world.close(ticket)
    await order(world, project_no="case")
    await world.react()
    _, other = await world.tickets()
    assert (other.source, other.case_id) == ("province", ticket.case_id)


async def test_excluding_verdict_takes_the_rating_of_the_order_out(world):
    """Also where only the order made a ticket of it; upheld, it counts again."""
    stream = await world.rate("case", 5)
    await order(world, project_no="case")
    await verdict(world, "excluded")
    await world.react()
    assert (await world.rating(stream)).excluded
    await verdict(world, "upheld")
    await world.react()
    assert not (await world.rating(stream)).excluded
    assert (await (await case_of(world)).ticket()).status == "reviewing"
