"""Filters read an address and write it again."""

from datetime import date
from urllib.parse import parse_qsl

import pytest

from haocha.web.ticket_filters import FORMS, Filters

EVERYTHING = {
    "queue": "overdue",
    "q": "社会保障卡",
    "status": "reviewing,fixing",
    "source": "rating,inspection",
    "unit": "TAX",
    "area": "370102",
    "dept": "TAX",
    "hall": "H01",
    "window": "H01/A01",
    "staff": "TAX/7",
    "matter": "T-100",
    "pf": "4",
    "level": "0,1",
    "ground": "delay",
    "outcome": "fixed",
    "due": "soon",
    "escalated": "red",
    "tier": "above",
    "from": "2026-01-01",
    "to": "2026-01-31",
    "openedFrom": "2026-01-02",
    "openedTo": "2026-02-01",
    "sort": "level",
}


def test_address_is_read_and_written_the_same():
    """Every member there is, alone and together with all others."""
    assert EVERYTHING.keys() == FORMS.keys()
    filters, faults = Filters.parse(EVERYTHING)
    assert faults == []
    assert dict(parse_qsl(filters.query())) == EVERYTHING
    for name, value in EVERYTHING.items():
        alone, _ = Filters.parse({name: value})
        assert dict(parse_qsl(alone.query())) == {name: value}


def test_changes_are_made_to_the_address_only():
    """A change replaces, an empty one takes away; what was empty is not written."""
    filters = Filters(queue="fixing", unit="TAX", level=(1,))
    assert dict(parse_qsl(filters.query(unit="", sort="newest", cursor="abc"))) == {
        "queue": "fixing",
        "level": "1",
        "sort": "newest",
        "cursor": "abc",
    }
    assert Filters().query() == ""


def test_area_is_its_prefix():
    """A county's twelve digits mean all that lies in it."""
    filters, _ = Filters.parse({"area": "370102000000"})
    assert filters.area == "370102"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("queue", "mine"),
        ("status", "reviewing,lost"),
        ("level", "7"),
        ("level", "1,"),
        ("pf", "8"),
        ("area", "abc"),
        ("due", "soonest"),
        ("from", "2026-02-30"),
        ("openedTo", "yesterday"),
        ("unit", "x" * 102),
        ("q", "a\x07b"),
        ("sort", "colour"),
        ("escalated", "green"),
        ("tier", "aside"),
    ],
)
def test_what_cannot_be_read_is_told_and_left_out(name, value):
    """The rest is read all the same."""
    filters, faults = Filters.parse({name: value, "hall": "H01"})
    assert [(fault.pointer, fault.code) for fault in faults] == [(f"/{name}", "form")]
    assert filters == Filters(hall="H01")


def test_days_must_follow_each_other():
    """`to` before `from` is a fault of its own, of either pair."""
    turned = {"from": "2026-02-02", "to": "2026-02-01", "openedFrom": "2026-02-02", "openedTo": "2026-02-01"}
    filters, faults = Filters.parse(turned)
    assert [(fault.pointer, fault.code) for fault in faults] == [("/to", "order"), ("/openedTo", "order")]
    assert filters.since == date(2026, 2, 2)
