"""Linking: what a code named at the time of the rating."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from haocha.domain.entries import KINDS, Facts, InvalidPeriod, NothingKnown, Period, Staff, Window, until, with_period
from haocha.domain.registry import Registry, Resolved, Sent, area_prefix

NAMESPACE = UUID(int=1)
START = datetime(2024, 1, 1, tzinfo=UTC)
MOVE = datetime(2025, 3, 1, tzinfo=UTC)
NOW = datetime(2025, 6, 1, tzinfo=UTC)


def register(registry, kind, key, *, start=START, end=None, **facts):
    """Put an entry into the registry and return it."""
    entry = KINDS[kind].register(NAMESPACE, key, Period(start, end, Facts(**facts)), by="test", at=START)
    for event in entry.collect_events():
        registry.apply(event)
    return entry


@pytest.fixture
def city():
    """Return a registry of two halls in two counties of one city, with a window of the same number in each."""
    registry = Registry()
    register(registry, "org", "TAX", name="税务局", area_code="990100000000")
    register(registry, "org", "LAND", name="国土局", area_code="990100000000")
    for hall, area in (("H1", "990101000000"), ("H2", "990102000000")):
        register(registry, "hall", hall, name=hall, area_code=area)
        register(registry, "window", f"{hall}/A01", name="窗口", hall=hall, dept="TAX")
    register(registry, "window", "H2/A02", name="窗口", hall="H2")
    mover = register(registry, "staff", "TAX/7", name="甲", window="H1/A01", dept="TAX")
    mover.change(Period(MOVE, None, Facts(name="甲", window="H2/A02", dept="TAX")), by="test", at=MOVE)
    for event in mover.collect_events():
        registry.apply(event)
    register(registry, "staff", "LAND/7", name="乙", dept="LAND")
    register(registry, "staff", "LAND/8", name="丙", dept="LAND")
    register(registry, "matter", "T1", name="事项", dept="LAND")
    register(registry, "matter", "T1/01", name="业务办理项", dept="LAND")
    register(registry, "device", "P1", hall="H1", window="H1/A01")
    return registry


def test_everything_sent_and_known_is_linked(city):
    """Codes within their parents resolve, and the ancestors come from the registry."""
    sent = Sent("A01", "7", "T1", "01", "TAX", "H1", "990101000000", "P1")
    assert Resolved("H1/A01", "TAX/7", "T1/01", "TAX", "H1", "990101000000", linked=True) == city.resolve(sent, NOW)


def test_staff_who_move_windows_keep_both(city):
    """The seat is that of the time of the rating: a rating that comes a week late finds the former window."""
    sent = Sent(staff_no="7", dept_code="TAX")
    assert city.resolve(sent, MOVE - timedelta(days=1)).window == "H1/A01"
    assert city.resolve(sent, MOVE).window == "H2/A02"
    assert city.resolve(sent, MOVE).hall == "H2"


def test_staff_are_never_inferred_from_a_window(city):
    """Who sits at a window does not tell who was rated."""
    assert city.resolve(Sent(window_no="A02", hall_code="H2"), NOW).staff == ""


@pytest.mark.parametrize(
    ("sent", "window", "linked"),
    [
        (Sent(window_no="A01", hall_code="H2"), "H2/A01", True),
        (Sent(window_no="A01", hall_code="H9"), "H9/A01", False),
        (Sent(window_no="A01", key_hall="H2"), "H2/A01", True),
        (Sent(window_no="A09", key_hall="H2"), "H2/A09", False),
        (Sent(window_no="A01", hall_code="H1", key_hall="H2"), "H1/A01", True),
        (Sent(window_no="A01", device_no="P1"), "H1/A01", True),
        (Sent(window_no="A02", device_no="P1"), "H2/A02", True),
        (Sent(device_no="P1"), "H1/A01", True),
        (Sent(device_no="P1", hall_code="H2"), "", True),
        (Sent(device_no="P1", key_hall="H2", key_window="A02"), "H2/A02", True),
        (Sent(device_no="P9", key_hall="H2", key_window="A02"), "H2/A02", True),
        (Sent(window_no="A02"), "H2/A02", True),
        (Sent(window_no="A01"), "A01", False),
        (Sent(window_no="A01", area_code="990102000000"), "H2/A01", True),
        (Sent(window_no="A01", area_code="990100000000"), "A01", False),
        (Sent(window_no="A01", area_code="980000000000"), "A01", False),
        (Sent(device_no="P9"), "", True),
    ],
)
def test_window_is_looked_up_within_its_parent(city, sent, window, linked):
    """The sent hall, else the key's, else the device's, else exactly one such window in the area; else as sent."""
    resolved = city.resolve(sent, NOW)
    assert (window, linked) == (resolved.window, resolved.linked)


@pytest.mark.parametrize(
    ("sent", "staff", "linked"),
    [
        (Sent(staff_no="7", dept_code="LAND"), "LAND/7", True),
        (Sent(staff_no="9", dept_code="LAND"), "LAND/9", False),
        (Sent(staff_no="7", window_no="A01", hall_code="H1"), "TAX/7", True),
        (Sent(staff_no="8", window_no="A01", hall_code="H1"), "LAND/8", True),
        (Sent(staff_no="8"), "LAND/8", True),
        (Sent(staff_no="7"), "7", False),
        (Sent(staff_no="8", area_code="980000000000"), "8", False),
    ],
)
def test_staff_are_looked_up_within_their_department(city, sent, staff, linked):
    """The sent department, else the window's, else exactly one such number in the area; else as sent."""
    resolved = city.resolve(sent, NOW)
    assert (staff, linked) == (resolved.staff, resolved.linked)


@pytest.mark.parametrize(
    ("sent", "matter", "linked"),
    [
        (Sent(task_code="T1"), "T1", True),
        (Sent(task_code="T1", task_handle_item="99"), "T1", True),
        (Sent(task_code="T9", task_handle_item="01"), "T9", False),
        (Sent(task_handle_item="01"), "T1/01", True),
        (Sent(task_handle_item="99"), "99", False),
    ],
)
def test_an_item_counts_under_its_matter_where_it_is_not_registered(city, sent, matter, linked):
    """Items that have an entry are told apart, others count under their matter."""
    resolved = city.resolve(sent, NOW)
    assert (matter, linked) == (resolved.matter, resolved.linked)


@pytest.mark.parametrize(
    ("sent", "dept"),
    [
        (Sent(dept_code="X", task_code="T1"), "X"),
        (Sent(task_code="T1", staff_no="7", window_no="A01", hall_code="H1"), "LAND"),
        (Sent(staff_no="8"), "LAND"),
        (Sent(window_no="A01", hall_code="H1"), "TAX"),
        (Sent(), ""),
    ],
)
def test_department_is_the_sent_one_else_the_matters_the_staffs_the_windows(city, sent, dept):
    """The department that answers for the matter comes before the one that employs."""
    assert city.resolve(sent, NOW).dept == dept


@pytest.mark.parametrize(
    ("sent", "area"),
    [
        (Sent(hall_code="H1"), "990101000000"),
        (Sent(hall_code="H1", area_code="990101002000"), "990101002000"),
        (Sent(hall_code="H1", area_code="990100000000"), "990101000000"),
        (Sent(hall_code="H1", area_code="980000000000"), "990101000000"),
        (Sent(dept_code="TAX"), "990100000000"),
        (Sent(area_code="980000000000"), "980000000000"),
    ],
)
def test_area_is_the_halls_unless_a_closer_one_within_it_was_sent(city, sent, area):
    """The registry confirms an area that lies in the hall's or department's, and corrects others."""
    assert city.resolve(sent, NOW).area == area


def test_a_new_entry_is_seen_at_once_where_numbers_were_looked_up_before(city):
    """What is remembered of a number in an area is forgotten when the registry changes."""
    sent = Sent(window_no="A02", area_code="990100000000")
    assert city.resolve(sent, NOW).window == "H2/A02"
    register(city, "window", "H1/A02", hall="H1")
    assert city.resolve(sent, NOW).window == "A02"


def test_nothing_resolves_outside_its_period(city):
    """Before an entry begins, and from its end on, its code is unknown."""
    gone = register(city, "window", "H1/B01", end=MOVE, hall="H1")
    sent = Sent(window_no="B01", hall_code="H1")
    assert city.resolve(sent, MOVE - timedelta(seconds=1)).linked
    assert not city.resolve(sent, MOVE).linked
    assert not city.resolve(sent, START - timedelta(seconds=1)).linked
    assert city.name("window", gone.key) == ""


def test_names_are_those_of_the_time(city):
    """The latest name serves where no time is given."""
    register(city, "org", "NEW", name="数据局", start=MOVE)
    assert city.name("org", "NEW", START) is None
    assert city.name("org", "NEW", MOVE) == "数据局"
    assert city.name("org", "NEW") == "数据局"
    assert city.name("org", "NONE") is None


@pytest.mark.parametrize(
    ("code", "prefix"),
    [
        ("370000000000", "37"),
        ("370800000000", "3708"),
        ("370811000000", "370811"),
        ("370811100000", "370811100"),
        ("370811010000", "370811010"),
        ("370811100001", "370811100001"),
        ("371000000000", "3710"),
        ("", ""),
        ("3708", "3708"),
    ],
)
def test_area_prefix_drops_empty_levels_only(code, prefix):
    """A zero at the end of a level that says something stays."""
    assert area_prefix(code) == prefix


def test_a_period_must_end_after_it_begins():
    """An empty or reversed period is refused."""
    with pytest.raises(InvalidPeriod, match="end after it begins"):
        Staff.register(NAMESPACE, "TAX/7", Period(MOVE, MOVE, Facts()), by="test", at=START)


def test_retiring_before_the_beginning_is_refused():
    """Nothing would be left of the entry."""
    window = Window.register(NAMESPACE, "H1/A01", Period(MOVE, None, Facts()), by="test", at=START)
    with pytest.raises(NothingKnown, match="begins after"):
        window.retire(START, by="test", at=START)


def test_the_same_change_twice_is_one():
    """A period that says nothing new makes no event; an earlier end makes the entry retired."""
    period = Period(START, None, Facts(name="窗口"))
    window = Window.register(NAMESPACE, "H1/A01", period, by="test", at=START)
    assert not window.change(period, by="test", at=START)
    assert window.change(period._replace(end=MOVE), by="test", at=START)
    assert not window.change(period._replace(end=MOVE), by="test", at=START)
    assert not window.retire(NOW, by="test", at=START)
    assert [event.TOPIC for event in window.pending_events] == ["window.registered:v1", "window.retired:v1"]


days = st.integers(0, 30).map(lambda day: START + timedelta(days=day))
periods = st.builds(
    lambda start, length, name: Period(start, start + timedelta(days=length) if length else None, Facts(name=name)),
    days,
    st.integers(0, 10),
    st.sampled_from("甲乙丙"),
)


@given(st.lists(periods, min_size=1, max_size=8), st.lists(days, min_size=1, max_size=8))
def test_any_time_finds_the_one_period_valid_then(written, times):
    """However a history came about, its periods are in order and apart, and a look-up returns the one around it."""
    registry = Registry()
    window = Window.register(NAMESPACE, "H1/A01", written[0], by="test", at=START)
    for period in written[1:]:
        window.change(period, by="test", at=START)
    for event in window.collect_events():
        registry.apply(event)
    history = registry.periods("window", "H1/A01")
    assert history == window.periods
    assert all(a.end is not None and a.end <= b.start for a, b in pairwise(history))
    for at in times:
        around = [p for p in history if p.start <= at and (p.end is None or at < p.end)]
        assert registry.valid("window", "H1/A01", at) == (around[0] if around else None)


@given(st.lists(periods, min_size=1, max_size=6), st.lists(days, min_size=1, max_size=12))
def test_linking_at_any_time_uses_the_period_valid_then(written, times):
    """Whatever was linked before, the seat found is that of the period around the time of the rating."""
    registry = Registry()
    for name in "甲乙丙":
        register(registry, "window", f"H1/{name}", hall="H1")
    staff = Staff.register(NAMESPACE, "TAX/7", _seated(written[0]), by="test", at=START)
    for period in written[1:]:
        staff.change(_seated(period), by="test", at=START)
    for event in staff.collect_events():
        registry.apply(event)
    for at in times:
        around = [p.facts.window for p in staff.periods if p.start <= at and (p.end is None or at < p.end)]
        resolved = registry.resolve(Sent(staff_no="7", dept_code="TAX"), at)
        assert (resolved.window, resolved.staff) == (around[0] if around else "", "TAX/7")


def _seated(period):
    """Return the period as a seat at the window of that name."""
    return period._replace(facts=Facts(window=f"H1/{period.facts.name}", dept="TAX"))


@given(st.lists(periods, max_size=8), periods)
def test_a_written_period_holds_from_its_start(written, new):
    """After writing, the new facts hold at their start, and writing them again changes nothing."""
    history = ()
    for period in written:
        history = with_period(history, period)
    after = with_period(history, new)
    assert with_period(after, new) == after
    assert any(p.start <= new.start and p.facts == new.facts and (p.end is None or p.end > new.start) for p in after)
    assert until(history, new.start) == until(after, new.start)


def test_what_held_before_goes_on_after_a_substitution():
    """A month at another window ends with the month; the same facts with an earlier end are an end."""
    usual, elsewhere = Facts(window="H1/A01"), Facts(window="H1/A02")
    history = with_period((Period(START, None, usual),), Period(MOVE, NOW, elsewhere))
    assert [(START, usual), (MOVE, elsewhere), (NOW, usual)] == [(p.start, p.facts) for p in history]
    assert with_period((Period(START, None, usual),), Period(START, MOVE, usual)) == (Period(START, MOVE, usual),)
