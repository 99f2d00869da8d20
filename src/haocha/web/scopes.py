"""How far an account sees: a handler his unit and those below it, others their node of the area or department tree."""

from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

from haocha.domain.account import Account
from haocha.domain.registry import Registry, area_prefix
from haocha.domain.ticket import Ticket
from haocha.web.context import Context

REMEMBERED = 1_000


class Scope(NamedTuple):
    """What an account sees: tickets of these `units`, or of the area whose code begins so; None means all."""

    units: list[str] | None = None
    area: str | None = None


def scope_of(context: Context, account: Account) -> Scope:
    """Return what an account sees; the department tree is the registry's as it is valid now."""
    kind, _, value = account.node.partition(":")
    if account.role == "handler":
        return Scope(units=below(context, account.unit))
    if kind == "area":
        return Scope(area=area_prefix(value))
    return Scope(units=below(context, value)) if kind == "dept" else Scope()


def below(context: Context, unit: str) -> list[str]:
    """Return a department and all below it, in order; one that the registry does not know is alone."""
    minute = int(context.now().timestamp()) // 60
    return list(_below(context.registry, context.registry.position, minute, unit))


@lru_cache(REMEMBERED)
def _below(registry: Registry, _position: int, minute: int, unit: str) -> tuple[str, ...]:
    """Go down the tree; remembered until the registry changes or a minute has gone by, in which something may begin."""
    children = _children(registry, _position, minute)
    found, following = {unit}, [unit]
    while following:
        new = [child for child in children.get(following.pop(), ()) if child not in found]
        found.update(new)
        following += new
    return tuple(sorted(found))


@lru_cache(2)
def _children(registry: Registry, _position: int, minute: int) -> dict[str, list[str]]:
    at = datetime.fromtimestamp(minute * 60 + 60, UTC)  # what begins within the minute holds already
    children: dict[str, list[str]] = {}
    for key in registry.keys("org"):
        period = registry.valid("org", key, at)
        if period is not None and period.facts.parent:
            children.setdefault(period.facts.parent, []).append(key)
    return children


def may_see(context: Context, account: Account, ticket: Ticket) -> bool:
    """Tell whether a ticket lies in an account's scope: by its area, or by a unit that has or had it."""
    units, area = scope_of(context, account)
    if area is not None:
        return ticket.snapshot.area.startswith(area)
    return units is None or not {ticket.unit, *ticket.handled}.isdisjoint(units)


class Territory(NamedTuple):
    """Whose accounts an administrator keeps: those that act for `units` or oversee within them or the `area`."""

    units: list[str] | None = None
    area: str = ""


def territory_of(context: Context, admin: Account) -> Territory:
    """Return whose accounts an administrator keeps; without a node, everybody's."""
    kind, _, value = admin.node.partition(":")
    if kind == "dept":
        return Territory(below(context, value))
    if kind == "area":
        prefix, registry = area_prefix(value), context.registry
        units = [
            key
            for key in registry.keys("org")
            if (period := registry.valid("org", key, context.now())) and period.facts.area_code.startswith(prefix)
        ]
        return Territory(units, prefix)
    return Territory()


def keeps(territory: Territory, account: Account) -> bool:
    """Tell whether an account lies within a territory: nobody makes one that sees further than he does himself."""
    if territory.units is None:
        return True
    if account.role == "handler":
        return account.unit in territory.units
    if account.contact_officer and account.unit not in territory.units:
        return False  # a unit has one contact officer: he would take the place of another territory's
    kind, _, value = account.node.partition(":")
    if kind == "dept":
        return value in territory.units
    return kind == "area" and bool(territory.area) and value.startswith(territory.area)
