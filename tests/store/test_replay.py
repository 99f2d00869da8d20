"""Replaying a policy over the log: in slices, of the tickets that were asked for, counting as the figures do."""

from datetime import UTC, date, datetime, timedelta

import pytest

from haocha.domain.policy_replay import STAGES
from haocha.store import replay, rulebook
from haocha.store.replay import Chosen
from tests.loops import MONDAY, Life, tell

LATER = MONDAY.astimezone(UTC) + timedelta(days=60)
TUESDAY = MONDAY + timedelta(days=1)


@pytest.fixture
async def terms(pool, install):
    """Return what holds from the beginning."""
    await rulebook.seed(pool, install, datetime(2020, 1, 1, tzinfo=UTC))
    rules = await rulebook.load(pool, install)
    return rules.at(rules.head)


@pytest.fixture
async def city(pool, terms):
    """Tell the lives of a few tickets: done, late, appealed, reopened, and one that nobody cares for."""
    lives = [
        Life().done(),
        Life(due=2.0).done(30.0),
        Life(at=TUESDAY).accepted().appealed(upheld=True),
        Life(at=TUESDAY, area="370203000000").done().reopened().fixed(12.0).approved(13.0).verified(14.0).closed(14.0),
        Life(at=TUESDAY, unit=""),
    ]
    await tell(pool, *lives)
    return terms


async def test_counts_are_those_of_the_figures(pool, city):
    """What was due and what was on time is what the stages' read model says."""
    tickets, rates = await replay.replay(pool, city, Chosen(), LATER, lambda *_: None)
    rows = await pool.fetch(
        "SELECT stage, count(*) FILTER (WHERE on_time IS NOT NULL OR left_at IS NULL AND due_at < $1) AS due,"
        " count(*) FILTER (WHERE on_time) AS on_time FROM live.stages WHERE stage <> 'look_back' GROUP BY stage",
        LATER,
    )
    counted = {row["stage"]: (row["due"], row["on_time"]) for row in rows if row["due"]}
    assert tickets == 5
    assert {stage: (rate.due, rate.on_time) for stage, rate in rates.items() if rate.due} == counted
    assert counted["fix"] == (4, 3)
    assert set(rates) <= set(STAGES)


@pytest.mark.parametrize(
    ("chosen", "tickets"),
    [
        (Chosen(), 5),
        (Chosen(since=TUESDAY.date()), 3),
        (Chosen(until=MONDAY.date()), 2),
        (Chosen(since=date(2026, 1, 1)), 0),
        (Chosen(area="3702"), 1),
        (Chosen(since=MONDAY.date(), until=TUESDAY.date(), area="3701"), 4),
    ],
)
async def test_only_the_tickets_that_were_asked_for_are_replayed(pool, city, monkeypatch, chosen, tickets):
    """By the day of their opening in Shanghai and by area, in slices of any size, with progress to the end."""
    monkeypatch.setattr(replay, "SLICE", 2)
    told = []
    done, _ = await replay.replay(pool, city, chosen, LATER, lambda *progress: told.append(progress))
    assert done == tickets
    assert told[-1:] == ([(tickets, tickets)] if tickets else [])
