"""What a platform above sends down, item by item: what is taken, what is known, what is refused and why."""

import json
from datetime import timedelta
from uuid import uuid4

import pytest

from haocha.domain.order import order_id, verdict_id
from haocha.peers import Peer
from haocha.settings import Settings
from haocha.store import erasure, log
from haocha.sync import signing
from tests.conftest import TEMPLATE
from tests.web.running import now, running
from tests.world import World

SECRET = "a-secret-that-both-know"
PEERS = (
    Peer(name="province", dialect="haocha", url="https://above.example", secrets={"down": SECRET}),
    Peer(name="shandong", dialect="shandong", url="https://other.example", secrets={"down": SECRET}),
    Peer(name="mute", dialect="haocha", url="https://mute.example"),
)


@pytest.fixture(scope="module")
async def site(cluster, keys, tmp_path_factory):
    """Serve an instance that two platforms stand above, one of which may send down."""
    await cluster.run(f"CREATE DATABASE orders TEMPLATE {TEMPLATE} OWNER haocha_owner")
    settings = Settings(
        data=tmp_path_factory.mktemp("orders"),
        keys=keys,
        dsn=cluster.dsn("haocha_app", "orders"),
        owner_dsn=cluster.dsn("haocha_owner", "orders"),
        peers=PEERS,
    )
    async with running(settings) as site:
        await World(site.pool, site.context.install).begin()
        yield site


def ticket(**changes):
    """Return a ticket of theirs with an id of its own."""
    members = {"type": "ticket", "id": str(uuid4()), "areaCode": "990102000000", "issuedAt": "2026-11-20 09:00:00"}
    return {name: value for name, value in (members | changes).items() if value is not None}


def verdict(**changes):
    """Return a verdict of theirs with an id of its own."""
    members = {"type": "verdict", "id": str(uuid4()), "ticket": "T-1", "verdict": "upheld", "at": "2026-11-20 10:00:00"}
    return {name: value for name, value in (members | changes).items() if value is not None}


def urging(**changes):
    """Return an urging of theirs with an id of its own."""
    members = {"type": "urging", "id": str(uuid4()), "ticket": "T-1", "level": "remind", "at": "2026-11-20 10:00:00"}
    return {name: value for name, value in (members | changes).items() if value is not None}


def indicators(*items, **changes):
    """Return a list of indicators of a version of its own."""
    return {"type": "indicators", "id": str(uuid4()), "items": list(items), "at": "2026-11-20T10:00:00+08:00"} | changes


async def push(site, body, *, peer="province", secret=SECRET, media_type="application/json", at=None, target=None):
    """Send a body down, signed."""
    path = f"/v1/sync/{peer}/orders"
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = signing.sign(secret.encode(), "POST", target or path, body, at or now())
    return await site.client.post(path, content=body, headers={"Content-Type": media_type, **signed})


async def results(site, *items):
    """Send items down and return their answers."""
    answer = await push(site, list(items))
    assert answer.status_code == 200, answer.text
    return answer.json()["results"]


async def test_every_kind_is_taken_once(site):
    """201 the first time, 200 with the first position the second."""
    items = [ticket(), verdict(), urging(), indicators({"normCode": "199", "normName": "测试", "starLevel": 1})]
    first, second = await results(site, *items), await results(site, *items)
    assert [one["status"] for one in first] == [201] * 4
    assert [one["status"] for one in second] == [200] * 4
    assert [one["position"] for one in first] == [one["position"] for one in second]
    assert [one["duplicate"] for one in first + second] == [False] * 4 + [True] * 4


async def test_ndjson_is_answered_line_by_line(site):
    """Systems that stream need no array."""
    lines = b"\n".join(json.dumps(item).encode() for item in (ticket(), {"type": "what"}, ticket()))
    answer = await push(site, lines, media_type="application/x-ndjson")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line)["status"] for line in answer.text.splitlines()] == [201, 422, 201]


async def test_bad_item_harms_no_other(site):
    """What cannot be read, or not be stored, stands alone."""
    good, other = ticket(), verdict()
    body = b'[%s, {"type": "ticket", "id": "\xff"}, 7, %s]' % (
        json.dumps(good).encode(),
        json.dumps(other).encode(),
    )
    answer = await push(site, body)
    assert [one["status"] for one in answer.json()["results"]] == [201, 422, 422, 201]


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ({}, {("/type", "form")}),
        ({"type": ["ticket"]}, {("/type", "form")}),
        (
            {"type": "ticket"},
            {("/id", "missing"), ("/areaCode", "missing"), ("/issuedAt", "missing")},
        ),
        (
            ticket(satisfaction=6, pf="9", areaCode="99", colour="red", issuedAt="yesterday", dueAt="2026-13-01"),
            {
                ("/satisfaction", "range"),
                ("/pf", "form"),
                ("/areaCode", "form"),
                ("/colour", "unknown_field"),
                ("/issuedAt", "form"),
                ("/dueAt", "form"),
            },
        ),
        (ticket(areaCode=""), {("/areaCode", "missing")}),
        (ticket(projectNo="9" * 51, assessTime="x"), {("/projectNo", "too_long"), ("/assessTime", "form")}),
        (ticket(text="a\u0000b"), {("/text", "control_character")}),
        (ticket(identity="c2VhbGVk"), {("/identity", "unsealable")}),
        (ticket(id="T-9", identity="c2VhbGVk"), {("/identity", "unsealable")}),
        (
            verdict(verdict="maybe", ticket=None, at="soon"),
            {("/verdict", "form"), ("/ticket", "missing"), ("/at", "form")},
        ),
        (urging(level="shout", note="x" * 2001), {("/level", "form"), ("/note", "too_long")}),
        (indicators(), {("/items", "form")}),
        (indicators(7, at=None), {("/at", "missing"), ("/items/0", "type")}),
        (
            indicators({"normCode": "1", "starLevel": 9}, {"normCode": "2", "normName": "x", "starLevel": 1, "a": 1}),
            {("/items/0/normName", "missing"), ("/items/0/starLevel", "range"), ("/items/1/a", "unknown_field")},
        ),
        (
            indicators(*[{"normCode": "1", "normName": "x", "starLevel": "1"}] * 2),
            {("/items/1/normCode", "repeated")},
        ),
        (ticket(text="x" * 300_000), {("", "too_long")}),
    ],
)
async def test_every_fault_of_an_item_is_named(site, item, expected):
    """All at once, by pointer and code, and nothing of it reaches the log."""
    before = await site.count()
    (answer,) = await results(site, item)
    assert answer["status"] == 422
    assert {(fault["pointer"], fault["code"]) for fault in answer["errors"]} == expected
    assert all(fault["message"].endswith("。") for fault in answer["errors"])
    assert await site.count() == before


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (ticket(text="甲"), {"text": "乙"}),
        (ticket(userName="测试甲"), {"userName": "测试乙"}),
        (verdict(), {"verdict": "excluded"}),
        (urging(), {"level": "red"}),
    ],
)
async def test_other_content_under_a_known_id_is_refused(site, first, second):
    """The first stays as it is; a correction has an id of its own."""
    (taken,) = await results(site, first)
    (again,) = await results(site, first | second)
    assert (again["status"], again["position"], again["errors"][0]["code"]) == (409, taken["position"], "other_content")


async def test_identity_and_words_are_in_vault_and_texts_only(site):
    """The event knows that there is somebody, and how long the text is."""
    item = ticket(userName="虚构甲", mobile="19900000001", text="窗口态度生硬，虚构甲。", projectNo="PRIVATE-1")
    taken = await results(site, item, verdict(ticket=item["id"], reason="虚构甲反映属实"))
    assert [one["status"] for one in taken] == [201, 201]
    stream = order_id(site.context.install.namespace, "province", item["id"])
    states = await site.pool.fetch("SELECT state::text FROM log.events")
    assert not [row for row in states if "虚构甲" in row["state"] or "19900000001" in row["state"]]
    (issued,) = [one.event for one in await _stream(site, stream)]
    assert issued.named
    assert await site.context.vault.identity(site.pool, issued.subject) == {
        "userName": "虚构甲",
        "mobile": "19900000001",
    }
    assert await _body(site, issued.texts["text"]) == item["text"]


async def test_sealed_identity_is_opened_for_its_ticket_alone(site):
    """Another haocha seals who rated under the secret that both know."""
    number, other = uuid4(), uuid4()
    sealed = signing.seal(SECRET.encode(), number, {"userName": "虚构乙", "mobile": "19900000002", "certKey": "1"})
    good, bad = await results(site, ticket(id=str(number), identity=sealed), ticket(id=str(other), identity=sealed))
    assert (good["status"], bad["status"]) == (201, 422)
    (issued,) = [
        one.event for one in await _stream(site, order_id(site.context.install.namespace, "province", str(number)))
    ]
    assert await site.context.vault.identity(site.pool, issued.subject) == {
        "userName": "虚构乙",
        "mobile": "19900000002",
    }


async def test_codes_are_linked_where_the_registry_has_them(site):
    """What it does not have stays as it was sent."""
    known = ticket(hallCode="H01", windowNo="A01", deptCode="TAX", staffNo="7", taskCode="T-100")
    strange = ticket(hallCode="H99", windowNo="Z9", taskName="没有登记的事项")
    await results(site, known, strange)
    namespace = site.context.install.namespace
    (first,) = [one.event for one in await _stream(site, order_id(namespace, "province", known["id"]))]
    (second,) = [one.event for one in await _stream(site, order_id(namespace, "province", strange["id"]))]
    assert (first.window, first.staff, first.matter, first.linked) == ("H01/A01", "TAX/7", "T-100", True)
    assert (second.window, second.linked, second.said["taskName"]) == ("H99/Z9", False, "没有登记的事项")


async def test_order_opens_a_ticket_and_its_verdict_reaches_it(site):
    """From the wire to the ticket, the verdict before its ticket."""
    item = ticket(deptCode="TAX", satisfaction=1)
    await results(
        site, verdict(ticket=item["id"], verdict="excluded", reason="经核查为误评"), urging(ticket=item["id"])
    )
    await results(site, item)
    world = World(site.pool, site.context.install)
    await world.react("open_ticket", "obey")
    stream = order_id(site.context.install.namespace, "province", item["id"])
    (opened,) = [one for one in await world.tickets() if one.source_id == str(stream)]
    assert (opened.unit, opened.outcome, opened.snapshot.flags) == ("TAX", "excluded", ("fromProvince",))


@pytest.mark.parametrize(
    "changes",
    [
        {"secret": "another"},
        {"peer": "mute"},
        {"peer": "mute", "secret": ""},
        {"peer": "nobody"},
        {"late": -310},
        {"late": 400},
        {"target": "/v1/sync/other/orders"},
    ],
)
async def test_stranger_is_refused_alike(site, changes):
    """An unknown peer, one without a secret, a wrong signature, an old one: nobody learns which."""
    if late := changes.get("late"):
        changes = {"at": now() + timedelta(seconds=late)}
    before = await site.count()
    answer = await push(site, [ticket()], **changes)
    assert (answer.status_code, answer.json()["code"]) == (401, "not_signed")
    assert await site.count() == before


async def test_changed_body_is_refused(site):
    """The signature covers every byte."""
    body = json.dumps([ticket()]).encode()
    headers = signing.sign(SECRET.encode(), "POST", "/v1/sync/province/orders", body, now())
    answer = await site.client.post("/v1/sync/province/orders", content=body + b" ", headers=headers)
    assert answer.status_code == 401
    assert (await site.client.post("/v1/sync/province/orders", content=body)).status_code == 401


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"items": []}', "application/json", 400),
        (b"[]", "text/plain", 415),
        (b"[" + b",".join([b"{}"] * 501) + b"]", "application/json", 413),
    ],
)
async def test_body_that_is_no_list_is_refused(site, body, media_type, status):
    """As with batches of ratings."""
    assert (await push(site, body, media_type=media_type)).status_code == status


async def test_empty_list_is_taken(site):
    """A sender that has nothing to send learns that it may."""
    assert await results(site) == []


async def test_items_of_two_platforms_do_not_meet(site):
    """Ids are a platform's own."""
    namespace = site.context.install.namespace
    assert order_id(namespace, "province", "1") != order_id(namespace, "nation", "1")
    assert order_id(namespace, "province", "1") != verdict_id(namespace, "province", "1")


async def _stream(site, stream):
    return await log.read_stream(site.pool, stream)


async def _body(site, reference):
    return await site.pool.fetchval("SELECT body FROM private.texts WHERE id = $1", reference.id)


async def test_case_is_known_by_what_it_is_called_here(site):
    """The Shandong type calls a case with a prefix that most of our systems do not know."""
    world = World(site.pool, site.context.install)
    for number in ("2026-0001", "372026-0002"):
        await world.rate(number)
    items = [ticket(projectNo=number) for number in ("372026-0001", "372026-0002", "372026-0003")]
    answer = await push(site, items, peer="shandong")
    assert [one["status"] for one in answer.json()["results"]] == [201] * 3
    called = []
    for item in items:
        (issued,) = await _stream(site, order_id(site.context.install.namespace, "shandong", item["id"]))
        called.append((issued.event.project_no, issued.event.said.get("projectNo")))
    assert called == [("2026-0001", "372026-0001"), ("372026-0002", None), ("372026-0003", None)]
    again = await push(site, items, peer="shandong")
    assert [one["status"] for one in again.json()["results"]] == [200] * 3


async def test_who_is_erased_leaves_no_words_behind(site):
    """Of an order that names nobody the words belong to who rated the case; so do those of verdicts on it."""
    key = await site.key()
    person = {"userName": "虚构戊", "certKey": "990101199001019999", "mobile": "19900000009", "isAnonymity": "2"}
    answer = await site.rate(key, projectNo="ERASED-1", satisfaction=1, evalDetail=["115"], **person)
    assert answer.status_code == 201, answer.text
    item = ticket(projectNo="ERASED-1", text="虚构戊说等了很久")
    await results(site, item)
    await results(
        site, verdict(ticket=item["id"], reason="已致电虚构戊"), urging(ticket=item["id"], note="催虚构戊一事")
    )
    found = await erasure.find(site.pool, site.context.vault, certificate=person["certKey"])
    await erasure.erase(site.pool, found.subjects, by="test", at=now())
    left = await site.pool.fetch("SELECT body FROM private.texts WHERE body LIKE '%虚构戊%'")
    assert left == []
