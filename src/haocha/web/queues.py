"""The queues of the workbench (工作台队列): what waits for whom, how much of it, and one page of it at a time.

What a queue holds is written in `queues.sql`; here stands whose it is. An account sees its scope only, and in the
queues where somebody judges nothing that its independence forbids: what its own unit had, what it fixed itself, its own
rating. Offering less than the guards allow would lose work, offering more would end in a refusal: a test holds both
equal. What an instance below works on waits for nobody here, though it may be judged.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from haocha.domain.account import Account, AccountRole
from haocha.domain.policy import Rulebook
from haocha.domain.ticket_state import LADDER
from haocha.domain.workdays import ONE_DAY, SHANGHAI, Calendar
from haocha.store import readmodels, sql, vault
from haocha.web import citizen_names, parameters, ticket_search
from haocha.web.context import Context
from haocha.web.lights import INSTANT, SOON
from haocha.web.scopes import Scope, scope_of
from haocha.web.scores import behind
from haocha.web.ticket_filters import Filters
from haocha.web.ticket_rows import Row, rows_of

__all__ = ["QUEUES", "Filters", "Found", "Mark", "Page", "Queue", "Row", "counts", "find", "page", "queues_of"]

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")
MODEL: Final = "tickets"
REMEMBERED: Final = 500  # counts of different accounts


class Queue(NamedTuple):
    """One queue; `own`: work of the unit itself, `judged`: only for the independent, `unrated`: not for the rated."""

    key: str
    title: str
    hint: str
    own: bool = False
    judged: bool = False
    unrated: bool = False
    counted: bool = True


QUEUES: Final[dict[str, Queue]] = {
    queue.key: queue
    for queue in (
        Queue("dispatch", "待分派", "还没有承办单位：指定由谁办理。"),
        Queue("acceptance", "待签收", "已派到承办单位，等待签收。", own=True),
        Queue("contact", "待联系", "评价人留了联系方式，还没有联系上。", own=True, judged=True),
        Queue("review", "待核实", "核实情况、认定原因，决定整改还是解释。", own=True, unrated=True),
        Queue("appeals", "待复核", "承办单位认为评价不应采纳：由无关单位的人复核。", judged=True),
        Queue("fixing", "整改中", "核实属实的问题，正在整改。", own=True),
        Queue("extensions", "延期待批", "承办单位申请延期，等待批复。", judged=True),
        Queue("approval", "待审核", "整改或解释已提交：审核通过，或者退回。", judged=True),
        Queue("verification", "待回访", "已审核通过，等评价人的意见；没有回音的由回访人员联系。", judged=True),
        Queue("recheck", "待复查", "查评发现的问题已整改，等查评人员现场复查。", judged=True),
        Queue("supervision", "待督办", "评价人仍不满意、重开次数已用完：由督办决定是否再办。"),
        Queue("overdue", "已超期", "当前环节已过时限。"),
        Queue("look_back", "回头看", "办结后抽中、到了回头看日期的工单。", judged=True),
        Queue("open", "全部在办", "范围内所有没有办结的工单。"),
        Queue("closed", "已办结", "最近办结的在前。", counted=False),
        Queue("all", "全部", "在办的和已办结的，新的在前。", counted=False),
    )
}
EVERYBODY: Final = ("open", "closed", "all")
BY_ROLE: Final[dict[AccountRole, tuple[str, ...]]] = {
    "handler": ("acceptance", "contact", "review", "fixing", "overdue", *EVERYBODY),
    "supervisor": (
        "dispatch", "extensions", "approval", "supervision", "overdue", "look_back", "acceptance", "review", "fixing",
        *EVERYBODY,
    ),
    "reviewer": ("appeals", "approval", *EVERYBODY),
    "agent": ("contact", "verification", "look_back", *EVERYBODY),
    "inspector": ("recheck", "look_back", *EVERYBODY),
    "leader": ("supervision", "overdue", *EVERYBODY),
    "auditor": ("overdue", *EVERYBODY),
    "admin": EVERYBODY,
}  # fmt: skip
"""Each role's queues, in the order of the day."""


class Page(NamedTuple):
    """One page, the cursor of the next (None: this is the last), and up to where in the log it is true."""

    items: list[Row]
    next_cursor: str | None
    position: int


class Found(NamedTuple):
    """The same, as rows of the read model."""

    records: list[Any]
    next_cursor: str | None
    position: int


class Mark(msgspec.Struct, frozen=True):
    """Where a page ended: the order, and the last row's place in it."""

    order: str
    position: int
    at: datetime | None = None
    level: int = 0


def queues_of(account: Account) -> list[Queue]:
    """Return the queues of an account, in its order; who contacts for a unit is its contact officer alone."""
    names = BY_ROLE[account.role]
    if account.role == "handler" and not account.contact_officer:
        names = tuple(name for name in names if name != "contact")
    return [QUEUES[name] for name in names]


async def counts(context: Context, account: Account) -> dict[str, int]:
    """Count what waits in each of an account's queues; the closed ones, which are many, are not counted.

    Whoever sees the same shares one count, until something happens to a ticket or a minute has gone by.
    """
    scope, now = scope_of(context, account), context.now()
    rulebook = await context.rules.current()
    (changed,) = await _rows(context, "changed")
    is_handler = account.role == "handler"
    arguments = (
        scope.area,
        account.unit if is_handler else None,
        None if is_handler else account.unit or None,
        account.staff or None,
        account.username if "approval" in BY_ROLE[account.role] else None,
        _contacts(rulebook, account),
    )
    key = (changed["position"], int(now.timestamp()) // 60, *(scope.units or ("",)), *arguments)
    if key not in context.counted:
        (row,) = await _rows(context, "counts", now, scope.units, *arguments)
        context.counted[key] = dict(row)
        while len(context.counted) > REMEMBERED:
            context.counted.popitem(last=False)
    row = context.counted[key]
    return {queue.key: row[queue.key] for queue in queues_of(account) if queue.counted}


async def page(
    context: Context, account: Account, filters: Filters, *, cursor: str | None = None, limit: int = 50
) -> Page:
    """Return one page of a queue as an account sees it; raises the `503` of an absent read model."""
    found = await find(context, account, filters, cursor=cursor, limit=limit)
    rulebook, contact = await context.rules.current(), filters.queue == "contact"
    written = await vault.bodies(context.pool, [row["text_id"] for row in found.records if row["text_id"]])
    named = await citizen_names.of_tickets(context, [row["id"] for row in found.records if row["text_id"] in written])
    for row in found.records:
        if row["id"] in named:
            written[row["text_id"]] = citizen_names.without(written[row["text_id"]], named[row["id"]])
    rows = rows_of(context.registry, rulebook, found.records, context.now(), written, contact=contact)
    return Page(rows, found.next_cursor, found.position)


async def find(
    context: Context, account: Account | None, filters: Filters, *, cursor: str | None = None, limit: int = 50
) -> Found:
    """Return the read model's rows of one page; without an account (an API key) of all tickets.

    A cursor that is none, or that belongs to another order, begins anew.
    """
    position = await readmodels.position(context.pool, MODEL)
    rulebook = await context.rules.current()
    now, order = context.now(), order_of(filters)
    mark = parameters.read_cursor(cursor, Mark) if cursor else None
    if mark is None or mark.order != order:
        mark = Mark(order, 0)
    rows = await _rows(
        context,
        "page",
        *(filters.queue, now, order),
        *(mark.at, mark.level, mark.position or None, limit + 1),
        *_seen(context, rulebook, account, QUEUES[filters.queue]),
        *_narrowed(context, filters, rulebook, now),
    )
    following = parameters.cursor(_mark(rows[limit - 1], order)) if len(rows) > limit else None
    return Found(rows[:limit], following, position)


def order_of(filters: Filters) -> str:
    """Return the order of a list: of a queue without one of its own, by what is due in it."""
    if filters.sort not in {"", "due"}:
        return filters.sort
    if filters.queue in {"contact", "look_back", "closed"}:
        return filters.queue
    return "newest" if filters.queue == "all" and not filters.sort else "due"


def boundaries(calendar: Calendar, now: datetime) -> tuple[datetime, datetime]:
    """Return when today ends, and when the first working day begins that is no longer near."""
    day = now.astimezone(SHANGHAI).date()
    today = datetime.combine(day + ONE_DAY, time(), SHANGHAI)
    left = SOON + 1
    while left:
        day += ONE_DAY
        left -= calendar.is_working(day)
    return today.astimezone(UTC), datetime.combine(day, time(), SHANGHAI).astimezone(UTC)


async def _rows(context: Context, section: str, *arguments: object) -> list[Any]:
    try:
        return await readmodels.run(context.pool, MODEL, SQL[section], *arguments)
    except readmodels.NotBuilt:
        raise behind() from None


def _mark(row: Any, order: str) -> Mark:
    times = {"due": "due_at", "contact": "contact_due", "look_back": "look_back_at", "closed": "closed_at"}
    return Mark(order, row["position"], row[times[order]] if order in times else None, row["satisfaction"] or 6)


def _contacts(rulebook: Rulebook, account: Account | None) -> bytes:
    """Return how many contacts are asked for, by the policies under which this person contacts; all without one."""
    modes = {"agent", "unit"} if account is None else {"unit" if account.role == "handler" else "agent"}
    policies = (published for _, published in rulebook.policies if published.policy.contact in modes)
    return msgspec.json.encode({one.version: one.policy.contact_attempts for one in policies})


def _seen(context: Context, rulebook: Rulebook, account: Account | None, queue: Queue) -> Sequence[object]:
    """Return $8 to $14 of `page`: what of a queue an account sees."""
    if account is None:
        return *(None,) * 6, _contacts(rulebook, None)
    scope: Scope = scope_of(context, account)
    is_handler = account.role == "handler"
    return (
        scope.units,
        scope.area,
        account.unit if is_handler and queue.own else None,
        account.unit or None if queue.judged and not is_handler else None,
        account.staff or None if queue.judged or queue.unrated else None,
        account.username if queue.key == "approval" else None,
        _contacts(rulebook, account),
    )


def _narrowed(context: Context, filters: Filters, rulebook: Rulebook, now: datetime) -> Sequence[object]:
    """Return $15 to $42 of `page`."""
    since, before = _due(filters.due, rulebook, now)
    search = ticket_search.find(context.registry, filters.q)
    return (
        filters.area or None,
        filters.dept or None,
        filters.hall or None,
        filters.window or None,
        filters.staff or None,
        filters.matter or None,
        filters.pf or None,
        filters.level or None,
        filters.source or None,
        filters.ground or None,
        filters.status or None,
        filters.unit or None,
        filters.outcome or None,
        since,
        before,
        filters.due == "none" or None,
        LADDER.index(filters.escalated) + 1 if filters.escalated in LADDER else None,
        _midnight(filters.opened_since),
        _midnight(filters.opened_until, after=ONE_DAY),
        filters.since,
        filters.until,
        *search,
        filters.tier or None,
    )


def _due(word: str, rulebook: Rulebook, now: datetime) -> tuple[datetime | None, datetime | None]:
    """Return from when and before when a deadline lies that is called so, by the newest calendar."""
    if not word or not rulebook.calendars:
        return None, None
    # A deadline in natural days is the midnight that ends its day.
    today, soon = boundaries(Calendar.of(rulebook.calendars[-1][1]), now)
    return {
        "over": (None, now),
        "today": (now, today + INSTANT),
        "soon": (today + INSTANT, soon + INSTANT),
        "later": (soon + INSTANT, None),
    }.get(word, (None, None))


def _midnight(day: Any, after: timedelta = timedelta()) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), SHANGHAI) + after
