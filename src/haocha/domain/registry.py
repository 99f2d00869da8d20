"""The registry in memory: what a code named at a time, in microseconds, for the hot path of ingest.

`Registry` folds the events of all entries (`haocha.domain.entries`) and links a rating: each code is looked up within
its parent as it was at the time of the rating, and what cannot be resolved is kept as sent. A false link is worse than
none, so staff are never inferred from a window, and a bare number only links where exactly one entry can be meant.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

from haocha.domain.entries import KINDS, Period, history

AREA_LEVELS = (2, 2, 2, 3, 3)
"""Digits of province, city, county, township and village in an areaCode (GB/T 2260 and GB/T 10114)."""


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


class Registry:
    """All entries with their histories. `position` says up to where in the log it is true."""

    def __init__(self) -> None:
        """Start empty: every code is unknown."""
        self.position = 0
        self._periods: dict[str, dict[str, tuple[Period, ...]]] = {kind: {} for kind in KINDS}
        self._keys: dict[str, list[str]] = {}  # sorted, made when asked for
        # The bare number of a window, of staff and of a matter's item → the keys that end in it.
        self._numbers: dict[str, dict[str, list[str]]] = {kind: {} for kind in ("window", "staff", "matter")}

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
        entries[event.key] = history(former or (), event)
        self.position = max(self.position, position)

    def periods(self, kind: str, key: str) -> tuple[Period, ...]:
        """Return the history of an entry, oldest first; empty where it is unknown."""
        return self._periods[kind].get(key, ())

    def valid(self, kind: str, key: str, at: datetime) -> Period | None:
        """Return what held of an entry at a time."""
        for period in reversed(self._periods[kind].get(key, ())):
            if period.start <= at:
                return period if period.end is None or at < period.end else None
        return None

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
        """Link the codes of one rating, as they were at `at` (design: Events, `rating.submitted`)."""
        linked = True
        hall = sent.hall_code
        if hall:
            linked = self.valid("hall", hall, at) is not None
        window, window_found = self._window(sent, at)
        linked = linked and window_found
        window_dept = self._fact("window", window, at, "dept") if window_found else ""
        staff, staff_found = self._staff(sent, window_dept, at)
        linked = linked and staff_found
        if staff_found and staff and not window:
            seat = self._fact("staff", staff, at, "window")
            if seat and (not hall or seat.startswith(f"{hall}/")) and self.valid("window", seat, at):
                window = seat
                window_dept = self._fact("window", window, at, "dept")
        matter, matter_found = self._matter(sent, at)
        linked = linked and matter_found
        dept = sent.dept_code
        if dept:
            linked = linked and self.valid("org", dept, at) is not None
        else:
            dept = (
                (self._fact("matter", matter, at, "dept") if matter else "")
                or (staff.rpartition("/")[0] if staff_found else "")
                or window_dept
            )
        hall = hall or window.rpartition("/")[0] or sent.key_hall or self._fact("device", sent.device_no, at, "hall")
        return Resolved(window, staff, matter, dept, hall, self._area(sent.area_code, hall, dept, at), linked)

    def _window(self, sent: Sent, at: datetime) -> tuple[str, bool]:
        """Return the window and whether it is in the registry; a window that nobody named is ('', True)."""
        number = sent.window_no or sent.key_window
        hall = sent.hall_code or sent.key_hall
        device_window = self._fact("device", sent.device_no, at, "window") if sent.device_no else ""
        if not number:
            if device_window and (not hall or device_window.startswith(f"{hall}/")):
                return device_window, self.valid("window", device_window, at) is not None
            return "", True
        if hall:
            key = f"{hall}/{number}"
            return key, self.valid("window", key, at) is not None
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
        for key in self._numbers[kind].get(number, ()):
            period = self.valid(kind, key, at)
            if period is None or (prefix and not self._area_of(kind, key, period, at).startswith(prefix)):
                continue
            if found:
                return ""
            found = key
        return found

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
