"""Lists that begin with the newest: one page of a read model's query, and where the next begins."""

from collections.abc import Callable, Sequence
from typing import Any

import asyncpg
import msgspec
from litestar import Response

from haocha.store import readmodels
from haocha.web.parameters import cursor
from haocha.web.scores import behind


class Below(msgspec.Struct, frozen=True):
    """Where a page ended."""

    position: int


async def page(
    pool: asyncpg.Pool,
    model: str,
    section: str,
    arguments: Sequence[object],
    *,
    limit: int,
    after: int | None,
    item: Callable[[Any], dict[str, Any]],
) -> Response[bytes]:
    """Answer one page of `model`, once it has reached `after` where that was asked for.

    The query `section` takes `arguments` and, last, how many rows; its rows have `position`.
    """
    if after is not None:
        await readmodels.wait_for(pool, model, after)
    position = await readmodels.position(pool, model)
    try:
        rows = await readmodels.query(pool, model, section, *arguments, limit + 1)
    except readmodels.NotBuilt:
        raise behind() from None
    members = {
        "position": position,
        "items": [item(row) for row in rows[:limit]],
        "nextCursor": cursor(Below(rows[limit - 1]["position"])) if len(rows) > limit else None,
    }
    return Response(msgspec.json.encode(members), media_type="application/json")
