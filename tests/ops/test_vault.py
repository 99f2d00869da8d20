"""`haocha vault erase`: as an operator types it, and what still passes afterwards."""

import json
import os
import subprocess

from haocha.domain.identity import identity_id
from haocha.engine import check
from haocha.engine.projector import prepare
from haocha.store import log
from tests.ops.processes import PATIENCE, PROGRAM
from tests.web.running import rating, running, service
from tests.world import World

PERSON = {"userName": "欧阳娜娜", "certKey": "37010219930405778X", "mobile": "13877665544"}


def erase(settings, *arguments, typed, code=0):
    """Run the command with `typed` on its standard input."""
    command = [*PROGRAM, "vault", "erase", *arguments, "--data", str(settings.data)]
    env = os.environ | {
        "HAOCHA_DSN": settings.dsn,
        "HAOCHA_OWNER_DSN": settings.owner_dsn,
        "HAOCHA_KEYS": settings.keys.to_json().decode(),
    }
    done = subprocess.run(command, input=typed, capture_output=True, text=True, env=env, check=False, timeout=PATIENCE)
    assert done.returncode == code, done.stdout + done.stderr
    return done


async def test_person_is_gone_and_everything_still_passes(settings):
    """Rating, service record, ticket and their texts: counted, erased, told; replays, receipt and check hold."""
    async with running(settings) as site:
        key = await site.key()
        sent = rating(satisfaction=1, writingEvaluation="我是欧阳", **PERSON)
        answer = (await site.client.post("/v1/ratings", json=sent, headers=key)).json()
        await site.client.post("/v1/services", json=service(projectName="公司注销", **PERSON), headers=key)
        other = (await site.rate(key, userName="别人", mobile="13900000000")).json()
        world = await World(site.pool, site.context.install).begin()
        await world.react()
        number = f"{PERSON['certKey']}\n"
        dry = erase(settings, "--person-certificate", "--json", typed=number)
        assert json.loads(dry.stdout) == {"applied": False, "identities": 2, "texts": 2}
        done = erase(settings, "--person-certificate", "--mobile", "--apply", typed=f"{number}{PERSON['mobile']}\n")
        assert "2 identities, 2 texts erased" in done.stdout
        for value in PERSON.values():
            assert value not in done.stdout + done.stderr
        assert "Nobody" in erase(settings, "--mobile", typed=f"{PERSON['mobile']}\n").stdout
        members = await site.read(key, answer["ratingId"])
        assert (members["writingEvaluation"], members["named"]) == (None, True)
        assert members.keys().isdisjoint(PERSON)
        assert (await site.read(key, other["ratingId"]))["userName"] == "别*"
        assert (await site.client.get(f"/v1/receipts/{answer['receipt']}")).status_code == 200
        repeat = await site.client.post("/v1/ratings", json=sent, headers=key)
        assert (repeat.status_code, repeat.json()["duplicate"]) == (200, True)
        [ticket] = await world.tickets()
        assert [told.topic for told in await log.read_stream(site.pool, identity_id(ticket.snapshot.subject))] == [
            "identity.erased:v1"
        ]
        assert (await site.client.get(f"/v1/tickets/{ticket.id}", headers=key)).status_code == 200
        await prepare(site.pool)
        await world.fold()
        assert await check.check(site.pool) == []


async def test_nothing_to_go_by_is_wrong_usage(settings):
    """A number is asked for, never taken as an argument."""
    assert "--person-certificate" in erase(settings, typed="", code=2).stderr
    assert "unexpected extra argument" in erase(settings, "--mobile", "13877665544", typed="", code=2).stderr
    assert "standard input ended" in erase(settings, "--mobile", typed="", code=1).stderr
