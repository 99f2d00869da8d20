"""The haocha type against its simulated platform: what is sent, what is answered, what is listed."""

from datetime import UTC, datetime, timedelta

import httpx
import msgspec
import pytest

from haocha.domain.rating import Rating, TextReference
from haocha.peers import Peer
from haocha.sync import dialect, haocha, signing
from haocha.sync.dialect import Outcome, Unavailable
from haocha.sync.lines import Receipt
from tests.sync import reports
from tests.sync.provinces import province

SECRET = "a secret of two instances"
PERSON = {"userName": "测试人甲", "certKey": "990101199001010000", "mobile": "19900000000"}


def city(url):
    """Return the dialect of the member `city`."""
    return haocha.Haocha(reports.peer(url, "city", SECRET))


@pytest.fixture
async def above(tmp_path):
    """Run the simulated instance above."""
    async with province("haocha", tmp_path, "--strict") as running:
        yield running


@pytest.fixture
async def client():
    """Return a client as the sender has it."""
    async with httpx.AsyncClient(timeout=10) as client:
        yield client


async def sent(above, client, *items):
    """Send items in one call."""
    return await city(above.url).send(client, "items", items, datetime.now(UTC))


async def verdicts(above, client, *items):
    """Send items in one call; return what became of each."""
    return [outcome.verdict for outcome in await sent(above, client, *items)]


def written(fact, text, **identity):
    """Return the item of a fact with a text and an identity."""
    texts = {"writingEvaluation": TextReference(reports.BELOW, len(text), "00" * 16)}
    fact = msgspec.structs.replace(fact, subject=reports.BELOW, texts=texts)
    return reports.item(fact, writingEvaluation=text, **identity)


async def test_records_arrive_whole(above, client):
    """A service record, its rating with its text, a 追评, a contest and a decision: each is held as it was said."""
    record = reports.service()
    fact = reports.rating(project_no=record.project_no, satisfaction=2, eval_detail=("213",))
    items = [
        reports.item(record),
        written(fact, "等了太久", **PERSON),
        reports.item(reports.supplement(fact, satisfaction=4)),
        reports.item(reports.contest(fact, satisfaction=1)),
        reports.item(reports.decision(fact, Rating.Excluded, 2), of=fact),
    ]
    assert await verdicts(above, client, *items) == ["accepted"] * 5
    assert await verdicts(above, client, *items) == ["duplicate"] * 5
    held = {one["kind"]: one for one in await above.records()}
    assert held.keys() == {"service", "rating", "supplement", "contested", "decision"}
    expected = {
        "projectNo": fact.project_no,
        "satisfaction": 2,
        "pf": "4",
        "evalDetail": ["213"],
        "writingEvaluation": "等了太久",
        "areaCode": reports.AREA,
        "assessTime": f"{fact.assess_time.astimezone(reports.SHANGHAI):%Y-%m-%d %H:%M:%S}",
    }
    assert expected == {name: held["rating"][name] for name in expected}


async def test_nothing_personal_is_in_the_clear():
    """Names, numbers and words are sealed; what is packed is the line and nothing beside it."""
    line = haocha._encoder.encode(city("https://above.test")._line(written(reports.rating(), "等了太久", **PERSON)))
    for value in (*PERSON.values(), "等了太久"):
        assert value.encode() not in line
    assert b"registryPosition" not in line


async def test_order_is_asked_for(above, client):
    """A rating before its service record is told apart from one that is wrong; one without a case needs none."""
    fact = reports.rating()
    alone = reports.rating(project_no="X-web-7", flags=("noCase",))
    bad = reports.rating(project_no="X-web-8", flags=("noCase",), satisfaction=7)
    outcomes = await sent(above, client, reports.item(fact), reports.item(alone), reports.item(bad))
    assert [outcome.verdict for outcome in outcomes] == ["noService", "accepted", "invalid"]
    assert "satisfaction" in outcomes[2].words


async def test_listing_tells_what_is_held(above, client):
    """Every rating of the day with the digest that we reckon ourselves; those of other days are not listed."""
    record = reports.service()
    fact = reports.rating(project_no=record.project_no)
    old = reports.rating(project_no="X-web-9", flags=("noCase",), assess_time=fact.assess_time - timedelta(days=3))
    await sent(above, client, reports.item(record), written(fact, "很好"), reports.item(old))
    day = fact.assess_time.astimezone(reports.SHANGHAI).date()
    [told] = [one async for one in city(above.url).listing(client, day)]
    values = {
        "projectNo": fact.project_no,
        "serviceNumber": 1,
        "assessNumber": 1,
        "satisfaction": 5,
        "pf": "4",
        "evalDetail": (),
        "assessTime": fact.assess_time,
        "writingEvaluation": "很好",
    }
    expected = (fact.project_no, 1, 1, reports.AREA, "4", 5, dialect.digest(values))
    assert expected == told


@pytest.mark.parametrize("fault", ["error", "html", "cut"])
async def test_answer_that_is_none_is_no_outcome(above, client, fault):
    """An error page, a page that says 200, an answer cut off: tried again later."""
    await above.faults(**{fault: 1.0})
    with pytest.raises((Unavailable, httpx.HTTPError)):
        await sent(above, client, reports.item(reports.service()))


async def test_another_secret_is_refused(above, client):
    """Nothing of it is an item's fault: all is tried again once the secret is right."""
    wrong = haocha.Haocha(reports.peer(above.url, "city", "another secret"))
    with pytest.raises(Unavailable, match="401 not_signed"):
        await wrong.send(client, "items", [reports.item(reports.service())], datetime.now(UTC))


async def test_refused_item_stands_alone(above, client):
    """The platform's words about one item are no other's."""
    await above.faults(refuse=0.5)
    items = [reports.item(reports.service()) for _ in range(40)]
    outcomes = await sent(above, client, *items)
    assert {outcome.verdict for outcome in outcomes} == {"accepted", "invalid"}
    assert all("数据校验" in outcome.words for outcome in outcomes if outcome.verdict == "invalid")
    assert len(await above.records()) == sum(outcome.verdict == "accepted" for outcome in outcomes)


async def test_call_that_is_too_large_is_halved(above, client):
    """Where the whole call is refused the sender finds out which item is guilty."""
    items = [reports.item(reports.service()) for _ in range(501)]
    assert await sent(above, client, *items) == []


@pytest.mark.parametrize(
    ("receipt", "outcome"),
    [
        (Receipt("accepted", 7), Outcome("accepted", receipt="7")),
        (Receipt("known", 7), Outcome("duplicate", receipt="7")),
        (Receipt("retry", code="rating_missing"), Outcome("noService", "rating_missing")),
        (Receipt("retry", code="service_missing"), Outcome("noService", "service_missing")),
        (Receipt("retry", code="ticket_missing"), Outcome("unavailable", "ticket_missing")),
        (Receipt("invalid", code="invalid", message="不行"), Outcome("invalid", "invalid", "不行")),
    ],
)
def test_receipts_are_read(receipt, outcome):
    """What waits for something that we can send is told apart from what waits for the instance above."""
    assert outcome == haocha._outcome(receipt)


@pytest.mark.parametrize(
    ("options", "secrets", "said"),
    [
        ({}, {"key": SECRET}, "option member"),
        ({"member": 7}, {"key": SECRET}, "option member"),
        ({"member": "a"}, {}, "secret key"),
    ],
)
def test_settings_that_will_not_do_are_named(options, secrets, said):
    """The fault says which option of sync.toml it is."""
    with pytest.raises(ValueError, match=said):
        haocha.Haocha(Peer(name="above", dialect="haocha", url="https://above.test", options=options, secrets=secrets))


@pytest.mark.parametrize(
    ("url", "options"),
    [
        ("https://above.test", {}),
        ("http://127.0.0.1:8080", {}),
        ("http://10.0.0.7", {"plain_http": True}),
    ],
)
def test_plain_http_is_for_this_machine_and_for_networks_that_are_trusted(url, options):
    """Answers are not signed: whoever could change one would be believed."""
    haocha.Haocha(
        Peer(name="above", dialect="haocha", url=url, options={"member": "a"} | options, secrets={"key": SECRET})
    )
    with pytest.raises(ValueError, match="plain_http"):
        haocha.Haocha(
            Peer(
                name="above", dialect="haocha", url="http://10.0.0.7", options={"member": "a"}, secrets={"key": SECRET}
            )
        )


def test_secrets_are_in_no_repr():
    """Neither the dialect nor its peer tells the secret."""
    assert SECRET not in repr(city("https://above.test")) + repr(city("https://above.test").peer)
    assert signing.PEER in city("https://above.test")._signed("GET", "/", b"", datetime.now(UTC))
