"""Counts, rates and intervals of the board, its addresses, and the charts drawn from them."""

import re
from datetime import date, timedelta
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haocha.web import charts
from haocha.web.figures import Day, Ranking, Subject, Tally
from haocha.web.reading import masked
from haocha.web.views import View

TODAY = date(2025, 9, 12)
tallies = st.builds(lambda counts: Tally(counts=counts), st.tuples(*[st.integers(0, 100_000)] * 5))


@given(tallies)
def test_interval_holds_the_rate_and_stays_within_nought_and_one(tally):
    """The Wilson interval never leaves [0, 1] and always holds what was counted."""
    if tally.n == 0:
        assert (tally.positive_rate, tally.interval) == (None, None)
    else:
        low, high = tally.interval
        assert 0 <= low <= tally.positive_rate + 1e-9
        assert tally.positive_rate - 1e-9 <= high <= 1


def test_interval_of_a_known_case():
    """80,955 good of 81,129 (嵊州 2024): 99.786 %, as published."""
    tally = Tally(counts=(80_955, 0, 0, 0, 174))
    assert charts.percent(tally.positive_rate, 3) == "99.786%"
    assert [charts.percent(bound, 2) for bound in tally.interval] == ["99.75%", "99.82%"]


@pytest.mark.parametrize(
    ("rate", "said"),
    [(None, "—"), (1.0, "100.0%"), (0.99999, "99.9%"), (0.00001, "0.1%"), (0.0, "0.0%"), (0.5, "50.0%")],
)
def test_rounding_never_makes_a_rate_perfect(rate, said):
    """100 % is said only where not one was bad, 0 % only where not one was good."""
    assert charts.percent(rate) == said


@given(st.lists(tallies, min_size=1, max_size=60))
def test_trend_is_well_formed_and_tells_every_day(some):
    """Every day is there with its numbers, whatever they are, and nothing is drawn outside."""
    days = [Day(TODAY - timedelta(days=len(some) - i - 1), tally) for i, tally in enumerate(some)]
    svg = ET.fromstring(str(charts.trend(days, TODAY)))  # noqa: S314 (our own)
    told = [group.attrib["data-say"] for group in svg.iter("g")]
    assert told == [charts.say_day(day) for day in days]
    for rect in svg.iter("rect"):
        y, height = (float(rect.attrib[name].rstrip("%")) for name in ("y", "height"))
        assert -0.01 <= y <= y + height <= 100.01


@given(tallies)
def test_level_strip_shows_every_level_that_somebody_chose(tally):
    """One bad rating in a hundred thousand is still a visible stripe."""
    strip = str(charts.level_strip(tally))
    widths = dict(re.findall(r'class="level-(\d)" x="[\d.]+%" width="([\d.]+)%"', strip))
    assert {int(level) for level in widths} == {level for level, _, n in tally.levels() if n}
    assert all(float(width) > 0.3 for width in widths.values())
    assert not widths or sum(map(float, widths.values())) == pytest.approx(100, abs=0.1)


@given(st.lists(tallies.filter(lambda tally: tally.n), min_size=1, max_size=5))
def test_whiskers_share_a_scale_that_holds_them_all(some):
    """No interval of a ranking begins left of the common scale."""
    ranking = Ranking(best=tuple(Subject(str(i), "窗口", tally) for i, tally in enumerate(some)))
    assert all(tally.interval[0] >= ranking.floor for tally in some if ranking.floor < 0.9)
    for tally in some:
        for x in re.findall(r'c?x[12]?="([\d.-]+)%"', str(charts.whisker(tally, ranking.floor))):
            assert 0 <= float(x) <= 100


@pytest.mark.parametrize(("peak", "top"), [(0, 10), (10, 10), (11, 20), (21, 50), (51, 100), (1_630, 2_000)])
def test_axis_ends_on_a_round_number(peak, top):
    """The volume's axis ends on 1, 2 or 5 times a power of ten."""
    assert charts.nice(peak) == top


def test_charts_escape_what_they_are_given():
    """Nothing in a chart's words can become markup."""
    assert "<b>" not in str(charts.bar(0.5, '"><b>'))


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"period": "7"},
        {"period": "30", "hall": "H1"},
        {"from": "2025-08-01", "to": "2025-08-31"},
        {"wall": "1", "dept": "D"},
    ],
)
def test_address_of_a_view_leads_back_to_it(query):
    """What a view says of itself is the view again."""
    view, notice = View.parse(query, TODAY, full=False)
    assert notice == ""
    address = view.query()
    assert View.parse(dict(pair.split("=") for pair in address.split("&") if pair), TODAY, full=False)[0] == view


def test_period_before_is_as_long_and_ends_where_the_period_begins():
    """Seven days are compared with the seven before."""
    view, _ = View.parse({"period": "7"}, TODAY, full=True)
    assert (view.since, view.until) == (date(2025, 9, 6), TODAY)
    assert view.before == (date(2025, 8, 30), date(2025, 9, 5))


def test_wall_never_shows_what_needs_a_session():
    """A screen on a wall is public, whoever logged it in."""
    assert not View.parse({"wall": "1"}, TODAY, full=True)[0].full


def test_texts_are_shortened_and_numbers_covered():
    """What looks like a telephone or identity number is not shown to the whole office; a date or a room is."""
    assert masked("我叫张三 11010119900307451X，电话138 0000-1111") == "我叫张三 ＊＊＊，电话＊＊＊"
    assert masked("二楼 203 室等了 45 分钟") == "二楼 203 室等了 45 分钟"
    assert len(masked("长" * 500)) <= 81
