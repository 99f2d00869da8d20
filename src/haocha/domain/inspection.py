"""Inspections (监督查评): findings (查评问题) against a versioned tree of indicators (指标体系)."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import ClassVar
from uuid import UUID

import msgspec

from haocha.domain.ids import uuid5
from haocha.domain.rating import TextReference
from haocha.domain.ticket_events import Actor, Evidence


class Node(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One indicator: its code, its name, the code above it ('' at the top) and its weight, as decimal digits."""

    code: str
    name: str
    parent: str = ""
    weight: str = ""


class TreePublished(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A version of the tree: `<n>`, the n-th event of its stream; a finding keeps the version it was held against."""

    TOPIC: ClassVar[str] = "inspection.tree_published:v1"

    version: str
    nodes: tuple[Node, ...]
    at: datetime
    by: str = ""


class FindingRecorded(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A finding as the inspector wrote it: what failed which standard, where, and who is to put it right."""

    TOPIC: ClassVar[str] = "inspection.finding_recorded:v1"

    finding_no: str
    standard: str
    tree_version: str
    found_on: date
    received_at: datetime
    window: str = ""
    staff: str = ""
    matter: str = ""
    dept: str = ""
    hall: str = ""
    area: str = ""
    linked: bool
    registry_position: int = 0
    said: dict[str, str] = {}
    unit: str = ""
    """责任单位: who is to put it right, '' where the place's department is."""
    by: Actor
    subject: UUID
    texts: dict[str, TextReference]
    evidence: tuple[Evidence, ...] = ()
    digest: str


class Tree:
    """The published tree, looked into by code."""

    def __init__(self, version: str, nodes: Iterable[Node]) -> None:
        """Hold one version; '' is the version of a tree that nobody has published yet."""
        self.version = version
        self.nodes = {node.code: node for node in nodes}

    def path(self, code: str) -> tuple[str, ...]:
        """Return the names from the top down to `code`, () where there is no such indicator."""
        names: list[str] = []
        node = self.nodes.get(code)
        while node is not None:
            names.insert(0, node.name)
            node = self.nodes.get(node.parent)
        return tuple(names)


def tree_id(namespace: UUID) -> UUID:
    """Name the stream of the tree."""
    return uuid5(namespace, "inspection|tree")


def finding_id(namespace: UUID, finding_no: str) -> UUID:
    """Name a finding's stream: one per number, however often its file comes."""
    return uuid5(namespace, f"inspection|finding|{finding_no}")


EVENTS: tuple[type, ...] = (TreePublished, FindingRecorded)
