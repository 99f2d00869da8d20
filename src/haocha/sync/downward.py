"""What members are told (下发): the tickets that are theirs to work on, our verdicts and urgings, lists of indicators.

A member reads on from a position of our log; a page looks through a few hundred events of the kinds that matter, found
through an index, and holds those that are about its area or about ratings that it reported.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import asyncpg

from haocha.domain import ticket_events as events
from haocha.domain import ticket_levels as levels
from haocha.domain.indicators import IndicatorsPublished
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Opened
from haocha.store import aggregates, log, sql, vault
from haocha.store import events as stored
from haocha.store.log import Recorded
from haocha.store.members import KEY_KIND, Member
from haocha.store.vault import Vault
from haocha.sync import signing

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")
RATED: Final = frozenset({"rating", "supplement", "contested"})
WRITTEN: Final = ("writingEvaluation", "text", "problem")
IDENTITY: Final = ("userName", "mobile")
AREA_DIGITS: Final = 12
AGAIN: Final = frozenset({"unsatisfied", "upheld"})
"""Verdicts after which there is something to be done: the ticket is told once more before them."""


class Teller(NamedTuple):
    """To whom things are told, and what they are sealed with."""

    member: Member
    secret: bytes
    vault: Vault


class Page(NamedTuple):
    """What was found up to `position`; `more` where the log goes on behind it."""

    position: int
    more: bool
    items: list[dict[str, Any]]


class _Known(NamedTuple):
    """A ticket of the member's: its stream, and the number of its case as the member has it."""

    stream: Sequence[Recorded]
    project_no: str
    theirs: bool
    """Whether the member reported the rating: then it has the words and the identity."""


async def page(connection: asyncpg.Connection | asyncpg.Pool, teller: Teller, after: int, limit: int) -> Page:
    """Read what a member is told behind position `after`, looking through `limit` events."""
    head = await log.head(connection)
    rows = await connection.fetch(SQL["told"], after, head, limit)
    told = [
        Recorded(position, stream, version, topic, stored.decode(topic, state, stream, version), at)
        for position, stream, version, topic, state, at in rows
    ]
    mine = await tickets_of(connection, teller.member, {one.originator_id for one in told if _is_ticket(one)})
    texts = await vault.bodies(connection, [text.id for one in told if (text := _reason(one.event)) is not None])
    items = []
    for one in told:
        if isinstance(one.event, IndicatorsPublished):
            items.append(_indicators(one.event))
        elif (known := mine.get(one.originator_id)) is not None:
            items += await _items(connection, teller, one, known, texts)
    more = len(rows) == limit and rows[-1]["position"] < head
    return Page(rows[-1]["position"] if more else max(after, head), more, items)


async def tickets_of(
    connection: asyncpg.Connection | asyncpg.Pool, member: Member, tickets: set[UUID]
) -> Mapping[UUID, _Known]:
    """Return those tickets that are the member's: of ratings that it reported, and all else in its area.

    A rating that another member reported is that one's, wherever it lies.
    """
    streams = await log.read_streams(connection, list(tickets))
    opened = {ticket: stream for ticket, stream in streams.items() if isinstance(stream[0].event, Opened)}
    wanted = [UUID(one[0].event.source_id) for one in opened.values() if one[0].event.source in RATED]
    facts = {stream: one[0].event for stream, one in (await log.read_streams(connection, wanted)).items()}
    known = {}
    for ticket, stream in opened.items():
        said, source = stream[0].event.snapshot, stream[0].event.source
        fact = facts.get(UUID(stream[0].event.source_id)) if source in RATED else None
        if fact is not None and fact.key_kind == KEY_KIND:
            if fact.client == member.name:
                known[ticket] = _Known(stream, _number_there(member, fact), theirs=True)
        elif said.area.startswith(member.area):
            known[ticket] = _Known(stream, said.project_no, theirs=False)
    return known


def _number_there(member: Member, fact: Any) -> str:
    """Return the case number as the member has it: one made of a client's own id names the member here."""
    number: str = fact.project_no
    return f"X-{number.removeprefix(f'X-{member.name}-')}" if "noCase" in fact.flags else number


def _is_ticket(recorded: Recorded) -> bool:
    return not isinstance(recorded.event, IndicatorsPublished)


def _reason(event: Any) -> Any:
    """Return the text that goes with a verdict or an urging."""
    return next((text for name in ("reason", "comment", "note") if (text := getattr(event, name, None))), None)


async def _items(
    connection: asyncpg.Connection | asyncpg.Pool,
    teller: Teller,
    recorded: Recorded,
    known: _Known,
    texts: Mapping[UUID, str],
) -> list[dict[str, Any]]:
    """Return what one event of a ticket is told as: nothing, one item, or a verdict with its ticket before it."""
    event, at = recorded.event, recorded.event.at
    if isinstance(event, Opened):
        ticket = aggregates.replay(list(known.stream), Ticket)
        handled = ticket.below and not ticket.is_open
        return [] if handled else [await _ticket(connection, teller, known)]
    common = {"id": f"{recorded.originator_id}-{recorded.originator_version}", "ticket": str(recorded.originator_id)}
    text = _reason(event)
    written = texts.get(text.id) if text is not None else None
    if (verdict := verdict_of(event)) is not None:
        item = {"type": "verdict", **common, "verdict": verdict, "reason": written, "at": at}
        before = [await _ticket(connection, teller, known)] if verdict in AGAIN else []
        return [*before, _known_members(item)]
    if (level := _level(event)) is not None:
        return [_known_members({"type": "urging", **common, "level": level, "note": written, "at": at})]
    return []


def verdict_of(event: Any) -> levels.Ruling | None:
    """Return what an event of ours decides for the member, None where it decides nothing.

    What follows from a verdict is not told beside it, nor what the member itself reported.
    """
    match event:
        case events.Verified(result="satisfied" | "informed" | "passed"):
            return "satisfied"
        case events.Verified() | events.Reopened(why="supervised" | "recurred"):
            return "unsatisfied"
        case events.AppealDecided():
            return "excluded" if event.upheld else "upheld"
        case events.Reopened(why="reinstated") if event.by is not None:
            return "upheld"
        case levels.Overruled():
            return event.verdict
        case _:
            return None


def _level(event: Any) -> str | None:
    """Return the rung of an urging: by a person, by our deadlines where they escalate, or from above."""
    match event:
        case events.Reminded() if event.by is not None or event.rule.startswith(levels.ABOVE):
            return "remind"
        case events.Escalated():
            return event.level
        case _:
            return None


async def _ticket(connection: asyncpg.Connection | asyncpg.Pool, teller: Teller, known: _Known) -> dict[str, Any]:
    """Tell a ticket; who rated and what was written only where the member does not have it already."""
    opened: Opened = known.stream[0].event
    stream, said = known.stream[0].originator_id, opened.snapshot
    item = {
        "type": "ticket",
        "id": str(stream),
        "number": opened.number,
        "projectNo": known.project_no,
        "serviceNumber": said.service_number,
        "satisfaction": said.satisfaction,
        "pf": said.pf,
        "assessTime": said.assess_time,
        "areaCode": said.area if len(said.area) == AREA_DIGITS else teller.member.area.ljust(AREA_DIGITS, "0"),
        "deptCode": said.dept,
        "hallCode": said.hall,
        "windowNo": said.window.rpartition("/")[2],
        "staffNo": said.staff.rpartition("/")[2],
        "taskCode": said.matter.partition("/")[0],
        "evalDetail": said.eval_detail,
        "issuedAt": opened.at,
        "dueAt": opened.dues.get("closing") or opened.dues.get("fix"),
    }
    if not known.theirs:
        written = [said.texts[name].id for name in WRITTEN if name in said.texts]
        item["text"] = "\n".join((await vault.bodies(connection, written)).values())
        identity = await teller.vault.identity(connection, said.subject) if said.named and said.subject else {}
        shown = {name: identity[name] for name in IDENTITY if identity.get(name)}
        item["identity"] = signing.seal(teller.secret, stream, shown) if shown else ""
    return _known_members(item)


def _known_members(item: dict[str, Any]) -> dict[str, Any]:
    """Leave out what is not known, and write times with their offset."""
    return {
        name: value.isoformat() if isinstance(value, datetime) else value
        for name, value in item.items()
        if value not in (None, "", (), 0)
    }


def _indicators(event: IndicatorsPublished) -> dict[str, Any]:
    items = [
        {
            "normCode": one.code,
            "normName": one.name,
            "starLevel": one.level,
            "usingStatus": one.used,
            "expandNorm": one.extra,
        }
        for one in event.items
    ]
    return {"type": "indicators", "id": event.version, "items": items, "at": event.at.isoformat()}
