"""Lives of tickets told event by event, past every guard: what figures, ledger and circulars are made of."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import asyncpg

from haocha.domain import ticket_events as events
from haocha.domain.rating import TextReference
from haocha.domain.ticket_events import Snapshot, TicketEvent
from haocha.domain.workdays import SHANGHAI
from haocha.engine.projector import Projector, prepare
from haocha.store import log
from haocha.store.events import encode
from haocha.store.readmodels import definitions, wait_for

NUMBERS = itertools.count(1)
MONDAY = datetime(2025, 6, 2, 9, tzinfo=SHANGHAI)
PLACE = {"window": "H01/A01", "hall": "H01", "staff": "TAX/7", "dept": "TAX", "area": "370102000000", "matter": "T-100"}


class Life:
    """One ticket, hour by hour: every method appends the event of its name; `after` is hours since the opening."""

    def __init__(self, *, unit: str = "TAX", at: datetime = MONDAY, due: float = 24.0, **members: Any) -> None:
        """Open it: a named 差评 at window A01 unless `members` of the snapshot say otherwise."""
        self.id, self.began = uuid4(), at.astimezone(UTC)
        self.number = f"2025-{next(NUMBERS)}"
        self.texts: list[log.Text] = []
        self.events: list[TicketEvent] = []
        self.told = 0  # how many of them the log holds
        source = members.pop("source", "rating")
        said = members.pop("said", "")
        known = {"satisfaction": 1, "pf": "4", "day": at.astimezone(SHANGHAI).date(), "named": True, "linked": True}
        known |= PLACE | {"project_no": f"CASE-{self.number}", "eval_detail": ("110",)} | members
        if said:
            known["texts"] = {"writingEvaluation": self.text(said)}
        self._add(
            events.Opened,
            0,
            number=self.number,
            source=source,
            source_id=str(self.id),
            snapshot=Snapshot(**known),
            unit=unit,
            policy_version="default-1",
            calendar_version="CN-1",
            cause=next(NUMBERS),
            dues={"fix": self.began + timedelta(hours=due), "acceptance": self.began + timedelta(hours=8)},
        )

    def text(self, body: str) -> TextReference:
        """Write a text; equal texts have equal digests."""
        identity = uuid4()
        self.texts.append(log.Text(identity, self.id, body))
        return TextReference(identity, len(body), f"{abs(hash(body)):032x}"[:32])

    def accepted(self, after: float = 1.0) -> "Life":
        """签收."""
        return self._add(events.Accepted, after)

    def contacted(self, after: float = 2.0, *, reached: bool = True) -> "Life":
        """联系."""
        return self._add(events.Contacted, after, purpose="review", channel="phone", attempt=1, reached=reached)

    def reviewed(self, after: float = 3.0, *, ground: str = "delay", disposition: str = "fix") -> "Life":
        """核实."""
        said = {"verdict": "substantiated", "ground": ground, "difficulty": "general", "disposition": disposition}
        return self._add(events.Reviewed, after, finding=self.text("依据办事指南第三条。"), **said)

    def fixed(self, after: float = 5.0, *, measures: str = "调整窗口排班", responsible: str = "TAX/7") -> "Life":
        """整改."""
        return self._add(
            events.FixSubmitted, after, round=0, measures=self.text(measures), responsible=responsible, evidence=()
        )

    def approved(self, after: float = 6.0) -> "Life":
        """审核通过, and the citizen is asked."""
        self._add(events.Approved, after)
        return self._add(events.VerificationSent, after, channel="link", attempt=1)

    def verified(self, after: float = 7.0, result: str = "satisfied") -> "Life":
        """回访."""
        return self._add(events.Verified, after, channel="link", result=result)

    def appealed(self, after: float = 2.0, *, upheld: bool | None = None) -> "Life":
        """申诉, and its decision."""
        self._add(events.AppealLodged, after, ground="mistaken", reason=self.text("误点"))
        if upheld is not None:
            self._add(events.AppealDecided, after + 1, upheld=upheld, reason=self.text("查看了录像"))
        return self.closed(after + 1, "excluded") if upheld else self

    def reopened(self, after: float = 8.0) -> "Life":
        """重开."""
        due = {"fix": self.began + timedelta(hours=after + 24)}
        return self._add(events.Reopened, after, why="unsatisfied", to="fixing", round=1, dues=due)

    def escalated(self, after: float, level: str = "yellow") -> "Life":
        """督办."""
        return self._add(events.Escalated, after, level=level, rule=f"ladder:{level}", stage="fix")

    def closed(self, after: float = 7.0, outcome: str = "fixed") -> "Life":
        """办结."""
        return self._add(events.Closed, after, outcome=outcome, follows=len(self.events))

    def done(self, after: float = 3.0, **fix: Any) -> "Life":
        """Go the whole straight way from acceptance to a satisfied closing, `after` hours in."""
        self.accepted(after - 2).contacted(after - 1.9).reviewed(after - 1.8).fixed(after - 1, **fix)
        return self.approved(after - 0.5).verified(after).closed(after)

    def _add(self, event_class: type[TicketEvent], after: float, **members: Any) -> "Life":
        at = self.began + timedelta(hours=after)
        before = self.events[-1].at if self.events else at
        made = event_class(
            originator_id=self.id,
            originator_version=len(self.events) + 1,
            at=at,
            worked=int((at - before).total_seconds() // 60),
            **members,
        )
        self.events.append(made)
        return self


async def tell(pool: asyncpg.Pool, *lives: Life) -> int:
    """Append what is new of the lives and bring the read models up to it; return the last position."""
    groups = []
    for life in lives:
        new = life.events[life.told :]
        appended = tuple(log.NewEvent(life.id, event.originator_version, *encode(event)) for event in new)
        groups.append(log.Group(appended, texts=tuple(life.texts)))
        life.told = len(life.events)
        life.texts.clear()
    for start in range(0, len(groups), 100):
        verdicts = await log.append(pool, groups[start : start + 100])
        assert {verdict.verdict for verdict in verdicts} == {"ok"}
    await prepare(pool)
    head = await log.head(pool)
    for definition in definitions().values():
        while await Projector(pool).step(definition, head):
            pass
    assert await wait_for(pool, list(definitions()), head, 10), "a served site's own projector may be at it too"
    return head
