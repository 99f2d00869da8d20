"""Whether there is anybody to judge: tickets that wait for a person who must be independent, and no account is."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import asyncpg

from haocha.domain.account import AccountRole
from haocha.domain.registry import area_prefix
from haocha.engine.finding import Finding
from haocha.store import sql

JUDGES: Final[dict[str, tuple[AccountRole, ...]]] = {
    "appealing": ("reviewer",),
    "approving": ("supervisor", "reviewer"),
    "verifying": ("agent",),
    "rechecking": ("inspector",),
}
SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")


async def unjudged(pool: asyncpg.Pool) -> AsyncIterator[Finding]:
    """Find where nobody may decide, approve or call back: every account of the role belongs to a unit concerned.

    Whoever oversees a larger area sees all within it, so a task goes up by itself where the area has nobody.
    """
    try:
        waiting = await pool.fetch(SQL["waiting"])
    except asyncpg.UndefinedTableError:  # no worker has made the read model yet
        return
    people = await pool.fetch(SQL["people"])
    for task, area, units, tickets in waiting:
        mine = [one for one in people if one["role"] in JUDGES[task] and one["unit"] not in units]
        if not any(_oversees(one["node"], area, units) for one in mine):
            where = f"area {area}" if area else "no area"
            who, concerned = " or ".join(JUDGES[task]), ", ".join(sorted(set(units))) or "none"
            yield Finding(
                code="unjudged",
                message=f"{tickets} tickets of {where} wait for a {who} who is independent of {concerned}:"
                " there is no such account.",
                todo=f"haocha accounts create --role {JUDGES[task][0]} --unit CODE, of a unit that is not concerned.",
            )


def _oversees(node: str, area: str, units: list[str]) -> bool:
    kind, _, value = node.partition(":")
    match kind:
        case "area":
            return area.startswith(area_prefix(value))
        case "dept":
            return value in units
        case _:
            return True
