"""Sends notices to the webhook: signed, in the order of each ticket, tried again, at last put aside as dead.

A delivery is claimed by moving its next attempt into the future and sent outside any transaction: a worker that dies on
the way leaves it to another, hence a receiver may hear of one twice, under the same id. A citizen's phone is read from
the vault when it is sent, and never stored here.
"""

import asyncio
import hashlib
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NamedTuple, NoReturn
from urllib.parse import urlsplit
from uuid import UUID, uuid4, uuid5

import asyncpg
import httpx
import msgspec
import structlog
from prometheus_client import Counter

from haocha import links
from haocha.domain import keyed
from haocha.domain.registry import area_prefix
from haocha.engine import pace
from haocha.engine.reactor import RETRY
from haocha.settings import Settings
from haocha.store import sql
from haocha.store.db import AWAY
from haocha.store.vault import Vault
from haocha.web.sentences import sentence

SQL: Final = sql.load(Path(__file__).with_suffix(".sql"))
DELIVERIES: Final = Counter("haocha_deliveries_total", "Attempts to deliver a notice to a webhook", ["outcome"])

LANES: Final = 4
"""Deliveries of one worker at the same time."""
PATIENCE: Final = 10.0
"""Seconds that a receiver may take."""
LEASE: Final = timedelta(minutes=1)
"""When another worker may take over what one has begun."""
LONGEST_PAUSE: Final = timedelta(hours=1)
MOST_ATTEMPTS: Final = 25
LONGEST: Final = timedelta(days=1)
"""After which a message is no news."""
KEPT: Final = timedelta(days=180)
"""How long notices stay, in inboxes too."""
LOOK: Final = 1.0  # seconds between two looks where nothing waits
CLEARING: Final = 600.0  # seconds between two looks for what is too old
BATCH: Final = 500
TRANSIENT: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS}

logger = structlog.get_logger(__name__)


class Answer(NamedTuple):
    """What a receiver said; `status` is None where none came."""

    status: int | None
    error: str = ""

    @property
    def taken(self) -> bool:
        """Whether it has the message."""
        return self.status is not None and is_success(self.status)

    @property
    def final(self) -> bool:
        """Whether another attempt would be answered alike."""
        return (
            self.status is not None and self.status < HTTPStatus.INTERNAL_SERVER_ERROR and self.status not in TRANSIENT
        )


async def listed(pool: asyncpg.Pool, state: str | None, most: int) -> list[dict[str, Any]]:
    """Return the last deliveries, of one state or all, newest first."""
    rows = await pool.fetch(SQL["deliveries"], state, most)
    return [dict(row) | {"number": msgspec.json.decode(row["members"]).get("number", "")} for row in rows]


async def retry(pool: asyncpg.Pool, delivery: UUID | None, now: datetime) -> int:
    """Let a dead delivery, or all of them, be tried again from the beginning; return how many."""
    return len(await pool.fetch(SQL["retry"], delivery, now))


def is_success(status: int) -> bool:
    """Tell whether an answer means that the message was taken."""
    return HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES


def name_of(address: str) -> str:
    """Name an address by its host: the rest of it may be a secret."""
    return f"{urlsplit(address).hostname}#{hashlib.sha256(address.encode()).hexdigest()[:8]}"


def signature(secret: bytes, body: bytes, at: datetime) -> str:
    """Return the value of `X-Haocha-Signature`."""
    moment = str(int(at.timestamp()))
    return f"t={moment},v1={keyed.digest(secret, moment.encode() + b'.' + body).hex()}"


def pause(attempts: int, chance: float) -> timedelta:
    """Return how long to wait after so many attempts; `chance` in [0, 1) spreads those that failed together."""
    return pace.pause(attempts, chance, LONGEST_PAUSE)


class Courier:
    """The deliveries of one worker."""

    def __init__(self, pool: asyncpg.Pool, settings: Settings, chance: Callable[[], float] = random.random) -> None:
        """Send to the webhooks of `settings`."""
        self.pool = pool
        self.settings = settings
        self.vault = Vault(settings.keys)
        self.link_key = settings.keys.derive(links.PURPOSE)
        self.addresses = {name_of(address): address for address in settings.webhooks}
        self._chance = chance
        self._client = httpx.AsyncClient(timeout=PATIENCE, trust_env=False, headers={"User-Agent": "haocha"})

    async def run(self) -> NoReturn:
        """Deliver and clear away until cancelled; where the database is away, try again."""
        async with self._client, asyncio.TaskGroup() as group:
            group.create_task(self._repeat(self.clear, CLEARING), name="clearing")
            if self.addresses:
                group.create_task(self._repeat(self.enqueue, LOOK), name="enqueueing")
                for lane in range(LANES):
                    group.create_task(self._repeat(self.deliver_one, LOOK), name=f"courier {lane}")
        raise AssertionError("the tasks never end by themselves")

    async def _repeat(self, step: Any, rest: float) -> NoReturn:
        """Do one step after the other, with a rest where there was nothing to do."""
        while True:
            try:
                if not await step(datetime.now(UTC)):
                    await asyncio.sleep(rest)
            except AWAY as error:
                logger.warning("courier_interrupted", error=type(error).__name__)
                await asyncio.sleep(RETRY)

    async def enqueue(self, now: datetime) -> bool:
        """Make the deliveries of new notices; say whether more may wait. What is older than a day is no news."""
        more = False
        for address in self.addresses:
            await self.pool.execute(SQL["begin"], address)
            async with self.pool.acquire() as connection, connection.transaction():
                upto = await connection.fetchval(SQL["hold"], address)
                if upto is None:
                    continue
                rows = await connection.fetch(SQL["notices"], upto, now - LONGEST, BATCH)
                if not rows:
                    continue
                fresh = [
                    (uuid5(row["id"], address), row["id"], row["n"], row["ticket"], address, now)
                    for row in rows
                    if row["fresh"]
                ]
                await connection.executemany(SQL["send"], fresh)
                await connection.execute(SQL["move"], address, rows[-1]["n"])
                more = more or len(rows) == BATCH
        return more

    async def deliver_one(self, now: datetime) -> bool:
        """Send what is due at `now` and longest so; say whether there was something."""
        row = await self.pool.fetchrow(SQL["claim"], now, list(self.addresses), now + LEASE)
        if row is None:
            return False
        try:
            told = await self._message(row)
        except AWAY:
            raise
        except Exception as error:  # noqa: BLE001 (one message that cannot be written must not hold up the others)
            await self._end(row, "dead", now, Answer(None, f"cannot be written: {type(error).__name__}"))
            return True
        if told is None:
            await self._end(row, "nobody", now, Answer(None))
            return True
        answer = await self._post(row["id"], row["address"], told, now)
        if answer.taken:
            await self._end(row, "delivered", now, answer)
        elif answer.final or row["attempts"] >= MOST_ATTEMPTS or now - row["since"] >= LONGEST:
            await self._end(row, "dead", now, answer)
        else:
            again = now + pause(row["attempts"], self._chance())
            await self.pool.execute(SQL["again"], row["id"], again, answer.status, answer.error)
            DELIVERIES.labels("failed").inc()
        return True

    async def clear(self, now: datetime) -> bool:
        """Take away what is too old; say whether there may be more."""
        await self.pool.execute(SQL["give_up"], now - LONGEST - LEASE, now)
        done: str = await self.pool.execute(SQL["clear"], now - KEPT, BATCH)
        return done == f"DELETE {BATCH}"

    async def test(self, now: datetime) -> dict[str, Answer]:
        """Send a message that says it is a test to every webhook, outside the deliveries; return what each answered."""
        async with self._client:
            answers = {}
            for name in self.addresses:
                delivery = uuid4()
                told = {
                    "id": delivery,
                    "kind": "test",
                    "at": now,
                    "text": sentence("test", {}),
                    "url": self.settings.url,
                }
                answers[name] = await self._post(delivery, name, msgspec.json.encode(told), now)
            return answers

    async def _end(self, row: asyncpg.Record, state: str, now: datetime, answer: Answer) -> None:
        await self.pool.execute(SQL["end"], row["id"], state, now, answer.status, answer.error or None)
        DELIVERIES.labels(state).inc()
        if state == "dead":
            logger.error("delivery_dead", delivery=str(row["id"]), address=row["address"], error=answer.error)

    async def _message(self, row: asyncpg.Record) -> bytes | None:
        """Write what is sent; None where it is for a citizen whose phone is not known, or no longer."""
        members: dict[str, Any] = msgspec.json.decode(row["members"])
        url = f"{self.settings.url}/tickets/{row['ticket']}"
        if row["subject"] is not None:
            identity = await self.vault.identity(self.pool, row["subject"])
            if not identity.get("mobile"):
                return None
            if "attempt" in members:
                url = f"{self.settings.url}/v/{links.token(self.link_key, row['ticket'], members['attempt'])}"
            to: dict[str, Any] = {"phone": identity["mobile"]}
        else:
            to = {"role": row["role"], "unit": row["unit"], "area": row["area"], "accounts": await self._people(row)}
        return msgspec.json.encode(
            {
                "id": row["id"],
                "kind": row["kind"],
                "at": row["at"],
                "ticket": row["ticket"],
                "members": members,
                "text": sentence(row["kind"], members | {"link": url}),
                "url": url,
                "to": to,
            }
        )

    async def _people(self, row: asyncpg.Record) -> list[str]:
        """Return whom it concerns first: the unit's own handlers; of other roles those over the unit or its area."""
        if row["account"]:
            return [row["account"]]

        def concerned(unit: str, node: str) -> bool:
            kind, _, value = node.partition(":")
            if row["role"] == "handler":
                return bool(unit == row["unit"])
            if kind == "dept":
                return bool(value == row["unit"])
            return bool(row["area"].startswith(area_prefix(value))) if kind else True

        people = await self.pool.fetch(SQL["people"], row["role"])
        return [username for username, unit, node in people if concerned(unit, node)]

    async def _post(self, delivery: UUID, name: str, body: bytes, now: datetime) -> Answer:
        headers = {
            "Content-Type": "application/json",
            "X-Haocha-Delivery": str(delivery),
            "X-Haocha-Signature": signature(self.settings.webhook_secret, body, now),
        }
        try:
            async with (
                asyncio.timeout(PATIENCE),
                self._client.stream("POST", self.addresses[name], content=body, headers=headers) as response,
            ):
                status = response.status_code
        except TimeoutError:
            return Answer(None, f"no answer within {PATIENCE:.0f} s")
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Answer(None, type(error).__name__)
        return Answer(status) if is_success(status) else Answer(status, f"answered {status}")
