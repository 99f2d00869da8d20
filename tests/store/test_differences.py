"""Sending again what a platform lacks: each row behind what it needs, over and over."""

from datetime import UTC, date, datetime

import pytest

from haocha.store import differences
from tests.outboxes import entry, put, settle

DAY = date(2026, 3, 1)
NOW = datetime(2026, 3, 2, tzinfo=UTC)


@pytest.fixture
async def lacking(pool):
    """Let a platform lack a rating and its 追评 of case A, and hold one of case B otherwise; its service is newer."""
    await put(
        pool,
        entry(1, 0, "service", case="A", day=DAY),
        entry(2, 1, case="A", needs="service|A|1", day=DAY),
        entry(3, 1, "supplement", case="A", needs="rating|A|1", day=DAY),
        entry(4, 0, "service", case="B", day=DAY),
        entry(5, 5, case="B", needs="service|B|1", day=DAY),
        entry(6, 0, "service", case="B", day=DAY),
        entry(7, 5, case="C", needs="service|C|1", day=DAY),
    )
    for wave in ([1, 4, 6], [2, 5], [3]):
        await settle(pool, wave, "accepted", NOW)
    run = await pool.fetchval(
        "INSERT INTO sync.reconciliations"
        " (peer, day, source, taken_at, ended_at, ours, theirs, late, missing, altered, extra, doubled)"
        " VALUES ('up', $1, 'listing', $2, $2, 3, 2, 0, 2, 1, 1, 0) RETURNING id",
        DAY,
        NOW,
    )
    await pool.executemany(
        "INSERT INTO sync.differences (peer, day, key, found, position, area, pf, level, run, found_at)"
        " VALUES ('up', $1, $2, $3, $4, '990101000000', '4', 1, $5, $6)",
        [
            (DAY, key, found, position, run, NOW)
            for key, found, position in (
                ("supplement|A|1", "missing", 3),
                ("rating|A|1", "missing", 2),
                ("rating|B|1", "altered", 5),
                ("rating|X|1", "extra", None),
            )
        ],
    )
    return pool


async def states(pool) -> dict[int, str]:
    """Return the state of each row."""
    return dict(await pool.fetch("SELECT position, state FROM sync.outbox ORDER BY position"))


async def test_all_that_is_missing_waits_behind_what_it_needs(lacking):
    """The service record goes first, the rating is held for it, the 追评 for the rating; nothing else is touched."""
    assert await differences.resend(lacking, of=("up", DAY), by="li", now=NOW) == 2
    assert await states(lacking) == {
        1: "waiting", 2: "held", 3: "held", 4: "accepted", 5: "accepted", 6: "accepted", 7: "held",
    }  # fmt: skip
    for wave in ([1], [2], [3]):
        await settle(lacking, wave, "accepted", NOW)
    assert (await states(lacking))[3] == "accepted"
    assert await differences.resend(lacking, of=("up", DAY), by="li", now=NOW) == 0
    found = await differences.of_day(lacking, "up", DAY)
    assert {(one.key, one.state, one.resent_by) for one in found if one.state == "resent"} == {
        ("supplement|A|1", "resent", "li"), ("rating|A|1", "resent", "li"),
    }  # fmt: skip


async def test_one_by_its_number(lacking):
    """Also what is altered, with the latest service record; what is not ours stays as it is."""
    ids = {one.key: one.id for one in await differences.of_day(lacking, "up", DAY)}
    assert await differences.resend(lacking, ids=[ids["rating|B|1"], ids["rating|X|1"]], by="li", now=NOW) == 1
    assert await states(lacking) == {
        1: "accepted", 2: "accepted", 3: "accepted", 4: "accepted", 5: "held", 6: "waiting", 7: "held",
    }  # fmt: skip
    assert await differences.resend(lacking, ids=[ids["rating|A|1"]], by="li", now=NOW, area="36") == 0


async def test_tallies_follow(lacking):
    """Figures are kept exact by whatever moves a row."""
    await differences.resend(lacking, of=("up", DAY), by="li", now=NOW)
    counted = await lacking.fetch("SELECT state, count(*) FROM sync.outbox GROUP BY state ORDER BY state")
    tallied = await lacking.fetch(
        "SELECT state, sum(n)::bigint FROM sync.tallies GROUP BY state HAVING sum(n) <> 0 ORDER BY 1"
    )
    assert [tuple(row) for row in counted] == [tuple(row) for row in tallied]
