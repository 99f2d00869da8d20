"""`haocha serve` from its first start to its orderly end, as a process of its own."""

import json
import os
import signal
import subprocess
import time

import httpx
import pytest

from haocha.store.embedded import Postgres
from tests.ops.processes import PROGRAM, haocha, serving, told


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Return a data folder that the tests of this file share: each leaves it stopped."""
    return tmp_path_factory.mktemp("serve") / "data"


def test_key_made_beside_a_running_serve_works_at_once(data):
    """`keys create` joins the running instance and leaves it running."""
    with serving(data) as (url, _):
        key = told("keys", "create", "--data", data, "--name", "x", "--kind", "integration", "--scope", "scores:read")
        answer = httpx.get(f"{url}/v1/scores/halls", headers={"Authorization": f"Bearer {key['key']}"})
        assert answer.status_code != 401
        assert httpx.get(f"{url}/readyz").status_code == 200
    assert Postgres(data).pid() is None


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal_ends_everything_in_order(data, number):
    """With a stream of events open, serve is gone within seconds, exit code 0, PostgreSQL stopped."""
    with (
        serving(data, HAOCHA_BOARD="public") as (url, process),
        httpx.stream("GET", f"{url}/board/events", timeout=30) as stream,
    ):
        assert next(stream.iter_lines())
        begun = time.monotonic()
        process.send_signal(number)
        assert process.wait(timeout=30) == 0
        assert time.monotonic() - begun < 5
    assert Postgres(data).pid() is None


def test_killed_postgresql_comes_back_under_a_running_serve(data):
    """SIGKILL of PostgreSQL: /readyz is 200 again within seconds, without anybody's doing."""
    with serving(data) as (url, _):
        os.kill(Postgres(data).pid(), signal.SIGKILL)
        begun = time.monotonic()
        while httpx.get(f"{url}/readyz").status_code != 200 or Postgres(data).pid() is None:
            assert time.monotonic() - begun < 15
            time.sleep(0.05)


def test_killed_serve_leaves_nothing_that_stops_the_next(data):
    """SIGKILL of serve: PostgreSQL goes on, the next serve joins it and stops it at its end."""
    with serving(data) as (_, process):
        pid = Postgres(data).pid()
        process.kill()
        process.wait()
        assert Postgres(data).pid() == pid
        with serving(data) as (url, _):
            assert Postgres(data).pid() == pid
            assert httpx.get(f"{url}/readyz").status_code == 200
    assert Postgres(data).pid() is None


def test_web_and_worker_run_apart(data):
    """`serve --no-worker` and `work` share the instance; the last one out stops PostgreSQL."""
    with serving(data, "--no-worker"):
        worker = subprocess.Popen([*PROGRAM, "work", "--data", str(data)], stderr=subprocess.PIPE, text=True)
        for line in worker.stderr:
            if json.loads(line)["event"] == "working":
                break
    assert Postgres(data).pid() is not None
    worker.terminate()
    worker.communicate(timeout=30)
    assert worker.returncode == 0
    assert Postgres(data).pid() is None


@pytest.mark.parametrize(("proxies", "believed"), [("127.0.0.0/8", True), ("10.1.1.1", False)])
def test_forwarded_address_is_believed_from_a_trusted_proxy_only(data, proxies, believed):
    """Behind a proxy each citizen has a limit of his own; nobody gets more by claiming to be many."""
    with serving(data, HAOCHA_PROXIES=proxies) as (url, _), httpx.Client(base_url=url) as client:
        address = "/v1/receipts/0000-0000-0000-0000"
        codes = {
            client.get(address, headers={"X-Forwarded-For": f"192.0.{n // 256}.{n % 256}"}).status_code
            for n in range(1_200)
        }
    assert (429 in codes) is not believed


def test_every_line_of_a_serve_is_json_but_the_address(data):
    """Collectors parse stderr; people find the address."""
    with serving(data) as (_, process):
        process.terminate()
        rest = process.stderr.read()
    assert all(json.loads(line)["event"] for line in rest.splitlines())


def test_migrate_says_when_nothing_is_left(data):
    """`serve` migrated already."""
    assert told("migrate", "--data", data) == {"applied": []}
    assert "up to date" in haocha("migrate", "--data", data).stdout
