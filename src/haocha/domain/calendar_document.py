"""A calendar as a file (TOML, or a table of days) or a request (JSON): read, checked, written, compared."""

from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Final, NamedTuple

import msgspec

from haocha.domain.documents import Fault, Faulty, faults_of, toml_value
from haocha.domain.workdays import SATURDAY, CalendarPublished

COLUMNS: Final = ("date", "kind")
KINDS: Final = {"holiday": "休", "workday": "班", "known": "至"}
"""What a row of the table says of its date: a day off, a worked weekend day, or that all is known up to it."""


class Document(msgspec.Struct, frozen=True, rename="camel"):
    """The days that are not as their weekday says, up to `known_until` inclusive."""

    known_until: date
    holidays: tuple[date, ...]
    make_up_days: tuple[date, ...]


class Changes(NamedTuple):
    """How one calendar differs from another."""

    known_until: tuple[date, date]
    holidays: tuple[tuple[date, ...], tuple[date, ...]]
    """Added and taken away; so of the make-up days."""
    make_up_days: tuple[tuple[date, ...], tuple[date, ...]]

    def __bool__(self) -> bool:
        """Say whether there is any."""
        return self.known_until[0] != self.known_until[1] or any((*self.holidays, *self.make_up_days))


def check(value: Any) -> Document:
    """Turn what was read into a document, its days sorted; raises `Faulty` with everything that is wrong with it."""
    faults = list(faults_of(value, Document))
    if not faults:
        read = msgspec.convert(value, Document)
        faults += _laws(read)
    if faults:
        raise Faulty(faults)
    return Document(read.known_until, tuple(sorted(read.holidays)), tuple(sorted(read.make_up_days)))


def of(published: CalendarPublished) -> Document:
    """Return the document that publishes the same again."""
    return Document(published.known_until, published.holidays, published.make_up_days)


def extended(document: Document, further: Document) -> Document:
    """Return the calendar with what another knows beyond it; days up to `known_until` stay as they were edited."""
    if further.known_until <= document.known_until:
        return document
    return Document(
        further.known_until,
        (*document.holidays, *(day for day in further.holidays if day > document.known_until)),
        (*document.make_up_days, *(day for day in further.make_up_days if day > document.known_until)),
    )


def changes(before: Document, after: Document) -> Changes:
    """Compare two calendars."""
    return Changes(
        (before.known_until, after.known_until),
        (_beyond(after.holidays, before.holidays), _beyond(before.holidays, after.holidays)),
        (_beyond(after.make_up_days, before.make_up_days), _beyond(before.make_up_days, after.make_up_days)),
    )


def write(document: Document, heading: str = "") -> str:
    """Write a calendar as TOML, a line per month."""
    lines = [f"# {line}" for line in heading.splitlines()]
    lines.append(f"knownUntil = {toml_value(document.known_until)}")
    for name, days in (("holidays", document.holidays), ("makeUpDays", document.make_up_days)):
        months: dict[str, list[date]] = {}
        for day in days:
            months.setdefault(f"{day:%Y-%m}", []).append(day)
        lines += [f"{name} = [", *(f"  {', '.join(map(toml_value, month))}," for month in months.values()), "]"]
    return "\n".join(lines) + "\n"


def rows(document: Document) -> list[tuple[str, str]]:
    """Return the calendar as rows of a table, in the order of their dates."""
    days = [(day, "holiday") for day in document.holidays] + [(day, "workday") for day in document.make_up_days]
    return [(f"{day}", KINDS[kind]) for day, kind in sorted([*days, (document.known_until, "known")])]


def from_rows(lines: Iterable[tuple[int, dict[str, str]]]) -> dict[str, Any]:
    """Turn numbered rows of a table into what `check` takes; raises `Faulty` with the rows that say nothing."""
    words = {word: kind for kind, chinese in KINDS.items() for word in (kind, chinese)}
    days: dict[str, list[str]] = {kind: [] for kind in KINDS}
    faults = []
    for number, cells in lines:
        faults += [Fault(f"/{number}/{name}", "unknown") for name in cells if name not in COLUMNS]
        faults += faults_of(cells.get("date", ""), date, f"/{number}/date")
        kind = words.get(cells.get("kind", ""))
        if kind is None:
            faults.append(Fault(f"/{number}/kind", "form", " | ".join(words)))
        else:
            days[kind].append(cells.get("date", ""))
    if faults:
        raise Faulty(faults)
    known = {"knownUntil": days["known"][-1]} if days["known"] else {}
    return {"holidays": days["holiday"], "makeUpDays": days["workday"], **known}


def _laws(document: Document) -> Iterator[Fault]:
    for name, days in (("holidays", document.holidays), ("makeUpDays", document.make_up_days)):
        seen: set[date] = set()
        for index, day in enumerate(days):
            if day in seen:
                yield Fault(f"/{name}/{index}", "twice", f"{day}")
            seen.add(day)
    holidays = set(document.holidays)
    for index, day in enumerate(document.make_up_days):
        if day in holidays:
            yield Fault(f"/makeUpDays/{index}", "twice", f"{day}")
        if day.weekday() < SATURDAY:
            yield Fault(f"/makeUpDays/{index}", "weekend", f"{day}")


def _beyond(days: tuple[date, ...], others: tuple[date, ...]) -> tuple[date, ...]:
    known = set(others)
    return tuple(day for day in days if day not in known)
