"""What an import would do: rows against the entries as they are, all faults or all changes."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

from haocha.domain.entries import KINDS, Entry, Period, joined
from haocha.domain.registry import Registry
from haocha.registry.rows import Fault, Parsed, Row, time_cell
from haocha.store.registry import Entries

PARENTS = (
    # kind of the entry, member of its facts, kind of the parent, column to blame
    ("org", "parent", "org", "parentDeptCode"),
    ("window", "hall", "hall", "hallCode"),
    ("window", "dept", "org", "deptCode"),
    ("staff", "dept", "org", "deptCode"),
    ("staff", "window", "window", "windowNo"),
    ("matter", "dept", "org", "deptCode"),
    ("device", "hall", "hall", "hallCode"),
    ("device", "window", "window", "windowNo"),
)
WORDS = {"registered": "register", "changed": "change", "retired": "retire"}


class Plan(NamedTuple):
    """What is to be done; nothing where there are faults."""

    changed: list[Entry]
    unchanged: int  # entries that are as the file says already
    counts: dict[str, int]  # event topic without version → how many
    lines: list[str]  # each change in words
    faults: list[Fault]


def make(entries: Entries, parsed: Parsed, namespace: UUID, *, by: str, at: datetime) -> Plan:
    """Decide what the rows change; the entries given are used up.

    A row holds from its validFrom until its validTo, without one until the entry's next row or known period. What held
    before goes on afterwards, unless the row says the same with an earlier end: then it ends.
    """
    by_key: dict[tuple[str, str], list[Row]] = {}
    for row in parsed.rows:
        by_key.setdefault((row.kind, row.key), []).append(row)
    faults = parsed.faults + [fault for same in by_key.values() for fault in _overlaps(same)]
    changed = []
    for kind, entry_class in KINDS.items():
        for (of_kind, key), same in by_key.items():
            if of_kind == kind:
                entry = _apply(entries.by_key.get((kind, key)), entry_class, key, same, namespace, by=by, at=at)
                for event in entry.pending_events:
                    entries.registry.apply(event)
                if entry.pending_events:
                    changed.append(entry)
    faults += [fault for row in parsed.rows for fault in _orphans(row, entries.registry, parsed.doubtful)]
    if faults:
        return Plan([], 0, {}, [], sorted(faults))
    events = [event for entry in changed for event in entry.pending_events]
    counts = Counter(_topic(event) for event in events)
    return Plan(changed, len(by_key) - len(changed), dict(counts), [_say(event) for event in events], [])


def _apply(
    entry: Entry | None, entry_class: type[Entry], key: str, rows: list[Row], namespace: UUID, *, by: str, at: datetime
) -> Entry:
    """Write an entry's rows into its history; a row without an end lasts until the next one."""
    by_start = {row.period.start: row for row in reversed(rows)}  # rows that begin at once are a fault already
    ordered = [by_start[start] for start in sorted(by_start)]
    following = [row.period.start for row in ordered[1:]] + [None]
    for row, then in zip(ordered, following, strict=True):
        period = row.period._replace(end=row.period.end or then)
        if entry is None:
            entry = entry_class.register(namespace, key, period, by=by, at=at)
        elif row.period.end or not then or not _holds(entry, period):
            entry.change(period, by=by, at=at)
    assert entry is not None  # noqa: S101 (an entry has at least one row)
    return entry


def _holds(entry: Entry, period: Period) -> bool:
    """Say whether the history says so already: then only the next row brings news."""
    return any(
        known.facts == period.facts
        and known.start <= period.start
        and (known.end is None or (period.end is not None and period.end <= known.end))
        for known in joined(entry.periods)
    )


def _overlaps(rows: list[Row]) -> Iterator[Fault]:
    """Find rows of one entry that contradict each other."""
    ordered = sorted(rows, key=lambda row: row.period.start)
    for row, after in pairwise(ordered):
        if row.period.start == after.period.start:
            yield Fault(after.number, "validFrom", f"{row.kind} {row.key} begins then in row {row.number} already")
        elif row.period.end and row.period.end > after.period.start:
            yield Fault(row.number, "validTo", f"is after row {after.number} of the same {row.kind} begins")


def _orphans(row: Row, registry: Registry, doubtful: frozenset[str]) -> Iterator[Fault]:
    """Find parents that are not there when the row begins, counting what the same file brings."""
    start = row.period.start
    for kind, member, parent_kind, column in PARENTS:
        parent = getattr(row.period.facts, member) if row.kind == kind else ""
        if parent and not registry.valid(parent_kind, parent, start) and not doubtful.issuperset(parent.split("/")):
            yield Fault(row.number, column, f"{parent_kind} {parent} is not known on {time_cell(start)}")
    if row.kind == "org" and row.period.facts.parent and _circular(row, registry):
        yield Fault(row.number, "parentDeptCode", f"org {row.key} would stand above itself")


def _circular(row: Row, registry: Registry) -> bool:
    seen = {row.key}
    period = registry.valid("org", row.key, row.period.start)
    while period and period.facts.parent:
        if period.facts.parent in seen:
            return True
        seen.add(period.facts.parent)
        period = registry.valid("org", period.facts.parent, row.period.start)
    return False


def _topic(event: Any) -> str:
    """Return an event's topic without its version."""
    topic: str = event.TOPIC
    return topic.partition(":")[0]


def _say(event: Any) -> str:
    kind, _, verb = _topic(event).partition(".")
    said = f"{WORDS[verb]} {kind} {event.key}"
    if verb == "retired":
        return f"{said} on {time_cell(event.valid_to)}"
    place = f" at {event.window}" if event.window else ""
    end = f" until {time_cell(event.valid_to)}" if event.valid_to else ""
    name = f" {event.name}" if event.name else ""
    return f"{said}{name}{place} from {time_cell(event.valid_from)}{end}"
