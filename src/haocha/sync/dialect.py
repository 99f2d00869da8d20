"""What a dialect is: one platform's way to say what we know, and to answer.

A dialect maps, wraps, enciphers and reads answers. It never touches the database, decides no order, waits for nothing
and tries nothing twice: that is the sender's (haocha.engine.outbox), the same for all.
"""

import hashlib
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Sequence
from datetime import date, datetime
from importlib import import_module
from typing import Any, ClassVar, Literal, NamedTuple, get_args
from uuid import UUID

import httpx

from haocha.domain.workdays import SHANGHAI
from haocha.peers import Peer

Kind = Literal["service", "rating", "supplement", "contested", "decision", "ticket"]
"""服务记录, 首次评价, 追评, 有争议, a link, exclusion or reinstatement of a rating, a step of a ticket."""

KINDS: tuple[Kind, ...] = get_args(Kind)

Verdict = Literal["accepted", "duplicate", "invalid", "noService", "notReportable", "unavailable"]
"""Taken; known already, which is as good; refused for what it says; its service record or rating is not there; there is
no form for it; not now."""


class Item(NamedTuple):
    """One thing to report: a row of the outbox with its content.

    `values` holds what is known by the national wire names (docs/dialects.md lists them); `event` is the event itself.
    """

    position: int
    kind: Kind
    key: str
    stream: UUID
    version: int
    event: Any
    recorded_at: datetime
    values: dict[str, Any]
    attempts: int


class Outcome(NamedTuple):
    """What became of an item: the platform's own code and words, and its receipt where it gave one."""

    verdict: Verdict
    code: str = ""
    words: str = ""
    receipt: str = ""
    adjusted: bool = False
    """A time was moved as the platform permits (`Peer.adjust`)."""


class Expired(Exception):
    """The token is no longer taken: `renew`, then the same call again."""


class Unavailable(Exception):
    """The answer is none: an error page, a server's trouble, something cut off. Try again later."""


class Theirs(NamedTuple):
    """A rating as the platform holds it."""

    project_no: str
    service_number: int
    assess_number: int
    area: str
    pf: str
    satisfaction: int
    digest: str


class Dialect(ABC):
    """One platform's interface, for one peer; raises ValueError where the peer's options or secrets will not do."""

    name: ClassVar[str]
    version: ClassVar[str]
    """Of the mapping."""
    kinds: ClassVar[frozenset[Kind]]
    """What it has an operation for; service records without one go with their ratings."""
    no_case: ClassVar[bool] = False
    """Whether it has a form for ratings without a case."""
    record_first: ClassVar[bool] = True
    """Whether it refuses a rating whose service record it does not have; else only a record there is goes first."""
    listable: ClassVar[bool] = False
    """Whether it tells what it holds."""
    usual: ClassVar[int] = 1
    """Items in one call, at most, unless the peer says otherwise."""
    with_service: ClassVar[bool] = True
    """Whether `values` of a rating are to hold the service record's."""

    def __init__(self, peer: Peer) -> None:
        """Read the peer's options and secrets."""
        self.peer = peer

    @abstractmethod
    def operation(self, item: Item) -> str:
        """Name the operation that takes the item; those of one call share it."""

    @abstractmethod
    def limit(self, operation: str) -> int:
        """Return how many items one call may hold."""

    @abstractmethod
    def check(self, item: Item, now: datetime) -> Outcome | None:
        """Say why an item need not be sent, as the platform would refuse it or has no form for it; None: send it."""

    @abstractmethod
    async def send(
        self, client: httpx.AsyncClient, operation: str, items: Sequence[Item], now: datetime
    ) -> list[Outcome]:
        """Send items in one call and return the outcome of each, in order.

        Nothing where the whole call was refused and one item may be guilty: then they are sent in halves. Raises
        `Expired` and `Unavailable`; errors of the network are left to the sender.
        """

    async def renew(self, client: httpx.AsyncClient) -> None:  # noqa: B027 (most have no token)
        """Get a new token."""

    def listing(self, client: httpx.AsyncClient, day: date) -> AsyncIterator[Theirs]:
        """Tell the ratings it holds whose assessTime is of `day` (Shanghai); raises `Unavailable` where it cannot."""
        del client
        raise Unavailable(f"{self.name} does not list what it holds of {day}")

    @classmethod
    def numbers(cls, _peer: Peer, project_no: str) -> tuple[str, ...]:
        """Return what a case may be called here that the platform sends down, the likeliest first."""
        return (project_no,)


def dialect_of(peer: Peer) -> Dialect:
    """Make the dialect of a peer; raises ValueError with what is wrong."""
    return kind_of(peer)(peer)


def kind_of(peer: Peer) -> type[Dialect]:
    """Return the dialect that a peer names; raises ValueError where there is none."""
    try:
        module = import_module(f"haocha.sync.{peer.dialect}")
        kind: type[Dialect] = module.DIALECT
    except (ModuleNotFoundError, AttributeError) as error:
        if getattr(error, "name", "") not in {f"haocha.sync.{peer.dialect}", "DIALECT"}:
            raise ValueError(f"dialect {peer.dialect}: {error}") from error
        raise ValueError(f"dialect {peer.dialect} is not known: there is no haocha/sync/{peer.dialect}.py") from None
    return kind


def digest(values: dict[str, Any]) -> str:
    """Digest what a platform must hold of a rating, in our codes: the same on both sides of a reconciliation.

    Takes `values` of an item, or what a platform tells with `assessTime` as a datetime.
    """
    parts = (
        values["projectNo"],
        str(values["serviceNumber"]),
        str(values["assessNumber"]),
        str(values["satisfaction"]),
        values["pf"],
        ",".join(sorted(values.get("evalDetail") or ())),
        f"{values['assessTime'].astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}",
        values.get("writingEvaluation") or "",
    )
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:32]
