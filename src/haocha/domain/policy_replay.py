"""What the on-time rates would have been under another policy: tickets' pasts told again, with other deadlines.

People did what they did, when they did it; only what it was due changes. Days are those of one calendar, the latest.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple, Self

import msgspec

from haocha.domain import policy
from haocha.domain import ticket_events as events
from haocha.domain import ticket_levels as levels
from haocha.domain.policy import Stage, Terms
from haocha.domain.ticket_course import TicketCourse
from haocha.domain.ticket_events import TicketEvent
from haocha.domain.ticket_state import TicketState, status_after
from haocha.domain.workdays import Deadline

STAGES: Final = tuple(stage for stage in policy.STAGES if stage != "look_back")
"""All but the look-back: another policy would have drawn other tickets."""


class Visit(NamedTuple):
    """One time that a ticket was in a stage: until when, None while it lasts, and what it was and would be due."""

    stage: Stage
    left_at: datetime | None
    due: datetime | None
    would_be_due: datetime | None
    left_by_contact: bool = False


class Rate(NamedTuple):
    """How many visits of a stage were due by now, and how many of these were on time: as it was, and as it would be."""

    due: int = 0
    on_time: int = 0
    would_be_due: int = 0
    would_be_on_time: int = 0

    def plus(self, was: bool | None, would_be: bool | None) -> Self:  # noqa: FBT001 (two answers to one question)
        """Count a visit: None where it was not due."""
        return self._replace(
            due=self.due + (was is not None),
            on_time=self.on_time + (was is True),
            would_be_due=self.would_be_due + (would_be is not None),
            would_be_on_time=self.would_be_on_time + (would_be is True),
        )


class Retold(TicketCourse):
    """A ticket whose events set the deadlines of other terms."""

    @classmethod
    def beginning(cls, event: events.Opened, terms: Terms) -> Self:
        """Begin as the stream began."""
        entered: Stage = "acceptance" if event.unit or event.below else "dispatch"
        dues = {
            stage: terms.due(stage, event.at)
            for stage, rule in terms.policy.stages.items()
            if stage == entered or rule.start == "opened"
        }
        return cls.begin(event.originator_id, _setting(event, dues))

    def retell(self, event: TicketEvent, terms: Terms) -> None:
        """Take the next event in, with the deadlines that these terms set."""
        if isinstance(event, events.ExtensionDecided) and event.granted and not self._may_extend(event.stage, terms):
            event = msgspec.structs.replace(event, granted=False)
        if isinstance(event, events.AppealLodged):
            event = msgspec.structs.replace(event, clock_stops=terms.policy.appeal_stops_clock)
        _setting(event, self._would_set(event, terms)).mutate(self)

    def _would_set(self, event: TicketEvent, terms: Terms) -> dict[Stage, Deadline]:  # noqa: C901, PLR0911 (one per kind)
        at = event.at
        match event:
            case events.Dispatched() | events.Transferred():
                return self._new(terms, at, "acceptance" if event.unit else "dispatch")
            case events.Accepted():
                return self._new(terms, at, "review")
            case events.Reviewed(disposition="fix"):
                start = self.started["fix"] if "fix" in self.dues and self.started["fix"] >= self.began else at
                return {"fix": self._deadline("fix", start, terms, event.difficulty)}
            case events.Reviewed() | events.FixSubmitted():
                return self._new(terms, at, "approval", again=True)
            case events.AppealLodged():
                return self._new(terms, at, "appeal", again=True)
            case events.AppealDecided(upheld=False) | levels.Overruled(dismisses=True):
                return self._resumed(terms, at)
            case levels.Reported():
                return self._followed(event.status, terms, at)
            case events.ExtensionDecided(granted=True):
                limit, hours = terms.policy.extension.limit, terms.policy.hours
                return {event.stage: terms.calendar.deadline(self.dues[event.stage], limit, hours)}
            case events.Approved():
                return self._new(terms, at, "verification", again=True)
            case events.Reopened():
                begins: Stage = "fix" if event.to == "fixing" else "review"
                rules = terms.policy.stages
                again = [s for s, rule in rules.items() if rule.start == "opened" and s in {"fix", "closing"}]
                return {stage: terms.due(stage, at, self.difficulty) for stage in {*again, begins}}
            case _:
                return {}

    def _may_extend(self, stage: Stage, terms: Terms) -> bool:
        rule = terms.policy.extension
        return stage in rule.stages and stage in self.dues and self.extended[stage] < rule.times


def visits(stream: Sequence[TicketEvent], terms: Terms) -> list[Visit]:
    """Tell one ticket's stream again under `terms`, and return every time it was in a stage."""
    opened, *later = stream
    if not isinstance(opened, events.Opened):
        raise TypeError(f"A ticket begins with {events.Opened.TOPIC}, not {opened}.")
    was, would = TicketState.begin(opened.originator_id, opened), Retold.beginning(opened, terms)
    found = []
    for event in later:
        running, dues, would_be = _running(was), dict(was.dues), dict(would.dues)
        visit_ends = status_after(event) not in (None, was.status)
        event.mutate(was)
        would.retell(event, terms)
        over = [stage for stage in running if stage not in _running(was) or (visit_ends and stage == running[0])]
        contacted = isinstance(event, events.Contacted)
        found += [Visit(stage, event.at, dues.get(stage), would_be.get(stage), contacted) for stage in over]
    found += [Visit(stage, None, was.dues.get(stage), would.dues.get(stage)) for stage in _running(was)]
    return found


def count(found: Iterable[Visit], now: datetime, rates: Mapping[Stage, Rate]) -> dict[Stage, Rate]:
    """Add visits to the rates of their stages."""
    counted = dict(rates)
    for visit in found:
        rate = counted.get(visit.stage, Rate())
        counted[visit.stage] = rate.plus(_on_time(visit, visit.due, now), _on_time(visit, visit.would_be_due, now))
    return counted


def _running(ticket: TicketState) -> list[Stage]:
    """Name the stages whose clocks run: first that of the status, then those beside it."""
    if not ticket.is_open:
        return []
    over = ticket.reached or ticket.rounds or ticket.below
    return [ticket.stage, "closing"] if over else [ticket.stage, "contact", "closing"]


def _on_time(visit: Visit, due: datetime | None, now: datetime) -> bool | None:
    """Say whether a visit was on time; None where it had no deadline, may still keep it, or ended for other reasons."""
    if due is None:
        return None
    if visit.left_at is None:
        return False if due < now else None
    if visit.stage == "contact" and not visit.left_by_contact and visit.left_at <= due:
        return None
    return visit.left_at <= due


def _setting(event: TicketEvent, dues: Mapping[Stage, Deadline]) -> Any:
    """Return the event with other deadlines."""
    return msgspec.structs.replace(event, dues={stage: due.at for stage, due in dues.items()}, provisional=())
