"""Topics and structs: golden payloads of what is written for ever, and old payloads lifted when they are read."""

import json
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID, uuid4

import msgspec
import pytest

from haocha.domain import rating, service
from haocha.domain.aggregate import AggregateEvent
from haocha.store import events, log
from haocha.store.log import Group, NewEvent

GOLDEN = {
    path.stem.replace(".v", ":v"): json.loads(path.read_text())
    for path in sorted(Path(__file__).parents[1].glob("golden/*"))
}
STREAM = UUID(int=9)
CASES = [(topic, form) for topic in GOLDEN for form in ("full", "sparse")]


def test_every_topic_of_ratings_and_services_has_a_golden_payload():
    """A new event needs one; a topic is never taken away."""
    written = {event.TOPIC for module in (rating, service) for event in module.EVENTS}
    assert written <= set(GOLDEN)
    assert all(payload["topic"] == topic for topic, payload in GOLDEN.items())


def test_topics_are_stable_names():
    """`noun.happened:vN`, one struct each, nothing that moves with the code."""
    assert all(topic == struct.TOPIC for topic, struct in events.EVENTS.items())
    assert all(topic.rpartition(":v")[2].isdecimal() and "haocha" not in topic for topic in events.EVENTS)


@pytest.mark.parametrize(("topic", "form"), CASES)
def test_payload_is_read_and_written_as_it_was(topic, form):
    """Any change of this file's payloads is a change of every log there is: make a new version of the topic instead."""
    payload = GOLDEN[topic][form]
    event = events.decode(topic, json.dumps(payload).encode(), STREAM, 3)
    assert type(event) is events.EVENTS[topic]
    written_topic, state = events.encode(event)
    assert (written_topic, json.loads(state)) == (topic, payload)


@pytest.mark.parametrize("topic", GOLDEN)
def test_full_payload_has_every_member(topic):
    """No member is without a golden value; defaults and empties are left out of the sparse one."""
    struct = events.EVENTS[topic]
    members = {field.encode_name for field in msgspec.structs.fields(struct)}
    if issubclass(struct, AggregateEvent):
        members -= {"originatorId", "originatorVersion"}
    # a first rating has assessNumber 1, the default, which is left out
    assert members - GOLDEN[topic]["full"].keys() <= {"assessNumber"}
    assert len(GOLDEN[topic]["sparse"]) <= len(GOLDEN[topic]["full"])


def test_values_have_their_types():
    """Times with their offsets, days, ids, tuples."""
    event = events.decode("rating.submitted:v1", json.dumps(GOLDEN["rating.submitted:v1"]["full"]).encode(), STREAM, 1)
    assert event.day == date(2026, 11, 20)
    assert event.received_at == datetime(2026, 11, 20, 1, 41, 9, 123456, UTC)
    assert event.assess_time.isoformat() == "2026-11-20T09:41:07+08:00"
    assert isinstance(event.subject, UUID)
    assert event.eval_detail == ("209", "213")
    assert event.texts["ext"].length == 18
    assert event.dimensions.window == "H01/A01"


def test_what_the_columns_say_is_not_in_the_state():
    """Stream and version of an aggregate's event come back from the log's columns."""
    event = events.decode("rating.excluded:v1", json.dumps(GOLDEN["rating.excluded:v1"]["full"]).encode(), STREAM, 5)
    assert (event.originator_id, event.originator_version) == (STREAM, 5)
    assert {"originatorId", "originatorVersion"}.isdisjoint(json.loads(events.encode(event)[1]))


def test_later_members_are_read_past():
    """An older process reads what a newer one wrote."""
    payload = GOLDEN["rating.submitted:v1"]["sparse"] | {"later": {"x": 1}}
    assert events.decode("rating.submitted:v1", json.dumps(payload).encode(), STREAM, 1).satisfaction == 5


def test_unknown_topic_is_an_error():
    """A topic that nobody can read stops the reader, not silently skips."""
    with pytest.raises(KeyError):
        events.decode("rating.invented:v1", b"{}", STREAM, 1)


@pytest.fixture
def upcasters(monkeypatch):
    """Two old versions of a topic, each lifted by one step."""
    monkeypatch.setitem(
        events.UPCASTERS,
        "rating.submitted:v-1",
        ("rating.submitted:v0", lambda state: state | {"satisfaction": 6 - state.pop("star")}),
    )
    monkeypatch.setitem(
        events.UPCASTERS,
        "rating.submitted:v0",
        ("rating.submitted:v1", lambda state: state | {"pf": str(state["pf"]), "linked": False}),
    )


@pytest.mark.usefixtures("upcasters")
async def test_old_payload_is_lifted_on_reading_step_by_step(pool):
    """The log keeps what was written; the reader gets today's struct."""
    sparse = GOLDEN["rating.submitted:v1"]["sparse"]
    oldest = {name: value for name, value in sparse.items() if name not in {"satisfaction", "linked"}} | {
        "star": 4,
        "pf": 6,
    }
    stream = uuid4()
    state = json.dumps(oldest).encode()
    await log.append(pool, [Group((NewEvent(stream, 1, "rating.submitted:v-1", state),))])
    [recorded] = await log.read_stream(pool, stream)
    assert type(recorded.event) is rating.RatingSubmitted
    assert (recorded.event.satisfaction, recorded.event.pf, recorded.event.linked) == (2, "6", False)
    assert recorded.topic == "rating.submitted:v-1"
    assert json.loads(await pool.fetchval("SELECT state FROM log.events")) == oldest


async def test_folds_read_what_python_reads(pool):
    """The view `current_events` equals the Python upcasters: every golden payload, current and old."""
    groups = [Group((NewEvent(uuid4(), 1, topic, json.dumps(GOLDEN[topic][form]).encode()),)) for topic, form in CASES]
    await log.append(pool, groups)
    rows = await pool.fetch("SELECT e.topic, e.state, c.topic AS now, c.state AS lifted FROM log.events e"
                            " JOIN log.current_events c USING (position)")  # fmt: skip
    assert len(rows) == len(CASES)
    for row in rows:
        event = events.decode(row["topic"], row["state"], STREAM, 1)
        topic, state = events.encode(event)
        assert (topic, json.loads(state)) == (row["now"], json.loads(row["lifted"]))
    assert await pool.fetchval("SELECT count(*) FROM log.current_events") == len(CASES)
