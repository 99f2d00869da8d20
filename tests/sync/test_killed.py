"""Ten thousand records to each kind of platform, every fault on; sender, platform and database killed at random.

Afterwards the platform holds exactly what is of record: nothing missing, nothing twice, in the order that it asks for,
and low ratings no later than high ones.
"""

import asyncio
import contextlib
import json
import os
import random
import re
import signal
import statistics
import time
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from haocha import settings as settings_of
from haocha.store import db, log
from haocha.store import install as installs
from haocha.store.embedded import Postgres
from haocha.store.vault import Vault
from tests.ops.processes import PROGRAM, haocha, told
from tests.sync import configured
from tests.sync.provinces import Running, province
from tests.sync.reporting import MOSTLY_GOOD, cases, identity, now

SEED = 20261122
RATINGS = {"shandong": 4_880, "haocha": 4_880, "fujian": 9_525, "zhejiang": 9_525}
"""With their 追评 and, where the platform takes them, service records: 10,000 records."""
FAULTS = {"timeout": 0.002, "error": 0.02, "html": 0.02, "slow": 0.005, "cut": 0.02, "expire": 0.005, "refuse": 0.002}
KILLS = ("sender", "platform", "postgres", "worker", "sender", "platform", "postgres")
PATIENCE = 240.0
NUMBERS = re.compile(r"(?<!\d)(\d{17}[\dX]|\d{11})(?!\d)")
ACCEPTED = "SELECT coalesce(sum(n), 0)::int FROM sync.tallies WHERE state = 'accepted'"
BEHIND = """
SELECT (SELECT max(upto) FROM log.commits) - position FROM engine.checkpoints WHERE name = 'handler:report:province'
"""
BATCH = {"haocha": 20}
"""Items in one call where the dialect's own number would make a few calls of them all."""
NOISE = 0.15
"""How far the median delays of two levels may be apart, as a share of the usual: the lowest have 200 ratings only."""


class Site:
    """A worker with its sync process on a data folder of its own."""

    def __init__(self, data: Path) -> None:
        """Start nothing yet."""
        self.data = data
        self.worker: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        """Start the worker; it starts the sync process."""
        with (self.data.parent / "said.log").open("ab") as said:
            self.worker = await asyncio.create_subprocess_exec(
                *PROGRAM, "work", "--data", str(self.data), stdout=said, stderr=said
            )

    async def kill(self, what: str) -> None:
        """SIGKILL; what is not there is awaited."""
        deadline = time.monotonic() + PATIENCE
        while (pid := self._pid(what)) is None:  # it is just being started again
            assert time.monotonic() < deadline
            await asyncio.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        if what == "worker":
            await self.worker.wait()
            await self.start()

    def _pid(self, what: str) -> int | None:
        match what:
            case "postgres":
                return Postgres(self.data).pid()
            case "sender":
                return self._child()
            case _:
                return self.worker.pid

    def _child(self) -> int | None:
        """Return the process that the worker started to send."""
        children = Path(f"/proc/{self.worker.pid}/task/{self.worker.pid}/children").read_text().split()
        for child in children:
            command = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
            if b"sync" in command:
                return int(child)
        return None

    async def stop(self) -> None:
        """End it in order."""
        with contextlib.suppress(ProcessLookupError):
            self.worker.terminate()
        await asyncio.wait_for(self.worker.wait(), 60)


class Aftermath(NamedTuple):
    """What there was to report, what the platform holds, and the outbox."""

    expected: set[tuple[str, int]]
    held: list[dict[str, Any]]
    rows: list[Any]
    retried: int
    said: str
    """Lines that our processes logged, addresses that the platform was called under, errors that were kept."""
    secrets: set[str]


@pytest.fixture(scope="module", params=configured.DIALECTS)
async def aftermath(request, tmp_path_factory):
    """Report it all under kills and faults; then let the faults end, send what was refused once more, and look."""
    dialect = request.param
    folder = tmp_path_factory.mktemp(dialect)
    data = folder / "data"
    async with province(dialect, folder, *configured.ARGUMENTS.get(dialect, ())) as platform:
        configured.write(data, dialect, platform, timeout=2, rate=100_000, concurrency=8, batch=BATCH.get(dialect, 0))
        haocha("migrate", "--data", data)
        site = Site(data)
        await site.start()
        try:
            await read(data, "SELECT 1")
            expected = await fill(data, RATINGS[dialect])
            await platform.faults(**FAULTS)
            await torment(site, platform, random.Random(f"{SEED}|{dialect}"))
            await drained(data, {"held"})  # 追评 of those that were refused
            await platform.faults(**dict.fromkeys(FAULTS, 0))
            retried = told("sync", "retry", "--all", "--peer", "province", "--data", data)["retried"]
            await drained(data)
            rows = await read(data, "SELECT * FROM sync.outbox ORDER BY position")
            errors = [f"{row['code']} {row['words']}" for row in rows]
            errors += [row["error"] for row in await read(data, "SELECT error FROM sync.peers")]
            errors.append(haocha("sync", "status", "--data", data).stdout)
            held = await platform.records()
        finally:
            await site.stop()
    files = (folder / "said.log", platform.folder / "requests.log")
    said = "\n".join([*(file.read_text() for file in files), *errors])
    secrets = {*configured.secrets_of(dialect, platform).values(), *settings_keys(data)}
    return Aftermath(expected, held, rows, retried, said, secrets - {"example-app-key"})


def settings_keys(data: Path) -> set[str]:
    """Return the instance's own secrets."""
    keys = json.loads((data / "keys.json").read_text())
    return {keys["master"], *keys["vault"].values(), *json.loads((data / "passwords.json").read_text()).values()}


async def fill(data: Path, count: int) -> set[tuple[str, int]]:
    """Append the cases; return what ratings the platform is to hold."""
    settings = settings_of.load(data=data, env={})
    async with await db.open_pool(Postgres(data).dsn("haocha_app"), size=2) as pool:
        install = await installs.load(pool)
        groups = cases(install, Vault(settings.keys), range(count), now=now(), levels=MOSTLY_GOOD)
        for start in range(0, len(groups), 1000):
            await log.append(pool, groups[start : start + 1000])
    ratings = {(f"99010120261122{number:08}", 1) for number in range(count)}
    return ratings | {(f"99010120261122{number:08}", 2) for number in range(0, count, 20)}


async def torment(site: Site, platform: Running, chance: random.Random) -> None:
    """Kill one after the other, each while records are being taken."""
    for number, what in enumerate(KILLS):
        await taken(site.data, 200 * (number + 1))
        await asyncio.sleep(chance.uniform(0, 1))
        if what == "platform":
            await platform.kill()
            await asyncio.sleep(chance.uniform(0.2, 1))
            await platform.start()
        else:
            await site.kill(what)


async def taken(data: Path, count: int) -> None:
    """Wait until so many are accepted."""
    deadline = time.monotonic() + PATIENCE
    while (await read(data, "SELECT coalesce(sum(n), 0)::int FROM sync.tallies WHERE state = 'accepted'"))[0][
        0
    ] < count:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.1)


async def drained(data: Path, but: set[str] = frozenset()) -> None:
    """Wait until nothing waits to be sent any more."""
    deadline = time.monotonic() + PATIENCE
    while True:
        states = dict(await read(data, "SELECT state, sum(n) FROM sync.tallies GROUP BY 1 HAVING sum(n) > 0"))
        ((behind,),) = await read(data, BEHIND)
        if behind == 0 and not {"waiting", "held"} - but & set(states):
            return
        assert time.monotonic() < deadline, states
        await asyncio.sleep(0.3)


async def read(data: Path, statement: str) -> list[Any]:
    """Read the database, whatever becomes of it."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            connection = await db.connect(Postgres(data).dsn("haocha_app"))
            try:
                return await connection.fetch(statement)
            finally:
                await connection.close()
        except db.AWAY:
            assert time.monotonic() < deadline, "the database does not come back"
            await asyncio.sleep(0.2)


def test_it_was_tormented(aftermath):
    """Calls failed, and single records were refused."""
    assert aftermath.retried > 0
    assert sum(row["attempts"] > 1 for row in aftermath.rows) > 20


def test_platform_holds_exactly_what_is_of_record(aftermath):
    """None missing, none doubled, and each service record there where the platform takes them."""
    ratings = [record for record in aftermath.held if record["kind"] in {"rating", "supplement"}]
    keys = Counter((record["projectNo"].removeprefix("37"), record["assessNumber"]) for record in ratings)
    assert set(keys) == aftermath.expected
    assert set(keys.values()) == {1}
    services = Counter(
        record["projectNo"].removeprefix("37") for record in aftermath.held if record["kind"] == "service"
    )
    if services:
        assert set(services) == {project for project, number in aftermath.expected if number == 1}
        assert set(services.values()) == {1}


def test_content_is_what_was_said(aftermath):
    """Level and time of each, as the log has them."""
    said = {(row["lane"], 1 if row["kind"] == "rating" else 2): row["level"] for row in aftermath.rows if row["level"]}
    for record in aftermath.held:
        if record["kind"] in {"rating", "supplement"}:
            assert record["satisfaction"] == said[record["projectNo"].removeprefix("37"), record["assessNumber"]]


def test_order_within_each_case_was_kept(aftermath):
    """Service record, rating, 追评: that is how they came to lie there."""
    rank = {"service": 0, "rating": 1, "supplement": 2}
    came: dict[str, list[int]] = {}
    for record in aftermath.held:
        if record["kind"] in rank:
            came.setdefault(record["projectNo"], []).append(rank[record["kind"]])
    assert all(kinds == sorted(kinds) for kinds in came.values())


def test_every_row_has_its_end(aftermath):
    """Accepted, with a time and attempts, or gone with its rating; what the platform knew already is accepted too."""
    assert {row["state"] for row in aftermath.rows} <= {"accepted", "local"}
    accepted = [row for row in aftermath.rows if row["state"] == "accepted"]
    assert all(row["attempts"] >= 1 and isinstance(row["ended_at"], datetime) for row in accepted)
    assert sum(row["duplicate"] for row in accepted) > 0


def test_nobody_and_no_secret_is_named_in_a_log_an_address_or_an_error(aftermath):
    """Neither certificate nor phone nor name of anybody who was reported, nor a key, word or password."""
    assert "sender_started" in aftermath.said
    assert "POST" in aftermath.said
    assert leaks(aftermath.said, aftermath.secrets) == []


@pytest.mark.parametrize("leak", ["证件 {certKey}", "tel={mobile}&x", "{userName}不存在", "X-Key: s3cret-word"])
def test_leak_would_be_found(leak):
    """What the test above looks for it also finds."""
    text = "https://province.example/api 9901012026112200000411 " + leak.format(**identity(4711))
    assert len(leaks(text, {"s3cret-word"})) == 1
    assert leaks("https://province.example/api 9901012026112200000411", {"s3cret-word"}) == []


def leaks(text: str, secrets: set[str]) -> list[str]:
    """Return what of the invented people and of the secrets stands in a text."""
    people = [identity(number) for number in range(max(RATINGS.values()))]
    numbers = {person[name] for person in people for name in ("certKey", "mobile")}
    found = [number for number in NUMBERS.findall(text) if number in numbers]
    found += [name for name in {person["userName"] for person in people} if name in text]
    return found + [secret for secret in secrets if secret in text]


def test_low_ratings_are_not_later_than_high_ones(aftermath):
    """The median delay of each level, over all that was accepted, is the same within noise."""
    delays: dict[int, list[float]] = {}
    for row in aftermath.rows:
        if row["kind"] == "rating":
            delays.setdefault(row["level"], []).append((row["ended_at"] - row["recorded_at"]).total_seconds())
    medians = {level: statistics.median(each) for level, each in delays.items()}
    assert set(medians) == {1, 2, 3, 4, 5}
    assert max(medians.values()) - min(medians.values()) < NOISE * statistics.median(medians.values()), medians
