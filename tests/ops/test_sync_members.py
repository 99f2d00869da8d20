"""`haocha sync enrol|members|revoke`: the secret is shown once, replaced on demand, void when revoked."""

import asyncio
import base64
import json
import tomllib

import pytest

from haocha import peers
from haocha.store import members
from tests.ops.processes import haocha


@pytest.fixture
def run(dsn, owner_dsn, tmp_path):
    """Return how to run a command on the test's database."""
    env = {"HAOCHA_DSN": dsn, "HAOCHA_OWNER_DSN": owner_dsn, "HAOCHA_URL": "https://province.example"}

    async def run(*arguments, code=0):
        done = await asyncio.to_thread(haocha, "sync", *arguments, "--data", tmp_path, code=code, **env)
        return done.stdout if code == 0 else done.stderr

    return run


async def test_enrolled_member_gets_a_secret_and_what_to_write(run, pool, tmp_path):
    """What is printed is a sync.toml that the member's side can read, beside the secret it names."""
    told = json.loads(await run("enrol", "yunxiu", "--area", "990100000000", "--json"))
    assert (told["name"], told["area"]) == ("yunxiu", "9901")
    assert len(base64.b64decode(told["secret"])) == 32
    below = tmp_path / "below"
    below.mkdir()
    (below / "above.key").touch(mode=0o600)
    (below / "above.key").write_text(told["secret"])
    (below / "sync.toml").write_text(told["snippet"])
    (peer,), faults = peers.load(below / "sync.toml", {})
    assert faults == []
    assert (peer.dialect, peer.url, peer.secret("key")) == ("haocha", "https://province.example", told["secret"])
    assert tomllib.loads(told["snippet"])["peer"][0]["options"] == {"member": "yunxiu", "pull": True}
    assert await members.get(pool, "yunxiu") == members.Member("yunxiu", "9901", 1)


async def test_new_secret_is_another(run):
    """The name alone is taken; `--again` gives a new secret, and brings a revoked member back."""
    first = json.loads(await run("enrol", "yunxiu", "--area", "9901", "--json"))
    assert "--again" in await run("enrol", "yunxiu", "--area", "9901", code=1)
    second = json.loads(await run("enrol", "yunxiu", "--area", "9902", "--again", "--json"))
    assert (second["area"], second["secret"] == first["secret"]) == ("9902", False)
    assert "revoked" in await run("revoke", "yunxiu")
    assert "no member yunxiu in force" in await run("revoke", "yunxiu", code=1)
    assert second["secret"] != json.loads(await run("enrol", "yunxiu", "--area", "9901", "--again", "--json"))["secret"]


async def test_list_shows_no_secrets(run):
    """Names, areas and since when; what to type where there is none."""
    assert "haocha sync enrol" in await run("members")
    secret = json.loads(await run("enrol", "yunxiu", "--area", "9901", "--json"))["secret"]
    await run("enrol", "shuangxi", "--area", "9902")
    await run("revoke", "shuangxi")
    shown = await run("members")
    assert "yunxiu" in shown
    assert secret not in shown
    listed = {row["name"]: row for row in json.loads(await run("members", "--json"))}
    assert (listed["yunxiu"]["area"], listed["yunxiu"]["revoked_at"]) == ("9901", None)
    assert listed["shuangxi"]["revoked_at"]


@pytest.mark.parametrize("arguments", [("Yunxiu", "--area", "9901"), ("yunxiu", "--area", "9"), ("yunxiu",)])
async def test_wrong_usage_is_2(run, arguments):
    """Names are small letters, areas digits."""
    assert await run("enrol", *arguments, code=2)


async def test_unknown_member_gets_no_new_secret(run):
    """`--again` is for one that there is."""
    assert "There is no member nobody" in await run("enrol", "nobody", "--area", "9901", "--again", code=1)
