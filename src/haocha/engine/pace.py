"""How fast and whether at all a peer is called: a token bucket, and a breaker that opens when nobody answers."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)
TOLERATED = 5
"""Calls in a row without an answer before the breaker opens."""


def pause(failures: int, chance: float, longest: timedelta = LONGEST_PAUSE) -> timedelta:
    """Return how long to wait after so many failures; `chance` in [0, 1) spreads those that failed together."""
    whole = min(longest, FIRST_PAUSE * (1 << min(failures - 1, 16)))
    return whole * (0.5 + chance / 2)


class Bucket:
    """At most `rate` items a second, with one second's worth in store."""

    def __init__(self, rate: float, clock: Callable[[], float] = time.monotonic) -> None:
        """Start full."""
        self._rate, self._clock = rate, clock
        self._level, self._at = rate, clock()

    def wait(self, items: int) -> float:
        """Take `items` out and return how many seconds to wait before they may go."""
        now = self._clock()
        self._level = min(self._rate, self._level + (now - self._at) * self._rate)
        self._at = now
        self._level -= items
        return max(0.0, -self._level / self._rate)


class Breaker:
    """Closed while the platform answers; open, nothing is sent; after its pause one call tries, and decides."""

    def __init__(self, patience: timedelta) -> None:
        """Start closed; `patience` is how long the call that tries may take."""
        self._patience = patience
        self.failures = 0
        self.open_until: datetime | None = None
        self.error = ""

    def may_call(self, now: datetime) -> bool:
        """Say whether a call may be made; where one tries, the others wait for how it ends."""
        if self.open_until is None:
            return True
        if now < self.open_until <= now + LONGEST_PAUSE + self._patience:  # later than that it was by another clock
            return False
        self.open_until = now + self._patience
        return True

    def answered(self) -> None:
        """Close: there was an answer, whatever it said."""
        self.failures, self.open_until, self.error = 0, None, ""

    def failed(self, error: str, now: datetime, chance: float) -> None:
        """Count a call without an answer; after several, open."""
        self.failures += 1
        self.error = error
        if self.failures >= TOLERATED:
            self.open_until = now + pause(self.failures - TOLERATED + 1, chance)
