"""Nothing acknowledged is lost, whatever is killed: web, worker and PostgreSQL, at random moments, under load."""

import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import msgspec
import pytest

from haocha.store import db
from haocha.store.embedded import Postgres
from tests.ops.processes import PROGRAM, told
from tests.seals import recomputed

SEED = 20261121
CLIENTS = 3
KILLS = ("web", "postgres", "worker", "postgres", "web", "worker", "postgres and web")
PAUSES = (1.0, 4.0)  # seconds between two kills
RATINGS = ("rating.submitted:v1", "rating.supplemented:v1", "rating.contested:v1")


class Site:
    """The two processes on one data folder, and their PostgreSQL."""

    def __init__(self, data: Path, port: int) -> None:
        self.data = data
        self.port = port
        self.processes: dict[str, subprocess.Popen] = {}
        self.said = (data.parent / "said.log").open("w")

    def start(self, name: str) -> None:
        """Start a process and do not wait for it."""
        arguments = {"web": ("serve", "--no-worker", "--port", str(self.port)), "worker": ("work",)}[name]
        self.processes[name] = subprocess.Popen(
            [*PROGRAM, *arguments, "--data", str(self.data)], stdout=self.said, stderr=self.said
        )

    def kill(self, name: str) -> bool:
        """SIGKILL; false where it is not there to be killed."""
        pid = Postgres(self.data).pid() if name == "postgres" else self.processes[name].pid
        if pid is None:
            return False
        os.kill(pid, signal.SIGKILL)
        if name != "postgres":
            self.processes[name].wait()
        return True

    def stop(self) -> None:
        """End both in order."""
        for process in self.processes.values():
            process.terminate()
        for process in self.processes.values():
            process.wait(timeout=60)
        self.said.close()


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory):
    """Run the load and the kills; return the data folder and every acknowledged rating."""
    folder = tmp_path_factory.mktemp("kill")
    data, stop = folder / "data", folder / "stop"
    chance = random.Random(SEED)
    keys = [
        told("keys", "create", "--data", data, "--name", f"c{n}", "--kind", "pad", "--scope", "ratings:write")["key"]
        for n in range(CLIENTS)
    ]
    site = Site(data, free_port())
    site.start("web")
    site.start("worker")
    clients = [
        subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.ops.rating_client",
                f"http://127.0.0.1:{site.port}",
                key,
                str(n),
                stop,
                folder / f"{n}",
            ]
        )
        for n, key in enumerate(keys)
    ]
    try:
        wait_until(
            lambda: all((folder / f"{n}").exists() and (folder / f"{n}").stat().st_size for n in range(CLIENTS)), 60
        )
        killed = []
        for names in KILLS:
            time.sleep(chance.uniform(*PAUSES))
            for name in names.split(" and "):
                killed.append((name, site.kill(name)))
                if name != "postgres":
                    time.sleep(chance.uniform(0, 0.5))
                    site.start(name)
        time.sleep(2)
        stop.touch()
        for client in clients:
            assert client.wait(timeout=60) == 0
        assert all(done for _, done in killed), killed
        asyncio.run(caught_up(data))
    finally:
        for client in clients:
            client.kill()
        site.stop()
    lines = [json.loads(line) for n in range(CLIENTS) for line in (folder / f"{n}").read_text().splitlines()]
    return data, lines


def wait_until(true, seconds):
    """Wait until `true()`, at most `seconds`."""
    deadline = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


async def caught_up(data):
    """Wait until every projection and handler has seen the last event."""
    connection = await db.connect(Postgres(data).dsn("haocha_app"))
    try:
        deadline = time.monotonic() + 60
        while True:
            head = await connection.fetchval("SELECT max(position) FROM log.events")
            rows = await connection.fetch("SELECT name, position, state, error FROM engine.checkpoints")
            assert all(row["state"] == "live" for row in rows), [dict(row) for row in rows]
            if rows and all(row["position"] >= head for row in rows):
                return
            assert time.monotonic() < deadline, (head, [dict(row) for row in rows])
            await asyncio.sleep(0.1)
    finally:
        await connection.close()


@pytest.fixture(scope="module")
def found(aftermath):
    """Read all that the tests compare, with PostgreSQL started once more: what is on the disk is what counts."""
    data, _ = aftermath
    postgres = Postgres(data)
    assert postgres.pid() is None
    postgres.start()

    async def read():
        connection = await db.connect(postgres.dsn("haocha_app"))
        try:
            events = await connection.fetch("SELECT * FROM log.events ORDER BY position")
            commits = await connection.fetch("SELECT upto FROM log.commits ORDER BY upto")
            scores = await connection.fetch("SELECT * FROM live.scores")
            return events, commits, scores, await recomputed(connection)
        finally:
            await connection.close()

    try:
        return asyncio.run(read())
    finally:
        postgres.stop()


def test_load_was_heavy_and_interrupted(aftermath):
    """The kills were felt: posts had to be retried, and repeats, contests and 追评 were among them."""
    _, lines = aftermath
    assert len(lines) > 500
    assert sum(line["attempts"] > 1 for line in lines) >= CLIENTS
    assert {line["status"] for line in lines} == {200, 201, 409}
    assert {line["body"].get("assessNumber", 1) for line in lines} == {1, 2}


def test_every_acknowledged_rating_exists_once_at_its_position(aftermath, found):
    """What the answer said is what the log holds: id, position, content; no second event of it anywhere."""
    _, lines = aftermath
    events = found[0]
    first = {event["originator_id"]: event for event in events if event["originator_version"] == 1}
    for line in lines:
        event = events[line["position"] - 1]
        assert (event["position"], str(event["originator_id"])) == (line["position"], line["ratingId"])
        assert event is first[event["originator_id"]]
        state = msgspec.json.decode(event["state"])
        sent = line["body"]
        assert (state["projectNo"], state["satisfaction"]) == (sent["projectNo"], sent["satisfaction"])
        assert state.get("assessNumber", 1) == sent.get("assessNumber", 1)
    taken = Counter(event["originator_id"] for event in events if event["topic"] in RATINGS)
    assert set(taken.values()) == {1}
    assert {str(rating) for rating in taken} == {line["ratingId"] for line in lines}


def test_same_content_has_the_same_receipt(aftermath):
    """A retry whose first answer was lost got the receipt of what had been taken."""
    _, lines = aftermath
    receipts: dict[str, set[str]] = {}
    for line in lines:
        receipts.setdefault(json.dumps(line["body"], sort_keys=True), set()).add(line["receipt"])
    assert {len(each) for each in receipts.values()} == {1}


def test_positions_are_dense(found):
    """1, 2, 3 … to the last commit, nothing left out."""
    events, commits, *_ = found
    assert [event["position"] for event in events] == list(range(1, len(events) + 1))
    assert commits[-1]["upto"] == len(events)


def test_chain_of_seals_holds(found):
    """Every commit's seal, recomputed in Python."""
    assert all(stored == again for stored, again in found[3])


def test_scores_equal_a_recount(found):
    """The read model that survived the kills says what the log says."""
    events, _, scores, _ = found
    expected: Counter = Counter()
    for event in events:
        if event["topic"] not in RATINGS:
            continue
        state = msgspec.json.decode(event["state"])
        cell = {RATINGS[0]: f"n{state['satisfaction']}", RATINGS[1]: "supplements", RATINGS[2]: "contested"}[
            event["topic"]
        ]
        for kind, key in (("channels", state["pf"]), ("windows", state["window"]), ("halls", state["hall"])):
            expected[kind, key, state["day"], cell] += 1
    counted: Counter = Counter()
    for row in scores:
        for cell in ("n1", "n2", "n3", "n4", "n5", "supplements", "contested", "excluded"):
            if row["kind"] in {"channels", "windows", "halls"} and row[cell]:
                counted[row["kind"], row["key"], str(row["day"]), cell] += row[cell]
    assert counted == expected


def test_every_bad_rating_has_one_ticket(found):
    """Each bad rating, 追评 and contest is the source of one ticket or joined to one, and of one only."""
    events = found[0]
    bad = set()
    sources: Counter = Counter()
    for event in events:
        state = msgspec.json.decode(event["state"])
        if event["topic"] in RATINGS and state["satisfaction"] <= 2 and not state.get("same"):
            bad.add(str(event["originator_id"]))
        elif event["topic"] in {"ticket.opened:v1", "ticket.joined:v1"}:
            sources[state["sourceId"]] += 1
    assert bad
    assert sources == dict.fromkeys(bad, 1)


def test_check_is_clean(aftermath):
    """`haocha check` says so too."""
    data, _ = aftermath
    assert told("check", "--data", data)["findings"] == []
