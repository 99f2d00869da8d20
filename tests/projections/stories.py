"""Stories for the folds: small, odd logs with links, exclusions, 追评, contests and service records in any order."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID, uuid5

import asyncpg
from hypothesis import strategies as st

from haocha.store import log

NAMESPACE = UUID(int=2)
BEGINNING = datetime(2026, 3, 2, 15, 0, tzinfo=UTC)  # 23:00 in Shanghai: an hour later is the next day there
FACTS = ("rating.submitted:v1", "rating.supplemented:v1", "rating.contested:v1")
OLD = "rating.submitted:v0"
DIMENSIONS = ("window", "staff", "matter", "dept", "hall", "area")
PLACES: tuple[dict[str, str], ...] = (
    {},
    {"window": "H1/A01", "staff": "D1/007", "matter": "M1", "dept": "D1", "hall": "H1", "area": "370101000000"},
    {"window": "H2/A01", "staff": "D2/007", "matter": "M2", "dept": "D2", "hall": "H2", "area": "370102000000"},
    {"window": "A09", "hall": "H1", "area": "370101000000"},
    {"matter": "M1", "dept": "D1", "area": "370101000000"},
)
# An old topic version, as a view of a later release would lift it: `satisfaction` was once called `level`.
LIFTING_VIEW = """
CREATE OR REPLACE VIEW log.current_events AS
SELECT position, originator_id, originator_version,
       CASE topic WHEN 'rating.submitted:v0' THEN 'rating.submitted:v1' ELSE topic END AS topic,
       CASE topic WHEN 'rating.submitted:v0'
            THEN (state - 'level') || jsonb_build_object('satisfaction', state -> 'level') ELSE state END AS state,
       recorded_at
  FROM log.events
"""


class Happened(NamedTuple):
    """An event as the log would hold it."""

    position: int
    originator_id: UUID
    version: int
    topic: str
    state: dict[str, Any]
    recorded_at: datetime


class Step(NamedTuple):
    """One thing that happens, in small numbers that hypothesis can shrink."""

    what: str
    case: int
    place: int
    level: int
    pf: int
    day: int
    hours: int
    old: bool


steps = st.lists(
    st.builds(
        Step,
        what=st.sampled_from(
            ["record", "rate", "rate", "rate", "supplement", "link", "link", "exclude", "reinstate", "flag", "other"]
        ),
        case=st.integers(0, 3),
        place=st.integers(0, len(PLACES) - 1),
        level=st.integers(1, 5),
        pf=st.integers(1, 3),
        day=st.integers(0, 2),
        hours=st.sampled_from([0, 0, 1, 9]),
        old=st.booleans(),
    ),
    min_size=1,
    max_size=40,
)


class Teller:
    """Turns steps into the events that the program would have appended."""

    def __init__(self, name: str = "") -> None:
        self.name = name  # makes the streams and cases this story's own
        self.events: list[Happened] = []
        self.now = BEGINNING
        self.streams: dict[UUID, dict[str, Any]] = {}  # ratings: where they are now, and whether excluded
        self.versions: dict[UUID, int] = {}

    def tell(self, told: list[Step]) -> list[Happened]:
        """Return the events of all steps."""
        for step in told:
            self.now += timedelta(hours=step.hours)
            getattr(self, step.what)(step)
        return self.events

    def append(self, stream: UUID, topic: str, state: dict[str, Any]) -> None:
        """Add an event to a stream."""
        self.versions[stream] = self.versions.get(stream, 0) + 1
        self.events.append(Happened(len(self.events) + 1, stream, self.versions[stream], topic, state, self.now))

    def record(self, step: Step) -> None:
        """Record the case's service, or record it anew with other members."""
        stream = uuid5(NAMESPACE, f"{self.name}service {step.case}")
        self.append(stream, "service.recorded:v1", self._fact(step))

    def rate(self, step: Step) -> None:
        """Rate a case; a second rating contests the first."""
        first = uuid5(NAMESPACE, f"{self.name}rating {step.case}")
        fact = self._fact(step) | {"satisfaction": step.level, "pf": str(step.pf), "linked": step.place == 1}
        if step.level < 3:
            fact |= {"evalDetail": [f"{step.level}07", f"{step.level}08"][: step.pf]}
        if step.pf == 3:
            fact |= {"flags": ["unknownIndicator", "clock"]}
        if first in self.streams:
            stream = uuid5(first, f"contest {len(self.events)}")
            self._begin(
                stream, "rating.contested:v1", fact | {"first": str(first)} | ({"same": True} if step.old else {})
            )
        elif step.old:
            fact["level"] = fact.pop("satisfaction")
            self._begin(first, OLD, fact)
        else:
            self._begin(first, FACTS[0], fact)

    def supplement(self, step: Step) -> None:
        """Add a 追评, before or after its first."""
        stream = uuid5(NAMESPACE, f"{self.name}supplement {step.case}")
        if stream not in self.streams:
            fact = self._fact(step) | {
                "satisfaction": step.level,
                "pf": str(step.pf),
                "linked": False,
                "assessNumber": 2,
            }
            self._begin(stream, FACTS[1], fact | {"first": str(uuid5(NAMESPACE, f"{self.name}rating {step.case}"))})

    def link(self, step: Step) -> None:
        """Move a rating to another place."""
        if chosen := self._choose(step):
            stream, now = chosen
            state = {
                "old": now["place"],
                "new": PLACES[step.place],
                "linked": step.place > 0,
                "excluded": now["excluded"],
            }
            now["place"] = PLACES[step.place]
            self.append(stream, "rating.linked:v1", state | now["said"] | {"cause": len(self.events)})

    def exclude(self, step: Step) -> None:
        """Exclude a rating that counts."""
        if (chosen := self._choose(step)) and not chosen[1]["excluded"]:
            chosen[1]["excluded"] = True
            self._count(*chosen, "rating.excluded:v1", {"by": "u1", "reason": "mistaken"})

    def reinstate(self, step: Step) -> None:
        """Take an exclusion back."""
        if (chosen := self._choose(step)) and chosen[1]["excluded"]:
            chosen[1]["excluded"] = False
            self._count(*chosen, "rating.reinstated:v1", {"by": "u1", "reason": "mistaken"})

    def flag(self, step: Step) -> None:
        """Raise a finding."""
        if chosen := self._choose(step):
            self._count(
                *chosen, "rating.flagged:v1", {"finding": ["contested", "unpaired"][step.day % 2], "detail": {}}
            )

    def other(self, step: Step) -> None:
        """Append what no projection of ratings reads."""
        self.append(
            uuid5(NAMESPACE, f"{self.name}hall {len(self.events)}"), "hall.registered:v1", {"key": str(step.case)}
        )

    def _fact(self, step: Step) -> dict[str, Any]:
        day = (BEGINNING + timedelta(days=step.day)).date()
        case = {"projectNo": f"{self.name}P{step.case // 2}"} | ({"serviceNumber": 2} if step.case % 2 else {})
        return case | {"day": day.isoformat()} | PLACES[step.place]

    def _begin(self, stream: UUID, topic: str, fact: dict[str, Any]) -> None:
        said = {"satisfaction": fact.get("satisfaction", fact.get("level")), "pf": fact["pf"], "day": fact["day"]}
        place = {name: fact[name] for name in DIMENSIONS if name in fact}
        self.streams[stream] = {"place": place, "excluded": False, "said": said}
        self.append(stream, topic, fact)

    def _count(self, stream: UUID, now: dict[str, Any], topic: str, members: dict[str, Any]) -> None:
        self.append(stream, topic, dict.fromkeys(DIMENSIONS, "") | now["place"] | now["said"] | members)

    def _choose(self, step: Step) -> tuple[UUID, dict[str, Any]] | None:
        if not self.streams:
            return None
        return list(self.streams.items())[(step.case * 5 + step.day) % len(self.streams)]


async def append(pool: asyncpg.Pool, events: list[Happened]) -> int:
    """Append the events as the program does, each a commit of its own batch of ten; return the last position."""
    for start in range(0, len(events), 10):
        batch = events[start : start + 10]
        groups = [
            log.Group((log.NewEvent(event[1], event[2], event[3], json.dumps(event.state).encode()),))
            for event in batch
        ]
        while groups:
            verdicts = await log.append(pool, groups)
            groups = [group for group, verdict in zip(groups, verdicts, strict=True) if verdict.verdict == "doubled"]
    return await log.head(pool)


def story(length: int, *, seed: int = 0) -> list[Happened]:
    """Return a story with some of everything; another `seed` is about other cases."""
    whats = ["record", "rate", "supplement", "link", "rate", "exclude", "rate", "flag", "link", "reinstate", "record"]
    told = [
        Step(whats[i % len(whats)], (i + i // 11) % 4, i % 5, 1 + i % 5, 1 + i % 3, i % 3, 0, old=False)
        for i in range(length)
    ]
    teller = Teller(f"story {seed}")
    return teller.tell(told)


async def write(superuser: asyncpg.Connection, events: list[Happened]) -> None:
    """Put the events into an emptied log at their own times, past `append`, which would give them today's."""
    await superuser.execute("TRUNCATE log.events")
    await superuser.executemany(
        "INSERT INTO log.events VALUES ($1, $2, $3, $4, $5::text::jsonb, $6)",
        [(*event[:4], json.dumps(event.state), event.recorded_at) for event in events],
    )
