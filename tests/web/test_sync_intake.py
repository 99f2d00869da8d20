"""What members report: each line for itself, once, within their area, as they decided it."""

import gzip
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from haocha.domain import ids
from haocha.domain.rating import Rating, TextReference
from haocha.store import log, members, vault
from haocha.store.install import Install
from haocha.sync import signing
from haocha.sync.lines import ITEMS, NDJSON, RATINGS, Receipt
from haocha.web import sync_items
from haocha.web.intake import Ready
from haocha.web.sync_auth import Signed
from tests.sync import reports

PERSON = {"userName": "测试人甲", "certKey": "990101199001010000", "mobile": "19900000000"}


async def sent(dialect, site, *items):
    """Send items in one call; return their outcomes."""
    return await dialect.send(site.client, "items", items, datetime.now(UTC))


async def verdicts(dialect, site, *items):
    """Send items in one call; return what became of each."""
    return [outcome.verdict for outcome in await sent(dialect, site, *items)]


def here(site, fact):
    """Name the stream of a member's rating at the province."""
    return ids.rating_id(site.context.install.namespace, fact.project_no, fact.service_number, fact.assess_number)


async def held(site, stream):
    """Return the events of a stream of the province."""
    return [recorded.event for recorded in await log.read_stream(site.context.pool, stream)]


async def test_rating_is_kept_as_the_city_decided_it(site):
    """Day, dimensions, times, digest and flags are the city's; the client is the member, ids are our own."""
    city = await reports.enrolled(site)
    fact = reports.rating(flags=("clock",), said={"taskName": "企业设立登记"}, eval_detail=("501",))
    before = datetime.now(UTC)
    [outcome] = await sent(city, site, reports.item(fact))
    assert outcome.verdict == "accepted"
    [recorded] = await log.read_stream(site.context.pool, here(site, fact))
    assert str(recorded.position) == outcome.receipt
    name = city.peer.options["member"]
    expected = msgspec.structs.replace(fact, client=name, key_kind="member", registry_position=0)
    assert expected == recorded.event
    assert recorded.recorded_at >= before > recorded.event.received_at


async def test_repeat_is_known(site):
    """The same line again, in the same call or later, is one rating."""
    city = await reports.enrolled(site)
    one, two = reports.item(reports.rating()), reports.item(reports.service())
    assert await verdicts(city, site, one, one, two, two) == ["accepted", "duplicate", "accepted", "duplicate"]
    first, _, second, _ = await sent(city, site, one, one, two, two)
    assert (first.verdict, second.verdict) == ("duplicate", "duplicate")
    assert len(await held(site, here(site, one.event))) == 1
    assert first.receipt == str((await log.read_stream(site.context.pool, here(site, one.event)))[0].position)


async def test_other_content_is_kept_as_contested(site):
    """A key that is taken keeps its first rating; the other one is kept beside it, and the member is told."""
    city = await reports.enrolled(site)
    fact = reports.rating()
    other = msgspec.structs.replace(fact, satisfaction=1, digest="ab" * 32)
    await sent(city, site, reports.item(fact))
    [outcome] = await sent(city, site, reports.item(other))
    assert (outcome.verdict, outcome.code) == ("accepted", "already_rated")
    [contested] = await held(site, ids.contest_id(here(site, fact), other.digest))
    assert (contested.satisfaction, contested.first) == (1, here(site, fact))
    assert [one.satisfaction for one in await held(site, here(site, fact))] == [5]


async def test_faulty_line_harms_no_other(site):
    """All that is wrong with it is said; the lines around it are taken."""
    city = await reports.enrolled(site)
    bad = reports.rating(satisfaction=9, pf="8", area="980100000000", digest="")
    good = [reports.item(reports.rating()) for _ in range(2)]
    first, wrong, last = await sent(city, site, good[0], reports.item(bad), good[1])
    assert [first.verdict, wrong.verdict, last.verdict] == ["accepted", "invalid", "accepted"]
    assert all(name in wrong.words for name in ("satisfaction", "pf", "区划", "digest"))
    assert await held(site, here(site, bad)) == []


@pytest.mark.parametrize(
    ("kind", "change", "pointer", "code"),
    [
        ("rating", {"satisfaction": "5"}, "/event/satisfaction", "form"),
        ("rating", {"day": "yesterday"}, "/event/day", "form"),
        ("rating", {"day": "0001-01-01"}, "/event/day", "form"),
        ("rating", {"assessTime": "2026-03-02T09:00:00"}, "/event/assessTime", "form"),
        ("rating", {"sentAt": "0001-01-01T00:00:00+08:00"}, "/event/sentAt", "form"),
        ("rating", {"digest": None}, "/event/digest", "form"),
        ("rating", {"assessNumber": 2}, "/event/assessNumber", "range"),
        ("rating", {"serviceNumber": 0}, "/event/serviceNumber", "range"),
        ("rating", {"window": "w" * 201}, "/event/window", "too_long"),
        ("rating", {"projectNo": ""}, "/event/projectNo", "form"),
        ("rating", {"area": "980000000000"}, "/event/area", "area_outside"),
        ("service", {}, "/topic", "unknown_topic"),
        ("decision", {}, "/topic", "unknown_topic"),
    ],
)
async def test_refusal_names_the_member(site, kind, change, pointer, code):
    """Every fault says where it is."""
    city = await reports.enrolled(site)
    line = msgspec.to_builtins(city._line(reports.item(reports.rating())), builtin_types=(msgspec.Raw,))
    line["event"] = msgspec.json.decode(line["event"]) | change
    answer = await post(city, site, msgspec.json.encode(line | {"kind": kind}))
    [error, *_] = msgspec.json.decode(answer.content)["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


MOMENTS = st.datetimes().map(datetime.isoformat)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=5)
    | st.datetimes().map(str),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.data())
def test_whatever_a_line_says_it_gets_a_receipt_or_is_taken(data):
    """No member of any value makes reading fail in another way."""
    fact = reports.rating()
    event = data.draw(st.sampled_from([fact, reports.service(), reports.decision(fact, Rating.Excluded, 2)]))
    city = reports.Haocha(reports.peer("https://above.test", "city", "secret"))
    item = reports.item(event, of=fact if isinstance(event, Rating.Excluded) else None)
    line = msgspec.to_builtins(city._line(item), builtin_types=(msgspec.Raw,))
    line["event"] = msgspec.json.decode(line["event"])
    for part in (line, line["event"]):
        part.update(data.draw(st.dictionaries(st.sampled_from(sorted(part)), JSON, max_size=2)))
    context = SimpleNamespace(install=Install(reports.BELOW, datetime.now(UTC)))
    signed = Signed(members.Member("city", "99", 1), b"secret", b"")
    read = sync_items.read(context, signed, msgspec.json.encode(line))
    assert isinstance(read, (Ready, sync_items.Decided, sync_items.Step, Receipt))


async def post(city, site, body, **headers):
    """Post bytes as the member."""
    signed = city._signed("POST", ITEMS, body, datetime.now(UTC))
    return await site.client.post(ITEMS, content=body, headers={"Content-Type": NDJSON} | signed | headers)


@pytest.mark.parametrize("line", [b"{", b"[]", b'{"kind":"rating"}', b'"\xff"', b"[" * 9000, b"x" * 132_000])
async def test_line_that_cannot_be_read_is_refused(site, line):
    """It gets a receipt like any other."""
    city = await reports.enrolled(site)
    answer = await post(city, site, line)
    assert answer.status_code == 200
    assert msgspec.json.decode(answer.content)["status"] == "invalid"


async def test_line_the_database_cannot_hold_is_refused(site):
    """A NUL in a text is the line's fault, and only its."""
    city = await reports.enrolled(site)
    poisoned = reports.rating(said={"taskName": "a\0b"})
    assert await verdicts(city, site, reports.item(poisoned), reports.item(reports.rating())) == ["invalid", "accepted"]


async def test_call_that_is_not_signed_is_refused(site):
    """Unknown name, other secret, old time, changed body, revoked member: one answer, which tells nothing."""
    city = await reports.enrolled(site)
    name = city.peer.options["member"]
    secret = city.peer.secret("key").encode()
    line = msgspec.json.encode(city._line(reports.item(reports.rating())))
    now = datetime.now(UTC)
    good = {signing.PEER: name, **signing.sign(secret, "POST", ITEMS, line, now)}
    late = {signing.PEER: name, **signing.sign(secret, "POST", ITEMS, line, now - timedelta(seconds=301))}
    forged = {signing.PEER: name, **signing.sign(b"another", "POST", ITEMS, line, now)}
    gone = await reports.enrolled(site)
    await members.revoke(site.context.pool, gone.peer.options["member"], now)
    calls = [
        (line, {}),
        (line, good | {signing.PEER: "nobody"}),
        (line, late),
        (line, forged),
        (line + b" ", good),
        (line, gone._signed("POST", ITEMS, line, now)),
    ]
    answers = [
        await site.client.post(ITEMS, content=body, headers={"Content-Type": NDJSON} | headers)
        for body, headers in calls
    ]
    assert {401} == {answer.status_code for answer in answers}
    assert len({answer.content for answer in answers}) == 1
    assert (await site.client.post(ITEMS, content=line, headers={"Content-Type": NDJSON} | good)).status_code == 200


async def test_new_secret_voids_the_old_one(site):
    """Rotation: from then on only the new one opens."""
    city = await reports.enrolled(site)
    name = city.peer.options["member"]
    member = await members.enrol(site.context.pool, name, "9901", datetime.now(UTC), again=True)
    line = msgspec.json.encode(city._line(reports.item(reports.rating())))
    assert (await post(city, site, line)).status_code == 401
    renewed = reports.Haocha(reports.peer(site.url, name, members.secret_of(site.context.settings.keys, member)))
    assert await verdicts(renewed, site, reports.item(reports.rating())) == ["accepted"]


async def test_bodies_have_limits(site):
    """500 lines, 8 MB unpacked, NDJSON, whole gzip."""
    city = await reports.enrolled(site)
    assert (await post(city, site, b"{}\n" * 501)).json()["code"] == "too_large"
    bomb = gzip.compress(b"\n" * (8 * 1024 * 1024 + 1))
    assert (await post(city, site, bomb, **{"Content-Encoding": "gzip"})).status_code == 413
    assert (await post(city, site, bomb[:-9], **{"Content-Encoding": "gzip"})).status_code in {400, 413}
    assert (await post(city, site, b"{}", **{"Content-Encoding": "gzip"})).status_code == 400
    two = gzip.compress(b"{}\n") * 2
    assert (await post(city, site, two, **{"Content-Encoding": "gzip"})).status_code == 400
    assert (await post(city, site, b"{}", **{"Content-Encoding": "br"})).status_code == 415
    assert (await post(city, site, b"{}", **{"Content-Type": "application/json"})).status_code == 415
    assert (await post(city, site, b"")).content == b""


async def test_identity_and_texts_are_kept_apart(site, capsys, caplog):
    """They arrive sealed, go into our vault and texts, and stand in no event, no answer and no line of a log."""
    city = await reports.enrolled(site)
    reference = TextReference(ids.text_id(reports.BELOW, "writingEvaluation"), 4, "00" * 16)
    fact = reports.rating(named=True, subject=reports.BELOW, texts={"writingEvaluation": reference})
    item = reports.item(fact, writingEvaluation="等了太久", **PERSON)
    body = msgspec.json.encode(city._line(item))
    answer = await post(city, site, body)
    [kept] = await held(site, here(site, fact))
    identity = await site.context.vault.identity(site.context.pool, kept.subject)
    written = kept.texts["writingEvaluation"]
    bodies = await vault.bodies(site.context.pool, [written.id])
    assert identity == PERSON
    assert bodies == {written.id: "等了太久"}
    assert site.context.vault.refer(log.Text(written.id, kept.subject, "等了太久")) == written
    poisoned = reports.item(msgspec.structs.replace(fact, project_no="U-poisoned"), writingEvaluation="a\0b", **PERSON)
    assert await verdicts(city, site, poisoned) == ["invalid"]
    logged = "".join(capsys.readouterr()) + caplog.text  # wherever another test's configuration lets it go
    assert "group_poisoned" in logged
    for secret in (*PERSON.values(), "等了太久", city.peer.secret("key")):
        assert secret.encode() not in body + answer.content + msgspec.json.encode(kept) + logged.encode()


async def test_seal_of_another_stream_is_refused(site):
    """Who could write lines could otherwise move an identity to another rating."""
    city = await reports.enrolled(site)
    fact = reports.rating(subject=reports.BELOW)
    line = city._line(reports.item(fact, **PERSON))
    line.stream = reports.BELOW
    answer = msgspec.json.decode((await post(city, site, msgspec.json.encode(line))).content)
    assert [error["code"] for error in answer["errors"]] == ["unsealable"]


async def test_supplement_and_contest_stand_beside_their_first(site):
    """Both name the first in our namespace; a contest of a rating that is not here waits for it."""
    city = await reports.enrolled(site)
    first = reports.rating()
    more, other = reports.supplement(first, satisfaction=3), reports.contest(first, satisfaction=1)
    waits, *_ = await sent(city, site, reports.item(other))
    assert (waits.verdict, waits.code) == ("noService", "rating_missing")
    items = [reports.item(fact) for fact in (more, first, other)]
    assert await verdicts(city, site, *items) == ["accepted"] * 3
    assert await verdicts(city, site, *items) == ["duplicate"] * 3
    [kept] = await held(site, here(site, more))
    assert kept.first == here(site, first)
    [kept] = await held(site, ids.contest_id(here(site, first), other.digest))
    assert kept.first == here(site, first)


async def test_service_record_is_corrected(site):
    """The next version follows the first; a repeat of either is known."""
    city = await reports.enrolled(site)
    first = reports.service()
    second = msgspec.structs.replace(first, case={"proStatus": "2"}, digest="cd" * 32)
    assert await verdicts(city, site, reports.item(first), reports.item(second, version=2)) == ["accepted"] * 2
    assert await verdicts(city, site, reports.item(first), reports.item(second, version=2)) == ["duplicate"] * 2
    stream = ids.service_id(site.context.install.namespace, first.project_no, 1)
    assert [one.case["proStatus"] for one in await held(site, stream)] == ["3", "2"]


async def test_service_record_of_another_area_is_not_corrected(site):
    """Neither what it says nor who was served: with the case number alone nobody gets at that."""
    city, other = await reports.enrolled(site), await reports.enrolled(site, area="9902")
    record = reports.service()
    stream = ids.service_id(site.context.install.namespace, record.project_no, 1)
    await sent(city, site, reports.item(msgspec.structs.replace(record, subject=reports.BELOW), **PERSON))
    before = await site.context.vault.identity(site.context.pool, ids.subject_id(stream))
    away = msgspec.structs.replace(record, area="990200000000", digest="ef" * 32, subject=reports.BELOW)
    [outcome] = await sent(other, site, reports.item(away, **PERSON | {"userName": "虚构乙"}))
    assert (outcome.verdict, outcome.code) == ("invalid", "not_yours")
    assert len(await held(site, stream)) == 1
    assert before == await site.context.vault.identity(site.context.pool, ids.subject_id(stream))
    assert before["userName"] == PERSON["userName"]


async def test_decision_waits_for_its_rating(site):
    """What is decided about a rating that is not here is tried again; in one call the rating comes first."""
    city = await reports.enrolled(site)
    fact = reports.rating()
    gone = reports.item(reports.decision(fact, Rating.Excluded, 2), of=fact)
    waits, *_ = await sent(city, site, gone)
    assert (waits.verdict, waits.code) == ("noService", "rating_missing")
    assert await verdicts(city, site, gone, reports.item(fact)) == ["accepted", "accepted"]
    assert [type(one).__name__ for one in await held(site, here(site, fact))] == ["RatingSubmitted", "Excluded"]


async def test_decisions_are_done_once_and_in_their_order(site):
    """Link, exclusion and reinstatement say whose they are; an old one that comes again changes nothing."""
    city = await reports.enrolled(site)
    fact = reports.rating()
    await sent(city, site, reports.item(fact))
    steps = [
        reports.item(reports.decision(fact, Rating.Excluded, 2), of=fact),
        reports.item(reports.decision(fact, Rating.Linked, 3), of=fact),
        reports.item(reports.decision(fact, Rating.Reinstated, 4), of=fact),
    ]
    outcomes = await sent(city, site, *steps)
    assert [outcome.verdict for outcome in outcomes] == ["accepted"] * 3
    stream = await log.read_stream(site.context.pool, here(site, fact))
    assert [outcome.receipt for outcome in outcomes] == [str(one.position) for one in stream[1:]]
    excluded = stream[1].event
    name = city.peer.options["member"]
    assert (excluded.by, excluded.reason) == (f"{name}/lin", "mistaken")
    assert excluded.cause == f"{name}|{reports.stream_of(fact)}|2"
    assert stream[2].event.new.hall == "H8"
    for step in steps:
        assert await verdicts(city, site, step) == ["duplicate"]
    assert len(await held(site, here(site, fact))) == 4


async def test_decision_of_another_member_finds_no_rating(site):
    """Each member decides about its own ratings only."""
    city, other = await reports.enrolled(site), await reports.enrolled(site)
    fact = reports.rating()
    await sent(city, site, reports.item(fact))
    step = reports.item(reports.decision(fact, Rating.Excluded, 2), of=fact)
    assert await verdicts(other, site, step) == ["noService"]


async def test_decision_the_database_cannot_hold_is_refused(site):
    """It is not tried again for ever."""
    city = await reports.enrolled(site)
    fact = reports.rating()
    poisoned = reports.decision(fact, Rating.Excluded, 2, reason="a\0b")
    assert await verdicts(city, site, reports.item(fact), reports.item(poisoned, of=fact)) == ["accepted", "invalid"]


async def test_link_leads_nowhere_outside(site):
    """No decision moves a rating into an area that is not the member's."""
    city = await reports.enrolled(site)
    fact = reports.rating()
    away = reports.decision(fact, Rating.Linked, 2, area="980100000000")
    _, outcome = await sent(city, site, reports.item(fact), reports.item(away, of=fact))
    assert (outcome.verdict, "区划" in outcome.words) == ("invalid", True)


async def test_cases_without_a_number_do_not_meet(site):
    """Two members' own ids may be the same; each gets its own back when it asks."""
    cities = [await reports.enrolled(site), await reports.enrolled(site)]
    facts = [reports.rating(project_no="X-web-1", flags=("noCase",)) for _ in cities]
    for city, fact in zip(cities, facts, strict=True):
        assert await verdicts(city, site, reports.item(fact)) == ["accepted"]
        step = reports.item(reports.decision(fact, Rating.Excluded, 2), of=fact)
        assert await verdicts(city, site, step) == ["accepted"]
        [told] = [one async for one in city.listing(site.client, reports_day(fact))]
        assert told.project_no == "X-web-1"


async def test_list_asks_for_a_signature_and_a_day(site):
    """Nobody else learns what a member reported; what was not asked for well is said."""
    city = await reports.enrolled(site)
    assert (await site.client.get(f"{RATINGS}?day=2026-03-02")).status_code == 401
    for query in ("", "?day=today", "?day=2026-03-02&after=x", "?day=2026-03-02&page=2"):
        signed = city._signed("GET", RATINGS + query, b"", datetime.now(UTC))
        assert (await site.client.get(RATINGS + query, headers=signed)).status_code == 422


async def test_other_members_ratings_are_not_listed(site):
    """Each sees its own, those that were contested here left out."""
    city, other = await reports.enrolled(site), await reports.enrolled(site)
    fact = reports.rating()
    contested = msgspec.structs.replace(fact, satisfaction=1, digest="ef" * 32)
    await sent(city, site, reports.item(fact))
    await sent(other, site, reports.item(contested))
    day = reports_day(fact)
    assert [one.satisfaction async for one in city.listing(site.client, day)] == [5]
    assert [one async for one in other.listing(site.client, day)] == []


def reports_day(fact):
    """Return the Shanghai day of an assessTime."""
    return fact.assess_time.astimezone(reports.SHANGHAI).date()
