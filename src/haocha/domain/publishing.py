"""Publishing rules: which event a document leads to, and what it would change; the same again is refused."""

from datetime import datetime
from typing import ClassVar, NamedTuple

import msgspec

from haocha.domain import calendar_document, policy_document
from haocha.domain.errors import Refusal
from haocha.domain.policy import DEFAULT_NAME, PolicyPublished, Rulebook
from haocha.domain.policy_document import Change
from haocha.domain.workdays import CalendarPublished


class NothingNew(Refusal):
    """What is to be published is in force already."""

    code: ClassVar[str] = "nothing_new"


class NotInForce(Refusal):
    """There is no such policy in force."""

    code: ClassVar[str] = "not_in_force"


class DefaultStays(Refusal):
    """The default policy is replaced, never withdrawn."""

    code: ClassVar[str] = "default_stays"


class PolicyPlan(NamedTuple):
    """A version to be published, its number in its stream, and how it differs from what holds for its scope now."""

    published: PolicyPublished
    number: int
    before: PolicyPublished
    changes: list[Change]


class CalendarPlan(NamedTuple):
    """A version of the calendar to be published, its number in its stream, and what it changes."""

    published: CalendarPublished
    number: int
    before: CalendarPublished
    changes: calendar_document.Changes


def policy(rulebook: Rulebook, document: policy_document.Document, *, by: str, at: datetime) -> PolicyPlan:
    """Plan the next version of a policy; raises `NothingNew`."""
    now = rulebook.head
    before = rulebook.named(document.name) or rulebook.policy_at(now, document.area, document.dept)
    if policy_document.of(before) == document:
        raise NothingNew(f"Policy {before.version} holds for the same and says the same.")
    number = 1 + sum(published.name == document.name for _, published in rulebook.policies)
    published = PolicyPublished(
        version=f"{document.name}-{number}",
        name=document.name,
        policy=document.policy,
        at=at,
        by=by,
        area=document.area,
        dept=document.dept,
    )
    scope = [
        Change(name, getattr(before, name), getattr(published, name))
        for name in ("area", "dept")
        if before.name == document.name and getattr(before, name) != getattr(published, name)
    ]
    changes = policy_document.changes(before.policy, document.policy)
    return PolicyPlan(published, number, before, scope + changes)


def withdrawal(rulebook: Rulebook, name: str, *, by: str, at: datetime) -> PolicyPlan:
    """Plan that a name holds for nobody from now on; raises `DefaultStays`, `NotInForce`."""
    if name == DEFAULT_NAME:
        raise DefaultStays("The default policy cannot be withdrawn: import another one in its place.")
    before = rulebook.named(name)
    if before is None:
        raise NotInForce(f"No policy {name} is in force.")
    number = 1 + sum(published.name == name for _, published in rulebook.policies)
    published = msgspec.structs.replace(before, version=f"{name}-{number}", withdrawn=True, by=by, at=at)
    return PolicyPlan(published, number, before, [])


def calendar(rulebook: Rulebook, document: calendar_document.Document, *, by: str, at: datetime) -> CalendarPlan:
    """Plan the next version of the calendar; raises `NothingNew`."""
    before = rulebook.calendars[-1][1]
    changes = calendar_document.changes(calendar_document.of(before), document)
    if not changes:
        raise NothingNew(f"Calendar {before.version} says the same.")
    number = len(rulebook.calendars) + 1
    published = CalendarPublished(
        version=f"CN-{number}",
        known_until=document.known_until,
        holidays=document.holidays,
        make_up_days=document.make_up_days,
        at=at,
        by=by,
    )
    return CalendarPlan(published, number, before, changes)
