"""The registry in memory: what a code named at a time, in microseconds, for the hot path of ingest.

`Registry` folds the events of all entries (`haocha.domain.entries`) and links a rating: each code is looked up within
its parent as it was at the time of the rating, and what cannot be resolved is kept as sent. A false link is worse than
none, so staff are never inferred from a window, and a bare number only links where exactly one entry can be meant.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple, TypeVar

from haocha.domain.entries import KINDS, Period, history

AREA_LEVELS = (2, 2, 2, 3, 3)
"""Digits of province, city, county, township and village in an areaCode (GB/T 2260 and GB/T 10114)."""

LONGEST_MATTER = 200
"""Lengths of task codes are not checked when they come in; so much of one it counts under."""
REMEMBERED = 20_000
"""Answers kept of each sort: to the same codes in the same era, and which entries of a number lie in an area."""


class Sent(NamedTuple):
    """The codes that came with a rating or service record, '' where absent; `key_*` is what the API key is bound to."""

    window_no: str = ""
    staff_no: str = ""
    task_code: str = ""
    task_handle_item: str = ""
    dept_code: str = ""
    hall_code: str = ""
    area_code: str = ""
    device_no: str = ""
    key_hall: str = ""
    key_window: str = ""


class Resolved(NamedTuple):
    """The dimensions a rating counts under, '' where unknown; `linked` when every code sent was found."""

    window: str
    staff: str
    matter: str
    dept: str
    hall: str
    area: str
    linked: bool


@lru_cache(4096)
def area_prefix(code: str) -> str:
    """Return the digits that all codes within an area begin with: its empty lower levels dropped."""
    end = sum(AREA_LEVELS)
    if len(code) != end:
        return code
    for digits in reversed(AREA_LEVELS):
        if code[end - digits : end].strip("0"):
            break
        end -= digits
    return code[:end]


class _Place(NamedTuple):
    """Window and staff as found, the department and hall they give, and whether every code was found."""

    window: str
    staff: str
    dept: str
    hall: str
    found: bool


class _Subject(NamedTuple):
    """A matter as found, and its department."""

    key: str
    dept: str
    found: bool


Found = TypeVar("Found")


def _remember(memory: dict[tuple[Any, ...], Found], key: tuple[Any, ...], found: Found) -> Found:
    if len(memory) >= REMEMBERED:
        memory.clear()
    memory[key] = found
    return found


def _edges(entry: tuple[Period, ...]) -> Iterator[datetime]:
    for period in entry:
        yield period.start
        if period.end is not None:
            yield period.end


class Registry:
    """All entries with their histories. `position` says up to where in the log it is true."""

    def __init__(self) -> None:
        """Start empty: every code is unknown."""
        self.position = 0
        self._periods: dict[str, dict[str, tuple[Period, ...]]] = {kind: {} for kind in KINDS}
        self._instants: list[datetime] | None = None  # at which anything begins or ends, in order; made when asked for
        self._places: dict[tuple[Any, ...], _Place] = {}
        self._subjects: dict[tuple[Any, ...], _Subject] = {}
        self._keys: dict[str, list[str]] = {}  # sorted, made when asked for
        # The bare number of a window, of staff and of a matter's item → the keys that end in it.
        self._numbers: dict[str, dict[str, list[str]]] = {kind: {} for kind in ("window", "staff", "matter")}
        self._nearby: dict[tuple[str, str, str], list[str]] = {}

    def apply(self, event: Any, position: int = 0) -> None:
        """Take in one registry event; `position` is where it stands in the log."""
        kind = event.TOPIC.partition(".")[0]
        entries = self._periods[kind]
        former = entries.get(event.key)
        if former is None:
            self._keys.pop(kind, None)
            if kind in self._numbers:
                number = event.key.partition("/")[2]
                self._numbers[kind].setdefault(number, []).append(event.key)
        self._nearby.clear()
        entries[event.key] = history(former or (), event)
        self._instants = None
        self._places.clear()
        self._subjects.clear()
        self.position = max(self.position, position)

    def periods(self, kind: str, key: str) -> tuple[Period, ...]:
        """Return the history of an entry, oldest first; empty where it is unknown."""
        return self._periods[kind].get(key, ())

    def valid(self, kind: str, key: str, at: datetime) -> Period | None:
        """Return what held of an entry at a time."""
        periods = self._periods[kind].get(key)
        if not periods:
            return None
        period = periods[-1]
        if period.start > at:  # rarely: a late rating
            before = [earlier for earlier in periods if earlier.start <= at]
            if not before:
                return None
            period = before[-1]
        return period if period.end is None or at < period.end else None

    def name(self, kind: str, key: str, at: datetime | None = None) -> str | None:
        """Return the name at a time, or the latest one where no time is given."""
        if at is not None:
            period = self.valid(kind, key, at)
            return period.facts.name if period else None
        periods = self._periods[kind].get(key)
        return periods[-1].facts.name if periods else None

    def count(self, kind: str) -> int:
        """Return how many entries of a kind were ever there."""
        return len(self._periods[kind])

    def keys(self, kind: str, after: str = "") -> Iterator[str]:
        """Go through the keys of a kind in order, those after `after`."""
        keys = self._keys.get(kind)
        if keys is None:
            keys = self._keys[kind] = sorted(self._periods[kind])
        return islice(keys, bisect_right(keys, after), None)

    def resolve(self, sent: Sent, at: datetime) -> Resolved:
        """Link the codes of one rating, as they were at `at` (design: Events, `rating.submitted`).

        Between two instants at which anything in the registry begins or ends, the same codes mean the same: what they
        were found to mean is remembered, the place and the matter apart, because any matter comes up at any window.
        """
        if self._instants is None:
            self._instants = sorted(
                {at for kind in self._periods.values() for entry in kind.values() for at in _edges(entry)}
            )
        era = bisect_right(self._instants, at)
        place = self._place(sent, at, (era, sent.window_no, sent.staff_no, *sent[4:]))
        matter = self._subject(sent, at, (era, sent.task_code, sent.task_handle_item, sent.area_code))
        dept = sent.dept_code or matter.dept or place.dept
        area = self._area(sent.area_code, place.hall, dept, at)
        return Resolved(place.window, place.staff, matter.key, dept, place.hall, area, place.found and matter.found)

    def _place(self, sent: Sent, at: datetime, key: tuple[Any, ...]) -> "_Place":
        """Return where and by whom one was served."""
        known = self._places.get(key)
        if known is not None:
            return known
        hall = sent.hall_code
        window, window_found = self._window(sent, at)
        window_dept = self._fact("window", window, at, "dept") if window_found else ""
        staff, staff_found = self._staff(sent, window_dept, at)
        if staff_found and staff and not window:
            seat = self._fact("staff", staff, at, "window")
            if seat and (not hall or seat.startswith(f"{hall}/")) and self.valid("window", seat, at):
                window = seat
                window_dept = self._fact("window", window, at, "dept")
        codes_found = all(
            not code or self.valid(kind, code, at) is not None
            for kind, code in (("hall", hall), ("org", sent.dept_code))
        )
        place = _Place(
            window,
            staff,
            (staff.rpartition("/")[0] if staff_found else "") or window_dept,
            hall or window.rpartition("/")[0] or sent.key_hall or self._fact("device", sent.device_no, at, "hall"),
            window_found and staff_found and codes_found,
        )
        return _remember(self._places, key, place)

    def _subject(self, sent: Sent, at: datetime, key: tuple[Any, ...]) -> "_Subject":
        """Return what one was served on."""
        known = self._subjects.get(key)
        if known is not None:
            return known
        matter, found = self._matter(sent, at)
        dept = self._fact("matter", matter, at, "dept") if matter else ""
        return _remember(self._subjects, key, _Subject(matter[:LONGEST_MATTER], dept, found))

    def _window(self, sent: Sent, at: datetime) -> tuple[str, bool]:
        """Return the window and whether it is in the registry; a window that nobody named is ('', True)."""
        number = sent.window_no or sent.key_window
        hall = sent.hall_code or sent.key_hall
        if number and hall:
            key = f"{hall}/{number}"
            return key, self.valid("window", key, at) is not None
        device_window = self._fact("device", sent.device_no, at, "window")
        if not number:
            if device_window and (not hall or device_window.startswith(f"{hall}/")):
                return device_window, self.valid("window", device_window, at) is not None
            return "", True
        beside_device = device_window.rpartition("/")[0] or self._fact("device", sent.device_no, at, "hall")
        if beside_device and self.valid("window", f"{beside_device}/{number}", at):
            return f"{beside_device}/{number}", True
        only = self._only("window", number, sent.area_code, at)
        return only or number, bool(only)

    def _staff(self, sent: Sent, window_dept: str, at: datetime) -> tuple[str, bool]:
        number = sent.staff_no
        if not number:
            return "", True
        if sent.dept_code:
            key = f"{sent.dept_code}/{number}"
            return key, self.valid("staff", key, at) is not None
        if window_dept and self.valid("staff", f"{window_dept}/{number}", at):
            return f"{window_dept}/{number}", True
        only = self._only("staff", number, sent.area_code, at)
        return only or number, bool(only)

    def _matter(self, sent: Sent, at: datetime) -> tuple[str, bool]:
        """Return the item (业务办理项) where it is registered, else its matter, else the code as sent."""
        code, item = sent.task_code, sent.task_handle_item
        if code and item and self.valid("matter", f"{code}/{item}", at):
            return f"{code}/{item}", True
        if code:
            return code, self.valid("matter", code, at) is not None
        if not item:
            return "", True
        only = self._only("matter", item, sent.area_code, at)
        return only or item, bool(only)

    def _only(self, kind: str, number: str, area_code: str, at: datetime) -> str:
        """Return the one key with this number that is valid in the area, '' where there is none or more than one."""
        prefix = area_prefix(area_code)
        found = ""
        for key in self._near(kind, number, prefix) if prefix else self._numbers[kind].get(number, ()):
            period = self.valid(kind, key, at)
            if period is None or not self._area_of(kind, key, period, at).startswith(prefix):
                continue
            if found:
                return ""
            found = key
        return found

    def _near(self, kind: str, number: str, prefix: str) -> list[str]:
        """Return the keys with this number that ever lay in the area: few, where a province has hundreds of "A01"."""
        near = self._nearby.get((kind, number, prefix))
        if near is None:
            if len(self._nearby) >= REMEMBERED:
                self._nearby.clear()
            near = self._nearby[kind, number, prefix] = [
                key
                for key in self._numbers[kind].get(number, ())
                if any(area.startswith(prefix) for area in self._areas(kind, key))
            ]
        return near

    def _areas(self, kind: str, key: str) -> set[str]:
        """Return all areas in which an entry ever lay, by itself or with its hall or department."""
        periods = self.periods(kind, key)
        parent = key.partition("/")[0]
        parents = {("hall", parent)} if kind == "window" else {("org", parent)} if kind == "staff" else set()
        if kind == "matter":
            parents = {("org", period.facts.dept) for period in periods}
        around = (period for parent in parents for period in self.periods(*parent))
        return {period.facts.area_code for period in (*periods, *around)}

    def _area_of(self, kind: str, key: str, period: Period, at: datetime) -> str:
        """Return the area of an entry: its own, else its hall's or department's."""
        if period.facts.area_code:
            return period.facts.area_code
        if kind == "window":
            return self._fact("hall", key.partition("/")[0], at, "area_code")
        dept = key.partition("/")[0] if kind == "staff" else period.facts.dept
        return self._fact("org", dept, at, "area_code")

    def _area(self, sent: str, hall: str, dept: str, at: datetime) -> str:
        """Return the area: as sent where the hall or department lies around it, else theirs, else as sent."""
        known = (hall and self._fact("hall", hall, at, "area_code")) or (
            dept and self._fact("org", dept, at, "area_code")
        )
        if not known or sent.startswith(area_prefix(known)):
            return sent or known
        return known

    def _fact(self, kind: str, key: str, at: datetime, member: str) -> str:
        period = self.valid(kind, key, at) if key else None
        return getattr(period.facts, member) if period else ""
