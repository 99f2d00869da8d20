"""A ticket as a line of a list: the read model's row with names in the place of keys and what is left of its time."""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, Final
from uuid import UUID

import msgspec

from haocha.domain import codes
from haocha.domain.policy import Rulebook, Terms
from haocha.domain.registry import Registry
from haocha.web import words
from haocha.web.lights import Light, light
from haocha.web.reading import masked, window_name

NEAR: Final = timedelta(days=31)
"""So far from a deadline its distance is told in working minutes too."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """What lists show of a ticket; keys beside names, for addresses."""

    id: UUID
    number: str
    version: int
    position: int
    status: str
    stage: str
    """The status in words."""
    source: str
    source_name: str
    level: int
    """0 where nobody gave one."""
    level_name: str
    channel: str
    project_no: str
    matter: str
    matter_key: str
    place: str
    """Hall and window, else the department."""
    window_key: str
    hall_key: str
    staff: str
    staff_key: str
    dept: str
    dept_key: str
    unit: str
    unit_key: str
    area: str
    opened: datetime
    entered: datetime
    day: date
    due: datetime | None
    light: Light
    minutes_left: int | None
    """Working minutes until the deadline, negative after it; None where there is none or it is far."""
    contact_due: datetime | None
    contacts: int
    reached: bool
    verdict: str
    ground: str
    ground_name: str
    difficulty: str
    disposition: str
    appeal: str
    extension: str
    escalated: str
    reminded: int
    rounds: int
    spent: bool
    verified: str
    joined: int
    related: int
    supplemented: bool
    contested: bool
    named: bool
    outcome: str
    outcome_name: str
    closed: datetime | None
    look_back: datetime | None
    province: bool
    """Whether the platform above sent it down, or something of it."""
    above: str
    """What that has decided last, '' before."""
    below: str
    """The instance below that works on it, '' where it is worked on here."""
    excerpt: str
    """The beginning of what was written, numbers covered; '' where nothing was, or where it was erased."""


def rows_of(
    registry: Registry,
    rulebook: Rulebook,
    found: Iterable[Any],
    now: datetime,
    written: Mapping[UUID, str],
    *,
    contact: bool = False,
) -> list[Row]:
    """Return the lines of rows of the read model, each under the rules that its ticket keeps; `written` has the texts.

    Their deadline is that of the status, or that of the `contact` where they are listed to be contacted.
    """
    terms_of = cache(rulebook.of)
    return [
        row_of(registry, terms_of(row["policy_version"], row["calendar_version"]), row, now, written, contact=contact)
        for row in found
    ]


def row_of(
    registry: Registry, terms: Terms, row: Any, now: datetime, written: Mapping[UUID, str], *, contact: bool = False
) -> Row:
    """Return one line."""
    due, opened = row["contact_due" if contact else "due_at"], row["opened_at"]
    hall_key, staff_key, dept_key = row["hall"] or row["window"].rpartition("/")[0], row["staff"], row["dept"]
    hall = registry.name("hall", hall_key) or hall_key
    dept = registry.name("org", dept_key) or dept_key
    window = window_name(registry, row["window"]) if row["window"] else ""
    return Row(
        id=row["id"],
        number=row["number"],
        version=row["version"],
        position=row["position"],
        status=row["status"],
        stage=words.STATUSES[row["status"]],
        source=row["source"],
        source_name=words.KINDS.get(row["kind"]) or words.SOURCES[row["source"]],
        level=row["satisfaction"],
        level_name=codes.LEVELS.get(row["satisfaction"], ""),
        channel=codes.CHANNELS.get(row["pf"], row["pf"]),
        project_no=row["project_no"],
        matter=registry.name("matter", row["matter"]) or row["matter"],
        matter_key=row["matter"],
        place=f"{hall} {window}".strip() or dept,
        window_key=row["window"],
        hall_key=hall_key,
        staff=registry.name("staff", staff_key) or staff_key,
        staff_key=staff_key,
        dept=dept,
        dept_key=dept_key,
        unit=registry.name("org", row["unit"]) or row["unit_name"] or row["unit"],
        unit_key=row["unit"],
        area=row["area"],
        opened=opened,
        entered=row["entered_at"],
        day=row["day"],
        due=due,
        light=light(due, now, terms.calendar, provisional=row["due_provisional"] and not contact),
        minutes_left=minutes_left(terms, due, now),
        contact_due=row["contact_due"],
        contacts=row["contacts"],
        reached=row["reached"],
        verdict=row["verdict"],
        ground=row["ground"],
        ground_name=words.GROUNDS.get(row["ground"], row["ground"]),
        difficulty=row["difficulty"],
        disposition=row["disposition"],
        appeal=row["appeal"],
        extension=row["extension"],
        escalated=row["escalated"],
        reminded=row["reminded"],
        rounds=row["rounds"],
        spent=row["spent"],
        verified=row["verified"],
        joined=row["joined"],
        related=row["related"],
        supplemented=row["supplemented"],
        contested=row["contested"],
        named=row["named"],
        outcome=row["outcome"],
        outcome_name=words.OUTCOMES.get(row["outcome"], ""),
        closed=row["closed_at"],
        look_back=row["look_back_at"],
        province=row["province"],
        above=row["above"],
        below=row["below"],
        excerpt=masked(written.get(row["text_id"], "")),
    )


def minutes_left(terms: Terms, due: datetime | None, now: datetime) -> int | None:
    """Return the working minutes from now to a deadline."""
    if due is None or abs(due - now) > NEAR:
        return None
    return terms.worked(now, due) if due >= now else -terms.worked(due, now)
