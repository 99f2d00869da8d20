"""A load generator: many connections, one request at a time on each, as cheap as Python allows.

It speaks just enough HTTP/1.1 to keep a server busy from one process: prepared requests out, status and length in. What
it posts are ratings of the fictional city, identity in half of them, two in a hundred bad.
"""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import msgspec

from haocha.domain.workdays import SHANGHAI
from haocha.simulate.city import City, build

Answer = Callable[[int, bytes], None]

DAYS = 30
ONLINE = 3  # of ten
INDICATORS = {5: "510", 4: "413", 3: "314", 2: "213", 1: "115"}
LEVELS = [5] * 80 + [4] * 12 + [3] * 6 + [2, 1]


class Measured(NamedTuple):
    """What a run saw: requests answered, seconds, statuses, and latencies in seconds, sorted."""

    answered: int
    seconds: float
    statuses: Counter[int]
    latencies: list[float]

    @property
    def rate(self) -> float:
        """Answers per second."""
        return self.answered / self.seconds if self.seconds else 0.0

    def quantile(self, share: float) -> float:
        """Return the latency below which `share` of the answers stay."""
        return self.latencies[min(len(self.latencies) - 1, int(share * len(self.latencies)))] if self.latencies else 0.0


def request(path: str, body: object, key: str, host: str = "127.0.0.1") -> bytes:
    """Return the bytes of one JSON `POST`."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    return (
        f"POST {path} HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
    ).encode() + content


class _Connection(asyncio.Protocol):
    """Sends the next request when the last is answered, until there are none or the time is up."""

    def __init__(self, requests: Iterator[bytes], until: float, measured: "_Run") -> None:
        self._requests = requests
        self._until = until
        self._run = measured
        self._buffer = b""
        self._sent = 0.0
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._next()

    def _next(self) -> None:
        now = time.perf_counter()
        data = next(self._requests, None) if now < self._until else None
        if data is None:
            self._transport.close()
            return
        self._sent = now
        self._transport.write(data)

    def data_received(self, data: bytes) -> None:
        buffer = self._buffer + data
        head = buffer.find(b"\r\n\r\n")
        if head < 0:
            self._buffer = buffer
            return
        at = buffer.lower().find(b"content-length:", 0, head)
        length = int(buffer[at + 15 : buffer.index(b"\r\n", at)])
        end = head + 4 + length
        if len(buffer) < end:
            self._buffer = buffer
            return
        self._buffer = buffer[end:]
        self._run.answered(int(buffer[9:12]), time.perf_counter() - self._sent, buffer[head + 4 : end])
        self._next()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            if error is None:
                self.done.set_result(None)
            else:
                self.done.set_exception(error)


class _Run:
    def __init__(self, answer: Answer | None) -> None:
        self.statuses: Counter[int] = Counter()
        self.latencies: list[float] = []
        self._answer = answer

    def answered(self, status: int, seconds: float, body: bytes) -> None:
        self.statuses[status] += 1
        self.latencies.append(seconds)
        if self._answer is not None:
            self._answer(status, body)


async def run(
    host: str, port: int, requests: Iterator[bytes], *, connections: int, seconds: float, answer: Answer | None = None
) -> Measured:
    """Send `requests` over `connections` for at most `seconds`; `answer` sees every status and body."""
    measured = _Run(answer)
    started = time.perf_counter()
    loop = asyncio.get_running_loop()
    protocols: list[_Connection] = []
    for _ in range(connections):
        _, protocol = await loop.create_connection(
            lambda: _Connection(requests, started + seconds, measured), host, port
        )
        protocols.append(protocol)
    await asyncio.gather(*(protocol.done for protocol in protocols))
    took = time.perf_counter() - started
    return Measured(len(measured.latencies), took, measured.statuses, sorted(measured.latencies))


def city(today: date) -> City:
    """Return the fictional city that is imported and rated."""
    return build(7, today - timedelta(days=DAYS))


def ratings(tag: str, places: City, now: datetime, days: int = DAYS) -> Iterator[dict[str, Any]]:
    """Yield ratings of the last `days` days without end; `tag` keeps their case numbers apart from others'.

    Seven in ten come from windows, by who sits there and for what is handled there; the others from the web and phones.
    """
    chance = random.Random(tag)  # noqa: S311 (repeatable, not secret)
    seats = list(places.seats(now.date()).items())
    number = 0
    while True:
        number += 1
        level = chance.choice(LEVELS)
        at = now.astimezone(SHANGHAI) - timedelta(seconds=chance.randrange(60, days * 86_400))
        body: dict[str, Any] = {
            "projectNo": f"{tag}{number:08d}",
            "satisfaction": level,
            "assessTime": f"{at:%Y-%m-%d %H:%M:%S}",
            "evalDetail": [INDICATORS[level]],
            "isAnonymity": "2",
        }
        if number % 10 < ONLINE:
            matter = chance.choice(places.matters)
            body |= {"pf": chance.choice("12"), "taskCode": matter.code, "deptCode": matter.dept}
        else:
            seat, people = chance.choice(seats)
            window, staff = places.windows[seat], chance.choice(people)
            own = [matter for matter in places.matters if matter.dept == window.dept] or places.matters[seat % 8 :: 8]
            body |= {
                "pf": chance.choice("444435"),
                "taskCode": chance.choice(own).code,
                "areaCode": window.area,
                "deptCode": staff.dept,
                "hallCode": window.hall,
                "windowNo": window.number,
                "staffNo": staff.number,
                "deviceNo": window.device,
                "deviceSeq": number,
            }
        if number % 2:
            body |= {
                "userName": "虚构人",
                "userProp": "1",
                "userPageType": "111",
                "certKey": f"99010119900101{number % 10_000:04d}",
                "mobile": f"100{number % 100_000_000:08d}",
            }
        yield body
