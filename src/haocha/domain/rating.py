"""A rating (评价): the fact that it came in, and what may be decided about it afterwards.

The first rating, a 追评 and a contest are plain facts, each the first event of its own stream. All that follows on a
rating's stream (link, finding, exclusion) is decided by the `Rating` aggregate, so that nothing happens twice.
"""

from datetime import date, datetime
from typing import Any, ClassVar, Self
from uuid import UUID

import msgspec
from eventsourcing.domain import event

from haocha.domain.aggregate import Aggregate, AggregateEvent
from haocha.domain.errors import Refusal
from haocha.domain.workdays import SHANGHAI


class TextReference(msgspec.Struct, frozen=True, rename="camel"):
    """What an event says of a free text: where it is, how long, and a keyed digest, so that a rewriting shows."""

    id: UUID
    length: int
    digest: str


class Dimensions(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Who and what was rated, with their ancestors as valid when it was made; '' where unknown.

    `window` is `hallCode/windowNo`, `staff` `deptCode/staffNo`; without the parent where that is unknown.
    """

    window: str = ""
    staff: str = ""
    matter: str = ""
    dept: str = ""
    hall: str = ""
    area: str = ""


class _Fact(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A rating as it came in: what was said, by whom it came, when, and the day it counts to."""

    project_no: str
    service_number: int = 1
    assess_number: int = 1
    satisfaction: int
    pf: str
    eval_detail: tuple[str, ...] = ()
    assess_time: datetime
    service_time: datetime | None = None
    received_at: datetime
    day: date
    flags: tuple[str, ...] = ()
    window: str = ""
    staff: str = ""
    matter: str = ""
    dept: str = ""
    hall: str = ""
    area: str = ""
    linked: bool
    registry_position: int = 0
    said: dict[str, str] = {}
    client: str
    key_kind: str
    presence: str = ""
    device_no: str = ""
    device_seq: int | None = None
    sent_at: datetime | None = None
    is_anonymity: str = ""
    named: bool = False
    user_prop: str = ""
    subject: UUID | None = None
    texts: dict[str, TextReference] = {}
    digest: str

    @property
    def counted_at(self) -> datetime:
        """When it is held to have been made: `assessTime`, corrected where the device said what its clock was off."""
        if "clock" in self.flags:
            return self.received_at
        if self.sent_at is not None and self.assess_time.astimezone(SHANGHAI).date() != self.day:
            return self.assess_time + (self.received_at - self.sent_at)
        return self.assess_time

    @property
    def dimensions(self) -> Dimensions:
        """Who and what it counts for."""
        return Dimensions(self.window, self.staff, self.matter, self.dept, self.hall, self.area)


class RatingSubmitted(_Fact, frozen=True, kw_only=True):
    """首次评价: the one rating of a case and service that counts."""

    TOPIC: ClassVar[str] = "rating.submitted:v1"


class RatingSupplemented(_Fact, frozen=True, kw_only=True):
    """追评: shown beside its `first`, in none of the five counts; it may come before its first."""

    TOPIC: ClassVar[str] = "rating.supplemented:v1"
    first: UUID


class RatingContested(_Fact, frozen=True, kw_only=True):
    """Another rating of a case and service already rated: kept, shown, in no rate.

    `first` is the stream it contests; `same`: its content is the first's, from another client.
    """

    TOPIC: ClassVar[str] = "rating.contested:v1"
    first: UUID
    same: bool = False


class AlreadyExcluded(Refusal):
    """A rating cannot be excluded twice."""

    code = "already_excluded"


class NotExcluded(Refusal):
    """Only an excluded rating can be reinstated."""

    code = "not_excluded"


class NothingNew(Refusal):
    """Linking would change nothing."""

    code = "nothing_new"


class Counted(AggregateEvent, frozen=True, kw_only=True):
    """An event that repeats what the rating counts for, its day and its level: folds never look back."""

    window: str
    staff: str
    matter: str
    dept: str
    hall: str
    area: str
    pf: str
    day: date
    satisfaction: int


class Rating(Aggregate):
    """A rating after its first event."""

    fact: _Fact
    current: Dimensions
    linked: bool
    excluded: bool
    findings: list[str]

    class Linked(AggregateEvent, frozen=True, kw_only=True):
        """What the registry now knows: −1 at `old`, +1 at `new`, among the excluded where `excluded`."""

        TOPIC: ClassVar[str] = "rating.linked:v1"
        old: Dimensions
        new: Dimensions
        linked: bool
        excluded: bool
        registry_position: int
        pf: str
        day: date
        satisfaction: int

    class Flagged(Counted, frozen=True, kw_only=True):
        """疑似异常: a finding by its code, for a person to decide."""

        TOPIC: ClassVar[str] = "rating.flagged:v1"
        finding: str
        detail: dict[str, str]

    class Excluded(Counted, frozen=True, kw_only=True):
        """不予采纳: `reason` is a code (误评 mistaken, 恶意 malicious, 不实 untrue), never a text."""

        TOPIC: ClassVar[str] = "rating.excluded:v1"
        by: str
        reason: str

    class Reinstated(Counted, frozen=True, kw_only=True):
        """An exclusion taken back."""

        TOPIC: ClassVar[str] = "rating.reinstated:v1"
        by: str
        reason: str

    @classmethod
    def begin(cls, originator_id: UUID, fact: _Fact) -> Self:
        """Start from the fact that is the stream's first event."""
        rating = cls.__new__(cls)
        rating.__base_init__(originator_id, 1, fact.received_at)
        rating.fact, rating.current, rating.linked = fact, fact.dimensions, fact.linked
        rating.excluded, rating.findings = False, []
        return rating

    def link(self, new: Dimensions, *, linked: bool, registry_position: int, at: datetime, cause: int | str) -> None:
        """Move the rating to what the registry now knows it was for."""
        if new == self.current and linked == self.linked:
            message = f"Rating {self.id} is linked to {new} already."
            raise NothingNew(message)
        self.trigger_event(
            self.Linked,
            old=self.current,
            new=new,
            linked=linked,
            excluded=self.excluded,
            registry_position=registry_position,
            pf=self.fact.pf,
            day=self.fact.day,
            satisfaction=self.fact.satisfaction,
            at=at,
            cause=cause,
        )

    def flag(self, finding: str, detail: dict[str, str], *, at: datetime, cause: int | str) -> None:
        """Raise a finding (疑似异常); it hides, delays and excludes nothing."""
        self._count(self.Flagged, finding=finding, detail=detail, at=at, cause=cause)

    def exclude(self, *, by: str, reason: str, at: datetime, cause: int | str | None = None) -> None:
        """Take the rating out of every rate (不予采纳); it stays counted as excluded."""
        if self.excluded:
            message = f"Rating {self.id} is excluded already; it can only be reinstated."
            raise AlreadyExcluded(message)
        self._count(self.Excluded, by=by, reason=reason, at=at, cause=cause)

    def reinstate(self, *, by: str, reason: str, at: datetime, cause: int | str | None = None) -> None:
        """Count an excluded rating again."""
        if not self.excluded:
            message = f"Rating {self.id} is not excluded; there is nothing to reinstate."
            raise NotExcluded(message)
        self._count(self.Reinstated, by=by, reason=reason, at=at, cause=cause)

    def _count(self, event_class: type[Counted], **members: Any) -> None:
        fact = self.fact
        self.trigger_event(
            event_class,
            **msgspec.structs.asdict(self.current),
            pf=fact.pf,
            day=fact.day,
            satisfaction=fact.satisfaction,
            **members,
        )

    @event(Linked)
    def _linked(self, new: Dimensions, linked: bool) -> None:  # noqa: FBT001 (the event's members)
        self.current, self.linked = new, linked

    @event(Flagged)
    def _flagged(self, finding: str) -> None:
        self.findings.append(finding)

    @event(Excluded)
    def _excluded(self) -> None:
        self.excluded = True

    @event(Reinstated)
    def _reinstated(self) -> None:
        self.excluded = False


EVENTS: tuple[type, ...] = (
    RatingSubmitted,
    RatingSupplemented,
    RatingContested,
    Rating.Linked,
    Rating.Flagged,
    Rating.Excluded,
    Rating.Reinstated,
)
