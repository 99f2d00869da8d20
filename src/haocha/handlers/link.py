"""Ratings taken before the registry knew their codes are linked when it does (`rating.linked`), 1,000 per transaction.

What a registry entry may settle is found in the ledger by its code, up to the position of the entry. A web process
hears of an entry a moment later, so a rating may come in unlinked behind it: those are looked at as they come, too.
What an instance below us reported is its own to link: its decisions come up as well.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg

from haocha.domain.aggregate import CauseHeld
from haocha.domain.entries import KINDS
from haocha.domain.rating import Dimensions, NothingNew, Rating
from haocha.domain.registry import Registry, Sent
from haocha.handlers.handler import SQL, Effects, Handler
from haocha.store import aggregates, events, log
from haocha.store import registry as registries
from haocha.store.install import Install
from haocha.store.log import Recorded
from haocha.store.members import KEY_KIND

SLICE = 1_000


class Codes(NamedTuple):
    """What unlinked ratings may have been kept under, which entries now say something of."""

    windows: set[str]
    staff: set[str]
    matters: set[str]
    depts: set[str]
    halls: set[str]


class Move(NamedTuple):
    """A rating and where it belongs by now."""

    rating: Rating
    to: Dimensions
    linked: bool


class State(NamedTuple):
    """The moves of one slice; `cursor` is None after the last."""

    moves: list[Move]
    registry_position: int
    cursor: str | None


class Link(Handler):
    """Links ratings."""

    name = "link"
    topics = (
        *(f"{kind}.{what}:v1" for kind in KINDS for what in ("registered", "changed", "retired")),
        "rating.submitted:v1",
        "rating.supplemented:v1",
        "rating.contested:v1",
    )
    where = "!($.linked == true)"
    follows = "ledger"

    def __init__(self, install: Install) -> None:
        """Begin with an empty registry: it is read with the first batch."""
        super().__init__(install)
        self.registry = Registry()

    async def load(self, connection: asyncpg.Connection, batch: Sequence[Recorded], cursor: str | None) -> State:
        """Read the registry as of the batch, and a slice of the ratings that it may settle."""
        upto = batch[-1].position
        await registries.catch_up(self.registry, connection, upto)
        came = [recorded.position for recorded in batch if recorded.topic.startswith("rating.")]
        entries = [recorded for recorded in batch if not recorded.topic.startswith("rating.")]
        after = int(cursor or 0) if entries else came[0] - 1
        codes = codes_of(self.registry, entries)
        rows = await connection.fetch(SQL["unlinked"], after, upto, *map(list, codes), came, SLICE)
        found: dict[UUID, tuple[Dimensions, bool]] = {}
        for _, stream, topic, state in rows:
            fact = events.decode(topic, state, stream, 1)
            if fact.key_kind == KEY_KIND:
                continue
            *dimensions, linked = self.registry.resolve(sent(fact), fact.counted_at)
            to = Dimensions(*dimensions)
            if linked or to != fact.dimensions:
                found[stream] = (to, linked)
        streams = await log.read_streams(connection, list(found))
        moves = [Move(aggregates.replay(streams[stream], Rating), *to) for stream, to in found.items()]
        return State(moves, self.registry.position, str(rows[-1]["position"]) if len(rows) == SLICE else None)

    def decide(self, batch: Sequence[Recorded], state: State) -> Effects:
        """Link what is not linked there already; the cause is the last entry, or the rating's own coming."""
        cause, at = _cause(batch)
        moved = []
        for rating, to, linked in state.moves:
            try:
                rating.link(to, linked=linked, registry_position=state.registry_position, at=at, cause=cause)
            except (NothingNew, CauseHeld):  # partly unknown as before, or done before
                continue
            moved.append(rating)
        return Effects(moved, cursor=state.cursor)


def codes_of(registry: Registry, entries: Iterable[Recorded]) -> Codes:
    """Return the codes that ratings may name when they mean one of these entries, or one that stands below it."""
    codes = Codes(set(), set(), set(), set(), set())
    for recorded in entries:
        kind, key = recorded.topic.partition(".")[0], recorded.event.key
        match kind:
            case "window":
                codes.windows.update(_readings(key))
            case "staff":
                codes.staff.update(_readings(key))
            case "matter":
                codes.matters.update(_readings(key))
                codes.matters.add(key.partition("/")[0])
            case "org":
                codes.depts.add(key)
                codes.staff.update(_below(registry, "staff", key))
            case "hall" | "device":
                hall = key if kind == "hall" else _hall_of(recorded.event)
                codes.halls.add(hall)
                codes.windows.update(_below(registry, "window", hall))
    return codes


def sent(fact: Any) -> Sent:
    """Return the codes that a rating came with: what it counts for, but for what it said otherwise.

    What it did not say came from its key's hall and window, its device or its staff; these stand in for it again.
    """
    said = fact.said
    hall, _, number = fact.window.rpartition("/")
    window_no = said.get("windowNo", number)
    hall_code = said.get("hallCode", fact.hall)
    return Sent(
        window_no=window_no,
        staff_no=said.get("staffNo", fact.staff.rpartition("/")[2]),
        task_code=said.get("taskCode", fact.matter),
        task_handle_item=said.get("taskHandleItem", ""),
        dept_code=said.get("deptCode", fact.dept),
        hall_code=hall_code,
        area_code=said.get("areaCode", fact.area),
        device_no=fact.device_no,
        key_hall="" if hall_code else hall or (fact.hall if not fact.window else ""),
        key_window="" if window_no else number,
    )


def _readings(key: str) -> tuple[str, str]:
    """Return how a key may have been kept: with its parent where that was known, bare where not."""
    return key, key.rpartition("/")[2]


def _below(registry: Registry, kind: str, parent: str) -> set[str]:
    found: set[str] = set()
    for key in registry.keys(kind, f"{parent}/"):
        if not key.startswith(f"{parent}/"):
            break
        found.update(_readings(key))
    return found


def _hall_of(device: Any) -> str:
    hall: str = getattr(device, "hall", "") or getattr(device, "window", "").rpartition("/")[0]
    return hall


def _cause(batch: Sequence[Recorded]) -> tuple[int, datetime]:
    entries = [recorded for recorded in batch if not recorded.topic.startswith("rating.")]
    last = entries[-1] if entries else batch[-1]
    return last.position, last.recorded_at
