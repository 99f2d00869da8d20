"""What the score board shows, as plain values: counts, rates with their interval, and the rows of each panel.

Apart from the queries that fill them (`board_queries`) and from the templates that print them, so that both can be
tested without the other. Every rate is worked out here, from counts, and always travels with its n.
"""

from datetime import date, datetime
from math import sqrt
from typing import Self

import msgspec

from haocha.domain.codes import LEVELS

Z95 = 1.959963984540054


class Tally(msgspec.Struct, frozen=True, kw_only=True):
    """How many ratings of each level there are, and what stands beside them."""

    counts: tuple[int, int, int, int, int] = (0, 0, 0, 0, 0)
    """From level 5 (非常满意) down to level 1 (非常不满意)."""
    excluded: int = 0
    supplements: int = 0
    contested: int = 0

    @property
    def n(self) -> int:
        """All ratings that count."""
        return sum(self.counts)

    @property
    def positive(self) -> int:
        """好评: the upper three levels."""
        return sum(self.counts[:3])

    @property
    def negative(self) -> int:
        """差评: the lower two levels."""
        return sum(self.counts[3:])

    @property
    def positive_rate(self) -> float | None:
        """好评率, None where nobody rated."""
        return self.positive / self.n if self.n else None

    @property
    def negative_rate(self) -> float | None:
        """差评率, None where nobody rated."""
        return self.negative / self.n if self.n else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95 % Wilson interval of the positive rate."""
        if not self.n:
            return None
        p, n, z2 = self.positive / self.n, self.n, Z95 * Z95
        middle = p + z2 / (2 * n)
        spread = Z95 * sqrt(p * (1 - p) / n + z2 / (4 * n * n))
        low, high = (middle - spread) / (1 + z2 / n), (middle + spread) / (1 + z2 / n)
        return max(0.0, round(low, 12)), min(1.0, round(high, 12))

    def levels(self) -> list[tuple[int, str, int]]:
        """Level, name and count, from the best."""
        return [(level, name, self.counts[5 - level]) for level, name in LEVELS.items()]

    def average(self, weights: dict[int, float]) -> float | None:
        """平均分 by `weights` (level → score), None where nobody rated."""
        return sum(weights[5 - i] * n for i, n in enumerate(self.counts)) / self.n if self.n else None

    def __add__(self, other: Self) -> "Tally":
        a, b = self.counts, other.counts
        return Tally(
            counts=(a[0] + b[0], a[1] + b[1], a[2] + b[2], a[3] + b[3], a[4] + b[4]),
            excluded=self.excluded + other.excluded,
            supplements=self.supplements + other.supplements,
            contested=self.contested + other.contested,
        )


class Day(msgspec.Struct, frozen=True):
    """One day of the trend."""

    day: date
    tally: Tally


class Subject(msgspec.Struct, frozen=True):
    """A window, a person of staff or a channel, with its counts and the hall or department it belongs to."""

    key: str
    name: str
    tally: Tally
    place: str = ""
    place_key: str = ""


class Ranking(msgspec.Struct, frozen=True):
    """The best and the worst of those with enough ratings, ordered by the interval's bounds."""

    best: tuple[Subject, ...] = ()
    worst: tuple[Subject, ...] = ()
    ranked: int = 0
    unranked: int = 0
    wider: bool = False
    """It is of the last 30 days, because the period itself has nobody with enough ratings yet."""

    @property
    def floor(self) -> float:
        """Where the rows' common scale may begin: below every interval shown, on a whole tenth."""
        lows = [s.tally.interval[0] for s in self.best + self.worst if s.tally.interval]
        return min(int(min(lows, default=0.0) * 10) / 10, 0.9)


class Indicator(msgspec.Struct, frozen=True):
    """How often one indicator (评价指标) was named in 差评."""

    code: str
    name: str
    level: int
    n: int


class Bad(msgspec.Struct, frozen=True):
    """One 差评 as the board shows it: never who rated; staff and text only for a session."""

    at: datetime
    level: int
    matter: str
    place: str
    channel: str
    note: str = ""
    staff: str = ""
    text: str = ""


class Ticket(msgspec.Struct, frozen=True):
    """How many tickets (工单) are in one status."""

    status: str
    name: str
    n: int


class Health(msgspec.Struct, frozen=True):
    """How fresh the figures are, and what is wrong with them if anything is."""

    head: int
    position: int
    recorded_at: datetime | None
    seal: str
    stopped: tuple[str, ...] = ()
    frozen: tuple[str, ...] = ()
    waiting_since: datetime | None = None
    """When the oldest event came in that the figures do not hold yet."""
    backup_at: datetime | None = None

    @property
    def behind(self) -> int:
        """Events in the log that the figures do not hold yet."""
        return max(0, self.head - self.position)


class Choice(msgspec.Struct, frozen=True):
    """A hall or a department to filter by."""

    key: str
    name: str


class Board(msgspec.Struct, frozen=True, kw_only=True):
    """All that one view of the board shows."""

    health: Health
    total: Tally
    before: Tally
    services: int
    rated_services: int
    trend: tuple[Day, ...]
    channels: tuple[Subject, ...]
    windows: Ranking
    staff: Ranking
    indicators: tuple[Indicator, ...]
    newest: tuple[Bad, ...]
    tickets: tuple[Ticket, ...]
    unlinked: int
    average: float | None
    weights_version: str
    rank_minimum: int
    ever: bool
    """Whether the log holds any rating at all, in whatever period."""

    @property
    def participation(self) -> float | None:
        """参评率: services with a rating ÷ services, None where no service was recorded."""
        return self.rated_services / self.services if self.services else None
