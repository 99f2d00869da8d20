"""What a member decided about ratings that it reported: links, exclusions and reinstatements, each done once.

The cause of each is the member, its stream and the version there. Links and exclusions are two courses: in each of them
what was decided later stays, in whatever order it arrives.
"""

import asyncio
from collections.abc import Mapping
from typing import NamedTuple
from uuid import UUID

from haocha.domain import ids
from haocha.domain.rating import AlreadyExcluded, NotExcluded, NothingNew, Rating
from haocha.store import aggregates, log
from haocha.store.log import Group, Recorded, Verdict
from haocha.store.members import Member
from haocha.sync.lines import Receipt
from haocha.web.context import Context
from haocha.web.submit import POISONED
from haocha.web.sync_items import Decided, number_here, refusal

MISSING = Receipt("retry", code="rating_missing", message="这里还没有这条评价：先上报评价，再上报对它的决定。")
CHANGED = Receipt("retry", code="changed", message="这条评价刚刚有了变化，请再次上报。")
DONE = (NothingNew, AlreadyExcluded, NotExcluded)
"""Refusals of what is so already."""


class Course(NamedTuple):
    """One rating on its way through the decisions of a call: `recorded` is what the log has of it."""

    rating: Rating
    recorded: list[Recorded]


async def apply(context: Context, member: Member, decided: Mapping[int, Decided]) -> dict[int, Receipt]:
    """Apply decisions in their order, those of one rating together; return a receipt for each."""
    candidates = {index: _candidates(context, member, one) for index, one in decided.items()}
    streams = await log.read_streams(context.pool, list({stream for two in candidates.values() for stream in two}))
    receipts: dict[int, Receipt] = {}
    courses: dict[UUID, Course] = {}
    done: dict[UUID, list[int]] = {}
    for index, one in decided.items():
        stream = next((stream for stream in candidates[index] if _is(streams.get(stream), member, one)), None)
        if stream is None:
            receipts[index] = MISSING
            continue
        if stream not in courses:
            courses[stream] = Course(aggregates.replay(streams[stream], Rating), streams[stream])
        if _decide(courses[stream], member, one):
            done.setdefault(stream, []).append(index)
        else:
            receipts[index] = Receipt("known", courses[stream].recorded[-1].position)
    waiting: dict[UUID, asyncio.Future[Verdict]] = {
        stream: context.batcher.submit(Group(aggregates.new_events(courses[stream].rating))) for stream in done
    }
    for stream, indexes in done.items():
        verdict = await waiting[stream]
        for behind, index in enumerate(reversed(indexes)):
            match verdict.verdict:
                case "ok":
                    receipts[index] = Receipt("accepted", verdict.position - behind)
                case "poisoned":
                    receipts[index] = refusal([POISONED])
                case _:
                    receipts[index] = CHANGED
    return receipts


def _candidates(context: Context, member: Member, one: Decided) -> tuple[UUID, UUID]:
    """Return where the rating may stand: in its own place, or as a contest where that was taken."""
    rated = one.rated
    number = number_here(member, rated.project_no, no_case=rated.no_case)
    place = ids.rating_id(context.install.namespace, number, rated.service_number, rated.assess_number)
    return place, ids.contest_id(place, rated.digest)


def _is(stream: list[Recorded] | None, member: Member, one: Decided) -> bool:
    """Tell whether a stream is the rating that the member means."""
    fact = stream[0].event if stream else None
    return fact is not None and fact.client == member.name and fact.digest == one.rated.digest


def _decide(course: Course, member: Member, one: Decided) -> bool:
    """Let the rating decide; false where it is so already, or something later was decided."""
    rating, event = course.rating, one.event
    beginning = f"{member.name}|{one.line.stream}|"
    cause = f"{beginning}{one.line.version}"
    if _latest(course, event, beginning) >= one.line.version or cause in rating.causes:
        return False
    try:
        match event:
            case Rating.Linked():
                rating.link(event.new, linked=event.linked, registry_position=0, at=event.at, cause=cause)
            case Rating.Excluded():
                rating.exclude(by=f"{member.name}/{event.by}", reason=event.reason, at=event.at, cause=cause)
            case Rating.Reinstated():
                rating.reinstate(by=f"{member.name}/{event.by}", reason=event.reason, at=event.at, cause=cause)
    except DONE:
        return False
    return True


def _latest(course: Course, event: object, beginning: str) -> int:
    """Return the version of the last decision of this kind that came from the member's stream."""
    linked = isinstance(event, Rating.Linked)
    versions = [0]
    for recorded in course.recorded[1:]:
        cause = getattr(recorded.event, "cause", None)
        same = isinstance(recorded.event, Rating.Linked) == linked
        if same and isinstance(cause, str) and cause.startswith(beginning):
            versions.append(int(cause.removeprefix(beginning)))
    return max(versions)
