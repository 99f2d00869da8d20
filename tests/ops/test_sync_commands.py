"""`haocha sync status|dead|retry|replay`: findings exit 1, what is sent again is said before."""

import asyncio
import json
from datetime import date

import pytest

from tests.ops.processes import haocha
from tests.outboxes import beat, entry, put, settle

DAY = date(2026, 3, 1)


@pytest.fixture
def run(dsn, owner_dsn, tmp_path):
    """Return how to run a command on the test's database, with one platform named."""
    (tmp_path / "sync.toml").write_text(
        '[[peer]]\nname = "up"\ndialect = "zhejiang"\nurl = "https://province.example"\n'
    )
    env = {"HAOCHA_DSN": dsn, "HAOCHA_OWNER_DSN": owner_dsn}

    async def run(*arguments, code=0):
        done = await asyncio.to_thread(haocha, "sync", *arguments, "--data", tmp_path, code=code, **env)
        return done.stdout, done.stderr

    return run


@pytest.fixture
async def filled(pool):
    """Put dead letters of two platforms, and accepted ones of two days, into the outbox."""
    await put(pool, *(entry(n, 1 if n == 2 else 5, day=DAY, case=f"C-{n}") for n in range(1, 7)))
    await put(pool, entry(7, day=date(2026, 3, 2)), entry(8, 1, "ticket", day=DAY))
    await put(pool, entry(1, peer="other"))
    await settle(pool, [1, 2, 7, 8], "accepted")
    await settle(pool, [3, 4], "dead", code="1005", words="事项编码不存在")
    await settle(pool, [5], "dead", code="1009", words="评价时间早于服务时间")
    await settle(pool, [1], "dead", peer="other", code="1005", words="事项编码不存在")
    await beat(pool)
    return pool


async def states(pool):
    """Return the state of each row of the platform `up`."""
    rows = await pool.fetch("SELECT position, state FROM sync.outbox WHERE peer = 'up' ORDER BY position")
    return {row["position"]: row["state"] for row in rows}


@pytest.mark.usefixtures("filled")
async def test_status_tells_levels_and_what_is_wrong(run):
    """A table for people, members for scripts; what is wrong exits 1, but not with what is no longer reported to."""
    shown, _ = await run("status", code=1)
    assert "up (shandong)" in shown
    assert "! 3 dead letters: haocha sync dead" in shown
    up, other = json.loads((await run("status", "--json", code=1))[0])["peers"]
    assert (up["peer"], other["peer"]) == ("up", "other")
    levels = {line["level"]: line for line in up["levels"]}
    assert levels["5"]["counts"] == {"accepted": 2, "dead": 3, "waiting": 1}
    assert [alarm["code"] for alarm in up["alarms"]] == ["dead"]
    assert (other["aliveAt"], other["alarms"]) == (None, [])


async def test_status_of_what_is_well_is_0(run, pool):
    """Nothing dead, a sender alive."""
    await put(pool, entry(1))
    await settle(pool, [1], "accepted")
    await beat(pool)
    shown, _ = await run("status")
    assert "!" not in shown


@pytest.mark.usefixtures("filled")
async def test_dead_letters_are_listed_with_the_platforms_words(run):
    """All, or those of a platform or a reason; exit code 1 as long as there are any."""
    shown, _ = await run("dead", "--peer", "up", code=1)
    assert shown.splitlines()[0] == "5 up · rating C-5 · tried 1 times · 1009 评价时间早于服务时间"
    found = json.loads((await run("dead", "--code", "1005", "--json", code=1))[0])["dead"]
    assert [(one["peer"], one["position"]) for one in found] == [("up", 4), ("up", 3), ("other", 1)]
    assert "There is no platform nobody; there are: up, other." in (await run("dead", "--peer", "nobody", code=1))[1]


async def test_dead_letters_are_sent_again_by_position_or_reason(run, filled):
    """And by nothing less than --all; what is not dead is named."""
    assert (await run("retry", "5"))[0] == "1 reports wait for the sender.\n"
    assert (await run("retry", "--all", "--peer", "up", "--code", "1005"))[0] == "2 reports wait for the sender.\n"
    assert await states(filled) == dict.fromkeys((1, 2, 7, 8), "accepted") | dict.fromkeys((3, 4, 5, 6), "waiting")
    assert "Nothing dead is at 5: haocha sync dead lists them." in (await run("retry", "5", code=1))[1]
    for wrong in (("retry",), ("retry", "5", "--all"), ("retry", "5", "--code", "1005")):
        await run(*wrong, code=2)
    assert json.loads((await run("retry", "--all", "--json"))[0]) == {"retried": 1}
    assert (await run("dead"))[0] == "Nothing is dead.\n"


async def test_replay_says_what_it_will_do_first(run, filled):
    """Without --yes nothing happens unless somebody says so; a level is its ratings only."""
    _, said = await run("replay", "up", "--from", "2026-03-01", "--to", "2026-03-02", code=1)
    assert "4 reports of 2026-03-01 to 2026-03-02 go to up once more." in said
    assert list((await states(filled)).values()).count("accepted") == 4
    await run("replay", "up", "--from", "2026-03-01", "--level", "1", "--yes")
    assert (await states(filled))[2] == "waiting"
    assert list((await states(filled)).values()).count("accepted") == 3
    told, _ = await run("replay", "up", "--from", "2026-03-01", "--to", "2026-03-02", "--yes", "--json")
    assert json.loads(told) == {"replayed": 3}
    await run("replay", "up", "--from", "2026-03-02", "--to", "2026-03-01", "--yes", code=2)
    await run("replay", "nobody", "--from", "2026-03-02", "--yes", code=1)
