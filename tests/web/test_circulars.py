"""Circulars: what happened in a period and how things stood at its end, against the period before."""

import re
from datetime import UTC, date, datetime, timedelta

import pytest

from haocha.web.circular_periods import Period, parse, recent
from haocha.web.circulars import read
from haocha.web.loop_figures import Rate
from haocha.web.scopes import Scope
from tests import people
from tests.loops import MONDAY, Life, tell
from tests.web.test_exports import file

WEEK = Period("week", date(2025, 6, 2))


@pytest.fixture
async def supervisor(lone_site):
    """Return a supervisor of everything."""
    return await people.make(lone_site.pool, "supervisor")


async def circular(site, period=WEEK, scope=Scope()):  # noqa: B008 (an immutable tuple)
    """Read a circular as it is now."""
    return await read(site.context, period, scope)


def lives():
    """Return tickets of the week of 2 June 2025, and one of the week before."""
    return [
        Life(at=MONDAY - timedelta(days=5)).done(),
        Life().done(),
        Life(due=2).done(30),
        Life().accepted().reviewed().fixed().approved().verified(7, "unsatisfied").reopened(8).escalated(40, "red"),
        Life().appealed(upheld=True),
        Life(unit="HR").accepted(),
    ]


async def test_circular_counts_what_happened_in_the_period(lone_site):
    """Openings, closings by outcome, verdicts, appeals and reopenings by when they happened."""
    await tell(lone_site.pool, *lives())
    found = await circular(lone_site)
    now = {
        name: found.now[name]
        for name in ("opened", "closed", "fixed", "excluded", "standing", "overdue", "reopened", "appealed")
    }
    assert now == {
        "opened": 5, "closed": 3, "fixed": 2, "excluded": 1, "standing": 2, "overdue": 1, "reopened": 1, "appealed": 1,
    }  # fmt: skip
    assert found.now.rate("onTime") == Rate(2, 3)
    assert found.now.rate("satisfaction") == Rate(2, 3)
    assert found.now.rate("appealUpheld") == Rate(1, 1)
    assert (found.before["opened"], found.before["closed"], found.before["standing"]) == (1, 1, 0)
    assert [flow.key for flow in found.units] == ["TAX", "HR"]


async def test_lists_name_the_tickets(lone_site):
    """What was late at the end, escalated and reopened."""
    told = lives()
    await tell(lone_site.pool, *told)
    found = await circular(lone_site)
    reopened = told[3].number
    assert [line.number for line in found.late] == [reopened]
    assert [(line.number, line.note) for line in found.raised] == [(reopened, "红牌督办")]
    assert [(line.number, line.note) for line in found.back] == [(reopened, "第 1 次重开")]


async def test_past_circular_stays_as_it_was(lone_site):
    """What is done later belongs to later periods: figures, units and list of a past week do not move."""
    late = Life(unit="HR", due=24).accepted().reviewed()
    await tell(lone_site.pool, *lives(), late)
    before = await circular(lone_site)
    await tell(lone_site.pool, late.fixed(200).approved(201).verified(202).closed(202))
    after = await circular(lone_site)
    assert (after.now, after.units, after.late) == (before.now, before.units, before.late)
    following = await circular(lone_site, WEEK.after)
    assert (following.now["closed"], following.now.rate("onTime")) == (1, Rate(0, 1))


async def test_units_are_ranked_only_with_enough(lone_site):
    """Best and worst need the minimum of hand-ins, and nobody is among both."""
    good = [Life(unit="HR").done() for _ in range(30)]
    await tell(lone_site.pool, *good, *[Life(unit="TAX", due=1).done() for _ in range(30)], Life(unit="NEW").done())
    found = await circular(lone_site)
    assert ([flow.key for flow in found.best], [flow.key for flow in found.worst]) == (["HR"], ["TAX"])


async def test_page_compares_with_the_period_before(lone_site, supervisor):
    """The page says until when it counts, both periods and the difference; nobody's words are on it."""
    await tell(lone_site.pool, *lives(), Life(said="请不要写出来").done(measures="也不要写出来"))
    answer = await lone_site.client.get(WEEK.address, headers=supervisor.headers)
    said = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))
    assert answer.status_code == 200
    assert "周统计 · 2025年第23周（6月2日至6月8日）" in said
    assert "新增工单 6 1 ↑ 5" in said
    assert "截至 6月9日 00:00" in said
    assert "写出来" not in said


async def test_file_has_the_figures_of_the_page(lone_site, supervisor):
    """Figures, units and the lists, a sheet each, under the circular's name."""
    await tell(lone_site.pool, *lives())
    address = f"{WEEK.address}/circular.xlsx"
    figures = await file(lone_site, supervisor, address)
    assert figures[0][0] == "周统计 · 2025年第23周（6月2日至6月8日）"
    assert ["新增工单", "5", "1"] in figures
    assert ["按期整改率", "66.7%（2/3）", "100.0%（1/1）"] in figures
    units = await file(lone_site, supervisor, address, sheet=1)
    assert [row[0] for row in units[3:]] == ["税务局", "人社局"]
    late = await file(lone_site, supervisor, address, sheet=2)
    assert len(late) == 4


async def test_circulars_keep_to_the_scope_of_the_account(lone_site):
    """A handler reads his unit's circular; an inspector has none."""
    await tell(lone_site.pool, *lives())
    assert (await circular(lone_site, scope=Scope(units=["HR"]))).now["opened"] == 1
    handler = await people.make(lone_site.pool, "handler", "HR")
    assert (await lone_site.client.get(WEEK.address, headers=handler.headers)).status_code == 200
    inspector = await people.make(lone_site.pool, "inspector")
    assert (await lone_site.client.get(WEEK.address, headers=inspector.headers)).status_code == 403


@pytest.mark.parametrize("address", ["moon/2025-06-02", "week/2025-13-01", "day/2999-01-01"])
async def test_period_that_is_none_is_not_found(lone_site, supervisor, address):
    """No such kind, no such day, or not yet."""
    answer = await lone_site.client.get(f"/desk/circulars/{address}", headers=supervisor.headers)
    assert answer.status_code == 404


async def test_list_goes_back_to_the_first_ticket(lone_site, supervisor):
    """Every kind has its periods, the newest first."""
    await tell(lone_site.pool, Life(at=datetime.now(UTC) - timedelta(days=1)))
    answer = await lone_site.client.get("/desk/circulars", headers=supervisor.headers)
    assert answer.status_code == 200
    assert len(re.findall(r"/desk/circulars/day/", answer.text)) == 2
    assert len(re.findall(r"/desk/circulars/week/", answer.text)) in {1, 2}


def test_periods_follow_each_other():
    """Weeks begin on Monday, months on the first; the one before ends the day before."""
    for kind in ("day", "week", "month"):
        for period in recent(kind, date(2026, 3, 1), None):
            assert period.before.last == period.first - timedelta(days=1)
            assert period.after.before == period
            assert period.end == period.after.start
    assert Period.around("week", date(2026, 3, 1)).first == date(2026, 2, 23)
    assert Period.around("month", date(2024, 2, 29)).last == date(2024, 2, 29)
    assert parse("month", "2026-02-14", date(2026, 3, 1)) == Period("month", date(2026, 2, 1))
