"""A log to report from: cases of invented people with service records, ratings and 追评, and a sender for them."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from haocha.domain import ids
from haocha.domain.codes import CURRENT_INDICATORS, INDICATORS
from haocha.domain.rating import RatingSubmitted, RatingSupplemented
from haocha.domain.registry import Registry
from haocha.domain.service import ServiceRecorded
from haocha.domain.workdays import SHANGHAI
from haocha.engine.outbox import Sender
from haocha.engine.reactor import Reactor
from haocha.handlers.report import Report
from haocha.peers import Peer
from haocha.settings import Keys
from haocha.store import events, log
from haocha.store.install import Install
from haocha.store.vault import Vault
from haocha.sync.contents import Reader
from haocha.sync.dialect import dialect_of

DEPT = "11990100MB0000001X"
TASK = "1199010112233445566778899001122"
AREA = "990101000000"
BY_LEVEL = {level: sorted(code for code in CURRENT_INDICATORS if INDICATORS[code][0] == level) for level in range(1, 6)}
EVERY_LEVEL = (1, 2, 3, 4, 5)
MOSTLY_GOOD = (1, 2, 3, 3, *[4] * 6, *[5] * 40)
SURNAMES, NAMES = "赵钱孙李周吴郑王", "云岫青禾远山知遥"


class Reporting:
    """Cases on one log, reported to one peer."""

    def __init__(self, pool: asyncpg.Pool, install: Install, keys: Keys, peer: Peer) -> None:
        self.pool, self.install, self.peer = pool, install, peer
        self.vault = Vault(keys)
        self.handler = Report(install, peer)
        self.reader = Reader(install.namespace, self.vault, Registry())
        self.sender = Sender(pool, dialect_of(peer), self.reader)

    async def append(self, *groups: log.Group) -> None:
        """Append groups as they are."""
        for start in range(0, len(groups), 1000):
            verdicts = await log.append(self.pool, groups[start : start + 1000])
            assert {verdict.verdict for verdict in verdicts} == {"ok"}

    async def derive(self) -> None:
        """Let the handler make the outbox's rows of all there is."""
        reactor = Reactor(self.pool, [self.handler])
        while await reactor.step(self.handler):
            pass

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send until the block ends."""
        task = asyncio.create_task(self.sender.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def until(self, condition: Callable[[dict[str, int]], bool], patience: float = 60.0) -> dict[str, int]:
        """Wait until the numbers of rows by state are as wanted; return them."""
        async with asyncio.timeout(patience):
            while not condition(states := await self.states()):
                await asyncio.sleep(0.05)
        return states

    async def states(self) -> dict[str, int]:
        """Return how many rows are in which state."""
        rows = await self.pool.fetch(
            "SELECT state, sum(n)::int AS n FROM sync.tallies WHERE peer = $1 GROUP BY state HAVING sum(n) > 0",
            self.peer.name,
        )
        return dict(rows)

    async def rows(self) -> list[Any]:
        """Return the outbox, in order."""
        return await self.pool.fetch("SELECT * FROM sync.outbox WHERE peer = $1 ORDER BY position", self.peer.name)


def cases(
    install: Install,
    vault: Vault,
    numbers: Iterable[int],
    *,
    now: datetime,
    seed: int = 1,
    supplements: int = 20,
    levels: tuple[int, ...] = EVERY_LEVEL,
) -> list[log.Group]:
    """Make a service record and a rating for each number, of these levels in turn, and every `supplements`th a 追评."""
    chance = random.Random(seed)
    groups = []
    for number in numbers:
        at = now - timedelta(minutes=30) + timedelta(seconds=number % 1200)
        project = f"99010120261122{number:08}"
        person = identity(number)
        groups.append(service(install, vault, project, at, person))
        level = levels[number % len(levels)]
        groups.append(rating(install, vault, project, level, at + timedelta(minutes=3), person, chance))
        if number % supplements == 0:
            groups.append(rating(install, vault, project, level, at + timedelta(minutes=5), person, chance, again=True))
    return groups


def identity(number: int) -> dict[str, str]:
    """Invent somebody: codes of an area that does not exist."""
    name = SURNAMES[number % 8] + NAMES[number // 8 % 8] + NAMES[number // 64 % 8]
    return {
        "userName": name,
        "userPageType": "111",
        "certKey": f"990101{19600101 + number % 300000:08}{number % 10000:04}",
        "mobile": f"199{number:08}",
    }


def service(
    install: Install, vault: Vault, project: str, at: datetime, person: dict[str, str], **changes: Any
) -> log.Group:
    """Make a service record with all that provinces ask for."""
    fact = ServiceRecorded(
        project_no=project,
        service_time=at,
        received_at=at,
        day=at.astimezone(SHANGHAI).date(),
        window="H1/A01",
        staff=f"{DEPT}/7",
        matter=TASK,
        dept=DEPT,
        hall="H1",
        area=AREA,
        linked=True,
        said={"taskName": "企业设立登记", "deptName": "云岫市行政审批局"},
        case={
            "orgName": "云岫市行政审批局",
            "proDepart": "云岫市行政审批局",
            "taskType": "01",
            "proStatus": "3",
            "projectType": "1",
            "serviceName": "受理",
            "acceptDate": f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}",
            "resultDate": f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}",
            "promiseDay": 3,
            "promiseType": "1",
            "anticipateDay": 20,
            "anticipateType": "1",
            "proChannel": "2",
            "promiseTime": "2",
        },
        client="counter",
        key_kind="integration",
        named=True,
        user_prop="1",
        digest=project,
    )
    stream = ids.service_id(install.namespace, project, 1)
    return group(vault, stream, changed(fact, changes), person, {"projectName": "企业设立登记申请"})


def rating(  # noqa: PLR0917
    install: Install,
    vault: Vault,
    project: str,
    level: int,
    at: datetime,
    person: dict[str, str] | None,
    chance: random.Random,
    *,
    again: bool = False,
    **changes: Any,
) -> log.Group:
    """Make a first rating, or a 追评."""
    kind = RatingSupplemented if again else RatingSubmitted
    first = ids.rating_id(install.namespace, project, 1)
    written = chance.choice(("", "办得很快，谢谢", "等了太久，材料交了两次", "窗口说明不清楚"))
    fact = kind(
        project_no=project,
        assess_number=2 if again else 1,
        satisfaction=level,
        pf=chance.choice("12345"),
        eval_detail=tuple(sorted(chance.sample(BY_LEVEL[level], 2))),
        assess_time=at,
        service_time=None,
        received_at=at + timedelta(seconds=2),
        day=at.astimezone(SHANGHAI).date(),
        window="H1/A01",
        staff=f"{DEPT}/7",
        matter=TASK,
        dept=DEPT,
        hall="H1",
        area=AREA,
        linked=True,
        client="pad",
        key_kind="pad",
        named=person is not None,
        user_prop="1",
        digest=f"{project}|{again}",
        **({"first": first} if again else {}),
    )
    stream = ids.rating_id(install.namespace, project, 1, 2) if again else first
    texts = {"writingEvaluation": written} if written else {}
    return group(vault, stream, changed(fact, changes), person or {}, texts)


def changed(fact: Any, changes: dict[str, Any]) -> Any:
    """Return the fact with other members."""
    return msgspec.structs.replace(fact, **changes) if changes else fact


def group(vault: Vault, stream: UUID, fact: Any, person: dict[str, str], texts: dict[str, str]) -> log.Group:
    """Seal the identity and put the texts apart, as intake does."""
    subject = ids.subject_id(stream)
    written = [log.Text(ids.text_id(stream, member), subject, body) for member, body in texts.items()]
    references = {member: vault.refer(text) for member, text in zip(texts, written, strict=True)}
    fact = msgspec.structs.replace(fact, subject=subject, texts=references)
    identities = (vault.seal(subject, person),) if person else ()
    return log.Group((log.NewEvent(stream, 1, *events.encode(fact)),), identities, tuple(written))


def peer(dialect: str, url: str, **changes: Any) -> Peer:
    """Return a peer that is sent everything as fast as it goes."""
    return Peer(**{"name": "province", "dialect": dialect, "url": url, "rate": 1e6, "timeout": 5.0} | changes)


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
