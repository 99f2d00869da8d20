"""The Shandong dialect under the sender: two kinds of calls in arrays, with every fault of the platform."""

from collections import Counter

import pytest

from tests.sync import reporting
from tests.sync.provinces import province
from tests.sync.reporting import Reporting, cases, now

MARK = {"app_mark": "haocha", "self_built": ""}


@pytest.fixture(params=["whole", "each", "listed"])
async def platform(request, tmp_path):
    """Run the simulated platform, which refuses arrays in one of its ways."""
    async with province("shandong", tmp_path, "--self-built", "", "--arrays", request.param) as running:
        yield running


def peer(running, **members):
    """Return a peer with the secrets that the platform wrote down."""
    names = {"app_word": "app.word", "public_key": "platform.pub", "private_key": "reader.key"}
    secrets = {name: (running.folder / file).read_text().strip() for name, file in names.items()}
    return reporting.peer("shandong", running.url, options=MARK, secrets=secrets, **members)


async def test_everything_arrives_once_in_spite_of_all_faults(platform, pool, install, keys):
    """Of sixty cases the platform refuses some; all others are there once, and ours and theirs agree on which."""
    await platform.faults(error=0.02, html=0.02, cut=0.03, refuse=0.05)
    log = Reporting(pool, install, keys, peer(platform))
    log.sender._chance = lambda: 0.0
    await log.append(*cases(install, log.vault, range(60), now=now()))
    await log.derive()
    async with log.sending():
        await log.until(lambda states: not states.get("waiting"), 120)
    rows = await log.rows()
    held = await platform.records()
    assert all(row["words"] for row in rows if row["state"] == "dead")
    assert {row["state"] for row in rows} <= {"accepted", "dead", "held"}
    accepted = Counter((row["kind"], row["lane"]) for row in rows if row["state"] == "accepted")
    assert accepted == Counter((record["kind"], record["projectNo"]) for record in held)
    assert accepted.keys() >= {("service", "9901012026112200000001"), ("rating", "9901012026112200000001")}
