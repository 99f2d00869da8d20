"""Batches: each record by itself, in order; one bad item harms no other."""

import asyncio
import json

import msgspec
import pytest

from haocha.store import log
from haocha.store.log import Group, NewEvent
from tests.web.running import faults, local, now, rating, service

NDJSON = {"Content-Type": "application/x-ndjson"}
JSON = {"Content-Type": "application/json"}
GOOD = 63


@pytest.fixture(scope="module")
async def key(site):
    """Return a key of one client with every scope."""
    return await site.key()


async def post(site, key, items, **more):
    """Post a batch of ratings and return its results."""
    answer = await site.client.post("/v1/ratings/batch", json={"ratings": items} | more, headers=key)
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


async def test_good_bad_duplicate_and_contested_items_in_one_batch(site, key):
    """Results in order, each with the status and the members that the single post would have had."""
    twice, contested, before = rating(), rating(satisfaction=5), rating()
    first = (await site.client.post("/v1/ratings", json=before, headers=key)).json()
    items = [
        rating(),
        rating(satisfaction=7, pf=4),
        twice,
        twice,
        contested,
        contested | {"satisfaction": 1},
        before,
        rating(assessNumber=2),
        rating(tpyo="x"),
        5,
        rating(projectNo=None, sourceId="b-1", satisfaction=1, pf="6"),
    ]
    results = await post(site, key, items)
    assert [result["index"] for result in results] == list(range(len(items)))
    assert [result["status"] for result in results] == [201, 422, 201, 200, 201, 409, 200, 201, 422, 422, 201]
    assert {(fault["pointer"], fault["code"]) for fault in results[1]["errors"]} == {
        ("/satisfaction", "range"),
        ("/pf", "type"),
    }
    assert results[3]["receipt"] == results[2]["receipt"]
    assert (results[2]["duplicate"], results[3]["duplicate"]) == (False, True)
    assert (results[5]["errors"][0]["code"], results[5]["differs"]) == ("already_rated", ["satisfaction"])
    assert results[5]["ratingId"] not in {results[4]["ratingId"], None}
    assert {name: results[6][name] for name in first} == first | {"duplicate": True}
    assert [fault["pointer"] for fault in results[8]["errors"]] == ["/tpyo"]
    assert results[9]["errors"][0]["pointer"] == ""
    assert results[10]["flags"] == ["reasonMissing", "noCase"] or set(results[10]["flags"]) == {
        "reasonMissing",
        "noCase",
    }
    for result in results:
        if result["status"] in {200, 201, 409}:
            assert await site.events(result["ratingId"])


def _with(**members):
    return json.dumps(rating(**members)).encode()


def _raw(member, value):
    """Return a rating with a member whose value is written as it is, valid JSON or not."""
    body = json.dumps(rating()).encode()
    return body[:-1] + b', "' + member.encode() + b'": ' + value + b"}"


POISONS = {
    "nul": _with(writingEvaluation="\x00"),
    "nul in a member's name of ext": _with(ext={"\x00": 1}),
    "nul in a code": _with(windowNo="A\x00"),
    "nul in the case": _with(projectNo="P\x00"),
    "C0": _with(writingEvaluation="\x01\x02\x1f"),
    "carriage return": _with(writingEvaluation="one\rtwo"),
    "half a surrogate pair": _raw("writingEvaluation", b'"\\ud800"'),
    "half a surrogate pair in ext": _raw("ext", b'{"a": "\\udfff"}'),
    "half a surrogate pair in a name": _raw("\\ud800", b"1"),
    "invalid UTF-8": _raw("writingEvaluation", b'"\xff\xfe"'),
    "overlong UTF-8": _raw("writingEvaluation", b'"\xc0\x80"'),
    "surrogate in UTF-8": _raw("userName", b'"\xed\xa0\x80"'),
    "invalid UTF-8 in ext": _raw("ext", b'{"a": "\xff"}'),
    "1e999": _raw("satisfaction", b"1e999"),
    "1e999 in ext": _raw("ext", b'{"a": 1e999}'),
    "-1e999 as sequence": _raw("deviceSeq", b"-1e999"),
    "huge integer": _raw("deviceSeq", b"9" * 300),
    "integer of 5,000 digits": _raw("serviceNumber", b"9" * 5000),
    "integer of 3,000 digits in ext": _raw("ext", b'{"a": ' + b"9" * 3000 + b"}"),
    "number overflow": _raw("deviceSeq", str(2**63).encode()),
    "NaN": _raw("deviceSeq", b"NaN"),
    "deep ext": _raw("ext", b"[" * 9 + b"]" * 9),
    "very deep ext": _raw("ext", b"[" * 5000 + b"]" * 5000),
    "very deep object": _raw("ext", b'{"a":' * 5000 + b"1" + b"}" * 5000),
    "large ext": _with(ext={"a": "x" * 5000}),
    "long text": _with(writingEvaluation="长" * 501),
    "duplicated members": _raw("satisfaction", b'5, "satisfaction": 1, "projectNo": "dup", "projectNo": "dup2"'),
    "duplicated members in ext": _raw("ext", b'{"a": 1, "a": 2}'),
    "noncharacter": _with(writingEvaluation="\uffff\ufffe"),
    "astral": _with(writingEvaluation="😀" * 250),
    "delete and C1": _with(writingEvaluation="\x7f\x85\x9f"),
    "right-to-left override": _with(windowNo="\u202e10A"),
    "decomposed case": _with(projectNo="Ⅷ" * 20),
    "case that grows when normalised": _with(projectNo="\ufdfa" * 20),
    "edge of the calendar": _with(assessTime="0001-01-01 00:00:00", serviceTime="9999-12-31T23:59:59-23:59"),
    "not JSON": b'{"projectNo": ',
    "no object": b'"rating"',
}
HARMLESS = {
    "duplicated members",
    "duplicated members in ext",
    "noncharacter",
    "astral",
    "delete and C1",
    "right-to-left override",
    "decomposed case",
    "1e999 in ext",
    "integer of 3,000 digits in ext",
}


@pytest.mark.parametrize("name", POISONS)
@pytest.mark.parametrize("form", ["json", "ndjson"])
async def test_poison_beside_good_ones(site, key, name, form):
    """The 63 are in, whatever the 64th is; it is refused where it is a fault, and answered in any case."""
    good = [json.dumps(rating()).encode() for _ in range(GOOD)]
    items = [*good[:31], POISONS[name], *good[31:]]
    if form == "json":
        body = b'{"ratings": [' + b",".join(items) + b"]}"
        if name == "not JSON":
            answer = await site.client.post("/v1/ratings/batch", content=body, headers=key | JSON)
            assert (answer.status_code, answer.json()["code"]) == (400, "malformed")  # the body could not be read
            return
        answer = await site.client.post("/v1/ratings/batch", content=body, headers=key | JSON)
        assert answer.status_code == 200, answer.text
        results = answer.json()["results"]
    else:
        answer = await site.client.post("/v1/ratings/batch", content=b"\n".join(items) + b"\n", headers=key | NDJSON)
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        results = [json.loads(line) for line in answer.text.splitlines()]
    poison = results.pop(31)
    assert [result["status"] for result in results] == [201] * GOOD
    assert poison["status"] in ({201, 409, 200, 422} if name in HARMLESS else {422}), poison
    if poison["status"] == 422:
        assert poison["errors"]
    stored = await site.pool.fetchval(
        "SELECT count(*) FROM log.events WHERE originator_id = ANY($1)", [result["ratingId"] for result in results]
    )
    assert stored == GOOD


async def test_unreadable_line_is_its_own_malformed(site, key):
    """NDJSON: the line is named by its place; empty lines are none."""
    lines = [json.dumps(rating()), "", "{", "   ", json.dumps(rating()), "null", "[]"]
    answer = await site.client.post("/v1/ratings/batch", content="\n".join(lines), headers=key | NDJSON)
    results = [json.loads(line) for line in answer.text.splitlines()]
    assert [result["status"] for result in results] == [201, 422, 201, 422, 422]
    assert [result["index"] for result in results] == [0, 1, 2, 3, 4]
    assert results[1]["errors"][0]["code"] == "malformed"


@pytest.mark.parametrize(
    ("body", "status", "found"),
    [
        (b"{", 400, {("", "malformed")}),
        (b"[]", 422, None),
        (b'{"ratings": {}}', 422, {("/ratings", "type")}),
        (b'{"rating": []}', 422, {("/rating", "unknown_field"), ("/ratings", "missing")}),
        (b'{"ratings": [], "sentAt": 5}', 422, {("/sentAt", "type")}),
        (b'{"ratings": [], "a/b~c": 5}', 422, {("/a~1b~0c", "unknown_field")}),
    ],
)
async def test_body_that_is_no_batch(site, key, body, status, found):
    """The envelope has faults of its own."""
    answer = await site.client.post("/v1/ratings/batch", content=body, headers=key | JSON)
    assert answer.status_code == status, answer.text
    if found is not None:
        assert faults(answer) == found


async def test_empty_batch(site, key):
    """Nothing in, nothing out."""
    assert await post(site, key, []) == []


async def test_batch_of_a_thousand_and_one_more(site, key):
    """Up to 1,000 items; 413 says the limit."""
    results = await post(site, key, [rating() for _ in range(1000)])
    assert {result["status"] for result in results} == {201}
    positions = [result["position"] for result in results]
    assert sorted(positions) == list(range(min(positions), min(positions) + 1000))
    answer = await site.client.post("/v1/ratings/batch", json={"ratings": [rating()] * 1001}, headers=key)
    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


async def test_sent_at_corrects_all_items(site, key):
    """`sentAt` is the device's clock at sending; the member goes before the header."""
    wrong = now().replace(year=2019, month=5, day=1)
    results = await post(site, key, [rating(assessTime=local(wrong)) for _ in range(3)], sentAt=local(wrong))
    for result in results:
        assert result["flags"] == []
        assert (await site.read(key, result["ratingId"]))["day"] == local(now())[:10]


async def test_service_batch(site, key):
    """Service records go in by the thousand too."""
    body = service()
    items = [service(), body, body | {"proStatus": "3"}, service(serviceTime=None)]
    answer = await site.client.post("/v1/services/batch", json={"services": items}, headers=key)
    results = answer.json()["results"]
    assert [result["status"] for result in results] == [201, 201, 201, 422]
    assert [result.get("version") for result in results] == [1, 1, 2, None]


async def test_group_that_the_database_refuses_stands_alone(site):
    """What ingest would have let through and PostgreSQL cannot hold: halved until it stands alone, the rest commits."""
    state = msgspec.json.encode({"x": 1})
    before = await site.count()
    made = [Group((NewEvent(_uuid(index), 1, "test.poison:v1", state),)) for index in range(64)]
    bad = {
        7: NewEvent(_uuid(7), 1, "test.poison:v1", b'{"x": "\\u0000"}'),
        31: NewEvent(_uuid(31), 1, "test.poison:v1", b"{"),
        32: NewEvent(_uuid(32), 0, "test.poison:v1", state),  # a version that the table's check refuses
        63: NewEvent(_uuid(63), 1, "test\x00poison", state),
    }
    groups = [Group((bad[index],)) if index in bad else group for index, group in enumerate(made)]
    async with log.Batcher(site.pool, 1000) as batcher:
        verdicts = await asyncio.gather(*(batcher.append(group) for group in groups))
    refused = {index for index, verdict in enumerate(verdicts) if verdict.verdict != "ok"}
    assert refused == bad.keys()
    assert {verdicts[index].verdict for index in bad} <= {"poisoned", "exists"}
    assert await site.count() == before + 60


def _uuid(number):
    from uuid import UUID

    return UUID(int=2**127 + number)


async def test_full_queue_is_said_and_taken_later(lone_site):
    """503 with Retry-After when the queue is full; nothing of the refused is in, and the same post is taken later."""
    key = await lone_site.key()
    batcher = lone_site.context.batcher
    batcher._limit = 3
    object.__setattr__(lone_site.context, "settings", msgspec.structs.replace(lone_site.context.settings, queue=3))
    answer = await lone_site.client.post(
        "/v1/ratings/batch", json={"ratings": [rating() for _ in range(4)]}, headers=key
    )
    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert int(answer.headers["retry-after"]) >= 1
    before = await lone_site.count()
    async with lone_site.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(7120)")  # commits wait; the queue fills
        bodies = [rating() for _ in range(12)]
        posts = [asyncio.create_task(lone_site.client.post("/v1/ratings", json=body, headers=key)) for body in bodies]
        await asyncio.sleep(0.5)
        done = [post.result() for post in posts if post.done()]
        assert done
        assert {answer.status_code for answer in done} == {503}
        ready = await lone_site.client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
    answers = await asyncio.gather(*posts)
    taken = [answer for answer in answers if answer.status_code == 201]
    assert len(taken) + len(done) == len(bodies)
    assert await lone_site.count() == before + len(taken)
    for body in bodies:
        assert (await lone_site.client.post("/v1/ratings", json=body, headers=key)).status_code in {200, 201}


async def test_an_item_has_the_size_limit_of_a_single_post(site):
    """One item of 100 kB is refused by itself, its neighbour is in."""
    key = await site.key()
    items = [rating(), rating(taskCode="T" * 100_000)]
    answer = await site.client.post("/v1/ratings/batch", json={"ratings": items}, headers=key)
    first, second = answer.json()["results"]
    assert first["status"] == 201
    assert (second["status"], second["errors"][0]["code"]) == (422, "too_long")
