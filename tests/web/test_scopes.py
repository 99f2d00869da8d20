"""How far an account sees: its unit and those below, an area, a department, everything."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from uuid import uuid4

import pytest

from haocha.domain.account import Account
from haocha.domain.entries import Facts, Org, Period
from haocha.domain.registry import Registry
from haocha.web.scopes import Scope, Territory, below, keeps, may_see, scope_of, territory_of

NOW = datetime(2026, 11, 20, 2, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=900)
TREE = {
    "GOV": ("", "370100000000"),
    "TAX": ("GOV", "370100000000"),
    "TAX-1": ("TAX", "370102000000"),
    "TAX-2": ("TAX", "370103000000"),
    "HR": ("GOV", "370100000000"),
    "A": ("B", "370200000000"),
    "B": ("A", "370200000000"),
}


def made(registry, key, parent, area, *, since=LONG_AGO, until=None):
    """Let the registry know a department."""
    period = Period(since, until, Facts(name=key, area_code=area, parent=parent))
    entry = Org.register(uuid4(), key, period, by="test", at=LONG_AGO)
    for event in entry.collect_events():
        registry.apply(event, registry.position + 1)


@pytest.fixture
def context():
    """Return what a scope is found with: the registry and the time."""
    registry = Registry()
    for key, (parent, area) in TREE.items():
        made(registry, key, parent, area)
    return SimpleNamespace(registry=registry, now=lambda: NOW)


def account(role="supervisor", unit="", node="", *, contact_officer=False):
    """Return an account."""
    return Account(username="x", role=role, unit=unit, node=node, contact_officer=contact_officer)


def ticket(unit="TAX", area="370102000000", handled=()):
    """Return what is asked of a ticket."""
    return SimpleNamespace(unit=unit, handled={unit, *handled}, snapshot=SimpleNamespace(area=area))


@pytest.mark.parametrize(
    ("who", "scope"),
    [
        (account("handler", "TAX"), Scope(units=["TAX", "TAX-1", "TAX-2"])),
        (account("handler", "TAX-1"), Scope(units=["TAX-1"])),
        (account("handler", "TAX-1", "area:37"), Scope(units=["TAX-1"])),
        (account("handler", "NEW"), Scope(units=["NEW"])),
        (account(), Scope()),
        (account(unit="TAX"), Scope()),
        (account(node="area:3701"), Scope(area="3701")),
        (account(node="area:370100000000"), Scope(area="3701")),
        (account(node="dept:GOV"), Scope(units=["GOV", "HR", "TAX", "TAX-1", "TAX-2"])),
        (account("reviewer", "HR", "dept:TAX"), Scope(units=["TAX", "TAX-1", "TAX-2"])),
    ],
)
def test_scope_of_an_account(context, who, scope):
    """A handler's is his unit, whatever node he was given; the others' is their node."""
    assert scope_of(context, who) == scope


def test_departments_that_stand_in_a_ring_end(context):
    """Two departments above each other are a fault of the registry's, not an endless loop."""
    assert below(context, "A") == ["A", "B"]


def test_tree_is_that_of_now(context):
    """A department that has ended, or begins tomorrow, is not below; one that is registered is at once."""
    made(context.registry, "OLD", "HR", "", until=NOW - timedelta(days=1))
    made(context.registry, "COMING", "HR", "", since=NOW + timedelta(days=1))
    assert below(context, "HR") == ["HR"]
    made(context.registry, "HR-1", "HR", "", since=NOW)
    assert below(context, "HR") == ["HR", "HR-1"]


@pytest.mark.parametrize(
    ("who", "which", "seen"),
    [
        (account("handler", "TAX"), ticket(), True),
        (account("handler", "TAX"), ticket("TAX-2"), True),
        (account("handler", "TAX-1"), ticket("TAX"), False),
        (account("handler", "HR"), ticket("TAX"), False),
        (account("handler", "HR"), ticket("TAX", handled=["HR"]), True),
        (account("handler", "HR"), ticket(""), False),
        (account(), ticket(""), True),
        (account(node="area:3701"), ticket(area="370102000000"), True),
        (account(node="area:3702"), ticket(area="370102000000"), False),
        (account(node="area:3702"), ticket(area=""), False),
        (account(node="dept:GOV"), ticket("TAX-1"), True),
        (account(node="dept:HR"), ticket("TAX-1"), False),
    ],
)
def test_ticket_is_seen_within_the_scope_only(context, who, which, seen):
    """By the unit that has it or had it, or by the area it lies in; what has neither is seen by those who see all."""
    assert may_see(context, who, which) is seen


@pytest.mark.parametrize(
    ("admin", "territory"),
    [
        (account("admin"), Territory()),
        (account("admin", node="dept:TAX"), Territory(["TAX", "TAX-1", "TAX-2"])),
        (account("admin", node="area:370102000000"), Territory(["TAX-1"], "370102")),
    ],
)
def test_territory_of_an_administrator(context, admin, territory):
    """Everything, a department and those below it, or an area with the departments in it."""
    assert territory_of(context, admin) == territory


@pytest.mark.parametrize(
    ("territory", "who", "kept"),
    [
        (Territory(), account(), True),
        (Territory(["TAX"]), account(), False),
        (Territory(["TAX"]), account("handler", "TAX"), True),
        (Territory(["TAX"]), account("handler", "HR"), False),
        (Territory(["TAX"]), account(node="dept:TAX"), True),
        (Territory(["TAX"]), account(unit="TAX", node="dept:GOV"), False),
        (Territory(["TAX"]), account("agent", "HR", "dept:TAX", contact_officer=True), False),
        (Territory(["TAX"]), account("agent", "TAX", "dept:TAX", contact_officer=True), True),
        (Territory(["TAX"]), account(node="area:3701"), False),
        (Territory(["TAX"], "3701"), account(node="area:370102"), True),
        (Territory(["TAX"], "3701"), account(node="area:37"), False),
        (Territory(["TAX"], "3701"), account("admin", node="area:3701"), True),
    ],
)
def test_administrator_keeps_what_lies_within(territory, who, kept):
    """Nobody makes an account that sees further than he does himself."""
    assert keeps(territory, who) is kept
