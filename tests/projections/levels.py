"""What other levels say of a ticket, for the random lives that the folds are held against."""

from datetime import UTC, date, datetime
from uuid import UUID

from haocha.domain import ticket_levels as levels
from haocha.domain.rating import TextReference
from haocha.domain.ticket_events import Joined, Snapshot, TicketEvent

TEXTS = [TextReference(UUID(int=number), 12, f"{number:032x}") for number in range(4, 7)]
ABOVE = {"peer": "province", "order": UUID(int=5)}
BELOW = {
    "peer": "jining",
    "ticket": "theirs",
    "number": "2025-7",
    "version": 3,
    "happened_at": datetime(2025, 6, 3, 2, tzinfo=UTC),
    "unit": "jn-tax",
    "unit_name": "不动产登记中心",
}
FILE = levels.Link("5f" * 32, "image/png", 3)
HAPPENINGS: list[tuple[type[TicketEvent], dict[str, object]]] = [
    (levels.Overruled, ABOVE | {"verdict": "satisfied"}),
    (levels.Overruled, ABOVE | {"verdict": "excluded"}),
    (levels.Overruled, ABOVE | {"verdict": "upheld", "dismisses": True}),
    (levels.Reported, BELOW | {"event": "accepted", "status": "reviewing"}),
    (levels.Reported, BELOW | {"event": "transferred", "status": "awaiting_acceptance", "unit": "", "unit_name": ""}),
    (
        levels.Reported,
        BELOW
        | {
            "event": "reviewed",
            "status": "fixing",
            "verdict": "substantiated",
            "ground": "attitude",
            "disposition": "fix",
            "finding": TEXTS[0],
        },
    ),
    (
        levels.Reported,
        BELOW
        | {
            "event": "reviewed",
            "status": "approving",
            "verdict": "unsubstantiated",
            "ground": "policy",
            "disposition": "explain",
            "finding": TEXTS[1],
        },
    ),
    (levels.Reported, BELOW | {"event": "appeal_lodged", "status": "appealing", "ground": "mistaken"}),
    (levels.Reported, BELOW | {"event": "appeal_decided", "status": "reviewing", "result": "dismissed"}),
    (levels.Reported, BELOW | {"event": "appeal_decided", "status": "appealing", "result": "upheld"}),
    (
        levels.Reported,
        BELOW | {"event": "fix_submitted", "status": "approving", "measures": TEXTS[2], "evidence": (FILE,)},
    ),
    (levels.Reported, BELOW | {"event": "returned", "status": "fixing"}),
    (levels.Reported, BELOW | {"event": "approved", "status": "verifying"}),
    (levels.Reported, BELOW | {"event": "verification_sent", "status": "verifying"}),
    (levels.Reported, BELOW | {"event": "verified", "status": "verifying", "result": "satisfied", "satisfaction": 4}),
    (levels.Reported, BELOW | {"event": "verified", "status": "verifying", "result": "unsatisfied"}),
    (levels.Reported, BELOW | {"event": "fix_submitted", "measures": TEXTS[0]}),
    (levels.Reported, BELOW | {"event": "closed", "outcome": "fixed"}),
    (levels.Reported, BELOW | {"event": "reopened"}),
    (Joined, {"source": "province", "source_id": "z", "snapshot": Snapshot(day=date(2025, 6, 3))}),
]
