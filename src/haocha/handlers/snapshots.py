"""What a ticket keeps of its source: a rating, 追评 or contest, a complaint (投诉意见), or a finding (查评问题)."""

from typing import TypeAlias

from haocha.domain.codes import BAD_LEVELS
from haocha.domain.complaint import ComplaintReceived
from haocha.domain.inspection import FindingRecorded
from haocha.domain.rating import RatingContested, RatingSubmitted, RatingSupplemented
from haocha.domain.ticket_events import Snapshot, Source

Rated: TypeAlias = RatingSubmitted | RatingSupplemented | RatingContested
Fact: TypeAlias = Rated | ComplaintReceived | FindingRecorded

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
    match fact:
        case FindingRecorded():
            return _of_finding(fact)
        case ComplaintReceived():
            return _of_complaint(fact)
        case _:
            return _of_rating(fact)


def _of_finding(fact: FindingRecorded) -> Snapshot:
    return Snapshot(
        day=fact.found_on,
        received_at=fact.received_at,
        window=fact.window,
        staff=fact.staff,
        matter=fact.matter,
        dept=fact.dept,
        hall=fact.hall,
        area=fact.area,
        linked=fact.linked,
        subject=fact.subject,
        texts=fact.texts,
        standard=fact.standard,
        evidence=fact.evidence,
    )


def _of_complaint(fact: ComplaintReceived) -> Snapshot:
    return Snapshot(
        project_no=fact.project_no,
        service_number=fact.service_number,
        satisfaction=fact.satisfaction,
        day=fact.day,
        assess_time=fact.occurred_at,
        received_at=fact.received_at,
        window=fact.window,
        staff=fact.staff,
        matter=fact.matter,
        dept=fact.dept,
        hall=fact.hall,
        area=fact.area,
        linked=fact.linked,
        named=fact.named,
        subject=fact.subject,
        texts=fact.texts,
        kind=fact.kind,
    )


def _of_rating(rating: Rated) -> Snapshot:
    return Snapshot(
        project_no=rating.project_no,
        service_number=rating.service_number,
        satisfaction=rating.satisfaction,
        pf=rating.pf,
        day=rating.day,
        assess_time=rating.assess_time,
        received_at=rating.received_at,
        window=rating.window,
        staff=rating.staff,
        matter=rating.matter,
        dept=rating.dept,
        hall=rating.hall,
        area=rating.area,
        linked=rating.linked,
        eval_detail=rating.eval_detail,
        flags=rating.flags,
        named=rating.named,
        subject=rating.subject,
        texts=rating.texts,
    )
