"""What of one peer's outbox is in hand: which rows go out next, never two of a case at once.

Pure bookkeeping. The oldest go first; but of every few calls one takes what has just come, so that a day's backlog does
not keep today waiting. A row that could not be delivered comes again when its time has come; its case waits with it.
"""

import heapq
from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from haocha.store.outbox import Row

FRESH_EVERY = 4
"""One call in so many takes the newest, where both wait."""
STEP = timedelta(minutes=1)
"""By how much a clock goes back where it was set, and does not just run a little slower."""
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC) + STEP, datetime.max.replace(tzinfo=UTC)


class Backlog:
    """The rows in hand."""

    def __init__(self) -> None:
        """Hold nothing."""
        self._old: OrderedDict[int, Row] = OrderedDict()
        self._fresh: OrderedDict[int, Row] = OrderedDict()
        self._later: list[tuple[datetime, int, Row]] = []
        self._lanes: set[str] = set()
        self._gone: set[int] = set()
        self._taken = 0
        self._at = EARLIEST

    def __len__(self) -> int:
        """Return how many could be taken now."""
        return len(self._old) + len(self._fresh)

    def look(self) -> None:
        """Begin to read: what is settled from now on may still be among the rows that come."""
        self._gone.clear()

    @property
    def fresh(self) -> int:
        """Return how many could be taken now that had just come when they were read."""
        return len(self._fresh)

    @property
    def in_hand(self) -> int:
        """Return how many cases are in hand: waiting, taken, or put off."""
        return len(self._lanes)

    def add(self, rows: Iterable[Row], *, fresh: bool = False) -> int:
        """Take rows in hand whose case is not, and that were not settled while they were read; return how many."""
        side, before = (self._fresh if fresh else self._old), len(self._lanes)
        for row in rows:
            if row.lane not in self._lanes and row.position not in self._gone:
                self._lanes.add(row.lane)
                side[row.position] = row
        return len(self._lanes) - before

    def back(self, rows: Iterable[Row]) -> None:
        """Put rows that were taken and not tried in front again."""
        for row in rows:
            self._old[row.position] = row
            self._old.move_to_end(row.position, last=False)

    def later(self, row: Row, at: datetime) -> None:
        """Keep a row that was taken, and its case, until `at`."""
        heapq.heappush(self._later, (at, row.position, row))

    def ripen(self, now: datetime) -> None:
        """Put the rows whose time has come in front; all of them where the clock was set back."""
        until = LATEST if now < self._at - STEP else now
        self._at = now
        while self._later and self._later[0][0] <= until:
            self.back([heapq.heappop(self._later)[2]])

    def take(self, most: int) -> list[Row]:
        """Take the rows that go out next."""
        self._taken += 1
        fresh = bool(self._fresh) and (not self._old or self._taken % FRESH_EVERY == 0)
        side = self._fresh if fresh else self._old
        return [side.popitem(last=False)[1] for _ in range(min(most, len(side)))]

    def settle(self, rows: Iterable[Row]) -> None:
        """Let go of rows that were taken, and of their cases."""
        for row in rows:
            self._lanes.discard(row.lane)
            self._gone.add(row.position)
