"""Who may do what: keys, scopes, bound keys, limits, revocation."""

import asyncio
import time

import pytest

from haocha.store import keys
from tests.web.running import now, rating, service

POSTS = {
    "/v1/ratings": (rating, "ratings:write"),
    "/v1/services": (service, "services:write"),
    "/v1/ratings/batch": (lambda: {"ratings": [rating()]}, "ratings:write"),
    "/v1/services/batch": (lambda: {"services": [service()]}, "services:write"),
}
SOME_ID = "/v1/ratings/8b3c0e0e-3b1a-5a77-8a7c-0d3a5f4d1c11"


@pytest.mark.parametrize(
    "header",
    [
        {},
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "hc_key"},
        {"Authorization": "Basic eDp5"},
    ],
)
@pytest.mark.parametrize("path", [*POSTS, SOME_ID])
async def test_key_is_needed(site, path, header):
    """401 `key_required` says how the key goes in."""
    method = "GET" if path == SOME_ID else "POST"
    answer = await site.client.request(method, path, json=None if method == "GET" else POSTS[path][0](), headers=header)
    assert (answer.status_code, answer.json()["code"]) == (401, "key_required")
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.mark.parametrize("key", ["hc_unknown", "x", "hc_" + "a" * 43, "hc_é"])
async def test_unknown_key_is_refused(site, key):
    """401 `key_unknown`, whatever it looks like."""
    header = {"Authorization": f"Bearer {key}".encode()}
    for answer in (
        await site.client.post("/v1/ratings", json=rating(), headers=header),
        await site.client.get(SOME_ID, headers=header),
    ):
        assert (answer.status_code, answer.json()["code"]) == (401, "key_unknown")


@pytest.mark.parametrize("path", POSTS)
async def test_scope_is_needed(site, path):
    """403 `scope_missing`: every other scope together is not enough."""
    body, scope = POSTS[path]
    key = await site.key(scopes=[other for other in keys.SCOPES if other != scope])
    answer = await site.client.post(path, json=body(), headers=key)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert scope in answer.json()["detail"]
    enough = await site.client.post(path, json=body(), headers=await site.key(scopes=[scope]))
    assert enough.status_code in {200, 201}


async def test_reading_needs_its_own_scope(site):
    """A pad may write ratings and read none."""
    key = await site.key("pad", scopes=["ratings:write"])
    answer = await site.rate(key)
    refused = await site.client.get(f"/v1/ratings/{answer.json()['ratingId']}", headers=key)
    assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")


async def test_key_bound_to_a_hall(site):
    """It cannot rate another hall; what it leaves out is its own hall."""
    key = await site.key("pad", hall="H01")
    for path in ("/v1/ratings", "/v1/services"):
        body = (rating if path == "/v1/ratings" else service)(hallCode="H02")
        refused = await site.client.post(path, json=body, headers=key)
        assert (refused.status_code, refused.json()["code"]) == (403, "key_bound")
        assert refused.json()["errors"][0]["pointer"] == "/hallCode"
    answer = await site.rate(key, hallCode=None)
    assert answer.status_code == 201
    read = await site.read(await site.key(), answer.json()["ratingId"])
    assert (read["dimensions"]["window"], read["dimensions"]["hall"], read["linked"]) == ("H01/A01", "H01", True)
    assert (await site.rate(key, windowNo=None)).status_code == 201


async def test_key_bound_to_a_window(site):
    """It cannot rate another window of its hall, nor by way of a device or a staff member that stands there."""
    key = await site.key("pad", hall="H01", window_no="A01")
    assert (await site.rate(key)).status_code == 201
    assert (await site.rate(key, hallCode=None, windowNo=None)).status_code == 201
    refused = await site.rate(key, windowNo="A02")
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (403, "/windowNo")
    assert (await site.rate(key, hallCode="H02")).status_code == 403
    by_device = await site.rate(key, hallCode=None, windowNo=None, deviceNo="D-1")  # stands at A02
    if by_device.status_code == 201:
        read = await site.read(await site.key(), by_device.json()["ratingId"])
        assert read["dimensions"]["window"] == "H01/A01"


async def test_bound_key_in_a_batch(site):
    """One item for another hall is refused by itself."""
    key = await site.key("pad", hall="H01")
    items = [rating(), rating(hallCode="H02"), rating()]
    results = (await site.client.post("/v1/ratings/batch", json={"ratings": items}, headers=key)).json()["results"]
    assert [result["status"] for result in results] == [201, 422, 201]
    assert results[1]["errors"][0]["code"] == "key_bound"


async def test_new_key_works_at_once_and_a_revoked_one_ends_within_two_seconds(site):
    """Also where this process knows it already and uses it all the time."""
    number, key = await keys.create(site.pool, client="leaver", kind="pad", scopes=["ratings:write"], now=now())
    header = {"Authorization": f"Bearer {key}"}
    assert (await site.rate(header)).status_code == 201
    assert await keys.revoke(site.pool, number, now())
    revoked = time.monotonic()
    while (answer := await site.rate(header)).status_code != 401:
        assert answer.status_code == 201
        assert time.monotonic() - revoked < 2
        await asyncio.sleep(0.05)
    assert answer.json()["code"] == "key_unknown"
    assert not await keys.revoke(site.pool, number, now())
    other, unused = await keys.create(site.pool, client="leaver", kind="pad", scopes=["ratings:write"], now=now())
    await keys.revoke(site.pool, other, now())
    assert (await site.rate({"Authorization": f"Bearer {unused}"})).status_code == 401


async def test_key_with_a_limit(site):
    """429 `too_many` with Retry-After; a batch counts by its records."""
    key = await site.key(per_minute=5)
    statuses = [(await site.rate(key)).status_code for _ in range(7)]
    assert statuses == [201] * 5 + [429] * 2
    refused = await site.rate(key)
    assert (refused.json()["code"], int(refused.headers["retry-after"]) >= 1) == ("too_many", True)
    other = await site.key(per_minute=5)
    answer = await site.client.post("/v1/ratings/batch", json={"ratings": [rating() for _ in range(5)]}, headers=other)
    assert answer.status_code == 200
    assert (await site.rate(other)).status_code == 429


async def test_key_without_a_limit_has_none(site):
    """Keyed ingest is not limited unless the key was given a limit."""
    key = await site.key()
    answers = await asyncio.gather(*(site.rate(key) for _ in range(200)))
    assert {answer.status_code for answer in answers} == {201}


async def test_problem_has_its_form(site):
    """RFC 9457, in Chinese for people; a request id on every answer, the caller's where it is sensible."""
    answer = await site.client.get("/v1/nothing", headers={"X-Request-Id": "pad-7-0001"})
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == "pad-7-0001"
    assert answer.json().keys() == {"type", "title", "status", "code", "detail", "errors"}
    odd = await site.client.get("/v1/nothing", headers={"X-Request-Id": "<script>"})
    assert odd.headers["x-request-id"] != "<script>"
    wrong = await site.client.put("/v1/ratings/batch", json={})
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert (await site.client.delete("/v1/ratings")).status_code in {404, 405}
