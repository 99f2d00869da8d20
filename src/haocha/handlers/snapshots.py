"""What a ticket keeps of its source: a rating, 追评, contest, complaint, finding (查评问题) or order (下发工单)."""

from typing import Any, TypeAlias

import msgspec

from haocha.domain.codes import BAD_LEVELS
from haocha.domain.complaint import ComplaintReceived
from haocha.domain.inspection import FindingRecorded
from haocha.domain.order import OrderIssued
from haocha.domain.rating import Rating, RatingContested, RatingSubmitted, RatingSupplemented
from haocha.domain.ticket_events import Snapshot, Source

Rated: TypeAlias = RatingSubmitted | RatingSupplemented | RatingContested
Fact: TypeAlias = Rated | ComplaintReceived | FindingRecorded | OrderIssued

PLACE = ("received_at", "window", "staff", "matter", "dept", "hall", "area", "linked", "subject", "texts")
CASE = ("project_no", "service_number", "satisfaction", "day", "named")
SOURCES: dict[str, Source] = {
    RatingSubmitted.TOPIC: "rating",
    RatingSupplemented.TOPIC: "supplement",
    RatingContested.TOPIC: "contested",
    ComplaintReceived.TOPIC: "complaint",
    FindingRecorded.TOPIC: "inspection",
    OrderIssued.TOPIC: "province",
}
FROM_PROVINCE = "fromProvince"
"""The flag of a ticket about a rating that never came to us."""


def is_source(fact: Fact) -> bool:
    """Say whether a ticket is to open: not where a complaint says satisfied, as a 综合点评 may.

    Nor for a contest that has the first's own content, from another client.
    """
    match fact:
        case RatingContested():
            return not fact.same
        case ComplaintReceived():
            return not fact.satisfaction or fact.satisfaction in BAD_LEVELS
        case _:
            return True


def unit_of(fact: Fact, held: Rating | None = None) -> str:
    """Return who is to put it right: whom the inspector named, else the department of the place or of the rating."""
    named = fact.unit if isinstance(fact, FindingRecorded) else ""
    return named or (held.current.dept if held else "") or fact.dept


def snapshot(fact: Fact, held: Rating | None = None) -> Snapshot:
    """Return what the ticket keeps of its source; `held` is the rating that an order is about, where we have it."""
    place = {name: getattr(fact, name) for name in PLACE}
    match fact:
        case OrderIssued():
            return _ordered(fact, place, held)
        case FindingRecorded():
            return Snapshot(**place, day=fact.found_on, standard=fact.standard, evidence=fact.evidence)
        case ComplaintReceived():
            return Snapshot(**place, **_case(fact), assess_time=fact.occurred_at, kind=fact.kind)
        case _:
            said: dict[str, Any] = {"pf": fact.pf, "eval_detail": fact.eval_detail, "flags": fact.flags}
            return Snapshot(**place, **_case(fact), **said, assess_time=fact.assess_time)


def _ordered(fact: OrderIssued, place: dict[str, Any], held: Rating | None) -> Snapshot:
    """Return what is kept of an order: what the platform says, and of a rating that we hold what it does not say."""
    said: dict[str, Any] = {"pf": fact.pf, "eval_detail": fact.eval_detail, "assess_time": fact.assess_time}
    case = _case(fact)
    if held is None:
        return Snapshot(**place, **case, **said, flags=(FROM_PROVINCE,))
    ours = held.fact
    place |= msgspec.structs.asdict(held.current) | {"linked": held.linked, "texts": ours.texts | fact.texts}
    if not fact.named:
        place["subject"] = ours.subject or fact.subject
    case |= {"satisfaction": fact.satisfaction or ours.satisfaction, "day": ours.day}
    said = {name: value or getattr(ours, name) for name, value in said.items()}
    return Snapshot(**place, **case | {"named": fact.named or ours.named}, **said)


def _case(fact: Rated | ComplaintReceived | OrderIssued) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in CASE}
