"""Registry entries: departments, halls, windows, staff, matters and devices, each with its history of periods.

An entry says what holds from when to when (`valid_from` inclusive, `valid_to` exclusive). Nothing overwrites the log:
a member of staff who moves to another window has both periods, and a rating that comes a week late finds the former.
"""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from haocha.domain import ids
from haocha.domain.aggregate import Aggregate
from haocha.domain.errors import Refusal


class Facts(NamedTuple):
    """What a period says of its entry; codes of parents are keys of their kind ('' where there is none)."""

    name: str = ""
    area_code: str = ""
    parent: str = ""  # org: the department above
    hall: str = ""  # window, device: the hall it stands in
    window: str = ""  # staff, device: "hallCode/windowNo" where they sit, where it stands
    dept: str = ""  # window, staff, matter: the department


class Period(NamedTuple):
    """What held from `start` until `end`; `end` is None as long as nobody knows it."""

    start: datetime
    end: datetime | None
    facts: Facts


class InvalidPeriod(Refusal):
    """A period must end after it begins."""

    code = "invalid_period"


class NothingKnown(Refusal):
    """The entry has no period that could end then."""

    code = "nothing_known"


def with_period(periods: tuple[Period, ...], new: Period) -> tuple[Period, ...]:
    """Write `new` over a history and return the history.

    Without an `end`, `new` lasts until the next known period, else open. What held before goes on after its end, unless
    it said the same: then `new` says that this ends.
    """
    end = new.end or min((p.start for p in periods if p.start > new.start), default=None)
    before = [p if p.end and p.end <= new.start else p._replace(end=new.start) for p in periods if p.start < new.start]
    if end is None:
        return (*before, new)
    after = [
        period._replace(start=max(period.start, end))
        for period in periods
        if period.start >= end or ((period.end is None or period.end > end) and period.facts != new.facts)
    ]
    return (*before, new._replace(end=end), *after)


def until(periods: tuple[Period, ...], end: datetime) -> tuple[Period, ...]:
    """End a history at `end`."""
    return tuple(p if p.end and p.end <= end else p._replace(end=end) for p in periods if p.start < end)


def joined(periods: tuple[Period, ...]) -> tuple[Period, ...]:
    """Put neighbours that say the same into one: two histories say the same when this is equal."""
    whole: list[Period] = []
    for period in periods:
        if whole and whole[-1].end == period.start and whole[-1].facts == period.facts:
            whole[-1] = whole[-1]._replace(end=period.end)
        else:
            whole.append(period)
    return tuple(whole)


class Entry(Aggregate):
    """One department, hall, window, member of staff, matter or device."""

    def __base_init__(self, originator_id: UUID, originator_version: int, timestamp: datetime) -> None:
        """Begin without a key and a history: the first event brings both."""
        super().__base_init__(originator_id, originator_version, timestamp)
        self.key = ""
        self.periods: tuple[Period, ...] = ()

    class Created(Aggregate.Created, frozen=True, kw_only=True, omit_defaults=True):
        """The entry is there."""

        key: str
        by: str
        valid_from: datetime
        valid_to: datetime | None = None
        name: str = ""
        area_code: str = ""
        parent: str = ""
        hall: str = ""
        window: str = ""
        dept: str = ""

        def apply(self, aggregate: Any) -> None:
            """Begin the history."""
            super().apply(aggregate)
            aggregate.key = self.key
            aggregate.periods = history((), self)

    class Changed(Aggregate.Event, frozen=True, kw_only=True, omit_defaults=True):
        """From a time on something else holds; all members are said, changed or not."""

        key: str
        by: str
        valid_from: datetime
        valid_to: datetime | None = None
        name: str = ""
        area_code: str = ""
        parent: str = ""
        hall: str = ""
        window: str = ""
        dept: str = ""

        def apply(self, aggregate: Any) -> None:
            """Write the period into the history."""
            super().apply(aggregate)
            aggregate.periods = history(aggregate.periods, self)

    class Retired(Aggregate.Event, frozen=True, kw_only=True, omit_defaults=True):
        """The entry ends."""

        key: str
        by: str
        valid_to: datetime

        def apply(self, aggregate: Any) -> None:
            """Close the history."""
            super().apply(aggregate)
            aggregate.periods = history(aggregate.periods, self)

    @classmethod
    def register(cls, namespace: UUID, key: str, period: Period, *, by: str, at: datetime) -> "Entry":
        """Make the entry known with its first period."""
        _check(period)
        return cls._create(
            cls.Created,
            id=ids.registry_id(namespace, cls.TOPIC, key),
            key=key,
            valid_from=period.start,
            valid_to=period.end,
            by=by,
            at=at,
            **period.facts._asdict(),
        )

    def change(self, period: Period, *, by: str, at: datetime) -> bool:
        """Write `period` into the history and say whether that changed anything.

        Where only the end comes earlier the event is `Retired`, else `Changed`.
        """
        _check(period)
        after = joined(with_period(self.periods, period))
        if after == joined(self.periods):
            return False
        if period.end is not None and after == joined(until(self.periods, period.end)):
            return self.retire(period.end, by=by, at=at)
        self.trigger_event(
            type(self).Changed,
            key=self.key,
            valid_from=period.start,
            valid_to=period.end,
            by=by,
            at=at,
            **period.facts._asdict(),
        )
        return True

    def retire(self, end: datetime, *, by: str, at: datetime) -> bool:
        """End the entry at `end` and say whether that changed anything."""
        if until(self.periods, end) == self.periods:
            return False
        if not until(self.periods, end):
            raise NothingKnown(f"{self.TOPIC} {self.key} begins after {end}: nothing would be left of it.")
        self.trigger_event(type(self).Retired, key=self.key, valid_to=end, by=by, at=at)
        return True


def history(periods: tuple[Period, ...], event: Any) -> tuple[Period, ...]:
    """Evolve a history by one event: the same fold for an entry and for the registry in memory."""
    if isinstance(event, Entry.Retired):
        return until(periods, event.valid_to)
    facts = Facts(event.name, event.area_code, event.parent, event.hall, event.window, event.dept)
    return with_period(periods, Period(event.valid_from, event.valid_to, facts))


def _check(period: Period) -> None:
    if period.end is not None and period.end <= period.start:
        raise InvalidPeriod(f"A period must end after it begins, not from {period.start} to {period.end}.")


class Org(Entry):
    """部门: a department in the tree of departments; key deptCode."""

    TOPIC = "org"

    class Created(Entry.Created, frozen=True, kw_only=True):
        """A department is there."""

        TOPIC = "org.registered:v1"

    class Changed(Entry.Changed, frozen=True, kw_only=True):
        """A department is called otherwise, or stands elsewhere in the tree."""

        TOPIC = "org.changed:v1"

    class Retired(Entry.Retired, frozen=True, kw_only=True):
        """A department ends."""

        TOPIC = "org.retired:v1"


class Hall(Entry):
    """大厅: a service hall or a township's station; key hallCode."""

    TOPIC = "hall"

    class Created(Entry.Created, frozen=True, kw_only=True):
        """A hall is there."""

        TOPIC = "hall.registered:v1"

    class Changed(Entry.Changed, frozen=True, kw_only=True):
        """A hall is called otherwise, or lies in another area."""

        TOPIC = "hall.changed:v1"

    class Retired(Entry.Retired, frozen=True, kw_only=True):
        """A hall ends."""

        TOPIC = "hall.retired:v1"


class Window(Entry):
    """窗口: a window of a hall; key hallCode/windowNo, for "A01" is unique only in its hall."""

    TOPIC = "window"

    class Created(Entry.Created, frozen=True, kw_only=True):
        """A window is there."""

        TOPIC = "window.registered:v1"

    class Changed(Entry.Changed, frozen=True, kw_only=True):
        """A window is called otherwise, or belongs to another department."""

        TOPIC = "window.changed:v1"

    class Retired(Entry.Retired, frozen=True, kw_only=True):
        """A window ends."""

        TOPIC = "window.retired:v1"


class Staff(Entry):
    """人员: a member of staff; key deptCode/staffNo."""

    TOPIC = "staff"

    class Created(Entry.Created, frozen=True, kw_only=True):
        """A member of staff is there."""

        TOPIC = "staff.registered:v1"

    class Changed(Entry.Changed, frozen=True, kw_only=True):
        """A member of staff sits at another window, or is called otherwise."""

        TOPIC = "staff.changed:v1"

    class Retired(Entry.Retired, frozen=True, kw_only=True):
        """A member of staff ends."""

        TOPIC = "staff.retired:v1"


class Matter(Entry):
    """事项: what can be applied for; key taskCode, or taskCode/taskHandleItem for one of its items (业务办理项)."""

    TOPIC = "matter"

    class Created(Entry.Created, frozen=True, kw_only=True):
        """A matter is there."""

        TOPIC = "matter.registered:v1"

    class Changed(Entry.Changed, frozen=True, kw_only=True):
        """A matter is called otherwise, or belongs to another department."""

        TOPIC = "matter.changed:v1"

    class Retired(Entry.Retired, frozen=True, kw_only=True):
        """A matter ends."""

        TOPIC = "matter.retired:v1"


class Device(Entry):
    """设备: a pad, key pad or terminal; key deviceNo."""

    TOPIC = "device"

    class Created(Entry.Created, frozen=True, kw_only=True):
        """A device is there."""

        TOPIC = "device.registered:v1"

    class Changed(Entry.Changed, frozen=True, kw_only=True):
        """A device stands elsewhere, or is called otherwise."""

        TOPIC = "device.changed:v1"

    class Retired(Entry.Retired, frozen=True, kw_only=True):
        """A device ends."""

        TOPIC = "device.retired:v1"


KINDS: dict[str, type[Entry]] = {kind.TOPIC: kind for kind in (Org, Hall, Window, Staff, Matter, Device)}
"""Every kind by its name, parents before what refers to them."""

EVENTS = tuple(event for kind in KINDS.values() for event in (kind.Created, kind.Changed, kind.Retired))
