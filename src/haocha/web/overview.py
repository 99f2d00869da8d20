"""`/desk/overview` 督办看板: what is open and for how long, who is late, and what looks perfunctory."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec
from litestar import Request, Response, get

from haocha.domain.registry import Registry
from haocha.domain.ticket_state import STAGES
from haocha.domain.workdays import SHANGHAI
from haocha.store import readmodels
from haocha.web import words
from haocha.web.context import Context
from haocha.web.loop_figures import PROJECTIONS, Asked, Loop, Rate, fetch, loops, times, together
from haocha.web.loop_view import PERIODS, View
from haocha.web.people import requires_account
from haocha.web.reading import choices
from haocha.web.scopes import Scope, scope_of
from haocha.web.suspicions import DAYS, MINUTES, place, suspicions
from haocha.web.work import MAY_OPEN, work_page

HERE: Final = "/desk/overview"
AGES: Final = {
    "day": "一天内",
    "three": "一至三天",
    "week": "三至七天",
    "fortnight": "七至十五天",
    "longer": "十五天以上",
}
WORST: Final = 8
OVERDUE: Final = 12
UNITS: Final = 100_000  # more than there are


class Standing(msgspec.Struct, frozen=True):
    """What is open in one stage: how many, how many of them late, and since when they are open."""

    status: str
    name: str
    n: int
    overdue: int
    ages: tuple[int, ...]
    oldest: float


class Late(msgspec.Struct, frozen=True):
    """An open ticket past its deadline."""

    id: UUID
    number: str
    unit: str
    place: str
    matter: str
    stage: str
    level: int
    due: datetime
    escalated: str


class Ranked(msgspec.Struct, frozen=True):
    """A unit with its figures; ranked by the upper bound of its on-time rate, the worst first."""

    key: str
    name: str
    loop: Loop
    on_time: Rate


class Ranking(msgspec.Struct, frozen=True):
    """The worst of the units with enough tickets; all of them by how much they have."""

    worst: tuple[Ranked, ...]
    ranked: int
    unranked: int
    every: tuple[Ranked, ...]


@get(HERE, guards=[requires_account(*MAY_OPEN[HERE], page=True)], include_in_schema=False)
async def overview_page(request: Request[Any, Any, Any]) -> Response[str]:
    """Show the board of the supervisor, as far as the account sees."""
    context: Context = request.app.state.context
    now = context.now()
    view, notice = View.parse(request.query_params, now.astimezone(SHANGHAI).date())
    scope = scope_of(context, request.state.account)
    asked = view.asked(scope)
    position = await readmodels.position(context.pool, *PROJECTIONS)
    units = await loops(context, asked, now, by="unit", rows=UNITS, timed=False)
    stages = await times(context, asked, now)
    rungs = await loops(context, asked, now, by="rung", rows=len(words.LADDER) + 1, timed=False)
    return await work_page(
        request,
        "overview.html",
        active=HERE,
        view=view,
        notice=notice,
        periods=PERIODS,
        units=seen_units(context, scope),
        position=position,
        total=together(units, stages.get("", ())),
        rungs={words.LADDER[loop.key]: loop["tickets"] for loop in rungs if loop.key in words.LADDER},
        ages=AGES,
        standing=await standing(context, asked, now),
        overdue=await overdue(context, asked, now, OVERDUE),
        ranking=ranking(context, units),
        minimum=context.settings.rank_minimum,
        suspicions=await suspicions(context, asked),
        minutes=MINUTES,
        days=DAYS,
    )


async def standing(context: Context, asked: Asked, now: datetime) -> list[Standing]:
    """Count what is open by stage and age, in the order of the stages."""
    rows = {row["stage"]: row for row in await fetch(context, "loops", "standing", *asked.where, now)}
    return [
        Standing(
            status,
            words.STAGES[stage],
            row["n"],
            row["overdue"],
            tuple(row[age] for age in AGES),
            row["oldest"],
        )
        for status, stage in STAGES.items()
        if (row := rows.get(stage))
    ]


async def overdue(context: Context, asked: Asked, now: datetime, rows: int) -> list[Late]:
    """List the open tickets that are longest past a deadline."""
    registry = context.registry
    return [
        Late(
            row["ticket"],
            row["number"],
            unit_name(registry, row["unit"]),
            place(registry, row) or unit_name(registry, row["dept"]),
            registry.name("matter", row["matter"]) or row["matter"],
            words.STAGES[row["stage"]],
            row["satisfaction"],
            row["due_at"],
            words.LADDER.get(row["escalated"], ""),
        )
        for row in await fetch(context, "loops", "overdue", *asked.where, now, rows)
    ]


def ranking(context: Context, units: list[Loop]) -> Ranking:
    """Rank the units by the upper bound of the 95 % interval of their on-time rate: few tickets condemn nobody."""
    named = [
        Ranked(loop.key, unit_name(context.registry, loop.key), loop, loop.rate("onTimeRectification"))
        for loop in units
        if loop.key
    ]
    enough = [one for one in named if one.on_time.denominator >= context.settings.rank_minimum]
    worst = sorted(enough, key=lambda one: (one.on_time.interval or (0.0, 1.0))[1])
    return Ranking(
        worst=tuple(worst[:WORST]),
        ranked=len(enough),
        unranked=len(named) - len(enough),
        every=tuple(sorted(named, key=lambda one: (-one.loop["tickets"], one.key))),
    )


def unit_name(registry: Registry, key: str) -> str:
    """Name a unit; '' where none is known yet."""
    return registry.name("org", key) or key


def seen_units(context: Context, scope: Scope) -> list[Any]:
    """List the units to choose from: those the account sees."""
    units = choices(context.registry, "org")
    return [unit for unit in units if scope.units is None or unit.key in scope.units]


routes = [overview_page]
