"""Taking in what a platform above sends down, pushed or pulled: each item by itself, the same item twice once.

An item is an event on a stream that is named by the platform's own id of it, so a repeat finds the first; what it says
is read in order_facts.py.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
import msgspec

from haocha.domain import ids
from haocha.domain.order import order_id
from haocha.peers import Peer
from haocha.store import log
from haocha.store.log import Batcher, Verdict
from haocha.sync.dialect import kind_of
from haocha.web import wire
from haocha.web.order_facts import Desk, Known, Ready, Source, Typed, read
from haocha.web.problems import Fault

POISONED = Fault("", "poisoned", "这一条含有数据库无法保存的内容，已单独拒绝；其他各条不受影响。")
OTHER_CONTENT = Fault("/id", "other_content", "这个编号已经收到过内容不同的一条；先收到的有效，更正请用新的编号。")


class Taken(NamedTuple):
    """What became of an item: 201 new, 200 known, 409 known with other content, 422 refused."""

    status: int
    position: int = 0
    faults: Sequence[Fault] = ()

    def as_json(self, index: int) -> dict[str, Any]:
        """Return the answer to the item."""
        answer: dict[str, Any] = {"index": index, "status": self.status}
        if self.position:
            answer |= {"position": self.position, "duplicate": self.status != 201}  # noqa: PLR2004
        if self.faults:
            answer["errors"] = [fault.as_json() for fault in self.faults]
        return answer


async def take(
    desk: Desk,
    batcher: Batcher,
    pool: asyncpg.Pool,
    peer: Peer,
    items: Sequence[bytes | msgspec.Raw],
    *,
    secret: bytes,
    received: datetime,
) -> list[Taken]:
    """Put the items into the log and say what became of each, in order; raises `QueueFull` and `Unavailable`."""
    named = [_named(item) for item in items]
    tickets = [index for index, one in enumerate(named) if one.type == "ticket"]
    taken: dict[int, Taken] = {}
    for turn in (tickets, sorted({*range(len(items))} - {*tickets})):  # verdicts find their tickets there
        known = await _known(desk, pool, peer, [named[index] for index in turn])
        source = Source(desk, peer.name, secret, received, known)
        facts = {index: read(source, items[index]) for index in turn}
        waiting = {index: batcher.submit(ready.group) for index, ready in facts.items() if isinstance(ready, Ready)}
        await asyncio.gather(*waiting.values(), return_exceptions=True)  # what fails is raised below, after all ended
        for index, ready in facts.items():
            if isinstance(ready, Ready):
                taken[index] = await _settled(pool, ready, waiting[index].result())
            else:
                taken[index] = Taken(422, faults=ready)
    return [taken[index] for index in range(len(items))]


def _named(item: bytes | msgspec.Raw) -> Typed:
    """Read what an item is about; nothing of one that cannot be read."""
    try:
        return msgspec.json.decode(item, type=Typed)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError):
        return Typed()


async def _known(desk: Desk, pool: asyncpg.Pool, peer: Peer, items: Sequence[Typed]) -> Known:
    """Look up what the items are about: the ratings, by what their cases may be called here, and the orders."""
    kind = kind_of(peer)
    cases: dict[UUID, tuple[str, int, str]] = {}
    orders: set[UUID] = set()
    for named in items:
        service = named.service_number if isinstance(named.service_number, int) else 1
        if named.type == "ticket" and isinstance(named.project_no, str) and (sent := wire.project_no(named.project_no)):
            for number in reversed(kind.numbers(peer, sent)):  # the likeliest has the last word
                cases[ids.rating_id(desk.namespace, number, service)] = sent, service, number
        elif isinstance(named.ticket, str):
            orders.add(order_id(desk.namespace, peer.name, named.ticket))
    there = await log.read_streams(pool, [*cases, *orders]) if cases or orders else {}
    return Known(
        {
            (sent, service): (number, there[stream][0].event.subject)
            for stream, (sent, service, number) in cases.items()
            if stream in there
        },
        {order: there[order][0].event.subject for order in orders if order in there and there[order][0].event.subject},
    )


async def _settled(pool: asyncpg.Pool, ready: Ready, verdict: Verdict) -> Taken:
    if verdict.verdict == "ok":
        return Taken(201, verdict.position)
    if verdict.verdict == "poisoned":
        return Taken(422, faults=[POISONED])
    first, *_ = await log.read_stream(pool, ready.stream)
    if first.event.digest == ready.digest:
        return Taken(200, first.position)
    return Taken(409, first.position, [OTHER_CONTENT])
