"""Any people giving any commands in any order: no illegal state, no guard bypassed, every closing justified.

What must hold is said here anew, from the events alone: not by asking the guards under test.
"""

from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid5

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import event as reached
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from haocha.domain import ticket_events as events
from haocha.domain.account import Account
from haocha.domain.errors import Refusal
from haocha.domain.policy import DEFAULT, LookBack, Terms
from haocha.domain.rating import TextReference
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Evidence, Snapshot
from haocha.domain.workdays import Calendar, Limit

NAMESPACE = UUID(int=7)
START = datetime(2025, 9, 26, 1, 30, tzinfo=UTC)
TEXT = TextReference(uuid5(NAMESPACE, "text"), 3, "c0ffee")
FILE = Evidence(digest="5f" * 32, media_type="image/png", size=3)
RATED, SECOND, OUTSIDE = "tax", "hr", "gov"
UNITS = (RATED, SECOND, OUTSIDE)
PEOPLE = [
    Account(username=f"{role}-{unit}", role=role, unit=unit, contact_officer=role == "handler")
    for role in ("handler", "supervisor", "reviewer", "agent", "inspector", "leader", "auditor", "admin")
    for unit in UNITS
] + [
    Account(username="rated", role="handler", unit=RATED, staff=f"{RATED}/7", contact_officer=True),
    Account(username="rated-reviewer", role="reviewer", unit=OUTSIDE, staff=f"{RATED}/7"),
    Account(username="rated-supervisor", role="supervisor", unit=OUTSIDE, staff=f"{RATED}/7"),
]
CALENDAR = Calendar(
    "CN-1",
    date(2026, 12, 31),
    frozenset(date(2025, 10, day) for day in range(1, 9)),
    frozenset({date(2025, 9, 28), date(2025, 10, 11)}),
)
LEGAL = {
    "awaiting_dispatch": {"awaiting_acceptance", "closed"},
    "awaiting_acceptance": {"awaiting_dispatch", "reviewing", "closed"},
    "reviewing": {"awaiting_acceptance", "awaiting_dispatch", "appealing", "fixing", "approving", "closed"},
    "appealing": {"reviewing", "closed"},
    "fixing": {"awaiting_acceptance", "awaiting_dispatch", "approving", "closed"},
    "approving": {"fixing", "reviewing", "verifying", "closed"},
    "verifying": {"fixing", "reviewing", "closed"},
    "closed": {"fixing", "reviewing"},
}
MAY_MOVE_FIX = (
    events.Opened,
    events.Reviewed,
    events.ExtensionDecided,
    events.AppealDecided,
    events.Reopened,
    events.DueChanged,
)
JUDGING = (
    events.AppealDecided,
    events.ExtensionDecided,
    events.Returned,
    events.Approved,
    events.Verified,
    events.LookedBack,
    events.Merged,
)
OUTCOMES = {
    "fixed": (events.Verified,),
    "explained": (events.Verified,),
    "excluded": (events.AppealDecided,),
    "merged": (events.Merged,),
    "unreachable": (events.VerificationSent, events.Contacted, events.Reminded, events.Escalated, events.Related),
}
ROLES = {
    events.Dispatched: {"supervisor"},
    events.Accepted: {"handler"},
    events.Transferred: {"handler", "supervisor"},
    events.Contacted: {"handler", "agent"},
    events.Reviewed: {"handler"},
    events.AppealLodged: {"handler"},
    events.AppealDecided: {"reviewer"},
    events.ExtensionRequested: {"handler"},
    events.ExtensionDecided: {"supervisor"},
    events.FixSubmitted: {"handler"},
    events.Returned: {"supervisor", "reviewer"},
    events.Approved: {"supervisor", "reviewer"},
    events.Verified: {"agent", "citizen", "inspector"},
    events.Merged: {"supervisor"},
    events.LookedBack: {"supervisor", "agent", "inspector"},
}


RESULTS = {
    (False, "fix", True): "satisfied",
    (False, "explain", True): "informed",
    (False, "fix", False): "unsatisfied",
    (False, "explain", False): "unsatisfied",
    (True, "fix", True): "passed",
    (True, "explain", True): "passed",
    (True, "fix", False): "failed",
    (True, "explain", False): "failed",
}
USUAL = {
    "dispatch": lambda t, *who: t.dispatch(*who, unit=RATED),
    "accept": lambda t, *who: t.accept(*who),
    "transfer": lambda t, *who: t.transfer(*who, unit=SECOND if t.unit != SECOND else RATED, reason=TEXT),
    "contact": lambda t, *who: t.contact(*who, channel="phone", reached=False),
    "review": lambda t, *who: t.review(
        *who,
        verdict="partly",
        ground="delay",
        finding=TEXT,
        disposition="explain" if t.version % 4 == 0 else "fix",
        basis=TEXT,
    ),
    "appeal": lambda t, *who: t.lodge_appeal(*who, ground="untrue", reason=TEXT),
    "decide-appeal": lambda t, *who: t.decide_appeal(*who, upheld=t.version % 2 == 0, reason=TEXT),
    "request-extension": lambda t, *who: t.request_extension(*who, reason=TEXT),
    "decide-extension": lambda t, *who: t.decide_extension(*who, granted=True),
    "fix": lambda t, *who: t.fix(*who, measures=TEXT, responsible="7", evidence=(FILE,)),
    "return": lambda t, *who: t.give_back(*who, reason=TEXT),
    "approve": lambda t, *who: t.approve(*who),
    "verify": lambda t, *who: t.verify(
        *who, result=RESULTS[t.source == "inspection", t.disposition, t.version % 3 > 0]
    ),
    "reopen": lambda t, *who: t.reopen(*who, reason=TEXT),
    "look-back": lambda t, *who: t.look_back(*who, result="recurred"),
    "reinstate": lambda t, *who: t.reinstate(*who, reason=TEXT),
}
ROAD = ("dispatch", "accept", "appeal", "decide-appeal", "review", "fix", "approve", "verify")
FORMAL = {"already_overdue", "extensions_spent", "not_extendable"}
"""What may still be refused of a command that was offered: it depends on what is asked for."""


class Life(RuleBasedStateMachine):
    """One ticket, everybody at it."""

    @initialize(
        unit=st.sampled_from(["", RATED]),
        source=st.sampled_from(["rating", "complaint", "inspection"]),
        rounds=st.integers(0, 2),
        attempts=st.integers(1, 3),
        contact=st.sampled_from(["agent", "unit"]),
        transfers=st.booleans(),
        stops=st.booleans(),
        percent=st.sampled_from([0, 100]),
    )
    def open(self, unit, source, rounds, attempts, contact, transfers, stops, percent):  # noqa: PLR0917
        """Open the ticket under some policy."""
        policy = msgspec.structs.replace(
            DEFAULT,
            rounds=rounds,
            verification_attempts=attempts,
            contact=contact,
            unit_may_transfer=transfers,
            appeal_stops_clock=stops,
            look_back=LookBack(percent, Limit(3)),
        )
        self.terms = Terms("test-1", policy, CALENDAR, "seed")
        self.now = START
        self.other = self.opened("other", RATED, source)
        self.ticket = self.opened("ticket", unit, source)
        self.told = self.ticket.collect_events()
        self.seen = 0
        self.status = [self.ticket.status]
        self.dues = dict(self.ticket.dues)

    def opened(self, name, unit, source):
        """Open a ticket of the rated person."""
        snapshot = Snapshot(day=date(2025, 9, 26), satisfaction=1, dept=RATED, staff=f"{RATED}/7", matter="m")
        return Ticket.opened(
            uuid5(NAMESPACE, name),
            source=source,
            source_id=name,
            case_id=None,
            snapshot=snapshot,
            unit=unit,
            terms=self.terms,
            at=START,
            cause=41,
        )

    def give(self, name, by, command):
        """Let somebody try a command; refused, nothing has happened, and nothing was promised to him."""
        allowed = name in self.ticket.allowed(by, self.terms, self.now) if by else True
        version = self.ticket.version
        try:
            command(self.ticket)
        except Refusal:
            assert self.ticket.version == version
            assert self.ticket.collect_events() == []
        else:
            assert allowed, f"{name} was done although it was not offered"

    @rule(hours=st.sampled_from([1, 5, 24, 24 * 8]))
    def wait(self, hours):
        """Let time go by."""
        self.now += timedelta(hours=hours)

    @rule(picks=st.lists(st.integers(0, 10_000), min_size=1, max_size=16))
    def proceed(self, picks):
        """Do some of the things that are offered to somebody, one after the other: they are taken."""
        for pick in picks:
            offers = [
                (name, by) for by in PEOPLE for name in self.ticket.allowed(by, self.terms, self.now) if name in USUAL
            ]
            names = sorted({name for name, _ in offers})
            names = [name for name in names if name in ROAD and pick % 4] or names
            if not names:
                return
            chosen = names[pick % len(names)]
            by = next(by for name, by in offers if name == chosen)
            version = self.ticket.version
            try:
                USUAL[chosen](self.ticket, by, self.terms, self.now)
            except Refusal as refusal:
                refused = refusal.code
            else:
                refused = ""
            assert refused in FORMAL if refused else self.ticket.version > version

    people = st.sampled_from(PEOPLE)

    @rule(by=people, unit=st.sampled_from(UNITS))
    def dispatch(self, by, unit):
        """派单."""
        self.give("dispatch", by, lambda t: t.dispatch(by, self.terms, self.now, unit=unit))

    @rule(by=people)
    def accept(self, by):
        """签收."""
        self.give("accept", by, lambda t: t.accept(by, self.terms, self.now))

    @rule(by=people, unit=st.sampled_from(["", *UNITS]))
    def transfer(self, by, unit):
        """改派."""
        self.give("transfer", by, lambda t: t.transfer(by, self.terms, self.now, unit=unit, reason=TEXT))

    @rule(by=people, reached=st.booleans())
    def contact(self, by, reached):
        """联系."""
        self.give("contact", by, lambda t: t.contact(by, self.terms, self.now, channel="phone", reached=reached))

    @rule(
        by=people,
        disposition=st.sampled_from(["fix", "explain"]),
        difficulty=st.sampled_from(["simple", "general", "difficult"]),
        basis=st.sampled_from([None, TEXT]),
    )
    def review(self, by, disposition, difficulty, basis):
        """核实."""
        members = {"verdict": "partly", "ground": "delay", "finding": TEXT, "basis": basis}
        members |= {"disposition": disposition, "difficulty": difficulty}
        self.give("review", by, lambda t: t.review(by, self.terms, self.now, **members))

    @rule(by=people)
    def lodge_appeal(self, by):
        """申诉."""
        self.give("appeal", by, lambda t: t.lodge_appeal(by, self.terms, self.now, ground="mistaken", reason=TEXT))

    @rule(by=people, upheld=st.booleans())
    def decide_appeal(self, by, upheld):
        """复核."""
        self.give("decide-appeal", by, lambda t: t.decide_appeal(by, self.terms, self.now, upheld=upheld, reason=TEXT))

    @rule(by=people, stage=st.sampled_from([None, "fix", "review"]))
    def request_extension(self, by, stage):
        """延期申请."""
        give = lambda t: t.request_extension(by, self.terms, self.now, reason=TEXT, stage=stage)  # noqa: E731
        self.give("request-extension", by, give)

    @rule(by=people, granted=st.booleans())
    def decide_extension(self, by, granted):
        """延期审批."""
        self.give("decide-extension", by, lambda t: t.decide_extension(by, self.terms, self.now, granted=granted))

    @rule(by=people, measures=st.sampled_from([None, TEXT, TEXT]), evidence=st.sampled_from([(), (FILE,), (FILE,)]))
    def fix(self, by, measures, evidence):
        """整改."""
        members = {"measures": measures, "responsible": "7", "evidence": evidence}
        self.give("fix", by, lambda t: t.fix(by, self.terms, self.now, **members))

    @rule(by=people)
    def give_back(self, by):
        """退回."""
        self.give("return", by, lambda t: t.give_back(by, self.terms, self.now, reason=TEXT))

    @rule(by=people)
    def approve(self, by):
        """审核通过."""
        self.give("approve", by, lambda t: t.approve(by, self.terms, self.now))

    @rule(
        by=people,
        result=st.sampled_from(["satisfied", "unsatisfied", "informed", "passed", "failed"]),
        level=st.integers(0, 5),
    )
    def verify(self, by, result, level):
        """回访."""
        self.give("verify", by, lambda t: t.verify(by, self.terms, self.now, result=result, satisfaction=level))

    @rule(attempt=st.integers(1, 3), level=st.integers(1, 5))
    def judge(self, attempt, level):
        """Judge by a link, as the citizen."""
        self.give("", None, lambda t: t.verify_by_citizen(attempt, self.terms, self.now, satisfaction=level))

    @rule(attempt=st.integers(1, 3))
    def lapse(self, attempt):
        """Let a link run out."""
        if self.ticket.link_expires_at and self.now >= self.ticket.link_expires_at:
            self.ticket.lapse(attempt, self.terms, self.now, cause=f"lapse-{self.ticket.version}")

    @rule(by=people)
    def remind(self, by):
        """催办."""
        self.give("remind", by, lambda t: t.remind(by, self.terms, self.now))

    @rule(by=people)
    def reopen(self, by):
        """督办重开."""
        self.give("reopen", by, lambda t: t.reopen(by, self.terms, self.now, reason=TEXT))

    @rule()
    def relate(self):
        """Another ticket of the same person turns up."""
        self.ticket.relate(self.other.id, self.other.number, terms=self.terms, at=self.now, cause="relate")

    @rule(by=people)
    def merge(self, by):
        """合并."""
        self.give("merge", by, lambda t: t.merge(by, self.terms, self.now, into=self.other))

    @rule(by=people, result=st.sampled_from(["holds", "recurred"]))
    def look_back(self, by, result):
        """回头看."""
        self.give("look-back", by, lambda t: t.look_back(by, self.terms, self.now, result=result))

    @rule(by=people)
    def reinstate(self, by):
        """恢复采纳."""
        self.give("reinstate", by, lambda t: t.reinstate(by, self.terms, self.now, reason=TEXT))

    @rule(stage=st.sampled_from(["fix", "review", "approval", "verification"]), stale=st.booleans())
    @precondition(lambda self: self.ticket.dues)
    def escalate(self, stage, stale):
        """Fire a timer for the deadline there is or for one that was moved: it acts only on what still runs."""
        due = self.ticket.dues.get(stage, START) - timedelta(days=stale)
        ran = self.ticket.runs(stage) and self.ticket.is_open and self.ticket.dues.get(stage) == due
        cause = f"timer-{self.ticket.version}"
        fired = self.ticket.escalate(
            "yellow", stage, due, rule="ladder:yellow", terms=self.terms, at=self.now, cause=cause
        )
        assert fired == ran

    @invariant()
    def holds(self):
        """Look at each new event, then at the whole."""
        fresh = self.ticket.collect_events()
        self.told += fresh
        replayed = Ticket.begin(self.ticket.id, self.told[0])
        for event in self.told[1:]:
            before, dues = replayed.status, dict(replayed.dues)
            replayed = event.mutate(replayed)
            if event in fresh:
                self.check(event, before, dues, replayed)
        mine, again = (
            {name: value for name, value in vars(one).items() if not name.startswith("_")}
            for one in (self.ticket, replayed)
        )
        assert again == mine
        assert [event.originator_version for event in self.told] == list(range(1, len(self.told) + 1))

    def check(self, event, before, dues, after):  # noqa: C901 (one line per rule)
        """Hold one event against what the design demands of it."""
        if after.status != before:
            assert after.status in LEGAL[before], f"{before} → {after.status} by {event}"
        if after.dues.get("fix") != dues.get("fix"):
            assert isinstance(event, MAY_MOVE_FIX), f"{event} moved the clock"
        if type(event) in ROLES and not (isinstance(event, events.Contacted) and event.by is None):
            assert event.by.role in ROLES[type(event)]
        earlier = self.told[: event.originator_version - 1]
        handled = {
            one.unit for one in earlier if isinstance(one, events.Opened | events.Dispatched | events.Transferred)
        }
        if isinstance(event, JUDGING) and event.by.role != "citizen":
            assert event.by.unit not in handled | {RATED}
            assert not event.by.account.startswith("rated")
        if isinstance(event, events.Approved | events.Returned):
            assert event.by.account not in {one.by.account for one in earlier if isinstance(one, events.FixSubmitted)}
        if isinstance(event, events.Accepted | events.Reviewed | events.AppealLodged | events.FixSubmitted):
            assert event.by.unit == after.unit
        if isinstance(event, events.Reviewed):
            assert event.by.account != "rated"
            assert event.disposition == "fix" or event.basis is not None
        if isinstance(event, events.FixSubmitted):
            assert event.evidence
        if isinstance(event, events.Verified):
            assert (event.by.role == "inspector") == (after.source == "inspection")
        if isinstance(event, events.Reopened) and event.why in ("unsatisfied", "failed"):
            assert event.round <= self.terms.policy.rounds
        if isinstance(event, events.Closed):
            reached(event.outcome)
            self.justified(event, earlier)

    def justified(self, closed, earlier):
        """Every closed ticket has an outcome that its events justify; silence is never satisfaction."""
        last = earlier[-1]
        assert closed.follows == last.originator_version
        assert closed.by is None
        if closed.outcome == "unreachable":
            begun = max((n for n, one in enumerate(earlier) if isinstance(one, events.Reopened)), default=0)
            asked = [one for one in earlier[begun:] if isinstance(one, events.VerificationSent)]
            calls = [one for one in earlier[begun:] if isinstance(one, events.Contacted) and not one.reached]
            calls = [one for one in calls if one.purpose == "verification"]
            assert len(asked) + len(calls) >= self.terms.policy.verification_attempts
            return
        assert isinstance(last, OUTCOMES[closed.outcome])
        if isinstance(last, events.Verified):
            assert last.result in ("satisfied", "informed", "passed")
            assert last.satisfaction == 0 or last.satisfaction >= 3
        if isinstance(last, events.AppealDecided):
            assert last.upheld


Life.TestCase.settings = settings(
    max_examples=150, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLife = Life.TestCase
