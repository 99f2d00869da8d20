"""Queues: what two hundred thousand tickets do to a page of the workbench, and how fast they are folded."""

import statistics
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import httpx

from haocha.domain import ticket_events as events
from haocha.domain.account import AccountRole
from haocha.domain.policy import DEFAULT_NAME
from haocha.domain.rating import TextReference
from haocha.domain.ticket_events import Actor, Evidence, Snapshot, TicketEvent
from haocha.engine.projector import Projector, prepare
from haocha.store import accounts, install, log, readmodels, rulebook
from haocha.store.events import encode
from tests.bench import parts
from tests.bench.parts import Bench

ROUNDS = 8
CHUNK = 10_000  # tickets written, then folded
SPREAD = timedelta(days=300)
"""So long ago the oldest was opened; whatever is younger than a life is still open: one in twenty."""
STEP = timedelta(days=2)
STRIDE = 7_919  # tickets come from all over these days, however many there are
MOST = 200_000
CENTRE = "99YX0001"
TEXT = TextReference(UUID(int=1), 60, "c0ffee" * 5)
PHOTO = Evidence("ab" * 32, "image/jpeg", 200_000)
Life = list[tuple[type[TicketEvent], dict[str, Any]]]
LIFE: Life = [
    (events.Accepted, {"dues": 1}),
    (events.Contacted, {"purpose": "review", "channel": "phone", "attempt": 1, "reached": True}),
    (
        events.Reviewed,
        {"verdict": "substantiated", "difficulty": "general", "disposition": "fix", "finding": TEXT, "dues": 5},
    ),
    (
        events.FixSubmitted,
        {"round": 1, "measures": TEXT, "responsible": "99YX0002/0101", "evidence": (PHOTO,), "dues": 1},
    ),
    (events.Approved, {"dues": 5}),
    (events.VerificationSent, {"channel": "link", "attempt": 1}),
    (events.Verified, {"channel": "link", "result": "satisfied", "satisfaction": 4}),
    (events.Closed, {"outcome": "fixed", "follows": 8}),
]
LOOKED_BACK: Life = [(events.LookedBack, {"draw": "2025-06", "result": "holds", "after": timedelta(days=40)})]
STAGES = ("review", "", "fix", "approval", "verification")
GROUNDS = ("attitude", "ability", "materials", "delay", "process")
READERS: tuple[tuple[AccountRole, str, str, tuple[str, ...]], ...] = (
    (
        "handler",
        CENTRE,
        "",
        (
            "/desk?queue=acceptance",
            "/desk?queue=fixing",
            "/desk?queue=overdue",
            "/desk?queue=closed",
            "/v1/tickets?q=0101",
            "/v1/tickets?window=YX01/A01",
        ),
    ),
    (
        "supervisor",
        "",
        "area:9901",
        (
            "/desk?queue=overdue",
            "/desk?queue=approval&due=over",
            "/desk?queue=open&sort=level",
            "/desk?queue=closed&ground=delay",
            "/desk?queue=all&sort=oldest&staff=99YX0001/0110",
            "/v1/tickets?",
            "/v1/tickets?staff=99YX0001/9999",
            "/v1/tickets?q=营业执照",
            "/v1/tickets?level=1&pf=4&openedFrom=2025-02-01",
        ),
    ),
    ("agent", "", "", ("/desk?queue=contact", "/desk?queue=verification", "/desk?queue=look_back")),
)
"""Who reads, and what: each address is a page of 50."""


async def measure(bench: Bench, small: int, large: int, say: Any) -> dict[str, Any]:
    """Time the pages over `small` tickets, then over `large`."""
    await rulebook.seed(bench.pool, await install.load(bench.pool), datetime.now(UTC) - 2 * SPREAD)
    await prepare(bench.pool)
    figures: dict[str, Any] = {}
    folded = await _fill(bench, 0, small, say)
    async with parts.web(bench) as (port, _):
        few = await _pages(bench, port)
        folded = await _fill(bench, small, large, say) or folded
        many = await _pages(bench, port)
    slowest = sorted(many, key=lambda address: -statistics.median(many[address]))[:3]
    figures |= {f"page_p95_{name}_ms": _p95(taken) * 1000 for name, taken in (("small", few), ("large", many))}
    return figures | {
        "page_ratio": _p95(many) / _p95(few),
        "fold_rate": folded,
        "slowest": {address: statistics.median(many[address]) * 1000 for address in slowest},
    }


def _p95(taken: dict[str, list[float]]) -> float:
    return statistics.quantiles([one for all_of in taken.values() for one in all_of], n=20)[-1]


async def _fill(bench: Bench, have: int, want: int, say: Any) -> float:
    """Write tickets with their lives and fold them; return how many events of tickets a second were folded."""
    projector, seconds, count = Projector(bench.pool), 0.0, 0
    model = readmodels.definitions()["tickets"]
    for at in range(have, want, CHUNK):
        groups = list(_groups(bench, at, min(want, at + CHUNK)))
        for start in range(0, len(groups), log.LARGEST_BATCH):
            await log.append(bench.pool, groups[start : start + log.LARGEST_BATCH])
        head = await log.head(bench.pool)
        started = time.perf_counter()
        while await projector.step(model, head):
            pass
        seconds += time.perf_counter() - started
        count += sum(len(group.events) for group in groups)
        say(f"queues: {min(want, at + CHUNK):,} tickets, folded at {count / seconds:,.0f} events/s")
    await bench.pool.execute("ANALYZE live.tickets")
    return count / seconds


def _groups(bench: Bench, first: int, last: int) -> Iterator[log.Group]:
    """Go through the lives of tickets `first` to `last`, each as one group; every `OPEN`-th is not over."""
    city, now = bench.city, datetime.now(UTC)
    for number in range(first, last):
        window = city.windows[number * 7 % len(city.windows)]
        person = city.staff[number * 11 % len(city.staff)]
        matter = city.matters[number * 13 % len(city.matters)]
        stream, at = uuid5(UUID(int=3), str(number)), now - SPREAD * (number * STRIDE % MOST) / MOST
        opened = events.Opened(
            originator_id=stream,
            originator_version=1,
            number=f"2025-{number}",
            source="rating",
            source_id=str(number),
            case_id=UUID(int=number),
            snapshot=_snapshot(number, at.date(), window, person, matter),
            unit=window.dept,
            policy_version=f"{DEFAULT_NAME}-1",
            calendar_version="CN-1",
            dues={"acceptance": at + timedelta(days=1), "contact": at + timedelta(days=1)},
            at=at,
        )
        told = [opened, *_life(number, stream, at, window.dept, now)]
        yield log.Group(
            tuple(log.NewEvent(stream, version, *encode(event)) for version, event in enumerate(told, start=1))
        )


def _snapshot(number: int, day: date, window: Any, person: Any, matter: Any) -> Snapshot:
    return Snapshot(
        project_no=f"YX-{number}",
        satisfaction=1 + number % 2,
        pf="4",
        day=day,
        window=f"{window.hall}/{window.number}",
        staff=f"{person.dept}/{person.number}",
        matter=matter.code,
        dept=window.dept,
        hall=window.hall,
        area=window.area,
        linked=True,
        eval_detail=("115",),
        named=number % 2 == 0,
    )


def _life(number: int, stream: UUID, at: datetime, unit: str, now: datetime) -> Iterator[TicketEvent]:
    """Tell what has happened since the opening until now; of the sample that was looked at again some still wait."""
    steps = (*LIFE, *LOOKED_BACK) if number % 10 == 0 else LIFE
    for step, (kind, members) in enumerate(steps):
        at += members.get("after", STEP)
        if at > now:
            return
        own = {name: value for name, value in members.items() if name not in {"dues", "after"}}
        if days := members.get("dues"):
            own["dues"] = {STAGES[step]: at + timedelta(days=days)}
        if kind is events.Reviewed:
            own["ground"] = GROUNDS[number % len(GROUNDS)]
        if kind is events.Closed and number % 10 == 0:
            own["dues"] = {"look_back": at + timedelta(days=30)}
        by = Actor(account="li", unit=unit)
        yield kind(originator_id=stream, originator_version=step + 2, by=by, worked=60, at=at, **own)


async def _pages(bench: Bench, port: int) -> dict[str, list[float]]:
    """Read every page of every reader, in turn; return the seconds that each took."""
    taken: dict[str, list[float]] = {}
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
        headers = [await _reader(bench, *reader[:3]) for reader in READERS]
        for turn in range(ROUNDS + 1):
            for header, (role, _, _, addresses) in zip(headers, READERS, strict=True):
                for address in addresses:
                    started = time.perf_counter()
                    answer = await client.get(address, headers=header)
                    seconds = time.perf_counter() - started
                    answer.raise_for_status()
                    if turn:
                        taken.setdefault(f"{role} {address}", []).append(seconds)
    return taken


async def _reader(bench: Bench, role: AccountRole, unit: str, node: str) -> dict[str, str]:
    """Make an account and return the header that its token goes in."""
    now, username = datetime.now(UTC), f"bench-{role}-{time.monotonic_ns()}"
    await accounts.create(
        bench.pool, username=username, role=role, unit=unit, node=node, now=now, must_change=False, by="bench"
    )
    person = await accounts.find(bench.pool, username)
    assert person is not None
    return {"Authorization": f"Bearer {await accounts.create_token(bench.pool, person.id, by='bench', now=now)}"}
