"""The simulation: history up to now, then live traffic; it remembers how far it came."""

import asyncio
import random
from collections.abc import Callable, Iterator, Mapping
from datetime import date, datetime, timedelta
from itertools import count
from pathlib import Path

import msgspec

from haocha.domain.workdays import SHANGHAI
from haocha.simulate import city as cities
from haocha.simulate import traffic, visits
from haocha.simulate.client import Client
from haocha.simulate.plan import Memory, Plan

WHOLE = timedelta(days=1)
A_WHILE = timedelta(minutes=3)  # from the visit to its rating
SOON = timedelta(hours=8)
MILLION = 1_000_000
COMPLAINTS = 20  # one visit of so many leads to one


def remember(file: Path | None, plan: Plan, today: date) -> Memory:
    """Read the memory; where there is none, or that of another seed, begin anew."""
    if file is not None and file.exists():
        memory = msgspec.json.decode(file.read_bytes(), type=Memory)
        if memory.seed == plan.seed:
            return memory
    return Memory(plan.seed, today - timedelta(days=plan.days))


def keep(file: Path | None, memory: Memory) -> None:
    """Write the memory so that it is always whole."""
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        draft = file.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(memory))
        draft.replace(file)


def remaining(memory: Memory, plan: Plan, now: datetime) -> list[tuple[datetime, datetime]]:
    """Return the spans that are still to be posted, a day at a time, none longer ago than the plan's days."""
    local = now.astimezone(SHANGHAI)
    first = datetime(local.year, local.month, local.day, tzinfo=SHANGHAI) - timedelta(days=plan.days)
    start = max(first, memory.until.astimezone(SHANGHAI)) if memory.until else first
    spans = []
    while start < local:
        midnight = datetime(start.year, start.month, start.day, tzinfo=SHANGHAI) + WHOLE
        spans.append((start, min(midnight, local)))
        start = midnight
    return spans


async def history(
    client: Client, plan: Plan, file: Path | None, now: datetime, advance: Callable[[int, int, Mapping[str, int]], None]
) -> None:
    """Post what happened up to now, day by day; a day that was not finished is repeated as duplicates.

    `advance` hears how many days are done, of how many, and what was taken so far.
    """
    memory = remember(file, plan, now.astimezone(SHANGHAI).date())
    keep(file, memory)
    spans = remaining(memory, plan, now)
    if not spans:
        return
    city = cities.build(plan.seed, memory.since)
    days = _days(traffic.between(city, plan.seed, spans[0][0], spans[-1][1], plan.volume), spans)
    for done, posts in enumerate(days, start=1):
        await client.batches(posts)
        memory.until = spans[done - 1][1]
        keep(file, memory)
        advance(done, len(spans), {to: client.answers[to, 201] for to in ("services", "ratings")})


def _days(posts: Iterator[visits.Post], spans: list[tuple[datetime, datetime]]) -> Iterator[list[visits.Post]]:
    """Cut the posts, which come in order, at the ends of the spans."""
    following = next(posts, None)
    for _, end in spans:
        day = []
        while following is not None and following.at <= end:
            day.append(following)
            following = next(posts, None)
        yield day


async def live(client: Client, plan: Plan, file: Path | None) -> None:
    """Post visits as they happen now, at a steady pace and at any hour, until cancelled."""
    chance = random.Random()  # noqa: S311 (live traffic need not repeat)
    memory = remember(file, plan, datetime.now(SHANGHAI).date())
    city = cities.build(plan.seed, memory.since)
    for number in count(1):
        at = datetime.now(SHANGHAI) - A_WHILE
        visit = traffic.Maker(city, chance, at.date()).visit(f"YXL{at:%Y%m%d%H%M%S}{number % MILLION:06d}", at=at)
        for post in visits.posts(chance, visit):
            if post.at < at + SOON:  # what comes days later would be told today
                now = {"assessTime": visits.wire_time(datetime.now(SHANGHAI))} if post.to == "ratings" else {}
                await client.single(post._replace(body=post.body | now))
        if number % COMPLAINTS == 0:
            await client.single(visits.complaint(chance, visit))
        memory.until = datetime.now(SHANGHAI)
        keep(file, memory)
        await asyncio.sleep(chance.uniform(0.5, 1.5) * 60 * visits.RATED_INSIDE / plan.rate)
