"""The statement by which docs/figures.md lets anybody recompute a figure gives that figure."""

from pathlib import Path

from haocha.engine.projector import prepare
from tests.engine.test_projector import step_through
from tests.projections.stories import append, story

DOCUMENT = Path(__file__).parents[2] / "docs" / "figures.md"


async def test_documented_statement_gives_the_stored_counts(pool):
    """For each window of a story, over the days of the story."""
    statement = DOCUMENT.read_text(encoding="utf-8").partition("```sql\n")[2].partition("```")[0]
    statement = statement.replace("2026-11-16", "2026-03-02").replace("2026-11-22", "2026-03-09")
    for seed in range(4):
        await append(pool, story(60 + seed, seed=seed))
    await prepare(pool)
    await step_through(pool)
    windows = [row[0] for row in await pool.fetch("SELECT DISTINCT key FROM live.scores WHERE kind = 'windows'")]
    assert windows
    for window in windows:
        counted = await pool.fetchrow(
            "SELECT sum(n1), sum(n2), sum(n3), sum(n4), sum(n5) FROM live.scores WHERE kind = 'windows' AND key = $1",
            window,
        )
        recounted = dict(await pool.fetch(statement.replace("H01/A01", window)))
        assert [recounted.get(str(level).encode(), 0) for level in range(1, 6)] == list(counted)
