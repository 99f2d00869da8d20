"""The events of a ticket (工单), for its whole life: what is stored for ever, one struct per topic.

Free texts are never here, only where they are, how long and what digest (`TextReference`). `worked` is the business
minutes that the stage has run, so on the event that ends a stage the stage's working time. `dues` are the deadlines an
event sets or moves; the others stay. `by` is empty where a handler or timer acted: then `cause` says which.
"""

from datetime import date, datetime
from typing import Any, ClassVar, Literal, get_args
from uuid import UUID

import msgspec

from haocha.domain.aggregate import AggregateEvent
from haocha.domain.policy import Difficulty, Level, Stage
from haocha.domain.rating import TextReference
from haocha.domain.workdays import Limit

Source = Literal["rating", "supplement", "contested", "inspection", "complaint", "province"]
"""差评, 追评, a contested rating, 监督查评, 意见箱 and 投诉, the province's platform."""

SOURCES: tuple[Source, ...] = get_args(Source)

Role = Literal["handler", "supervisor", "reviewer", "agent", "inspector", "leader", "auditor", "admin", "citizen"]
"""承办, 督办, 复核, 回访, 查评, 领导, 审计, 管理员, 评价人; leaders and auditors only read."""

Status = Literal[
    "awaiting_dispatch",
    "awaiting_acceptance",
    "reviewing",
    "appealing",
    "fixing",
    "approving",
    "verifying",
    "closed",
]
"""待分派 · 待签收 · 核实中 · 申诉中 · 整改中 · 待审核 · 待回访 · 已办结."""

Outcome = Literal["fixed", "explained", "excluded", "merged", "unreachable"]
"""已整改, 已解释, 不予采纳, 已合并, 无法联系."""


class Actor(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """Who acted: an account, never a name, and for which unit in which role at that time."""

    account: str = ""
    unit: str = ""
    role: Role = "handler"


class Evidence(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A file by its SHA-256; it is stored outside the log."""

    digest: str
    media_type: str
    size: int
    caption: TextReference | None = None


class Snapshot(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, kw_only=True):
    """What the source said when it came; `satisfaction` 0 where nobody gave a level."""

    project_no: str = ""
    service_number: int = 1
    satisfaction: int = 0
    pf: str = ""
    day: date
    assess_time: datetime | None = None
    received_at: datetime | None = None
    window: str = ""
    staff: str = ""
    matter: str = ""
    dept: str = ""
    hall: str = ""
    area: str = ""
    linked: bool = False
    eval_detail: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    named: bool = False
    subject: UUID | None = None
    texts: dict[str, TextReference] = {}
    kind: str = ""
    """Of a complaint how it came: box 意见箱, hotline 热线, desk “办不成事”窗口, comment 综合点评, other."""
    standard: str = ""
    """Of an inspection's finding: the code in the indicator tree (指标体系) that it fails."""
    evidence: tuple[Evidence, ...] = ()


class TicketEvent(AggregateEvent, frozen=True, kw_only=True, omit_defaults=True):
    """What every event of a ticket may carry."""

    by: Actor | None = None
    worked: int = 0
    dues: dict[Stage, datetime] = msgspec.field(default_factory=dict)
    provisional: tuple[Stage, ...] = ()
    """Those of `dues` that rest on days beyond the calendar's `known_until`."""

    def apply(self, aggregate: Any) -> None:
        """Let the ticket take the event in."""
        super().apply(aggregate)
        aggregate.evolve(self)


class Opened(TicketEvent, frozen=True, kw_only=True):
    """A ticket begins; `case_id` is the first rating's stream, whatever of the case came first."""

    TOPIC: ClassVar[str] = "ticket.opened:v1"
    number: str
    source: Source
    source_id: str
    case_id: UUID | None = None
    snapshot: Snapshot
    unit: str = ""
    policy_version: str
    calendar_version: str
    below: str = ""
    """The instance below that works on it: it reported the rating, and will report what it does."""


class Joined(TicketEvent, frozen=True, kw_only=True):
    """A 追评, a contest or the first rating of the same case, while the ticket is open."""

    TOPIC: ClassVar[str] = "ticket.joined:v1"
    source: Source
    source_id: str
    snapshot: Snapshot


class Dispatched(TicketEvent, frozen=True, kw_only=True):
    """派单: a ticket without a unit gets one."""

    TOPIC: ClassVar[str] = "ticket.dispatched:v1"
    unit: str
    note: TextReference | None = None


class Accepted(TicketEvent, frozen=True, kw_only=True):
    """签收: the unit takes the ticket on."""

    TOPIC: ClassVar[str] = "ticket.accepted:v1"


class Transferred(TicketEvent, frozen=True, kw_only=True):
    """改派 (退单 to the triage queue where `unit` is empty); the clock runs on."""

    TOPIC: ClassVar[str] = "ticket.transferred:v1"
    previous: str
    unit: str = ""
    reason: TextReference


class Contacted(TicketEvent, frozen=True, kw_only=True):
    """联系: one attempt to reach the citizen, reached or not; `channel` is phone, sms, visit or platform."""

    TOPIC: ClassVar[str] = "ticket.contacted:v1"
    purpose: Literal["review", "verification"]
    channel: str
    attempt: int
    reached: bool
    note: TextReference | None = None


class Reviewed(TicketEvent, frozen=True, kw_only=True):
    """核实: 属实, 部分属实 or 不属实, why it came to this (`ground`, a code), how hard it is, fix or explain.

    An explanation names its legal basis (`basis`) and is itself the text of `finding`.
    """

    TOPIC: ClassVar[str] = "ticket.reviewed:v1"
    verdict: Literal["substantiated", "partly", "unsubstantiated"]
    ground: str
    difficulty: Difficulty
    disposition: Literal["fix", "explain"]
    finding: TextReference
    basis: TextReference | None = None
    evidence: tuple[Evidence, ...] = ()


class AppealLodged(TicketEvent, frozen=True, kw_only=True):
    """申诉: 误评, 恶意 or 不实; whether the clock stands still is the policy's."""

    TOPIC: ClassVar[str] = "ticket.appeal_lodged:v1"
    ground: Literal["mistaken", "malicious", "untrue"]
    reason: TextReference
    evidence: tuple[Evidence, ...] = ()
    clock_stops: bool = False


class AppealDecided(TicketEvent, frozen=True, kw_only=True):
    """复核, by somebody independent; upheld, the rating is excluded and the ticket closes."""

    TOPIC: ClassVar[str] = "ticket.appeal_decided:v1"
    upheld: bool
    reason: TextReference


class ExtensionRequested(TicketEvent, frozen=True, kw_only=True):
    """延期申请 for one stage."""

    TOPIC: ClassVar[str] = "ticket.extension_requested:v1"
    stage: Stage
    limit: Limit
    reason: TextReference


class ExtensionDecided(TicketEvent, frozen=True, kw_only=True):
    """延期审批; granted, `dues` holds the new deadline."""

    TOPIC: ClassVar[str] = "ticket.extension_decided:v1"
    stage: Stage
    granted: bool
    reason: TextReference | None = None


class FixSubmitted(TicketEvent, frozen=True, kw_only=True):
    """整改: measures and evidence.

    `responsible` (责任人) is a staff key, an account, or an office as the unit calls it; no citizen ever. The page
    offers the registered staff.
    """

    TOPIC: ClassVar[str] = "ticket.fix_submitted:v1"
    round: int
    measures: TextReference
    responsible: str
    evidence: tuple[Evidence, ...]


class Returned(TicketEvent, frozen=True, kw_only=True):
    """退回: a fix goes back to fixing, an explanation to reviewing."""

    TOPIC: ClassVar[str] = "ticket.returned:v1"
    to: Literal["fixing", "reviewing"]
    reason: TextReference


class Approved(TicketEvent, frozen=True, kw_only=True):
    """审核通过, by somebody who did not fix."""

    TOPIC: ClassVar[str] = "ticket.approved:v1"
    note: TextReference | None = None


class VerificationSent(TicketEvent, frozen=True, kw_only=True):
    """The citizen (or the inspector) is asked for a verdict; a link's token is a function of ticket and attempt."""

    TOPIC: ClassVar[str] = "ticket.verification_sent:v1"
    channel: Literal["link", "call", "recheck"]
    attempt: int
    expires_at: datetime | None = None


class Verified(TicketEvent, frozen=True, kw_only=True):
    """回访: a verdict that somebody gave; no answer is none. An inspector's re-check passes or fails."""

    TOPIC: ClassVar[str] = "ticket.verified:v1"
    channel: Literal["link", "call", "recheck"]
    result: Literal["satisfied", "unsatisfied", "informed", "passed", "failed"]
    satisfaction: int = 0
    comment: TextReference | None = None
    evidence: tuple[Evidence, ...] = ()


class Reopened(TicketEvent, frozen=True, kw_only=True):
    """重开, in a further round."""

    TOPIC: ClassVar[str] = "ticket.reopened:v1"
    why: Literal["unsatisfied", "failed", "recurred", "reinstated", "supervised", "overruled", "reported"]
    to: Literal["fixing", "reviewing"]
    round: int
    reason: TextReference | None = None


class Reminded(TicketEvent, frozen=True, kw_only=True):
    """催办, by a person or by a timer of the policy (`due_at` is the deadline it warns of)."""

    TOPIC: ClassVar[str] = "ticket.reminded:v1"
    stage: Stage
    rule: str = ""
    due_at: datetime | None = None
    fired_at: datetime | None = None
    note: TextReference | None = None


class Escalated(TicketEvent, frozen=True, kw_only=True):
    """督办: a rung of the ladder, and the rule that led to it."""

    TOPIC: ClassVar[str] = "ticket.escalated:v1"
    level: Level
    rule: str
    stage: Stage | None = None
    due_at: datetime | None = None
    fired_at: datetime | None = None
    note: TextReference | None = None


class DueChanged(TicketEvent, frozen=True, kw_only=True):
    """The deadlines again, where the calendar they rested on has become known."""

    TOPIC: ClassVar[str] = "ticket.due_changed:v1"
    calendar_version: str


class Merged(TicketEvent, frozen=True, kw_only=True):
    """合并 into another ticket; this one closes."""

    TOPIC: ClassVar[str] = "ticket.merged:v1"
    into: UUID
    into_number: str
    reason: TextReference | None = None


class Related(TicketEvent, frozen=True, kw_only=True):
    """关联: the same person and matter within the policy's days."""

    TOPIC: ClassVar[str] = "ticket.related:v1"
    other: UUID
    number: str


class Closed(TicketEvent, frozen=True, kw_only=True):
    """办结: never a command; it follows from the event of this stream whose version is `follows`."""

    TOPIC: ClassVar[str] = "ticket.closed:v1"
    outcome: Outcome
    follows: int


class LookedBack(TicketEvent, frozen=True, kw_only=True):
    """回头看 at a closed ticket of the sample `draw`; `recurred` reopens."""

    TOPIC: ClassVar[str] = "ticket.looked_back:v1"
    draw: str
    result: Literal["holds", "recurred"]
    note: TextReference | None = None
    evidence: tuple[Evidence, ...] = ()


EVENTS: tuple[type[TicketEvent], ...] = (
    Opened,
    Dispatched,
    Accepted,
    Transferred,
    Contacted,
    Reviewed,
    AppealLodged,
    AppealDecided,
    ExtensionRequested,
    ExtensionDecided,
    FixSubmitted,
    Returned,
    Approved,
    VerificationSent,
    Verified,
    Reopened,
    Reminded,
    Escalated,
    DueChanged,
    Merged,
    Joined,
    Related,
    Closed,
    LookedBack,
)
