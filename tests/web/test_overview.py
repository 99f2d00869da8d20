"""The supervisor's board: what is open, who is late, and hints at perfunctory fixes, as far as the account sees."""

import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from haocha.web.loop_figures import Asked, Rate, loops
from haocha.web.loop_view import View
from haocha.web.overview import overdue, ranking, standing
from haocha.web.suspicions import suspicions
from tests import people
from tests.loops import MONDAY, Life, tell

NOW = MONDAY + timedelta(days=9)
PERIOD = {"from": "2025-06-01", "to": "2025-06-30"}


@pytest.fixture
async def supervisor(lone_site):
    """Return a supervisor of everything."""
    return await people.make(lone_site.pool, "supervisor")


async def page(site, login, address="/desk/overview", **query) -> httpx.Response:
    """Open a page with a token; a plain GET needs no session."""
    return await site.client.get(address, params=query, headers=login.headers)


def asked(**members) -> Asked:
    """Ask for the tickets of June."""
    view, _ = View.parse(PERIOD, NOW.date() + timedelta(days=40))
    return Asked(since=view.since, until=view.until, **members)


def words_of(answer: httpx.Response) -> str:
    """Return what a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.text))


async def test_open_tickets_stand_by_stage_and_age(lone_site):
    """Each stage says how many are open, for how long, and how many of them are late."""
    await tell(
        lone_site.pool,
        Life(at=NOW - timedelta(hours=2)),
        Life(at=NOW - timedelta(days=2)).accepted(30),
        Life(at=NOW - timedelta(days=20), due=24 * 40).accepted(),
        Life(at=NOW - timedelta(days=5)).accepted().reviewed(),
        Life().done(),
    )
    found = await standing(lone_site.context, asked(), NOW)
    assert [(row.name, row.n, row.overdue, row.ages) for row in found] == [
        ("签收", 1, 0, (1, 0, 0, 0, 0)),
        ("核实", 2, 0, (0, 1, 0, 0, 1)),
        ("整改", 1, 1, (0, 0, 1, 0, 0)),
    ]


async def test_longest_overdue_come_first(lone_site):
    """An open ticket past the deadline of its stage is listed, with its rung; a closed one never."""
    worse, late = Life(due=10).accepted().reviewed().escalated(20, "red"), Life(due=30).accepted().reviewed()
    await tell(lone_site.pool, late, worse, Life(due=10).done(40), Life(due=24 * 30).accepted())
    found = await overdue(lone_site.context, asked(), NOW, 10)
    assert [(row.number, row.stage, row.escalated) for row in found] == [
        (worse.number, "整改", "红牌督办"),
        (late.number, "整改", ""),
    ]


async def test_units_are_ranked_by_what_is_sure_of_them(lone_site):
    """Few tickets condemn nobody: the upper bound of the interval ranks, and below the minimum nothing does."""
    good = [Life(unit="HR").done() for _ in range(31)]
    bad = [Life(unit="TAX", due=1).done() for _ in range(20)] + [Life(unit="TAX").done() for _ in range(11)]
    few = [Life(unit="NEW", due=1).done() for _ in range(3)]
    await tell(lone_site.pool, *good, *bad, *few)
    units = await loops(lone_site.context, asked(), NOW, by="unit", rows=9, timed=False)
    found = ranking(lone_site.context, units)
    assert [one.key for one in found.worst] == ["TAX", "HR"]
    assert (found.ranked, found.unranked) == (2, 1)
    assert found.worst[0].on_time == Rate(11, 31)


async def test_same_text_in_several_tickets_is_a_hint(lone_site):
    """Equal measures have equal digests; a text of its own, or of an excluded ticket, is none."""
    twice = [Life().done(measures="已整改"), Life(unit="HR").done(measures="已整改")]
    await tell(lone_site.pool, *twice, Life().done(measures="更换了取号机"), Life().appealed(upheld=True))
    found = await suspicions(lone_site.context, asked())
    (one,) = found.pasted
    assert (one.n, one.units, one.text, found.pasted_tickets) == (2, 2, "已整改", 2)
    assert {mention.number for mention in one.tickets} == {life.number for life in twice}


async def test_fix_within_minutes_of_the_acceptance_is_a_hint(lone_site):
    """Nine minutes are, eleven are not."""
    quick = Life().accepted(1).reviewed(1.05).fixed(1.15, measures="a")
    slow = Life().accepted(1).reviewed(1.05).fixed(1.19, measures="b")
    await tell(lone_site.pool, quick, slow)
    found = await suspicions(lone_site.context, asked())
    assert [(one.ticket.number, one.minutes) for one in found.quick] == [(quick.number, 9)]


async def test_same_cause_at_the_same_window_soon_after_is_a_hint(lone_site):
    """Within thirty days of the closing; at another window, for another cause or later it is none."""
    closed = Life(at=MONDAY).done(measures="a")
    again = Life(at=MONDAY + timedelta(days=3)).accepted().reviewed(ground="delay")
    await tell(
        lone_site.pool,
        closed,
        again,
        Life(at=MONDAY + timedelta(days=3), window="H01/A02").accepted().reviewed(ground="delay"),
        Life(at=MONDAY + timedelta(days=3)).accepted().reviewed(ground="attitude"),
        Life(at=MONDAY + timedelta(days=40)).accepted().reviewed(ground="delay"),
    )
    found = await suspicions(lone_site.context, asked())
    assert [(one.ticket.number, one.again.number, one.days) for one in found.recurring] == [
        (closed.number, again.number, 2)
    ]


async def test_board_says_every_rate_with_its_n(lone_site, supervisor):
    """Rates, exclusions and who could not be reached stand on the page; hints name their tickets."""
    lives = [Life().done(measures="已整改"), Life().done(measures="已整改"), Life().appealed(upheld=True)]
    await tell(lone_site.pool, *lives, Life().accepted())
    answer = await page(lone_site, supervisor, **PERIOD)
    said = words_of(answer)
    assert answer.status_code == 200
    assert "整改率 66.7% 2 / 3 件" in said
    assert "申诉成立率 100.0% 1 / 1 件" in said
    assert "不予采纳 1 件" in said
    assert "“已整改”" in said
    assert f'href="/tickets/{lives[0].id}"' in answer.text
    assert "只是线索，不是结论" in said


async def test_board_keeps_to_the_scope_of_the_account(lone_site):
    """A supervisor of another area sees none of it; a unit asked for narrows further."""
    await tell(lone_site.pool, Life().accepted(), Life(unit="HR", area="370103000000").accepted())
    near = await people.make(lone_site.pool, "supervisor", node="area:370103")
    every = await people.make(lone_site.pool, "leader")
    assert "在办 1 件" in words_of(await page(lone_site, near))
    assert "在办 2 件" in words_of(await page(lone_site, every))
    assert "在办 1 件" in words_of(await page(lone_site, every, unit="HR"))
    assert "在办 1 件" in words_of(await page(lone_site, every, area="370102"))


async def test_nothing_to_show_is_said(lone_site, supervisor):
    """An empty board has no figure out of nothing."""
    await tell(lone_site.pool)
    said = words_of(await page(lone_site, supervisor))
    assert "没有在办的工单" in said
    assert "没有超期的工单" in said
    assert "整改率 — 0 / 0 件" in said


async def test_board_is_for_those_who_oversee(lone_site):
    """A handler is refused, somebody unknown is sent to log in."""
    handler = await people.make(lone_site.pool, "handler", "TAX")
    assert (await page(lone_site, handler)).status_code == 403
    answer = await lone_site.client.get("/desk/overview", headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fdesk%2Foverview")


@pytest.mark.parametrize(
    ("query", "period", "days", "told"),
    [
        ({}, "30", 30, False),
        ({"period": "7"}, "7", 7, False),
        ({"period": "moon"}, "30", 30, True),
        ({"from": "2026-01-01", "to": "2026-01-10"}, "", 10, False),
        ({"from": "2026-01-10", "to": "2026-01-01"}, "30", 30, True),
        ({"from": "2027-01-01"}, "30", 30, True),
        ({"period": "7", "from": "2026-01-01", "to": "2026-01-10", "kept": "2026-01-01"}, "7", 7, False),
        ({"area": "x"}, "30", 30, True),
    ],
)
def test_address_says_which_period(query, period, days, told):
    """What an address cannot mean is replaced by the usual, and said."""
    view, notice = View.parse(query, datetime(2026, 3, 1, tzinfo=UTC).date())
    assert (view.period, (view.until - view.since).days + 1, bool(notice)) == (period, days, told)
