"""Who rated stands in the vault and nowhere else: not in events, logs, errors or metrics; texts can be erased."""

import io
import logging
from uuid import UUID

import msgspec
import pytest
import structlog

from haocha import logs
from haocha.store import log
from haocha.web import metrics
from tests.web.running import rating, service

PERSONAL = {
    "userName": "欧阳娜娜",
    "certKey": "37010219930405778X",
    "mobile": "13877665544",
    "userPageType": "111",
}
TEXTS = {
    "writingEvaluation": "我是欧阳，电话13877665544，等了两小时",
    "ext": {"note": "家住泉城路88号", "n": [1, 2.50]},
}
SECRETS = ("欧阳", "37010219930405778", "13877665544", "泉城路88号", "等了两小时", "赵代理", "公司注销登记")
TABLES = ("log.events", "engine.checkpoints", "engine.parked", "engine.timers", "access.keys", "private.vault")


@pytest.fixture
def told(monkeypatch):
    """Return what the service logs during the test, as it would in production."""
    stream = io.StringIO()
    root = logging.getLogger()
    before = structlog.get_config(), root.handlers[:], root.level
    monkeypatch.setattr("sys.stderr", stream)
    logs.configure("DEBUG")
    yield stream
    structlog.configure(**before[0])
    root.handlers[:], root.level = before[1], before[2]


async def test_personal_data_stand_in_the_vault_only(lone_site, told):
    """Ratings, 追评, contests, services, refusals, poisons: no value of a person or text anywhere else."""
    key = await lone_site.key()
    body = rating(satisfaction=1, **PERSONAL, **TEXTS)
    answers = [
        await lone_site.client.post("/v1/ratings", json=sent, headers=key)
        for sent in (
            body,
            body,
            body | {"satisfaction": 2, "userName": "欧阳娜娜娜"},
            body | {"assessNumber": 2},
            body
            | {"mobile": "13877665544" * 9, "certKey": "37010219930405778X\x00", "writingEvaluation": "欧阳" * 400},
            body | {"ext": {"泉城路88号": "x" * 5000}},
        )
    ]
    assert [answer.status_code for answer in answers] == [201, 200, 409, 201, 422, 422]
    record = service(**PERSONAL, handleUserName="赵代理", projectName="公司注销登记")
    answers.append(await lone_site.client.post("/v1/services", json=record, headers=key))
    answers.append(
        await lone_site.client.post("/v1/ratings/batch", json={"ratings": [body | {"pf": "x"}, body]}, headers=key)
    )
    dumped = [await lone_site.client.get("/metrics", headers=key), await lone_site.client.get("/readyz")]
    for answer in answers + dumped:
        for secret in SECRETS:
            assert secret not in answer.text
    for table in TABLES:
        for row in await lone_site.pool.fetch(f"SELECT t::text AS t FROM {table} t"):  # noqa: S608 (names from above)
            for secret in SECRETS:
                assert secret not in row["t"]
    for secret in SECRETS:
        assert secret not in told.getvalue()
        assert secret.encode("unicode_escape").decode() not in told.getvalue()


async def test_errors_of_the_server_say_nothing_personal(lone_site, told, postgres, monkeypatch):
    """A group that PostgreSQL refuses and a fault of our own: neither our log nor its own quotes what was sent."""
    key = await lone_site.key()
    encode = msgspec.json.encode
    broken = log.NewEvent(UUID(int=77), 1, "rating.submitted:v1", encode({"mobile": "13877665544"})[:-1])
    async with log.Batcher(lone_site.pool, 10) as batcher:
        text = log.Text(UUID(int=78), UUID(int=79), "我是欧阳，电话13877665544，等了两小时")
        assert (await batcher.append(log.Group((broken,), (), (text,)))).verdict == "poisoned"

    def fail(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr(lone_site.context.vault.__class__, "seal", fail)
    answer = await lone_site.client.post("/v1/ratings", json=rating(**PERSONAL, **TEXTS), headers=key)
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    server_log = (postgres.folder / "postgres.log").read_text(errors="replace")
    for secret in SECRETS:
        assert secret not in answer.text
        assert secret not in told.getvalue()
        assert secret not in server_log
    assert "request_failed" in told.getvalue()


async def test_event_refers_to_subject_and_texts(site):
    """The event holds the subject's id, and id, length and digest of each text."""
    key = await site.key()
    answer = await site.rate(key, **PERSONAL, **TEXTS)
    [stored] = await site.events(answer.json()["ratingId"])
    state = msgspec.json.decode(stored["state"])
    assert await site.context.vault.identity(site.pool, UUID(state["subject"])) == PERSONAL
    assert state["texts"]["writingEvaluation"]["length"] == len(TEXTS["writingEvaluation"])
    bodies = await site.pool.fetch("SELECT body FROM private.texts WHERE subject = $1", UUID(state["subject"]))
    assert {row["body"] for row in bodies} >= {TEXTS["writingEvaluation"]}


@pytest.mark.parametrize(
    ("sent", "named"),
    [
        ({}, False),
        ({"userName": "甲"}, True),
        ({"mobile": "138"}, True),
        ({"userPageType": "111"}, False),
        ({"userName": "甲", "isAnonymity": "1"}, False),
        ({"userName": "甲", "isAnonymity": "2"}, True),
    ],
)
async def test_named_is_who_gave_identity_and_did_not_ask_for_anonymity(site, sent, named):
    """实名: an identity was given and `isAnonymity` is not "1"."""
    key = await site.key()
    answer = await site.rate(key, **sent)
    assert (await site.read(key, answer.json()["ratingId"]))["named"] is named


async def test_refused_record_leaves_no_personal_data(site):
    """What is refused, repeated or unacknowledged is not kept."""
    key = await site.key()
    counted = "SELECT (SELECT count(*) FROM private.vault), (SELECT count(*) FROM private.texts)"
    body = rating(**PERSONAL, **TEXTS)
    before = tuple(await site.pool.fetchrow(counted))
    await site.client.post("/v1/ratings", json=body | {"pf": "9"}, headers=key)
    assert tuple(await site.pool.fetchrow(counted)) == before
    await site.client.post("/v1/ratings", json=body, headers=key)
    once = tuple(await site.pool.fetchrow(counted))
    assert once == (before[0] + 1, before[1] + 2)
    for _ in range(3):
        await site.client.post("/v1/ratings", json=body, headers=key)
    assert tuple(await site.pool.fetchrow(counted)) == once


@pytest.mark.parametrize("ext", ['{"a": 1.50, "b" : [1e2, -0.0], "c": "\\u00e9"}', "5", '""', "[]", '"x"', "1e999"])
async def test_texts_are_kept_word_for_word(site, ext):
    """`ext` and `writingEvaluation` come back as they were written, spaces and all."""
    key = await site.key()
    body = msgspec.json.encode(rating(writingEvaluation="  第一行\n\t第二行  "))
    answer = await site.client.post(
        "/v1/ratings",
        content=body[:-1] + b', "ext": ' + ext.encode() + b"}",
        headers=key | {"Content-Type": "application/json"},
    )
    assert answer.status_code == 201, answer.text
    read = await site.client.get(f"/v1/ratings/{answer.json()['ratingId']}", headers=key)
    assert ext in read.text
    assert read.json()["writingEvaluation"] == "  第一行\n\t第二行  "


async def test_erased_person_and_texts_read_null(site):
    """After erasing the rating still counts and reads; who and what is gone."""
    key = await site.key()
    answer = await site.rate(key, satisfaction=1, **PERSONAL, **TEXTS)
    [stored] = await site.events(answer.json()["ratingId"])
    subject = UUID(msgspec.json.decode(stored["state"])["subject"])
    await site.pool.execute("DELETE FROM private.vault WHERE subject = $1", subject)
    await site.pool.execute("DELETE FROM private.texts WHERE subject = $1", subject)
    read = await site.read(key, answer.json()["ratingId"])
    assert (read["writingEvaluation"], read["ext"], read["satisfaction"], read["named"]) == (None, None, 1, True)
    assert read.keys().isdisjoint({"userName", "certKey", "mobile"})
    assert (await site.client.get(f"/v1/receipts/{answer.json()['receipt']}")).status_code in {200, 429}


async def test_metrics_count_by_level_and_channel(site):
    """Labels are levels, channels and statuses: nothing that names anybody."""
    await site.rate(await site.key(), satisfaction=3, pf="5")
    labels = {label for family in metrics.RATINGS.collect() for sample in family.samples for label in sample.labels}
    assert labels <= {"level", "channel", "pf", "status"}
