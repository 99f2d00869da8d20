"""What `/metrics` shows of reporting: figures as of a few seconds ago, however often one asks."""

from collections.abc import Sequence
from typing import Final

from haocha.store.sync_figures import STATES, Figures
from haocha.web import metrics
from haocha.web.sync_stand import Stand

SECONDS: Final = 10.0
"""How old the figures may be."""

_highest: dict[tuple[str, str], int] = {}


def show(stands: Sequence[Stand]) -> None:
    """Set the metrics of the peers that `sync.toml` names; what is no longer there is no longer shown."""
    for gauge in (
        metrics.SYNC_ITEMS,
        metrics.SYNC_OLDEST,
        metrics.SYNC_DELAY,
        metrics.SYNC_BEHIND,
        metrics.SYNC_BREAKER,
        metrics.SYNC_SENDER,
        metrics.SYNC_ANSWER,
        metrics.SYNC_DIFFERENCES,
    ):
        gauge.clear()
    for stand in stands:
        if stand.peer is not None:
            _levels(stand)
            _sender(stand.figures)
            metrics.SYNC_DIFFERENCES.labels(stand.name).set(stand.figures.differences)


def _levels(stand: Stand) -> None:
    figures = stand.figures
    behind = {alarm.line for alarm in stand.alarms if alarm.kind in {"late", "waiting"}}
    for line in figures.lines:
        for state in STATES:
            metrics.SYNC_ITEMS.labels(stand.name, line.key, state).set(line.n(state))
        age = (figures.at - line.oldest).total_seconds() if line.oldest else 0
        metrics.SYNC_OLDEST.labels(stand.name, line.key).set(age)
        metrics.SYNC_BEHIND.labels(stand.name, line.key).set(line.key in behind)
        if line.delay is not None:
            metrics.SYNC_DELAY.labels(stand.name, line.key, "0.5").set(line.delay.p50)
            metrics.SYNC_DELAY.labels(stand.name, line.key, "0.99").set(line.delay.p99)
        # What is sent once more leaves `accepted` for a while: a counter does not go back.
        before, accepted = _highest.get((stand.name, line.key), 0), line.n("accepted")
        if accepted >= before:
            metrics.SYNC_ACCEPTED.labels(stand.name, line.key).inc(accepted - before)
            _highest[stand.name, line.key] = accepted


def _sender(figures: Figures) -> None:
    name, sender, now = figures.peer, figures.sender, figures.at
    opened = sender is not None and sender.open_until is not None and sender.open_until > now
    answered = sender.answered_at if sender else None
    metrics.SYNC_BREAKER.labels(name).set(opened)
    metrics.SYNC_SENDER.labels(name).set((now - sender.alive_at).total_seconds() if sender else -1)
    metrics.SYNC_ANSWER.labels(name).set((now - answered).total_seconds() if answered else -1)
