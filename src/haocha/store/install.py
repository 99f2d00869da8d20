"""What was generated when this log was made and every id depends on."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import asyncpg


class Install(NamedTuple):
    """The installation: `namespace` of all ids, and since when."""

    namespace: UUID
    created_at: datetime


async def load(connection: asyncpg.Connection | asyncpg.Pool) -> Install:
    """Read the one row of `log.install`."""
    row = await connection.fetchrow("SELECT namespace, created_at FROM log.install")
    if row is None:
        message = "The log has no install row: run `haocha migrate`."
        raise RuntimeError(message)
    return Install(row["namespace"], row["created_at"])
