"""The tree of indicators (指标体系): from a table to a published version, and back."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import NamedTuple

import asyncpg

from haocha.domain.inspection import Node, Tree, TreePublished, tree_id
from haocha.inspections.columns import TREE, Fault, cell_faults, named, repeated
from haocha.registry.files import Line, Table
from haocha.store import events, log
from haocha.store.aggregates import ATTEMPTS, Contended
from haocha.store.install import Install


class Plan(NamedTuple):
    """What an import would publish; `version` is that of the tree as it is where nothing changes."""

    version: str
    nodes: int
    changed: bool
    faults: list[Fault]


async def load(connection: asyncpg.Connection | asyncpg.Pool, install: Install) -> Tree:
    """Read the tree in force; one without a version where none was published."""
    published = await log.read_stream(connection, tree_id(install.namespace))
    return Tree(published[-1].event.version, published[-1].event.nodes) if published else Tree("", ())


def parse(table: Table) -> tuple[tuple[Node, ...], list[Fault]]:
    """Read the nodes, gathering all faults."""
    lines, faults = named(table, TREE)
    if faults:
        return (), faults
    for line in lines:
        faults += cell_faults(line, TREE)
        if (weight := line.cells.get("weight")) and not _is_weight(weight):
            faults.append(Fault(line.number, "weight", "not_a_weight"))
    faults += repeated(lines, "code")
    faults += _misplaced(lines)
    nodes = tuple(Node(*(line.cells.get(column.name, "") for column in TREE)) for line in lines)
    return (() if faults else nodes), sorted(faults)


async def publish(pool: asyncpg.Pool, install: Install, table: Table, *, apply: bool, by: str, at: datetime) -> Plan:
    """Return what the table changes, and publish it as the next version where `apply` is true and nothing is wrong.

    Raises `Contended` where others kept publishing at the same time.
    """
    nodes, faults = parse(table)
    stream = tree_id(install.namespace)
    for _ in range(ATTEMPTS):
        known = await log.read_stream(pool, stream)
        last: TreePublished | None = known[-1].event if known else None
        if faults or (last is not None and last.nodes == nodes):
            return Plan(last.version if last else "", len(nodes), changed=False, faults=faults)
        version = len(known) + 1
        plan = Plan(str(version), len(nodes), changed=True, faults=[])
        if not apply:
            return plan
        event = TreePublished(version=str(version), nodes=nodes, at=at, by=by)
        group = log.Group((log.NewEvent(stream, version, *events.encode(event)),))
        if (await log.append(pool, [group]))[0].verdict == "ok":
            return plan
    raise Contended


def rows(tree: Tree) -> Iterator[tuple[str, ...]]:
    """Return the tree as rows of its table; importing them changes nothing."""
    for node in tree.nodes.values():
        yield node.code, node.name, node.parent, node.weight


def _is_weight(text: str) -> bool:
    try:
        weight = Decimal(text)
    except InvalidOperation:
        return False
    return weight.is_finite() and weight >= 0


def _misplaced(lines: Sequence[Line]) -> Iterator[Fault]:
    """Find nodes whose parent is not there, or that stand above themselves."""
    parents = {line.cells["code"]: line.cells.get("parent", "") for line in lines if "code" in line.cells}
    for line in lines:
        parent = line.cells.get("parent", "")
        if parent and parent not in parents:
            yield Fault(line.number, "parent", "unknown_parent")
        seen = {line.cells.get("code", "")}
        while parent in parents and parent not in seen:
            seen.add(parent)
            parent = parents[parent]
        if parent and parent == line.cells.get("code"):
            yield Fault(line.number, "parent", "circular")
