"""What a deadline leads to and when: reminders before it (预警), then rung after rung of the ladder (督办) behind it.

A warning point is a share of the stage's time: of its business time where the limit is in working days, else of the
clock's. A rung lies so many days behind the deadline, counted as every limit is; none of them is the deadline itself.
"""

from datetime import UTC, datetime, timedelta
from typing import Final, Literal, NamedTuple, get_args

from haocha.domain.policy import Difficulty, Level, Stage, Terms
from haocha.domain.workdays import ONE_DAY, SHANGHAI, Limit

INSTANT: Final = timedelta(microseconds=1)
LEVELS: Final[tuple[Level, ...]] = get_args(Level)
LOOK_BACK: Final = "look_back"


class Step(NamedTuple):
    """One thing that a deadline leads to, unless the stage ended before; `rule` names it for ever."""

    rule: str
    at: datetime
    level: Level | Literal[""] = ""
    """Of a rung; a warning has none."""

    @property
    def weight(self) -> int:
        """How grave it is."""
        return weight_of(self.rule)


def weight_of(rule: str) -> int:
    """Return how grave the step of a rule is: a warning 0, then the levels in their order."""
    return next((weight for weight, level in enumerate(LEVELS, start=1) if rule == f"ladder:{level}"), 0)


def steps(terms: Terms, stage: Stage, start: datetime, due: datetime, difficulty: Difficulty) -> list[Step]:
    """Return all steps of a deadline in their order; a look-back (回头看) is one, at the time itself."""
    if stage == "look_back":
        return [Step(LOOK_BACK, due)]
    rule = terms.policy.stages.get(stage)
    limit = rule.limit_for(difficulty) if rule is not None else None
    working = limit is not None and limit.unit == "working" and not limit.minutes
    found = [
        Step(f"warning:{share}", _share(terms, start, due, share, working=working)) for share in terms.policy.warnings
    ]
    found += [
        Step(f"ladder:{rung.level}", _behind(terms, due, rung.overdue), rung.level) for rung in terms.policy.ladder
    ]
    return sorted(found, key=lambda step: (step.at, step.weight))


def _behind(terms: Terms, due: datetime, overdue: Limit) -> datetime:
    """Return when a deadline is so much overdue."""
    if overdue.minutes or not overdue.days:
        return due + timedelta(minutes=overdue.minutes or 0)
    # The instant of a deadline belongs to the day that it ends, also where that is midnight.
    return terms.calendar.deadline(due - INSTANT, overdue, terms.policy.hours).at


def _share(terms: Terms, start: datetime, due: datetime, share: int, *, working: bool) -> datetime:
    """Return when so many per cent of the time between two instants are over."""
    if due <= start:
        return due
    minutes = terms.worked(start, due) * share // 100
    return _worked_until(terms, start, due, minutes) if working else start + (due - start) * share / 100


def _worked_until(terms: Terms, start: datetime, due: datetime, minutes: int) -> datetime:
    """Return when so many business minutes from `start` have gone, at the latest `due`."""
    left, day = timedelta(minutes=minutes), start.astimezone(SHANGHAI).date()
    while True:
        for span in terms.policy.hours if terms.calendar.is_working(day) else ():
            opening = max(start, datetime.combine(day, span.start, SHANGHAI))
            closing = datetime.combine(day, span.end, SHANGHAI)
            if opening + left <= closing:
                return min(due, (opening + left).astimezone(UTC))
            left -= max(timedelta(), closing - opening)
        day += ONE_DAY
