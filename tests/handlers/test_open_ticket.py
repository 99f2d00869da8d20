"""Every bad rating, 追评 and contest is the source of one ticket, or has joined one."""

import asyncio

from haocha.domain import ids
from haocha.engine.reactor import Reactor
from haocha.handlers import handlers
from haocha.store import log


async def test_bad_rating_opens_one_ticket(world):
    """Levels 1 and 2 open a ticket that knows its source, its case and its rules; good ratings open none."""
    for level in range(1, 6):
        await world.rate(f"case-{level}", level, window="H1/A01")
    await world.react()
    first, second = await world.tickets()
    stream = ids.rating_id(world.namespace, "case-1", 1)
    assert first.id == ids.ticket_id(world.namespace, "rating", str(stream))
    assert (first.source, first.source_id, first.case_id) == ("rating", str(stream), stream)
    assert (first.policy_version, first.calendar_version) == ("default-1", "CN-1")
    assert (first.snapshot.project_no, first.snapshot.window) == ("case-1", "H1/A01")
    assert second.snapshot.satisfaction == 2


async def test_number_is_the_year_and_the_position_of_the_rating(world):
    """A ticket's number leads back to what opened it."""
    stream = await world.rate("case")
    (came,) = await log.read_stream(world.pool, stream)
    await world.react()
    (ticket,) = await world.tickets()
    assert ticket.number == f"{came.recorded_at.year}-{came.position}"
    assert ticket.created_on == came.recorded_at


async def test_unit_is_the_department_where_the_registry_has_it(world):
    """A department nobody registered is no unit: such a ticket waits to be dispatched."""
    await world.register("org", "dept-7")
    await world.rate("known", dept="dept-7")
    await world.rate("unknown", dept="dept-8", linked=False)
    await world.rate("none")
    await world.react()
    statuses = [(ticket.unit, ticket.status) for ticket in await world.tickets()]
    assert statuses == [("dept-7", "awaiting_acceptance"), ("", "awaiting_dispatch"), ("", "awaiting_dispatch")]


async def test_bad_supplement_and_contest_join_the_open_ticket(world):
    """What else is said of the case joins its ticket, whether in one batch or later."""
    await world.rate("case")
    supplement = await world.supplement("case", 2)
    await world.react()
    contest = await world.contest("case", 1, pf="6")
    await world.react()
    (ticket,) = await world.tickets()
    assert ticket.joined == [str(supplement), str(contest)]


async def test_bad_contest_of_a_good_rating_opens_a_ticket(world):
    """A clerk's quick 5★ does not bury the citizen's 1★."""
    await world.rate("case", 5)
    contest = await world.contest("case", 1)
    await world.react()
    (ticket,) = await world.tickets()
    assert (ticket.source, ticket.source_id) == ("contested", str(contest))
    assert ticket.case_id == ids.rating_id(world.namespace, "case", 1)


async def test_first_rating_joins_the_ticket_of_its_early_supplement(world):
    """A 追评 that came first has opened the case's ticket."""
    await world.supplement("case")
    await world.react()
    first = await world.rate("case")
    await world.react()
    (ticket,) = await world.tickets()
    assert (ticket.source, ticket.joined) == ("supplement", [str(first)])


async def test_same_content_from_another_client_opens_nothing(world):
    """A contest that says what the first said is no second complaint."""
    await world.rate("case", 1)
    await world.contest("case", 1, same=True)
    await world.react()
    (ticket,) = await world.tickets()
    assert ticket.joined == []


async def test_closed_ticket_is_not_joined(world):
    """What comes after the end opens a ticket of its own."""
    await world.rate("case")
    await world.react()
    (first,) = await world.tickets()
    await world.close(first)
    supplement = await world.supplement("case")
    await world.react()
    _, second = await world.tickets()
    assert second.source_id == str(supplement)


async def test_other_services_of_a_case_have_their_own_tickets(world):
    """A case rated for its second service is another matter."""
    await world.rate("case", service_number=1)
    await world.rate("case", service_number=2)
    await world.react()
    assert len(await world.tickets()) == 2


async def test_two_reactors_open_each_ticket_once(world):
    """Workers side by side wait for each other at the checkpoint."""
    for number in range(300):
        await world.rate(f"case-{number}")
        if number % 3 == 0:
            await world.supplement(f"case-{number}")
    tasks = []
    for _ in range(2):
        (handler,) = (one for one in handlers(world.install) if one.name == "open_ticket")
        handler.batch = 20
        reactor = Reactor(world.pool, [handler])
        tasks.append(asyncio.create_task(_until_still(reactor, handler)))
    await asyncio.gather(*tasks)
    tickets = await world.tickets()
    assert len(tickets) == 300
    assert sum(len(ticket.joined) for ticket in tickets) == 100


async def test_checkpoint_set_back_changes_nothing(world):
    """Events dealt with once more find their own effects and leave them as they are."""
    await world.rate("case")
    await world.supplement("case")
    await world.react()
    head = await log.head(world.pool)
    await world.pool.execute("UPDATE engine.checkpoints SET position = 0 WHERE name LIKE 'handler:%'")
    await world.react()
    assert await log.head(world.pool) == head


async def _until_still(reactor, handler):
    idle = 0
    while idle < 20:
        idle = 0 if await reactor.step(handler) else idle + 1
        await asyncio.sleep(0.005)
