"""`/desk`: the queues of whoever asks, one of them as a list; `/desk/events` keeps counts and list current."""

import contextlib
from collections.abc import AsyncIterator
from typing import Any, Final, NamedTuple

import msgspec
from litestar import Litestar, Request, Response, get
from litestar.response import Redirect, Stream

from haocha.domain.account import Account
from haocha.domain.workdays import SHANGHAI, Calendar
from haocha.store import saved_views
from haocha.web import desk_bulk, desk_filters, desk_views, pages, people, queues
from haocha.web.board import HEARTBEAT, RELOAD, RETRY, STREAM_HEADERS
from haocha.web.context import Context
from haocha.web.desk_filters import address
from haocha.web.desk_live import Desk
from haocha.web.desk_rows import TIMES, line
from haocha.web.live import Crowded
from haocha.web.queues import EVERYBODY, Filters, Queue
from haocha.web.scopes import Scope, scope_of
from haocha.web.work import HOMES, MAY_OPEN, work_page

PAGE: Final = 50
URGENT: Final = ("overdue", "supervision")
AT_WORK: Final = (
    "dispatch",
    "acceptance",
    "contact",
    "review",
    "appeals",
    "fixing",
    "extensions",
    "approval",
    "overdue",
    "open",
)
"""Queues of open tickets that somebody may be reminded of."""
BULK: Final = {"accept": ("acceptance", "overdue", "open"), "dispatch": ("dispatch", "open"), "remind": AT_WORK[1:]}
"""In which queues a command for many makes sense."""


class Tab(NamedTuple):
    """A queue in the rail beside the list; `waiting` is None where it is not counted."""

    key: str
    name: str
    address: str
    waiting: int | None
    urgent: bool
    apart: bool


class Column(NamedTuple):
    """A column's head: its address sorts by it, the other way round where it is sorted so already."""

    name: str
    address: str = ""
    sorted: str = ""


class News(msgspec.Struct, frozen=True):
    """One event of the stream: the counts of all queues, and the tickets at the head of the list."""

    counts: dict[str, int]
    head: list[str]


@contextlib.asynccontextmanager
async def lifespan(app: Litestar) -> AsyncIterator[None]:
    """Keep the lists' watch at `app.state.desk` while the application runs."""
    context: Context = app.state.context
    app.state.desk = Desk(context.pool, context.stopping)
    async with app.state.desk.running():
        yield


@get("/desk", guards=[people.requires_account(page=True)], include_in_schema=False)
async def desk_page(request: Request[Any, Any, Any]) -> Response[Any]:
    """Show a queue; without one, begin where this account begins."""
    context: Context = request.app.state.context
    account: Account = request.state.account
    if not request.query_params or account.role == "admin":
        return Redirect(await _start(context, account), status_code=303, headers=pages.PERSONAL)
    offered, counts = queues.queues_of(account), await queues.counts(context, account)
    filters, faults = Filters.parse(desk_filters.settled(context.registry, request.query_params))
    queue = next((one for one in offered if one.key == filters.queue), None)
    if queue is None or "queue" not in request.query_params:
        queue = queue or offered[0]
        filters = msgspec.structs.replace(filters, queue=queue.key)
    said = request.query_params.get("said", "")
    wrong = desk_views.WRONG.get(said, "")
    if faults:
        wrong = "有的筛选条件不能识别，已忽略：" + " ".join(fault.message for fault in faults)
    cursor = request.query_params.get("cursor")
    found = await queues.page(context, account, filters, cursor=cursor, limit=PAGE)
    scope, now = scope_of(context, account), context.now()
    calendar = Calendar.of((await context.rules.current()).calendars[-1][1])
    fields = desk_filters.fields(context.registry, filters, scope)
    chosen = desk_filters.chosen(context.registry, filters, fields)
    return await work_page(
        request,
        "desk.html",
        active="/desk",
        queue=queue,
        queues=[_tab(one, counts) for one in offered],
        total=counts.get(queue.key),
        query=filters.query(queue=queue.key),
        filters=filters,
        fields=fields,
        chosen=chosen,
        clear=f"/desk?queue={queue.key}",
        columns=_columns(filters),
        lines=[line(row, queue.key, now, calendar) for row in found.items],
        first=not cursor,
        top=address(filters, queue=queue.key),
        following=address(filters, queue=queue.key, cursor=found.next_cursor) if found.next_cursor else "",
        bulk=[one for one in desk_bulk.COMMANDS.get(account.role, ()) if queue.key in BULK[one]],
        views=await saved_views.listed(context.pool, account.username),
        done=desk_views.DONE.get(said, ""),
        wrong=wrong,
        empty=_empty(queue, chosen=bool(chosen), counted=counts.get(queue.key)),
        seen=_seen(context, account, scope),
        today=now.astimezone(SHANGHAI).date(),
    )


async def _start(context: Context, account: Account) -> str:
    """Return where an account begins: its own view, its role's page, or the first queue with something in it."""
    if account.role != "admin" and (query := await saved_views.starting(context.pool, account.username)):
        return f"/desk?{query}"
    if account.role in HOMES:
        return HOMES[account.role]
    offered, counts = queues.queues_of(account), await queues.counts(context, account)
    waiting = (one for one in offered if one.key not in EVERYBODY and counts.get(one.key))
    return f"/desk?queue={next(waiting, offered[0]).key}"


def _tab(queue: Queue, counts: dict[str, int]) -> Tab:
    return Tab(
        queue.key,
        queue.title,
        f"/desk?queue={queue.key}",
        counts.get(queue.key),
        urgent=queue.key in URGENT,
        apart=queue.key == EVERYBODY[0],
    )


def _columns(filters: Filters) -> list[Column]:
    """Name the columns; three of them sort."""
    order = queues.order_of(filters)
    newest = {"newest": "descending", "oldest": "ascending"}.get(order, "")
    times = TIMES.get(filters.queue, "时限")
    sorts_times = order == filters.queue or (order == "due" and filters.queue not in TIMES)
    return [
        Column("编号", _sorted(filters, "level"), "ascending" if order == "level" else ""),
        Column("事由"),
        Column("承办单位"),
        Column("环节"),
        Column(times, _sorted(filters, "due"), "ascending" if sorts_times else ""),
        Column("生成", _sorted(filters, "oldest" if order == "newest" else "newest"), newest),
        Column("标记"),
    ]


def _sorted(filters: Filters, sort: str) -> str:
    return address(filters, queue=filters.queue, sort=sort)


class Empty(NamedTuple):
    """What stands where there is no list, and why."""

    title: str
    why: str


def _empty(queue: Queue, *, chosen: bool, counted: int | None) -> Empty:
    if chosen:
        held = f"“{queue.title}”里有 {counted} 件工单，但" if counted else ""
        return Empty("没有符合条件的工单", f"{held}没有一件同时符合上面的条件。去掉一两个条件再看。")
    return Empty(f"{queue.title}：现在没有工单", EMPTY.get(queue.key, "这里的工单都已处理完。有新的到来，页面会提示。"))


EMPTY: Final = {
    "dispatch": "每件工单都已有承办单位。被评价部门不明的差评，会先到这里等待派单。",
    "acceptance": "派来的工单都已签收。新的差评一到，页面会提示。",
    "contact": "留了联系方式的评价人都已联系上，或已按规则试满次数。",
    "review": "签收的工单都已核实。先签收，工单才会到这里。",
    "appeals": "没有等待复核的申诉。本单位办理过或被评价的工单不会派给您。",
    "extensions": "没有等待批复的延期申请。",
    "approval": "没有等待审核的整改。自己提交的、本单位办理过的工单由别人审核。",
    "verification": "没有等待回访的工单。本单位办理过的工单由别人回访。",
    "overdue": "没有超期的工单。",
    "supervision": "没有用完重开次数而仍不满意的工单。",
    "look_back": "抽中的工单还没有到回头看的日期，或都已看过。",
    "closed": "范围内还没有办结的工单。",
    "all": "范围内还没有任何工单。差评、投诉或查评发现的问题一来，就会生成。",
    "open": "范围内没有在办的工单。差评、投诉或查评发现的问题一来，就会生成。",
}


def _seen(context: Context, account: Account, scope: Scope) -> str:
    """Say whose tickets an account sees."""
    if scope.area is not None:
        return f"区划代码以 {scope.area} 开头的工单"
    if scope.units is None:
        return "全部单位的工单"
    unit = account.unit if account.role == "handler" else account.node.partition(":")[2]
    name = context.registry.name("org", unit) or unit
    return f"{name}及下级单位的工单" if len(scope.units) > 1 else f"{name}的工单"


@get("/desk/events", guards=[people.requires_account(*MAY_OPEN["/desk"])], include_in_schema=False)
async def desk_events(request: Request[Any, Any, Any]) -> Stream:
    """Stream the counts and the head of a list, each time they changed."""
    filters, _ = Filters.parse(request.query_params)
    return Stream(_events(request, filters), media_type="text/event-stream", headers=STREAM_HEADERS)


async def _events(request: Request[Any, Any, Any], filters: Filters) -> AsyncIterator[bytes]:
    context: Context = request.app.state.context
    desk: Desk = request.app.state.desk
    account: Account = request.state.account

    async def compute() -> bytes:
        counts = await queues.counts(context, account)
        page = await queues.page(context, account, filters, limit=PAGE)
        return msgspec.json.encode(News(counts, [str(row.id) for row in page.items]))

    # Colleagues see the same; of the lists of those who approve their own fixes are left out.
    approves = "approval" in queues.BY_ROLE[account.role]
    who = msgspec.structs.replace(account, name="", username=account.username if approves else "")
    known = b""
    yield RETRY
    try:
        async for _ in desk.follow(scope_of(context, account)):
            if await people.account_of(request) != account:
                yield RELOAD
                return
            minute = int(context.now().timestamp()) // 60  # what is overdue changes without an event
            news = await desk.share((who, filters, minute), compute)
            yield HEARTBEAT if news == known else b"event: desk\ndata: %s\n\n" % news
            known = news
    except Crowded:
        yield b"retry: 60000\n\n"


routes = [desk_page, desk_events, *desk_views.routes, *desk_bulk.routes]
