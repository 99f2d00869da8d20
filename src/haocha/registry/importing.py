"""The import itself: plan against the log, write, and plan again where others were faster."""

from collections.abc import Callable
from datetime import datetime

import asyncpg

from haocha.registry import plan
from haocha.registry.rows import Parsed
from haocha.store import install
from haocha.store import registry as store
from haocha.store.aggregates import ATTEMPTS, Contended


async def run(
    pool: asyncpg.Pool,
    parsed: Parsed,
    *,
    apply: bool,
    by: str,
    at: datetime,
    advance: Callable[[int, int], None] = lambda _through, _total: None,
) -> plan.Plan:
    """Return what the rows change, and write it where `apply` is true and there are no faults.

    `advance` hears how many more entries are through, and of how many. Raises `Contended` after several lost races.
    """
    namespace = (await install.load(pool)).namespace
    for _ in range(ATTEMPTS):
        made = plan.make(await store.load_entries(pool), parsed, namespace, by=by, at=at)
        if not apply or not await store.write(pool, made.changed, advance):
            return made
    raise Contended
