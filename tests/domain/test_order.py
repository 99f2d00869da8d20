"""Orders and lists of indicators: what is stored of them for ever, and what the list is after several versions."""

import json
from uuid import UUID

import msgspec
import pytest

from haocha.domain import codes, indicators, order
from haocha.domain.indicators import Indicator, Indicators, IndicatorsPublished
from haocha.store import events

NAMESPACE = UUID(int=7)
TEXT = {"id": "00000000-0000-5000-8000-0000000000aa", "length": 12, "digest": "c0ffee"}
COME = {"peer": "province", "receivedAt": "2026-11-20T01:41:09Z", "digest": "5f" * 32}
GOLDEN = {
    "order.issued:v1": COME
    | {
        "orderId": "SD-2026-1",
        "number": "2026-17",
        "projectNo": "9901-1",
        "serviceNumber": 2,
        "satisfaction": 1,
        "pf": "4",
        "evalDetail": ["115"],
        "assessTime": "2026-11-20T09:40:00+08:00",
        "day": "2026-11-20",
        "window": "H1/A01",
        "staff": "dept-7/0012",
        "matter": "11990100MB2857",
        "dept": "dept-7",
        "hall": "H1",
        "area": "990102000000",
        "linked": True,
        "registryPosition": 8,
        "said": {"taskName": "企业设立登记"},
        "named": True,
        "subject": "00000000-0000-5000-8000-0000000000bb",
        "texts": {"text": TEXT},
        "issuedAt": "2026-11-20T09:41:00+08:00",
        "dueAt": "2026-11-27T18:00:00+08:00",
    },
    "order.verdict_given:v1": COME
    | {
        "order": "00000000-0000-5000-8000-0000000000cc",
        "verdict": "unsatisfied",
        "reason": TEXT,
        "givenAt": "2026-11-21T09:41:00+08:00",
    },
    "order.urged:v1": COME
    | {
        "order": "00000000-0000-5000-8000-0000000000cc",
        "level": "yellow",
        "note": TEXT,
        "givenAt": "2026-11-21T09:41:00+08:00",
    },
    "indicators.published:v1": COME
    | {
        "version": "2026-12",
        "items": [{"code": "116", "name": "无故拒绝受理", "level": 1, "used": False, "extra": True}],
        "at": "2026-12-01T00:00:00+08:00",
        "by": "os:operator",
    },
}


@pytest.mark.parametrize("topic", GOLDEN)
def test_payload_is_read_and_written_as_it_was(topic):
    """Any change of these payloads is a change of every log there is: make a new version of the topic instead."""
    event = events.decode(topic, json.dumps(GOLDEN[topic]).encode(), UUID(int=9), 1)
    written, state = events.encode(event)
    assert (written, json.loads(state)) == (topic, GOLDEN[topic])
    assert {field.encode_name for field in msgspec.structs.fields(type(event))} == set(GOLDEN[topic])


def test_every_topic_of_orders_has_a_golden_payload():
    """A new event needs one."""
    assert {event.TOPIC for module in (order, indicators) for event in module.EVENTS} == set(GOLDEN)


def test_ids_are_functions_of_platform_kind_and_number():
    """The same number of two platforms, or of two kinds, names two things; asked again, the same one."""
    made = [
        name(NAMESPACE, peer, "1")
        for name in (order.order_id, order.verdict_id, order.urging_id, indicators.indicators_id)
        for peer in ("province", "nation")
    ]
    assert len(set(made)) == len(made)
    assert order.order_id(NAMESPACE, "province", "1") == made[0]


def published(version, *items):
    """Return a version of the list."""
    at = "2026-12-01T00:00:00+08:00"
    members = {"version": version, "items": items, "at": at, "receivedAt": at, "digest": "0"}
    return msgspec.convert(msgspec.to_builtins(members), IndicatorsPublished)


def test_list_begins_as_the_national_one():
    """Forty in use, the retired ones readable."""
    known = Indicators()
    assert known.current == codes.CURRENT_INDICATORS
    assert (known.name("115"), known.level("115")) == (codes.INDICATORS["115"][1], 1)
    assert {one.code for one in known} == set(codes.INDICATORS)
    assert sum(1 for one in known if one.used and not one.extra) == 15


def test_version_says_something_of_what_it_names_only():
    """A new code is known, a retired one stays readable, the others are as they were."""
    known = Indicators()
    known.apply(
        published("2026-12", Indicator("116", "无故拒绝受理", 1), Indicator("115", "服务态度差", 1, used=False)), 7
    )
    assert known.current == (codes.CURRENT_INDICATORS | {"116"}) - {"115"}
    assert (known.name("116"), known.name("115"), known.level("116")) == ("无故拒绝受理", "服务态度差", 1)
    assert (known.position, known.versions[-1].version, known.versions[-1].indicators) == (7, "2026-12", 2)


def test_later_version_brings_a_code_back():
    """The last word on a code counts."""
    known = Indicators()
    known.apply(published("1", Indicator("115", "服务态度差", 1, used=False)))
    known.apply(published("2", Indicator("115", "服务态度差", 1)))
    assert "115" in known.current


def test_unknown_code_is_its_own_name():
    """Pages show what there is."""
    known = Indicators()
    assert (known.name("X"), known.name("X", "未知指标"), known.level("X")) == ("X", "未知指标", None)
