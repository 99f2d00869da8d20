"""`haocha sync indicators`: a list is shown, tried and published; what is wrong with one is named."""

import asyncio
import json

import pytest

from tests.ops.processes import haocha

NEW = {"normCode": "116", "normName": "无故拒绝受理", "starLevel": 1}
RETIRED = {
    "normCode": "115",
    "normName": "服务态度差效率低",
    "starLevel": "1",
    "usingStatus": "false",
    "expandNorm": True,
}


@pytest.fixture
def run(dsn, owner_dsn, tmp_path):
    """Return how to run the command on the test's database."""
    env = {"HAOCHA_DSN": dsn, "HAOCHA_OWNER_DSN": owner_dsn}

    async def run(*arguments, code=0):
        command = ("sync", "indicators", *arguments, "--data", tmp_path)
        done = await asyncio.to_thread(haocha, *command, code=code, **env)
        return done.stdout + done.stderr

    return run


async def test_list_is_tried_and_published(run, tmp_path):
    """Nothing without --apply; then it is a version, and its name is taken."""
    file = tmp_path / "list.json"
    file.write_text(json.dumps({"code": "0", "data": [NEW, RETIRED]}))
    shown = await run(file, "--version", "2027-01")
    assert "+ 116 1 无故拒绝受理" in shown
    assert "- 115 1 服务态度差效率低" in shown
    assert "dry run" in shown
    assert json.loads(await run("--json"))["versions"][-1]["version"] == "2020-08"
    await run(file, "--version", "2027-01", "--apply")
    known = json.loads(await run("--json"))
    assert [one["version"] for one in known["versions"]] == ["2020-08", "2027-01"]
    assert ("116" in known["used"], "115" in known["used"]) == (True, False)
    assert "There is a version 2027-01 already" in await run(file, "--version", "2027-01", "--apply", code=1)


async def test_faults_are_named(run, tmp_path):
    """All at once, and nothing is published."""
    file = tmp_path / "list.json"
    file.write_text(json.dumps([NEW | {"starLevel": 7}, {"normCode": "117"}]))
    told = await run(file, "--version", "2027-01", "--apply", code=1)
    assert "/items/0/starLevel" in told
    assert "/items/1/normName" in told
    assert "2020-08" in await run()


@pytest.mark.parametrize(
    ("text", "said"), [("{", "cannot be read"), ("[]", "must be an array"), ("{}", "must be an array")]
)
async def test_file_that_is_no_list_is_refused(run, tmp_path, text, said):
    """With what it must be."""
    file = tmp_path / "list.json"
    file.write_text(text)
    assert said in await run(file, "--version", "1", code=1)
    assert "--version NAME" in await run(file, code=2)
