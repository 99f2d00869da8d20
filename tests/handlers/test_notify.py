"""Notices: who has to act, who waited for an outcome, and nobody else; nothing personal, and nothing overtaken."""

import asyncio
import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import haocha.handlers
from haocha.engine.reactor import Reactor, take
from haocha.handlers import handlers
from haocha.handlers.handler import Effects, Notice
from haocha.store import aggregates, log, rulebook
from haocha.web.sentences import SENTENCES
from tests.handlers.casework import AGENT, FIX, HANDLER, REVIEW, REVIEWER, SUPERVISOR, WORDS, decide, fire, opened

EXPLAIN = REVIEW | {"verdict": "unsubstantiated", "disposition": "explain", "basis": WORDS}


async def heard(case, by, command, **members):
    """Return the notices that a command leads to."""
    before = len(await case.notices())
    await case.do(by, command, **members)
    return (await case.notices())[before:]


async def test_whole_life_tells_each_in_turn(world):
    """Unit, supervisor and agent hear when it is their turn, the unit of the outcome."""
    case = await opened(world)
    assert await case.notices() == [("assigned", "handler")]
    assert await heard(case, HANDLER, "accept") == []
    assert await heard(case, AGENT, "contact", channel="phone", reached=True) == []
    assert await heard(case, HANDLER, "review", **REVIEW) == []
    assert await heard(case, HANDLER, "request_extension", reason=WORDS) == [("extension_requested", "supervisor")]
    assert await heard(case, SUPERVISOR, "decide_extension", granted=True) == [("extension_granted", "handler")]
    assert await heard(case, SUPERVISOR, "remind") == [("urged", "handler")]
    assert await heard(case, HANDLER, "fix", **FIX) == [("fix_submitted", "supervisor")]
    assert await heard(case, SUPERVISOR, "give_back", reason=WORDS) == [("returned", "handler")]
    assert await heard(case, HANDLER, "fix", **FIX) == [("fix_submitted", "supervisor")]
    assert await heard(case, SUPERVISOR, "approve") == [("verification", "agent")]
    assert await heard(case, AGENT, "verify", result="unsatisfied") == [("reopened", "handler")]
    assert await heard(case, HANDLER, "fix", **FIX) == [("fix_submitted", "supervisor")]
    assert await heard(case, SUPERVISOR, "approve") == [("verification", "agent")]
    spent = await heard(case, AGENT, "verify", result="unsatisfied")
    assert spent == [("rounds_spent", "supervisor"), ("rounds_spent", "leader")]
    rows = await world.pool.fetch("SELECT DISTINCT jsonb_object_keys(members) AS name FROM engine.notices")
    assert {row["name"] for row in rows} == {"number", "stage", "due", "why", "round"}


async def test_unit_and_area_of_a_notice_are_the_tickets(world):
    """By them an inbox knows whose it is."""
    case = await opened(world)
    (row,) = await world.pool.fetch(
        "SELECT unit, area, account, subject FROM engine.notices WHERE ticket = $1", case.id
    )
    assert tuple(row) == ("TAX", "370102000000", "", None)


async def test_ticket_without_unit_is_the_supervisors(world):
    """Dispatched, it is the unit's; sent back to the queue, it is the supervisors' again."""
    case = await opened(world, unit="")
    assert await case.notices() == [("awaiting_dispatch", "supervisor")]
    assert await heard(case, SUPERVISOR, "dispatch", unit="TAX") == [("assigned", "handler")]
    assert await heard(case, SUPERVISOR, "transfer", unit="HR", reason=WORDS) == [("transferred", "handler")]
    assert await heard(case, SUPERVISOR, "transfer", unit="", reason=WORDS) == [("awaiting_dispatch", "supervisor")]


async def test_appeal_is_told_to_reviewers_and_its_outcome_to_the_unit(world):
    """Dismissed, the review goes on; upheld, one notice says that it is over."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    assert await heard(case, HANDLER, "lodge_appeal", ground="mistaken", reason=WORDS) == [
        ("appeal_lodged", "reviewer")
    ]
    assert await heard(case, REVIEWER, "decide_appeal", upheld=False, reason=WORDS) == [("appeal_dismissed", "handler")]
    other = await opened(world, "other")
    await other.do(HANDLER, "accept")
    await other.do(HANDLER, "lodge_appeal", ground="mistaken", reason=WORDS)
    assert await heard(other, REVIEWER, "decide_appeal", upheld=True, reason=WORDS) == [("appeal_upheld", "handler")]


async def test_explanation_waits_for_the_supervisor(world):
    """And comes back to the unit as an explanation."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    assert await heard(case, HANDLER, "review", **EXPLAIN) == [("explanation_submitted", "supervisor")]
    assert await heard(case, SUPERVISOR, "give_back", reason=WORDS) == [("explanation_returned", "handler")]
    await case.do(HANDLER, "review", **EXPLAIN)
    await case.do(SUPERVISOR, "approve")
    assert await heard(case, AGENT, "verify", result="informed") == [("closed", "handler")]


async def test_citizen_is_asked_and_told_by_his_subject_alone(world):
    """The notice knows where the vault has him, and nothing of him; each further link is another message."""
    subject = uuid4()
    case = await opened(world, subject=subject, named=True)
    await case.do(HANDLER, "accept")
    await case.do(HANDLER, "review", **REVIEW)
    await case.do(HANDLER, "fix", **FIX)
    asked = await heard(case, SUPERVISOR, "approve")
    assert asked == [("verification", "agent"), ("citizen_verification", "")]
    before = len(await case.notices())
    await fire(world, (await case.ticket()).link_expires_at)
    again = [one for one in (await case.notices())[before:] if one[0] not in {"warning", "overdue"}]
    assert again == [("call", "agent"), ("citizen_verification", "")]
    rows = await world.pool.fetch(
        "SELECT subject, members::text FROM engine.notices WHERE kind LIKE 'citizen%' ORDER BY n"
    )
    assert {row["subject"] for row in rows} == {subject}
    assert re.sub(r"\d+", "0", rows[1]["members"]) == '{"number": "0-0", "attempt": 0}'


async def test_citizen_who_wants_to_be_anonymous_is_left_alone(world):
    """Though the vault may know a phone; one who joined under his name is asked instead."""
    anonymous, named = uuid4(), uuid4()
    case = await opened(world, subject=anonymous)
    other = await opened(world, "other", subject=anonymous)
    await world.supplement("other", subject=named, named=True)
    for one in (case, other):
        await one.do(HANDLER, "accept")
        await one.do(HANDLER, "review", **REVIEW)
        await one.do(HANDLER, "fix", **FIX)
    assert await heard(case, SUPERVISOR, "approve") == [("verification", "agent")]
    assert await heard(other, SUPERVISOR, "approve") == [("verification", "agent"), ("citizen_verification", "")]
    rows = await world.pool.fetch("SELECT subject FROM engine.notices WHERE kind LIKE 'citizen%'")
    assert [row["subject"] for row in rows] == [named]


async def test_both_citizens_hear_of_a_merger(world):
    """Each by his own ticket's number."""
    first, second = uuid4(), uuid4()
    one = await opened(world, "one", subject=first, named=True)
    other = await opened(world, "other", subject=second, named=True)
    await relate(world, one.id, other)
    told = await heard(one, SUPERVISOR, "merge", into=await other.ticket())
    assert told == [("merged", "handler"), ("citizen_merged", "")]
    assert (await other.notices())[-1] == ("citizen_merged", "")
    rows = await world.pool.fetch(
        "SELECT subject, members ->> 'number' AS number, members ->> 'into' AS into FROM engine.notices"
        " WHERE kind = 'citizen_merged' ORDER BY n"
    )
    numbers = (await one.ticket()).number, (await other.ticket()).number
    assert [tuple(row) for row in rows] == [(first, *numbers), (second, *reversed(numbers))]


async def relate(world, ticket_id, other):
    """Let two tickets be known to be of the same person and matter."""
    ticket = await aggregates.get(world.pool, type(await other.ticket()), ticket_id)
    rules = await rulebook.load(world.pool, world.install)
    terms = rules.of(ticket.policy_version, ticket.calendar_version)
    if other.id not in ticket.related:
        ticket.relate(other.id, (await other.ticket()).number, terms=terms, at=other.at, cause=f"test|{other.id}")
        await log.append(world.pool, [log.Group(aggregates.new_events(ticket))])


async def test_what_was_overtaken_is_not_told(world):
    """After downtime nobody is asked to sign for what was signed for, nor to approve what went back."""
    case = await opened(world, unit="")
    before = await case.notices()
    steps = [
        (SUPERVISOR, "dispatch", {"unit": "TAX"}),
        (HANDLER, "accept", {}),
        (HANDLER, "review", REVIEW),
        (HANDLER, "fix", FIX),
        (SUPERVISOR, "give_back", {"reason": WORDS}),
    ]
    for number, (by, command, members) in enumerate(steps):
        await decide(world, case.id, by, command, case.at + timedelta(minutes=number), **members)
    await world.react()
    assert (await case.notices())[len(before) :] == [("returned", "handler")]


async def test_each_notice_is_told_once(world):
    """However often its event is dealt with, and whoever was killed on the way."""
    for number in range(20):
        await world.rate(f"case-{number}")
    await world.react("open_ticket")
    (handler,) = (one for one in handlers(world.install) if one.name == "notify")
    handler.batch = 3
    for milliseconds in (1, 3, 10, 30):
        work = asyncio.create_task(Reactor(world.pool, [handler]).step(handler))
        await asyncio.wait([work], timeout=milliseconds / 1000)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    for _ in range(2):
        reactor = Reactor(world.pool, [handler])
        while await reactor.step(handler):
            pass
        await world.pool.execute("UPDATE engine.checkpoints SET position = 0 WHERE name = 'handler:notify'")
    assert await world.pool.fetchval("SELECT count(*) FROM engine.notices") == 20


async def test_numbers_of_notices_are_in_the_order_of_commits(world):
    """Two transactions at once take turns: who reads up to a number has missed nothing below it."""

    def effects(number):
        return Effects(notices=[Notice(UUID(int=number), "test", UUID(int=1), {}, role="handler")])

    async with world.pool.acquire() as first, world.pool.acquire() as second:
        transaction = first.transaction()
        await transaction.start()
        await take(first, None, effects(1))
        waiting = asyncio.create_task(take(second, None, effects(2)))
        await asyncio.wait([waiting], timeout=0.1)
        assert not waiting.done()
        await transaction.commit()
        await waiting
    rows = await world.pool.fetch("SELECT id FROM engine.notices ORDER BY n")
    assert [row["id"].int for row in rows] == [1, 2]


def test_every_sentence_is_said_by_somebody():
    """No kind is left over."""
    folder = Path(haocha.handlers.__file__).parents[1]
    sources = "".join(
        (folder / path).read_text() for path in ("handlers/notify.py", "handlers/deadlines.py", "engine/courier.py")
    )
    assert {kind for kind in SENTENCES if f'"{kind}"' not in sources} == set()
