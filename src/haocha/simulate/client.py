"""Posting to a haocha: batches for history, single records for live traffic; waits while the service is away."""

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Self

import httpx
import msgspec

from haocha.simulate.visits import Post

LARGEST_BATCH = 1_000
AT_ONCE = 4  # batches on their way
PATIENCE = 60.0  # seconds to wait for a service that does not answer
PAUSE = 0.5
UNAVAILABLE = frozenset({429, 503})


class Refused(Exception):
    """The service does not take what the simulation sends: a key is wrong, or the two do not fit each other."""


class Away(Exception):
    """The service did not answer for a minute."""


class Results(msgspec.Struct):
    """What the answer to a batch is read for."""

    results: list[dict[str, Any]]


class Client:
    """A party of clients, one per kind of key; `answers` counts the statuses of all records."""

    def __init__(self, url: str, keys: Mapping[str, str]) -> None:
        """Post to `url`; `keys` by kind, '' for every kind that has none of its own."""
        self._http = httpx.AsyncClient(base_url=url, timeout=60, limits=httpx.Limits(max_connections=AT_ONCE * 2))
        self._keys = keys
        self.answers: Counter[tuple[str, int]] = Counter()
        self.faults: list[Any] = []

    async def __aenter__(self) -> Self:
        """Open the connections when they are needed."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close them."""
        await self._http.aclose()

    async def batches(self, posts: Iterable[Post]) -> None:
        """Post many records in batches, service records before ratings; raises `Refused`, `Away`."""
        grouped: dict[tuple[str, str], list[dict[str, Any]]] = {}
        for post in posts:
            grouped.setdefault((post.to, post.client), []).append(post.body)
        gate = asyncio.Semaphore(AT_ONCE)
        for to in ("services", "ratings"):
            await asyncio.gather(
                *(
                    self._batch(gate, to, client, bodies[start : start + LARGEST_BATCH])
                    for (target, client), bodies in grouped.items()
                    if target == to
                    for start in range(0, len(bodies), LARGEST_BATCH)
                )
            )

    async def single(self, post: Post) -> None:
        """Post one record."""
        answer = await self._send(f"/v1/{post.to}", post.client, post.body)
        self._count(post.to, answer.status_code, answer.content)

    async def _batch(self, gate: asyncio.Semaphore, to: str, client: str, bodies: list[dict[str, Any]]) -> None:
        async with gate:
            waiting = bodies
            while waiting:
                answer = await self._send(f"/v1/{to}/batch", client, {to: waiting})
                if answer.status_code != httpx.codes.OK:
                    raise Refused(f"{to} from {client}: {answer.status_code} {answer.text[:500]}")
                results = msgspec.json.decode(answer.content, type=Results).results
                again = []
                for body, result in zip(waiting, results, strict=True):
                    if result["status"] in UNAVAILABLE:
                        again.append(body)
                    else:
                        self._count(to, result["status"], result)
                waiting = again

    def _count(self, to: str, status: int, answer: Any) -> None:
        self.answers[to, status] += 1
        if status == httpx.codes.UNPROCESSABLE_ENTITY:
            self.faults.append(answer)

    async def _send(self, path: str, client: str, body: dict[str, Any]) -> httpx.Response:
        key = self._keys.get(client) or self._keys.get("")
        if key is None:
            raise Refused(f"There is no key for {client}.")
        headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        content = msgspec.json.encode(body)
        deadline = asyncio.get_running_loop().time() + PATIENCE
        while True:
            try:
                answer = await self._http.post(path, content=content, headers=headers)
            except httpx.TransportError as error:
                if asyncio.get_running_loop().time() > deadline:
                    raise Away(f"{self._http.base_url} does not answer ({type(error).__name__}).") from None
            else:
                if answer.status_code in {401, 403}:
                    raise Refused(f"The key for {client} is refused: {answer.text[:300]}")
                if answer.status_code not in UNAVAILABLE:
                    return answer
            await asyncio.sleep(PAUSE)
