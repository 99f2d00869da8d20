"""The folds again, in plain Python, one event after the other: what projections/*.sql must come to."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from tests.projections.stories import DIMENSIONS, FACTS, OLD, Happened

SHANGHAI = ZoneInfo("Asia/Shanghai")
CELLS = ("n1", "n2", "n3", "n4", "n5", "excluded", "supplements", "contested")
Place = dict[str, str]
Table = dict[tuple[Any, ...], Any]


def lifted(event: Happened) -> Happened:
    """Read an event in the current version of its topic."""
    if event.topic != OLD:
        return event
    state = dict(event.state)
    state["satisfaction"] = state.pop("level")
    return event._replace(topic=FACTS[0], state=state)


def known(at: datetime) -> date:
    """Return the day the log took an event."""
    return at.astimezone(SHANGHAI).date()


def place_of(members: dict[str, Any]) -> Place:
    """Return all dimensions, '' where unknown."""
    return {name: members.get(name, "") for name in DIMENSIONS}


def subjects(place: Place, channel: str, *, unknown_channel: bool = False) -> Iterator[tuple[str, ...]]:
    """Yield kind, key, hall, dept, area, channel for each subject something counts for."""
    hall, dept, area = place["hall"], place["dept"], place["area"]
    for kind, key, kept_hall, kept_dept in (
        ("windows", place["window"], hall, dept),
        ("staff", place["staff"], hall, dept),
        ("matters", place["matter"], "", dept),
        ("departments", dept, "", ""),
        ("halls", hall, "", ""),
        ("areas", area, "", ""),
        ("channels", channel, "", ""),
    ):
        if key or (unknown_channel and kind == "channels"):
            yield kind, key, kept_hall, kept_dept, area, channel


class Reference:
    """All read models of ratings, held as plain dictionaries by their primary keys."""

    def __init__(self, events: list[Happened]) -> None:
        self.scores: Table = defaultdict(lambda: [0] * len(CELLS))
        self.participation: Table = defaultdict(lambda: [0, 0, 0])
        self.indicators: Table = defaultdict(int)
        self.services: Table = {}
        self.ledger: Table = {}
        self._first: dict[UUID, Happened] = {}
        for event in map(lifted, events):
            self._first.setdefault(event.originator_id, event)
            self._apply(event)

    def _apply(self, event: Happened) -> None:
        state = event.state
        match event.topic:
            case "service.recorded:v1":
                self._serve(event, recorded=place_of(state), day=state["day"])
            case "rating.submitted:v1" | "rating.supplemented:v1" | "rating.contested:v1":
                self._enter(event)
                self._score(event, place_of(state), 1, excluded=False)
            case "rating.linked:v1":
                self._score(event, place_of(state["old"]), -1, excluded=state["excluded"])
                self._score(event, place_of(state["new"]), 1, excluded=state["excluded"])
                self._row(event).update(place_of(state["new"]), linked=state["linked"])
                if self._began(event) == FACTS[0]:
                    self._serve(event, rated=place_of(state["new"]), day=state["day"], pf=state["pf"])
            case "rating.excluded:v1" | "rating.reinstated:v1":
                now = event.topic == "rating.excluded:v1"
                self._score(event, place_of(state), -1, excluded=not now)
                self._score(event, place_of(state), 1, excluded=now)
                self._row(event)["excluded"] = now
            case "rating.flagged:v1":
                row = self._row(event)
                row["flags"] = sorted({*(row["flags"] or ()), state["finding"]})

    def _began(self, event: Happened) -> str:
        return self._first[event.originator_id].topic

    def _row(self, event: Happened) -> dict[str, Any]:
        row: dict[str, Any] = self.ledger[(self._first[event.originator_id].position,)]
        return row

    def _enter(self, event: Happened) -> None:
        state = event.state
        self.ledger[(event.position,)] = place_of(state) | {
            "day": date.fromisoformat(state["day"]),
            "kind": FACTS.index(event.topic) + 1,
            "satisfaction": state["satisfaction"],
            "linked": state["linked"],
            "contested": event.topic == FACTS[2],
            "excluded": False,
            "pf": state["pf"],
            "project_no": state["projectNo"],
            "flags": sorted(state["flags"]) if "flags" in state else None,
        }
        if event.topic == FACTS[2] and not state.get("same"):
            self.ledger[(self._first[UUID(state["first"])].position,)]["contested"] = True
        if event.topic == FACTS[0]:
            self._serve(event, rated=place_of(state), day=state["day"], pf=state["pf"])

    def _score(self, event: Happened, place: Place, by: int, *, excluded: bool) -> None:
        state, first = event.state, self._first[event.originator_id]
        if first.topic != FACTS[0]:
            cell = 6 if first.topic == FACTS[1] else 7
        else:
            cell = 5 if excluded else state["satisfaction"] - 1
        day = date.fromisoformat(state["day"])
        for subject in subjects(place, state["pf"]):
            self.scores[(*subject, day, known(event.recorded_at))][cell] += by
        if first.topic == FACTS[0] and not excluded:
            for code in first.state.get("evalDetail", ()):
                where = (place["window"], place["dept"], place["hall"], place["area"], state["pf"])
                self.indicators[(code, state["satisfaction"], *where, day, known(event.recorded_at))] += by

    def _serve(
        self, event: Happened, *, day: str, recorded: Place | None = None, rated: Place | None = None, pf: str = ""
    ) -> None:
        said = self._first[event.originator_id].state
        service = (said["projectNo"], said.get("serviceNumber", 1))
        before = self.services.get(service)
        if recorded is not None:
            after = {"recorded": True, "pf": before["pf"] if before else "", "day": date.fromisoformat(day), **recorded}
        elif before and before["recorded"]:
            after = before | {"pf": pf}
        else:
            assert rated is not None
            after = {"recorded": False, "pf": pf, "day": date.fromisoformat(day), **rated}
        self.services[service] = after
        if before != after:
            for state, by in ((before, -1), (after, 1)):
                if state:
                    self._take_part(state, by, known(event.recorded_at))

    def _take_part(self, state: dict[str, Any], by: int, since: date) -> None:
        cells = []
        if state["recorded"]:
            cells.append(("", 0))
            if state["pf"]:
                cells.append((state["pf"], 1))
        else:
            cells.append((state["pf"], 2))
        for channel, cell in cells:
            for subject in subjects(state, channel, unknown_channel=True):
                self.participation[(*subject, state["day"], since)][cell] += by
