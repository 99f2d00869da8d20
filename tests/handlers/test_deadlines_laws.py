"""Laws of deadlines, without a database: whenever the worker was up, the same steps are taken, each once, in order."""

from datetime import date, datetime, timedelta
from uuid import UUID

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from haocha.domain.ladder import steps
from haocha.domain.policy import DEFAULT, PolicyPublished, Rulebook
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Snapshot
from haocha.domain.workdays import SHANGHAI
from haocha.handlers.deadlines import Deadlines, State, follow
from haocha.store.install import Install
from haocha.store.log import Recorded
from haocha.store.rulebook import national_calendar
from tests.handlers.casework import AGENT, FIX, HANDLER, REVIEW, SUPERVISOR, WORDS

MONDAY = datetime(2025, 6, 2, 9, tzinfo=SHANGHAI)
TICKET = UUID(int=1)
POLICY = msgspec.structs.replace(DEFAULT, warnings=(50, 80))
RULES = Rulebook(
    ((1, PolicyPublished(version="default-1", name="default", policy=POLICY, at=MONDAY)),),
    ((2, national_calendar("CN-1", MONDAY)),),
)
TERMS = RULES.of("default-1", "CN-1")
COMMANDS = [
    (HANDLER, "accept", {}),
    (AGENT, "contact", {"channel": "phone", "reached": True}),
    (HANDLER, "review", REVIEW),
    (HANDLER, "fix", FIX),
    (SUPERVISOR, "give_back", {"reason": WORDS}),
    (HANDLER, "fix", FIX),
    (SUPERVISOR, "approve", {}),
    (AGENT, "verify", {"result": "unsatisfied"}),
]


class Desk:
    """A ticket, its timers and the notices about it, all in memory."""

    def __init__(self):
        self.handler = Deadlines(Install(UUID(int=9), MONDAY))
        self.stream, self.timers, self.fired, self.passes = [], {}, set(), []
        snapshot = Snapshot(day=date(2025, 6, 2), dept="TAX", area="370102000000")
        self.take(
            Ticket.opened(
                TICKET,
                source="rating",
                source_id="r",
                case_id=None,
                snapshot=snapshot,
                unit="TAX",
                terms=TERMS,
                at=MONDAY,
                cause=7,
            )
        )

    def state(self):
        """Read what the handler reads."""
        return State({TICKET: follow(self.stream)}, RULES)

    def take(self, ticket):
        """Append what a ticket decided, and let the handler react to it."""
        new = [
            Recorded(len(self.stream) + n, TICKET, event.originator_version, event.TOPIC, event, event.at)
            for n, event in enumerate(ticket.collect_events(), start=1)
        ]
        self.stream += new
        for event in new:
            if event.topic in self.handler.topics:
                self.set(self.handler.react(event, self.state()).timers)

    def set(self, timers):
        """Set timers; one that is there already stays."""
        for timer in timers:
            self.timers.setdefault(timer.id, timer)

    def act(self, by, command, members, at):
        """Let a person give a command; false where it is refused."""
        ticket = self.state().tickets[TICKET].ticket
        getattr(ticket, command)(by, TERMS, at, **members)
        self.take(ticket)

    def fire(self, now):
        """Fire all that is due, as a worker does that comes up."""
        told, before = [], len(self.stream)
        while due := [one for one in self.timers.values() if one.due_at <= now and one.id not in self.fired]:
            timer = min(due, key=lambda one: (one.due_at, one.id))
            self.fired.add(timer.id)
            effects = self.handler.fire(timer, self.state(), now)
            for ticket in effects.aggregates:
                self.take(ticket)
            self.set(effects.timers)
            told += effects.notices
        self.passes.append((len(self.stream) - before, told))

    def taken(self):
        """Return the steps taken, in order."""
        return [
            (one.event.stage, one.event.rule, one.event.due_at)
            for one in self.stream
            if one.topic in {"ticket.reminded:v1", "ticket.escalated:v1"} and one.event.due_at
        ]


hours = st.lists(st.integers(0, 40 * 24), max_size=12).map(sorted)


@settings(max_examples=60, deadline=None)
@given(hours)
def test_when_the_worker_was_up_changes_nothing_but_the_time_of_firing(up):
    """All steps of all clocks, in the order in which they were due; each pass that took some tells of one."""
    desk = Desk()
    for hour in [*up, 60 * 24]:
        desk.fire(MONDAY + timedelta(hours=hour))
    ticket = desk.state().tickets[TICKET].ticket
    planned = sorted(
        (step.at, stage, step.rule)
        for stage, due in ticket.dues.items()
        for step in steps(TERMS, stage, ticket.started[stage], due, "general")
    )
    times = {(stage, rule): at for at, stage, rule in planned}
    taken = [times[stage, rule] for stage, rule, _ in desk.taken()]
    assert len(taken) == len(planned)
    assert taken == sorted(taken)
    for count, told in desk.passes:
        assert len({(notice.kind, notice.members["stage"], notice.members.get("level")) for notice in told}) == (
            count > 0
        )


@settings(max_examples=60, deadline=None)
@given(hours, st.lists(st.integers(0, 20 * 24), min_size=len(COMMANDS), max_size=len(COMMANDS)).map(sorted))
def test_no_step_is_taken_twice_or_for_a_stage_that_has_ended(up, acts):
    """With people at work in between: each step of each deadline at most once, while its clock ran."""
    desk = Desk()
    plan = [(hour, 0, None) for hour in up] + [(hour, 1, act) for hour, act in zip(acts, COMMANDS, strict=True)]
    for hour, _, act in sorted(plan, key=lambda one: one[:2]):
        now = MONDAY + timedelta(hours=hour)
        if act is None:
            desk.fire(now)
        else:
            desk.act(*act, at=now)
    desk.fire(MONDAY + timedelta(days=90))
    taken = desk.taken()
    assert len(set(taken)) == len(taken)
    for number, recorded in enumerate(desk.stream):
        if recorded.topic in {"ticket.reminded:v1", "ticket.escalated:v1"} and recorded.event.due_at:
            before = follow(desk.stream[:number])
            assert before.clocks[recorded.event.stage].due == recorded.event.due_at
    running = follow(desk.stream)
    assert [step for stage in running.clocks for step in running.left(stage, TERMS)] == []
