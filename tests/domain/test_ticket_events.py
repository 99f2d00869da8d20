"""What was stored is read for ever: one stored payload per topic of tickets, policies and calendars."""

import json
from uuid import UUID

import msgspec
import pytest

from haocha.domain import policy, ticket_events, ticket_levels, workdays
from haocha.store import events

STREAM = UUID("00000000-0000-5000-8000-000000000007")
TEXT = {"id": "00000000-0000-5000-8000-0000000000aa", "length": 12, "digest": "c0ffee"}
FILE = {"digest": "5f" * 32, "mediaType": "image/jpeg", "size": 20480, "caption": TEXT}
AT = {"at": "2025-06-03T02:00:00Z"}
BY = {"by": {"account": "li", "unit": "dept-7", "role": "supervisor"}, "worked": 45}
SNAPSHOT = {
    "projectNo": "3701-1",
    "serviceNumber": 2,
    "satisfaction": 1,
    "pf": "4",
    "day": "2025-06-03",
    "assessTime": "2025-06-03T01:59:00Z",
    "receivedAt": "2025-06-03T02:00:00Z",
    "window": "H1/A01",
    "staff": "dept-7/0012",
    "matter": "11370100MB2857",
    "dept": "dept-7",
    "hall": "H1",
    "area": "370102000000",
    "linked": True,
    "evalDetail": ["115"],
    "flags": ["clock"],
    "named": True,
    "subject": "00000000-0000-5000-8000-0000000000bb",
    "texts": {"writingEvaluation": TEXT},
}

GOLDEN = {
    "ticket.opened:v1": AT
    | {
        "cause": 41,
        "dues": {"acceptance": "2025-06-04T09:00:00Z", "fix": "2025-06-10T09:00:00Z"},
        "provisional": ["fix"],
        "number": "2025-41",
        "source": "rating",
        "sourceId": "00000000-0000-5000-8000-0000000000cc",
        "caseId": "00000000-0000-5000-8000-0000000000cc",
        "snapshot": SNAPSHOT,
        "unit": "dept-7",
        "policyVersion": "default-1",
        "calendarVersion": "CN-1",
        "below": "jining",
    },
    "ticket.joined:v1": AT
    | {
        "cause": 42,
        "worked": 10,
        "source": "supplement",
        "sourceId": "00000000-0000-5000-8000-0000000000dd",
        "snapshot": {"projectNo": "3701-1", "satisfaction": 2, "pf": "6", "day": "2025-06-03"},
    },
    "ticket.dispatched:v1": AT | BY | {"dues": {"acceptance": "2025-06-04T09:00:00Z"}, "unit": "dept-8", "note": TEXT},
    "ticket.accepted:v1": AT | BY | {"dues": {"review": "2025-06-06T09:00:00Z"}},
    "ticket.transferred:v1": AT | BY | {"previous": "dept-7", "unit": "dept-8", "reason": TEXT},
    "ticket.contacted:v1": AT
    | BY
    | {"purpose": "review", "channel": "phone", "attempt": 2, "reached": False, "note": TEXT},
    "ticket.reviewed:v1": AT
    | BY
    | {
        "verdict": "partly",
        "ground": "attitude",
        "difficulty": "difficult",
        "disposition": "explain",
        "finding": TEXT,
        "basis": TEXT,
        "evidence": [FILE],
    },
    "ticket.appeal_lodged:v1": AT | BY | {"ground": "mistaken", "reason": TEXT, "evidence": [FILE], "clockStops": True},
    "ticket.appeal_decided:v1": AT | BY | {"upheld": False, "reason": TEXT},
    "ticket.extension_requested:v1": AT
    | BY
    | {"stage": "fix", "limit": {"days": 5, "unit": "natural"}, "reason": TEXT},
    "ticket.extension_decided:v1": AT
    | BY
    | {"dues": {"fix": "2025-06-17T09:00:00Z"}, "stage": "fix", "granted": True, "reason": TEXT},
    "ticket.fix_submitted:v1": AT
    | BY
    | {"round": 1, "measures": TEXT, "responsible": "dept-7/0012", "evidence": [FILE]},
    "ticket.returned:v1": AT | BY | {"to": "fixing", "reason": TEXT},
    "ticket.approved:v1": AT | BY | {"note": TEXT},
    "ticket.verification_sent:v1": AT | BY | {"channel": "link", "attempt": 1, "expiresAt": "2025-06-10T09:00:00Z"},
    "ticket.verified:v1": AT
    | {
        "by": {"role": "citizen"},
        "channel": "link",
        "result": "unsatisfied",
        "satisfaction": 2,
        "comment": TEXT,
        "evidence": [FILE],
    },
    "ticket.reopened:v1": AT | BY | {"why": "unsatisfied", "to": "fixing", "round": 2, "reason": TEXT},
    "ticket.reminded:v1": AT
    | {
        "cause": "00000000-0000-5000-8000-0000000000ee",
        "stage": "fix",
        "rule": "80%",
        "dueAt": "2025-06-10T09:00:00Z",
        "firedAt": "2025-06-09T09:00:00Z",
        "note": TEXT,
    },
    "ticket.escalated:v1": AT
    | {
        "cause": "00000000-0000-5000-8000-0000000000ef",
        "level": "red",
        "rule": "overdue+1",
        "stage": "fix",
        "dueAt": "2025-06-10T09:00:00Z",
        "firedAt": "2025-06-11T09:00:00Z",
        "note": TEXT,
    },
    "ticket.due_changed:v1": AT | {"cause": 99, "dues": {"fix": "2027-01-05T09:00:00Z"}, "calendarVersion": "CN-2"},
    "ticket.merged:v1": AT
    | BY
    | {"into": "00000000-0000-5000-8000-0000000000ff", "intoNumber": "2025-30", "reason": TEXT},
    "ticket.related:v1": AT | {"cause": 41, "other": "00000000-0000-5000-8000-0000000000ff", "number": "2025-30"},
    "ticket.closed:v1": AT | BY | {"outcome": "fixed", "follows": 9},
    "ticket.looked_back:v1": AT | BY | {"draw": "2025-07", "result": "recurred", "note": TEXT, "evidence": [FILE]},
    "ticket.overruled:v1": AT
    | {
        "cause": 77,
        "worked": 45,
        "verdict": "upheld",
        "peer": "province",
        "order": "00000000-0000-5000-8000-0000000000dd",
        "reason": TEXT,
        "dismisses": True,
    },
    "ticket.reported:v1": AT
    | {
        "cause": "jining|00000000-0000-5000-8000-0000000000cc|7",
        "dues": {"verification": "2025-06-10T09:00:00Z"},
        "peer": "jining",
        "ticket": "00000000-0000-5000-8000-0000000000cc",
        "number": "2025-41",
        "version": 7,
        "event": "approved",
        "happenedAt": "2025-06-03T01:58:00Z",
        "status": "verifying",
        "unit": "dept-7",
        "unitName": "不动产登记中心",
        "verdict": "partly",
        "ground": "delay",
        "disposition": "fix",
        "outcome": "fixed",
        "result": "satisfied",
        "satisfaction": 5,
        "measures": TEXT,
        "finding": TEXT,
        "basis": TEXT,
        "reason": TEXT,
        "comment": TEXT,
        "evidence": [{"digest": "5f" * 32, "mediaType": "image/jpeg", "size": 20480, "url": "https://a.example/1"}],
    },
    "calendar.published:v1": AT
    | {
        "version": "CN-1",
        "knownUntil": "2026-12-31",
        "holidays": ["2026-01-01"],
        "makeUpDays": ["2026-01-04"],
        "by": "chinesecalendar 1.11.0",
    },
    "policy.published:v1": AT
    | {
        "version": "default-1",
        "name": "default",
        "policy": {
            "hours": [{"start": "09:00:00", "end": "17:00:00"}],
            "stages": {
                "fix": {
                    "limit": {"days": 5, "unit": "working"},
                    "start": "opened",
                    "simple": {"days": 3, "unit": "working"},
                    "difficult": {"days": 15, "unit": "natural"},
                },
                "review": {"limit": {"days": 3, "unit": "working"}},
            },
            "extension": {"times": 1, "limit": {"days": 5, "unit": "working"}, "stages": ["fix"]},
            "contact": "agent",
            "contactAttempts": 3,
            "verificationAttempts": 3,
            "rounds": 1,
            "unitMayTransfer": True,
            "appealStopsClock": False,
            "warnings": [80],
            "ladder": [{"level": "yellow", "overdue": {"days": 0, "unit": "working"}}],
            "lookBack": {"percent": 10, "after": {"days": 30, "unit": "natural"}},
            "repeatDays": 30,
        },
        "by": "haocha",
        "area": "3701",
        "dept": "dept-7",
        "withdrawn": True,
    },
}


def test_every_topic_has_a_stored_payload():
    """A new event comes with its payload here."""
    modules = (ticket_events, ticket_levels, policy, workdays)
    assert set(GOLDEN) == {event.TOPIC for module in modules for event in module.EVENTS}


@pytest.mark.parametrize("topic", GOLDEN)
def test_stored_payload_is_read_and_written_the_same(topic):
    """Every member has the name and the form it was first stored with, and none is lost."""
    event = events.decode(topic, json.dumps(GOLDEN[topic]).encode(), STREAM, 3)
    written, state = events.encode(event)
    assert written == topic
    assert json.loads(state) == GOLDEN[topic]


@pytest.mark.parametrize("topic", GOLDEN)
def test_payloads_show_every_member(topic):
    """No member of an event is missing from its stored payload, but the cause of what people did."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(events.EVENTS[topic])}
    own = set(fields) - {"originatorId", "originatorVersion", "at", "cause", "by", "worked", "dues", "provisional"}
    assert own <= set(GOLDEN[topic])
