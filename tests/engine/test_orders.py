"""Orders are pulled page by page, from where the last one ended; what stops that is tried again."""

import asyncio
import contextlib
import json
import socket
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import httpx
import msgspec
import pytest
import uvicorn
from structlog.testing import capture_logs

from haocha.domain.order import order_id
from haocha.engine import orders
from haocha.engine.orders import Puller, Refused
from haocha.peers import Peer
from haocha.store import log, pulls
from haocha.store.log import Batcher
from haocha.sync import signing
from tests.world import World

SECRET = "the key of a member"


class Above:
    """A platform that holds items at positions, and what it was asked."""

    def __init__(self):
        self.items = {}
        self.asked = []
        self.broken = []
        self.drops = False
        self.url = ""

    def put(self, *items):
        """Let items be there behind those that are."""
        for item in items:
            self.items[len(self.items) + 1] = item

    async def __call__(self, scope, _receive, send):
        """Answer one request: a page of two positions, or what is broken."""
        query = scope["query_string"].decode()
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        target = f"{scope['path']}?{query}"
        good = signing.verify(SECRET.encode(), "GET", target, b"", headers, signing_time(headers))
        after = int(dict(part.split("=") for part in query.split("&"))["after"])
        self.asked.append((headers.get("x-haocha-peer"), after))
        if self.broken:
            status, body = self.broken.pop(0)
        elif not good:
            status, body = 401, b"{}"
        else:
            upto = min(after + 2, len(self.items))
            found = [self.items[position] for position in range(after + 1, upto + 1)]
            page = {"position": max(after, upto), "more": upto < len(self.items), "items": found}
            status, body = 200, json.dumps(page).encode()
        await send({"type": "http.response.start", "status": status, "headers": []})
        while self.drops:
            await send({"type": "http.response.body", "body": b" ", "more_body": True})
            await asyncio.sleep(0.05)
        await send({"type": "http.response.body", "body": body})


def signing_time(headers):
    """Return the time that a request says it was signed at."""
    return datetime.fromtimestamp(int(headers["x-haocha-time"]), UTC)


@pytest.fixture
async def above():
    """Serve a platform on a port of its own."""
    above = Above()
    config = uvicorn.Config(above, loop="none", ws="none", lifespan="off", log_config=None, access_log=False)
    server = uvicorn.Server(config)
    server.capture_signals = contextlib.nullcontext
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as listening:
        above.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        yield above
        server.should_exit = True
        await serving


def ticket(number):
    """Return a ticket of theirs."""
    return {"type": "ticket", "id": number, "areaCode": "990102000000", "issuedAt": "2026-11-20 09:00:00"}


def peer_of(above, **options):
    """Return the platform as sync.toml names it."""
    options = {"member": "city", "pull": True, "pull_seconds": 0.01} | options
    return Peer(name="province", dialect="haocha", url=above.url, options=options, secrets={"key": SECRET})


@contextlib.asynccontextmanager
async def pulling(pool, settings, above):
    """Return what pulls one page."""
    puller = Puller(pool, settings, peer_of(above))
    desk = await puller._desk()
    async with httpx.AsyncClient() as client, Batcher(pool, 100) as batcher:
        yield lambda: puller.step(client, batcher, desk)


async def streams(pool, install, *numbers):
    """Return how many events each of the orders has."""
    found = await log.read_streams(pool, [order_id(install.namespace, "province", number) for number in numbers])
    return [len(found.get(order_id(install.namespace, "province", number), [])) for number in numbers]


async def test_pages_are_taken_from_where_the_last_one_ended(pool, settings, install, above):
    """Signed as the member; the position is kept with the items."""
    above.put(*(ticket(str(number)) for number in range(5)))
    async with pulling(pool, settings, above) as step:
        assert [await step() for _ in range(3)] == [True, True, False]
    async with pulling(pool, settings, above) as step:
        assert await step() is False
    assert above.asked == [("city", 0), ("city", 2), ("city", 4), ("city", 5)]
    assert await streams(pool, install, *"01234") == [1] * 5


async def test_lost_position_takes_nothing_twice(pool, settings, install, above):
    """Every item is known the second time."""
    above.put(ticket("1"), ticket("2"))
    async with pulling(pool, settings, above) as step:
        await step()
        await pool.execute("UPDATE sync.pulls SET position = 0")
        await step()
    assert await streams(pool, install, "1", "2") == [1, 1]
    assert await pulls.position(pool, "province") == 2


async def test_item_that_cannot_be_taken_stops_no_other(pool, settings, install, above):
    """The operator hears which and why, and nothing of what it says."""
    above.put({"type": "ticket", "id": "bad", "areaCode": "99", "userName": "虚构丁"}, ticket("good"))
    with capture_logs() as said:
        async with pulling(pool, settings, above) as step:
            await step()
    assert await streams(pool, install, "good") == [1]
    (complaint,) = [line for line in said if line["event"] == "order_not_taken"]
    assert (complaint["type"], complaint["id"]) == ("ticket", "bad")
    assert complaint["faults"] == ["/issuedAt missing", "/areaCode form"]
    assert "虚构丁" not in str(said)


async def test_log_above_that_was_restored_is_read_from_its_beginning(pool, settings, install, above):
    """What it lost and gave other positions since is not passed over; the rest is known."""
    above.put(*(ticket(str(number)) for number in range(4)))
    async with pulling(pool, settings, above) as step:
        assert [await step(), await step()] == [True, False]
        above.items = {1: ticket("0"), 2: ticket("new")}
        above.broken.append((409, b"{}"))
        assert [await step(), await step()] == [True, False]
        assert await streams(pool, install, "0", "3", "new") == [1, 1, 1]
        above.broken.append((409, b"{}"))
        await pulls.restart(pool, "province", datetime.now(UTC))
        with pytest.raises(Refused):
            await step()


async def test_items_that_are_none_stop_no_other(pool, settings, install, above):
    """Numbers, lists, names that are no names: each is complained of, none is repeated."""
    above.put(5, ["虚构戊"])
    above.put({"type": "ticket", "id": {"userName": "虚构己"}}, {"type": "x", "id": "虚构庚" * 40}, ticket("good"))
    with capture_logs() as said:
        async with pulling(pool, settings, above) as step:
            assert [await step() for _ in range(3)] == [True, True, False]
    assert await streams(pool, install, "good") == [1]
    assert [line["id"] for line in said if line["event"] == "order_not_taken"] == [""] * 4
    assert "虚构" not in str(said)


async def test_answer_that_never_ends_is_waited_for_no_longer_than_any(pool, settings, above):
    """It comes drop by drop: each drop is in time, the whole is not."""
    above.drops = True
    puller = Puller(pool, settings, msgspec.structs.replace(peer_of(above), timeout=0.2))
    desk = await puller._desk()
    async with httpx.AsyncClient() as client, Batcher(pool, 100) as batcher, asyncio.timeout(20):
        with pytest.raises(TimeoutError):
            await puller.step(client, batcher, desk)
    above.drops = False


@pytest.mark.parametrize(
    "broken", [(500, b""), (401, b"{}"), (200, b"<html>"), (200, b'{"position": "x"}'), (200, b'{"\xff')]
)
async def test_answer_that_is_no_page_moves_nothing(pool, settings, above, broken):
    """Error pages, refusals, what is cut off: the same page is asked for again."""
    above.put(ticket("1"))
    above.broken.append(broken)
    async with pulling(pool, settings, above) as step:
        with pytest.raises(Refused):
            await step()
        assert await pulls.position(pool, "province") == 0
        assert await step() is False
    assert await pulls.position(pool, "province") == 1


async def test_puller_goes_on_after_trouble(pool, settings, install, above, monkeypatch):
    """It waits longer and longer, and takes up where it was."""
    monkeypatch.setattr(orders, "pause", lambda failures, _chance: failures * timedelta(milliseconds=1))
    above.put(ticket("1"))
    above.broken += [(503, b""), (200, b"")]
    running = asyncio.create_task(orders.run(pool, settings, peer_of(above)))
    async with asyncio.timeout(20):
        while await streams(pool, install, "1") != [1]:
            await asyncio.sleep(0.02)
    above.put(ticket("2"))
    async with asyncio.timeout(20):
        while await streams(pool, install, "2") != [1]:
            await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_nothing_is_pulled_where_it_is_not_said(pool, settings, above):
    """`pull` is an option, and only a haocha is asked."""
    await orders.run(pool, settings, peer_of(above, pull=False))
    other = Peer(name="other", dialect="shandong", url=above.url, options={"pull": True})
    await orders.run(pool, settings, other)
    assert above.asked == []


async def test_order_that_was_pulled_opens_its_ticket(pool, settings, install, above):
    """As one that was pushed."""
    world = await World(pool, install).begin()
    above.put(ticket(str(uuid4())))
    async with pulling(pool, settings, above) as step:
        await step()
    await world.react("open_ticket")
    (opened,) = await world.tickets()
    assert (opened.source, opened.status) == ("province", "awaiting_dispatch")
