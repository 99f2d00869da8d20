"""A ticket (工单): every command of people about it. A command guards, then tells one event and what follows from it.

Closing is never a command: it follows from a verdict, an upheld appeal, a merger, or attempts that nobody answered.
State is in `ticket_state`, who may do what in `ticket_guards`, what needs no person in `ticket_course`.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, Literal

from haocha.domain import ticket_events as events
from haocha.domain import ticket_guards as guards
from haocha.domain import ticket_refusals as refusals
from haocha.domain.account import Account
from haocha.domain.policy import Difficulty, Stage, Terms
from haocha.domain.rating import TextReference
from haocha.domain.ticket_course import TicketClosed, TicketCourse
from haocha.domain.ticket_events import Actor, Evidence, Status
from haocha.domain.ticket_state import STATUSES, day_of, status_after
from haocha.domain.workdays import Deadline

__all__ = ["STATUSES", "Status", "Ticket", "TicketClosed", "status_after"]

CITIZEN: Final = Actor(role="citizen")
SATISFIED: Final = 3  # 基本满意 and better


class Ticket(TicketCourse):
    """A ticket, and what may be decided about it."""

    def allowed(self, by: Account, terms: Terms, at: datetime) -> tuple[str, ...]:
        """Name the commands that this person may give now."""
        return tuple(name for name in guards.COMMANDS if guards.refusal(self, name, by, terms, at) is None)

    # The way through the unit

    def dispatch(
        self, by: Account, terms: Terms, at: datetime, *, unit: str, note: TextReference | None = None
    ) -> None:
        """派单: give a ticket without a unit to one."""
        guards.dispatch(self, by, terms, at)
        self._tell(events.Dispatched, terms, at, by, self._new(terms, at, "acceptance"), unit=unit, note=note)

    def accept(self, by: Account, terms: Terms, at: datetime) -> None:
        """签收: take the ticket on."""
        guards.accept(self, by, terms, at)
        self._tell(events.Accepted, terms, at, by, self._new(terms, at, "review"))

    def transfer(self, by: Account, terms: Terms, at: datetime, *, unit: str, reason: TextReference) -> None:
        """改派, or 退单 to the triage queue where `unit` is ''; every clock runs on."""
        guards.transfer(self, by, terms, at)
        if unit == self.unit:
            raise refusals.SameUnit(f"Ticket {self.number} is with {unit} already.")
        new = self._new(terms, at, "acceptance" if unit else "dispatch")
        self._tell(events.Transferred, terms, at, by, new, previous=self.unit, unit=unit, reason=reason)

    def contact(
        self, by: Account, terms: Terms, at: datetime, *, channel: str, reached: bool, note: TextReference | None = None
    ) -> None:
        """联系: record one attempt; after the policy's number of unanswered calls for a verdict it closes."""
        guards.contact(self, by, terms, at)
        verifying = self.status == "verifying"
        self._tell(
            events.Contacted,
            terms,
            at,
            by,
            purpose="verification" if verifying else "review",
            channel=channel,
            attempt=(self.unanswered if verifying else self.contacts) + 1,
            reached=reached,
            note=note,
        )
        if verifying and self.attempts >= terms.policy.verification_attempts and not self.below:
            self._close("unreachable", terms, at)

    def review(
        self,
        by: Account,
        terms: Terms,
        at: datetime,
        *,
        verdict: Literal["substantiated", "partly", "unsubstantiated"],
        ground: str,
        disposition: Literal["fix", "explain"],
        finding: TextReference,
        difficulty: Difficulty = "general",
        basis: TextReference | None = None,
        evidence: tuple[Evidence, ...] = (),
    ) -> None:
        """核实: say whether it is true, why it came to this, how hard it is, and whether to fix or to explain."""
        guards.review(self, by, terms, at)
        if disposition == "explain":
            if basis is None:
                raise refusals.BasisMissing(f"Ticket {self.number}: an explanation needs the legal basis.")
            dues = self._new(terms, at, "approval", again=True)
        else:
            dues = {"fix": self._deadline("fix", self._clock("fix") or at, terms, difficulty)}
        self._tell(
            events.Reviewed,
            terms,
            at,
            by,
            dues,
            verdict=verdict,
            ground=ground,
            difficulty=difficulty,
            disposition=disposition,
            finding=finding,
            basis=basis,
            evidence=evidence,
        )

    def request_extension(
        self, by: Account, terms: Terms, at: datetime, *, reason: TextReference, stage: Stage | None = None
    ) -> None:
        """延期申请, before the deadline; for the first extendable stage whose clock runs where none is named."""
        guards.request_extension(self, by, terms, at)
        rule = terms.policy.extension
        wanted = stage or next(stage for stage in rule.stages if self.runs(stage))
        if wanted not in rule.stages or not self.runs(wanted) or wanted not in self.dues:
            raise refusals.NotExtendable(f"{wanted} of ticket {self.number} cannot be extended now.")
        if self.extended[wanted] >= rule.times:
            raise refusals.ExtensionsSpent(f"{wanted} of ticket {self.number} was extended {rule.times} times already.")
        if at > self.dues[wanted]:
            raise refusals.AlreadyOverdue(
                f"{wanted} of ticket {self.number} was due {self.dues[wanted]:%Y-%m-%d %H:%M}."
            )
        self._tell(events.ExtensionRequested, terms, at, by, stage=wanted, limit=rule.limit, reason=reason)

    def decide_extension(
        self, by: Account, terms: Terms, at: datetime, *, granted: bool, reason: TextReference | None = None
    ) -> None:
        """延期审批: granted, the deadline moves by the policy's limit from where it was."""
        guards.decide_extension(self, by, terms, at)
        stage = self.extension
        assert stage is not None  # noqa: S101 (the guard said so)
        moved = terms.calendar.deadline(self.dues[stage], terms.policy.extension.limit, terms.policy.hours)
        dues: dict[Stage, Deadline] = {stage: moved} if granted else {}
        self._tell(events.ExtensionDecided, terms, at, by, dues, stage=stage, granted=granted, reason=reason)

    def fix(
        self,
        by: Account,
        terms: Terms,
        at: datetime,
        *,
        measures: TextReference | None,
        responsible: str,
        evidence: tuple[Evidence, ...],
    ) -> None:
        """整改: report what was done, who answers for it, and show it."""
        guards.fix(self, by, terms, at)
        if measures is None or not responsible:
            raise refusals.MeasuresMissing(f"Ticket {self.number}: a fix needs its measures and who is responsible.")
        if not evidence:
            raise refusals.EvidenceMissing(f"Ticket {self.number}: a fix needs at least one piece of evidence.")
        dues = self._new(terms, at, "approval", again=True)
        self._tell(
            events.FixSubmitted,
            terms,
            at,
            by,
            dues,
            round=self.rounds + 1,
            measures=measures,
            responsible=responsible,
            evidence=evidence,
        )

    # Appeal

    def lodge_appeal(
        self,
        by: Account,
        terms: Terms,
        at: datetime,
        *,
        ground: Literal["mistaken", "malicious", "untrue"],
        reason: TextReference,
        evidence: tuple[Evidence, ...] = (),
    ) -> None:
        """申诉: the unit holds that the rating should not count."""
        guards.appeal(self, by, terms, at)
        self._tell(
            events.AppealLodged,
            terms,
            at,
            by,
            self._new(terms, at, "appeal", again=True),
            ground=ground,
            reason=reason,
            evidence=evidence,
            clock_stops=terms.policy.appeal_stops_clock,
        )

    def decide_appeal(self, by: Account, terms: Terms, at: datetime, *, upheld: bool, reason: TextReference) -> None:
        """复核: upheld, the ticket closes as `excluded`; dismissed, the review goes on."""
        guards.decide_appeal(self, by, terms, at)
        dues = {} if upheld else self._resumed(terms, at)
        self._tell(events.AppealDecided, terms, at, by, dues, upheld=upheld, reason=reason)
        if upheld:
            self._close("excluded", terms, at)

    def reinstate(self, by: Account, terms: Terms, at: datetime, *, reason: TextReference) -> None:
        """恢复采纳: the rating counts again, and its review begins anew."""
        guards.reinstate(self, by, terms, at)
        self._reopen("reinstated", "reviewing", terms, at, by=by, reason=reason)

    # Approval and the citizen's verdict

    def give_back(self, by: Account, terms: Terms, at: datetime, *, reason: TextReference) -> None:
        """退回: a fix goes back to fixing, an explanation to reviewing; the clock is the old one."""
        guards.approve(self, by, terms, at)
        self._tell(events.Returned, terms, at, by, to=self._back, reason=reason)

    def approve(self, by: Account, terms: Terms, at: datetime, *, note: TextReference | None = None) -> None:
        """审核通过: and ask the citizen, or the inspector, for his verdict."""
        guards.approve(self, by, terms, at)
        dues = self._new(terms, at, "verification", again=True)
        self._tell(events.Approved, terms, at, by, dues, note=note)
        self._ask(terms, at, dues["verification"].at if dues else None)

    def verify(
        self,
        by: Account,
        terms: Terms,
        at: datetime,
        *,
        result: Literal["satisfied", "unsatisfied", "informed", "passed", "failed"],
        satisfaction: int = 0,
        comment: TextReference | None = None,
        evidence: tuple[Evidence, ...] = (),
    ) -> None:
        """回访: record what the citizen said on the phone, or what the inspector found."""
        guards.verify(self, by, terms, at)
        if self.source == "inspection":
            right: Sequence[str] = ("passed", "failed")
        else:
            right = ("satisfied", "unsatisfied") if self.disposition == "fix" else ("informed", "unsatisfied")
        if result not in right or (satisfaction and (satisfaction >= SATISFIED) == (result == "unsatisfied")):
            raise refusals.WrongResult(f"Ticket {self.number}: {result} at level {satisfaction}; expected {right}.")
        channel = "recheck" if self.source == "inspection" else "call"
        self._verdict(
            by.actor,
            terms,
            at,
            channel=channel,
            result=result,
            satisfaction=satisfaction,
            comment=comment,
            evidence=evidence,
        )

    def verify_by_citizen(
        self, attempt: int, terms: Terms, at: datetime, *, satisfaction: int, comment: TextReference | None = None
    ) -> None:
        """Take the verdict given through the one-time link of that attempt."""
        if self.status != "verifying" or attempt != self.link or self.spent or self.source == "inspection":
            raise refusals.LinkUsed(f"Attempt {attempt} of ticket {self.number} is not the one that is awaited.")
        if self.link_expires_at is not None and at > self.link_expires_at:
            raise refusals.LinkLapsed(f"Attempt {attempt} of ticket {self.number} ended {self.link_expires_at}.")
        good = "satisfied" if self.disposition == "fix" else "informed"
        result = good if satisfaction >= SATISFIED else "unsatisfied"
        self._verdict(CITIZEN, terms, at, channel="link", result=result, satisfaction=satisfaction, comment=comment)

    # Supervision

    def remind(self, by: Account, terms: Terms, at: datetime, *, note: TextReference | None = None) -> None:
        """催办, by a person."""
        guards.remind(self, by, terms, at)
        self._tell(events.Reminded, terms, at, by, stage=self.stage, note=note)

    def reopen(self, by: Account, terms: Terms, at: datetime, *, reason: TextReference) -> None:
        """督办重开."""
        guards.reopen(self, by, terms, at)
        self._reopen("supervised", self._back, terms, at, by=by, reason=reason)

    def merge(
        self, by: Account, terms: Terms, at: datetime, *, into: "Ticket | None", reason: TextReference | None = None
    ) -> None:
        """合并 into a related open ticket; this one closes."""
        guards.merge(self, by, terms, at)
        if into is None or into.id not in self.related or not into.is_open:
            raise refusals.NotRelated(f"Ticket {self.number} is merged only into an open ticket that it is related to.")
        self._tell(events.Merged, terms, at, by, into=into.id, into_number=into.number, reason=reason)
        self._close("merged", terms, at)

    def look_back(
        self,
        by: Account,
        terms: Terms,
        at: datetime,
        *,
        result: Literal["holds", "recurred"],
        note: TextReference | None = None,
        evidence: tuple[Evidence, ...] = (),
    ) -> None:
        """回头看: say whether the fix holds; a problem that recurred reopens the ticket."""
        guards.look_back(self, by, terms, at)
        draw = f"{day_of(self.closed_at):%Y-%m}" if self.closed_at else ""
        self._tell(events.LookedBack, terms, at, by, draw=draw, result=result, note=note, evidence=evidence)
        if result == "recurred":
            self._reopen("recurred", "fixing", terms, at, by=by)
