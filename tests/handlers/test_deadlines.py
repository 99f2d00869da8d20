"""Deadlines: what is due is done in order, once, with one notice; what has ended or moved is not."""

import asyncio
from datetime import timedelta

import pytest

from haocha.domain.ladder import steps
from haocha.engine.reactor import Reactor
from haocha.engine.timers import Timers
from haocha.handlers import handlers
from haocha.handlers.deadlines import Deadlines
from haocha.store import rulebook
from haocha.store.db import open_pool
from tests.handlers.casework import AGENT, FIX, HANDLER, REVIEW, SUPERVISOR, WORDS, decide, fire, opened

LONG = timedelta(days=60)
RUNGS = ["ladder:yellow", "ladder:red", "ladder:circular", "ladder:talk"]


async def due_steps(case, stage):
    """Return the steps of a stage's deadline by their rules."""
    ticket = await case.ticket()
    rules = await rulebook.load(case.world.pool, case.world.install)
    terms = rules.of(ticket.policy_version, ticket.calendar_version)
    return {
        step.rule: step.at for step in steps(terms, stage, ticket.started[stage], ticket.dues[stage], ticket.difficulty)
    }


async def pending(world):
    """Return stage and rule of the timers that wait, by their time."""
    rows = await world.pool.fetch(
        "SELECT payload ->> 'stage' AS stage, payload ->> 'rule' AS rule FROM engine.timers"
        " WHERE fired_at IS NULL AND handler = 'deadlines' ORDER BY due_at, stage"
    )
    return {(row["stage"], row["rule"]) for row in rows}


async def test_each_running_clock_has_one_timer(world):
    """The next step only: the one behind it is set when that one fires."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    running = {(stage, "warning:80") for stage in ("contact", "review", "fix")}
    assert await pending(world) == running | {("acceptance", "warning:80")}
    await case.do(AGENT, "contact", channel="phone", reached=True)
    await case.do(HANDLER, "review", **REVIEW)
    assert {("fix", "warning:80")} <= await pending(world)


async def test_steps_are_taken_when_they_are_due(world):
    """A reminder before the deadline, each rung behind it, with deadline, time and cause in the event."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    await case.do(AGENT, "contact", channel="phone", reached=True)
    await case.do(HANDLER, "review", **REVIEW)
    plan = await due_steps(case, "fix")
    for rule, at in plan.items():
        before = await case.rules()
        await fire(world, at - timedelta(seconds=1))
        assert await case.rules() == before
        await fire(world, at)
        assert await case.rules() == [*before, f"fix {rule}"]
    assert list(plan) == ["warning:80", *RUNGS]
    ticket = await case.ticket()
    told = await case.events("reminded", "escalated")
    timers = {str(row[0]) for row in await world.pool.fetch("SELECT id FROM engine.timers")}
    assert {event.due_at for event in told} == {ticket.dues["fix"]}
    assert [event.fired_at for event in told] == list(plan.values())
    assert {event.cause for event in told} <= timers
    assert {event.by for event in told} == {None}
    assert ticket.escalated == "talk"


async def test_after_downtime_every_step_is_taken_in_order_and_one_notice_is_sent(world):
    """A worker that was down for weeks records all, the oldest first, and speaks of the gravest and last only."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    before = await case.notices()
    await fire(world, case.at + LONG)
    ticket, expected = await case.ticket(), []
    for stage in ("contact", "review", "fix"):
        expected += [(at, f"{stage} {rule}") for rule, at in (await due_steps(case, stage)).items()]
    taken = await case.rules()
    assert sorted(taken) == sorted(rule for _, rule in expected)
    times = {rule: at for at, rule in expected}
    assert [times[rule] for rule in taken] == sorted(times.values())
    assert {event.fired_at for event in await case.events("reminded", "escalated")} == {case.at + LONG}
    assert (await case.notices())[len(before) :] == [("overdue", role) for role in ("handler", "supervisor", "leader")]
    (members,) = {
        row[0]
        for row in await world.pool.fetch(
            "SELECT members::text FROM engine.notices WHERE ticket = $1 AND kind = 'overdue'", case.id
        )
    }
    assert '"level": "talk"' in members
    assert ticket.escalated == "talk"


async def test_one_step_at_a_time_tells_each(world):
    """Where the worker was up each step has its notice; leaders hear from the red card on."""
    case = await opened(world)
    await case.do(AGENT, "contact", channel="phone", reached=True)
    before = await case.notices()
    plan = await due_steps(case, "acceptance")
    for rule in ("warning:80", "ladder:yellow", "ladder:red"):
        await fire(world, plan[rule])
    told = [("warning", role) for role in ("handler", "supervisor")]
    told += [("overdue", role) for role in ("handler", "supervisor")]
    told += [("overdue", role) for role in ("handler", "supervisor", "leader")]
    assert (await case.notices())[len(before) :] == told


async def test_stage_that_ended_drops_its_timers(world):
    """Signed for in time, a ticket is not overdue for signing."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    await case.do(AGENT, "contact", channel="phone", reached=True)
    await fire(world, case.at + LONG)
    stages = {rule.split()[0] for rule in await case.rules()}
    assert stages == {"review", "fix"}


async def test_deadline_that_moved_drops_the_old_steps(world):
    """An extension counts from when it is granted; nothing refers to the old time after it."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    await case.do(AGENT, "contact", channel="phone", reached=True)
    await case.do(HANDLER, "review", **REVIEW)
    old = (await case.ticket()).dues["fix"]
    await case.do(HANDLER, "request_extension", reason=WORDS)
    await case.do(SUPERVISOR, "decide_extension", granted=True)
    new = (await case.ticket()).dues["fix"]
    await fire(world, old + timedelta(minutes=1))
    assert await case.rules() == []
    await fire(world, new + LONG)
    assert [event.due_at for event in await case.events("reminded", "escalated")] == [new] * 5


async def test_clock_that_stood_still_goes_on_where_it_was(world):
    """A fix that was sent back is as late as it is: what fell due meanwhile is taken then."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    await case.do(AGENT, "contact", channel="phone", reached=True)
    await case.do(HANDLER, "review", **REVIEW)
    plan = await due_steps(case, "fix")
    await fire(world, plan["warning:80"])
    await case.do(HANDLER, "fix", hours=(plan["warning:80"] - case.at) / timedelta(hours=1) + 0.1, **FIX)
    await fire(world, plan["ladder:red"])
    assert [rule for rule in await case.rules() if rule.startswith("fix")] == ["fix warning:80"]
    await case.do(
        SUPERVISOR, "give_back", hours=(plan["ladder:red"] - case.at) / timedelta(hours=1) + 0.1, reason=WORDS
    )
    await fire(world, case.at)
    await fire(world, plan["ladder:circular"])
    fix = [rule for rule in await case.rules() if rule.startswith("fix")]
    assert fix == ["fix warning:80", *(f"fix {rung}" for rung in RUNGS[:3])]


async def test_person_who_is_faster_wins(world):
    """The handler decides on what it read; what was signed for meanwhile makes it decide again, and drop the step."""
    case = await opened(world)
    await case.do(AGENT, "contact", channel="phone", reached=True)
    due = (await case.ticket()).dues["acceptance"]

    class Slow(Deadlines):
        """Lets a person act between reading and writing, once."""

        raced = 0

        async def load_fired(self, connection, timer):
            """Read, and let somebody sign."""
            state = await super().load_fired(connection, timer)
            if timer.payload["stage"] == "acceptance" and not self.raced:
                self.raced += 1
                await decide(world, case.id, HANDLER, "accept", due - timedelta(minutes=1))
            return state

    slow = Slow(world.install)
    timers = Timers(world.pool, [slow])
    while await timers.fire_one(due):
        pass
    assert slow.raced == 1
    assert [rule for rule in await case.rules() if rule.startswith("acceptance")] == []
    assert [kind for kind, _ in await case.notices() if kind in {"warning", "overdue"}] == []


async def test_two_workers_take_each_step_once(world, dsn):
    """Side by side, on connections of their own: each step once, in order, one notice per ticket."""
    cases = [await opened(world, f"case-{number}") for number in range(6)]
    now = cases[0].at + LONG
    other = await open_pool(dsn, size=4)

    async def work(pool):
        timers, idle = Timers(pool, handlers(world.install)), 0
        while idle < 10:
            idle = 0 if await timers.fire_one(now) else idle + 1
            await asyncio.sleep(0.005)

    await asyncio.gather(work(world.pool), work(other))
    await other.close()
    for case in cases:
        taken = await case.events("reminded", "escalated")
        assert len({(event.stage, event.rule) for event in taken}) == len(taken) == 15
        assert len([kind for kind, _ in await case.notices() if kind == "overdue"]) == 3


async def test_worker_killed_at_work_is_followed_by_another(world):
    """Cancelled between any two steps, another one goes on: nothing is lost, nothing is taken twice."""
    case = await opened(world)
    now = case.at + LONG
    for milliseconds in (1, 5, 20, 40, 80):
        work = asyncio.create_task(Timers(world.pool, handlers(world.install)).fire_one(now))
        await asyncio.wait([work], timeout=milliseconds / 1000)
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
    await fire(world, now)
    taken = await case.events("reminded", "escalated")
    assert len({(event.stage, event.rule) for event in taken}) == len(taken) == 15


async def test_checkpoint_set_back_sets_no_timer_twice(world):
    """Events dealt with once more lead to what is there already."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    await fire(world, case.at + LONG)
    before = await world.pool.fetch("SELECT id FROM engine.timers ORDER BY id")
    told = await case.notices()
    await world.pool.execute("UPDATE engine.checkpoints SET position = 0 WHERE name = 'handler:deadlines'")
    (handler,) = (one for one in handlers(world.install) if one.name == "deadlines")
    while await Reactor(world.pool, [handler]).step(handler):
        pass
    assert await world.pool.fetch("SELECT id FROM engine.timers ORDER BY id") == before
    await fire(world, case.at + LONG)
    assert await case.notices() == told


async def test_ticket_drawn_for_looking_back_is_put_up(world, monkeypatch):
    """After the policy's days those who may look back hear of it; no clock of the unit's runs."""
    case = await opened(world)
    await case.do(HANDLER, "accept")
    await case.do(HANDLER, "review", **REVIEW)
    await case.do(HANDLER, "fix", **FIX)
    await case.do(SUPERVISOR, "approve")
    monkeypatch.setattr("haocha.domain.ticket.Ticket._is_drawn", lambda *_: True)
    ticket = await case.do(AGENT, "verify", result="satisfied")
    await fire(world, ticket.dues["look_back"] - timedelta(seconds=1))
    assert ("look_back", "agent") not in await case.notices()
    await fire(world, ticket.dues["look_back"])
    assert (await case.notices())[-1] == ("look_back", "agent")
    assert await case.rules() == []


@pytest.mark.parametrize(("stage", "role"), [("dispatch", "supervisor"), ("acceptance", "handler")])
async def test_whose_the_stage_is_is_warned(world, stage, role):
    """The department's people are not told of what others are late with."""
    case = await opened(world, unit="TAX" if stage == "acceptance" else "")
    await case.do(AGENT, "contact", channel="phone", reached=True)
    before = await case.notices()
    await fire(world, (await due_steps(case, stage))["warning:80"])
    assert (await case.notices())[len(before)] == ("warning", role)
