"""What the GET routes answer, as JSON schemas: their bodies are encoded by hand, so the framework cannot tell."""

from typing import Any

from haocha.domain.codes import CHANNELS
from haocha.domain.ticket_state import LADDER, STATUSES
from haocha.store.sync_figures import KINDS as REPORTED
from haocha.store.sync_figures import LINES, STATES
from haocha.sync.alarms import ALARMS
from haocha.web.loop_figures import COUNTS, FIGURES

TEXT = {"type": "string"}
TRUTH = {"type": "boolean"}
WHOLE = {"type": "integer"}
NUMBER = {"type": "number"}
UUID = {"type": "string", "format": "uuid"}
DAY = {"type": "string", "format": "date"}
MOMENT = {"type": "string", "format": "date-time"}
LEVEL = {"type": "integer", "minimum": 1, "maximum": 5}
RATE = {"type": ["number", "null"], "minimum": 0, "maximum": 1}
FLAGS = {"type": "array", "items": {"enum": ["reasonMissing", "unknownIndicator", "clock", "noCase"]}}
RECEIPT = {"type": "string", "examples": ["0000-02V8-Q7NK-1R5D-3JZX"]}


def some(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema of an array."""
    return {"type": "array", "items": schema}


def maybe(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema that also allows null."""
    return {"anyOf": [schema, {"type": "null"}]}


def members(required: dict[str, Any], optional: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of an object; it may get more members in a later version."""
    return {"type": "object", "required": list(required), "properties": required | (optional or {})}


def page(item: dict[str, Any], more: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the schema of a list as everywhere: position, items, nextCursor."""
    return members({"position": WHOLE, "items": some(item), "nextCursor": maybe(TEXT)} | (more or {}))


_CODES = dict.fromkeys(("areaCode", "deptCode", "hallCode", "windowNo", "staffNo", "taskCode"), TEXT)
_RATED = {
    "projectNo": TEXT,
    "serviceNumber": WHOLE,
    "assessNumber": {"enum": [1, 2]},
    "satisfaction": LEVEL,
    "pf": {"enum": sorted(CHANNELS)},
    "evalDetail": some(TEXT),
    "day": DAY,
    "flags": FLAGS,
    "linked": TRUTH,
    "excluded": TRUTH,
}
_PERSONAL = dict.fromkeys(("userName", "userPageType", "certKey", "mobile"), TEXT)
RATING = members(
    _RATED
    | {
        "ratingId": UUID,
        "kind": {"enum": ["rating", "supplement", "contest"]},
        "position": WHOLE,
        "receipt": RECEIPT,
        "assessTime": MOMENT,
        "receivedAt": MOMENT,
        "recordedAt": MOMENT,
        "sentAt": maybe(MOMENT),
        "findings": some(TEXT),
        "bad": TRUTH,
        "named": TRUTH,
        "client": TEXT,
        "keyKind": TEXT,
        "dimensions": members(dict.fromkeys(("window", "staff", "matter", "dept", "hall", "area"), TEXT)),
        "first": maybe(UUID),
        "supplement": maybe(UUID),
    },
    _CODES | _PERSONAL | {"serviceTime": MOMENT, "writingEvaluation": maybe(TEXT), "ext": {}},
)
RATINGS = page(
    members(
        _RATED
        | _CODES
        | {"flags": some(TEXT), "ratingId": UUID, "position": WHOLE, "receivedAt": MOMENT, "contested": TRUTH},
        {"assessTime": MOMENT, "first": maybe(UUID)},
    )
)
SCORES = page(
    members(
        {
            "key": TEXT,
            "name": maybe(TEXT),
            "counts": members({str(level): WHOLE for level in range(1, 6)}),
            "ratings": WHOLE,
            "excluded": WHOLE,
            "supplements": WHOLE,
            "contested": WHOLE,
            "positiveRate": RATE,
            "negativeRate": RATE,
            "averageScore": {"type": ["number", "null"]},
            "weightsVersion": TEXT,
            "interval": maybe({"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}),
            "rankable": TRUTH,
            "participationRate": RATE,
            "services": {"type": ["integer", "null"]},
            "unmatched": {"type": ["integer", "null"]},
        }
    ),
    {"asOf": maybe(TEXT), "from": maybe(DAY), "to": maybe(DAY), "weightsVersion": TEXT, "rankMinimum": WHOLE},
)
_TICKET = {
    "ticketId": UUID,
    "position": WHOLE,
    "number": TEXT,
    "source": TEXT,
    "sourceId": TEXT,
    "caseId": maybe(UUID),
    "version": WHOLE,
    "unit": TEXT,
    "handled": some(TEXT),
    "status": {"enum": list(STATUSES)},
    "openedAt": MOMENT,
    "enteredAt": MOMENT,
    "dues": {"type": "object", "additionalProperties": MOMENT},
    "dueAt": maybe(MOMENT),
    "provisional": some(TEXT),
    "contacts": WHOLE,
    "reached": TRUTH,
    **dict.fromkeys(("verdict", "ground", "difficulty", "disposition", "appeal", "extension"), maybe(TEXT)),
    "rounds": WHOLE,
    "spent": TRUTH,
    "escalated": maybe({"enum": list(LADDER)}),
    "outcome": maybe(TEXT),
    "closedAt": maybe(MOMENT),
    "province": TRUTH,
    "above": maybe(TEXT),
    "below": maybe(TEXT),
}
TICKETS = page(
    members(
        _TICKET
        | _CODES
        | dict.fromkeys(("kind", "standard", "responsible", "verified", "unitName"), maybe(TEXT))
        | dict.fromkeys(("contactDue", "fixedAt", "approvedAt", "lookBackAt"), maybe(MOMENT))
        | dict.fromkeys(("satisfaction", "verifiedSatisfaction"), maybe(LEVEL))
        | dict.fromkeys(("evalDetail", "flags"), some(TEXT))
        | dict.fromkeys(("reminded", "joined", "related"), WHOLE)
        | dict.fromkeys(("named", "supplemented", "contested"), TRUTH)
        | {"projectNo": TEXT, "pf": TEXT, "day": DAY, "mergedInto": maybe(UUID)}
    )
)
_EVENT = members({"position": WHOLE, "version": WHOLE, "event": TEXT, "at": MOMENT, "recordedAt": MOMENT})
_TEXTS = {"texts": {"type": "object", "additionalProperties": maybe(TEXT)}}
TICKET = members(
    _TICKET | {"joined": some(TEXT), "related": some(UUID), "snapshot": {"type": "object"}, "events": some(_EVENT)},
    {"allowed": some(TEXT)} | _TEXTS,
)
TICKET_EVENTS = members(
    {"position": WHOLE, "version": WHOLE, "items": some(_EVENT), "nextSince": maybe(WHOLE)},
    _TEXTS,
)
STEP = members({"step": TEXT, "at": MOMENT}, {"how": TEXT})
DONE = members(
    {"kind": {"enum": ["fix", "explain"]}, "at": MOMENT, "text": maybe(TEXT), "basis": maybe(TEXT), "files": WHOLE}
)
PROGRESS = members(
    {
        "number": TEXT,
        "status": TEXT,
        "dueAt": maybe(MOMENT),
        "provisional": TRUTH,
        "steps": some(STEP),
        "done": some(DONE),
        "outcome": maybe(TEXT),
        "excludedFor": maybe(TEXT),
        "mergedInto": maybe(TEXT),
        "merger": maybe(members({"number": TEXT, "status": TEXT, "outcome": maybe(TEXT)})),
        "mergedFrom": some(TEXT),
    }
)
FOUND = members(
    {
        "receipt": RECEIPT,
        "position": WHOLE,
        "recordedAt": MOMENT,
        "matter": maybe(TEXT),
        "satisfaction": maybe(LEVEL),
        "level": maybe(TEXT),
        "day": DAY,
        "state": {"enum": ["counted", "excluded", "supplement", "contested", "complaint"]},
        "excludedFor": maybe(TEXT),
        "seal": TEXT,
        "sealedUpto": WHOLE,
        "ticket": maybe(TEXT),
        "progress": maybe(PROGRESS),
    }
)
DISCLOSURES = page(
    members(
        {
            "position": WHOLE,
            "at": MOMENT,
            "ticketId": UUID,
            "ticket": TEXT,
            **dict.fromkeys(("account", "role", "unit", "purpose", "reason"), TEXT),
            "fields": some(TEXT),
            "note": maybe(TEXT),
        }
    )
)
LOG = members({"position": WHOLE, "recordedAt": MOMENT, "seal": TEXT})
READINESS = members(
    {"status": {"enum": ["ready", "unavailable"]}},
    {
        "reason": TEXT,
        "position": WHOLE,
        "queue": WHOLE,
        "projections": {"type": "object"},
        "handlers": {"type": "object"},
        "parked": {"type": "object"},
        "backupAge": {"type": ["integer", "null"]},
    },
)
ENTRIES = page(members({"key": TEXT, "validFrom": MOMENT}, {"name": TEXT}))
ENTRY = members({"position": WHOLE, "kind": TEXT, "key": TEXT, "history": some({"type": "object"})})

_VERSION = {
    "version": TEXT,
    "name": TEXT,
    "area": TEXT,
    "dept": TEXT,
    "withdrawn": TRUTH,
    "inForce": TRUTH,
    "at": MOMENT,
    "by": TEXT,
    "position": WHOLE,
}
POLICY = members(_VERSION | {"policy": {"type": "object"}})
POLICIES = members(
    {
        "position": WHOLE,
        "items": some(members(_VERSION)),
        "presets": some(members({"name": TEXT, "title": TEXT})),
    }
)
CALENDAR = members(
    {
        "position": WHOLE,
        "version": TEXT,
        "knownUntil": DAY,
        "holidays": some(DAY),
        "makeUpDays": some(DAY),
        "at": MOMENT,
    },
    {"by": TEXT},
)
_SHARE = members({"numerator": WHOLE, "denominator": WHOLE, "rate": RATE})
_STAGE = members({"n": WHOLE, "medianHours": maybe(NUMBER), "p90Hours": maybe(NUMBER), "onTime": _SHARE})
_LOOP = members(
    dict.fromkeys(COUNTS, WHOLE)
    | dict.fromkeys(FIGURES, _SHARE)
    | {"stages": {"type": "object", "additionalProperties": _STAGE}}
)
TICKET_STATS = page(
    _LOOP | {"required": [*_LOOP["required"], "key", "name"]},
    {"at": MOMENT, "by": maybe(TEXT), "basis": TEXT, "from": maybe(DAY), "to": maybe(DAY), "total": _LOOP},
)
DELAY = members({"n": WHOLE, "p50": NUMBER, "p99": NUMBER})
SYNC_LINE = members(
    {
        "level": {"enum": list(LINES)},
        "counts": members(dict.fromkeys(STATES, WHOLE)),
        "oldestPending": maybe(MOMENT),
        "delay": maybe(DELAY),
    }
)
SYNC_PEER = members(
    {
        "peer": TEXT,
        "configured": TRUTH,
        "dialect": TEXT,
        "version": TEXT,
        "aliveAt": maybe(MOMENT),
        "answeredAt": maybe(MOMENT),
        "pausedUntil": maybe(MOMENT),
        "failures": WHOLE,
        "error": TEXT,
        "rate": NUMBER,
        "remainingSeconds": maybe(NUMBER),
        "differences": WHOLE,
        "alarms": some(members({"code": {"enum": list(ALARMS)}, "level": maybe(TEXT), "message": TEXT})),
        "levels": some(SYNC_LINE),
    }
)
SYNC_STATUS = members({"at": MOMENT, "peers": some(SYNC_PEER)})
SYNC_OUTBOX = page(
    members(
        {
            "position": WHOLE,
            "kind": {"enum": list(REPORTED)},
            "projectNo": TEXT,
            "serviceNumber": maybe(WHOLE),
            "stream": UUID,
            "waitsFor": maybe(TEXT),
            "areaCode": TEXT,
            "pf": TEXT,
            "satisfaction": maybe(LEVEL),
            "day": DAY,
            "recordedAt": MOMENT,
            "state": {"enum": list(STATES)},
            "attempts": WHOLE,
            "nextAt": maybe(MOMENT),
            "endedAt": maybe(MOMENT),
            "againAt": maybe(MOMENT),
            "firstAt": maybe(MOMENT),
            "firstReceipt": TEXT,
            "duplicate": TRUTH,
            "adjusted": TRUTH,
            "receipt": TEXT,
            "code": TEXT,
            "words": TEXT,
        }
    ),
    {"peer": TEXT},
)

INDICATORS = members(
    {
        **dict.fromkeys(("code", "message", "success", "version"), TEXT),
        "data": some(
            members(
                {
                    "normCode": TEXT,
                    "normName": TEXT,
                    "starLevel": LEVEL,
                    "usingStatus": {"enum": ["true", "false"]},
                    "expandNorm": {"enum": ["true", "false"]},
                }
            )
        ),
        "versions": some(members({"version": TEXT, "peer": TEXT, "at": maybe(MOMENT), "indicators": WHOLE})),
    }
)
_SIDES = {"ours": WHOLE, "theirs": WHOLE}
RECONCILIATIONS = members(
    {
        "items": some(
            members(
                _SIDES
                | dict.fromkeys(("run", "late", "unequal", "missing", "altered", "extra", "doubled"), WHOLE)
                | dict.fromkeys(("unsent", "resent", "settled"), WHOLE)
                | {"peer": TEXT, "day": DAY, "source": {"enum": ["listing", "file"]}}
                | {"takenAt": MOMENT, "endedAt": MOMENT}
                | {
                    "cells": some(
                        members(
                            _SIDES
                            | {"area": TEXT, "pf": TEXT, "level": LEVEL, "oursDigest": TEXT, "theirsDigest": TEXT}
                        )
                    )
                }
            )
        ),
        "nextCursor": maybe(TEXT),
    }
)
GETS = {
    "listRatings": RATINGS,
    "getRating": RATING,
    "listTickets": TICKETS,
    "getTicket": TICKET,
    "getTicketStats": TICKET_STATS,
    "listTicketEvents": TICKET_EVENTS,
    "getReceipt": FOUND,
    "getLog": LOG,
    "listDisclosures": DISCLOSURES,
    "getReadiness": READINESS,
    "listRegistry": ENTRIES,
    "getRegistryEntry": ENTRY,
    "getScores": SCORES,
    "listPolicies": POLICIES,
    "getPolicy": POLICY,
    "getCalendar": CALENDAR,
    "listIndicators": INDICATORS,
    "getSyncStatus": SYNC_STATUS,
    "listSyncOutbox": SYNC_OUTBOX,
    "listReconciliations": RECONCILIATIONS,
}
"""By operation."""
