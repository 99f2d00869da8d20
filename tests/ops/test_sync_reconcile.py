"""`haocha sync reconcile`: differences exit 1 and are listed by key; what cannot be compared says what to do."""

import asyncio
import json
from datetime import datetime, time, timedelta

import pytest

from haocha.domain.workdays import SHANGHAI
from tests.ops.processes import haocha
from tests.sync import fujian_cases
from tests.sync.provinces import province
from tests.sync.reporting import Reporting, cases

NOON = datetime.combine(datetime.now(SHANGHAI).date() - timedelta(days=1), time(12), SHANGHAI)
SECRETS = 'secrets = { app_key = { env = "SYNC_APP_KEY" }, app_code = { env = "SYNC_APP_CODE" } }'
FILE = '[[peer]]\nname = "province"\ndialect = "fujian"\nurl = "{url}"\n' + SECRETS
DUMB = '\n[[peer]]\nname = "dumb"\ndialect = "zhejiang"\nurl = "{url}"\n'


@pytest.fixture
async def platform(tmp_path, pool, install, keys):
    """Report a day to a simulated platform; return it and the log."""
    async with province("fujian", tmp_path) as running:
        log = Reporting(pool, install, keys, fujian_cases.peer(running.url, rate=1e6))
        await log.append(*cases(log.install, log.vault, range(10), now=NOON))
        await log.derive()
        async with log.sending():
            await log.until(lambda states: set(states) <= {"accepted", "local"})
        yield running


@pytest.fixture
def run(dsn, owner_dsn, tmp_path, keys, platform):
    """Return how to run the command on the test's database, with two platforms named."""
    (tmp_path / "sync.toml").write_text((FILE + DUMB).replace("{url}", platform.url))
    (tmp_path / "keys.json").write_bytes(keys.to_json())
    (tmp_path / "keys.json").chmod(0o600)
    env = {"HAOCHA_DSN": dsn, "HAOCHA_OWNER_DSN": owner_dsn}
    env |= {"SYNC_APP_KEY": fujian_cases.KEY, "SYNC_APP_CODE": fujian_cases.CODE}

    async def run(*arguments, code=0):
        command = ("sync", "reconcile", *arguments, "--data", tmp_path)
        done = await asyncio.to_thread(haocha, *command, code=code, **env)
        return done.stdout, done.stderr

    return run


async def test_differences_are_listed_by_key_and_exit_1(run, platform):
    """Yesterday, of every platform that lists what it holds; a clean day exits 0."""
    shown, _ = await run()
    assert shown == f"province {NOON.date()}: ours 11, theirs 11, late 0  missing 0  altered 0  extra 0  doubled 0\n"
    gone = (await platform.records(satisfaction=1))[0]["projectNo"]
    await platform.tamper(delete=f"{gone}|1|1")
    shown, _ = await run("province", "--day", NOON.date(), code=1)
    assert f"missing  rating|{gone}|1" in shown
    assert "level 1: ours " in shown
    days = ("--from", NOON.date() - timedelta(days=1), "--to", NOON.date())
    eve, day = json.loads((await run(*days, "--json", code=1))[0])["reconciled"]
    assert (eve["ours"], eve["theirs"], eve["differences"]) == (0, 0, 0)
    assert (day["missing"], [one["key"] for one in day["listed"]]) == (1, [f"rating|{gone}|1"])


async def test_what_a_platform_exported(run, platform, tmp_path):
    """For any platform; without a file one that lists nothing is told what to ask for."""
    export = tmp_path / "export.ndjson"
    export.write_text("".join(json.dumps(record) + "\n" for record in await platform.records()))
    await run("province", "--theirs", export)
    old = ("--as-of", f"{NOON - timedelta(days=1):%Y-%m-%d %H:%M:%S}")
    export.write_text("")
    assert "missing 11" in (await run("province", "--theirs", export, code=1))[0]
    assert "missing 0" in (await run("province", "--theirs", export, *old))[0]
    _, said = await run("dumb", code=1)
    assert "does not list what it holds" in said
    assert "--theirs FILE" in said
    export.write_text('{"projectNo": "A", "satisfaction": 7, "pf": "1", "assessTime": "2026-01-01 09:00:00"}\n')
    _, said = await run("province", "--theirs", export, code=1)
    assert "line 1" in said


async def test_what_is_asked_for_must_be_there(run, platform):
    """A typo is told; a platform that is away also, and nothing is kept."""
    assert "sync.toml names: province dumb" in (await run("provinz", code=1))[1]
    await run("--from", "2026-01-01", code=2)
    await platform.kill()
    assert "did not tell what it holds" in (await run("province", code=1))[1]
