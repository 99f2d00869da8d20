"""Other levels at a ticket too: whatever they say in whatever order, between whatever people do, the rules hold.

The machine of `test_ticket_machine` goes on; what the platform above decides and the instance below reports comes in
between.
"""

from uuid import uuid5

from hypothesis import HealthCheck, settings
from hypothesis import event as reached
from hypothesis import strategies as st
from hypothesis.stateful import rule

from haocha.domain import ticket_events as events
from haocha.domain import ticket_levels as levels
from haocha.domain.policy_replay import visits
from haocha.domain.ticket import STATUSES
from haocha.domain.ticket_levels import Link, Report
from tests.domain.test_ticket_machine import NAMESPACE, RATED, TEXT, Life

WORK = (
    events.Dispatched,
    events.Accepted,
    events.Transferred,
    events.Reviewed,
    events.AppealLodged,
    events.ExtensionRequested,
    events.ExtensionDecided,
    events.FixSubmitted,
    events.Returned,
    events.Approved,
    events.VerificationSent,
)
"""What nobody does here once an instance below has reported."""
ROAD = (
    ("accepted", "reviewing", {}),
    ("reviewed", "fixing", {"verdict": "partly", "ground": "delay", "disposition": "fix"}),
    ("fix_submitted", "approving", {"measures": TEXT, "evidence": (Link("5f" * 32, "image/png", 3),)}),
    ("approved", "verifying", {}),
    ("verified", "verifying", {"result": "satisfied"}),
    ("closed", "closed", {"outcome": "fixed"}),
)
DEEDS = ("transferred", "appeal_lodged", "appeal_decided", "returned", "verified", "reopened", "overruled", "closed")
OUTCOMES = ("fixed", "explained", "excluded", "merged", "unreachable")
HEARD = {"reopened", "overruled"}
"""What they report once they have taken in what was decided here."""


class Levels(Life):
    """One ticket, everybody at it, and other levels."""

    @rule(verdict=st.sampled_from(["satisfied", "unsatisfied", "excluded", "upheld"]))
    def overrule(self, verdict):
        """Let the platform above decide."""
        order = uuid5(NAMESPACE, f"order-{self.ticket.version}")
        said = {"peer": "province", "order": order, "reason": None, "terms": self.terms, "at": self.now}
        self.ticket.overrule(verdict, **said, cause=f"order-{self.ticket.version}")

    @rule(level=st.sampled_from(["remind", "yellow", "talk"]))
    def urge(self, level):
        """Let it urge: what is open hears of it."""
        said = {"peer": "province", "note": None, "terms": self.terms, "at": self.now}
        urged = self.ticket.urge(level, **said, cause=f"urging-{self.ticket.version}")
        assert urged == self.ticket.is_open

    @rule(
        event=st.sampled_from(DEEDS),
        status=st.sampled_from(STATUSES),
        outcome=st.sampled_from(OUTCOMES),
        result=st.sampled_from(["upheld", "dismissed"]),
        step=st.sampled_from([-1, 0, 1, 1, 1]),
    )
    def report(self, event, status, outcome, result, step):
        """Let the instance below report: the next thing, an earlier one, or the last one again."""
        ended = {"outcome": outcome} if event == "closed" else {}
        self.take(event, "closed" if ended else status, {"result": result} | ended, step)

    @rule(upto=st.integers(1, len(ROAD)))
    def work(self, upto):
        """Let the instance below do its work, one step after the other."""
        for event, status, members in ROAD[:upto]:
            self.take(event, status, members, 1)

    def take(self, event, status, members, step):
        """Take a report in: it is new by its version, or it changes nothing."""
        number = self.ticket.reported.get("theirs", 0) + step
        said = {"peer": "jining", "ticket": "theirs", "number": "7", "unit": "jn-tax", "happened_at": self.now}
        report = Report(**said | members, version=number, event=event, status=status)
        cause, version = f"jining|{number}", self.ticket.version
        known = cause in self.ticket.causes
        assert self.ticket.report(report, terms=self.terms, at=self.now, cause=cause) != known
        assert (self.ticket.version > version) != known

    def check(self, event, before, dues, after):
        """Hold an event against the rules of levels, or of one level."""
        earlier = self.told[: event.originator_version - 1]
        reported = [one for one in earlier if isinstance(one, levels.Reported)]
        if reported:
            assert not isinstance(event, WORK), f"{event} though it is worked on below"
        match event:
            case levels.Overruled():
                reached(f"overruled {event.verdict}, {before}")
                assert after.status == ("reviewing" if event.dismisses else before)
                assert event.dismisses == (before == "appealing" and event.verdict == "upheld")
                assert event.dismisses or not event.dues
            case levels.Reported():
                reached(f"reported {event.event}, {'led on' if event.status else 'recorded'}")
                assert after.status == (event.status or before)
                assert event.status != "closed"
                assert not (before == "closed" and event.status)
                assert not (event.status and any(one.version >= event.version for one in reported))
                assert after.dues.get("fix") == dues.get("fix")
            case events.Reopened(why="overruled" | "reported"):
                assert after.status in {"fixing", "reviewing"}
                assert isinstance(earlier[-1], levels.Overruled | levels.Reported)
            case _:
                super().check(event, before, dues, after)
        if isinstance(event, events.Verified | events.AppealDecided) and event.by.role != "citizen":
            assert event.by.unit not in {one.unit for one in reported if one.status} | {RATED}
        if isinstance(event, events.AppealLodged):
            assert not [one for one in earlier if getattr(one, "verdict", "") in {"excluded", "upheld"}]

    def justified(self, closed, earlier):
        """Say who is the last word: the platform above, the instance below where nothing stands against it, people."""
        last = earlier[-1]
        match last:
            case levels.Overruled():
                assert closed.follows == last.originator_version
                allowed = {"excluded": {"excluded"}, "satisfied": {"fixed", "explained"}}
                assert closed.outcome in allowed[last.verdict]
            case levels.Reported():
                assert (closed.follows, closed.outcome) == (last.originator_version, last.outcome)
                self.uncontradicted(closed, earlier)
            case _:
                super().justified(closed, earlier)

    def uncontradicted(self, closed, earlier):
        """See that they had heard, when they reported the end, that here it was not over."""
        contrary = max(
            (
                number
                for number, one in enumerate(earlier)
                if isinstance(one, events.Reopened) and one.why not in {"reported", "reinstated"}
            ),
            default=None,
        )
        if contrary is None or not any(isinstance(one, levels.Reported) for one in earlier[:contrary]):
            return
        since = [one for one in earlier[contrary:] if isinstance(one, levels.Reported)]
        assert any(one.event in HEARD for one in since), f"{closed} against {earlier[contrary]}"

    def teardown(self):
        """Hold the whole past, told again under its own policy, against what it was."""
        for visit in visits(self.told, self.terms) if hasattr(self, "told") else ():
            assert visit.due == visit.would_be_due or visit.stage == "look_back"


Levels.TestCase.settings = settings(
    max_examples=120, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
TestLevels = Levels.TestCase
