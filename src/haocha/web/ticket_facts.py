"""What the page of a ticket tells beside its actions: what was said, of which case, and what stands around it.

The ticket is read from its own stream, so that the page is never behind; what its window and its person have been
through comes from the read models.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple
from uuid import UUID

import msgspec

from haocha.domain import codes, ids
from haocha.domain.indicators import Indicators
from haocha.domain.policy import Stage, Terms
from haocha.domain.rating import Rating
from haocha.domain.service import ServiceRecorded
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Joined, Opened, Snapshot, Source
from haocha.domain.workdays import ONE_DAY, SHANGHAI
from haocha.inspections import tree
from haocha.store import aggregates, evidence, log, readmodels, sql, vault
from haocha.store.log import Recorded
from haocha.web import citizen_names, reading, timeline, words
from haocha.web.context import Context
from haocha.web.lights import Light, light
from haocha.web.problems import not_found
from haocha.web.timeline import Entry, Names, Paper, There, Writing

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")

RECENT: Final = 30
"""Days of the window's record."""
SHOWN: Final = 5
TEXTS: Final = {"writingEvaluation": "评价内容", "text": "反映内容", "problem": "发现的问题"}
"""Texts of what opened a ticket; what a client put into `ext` is its own affair."""
FLAGS: Final = {
    "reasonMissing": "未说明原因",
    "unknownIndicator": "含未知指标",
    "clock": "设备时间有误",
    "noCase": "无办件编号",
    "fromProvince": "上级下发，本级没有这条评价",
}
FINDINGS: Final = {"contested": "同一办件有内容不同的评价", "unpaired": "追评没有对应的首次评价"}
CASE: Final = {
    "proStatus": ("办件状态", {"1": "待受理", "2": "已受理", "3": "已办结"}),
    "promiseTime": ("办件类型", {"1": "即办件", "2": "承诺件"}),
    "proChannel": ("申请渠道", {"1": "线上", "2": "线下"}),
    "acceptDate": ("受理时间", {}),
    "resultDate": ("办结时间", {}),
    "promiseDay": ("承诺时限", {}),
    "serviceName": ("服务名称", {}),
    "subMatter": ("办理情形", {}),
    "orgName": ("实施机构", {}),
    "proManager": ("经办人", {}),
}
"""Members of a service record that a reviewer asks for; none of them is the citizen's."""


class Told(NamedTuple):
    """A ticket's stream, the ticket as it is now, and which stage each event ended."""

    stream: list[Recorded]
    ticket: Ticket
    ended: dict[int, Stage]


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """What somebody said, as given: the source, its level and what was written."""

    source: Source
    kind: str
    level: int
    channel: str
    at: datetime | None
    day: Any
    indicators: tuple[str, ...]
    writings: tuple[Writing, ...]
    flags: tuple[str, ...]
    named: bool
    evidence: tuple[Paper, ...]


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Who and what it is about, by name."""

    window: str
    hall: str
    dept: str
    staff: str
    matter: str
    area: str
    project_no: str


class Other(msgspec.Struct, frozen=True):
    """Another ticket."""

    id: UUID
    number: str
    status: str
    level: int
    opened_at: datetime


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """What the window has been through in the last days, and who else complained of the same."""

    counts: tuple[int, ...] = ()
    """Ratings by level, 5 to 1."""
    window: tuple[Other, ...] = ()
    staff: tuple[Other, ...] = ()
    related: tuple[Other, ...] = ()

    @property
    def n(self) -> int:
        """How many ratings."""
        return sum(self.counts)

    @property
    def bad(self) -> int:
        """How many of them are bad (差评)."""
        return sum(self.counts[3:])

    @property
    def rate(self) -> float | None:
        """差评率."""
        return self.bad / self.n if self.n else None


class Standing(NamedTuple):
    """What the source itself says: of a rating what became of it, of a finding which indicator it fails, by name."""

    excluded: bool = False
    findings: tuple[str, ...] = ()
    matter: str = ""
    """As the client called it."""
    standard: str = ""


class Running(msgspec.Struct, frozen=True):
    """A deadline whose clock runs."""

    stage: str
    at: datetime
    light: Light


async def told(context: Context, ticket_id: UUID) -> Told:
    """Read a ticket from its stream; raises the `404`."""
    stream = await log.read_stream(context.pool, ticket_id)
    try:
        ticket = aggregates.replay(stream[:1], Ticket)
    except aggregates.Unknown:
        raise not_found("这件工单") from None
    ended: dict[int, Stage] = {}
    for recorded in stream[1:]:
        status, stage = ticket.status, ticket.stage
        ticket = recorded.event.mutate(ticket)
        if status not in {ticket.status, "closed"}:
            ended[recorded.originator_version] = stage
    return Told(stream, ticket, ended)


async def terms(context: Context, ticket: Ticket) -> Terms:
    """Return the rules that the ticket is handled under."""
    return (await context.rules.current()).of(ticket.policy_version, ticket.calendar_version)


async def there(context: Context, stream: Sequence[Recorded]) -> There:
    """Return what is still there of texts, names and what looks like numbers of citizens covered, and of files."""
    found = await vault.bodies(context.pool, list(timeline.references(stream)))
    found = citizen_names.all_without(found, await citizen_names.of_stream(context, stream))
    digests = [piece.digest for recorded in stream for piece in timeline.evidence(recorded.event)]
    return There(
        {number: reading.covered(body) for number, body in found.items()},
        await evidence.kept(context.pool, digests) if digests else frozenset(),
    )


async def course(context: Context, known: Told, there: There) -> list[Entry]:
    """Tell the ticket's timeline, oldest first."""
    rows = await context.pool.fetch(SQL["names"], list(timeline.actors(known.stream)))
    rules = await terms(context, known.ticket)
    names = Names(context.registry, {row["username"]: row["name"] for row in rows}, rules.policy)
    return timeline.entries(known.stream, known.ended, there, names)


def said(stream: Sequence[Recorded], there: There, indicators: Indicators) -> list[Said]:
    """Return what opened the ticket and what joined it, in the order it came.

    The platform above repeats what it has from us: its ticket on a rating that stands here already says nothing new.
    """
    told: list[Said] = []
    known: set[UUID] = set()
    for part in (one.event for one in stream if isinstance(one.event, Opened | Joined)):
        texts = {text.id for text in part.snapshot.texts.values()}
        if part.source != "province" or not told or texts - known:
            told.append(_said(part.source, part.snapshot, there, indicators))
        known |= texts
    return told


def _said(source: Source, snapshot: Snapshot, there: There, indicators: Indicators) -> Said:
    return Said(
        source=source,
        kind=words.KINDS.get(snapshot.kind, snapshot.kind),
        level=snapshot.satisfaction,
        channel=codes.CHANNELS.get(snapshot.pf, snapshot.pf),
        at=snapshot.assess_time or snapshot.received_at,
        day=snapshot.day,
        indicators=tuple(indicators.name(code) for code in snapshot.eval_detail),
        writings=tuple(
            Writing(label, there.texts.get(snapshot.texts[name].id))
            for name, label in TEXTS.items()
            if name in snapshot.texts
        ),
        flags=tuple(FLAGS.get(flag, flag) for flag in snapshot.flags),
        named=snapshot.named,
        evidence=timeline.papers(snapshot.evidence, there),
    )


def place(context: Context, ticket: Ticket, matter: str = "") -> Place:
    """Name who and what the ticket is about, as of when it opened; `matter` where the registry knows none."""
    snapshot, name = ticket.snapshot, context.registry.name

    def called(kind: str, key: str) -> str:
        return name(kind, key, ticket.opened_at) or name(kind, key) or key

    return Place(
        window=reading.window_name(context.registry, snapshot.window) if snapshot.window else "",
        hall=called("hall", snapshot.hall),
        dept=called("org", snapshot.dept),
        staff=called("staff", snapshot.staff),
        matter=called("matter", snapshot.matter) or matter,
        area=snapshot.area,
        project_no=snapshot.project_no,
    )


def running(ticket: Ticket, rules: Terms, now: datetime) -> list[Running]:
    """Return the deadlines whose clocks run, that of the stage it is in first."""
    stages = sorted((stage for stage in ticket.dues if ticket.runs(stage)), key=lambda stage: stage != ticket.stage)
    return [
        Running(
            words.STAGES[stage],
            ticket.dues[stage],
            light(ticket.dues[stage], now, rules.calendar, provisional=stage in ticket.provisional),
        )
        for stage in stages
    ]


async def standing(context: Context, ticket: Ticket) -> Standing:
    """Read the source of the ticket."""
    if ticket.snapshot.standard:
        indicators = await tree.load(context.pool, context.install)
        path = indicators.path(ticket.snapshot.standard)
        return Standing(standard=" › ".join(path) or ticket.snapshot.standard)
    if ticket.source not in {"rating", "supplement", "contested"}:
        source = await log.read_stream(context.pool, UUID(ticket.source_id))
        said: dict[str, str] = next((one.event.said for one in source if hasattr(one.event, "said")), {})
        return Standing(matter=said.get("taskName", ""))
    rating = await aggregates.get(context.pool, Rating, UUID(ticket.source_id))
    findings = tuple(FINDINGS.get(finding, finding) for finding in dict.fromkeys(rating.findings))
    return Standing(rating.excluded, findings, rating.fact.said.get("taskName", ""))


async def service(context: Context, ticket: Ticket) -> list[tuple[str, str]]:
    """Return what the service record of the case says, as pairs of label and words; nothing where there is none."""
    snapshot = ticket.snapshot
    if not snapshot.project_no:
        return []
    stream = ids.service_id(context.install.namespace, snapshot.project_no, snapshot.service_number)
    recorded = await log.read_stream(context.pool, stream)
    if not recorded:
        return []
    record: ServiceRecorded = recorded[-1].event
    local = record.service_time.astimezone(SHANGHAI)
    lines = [("服务时间", f"{local:%Y-%m-%d %H:%M}")]
    for member, (label, meanings) in CASE.items():
        if (value := record.case.get(member)) is not None:
            lines.append((label, meanings.get(str(value), str(value))))
    return lines


async def record(context: Context, ticket: Ticket, now: datetime) -> Record:
    """Read what the window and the person have been through; as much as the read models know."""
    window, today = ticket.snapshot.window, now.astimezone(SHANGHAI).date()
    days = [today - ONE_DAY * n for n in range(RECENT)]
    counts: tuple[int, ...] = ()
    of_window: tuple[Other, ...] = ()
    of_staff: tuple[Other, ...] = ()
    if window:
        levels = await _rows(context, "window", window, days)
        counts = tuple(levels[0][f"n{level}"] for level in (5, 4, 3, 2, 1)) if levels else ()
        of_window = await _others(context, "tickets_of_window", window, now - timedelta(days=RECENT), ticket.id, SHOWN)
    if ticket.snapshot.staff and ticket.snapshot.matter:
        of_staff = await _others(
            context, "tickets_of_staff", ticket.snapshot.staff, ticket.snapshot.matter, ticket.id, SHOWN
        )
    related = await _others(context, "tickets_by_id", list(ticket.related)) if ticket.related else ()
    return Record(counts=counts, window=of_window, staff=of_staff, related=related)


async def _others(context: Context, query: str, *arguments: object) -> tuple[Other, ...]:
    return tuple(
        Other(
            row["id"],
            row["number"],
            words.OUTCOMES.get(row["outcome"], "") or words.STATUSES[row["status"]],
            row["satisfaction"],
            row["opened_at"],
        )
        for row in await _rows(context, query, *arguments)
    )


async def _rows(context: Context, query: str, *arguments: object) -> list[Any]:
    """Run a query over read models; nothing where one is not there yet, once more where it was just swapped."""
    return await readmodels.fetch(context.pool, SQL[query], *arguments)
