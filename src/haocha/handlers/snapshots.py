"""What a ticket keeps of its source: a rating, 追评 or contest, a complaint (投诉意见), or a finding (查评问题)."""

from typing import Any, TypeAlias

from haocha.domain.codes import BAD_LEVELS
from haocha.domain.complaint import ComplaintReceived
from haocha.domain.inspection import FindingRecorded
from haocha.domain.rating import RatingContested, RatingSubmitted, RatingSupplemented
from haocha.domain.ticket_events import Snapshot, Source

Rated: TypeAlias = RatingSubmitted | RatingSupplemented | RatingContested
Fact: TypeAlias = Rated | ComplaintReceived | FindingRecorded

PLACE = ("received_at", "window", "staff", "matter", "dept", "hall", "area", "linked", "subject", "texts")
CASE = ("project_no", "service_number", "satisfaction", "day", "named")
SOURCES: dict[str, Source] = {
    RatingSubmitted.TOPIC: "rating",
    RatingSupplemented.TOPIC: "supplement",
    RatingContested.TOPIC: "contested",
    ComplaintReceived.TOPIC: "complaint",
    FindingRecorded.TOPIC: "inspection",
}


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


def unit_of(fact: Fact) -> str:
    """Return who is to put it right: whom the inspector named, else the place's department."""
    return (fact.unit if isinstance(fact, FindingRecorded) else "") or fact.dept


def snapshot(fact: Fact) -> Snapshot:
    """Return what the ticket keeps of its source."""
    place = {name: getattr(fact, name) for name in PLACE}
    match fact:
        case FindingRecorded():
            return Snapshot(**place, day=fact.found_on, standard=fact.standard, evidence=fact.evidence)
        case ComplaintReceived():
            return Snapshot(**place, **_case(fact), assess_time=fact.occurred_at, kind=fact.kind)
        case _:
            said: dict[str, Any] = {"pf": fact.pf, "eval_detail": fact.eval_detail, "flags": fact.flags}
            return Snapshot(**place, **_case(fact), **said, assess_time=fact.assess_time)


def _case(fact: Rated | ComplaintReceived) -> dict[str, Any]:
    return {name: getattr(fact, name) for name in CASE}
