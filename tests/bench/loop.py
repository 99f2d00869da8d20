"""The closed loop over HTTP: how soon a bad rating is listed, how long a command takes, how many lives a second."""

import asyncio
import contextlib
import itertools
import random
import time
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple
from uuid import UUID

import msgspec

from haocha import load
from haocha.domain import ids
from haocha.simulate import office
from haocha.store import accounts, install
from tests.bench import parts
from tests.bench.parts import Bench

CENTRE = "99YX0001"
GOVERNMENT = "99YX0000"
RATE = 200  # ratings a second while the lag is measured
BAD = 0.03  # of them are bad
AT_ONCE = 24  # lives that are lived side by side
LOOK = 0.02  # seconds between two looks at the list
NOT_FOUND, OVERTAKEN = 404, 412
PATIENCE = 0.2  # seconds between two looks for a ticket that opens

LIFE: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("handler", "accept", {}),
    ("agent", "contact", {"reached": True, "note": "已电话核实"}),
    (
        "handler",
        "review",
        {"verdict": "substantiated", "ground": "delay", "disposition": "fix", "finding": "情况属实。"},
    ),
    ("handler", "fix", {"measures": "已整改。", "responsible": "0101"}),
    ("supervisor", "approve", {}),
    ("agent", "verify", {"result": "satisfied", "satisfaction": 5}),
)


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes

    def json(self) -> Any:
        """Decode the body; raises where the answer is no success."""
        if self.status >= 300:
            raise RuntimeError(f"{self.status} {self.body[:300]!r}")
        return msgspec.json.decode(self.body)


class Client:
    """Kept connections and nothing besides: it shares the processors with what it measures."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def send(self, method: str, path: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        """Send one request over a connection that is free, and return the answer."""
        reader, writer = self._idle.pop() if self._idle else await asyncio.open_connection("127.0.0.1", self._port)
        lines = [f"{method} {path} HTTP/1.1", "Host: bench", f"Content-Length: {len(body)}"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        writer.write("\r\n".join([*lines, "", ""]).encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0])
        answer = Answer(int(head[9:12]), await reader.readexactly(length))
        self._idle.append((reader, writer))
        return answer

    def close(self) -> None:
        """Close the connections."""
        for _, writer in self._idle:
            writer.close()


class Loop:
    """The people of a bench, and its clients."""

    def __init__(self, bench: Bench, client: Client, tokens: dict[str, str], namespace: UUID) -> None:
        self.client, self.namespace = client, namespace
        json = {"Content-Type": "application/json"}
        self.headers = {name: json | {"Authorization": f"Bearer {token}"} for name, token in tokens.items()}
        self.key = json | {"Authorization": f"Bearer {bench.key}"}
        made = load.ratings("L", bench.city, datetime.now(UTC))
        self.bodies = (body | {"deptCode": CENTRE} for body in made if body.get("deptCode", CENTRE) == CENTRE)
        self.took: list[float] = []

    async def rate(self, satisfaction: int) -> tuple[UUID, float]:
        """Post a rating; return the ticket that it opens where it is bad, and when it was acknowledged."""
        body = next(self.bodies) | {"satisfaction": satisfaction}
        if satisfaction <= 2:
            body["evalDetail"] = ["115"]
        else:
            body.pop("evalDetail", None)
        answer = await self.client.send("POST", "/v1/ratings", self.key, msgspec.json.encode(body))
        return ids.ticket_id(self.namespace, "rating", answer.json()["ratingId"]), time.perf_counter()

    async def opened(self, ticket: UUID) -> int:
        """Wait until the ticket is there, and return its version."""
        while True:
            answer = await self.client.send("GET", f"/v1/tickets/{ticket}", self.headers["supervisor"])
            if answer.status != NOT_FOUND:
                version: int = answer.json()["version"]
                return version
            await asyncio.sleep(PATIENCE)

    async def live(self, photo: str) -> None:
        """Live one ticket's whole life."""
        ticket, _ = await self.rate(1)
        version = await self.opened(ticket)
        for who, command, body in LIFE:
            while True:
                sent = body | ({"evidence": [{"digest": photo}]} if command == "fix" else {})
                headers = self.headers[who] | {"If-Match": f'"{version}"'}
                begun = time.perf_counter()
                answer = await self.client.send(
                    "POST", f"/v1/tickets/{ticket}/{command}", headers, msgspec.json.encode(sent)
                )
                self.took.append(time.perf_counter() - begun)
                if answer.status != OVERTAKEN:
                    break
                version = msgspec.json.decode(answer.body)["version"]
            version = answer.json()["version"]
        assert answer.json()["outcome"] == "fixed", answer.body

    async def photo(self) -> str:
        """Upload a photo and return its digest."""
        headers = self.headers["handler"] | {"Content-Type": "image/png"}
        answer = await self.client.send("POST", "/v1/evidence", headers, office.picture(random.Random(1)))
        digest: str = answer.json()["digest"]
        return digest


@contextlib.asynccontextmanager
async def running(bench: Bench) -> AsyncIterator[Loop]:
    """Run web and worker, and make the people."""
    now, tokens = datetime.now(UTC), {}
    for username, role, unit in (
        ("handler", "handler", CENTRE),
        ("supervisor", "supervisor", GOVERNMENT),
        ("agent", "agent", GOVERNMENT),
    ):
        await accounts.create(bench.pool, username=username, role=role, unit=unit, must_change=False, now=now)
        person = await accounts.find(bench.pool, username)
        assert person is not None
        tokens[username] = await accounts.create_token(bench.pool, person.id, by="bench", now=now)
    namespace = (await install.load(bench.pool)).namespace
    async with parts.web(bench) as (port, _):
        with parts.worker(bench):
            await parts.caught_up(bench.pool)
            with contextlib.closing(Client(port)) as client:
                yield Loop(bench, client, tokens, namespace)


async def measure(bench: Bench, lives: int, seconds: float, say: Any) -> dict[str, Any]:
    """Live `lives` lives, one after the other for the commands' times, then many at once; then watch the list."""
    async with running(bench) as loop:
        photo = await loop.photo()
        for _ in range(5):
            await loop.live(photo)
        loop.took.clear()
        await _together(loop, photo, lives // 4, 2)
        commands = sorted(loop.took)
        begun = time.perf_counter()
        await _together(loop, photo, lives, AT_ONCE)
        rate = lives / (time.perf_counter() - begun)
        say(f"loop: {rate:,.1f} lives/s, command p95 {_at(commands, 0.95) * 1000:,.1f} ms")
        lags = await _lag(loop, seconds)
        say(f"loop: listed after p50 {_at(lags, 0.5):,.2f} s, p99 {_at(lags, 0.99):,.2f} s ({len(lags)} bad ratings)")
    return {
        "lives_per_second": rate,
        "command_p50_ms": _at(commands, 0.5) * 1000,
        "command_p95_ms": _at(commands, 0.95) * 1000,
        "listed_p50_s": _at(lags, 0.5),
        "listed_p99_s": _at(lags, 0.99),
        "listed_samples": len(lags),
    }


async def _together(loop: Loop, photo: str, lives: int, at_once: int) -> None:
    left = iter(range(lives))

    async def one() -> None:
        for _ in left:
            await loop.live(photo)

    await asyncio.gather(*(one() for _ in range(at_once)))


async def _lag(loop: Loop, seconds: float) -> list[float]:
    """Post ratings at a steady rate and see how long after its acknowledgement each bad one is listed."""
    waiting: dict[str, float] = {}
    lags: list[float] = []
    posting = asyncio.create_task(_post(loop, seconds, waiting))
    while waiting or not posting.done():
        answer = await loop.client.send("GET", "/v1/tickets?limit=200", loop.headers["supervisor"])
        seen = time.perf_counter()
        lags += [seen - waiting.pop(item["ticketId"]) for item in answer.json()["items"] if item["ticketId"] in waiting]
        await asyncio.sleep(LOOK)
    await posting
    return sorted(lags)


async def _post(loop: Loop, seconds: float, waiting: dict[str, float]) -> None:
    chance, begun = random.Random(1), time.perf_counter()

    async def one(satisfaction: int) -> None:
        ticket, acknowledged = await loop.rate(satisfaction)
        if satisfaction <= 2:
            waiting[str(ticket)] = acknowledged

    async with asyncio.TaskGroup() as group:
        for number in itertools.count():
            at = number / RATE
            if at > seconds:
                return
            await asyncio.sleep(max(0.0, begun + at - time.perf_counter()))
            group.create_task(one(1 if chance.random() < BAD else 5))


def _at(figures: Sequence[float], share: float) -> float:
    return sorted(figures)[min(len(figures) - 1, int(len(figures) * share))]
