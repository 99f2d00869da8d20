"""What is wrong with reporting to a platform: rules over its figures, each with the number it speaks of.

The rule that matters most is that bad ratings must not be late. A level is behind where its 99th percentile is more
than twice that of all other levels together and a minute more (levels with fewer than `LEAST` reports in a day are not
judged by it); or where, while the platform answers, its first report has waited more than twice as long as the first of
every other level and ten minutes more. Any level can be behind, but in an outage all are alike.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final, Literal, get_args

import msgspec

from haocha.store.sync_figures import LEVELS, Figures, Line

Kind = Literal["late", "waiting", "dead", "breaker", "silent", "unheard", "differences"]
"""慢于其他等级, 积压久于其他等级, 死信, 熔断, 发送进程未运行, 久未联系, 对账差异."""
ALARMS: Final[tuple[Kind, ...]] = get_args(Kind)

FACTOR: Final = 2.0
MARGIN: Final = timedelta(minutes=1)
PENDING_MARGIN: Final = timedelta(minutes=10)
LEAST: Final = 5
SILENT: Final = timedelta(minutes=2)
UNHEARD: Final = timedelta(hours=1)


class Alarm(msgspec.Struct, frozen=True):
    """One finding: `n` counts things; `seconds` is set against those of the `others`; `line` is the level it is of."""

    kind: Kind
    line: str = ""
    n: int = 0
    seconds: float = 0.0
    others: float = 0.0
    at: datetime | None = None


def alarms(figures: Figures) -> list[Alarm]:
    """Return what is wrong with a peer, the gravest first."""
    found = [*_sender(figures)]
    levels = [line for line in figures.lines if line.key in LEVELS]
    for line in reversed(levels):  # the worst ratings first
        others = [other for other in levels if other.key != line.key]
        found += _late(line, others)
        found += _waiting(line, others, figures)
    if dead := figures.n("dead"):
        found.append(Alarm("dead", n=dead))
    if figures.differences:
        found.append(Alarm("differences", n=figures.differences))
    return found


def _sender(figures: Figures) -> list[Alarm]:
    """Say where nobody sends, nobody answers, or calls are held back."""
    now, sender = figures.at, figures.sender
    if sender is None or now - sender.alive_at > SILENT:
        since = sender.alive_at if sender else None
        return [Alarm("silent", seconds=(now - since).total_seconds() if since else 0.0, at=since)]
    if sender.open_until is not None and sender.open_until > now:
        return [Alarm("breaker", n=sender.failures, at=sender.open_until)]
    first = min((line.oldest for line in figures.lines if line.oldest), default=None)
    heard = sender.answered_at
    if first is not None and now - max(first, heard or first) > UNHEARD:
        return [Alarm("unheard", seconds=(now - (heard or first)).total_seconds(), at=heard)]
    return []


def _late(line: Line, others: Sequence[Line]) -> list[Alarm]:
    """Compare what was taken: the 99th percentile against that of the other levels, each weighed by its number."""
    delays = [other.delay for other in others if other.delay is not None]
    n = sum(delay.n for delay in delays)
    if line.delay is None or line.delay.n < LEAST or n < LEAST:
        return []
    usual = sum(delay.p99 * delay.n for delay in delays) / n
    behind = line.delay.p99 > FACTOR * usual + MARGIN.total_seconds()
    return [Alarm("late", line.key, line.delay.n, line.delay.p99, usual)] if behind else []


def _waiting(line: Line, others: Sequence[Line], figures: Figures) -> list[Alarm]:
    """Compare what waits: the first of this level against the first of all others."""
    now, heard = figures.at, figures.sender.answered_at if figures.sender else None
    if line.oldest is None or heard is None or now - heard > PENDING_MARGIN:
        return []
    age = (now - line.oldest).total_seconds()
    usual = max(((now - other.oldest).total_seconds() for other in others if other.oldest), default=0.0)
    behind = age > FACTOR * usual + PENDING_MARGIN.total_seconds()
    return [Alarm("waiting", line.key, line.n("waiting"), age, usual)] if behind else []
