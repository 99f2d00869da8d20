"""A ticket's own course, where no person commands: what the source brings, what timers do, what follows.

Closing is here: it always follows, from a verdict, an upheld appeal, a merger, or attempts that nobody answered.
"""

import hashlib
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal, Self
from uuid import UUID

import msgspec

from haocha.domain import ticket_events as events
from haocha.domain import ticket_levels as levels
from haocha.domain.account import Account
from haocha.domain.errors import Refusal
from haocha.domain.policy import Difficulty, Level, Stage, Terms
from haocha.domain.rating import TextReference
from haocha.domain.ticket_events import Actor, Outcome, Snapshot, Source, Status, TicketEvent
from haocha.domain.ticket_levels import ABOVE, Report, Ruling
from haocha.domain.ticket_state import STAGES, TicketState, day_of
from haocha.domain.workdays import SHANGHAI, Deadline, Limit

FINAL: Final[Level] = "red"
"""The rung that a ticket climbs to when the last round did not satisfy."""


class TicketClosed(Refusal):
    """A closed ticket takes nothing in: what comes later opens another."""

    code = "ticket_closed"


class TicketCourse(TicketState):
    """A ticket's own course."""

    # What the source brings

    @classmethod
    def opened(
        cls,
        ticket_id: UUID,
        *,
        source: Source,
        source_id: str,
        case_id: UUID | None,
        snapshot: Snapshot,
        unit: str,
        terms: Terms,
        at: datetime,
        cause: int,
        below: str = "",
    ) -> Self:
        """Open the ticket of the event at position `cause`, which happened `at`; `unit` is '' where none is known.

        `below` is the instance below that reported the event and works on it itself.
        """
        entered: Stage = "acceptance" if unit or below else "dispatch"
        deadlines = {
            stage: terms.due(stage, at)
            for stage, rule in terms.policy.stages.items()
            if stage == entered or (rule.start == "opened" and stage not in ("acceptance", "dispatch"))
        }
        opened = events.Opened(
            originator_id=ticket_id,
            originator_version=1,
            number=f"{at.astimezone(SHANGHAI).year}-{cause}",
            source=source,
            source_id=source_id,
            case_id=case_id,
            snapshot=snapshot,
            unit=unit,
            policy_version=terms.policy_version,
            calendar_version=terms.calendar.version,
            below=below,
            **_dues(deadlines),
            at=at,
            cause=cause,
        )
        ticket = cls.begin(ticket_id, opened)
        ticket.pending_events.append(opened)
        return ticket

    def join(
        self, *, source: Source, source_id: str, snapshot: Snapshot, terms: Terms, at: datetime, cause: int
    ) -> None:
        """Take in another bad rating of the same case, while the ticket is open."""
        if not self.is_open:
            raise TicketClosed(f"Ticket {self.number} is closed; {source} {source_id} opens one of its own.")
        self._tell(events.Joined, terms, at, source=source, source_id=source_id, snapshot=snapshot, cause=cause)

    def relate(self, other: UUID, number: str, *, terms: Terms, at: datetime, cause: str) -> None:
        """关联: the same person was rated badly on the same matter within the policy's days."""
        if other in self.related:
            return
        self._tell(events.Related, terms, at, other=other, number=number, cause=cause)

    # What other levels say

    def overrule(
        self,
        verdict: Ruling,
        *,
        peer: str,
        order: UUID,
        reason: TextReference | None,
        terms: Terms,
        at: datetime,
        cause: int | str,
    ) -> None:
        """上级认定: the platform above goes before our verdict; review, measures and appeal stay as they are.

        What does not fit the status is recorded: who is still fixing is not done because somebody is satisfied.
        """
        dismisses = verdict == "upheld" and self.status == "appealing"
        dues = self._resumed(terms, at) if dismisses else {}
        said: dict[str, Any] = {"verdict": verdict, "peer": peer, "order": order, "reason": reason}
        self._tell(levels.Overruled, terms, at, None, dues, **said, dismisses=dismisses, cause=cause)
        match verdict:
            case "satisfied" if self.status == "verifying":
                self._close(self._good, terms, at)
            case "unsatisfied" if self.status in {"verifying", "closed"}:
                self._reopen("overruled", self._back, terms, at)
            case "excluded" if self.outcome != "excluded":
                self._close("excluded", terms, at)
            case "upheld" if self.outcome == "excluded":
                self._reopen("reinstated", "reviewing", terms, at)
            case _:
                pass

    def urge(
        self, level: Level, *, peer: str, note: TextReference | None, terms: Terms, at: datetime, cause: int | str
    ) -> bool:
        """催办 or 督办 by the platform above; false where nothing is left to be done."""
        if not self.is_open:
            return False
        said: dict[str, Any] = {"stage": self.stage, "rule": f"{ABOVE}{peer}", "note": note, "cause": cause}
        if level == "remind":
            self._tell(events.Reminded, terms, at, **said)
        else:
            self._tell(events.Escalated, terms, at, level=level, **said)
        return True

    def report(self, report: Report, *, terms: Terms, at: datetime, cause: int | str) -> bool:
        """下级上报: follow what the instance below did; false where that is known already, by its `cause`.

        A closing below closes the ticket here, unless it was decided here since that it is not over.
        """
        if cause in self.causes:
            return False
        late = report.version <= self.reported.get(report.ticket, 0)
        reopens = report.event == "reopened" and not late and not (self.is_open and self.behind)
        follows = self.is_open and not late and not reopens and report.status != "closed"
        said = msgspec.structs.asdict(report) | {"status": report.status if follows else ""}
        dues = self._followed(said["status"], terms, at)
        self._tell(levels.Reported, terms, at, None, dues, **said, cause=cause)
        if reopens:
            self._reopen("reported", "fixing" if report.status == "fixing" else "reviewing", terms, at)
        elif report.outcome and self.is_open and not late and not self._contradicts(report.outcome):
            self._close(report.outcome, terms, at)
        return True

    def _contradicts(self, outcome: Outcome) -> bool:
        """Say whether what was decided here, and has not arrived below yet, stands against an outcome."""
        return self.behind == "unsatisfied" or (self.behind == "upheld" and outcome == "excluded")

    def _followed(self, status: Status | Literal[""], terms: Terms, at: datetime) -> dict[Stage, Deadline]:
        """Return the deadline of the stage that a report leads to."""
        if status in {"", self.status}:
            return {}
        return self._new(terms, at, STAGES[status], again=status == "approving")

    # What timers and the calendar do

    def remind_due(self, stage: Stage, due_at: datetime, *, rule: str, terms: Terms, at: datetime, cause: str) -> bool:
        """Warn of a deadline; false where the stage has ended or the deadline was moved."""
        if not self._is_due(stage, due_at):
            return False
        self._tell(events.Reminded, terms, at, stage=stage, rule=rule, due_at=due_at, fired_at=at, cause=cause)
        return True

    def escalate(
        self, level: Level, stage: Stage, due_at: datetime, *, rule: str, terms: Terms, at: datetime, cause: str
    ) -> bool:
        """Climb a rung of the ladder; false where the stage has ended or the deadline was moved."""
        if not self._is_due(stage, due_at):
            return False
        self._tell(
            events.Escalated,
            terms,
            at,
            level=level,
            rule=rule,
            stage=stage,
            due_at=due_at,
            fired_at=at,
            cause=cause,
        )
        return True

    def recompute(self, terms: Terms, at: datetime, cause: int | str) -> bool:
        """Reckon the provisional deadlines anew under the calendar of `terms`; false where none runs."""
        dues = {
            stage: self._deadline(stage, self.started[stage], terms, self.difficulty)
            for stage in sorted(self.provisional)
            if stage in terms.policy.stages and self.runs(stage)
        }
        if not dues:
            return False
        version = terms.calendar.version
        self._tell(events.DueChanged, terms, at, dues=dues, calendar_version=version, cause=cause)
        return True

    def lapse(self, attempt: int, terms: Terms, at: datetime, cause: int | str) -> bool:
        """Let an unanswered link run out: ask again, or close as `unreachable`; false where it is no longer awaited."""
        if self.status != "verifying" or attempt != self.link or self.spent or self.below:
            return False
        if self.attempts + 1 >= terms.policy.verification_attempts:
            self._close("unreachable", terms, at, cause=cause)
        else:
            self._ask(terms, at, terms.due("verification", at).at, cause=cause)
        return True

    # What follows

    @property
    def _back(self) -> Literal["fixing", "reviewing"]:
        """Where more is to be done: at the fix, or at the explanation."""
        return "fixing" if self.disposition == "fix" else "reviewing"

    @property
    def _good(self) -> Outcome:
        """How it closes when the citizen is content."""
        return "fixed" if self.disposition == "fix" else "explained"

    def _tell(
        self,
        event_class: type[TicketEvent],
        terms: Terms,
        at: datetime,
        by: Account | None = None,
        dues: Mapping[Stage, Deadline] | None = None,
        **members: Any,
    ) -> None:
        self.trigger_event(
            event_class,
            by=by and by.actor,
            worked=terms.worked(self.entered_at, at) if self.is_open else 0,
            **_dues(dues or {}),
            **members,
            at=at,
        )

    def _new(self, terms: Terms, at: datetime, stage: Stage, *, again: bool = False) -> dict[Stage, Deadline]:
        """Return the deadline of a stage that begins; one that began in this round keeps its clock, unless `again`."""
        if stage not in terms.policy.stages or (self._clock(stage) and not again):
            return {}
        return {stage: terms.due(stage, at, self.difficulty)}

    def _clock(self, stage: Stage) -> datetime | None:
        """Return when a stage's clock began in this round, None where it did not."""
        start = self.started[stage] if stage in self.dues else None
        return start if start is not None and start >= self.began else None

    def _resumed(self, terms: Terms, at: datetime) -> dict[Stage, Deadline]:
        """Return the deadlines of the clocks that stood still for an appeal which is dismissed now."""
        if not self.stops or self.lodged_at is None:
            return {}
        stood = Limit(terms.calendar.working_days(day_of(self.lodged_at), day_of(at)))
        stages: tuple[Stage, ...] = ("review", "fix", "closing") if stood.days else ()
        hours = terms.policy.hours
        return {s: terms.calendar.deadline(self.dues[s], stood, hours) for s in stages if s in self.dues}

    def _deadline(self, stage: Stage, start: datetime, terms: Terms, difficulty: Difficulty) -> Deadline:
        """Return a stage's deadline from where its clock began, with the extensions and pauses that were granted."""
        deadline, calendar, hours = terms.due(stage, start, difficulty), terms.calendar, terms.policy.hours
        moves = [terms.policy.extension.limit] * self.extended[stage]
        for lodged, decided in self.stood:
            stood = calendar.working_days(day_of(lodged), day_of(decided))
            if start <= lodged and stood:
                moves.append(Limit(stood))
        for limit in moves:
            moved = calendar.deadline(deadline.at, limit, hours)
            deadline = Deadline(moved.at, deadline.provisional or moved.provisional)
        return deadline

    def _is_due(self, stage: Stage, due_at: datetime) -> bool:
        return self.runs(stage) and self.is_open and self.dues.get(stage) == due_at

    def _ask(self, terms: Terms, at: datetime, expires_at: datetime | None, cause: int | str | None = None) -> None:
        """Ask for a verdict: the citizen by a one-time link, an inspector to check again."""
        channel = "recheck" if self.source == "inspection" else "link"
        expires_at = None if channel == "recheck" else expires_at
        self._tell(
            events.VerificationSent,
            terms,
            at,
            channel=channel,
            attempt=self.link + 1,
            expires_at=expires_at,
            cause=cause,
        )

    def _verdict(self, by: Actor, terms: Terms, at: datetime, **members: Any) -> None:
        """Record a verdict and what follows: closed, reopened, or, where no round is left, escalated."""
        worked = terms.worked(self.entered_at, at)
        self.trigger_event(events.Verified, by=by, worked=worked, at=at, **members)
        match members["result"]:
            case "unsatisfied" | "failed" if self.rounds >= terms.policy.rounds:
                self._tell(events.Escalated, terms, at, level=FINAL, rule="rounds", stage=self.stage)
            case "unsatisfied" | "failed" as why:
                self._reopen(why, self._back, terms, at)
            case _:
                self._close(self._good, terms, at)

    def _reopen(
        self,
        why: str,
        to: Literal["fixing", "reviewing"],
        terms: Terms,
        at: datetime,
        *,
        by: Account | None = None,
        reason: TextReference | None = None,
    ) -> None:
        """Begin a further round: its deadlines start now."""
        begins: Stage = "fix" if to == "fixing" else "review"
        stages = [s for s, rule in terms.policy.stages.items() if rule.start == "opened" and s in ("fix", "closing")]
        dues = {s: terms.due(s, at, self.difficulty) for s in {*stages, begins} if s in terms.policy.stages}
        self._tell(events.Reopened, terms, at, by, dues, why=why, to=to, round=self.rounds + 1, reason=reason)

    def _close(self, outcome: Outcome, terms: Terms, at: datetime, cause: int | str | None = None) -> None:
        """办结; what was fixed or explained may be drawn for 回头看."""
        dues: dict[Stage, Deadline] = {}
        if outcome in {"fixed", "explained"} and self._is_drawn(terms):
            dues["look_back"] = terms.calendar.deadline(at, terms.policy.look_back.after, terms.policy.hours)
        self._tell(events.Closed, terms, at, None, dues, outcome=outcome, follows=self.version, cause=cause)

    def _is_drawn(self, terms: Terms) -> bool:
        """Draw by lot: the same for everybody who knows the installation's seed, foreseen by nobody else."""
        lot = hashlib.sha256(f"{terms.seed}|{self.id}|{self.version}".encode()).digest()
        return int.from_bytes(lot[:8]) % 100 < terms.policy.look_back.percent


def _dues(deadlines: Mapping[Stage, Deadline]) -> dict[str, Any]:
    """Return the members that an event has of deadlines."""
    return {
        "dues": {stage: deadline.at for stage, deadline in deadlines.items()},
        "provisional": tuple(stage for stage, deadline in deadlines.items() if deadline.provisional),
    }
