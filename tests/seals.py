"""The chain of seals recomputed in Python, from what the tables say and nothing else."""

import hashlib
from datetime import UTC, datetime, timedelta

import asyncpg

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


async def recomputed(connection: asyncpg.Connection | asyncpg.Pool) -> list[tuple[bytes, bytes]]:
    """Return each commit's seal as stored and as recomputed."""
    rows = await connection.fetch(
        "SELECT position, originator_id, originator_version, topic, recorded_at, state::text AS state"
        " FROM log.events ORDER BY position"
    )
    commits = await connection.fetch("SELECT upto, recorded_at, seal FROM log.commits ORDER BY upto")
    assert (commits[0]["upto"], commits[0]["seal"]) == (0, b"")
    seals = []
    previous, done = b"", 0
    for commit in commits[1:]:
        leaves = b""
        for row in rows[done : commit["upto"]]:
            assert row["recorded_at"] == commit["recorded_at"]
            at = (row["recorded_at"] - EPOCH) // timedelta(microseconds=1)
            sealed = (row["position"], row["originator_id"], row["originator_version"], row["topic"], at, row["state"])
            leaves += hashlib.sha256("|".join(map(str, sealed)).encode()).digest()
        previous, done = hashlib.sha256(previous + leaves).digest(), commit["upto"]
        seals.append((commit["seal"], previous))
    assert done == len(rows)
    return seals
