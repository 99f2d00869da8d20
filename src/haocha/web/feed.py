"""`GET /v1/events`: the log as a feed, for platforms that pull; NDJSON, from any position, through cuts.

The last line says how far the feed has come, so that a filter's gaps are passed too. A stream that ends without it was
cut: whoever reads goes on after the last line he has. Work is in stretches, each a statement of its own: no snapshot is
held while a slow reader reads, and one request looks through `MOST_SCANNED` positions at most.
"""

import re
import time
from collections.abc import AsyncIterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple
from uuid import UUID

import msgspec
import structlog
from litestar import Request, get
from litestar.params import QueryParameter
from litestar.response import Stream

from haocha.store import events, log, sql
from haocha.store.db import AWAY
from haocha.store.keys import Client
from haocha.web.auth import requires
from haocha.web.context import Context
from haocha.web.parameters import Area, Parameters
from haocha.web.problems import Problem

SQL: Final = sql.load(Path(__file__).with_suffix(".sql")).named("query")
MEDIA_TYPE: Final = "application/x-ndjson"
STRETCH: Final = 1_000  # positions that one statement looks through
MOST_SCANNED: Final = 50_000  # positions that one request looks through
USUAL, MOST = 1_000, 10_000
LONGEST_WAIT: Final = 25  # seconds: below the minute after which proxies hang up
HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
ALLOWED: Final = ("after", "limit", "topic", "area", "wait")
PATTERN: Final = re.compile(r"[a-z_.:0-9]{1,50}\*?|\*")
TOPICS: Final = frozenset(chain(events.EVENTS, events.UPCASTERS))
WITHHELD: Final = frozenset({"identity.disclosed:v1"})
"""Who looked at whose contact data is for the auditor, not for another platform."""
NAMED: Final = "staff."
"""Topics that hold people's names: they need the scope that opens the registry besides."""

logger = structlog.get_logger(__name__)

Position = Annotated[
    str | None,
    QueryParameter(name="after", schema_extra={"pattern": "^[0-9]{1,18}$"}, description="此位置之后的事件，默认从头"),
]
Limit = Annotated[
    str | None,
    QueryParameter(
        name="limit", schema_extra={"pattern": "^([1-9][0-9]{0,3}|10000)$"}, description="最多几条，默认 1000"
    ),
]
Topics = Annotated[
    list[str] | None,
    QueryParameter(
        name="topic",
        schema_extra={"items": {"enum": sorted(TOPICS | {"rating.*", "ticket.*"})}},
        description="事件类型，可重复；末尾可用 *，如 rating.*",
    ),
]
Wait = Annotated[
    str | None,
    QueryParameter(
        name="wait", schema_extra={"pattern": "^(1?[0-9]|2[0-5])$"}, description="没有新事件时最多等候的秒数"
    ),
]


class Line(msgspec.Struct, frozen=True, rename="camel"):
    """One event, as the log has it."""

    position: int
    id: UUID
    version: int
    topic: str
    recorded_at: datetime
    state: msgspec.Raw


class End(msgspec.Struct, frozen=True):
    """The last line: go on after `cursor`; the log reaches to `head`."""

    cursor: int
    head: int


class Wanted(NamedTuple):
    """What of the log is asked for, and how long to wait for it."""

    after: int
    limit: int
    topics: list[str]
    area: str
    hall: str
    window: str
    wait: int


@get("/v1/events", guards=[requires("events:read")], tags=["events"], operation_id="listEvents")
async def list_events(
    request: Request[Any, Any, Any],
    _after: Position = None,
    _limit: Limit = None,
    _topic: Topics = None,
    _area: Area = None,
    _wait: Wait = None,
) -> Stream:
    """Stream the events after a position, in the order of the log, one JSON object per line (事件订阅)."""
    context: Context = request.app.state.context
    wanted = read(Parameters(request, ALLOWED, repeatable=("topic",)), request.state.client)
    head = await log.head(context.pool)
    if wanted.after > head:
        detail = f"after 为 {wanted.after}，日志只到 {head}：日志可能已从备份恢复，请核对此前收到的事件。"
        raise Problem(409, "cursor_ahead", detail, head=head)
    chunks = _chunks(context, wanted)
    first = await anext(chunks)  # what keeps the first stretch from being read is answered as a problem
    return Stream(_from(first, chunks), media_type=MEDIA_TYPE, headers=HEADERS)


def read(parameters: Parameters, client: Client) -> Wanted:
    """Return what is asked for, within what the key may see; raises the `422` that lists all faults."""
    wanted = Wanted(
        after=parameters.position("after") or 0,
        limit=parameters.limit(USUAL, MOST),
        topics=sorted(_topics(parameters) - hidden(client)),
        area=parameters.area() or "",
        hall=client.hall,
        window=f"{client.hall}/{client.window_no}" if client.window_no else "",
        wait=parameters.whole("wait", 0, LONGEST_WAIT),
    )
    parameters.check()
    return wanted


def hidden(client: Client) -> frozenset[str]:
    """Return the topics that a key is not shown."""
    if "registry:read" in client.scopes:
        return WITHHELD
    return WITHHELD | {topic for topic in TOPICS if topic.startswith(NAMED)}


def _topics(parameters: Parameters) -> frozenset[str]:
    """Return the topics asked for, all where none are; a pattern that means none of them is a fault."""
    patterns = parameters.several("topic")
    found: set[str] = set()
    for pattern in patterns:
        beginning = pattern.removesuffix("*")
        meant = {topic for topic in TOPICS if topic == pattern or (pattern[-1] == "*" and topic.startswith(beginning))}
        if not PATTERN.fullmatch(pattern) or not meant:
            parameters.wrong("topic", "应为事件类型，如 rating.submitted:v1，或以 * 结尾的前一部分，如 rating.*")
        found |= meant
    return frozenset(found) if patterns else TOPICS


async def _from(first: bytes, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Yield all chunks; one that cannot be read ends the stream without its last line, which says that it was cut."""
    yield first
    try:
        async for chunk in chunks:
            yield chunk
    except AWAY as error:
        logger.warning("feed_cut", error=type(error).__name__)


async def _chunks(context: Context, wanted: Wanted) -> AsyncIterator[bytes]:
    """Yield the lines of one stretch after the other, then the last line."""
    until = time.monotonic() + wanted.wait
    cursor, given = wanted.after, 0
    head = await log.head(context.pool)
    while given < wanted.limit and cursor - wanted.after < MOST_SCANNED:
        if cursor == head:
            head = await _grown(context, cursor, 0 if given else until)
            if cursor == head:
                break
        upto = min(cursor + STRETCH, head)
        lines = await _stretch(context, wanted, cursor, upto, wanted.limit - given)
        given += len(lines)
        cursor = lines[-1].position if given == wanted.limit else upto
        if lines:
            yield b"".join(msgspec.json.encode(line) + b"\n" for line in lines)
    yield msgspec.json.encode(End(cursor, head)) + b"\n"


async def _stretch(context: Context, wanted: Wanted, after: int, upto: int, most: int) -> list[Line]:
    rows = await context.pool.fetch(
        SQL["stretch"], after, upto, wanted.topics, wanted.area, wanted.hall, wanted.window, most
    )
    return [
        Line(position, stream, version, topic, at, msgspec.Raw(state))
        for position, stream, version, topic, at, state in rows
    ]


async def _grown(context: Context, position: int, until: float) -> int:
    """Return the head of the log once it is beyond `position`, or as it is at `until` or when the server stops."""
    head = await log.head(context.pool)
    while head == position and (left := until - time.monotonic()) > 0 and not context.stopping.is_set():
        await context.tail.wait(position, min(left, 1.0))
        head = await log.head(context.pool)
    return head


routes = [list_events]
