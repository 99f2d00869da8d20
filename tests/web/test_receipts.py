"""`/v1/receipts/{receipt}` and `/v1/log`: what anybody may check, and nothing personal."""

import hashlib
from uuid import UUID

import pytest

from haocha.domain import receipt
from haocha.domain.rating import Rating
from haocha.store import aggregates
from haocha.web.limits import Limiter
from tests.web.running import now, rating


@pytest.fixture
def patient(site):
    """Let this test look up as often as it wants."""
    limits = site.context.public_limits
    limits._per_minute, limits._buckets = 100_000, type(limits._buckets)()


@pytest.mark.usefixtures("patient")
async def test_receipt_tells_matter_level_state_and_seal(site):
    """Public; a sealed rating, nothing of who wrote what."""
    key = await site.key()
    sent = rating(satisfaction=1, writingEvaluation="态度差", userName="孙悟空", mobile="13855556666", taskCode="T-100")
    answer = (await site.client.post("/v1/ratings", json=sent, headers=key)).json()
    found = await site.client.get(f"/v1/receipts/{answer['receipt']}")
    assert found.status_code == 200
    members = found.json()
    assert members.keys() == {
        "receipt", "position", "recordedAt", "matter", "satisfaction", "level", "day", "state", "seal",
        "sealedUpto", "ticket", "progress", "excludedFor",
    }  # fmt: skip
    assert (members["receipt"], members["position"]) == (answer["receipt"], answer["position"])
    assert (members["matter"], members["level"], members["state"]) == ("社会保障卡补领", "非常不满意", "counted")
    row = await site.pool.fetchrow(
        "SELECT upto, seal FROM log.commits WHERE upto >= $1 ORDER BY upto LIMIT 1", answer["position"]
    )
    assert (members["sealedUpto"], members["seal"]) == (row["upto"], row["seal"].hex())
    for value in ("孙悟空", "13855556666", "态度差", sent["projectNo"], "H01"):
        assert value not in found.text


@pytest.mark.usefixtures("patient")
async def test_state_follows_the_rating(site):
    """追评, contested and excluded are said."""
    key = await site.key()
    body = rating()
    first = (await site.client.post("/v1/ratings", json=body, headers=key)).json()
    supplement = (await site.client.post("/v1/ratings", json=body | {"assessNumber": 2}, headers=key)).json()
    contest = (await site.client.post("/v1/ratings", json=body | {"satisfaction": 1}, headers=key)).json()
    await aggregates.execute(
        site.context.batcher,
        site.pool,
        Rating,
        UUID(first["ratingId"]),
        lambda rating: rating.exclude(by="u1", reason="mistaken", at=now()),
    )
    states = [
        (await site.client.get(f"/v1/receipts/{answer['receipt']}")).json()["state"]
        for answer in (first, supplement, contest)
    ]
    assert states == ["excluded", "supplement", "contested"]
    assert (await site.read(key, first["ratingId"]))["excluded"] is True


@pytest.mark.usefixtures("patient")
async def test_receipts_that_were_never_given(site):
    """404 with a code that tells a slip of the pen from a receipt that does not exist."""
    key = await site.key()
    answer = (await site.rate(key)).json()
    code = answer["receipt"]
    slip = code[:-1] + next(letter for letter in receipt.ALPHABET if letter != code[-1])
    mistyped = await site.client.get(f"/v1/receipts/{slip}")
    assert (mistyped.status_code, mistyped.json()["code"]) == (404, "receipt_mistyped")
    forged = receipt.issue(b"another key", UUID(answer["ratingId"]), answer["position"])
    elsewhere = receipt.issue(site.context.receipt_key, UUID(answer["ratingId"]), answer["position"] + 100_000)
    neighbour = receipt.issue(site.context.receipt_key, UUID(answer["ratingId"]), 1)
    huge = receipt.issue(site.context.receipt_key, UUID(answer["ratingId"]), 2**64)
    for given in (forged, elsewhere, neighbour, huge):
        unknown = await site.client.get(f"/v1/receipts/{given}")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found"), unknown.text
    for odd in ("x", "%00", "你好", "0" * 500):
        assert (await site.client.get(f"/v1/receipts/{odd}")).status_code == 404


@pytest.mark.usefixtures("patient")
async def test_registry_event_has_no_receipt(site):
    """Only ratings have one, also where someone who knows the key makes a code."""
    row = await site.pool.fetchrow(
        "SELECT position, originator_id FROM log.events WHERE topic NOT LIKE 'rating.%' LIMIT 1"
    )
    code = receipt.issue(site.context.receipt_key, row["originator_id"], row["position"])
    assert (await site.client.get(f"/v1/receipts/{code}")).status_code == 404


@pytest.mark.usefixtures("patient")
async def test_log_head_is_public(site):
    """Position, time and seal, for whoever wants to check later."""
    await site.rate(await site.key())
    answer = (await site.client.get("/v1/log")).json()
    row = await site.pool.fetchrow("SELECT upto, seal FROM log.commits ORDER BY upto DESC LIMIT 1")
    assert (answer["position"], answer["seal"]) == (row["upto"], row["seal"].hex())
    assert len(bytes.fromhex(answer["seal"])) == hashlib.sha256().digest_size
    assert answer.keys() == {"position", "recordedAt", "seal"}


async def test_public_routes_are_limited(site):
    """429 with Retry-After: nobody tries out codes by the thousand."""
    limits = site.context.public_limits
    limits._per_minute, limits._buckets = 5, type(limits._buckets)()
    statuses = [(await site.client.get("/v1/receipts/0000-0000-0000-0000-0000")).status_code for _ in range(7)]
    assert statuses == [404] * 5 + [429] * 2
    refused = await site.client.get("/v1/log")
    assert (refused.status_code, int(refused.headers["retry-after"]) >= 1) == (429, True)
    assert isinstance(limits, Limiter)
    limits._per_minute, limits._buckets = 100_000, type(limits._buckets)()
