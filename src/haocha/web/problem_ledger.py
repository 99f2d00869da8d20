"""`/desk/ledger` 问题台账: each problem with who is responsible, the measures, the deadline, state and outcome.

The page and the XLSX are the same entries by the same filters; the file goes through all pages, a query for each.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get
from litestar.response import Stream

from haocha.domain import codes
from haocha.domain.indicators import Indicators
from haocha.domain.registry import Registry
from haocha.domain.ticket_state import LADDER, STAGES
from haocha.domain.workdays import SHANGHAI
from haocha.store import readmodels
from haocha.web import citizen_names, exports, ticket_search, words
from haocha.web.context import Context
from haocha.web.exports import Column, Sheet
from haocha.web.loop_figures import fetch
from haocha.web.overview import seen_units, unit_name
from haocha.web.parameters import cursor, read_cursor
from haocha.web.people import requires_account
from haocha.web.reading import choices, covered
from haocha.web.scopes import Scope, scope_of
from haocha.web.suspicions import place
from haocha.web.ticket_filters import Filters
from haocha.web.work import MAY_OPEN, work_page

HERE: Final = "/desk/ledger"
ROWS: Final = 50
BATCH: Final = 500
QUEUES: Final = {"all": "全部", "open": "未办结", "overdue": "超期未办结", "closed": "已办结"}
FURTHER: Final = ("hall", "level", "ground", "status", "escalated", "openedFrom", "openedTo", "area")
COLUMNS: Final = (
    Column("工单编号", 16), Column("来源", 10), Column("评价等级", 10), Column("评价指标", 24), Column("事项", 24),
    Column("地点", 24), Column("被评人员", 10), Column("问题描述", 40), Column("原因", 10), Column("责任单位", 20),
    Column("责任人", 12), Column("整改措施", 48), Column("整改时限", 17), Column("状态", 10), Column("是否超期", 10),
    Column("结果", 10), Column("回访结果", 10), Column("重开次数", 8), Column("督办等级", 10), Column("生成时间", 17),
    Column("办结时间", 17), Column("办件编号", 22), Column("区划", 14),
)  # fmt: skip


class Below(msgspec.Struct, frozen=True):
    """Where a page ended."""

    position: int


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One line of the ledger, in words."""

    id: UUID
    position: int
    number: str
    source: str
    level: int
    level_name: str
    indicators: str
    matter: str
    place: str
    staff: str
    said: str
    ground: str
    unit: str
    responsible: str
    measures: str
    due: str
    state: str
    lateness: str
    outcome: str
    result: str
    reopened: int
    escalated: str
    opened: str
    closed: str
    project_no: str
    area: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The line of the file, as `COLUMNS` head it."""
        return (
            self.number, self.source, self.level_name, self.indicators, self.matter, self.place, self.staff, self.said,
            self.ground, self.unit, self.responsible, self.measures, self.due, self.state, self.lateness, self.outcome,
            self.result, str(self.reopened or ""), self.escalated, self.opened, self.closed, self.project_no, self.area,
        )  # fmt: skip


@get(HERE, guards=[requires_account(*MAY_OPEN[HERE], page=True)], include_in_schema=False)
async def ledger_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Show one page of the ledger, and how many lines it has."""
    context: Context = request.app.state.context
    filters, faults = Filters.parse(request.query_params)
    scope, now = scope_of(context, request.state.account), context.now()
    given = request.query_params.get("cursor")
    mark = read_cursor(given, Below) if given else None
    position = await readmodels.position(context.pool, "loops")
    found = await entries(context, scope, filters, now, below=mark.position if mark else None, rows=ROWS + 1)
    (size,) = await fetch(context, "loops", "size", *narrowed(context, scope, filters, now))
    shown = found[:ROWS]
    return await work_page(
        request,
        "problems.html",
        active=HERE,
        filters=filters,
        faults=[fault.message for fault in faults],
        queues=QUEUES,
        units=seen_units(context, scope),
        halls=choices(context.registry, "hall"),
        levels={level: codes.LEVELS[level] for level in sorted(codes.BAD_LEVELS)},
        further=any(filters.members().get(name) for name in FURTHER),
        problems=shown,
        size=size["n"],
        first=mark is None,
        following=cursor(Below(shown[-1].position)) if len(found) > ROWS else None,
        position=position,
        most=exports.MOST_ROWS,
    )


@get(f"{HERE}.xlsx", guards=[requires_account(*MAY_OPEN[HERE], page=True)], include_in_schema=False)
async def ledger_file(request: Request[Any, Any, Any]) -> Stream:
    """Send all lines that the filters of the page show, as a spreadsheet."""
    context: Context = request.app.state.context
    filters, _ = Filters.parse(request.query_params)
    now = context.now()
    rows = lines(context, scope_of(context, request.state.account), filters, now)
    moment = now.astimezone(SHANGHAI)
    return await exports.spreadsheet(f"问题台账-{moment:%Y%m%d-%H%M}.xlsx", [Sheet("问题台账", COLUMNS, rows)])


async def lines(
    context: Context, scope: Scope, filters: Filters, now: datetime
) -> AsyncIterator[Sequence[Sequence[str]]]:
    """Go through the ledger from the newest, page by page, each in a short query of its own."""
    below: int | None = None
    left = exports.MOST_ROWS
    while left > 0 and (found := await entries(context, scope, filters, now, below=below, rows=min(BATCH, left))):
        yield [entry.cells for entry in found]
        below, left = found[-1].position, left - len(found)


async def entries(
    context: Context, scope: Scope, filters: Filters, now: datetime, *, below: int | None, rows: int
) -> list[Entry]:
    """Read the lines below a position."""
    found = await fetch(context, "loops", "ledger", below, rows, *narrowed(context, scope, filters, now))
    named = await citizen_names.of_tickets(context, [row["ticket"] for row in found])
    return [entry(context.registry, context.indicators, row, now, named.get(row["ticket"], set())) for row in found]


def narrowed(context: Context, scope: Scope, filters: Filters, now: datetime) -> tuple[object, ...]:
    """Return what `size` takes, and `ledger` after the page."""
    stages = ["closed" if status == "closed" else STAGES[status] for status in filters.status]  # type: ignore[index]
    rungs = LADDER[LADDER.index(filters.escalated) :] if filters.escalated else None
    over = filters.queue == "overdue" or filters.due == "over"
    return (
        *scope,
        stages or None,
        {"open": True, "closed": False}.get(filters.queue),
        now if over else None,
        filters.area or None,
        filters.dept or None,
        filters.hall or None,
        filters.window or None,
        filters.staff or None,
        filters.matter or None,
        filters.pf or None,
        list(filters.level) or None,
        list(filters.source) or None,
        list(filters.ground) or None,
        filters.unit or None,
        list(filters.outcome) or None,
        list(rungs) if rungs else None,
        filters.opened_since,
        filters.opened_until,
        filters.since,
        filters.until,
        *ticket_search.find(context.registry, filters.q),
    )


def entry(registry: Registry, indicators: Indicators, row: Any, now: datetime, named: Collection[str]) -> Entry:
    """Put one line in words; those `named` and what looks like a telephone or identity number is covered in texts."""
    responsible = row["responsible"]
    late = row["outcome"] == "" and row["due_at"] is not None and row["due_at"] < now
    return Entry(
        id=row["ticket"],
        position=row["position"],
        number=row["number"],
        source=words.KINDS.get(row["kind"]) or words.SOURCES[row["source"]],
        level=row["satisfaction"],
        level_name=codes.LEVELS.get(row["satisfaction"], ""),
        indicators="；".join(indicators.name(code) for code in row["indicators"]) or row["standard"],
        matter=registry.name("matter", row["matter"]) or row["matter"],
        place=place(registry, row) or unit_name(registry, row["dept"]),
        staff=registry.name("staff", row["staff"]) or row["staff"],
        said=covered(citizen_names.without(row["said_body"] or "", named)),
        ground=words.GROUNDS.get(row["ground"], row["ground"]),
        unit=unit_name(registry, row["unit"]),
        responsible=registry.name("staff", responsible) or responsible,
        measures=covered(citizen_names.without(row["measures_body"] or "", named)),
        due=moment(row["fix_due_at"]),
        state="已办结" if row["outcome"] else words.STATUSES[STATUS_OF[row["stage"]]],
        lateness=f"{words.STAGES[row['stage']]}超期" if late else "曾超期" if row["late"] else "",
        outcome=words.OUTCOMES.get(row["outcome"], ""),
        result=words.RESULTS.get(row["result"], ""),
        reopened=row["reopened"],
        escalated=words.LADDER.get(row["escalated"], ""),
        opened=moment(row["opened_at"]),
        closed=moment(row["closed_at"]),
        project_no=row["project_no"],
        area=row["area"],
    )


STATUS_OF: Final = {stage: status for status, stage in STAGES.items()}


def moment(at: datetime | date | None) -> str:
    """Write a time of Shanghai, '' where there is none."""
    return f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M}" if isinstance(at, datetime) else ""


routes = [ledger_page, ledger_file]
