"""What a ticket (工单) is as its events tell it: the state that decisions look at, and nothing decided."""

from collections import Counter
from datetime import date, datetime
from typing import ClassVar, Final, Literal, Self, get_args
from uuid import UUID

from haocha.domain import ticket_events as events
from haocha.domain import ticket_levels as levels
from haocha.domain.aggregate import Aggregate
from haocha.domain.policy import Difficulty, Level, Stage
from haocha.domain.ticket_events import Outcome, Snapshot, Source, Status, TicketEvent
from haocha.domain.ticket_levels import Ruling
from haocha.domain.workdays import SHANGHAI

STATUSES: Final[tuple[Status, ...]] = get_args(Status)

STAGES: Final[dict[Status, Stage]] = {
    "awaiting_dispatch": "dispatch",
    "awaiting_acceptance": "acceptance",
    "reviewing": "review",
    "appealing": "appeal",
    "fixing": "fix",
    "approving": "approval",
    "verifying": "verification",
    "closed": "look_back",
}
"""The stage whose deadline runs in a status; `contact` and `closing` run beside."""

LADDER: Final[tuple[Level, ...]] = get_args(Level)


class TicketState(Aggregate):
    """A ticket as its events tell it."""

    FIRST: ClassVar[tuple[type[TicketEvent], ...]] = (events.Opened,)
    number: str
    source: Source
    source_id: str
    case_id: UUID | None
    snapshot: Snapshot
    unit: str
    policy_version: str
    calendar_version: str
    opened_at: datetime
    status: Status
    entered_at: datetime
    """Since when it has this status."""
    dues: dict[Stage, datetime]
    provisional: set[Stage]
    started: dict[Stage, datetime]
    """When the clock of each deadline began to run."""
    extended: Counter[Stage]
    stood: list[tuple[datetime, datetime]]
    """From when to when in this round the clock stood still for an appeal that was dismissed."""
    parts: list[tuple[Source, str]]
    """What it is about: its source, and what joined it."""
    rated: set[str]
    """The staff members whom anything of `parts` is about, by the key it came with."""
    rated_units: set[str]
    handled: set[str]
    """All units that have had it."""
    fixers: set[str]
    """The accounts that submitted a fix, or an explanation."""
    contacts: int
    reached: bool
    verdict: str
    ground: str
    difficulty: Difficulty
    disposition: Literal["", "fix", "explain"]
    appeal: Literal["", "lodged", "upheld", "dismissed"]
    appeal_ground: str
    lodged_at: datetime | None
    stops: bool
    """Whether the clock stands still for the appeal that is being decided."""
    extension: Stage | None
    """The stage for which an extension is asked for and not decided."""
    link: int
    """The attempt whose verdict is awaited, 0 before the first."""
    link_expires_at: datetime | None
    unanswered: int
    """Calls for a verdict in this round that nobody answered."""
    links_before: int
    """The attempt that the last round ended with."""
    rounds: int
    began: datetime
    """When this round began: the opening, or the last reopening."""
    spent: bool
    """Not satisfied, and no round left: only a supervisor moves it on."""
    escalated: Level | Literal[""]
    related: set[UUID]
    outcome: Outcome | Literal[""]
    closed_at: datetime | None
    above: Ruling | Literal[""]
    """What the platform above has decided last."""
    ruled: Literal["", "excluded", "upheld"]
    """What it has decided on whether the rating counts."""
    below: str
    """The instance below that works on it and reports; '' where it is worked on here."""
    reported: dict[str, int]
    """The versions that its tickets had in their last reports; a case may have had more than one there."""
    behind: Literal["", "unsatisfied", "upheld"]
    """What was decided here, and the instance below has not taken in yet."""

    @classmethod
    def begin(cls, originator_id: UUID, opened: events.Opened) -> Self:
        """Start from the stream's first event."""
        ticket = cls.__new__(cls)
        ticket.__base_init__(originator_id, 1, opened.at)
        ticket.number, ticket.source, ticket.source_id = opened.number, opened.source, opened.source_id
        ticket.case_id, ticket.snapshot, ticket.unit = opened.case_id, opened.snapshot, opened.unit
        ticket.policy_version, ticket.calendar_version = opened.policy_version, opened.calendar_version
        ticket.opened_at = ticket.entered_at = ticket.began = opened.at
        ticket.status = "awaiting_acceptance" if opened.unit or opened.below else "awaiting_dispatch"
        ticket.dues, ticket.provisional, ticket.started, ticket.extended = {}, set(), {}, Counter()
        ticket.stood, ticket.parts = [], [(opened.source, opened.source_id)]
        ticket.handled, ticket.fixers = ({opened.unit} if opened.unit else set()), set()
        ticket.contacts, ticket.reached = 0, False
        ticket.verdict = ticket.ground = ""
        ticket.difficulty, ticket.disposition = "general", ""
        ticket.appeal, ticket.appeal_ground, ticket.lodged_at, ticket.extension = "", "", None, None
        ticket.stops = False
        ticket.link, ticket.link_expires_at, ticket.unanswered, ticket.links_before = 0, None, 0, 0
        ticket.rounds, ticket.spent, ticket.escalated, ticket.related = 0, False, "", set()
        ticket.outcome, ticket.closed_at = "", None
        ticket.above, ticket.ruled = "", ""
        ticket.below, ticket.reported, ticket.behind = opened.below, {}, ""
        ticket.rated, ticket.rated_units = set(), set()
        opened.apply(ticket)
        return ticket

    @property
    def is_open(self) -> bool:
        """Say whether something remains to be done."""
        return self.status != "closed"

    @property
    def stage(self) -> Stage:
        """The stage it is in."""
        return STAGES[self.status]

    @property
    def joined(self) -> list[str]:
        """What came to the same case later."""
        return [source_id for _, source_id in self.parts[1:]]

    @property
    def interested(self) -> set[str]:
        """The units that may not judge: those rated, and all that have handled it."""
        return self.handled | self.rated_units

    @property
    def attempts(self) -> int:
        """How often the citizen has not answered in this round: links that ran out, and calls."""
        return max(0, self.link - self.links_before - 1) + self.unanswered

    def runs(self, stage: Stage) -> bool:
        """Say whether the stage's clock runs: it is the current one, or one that began with the ticket and goes on."""
        if stage == self.stage:
            return True
        if not self.is_open:
            return False
        match stage:
            case "contact":
                return not self.reached and not self.below
            case "closing":
                return True
            case "fix":
                return stage in self.dues and self.status in {"awaiting_dispatch", "awaiting_acceptance", "reviewing"}
            case _:
                return False

    def evolve(self, event: TicketEvent) -> None:  # noqa: C901, PLR0912, PLR0915 (one case per kind of event)
        """Take one event in."""
        self._take_dues(event)
        match event:
            case events.Opened():
                self._take_rated(event.snapshot)
            case events.Dispatched() | events.Transferred():
                self.unit, self.extension = event.unit, None
                self.handled |= {event.unit} - {""}
            case events.Joined():
                self.parts.append((event.source, event.source_id))
                self._take_rated(event.snapshot)
            case events.Contacted(purpose="review"):
                self.contacts, self.reached = event.attempt, self.reached or event.reached
            case events.Contacted(reached=False):
                self.unanswered += 1
            case events.Reviewed():
                self.verdict, self.ground, self.difficulty = event.verdict, event.ground, event.difficulty
                self.disposition = event.disposition
                if event.disposition == "explain" and event.by is not None:
                    self.fixers.add(event.by.account)
            case events.AppealLodged():
                self.appeal, self.appeal_ground, self.lodged_at = "lodged", event.ground, event.at
                self.stops = event.clock_stops
            case events.AppealDecided():
                self.appeal = "upheld" if event.upheld else "dismissed"
                if not event.upheld:
                    self._take_pause(event.at)
                    self._decided_here("upheld")
            case events.ExtensionRequested():
                self.extension = event.stage
            case events.ExtensionDecided():
                self.extension = None
                self.extended[event.stage] += event.granted
            case events.FixSubmitted():
                self.extension = None
                if event.by is not None:
                    self.fixers.add(event.by.account)
            case events.VerificationSent():
                self.link, self.link_expires_at = event.attempt, event.expires_at
            case events.Escalated():
                self.escalated = max(self.escalated or "remind", event.level, key=LADDER.index)
                self.spent = self.spent or event.rule == "rounds"
            case events.Reopened():
                self.rounds, self.began, self.spent = event.round, event.at, False
                self.outcome, self.closed_at = "", None
                self.unanswered, self.links_before, self.extension = 0, self.link, None
                if event.why != "reported":
                    self._decided_here("upheld" if event.why == "reinstated" else "unsatisfied")
            case events.Related():
                self.related.add(event.other)
            case events.DueChanged():
                self.calendar_version = event.calendar_version
            case events.Closed():
                self.outcome, self.closed_at, self.extension = event.outcome, event.at, None
            case events.LookedBack():
                self.dues.pop("look_back", None)
            case levels.Overruled():
                self._take_ruling(event)
            case levels.Reported():
                self._take_report(event)
            case _:
                pass
        status = status_after(event)
        if status is not None and status != self.status:
            self.status, self.entered_at = status, event.at

    def rates(self, staff: str) -> bool:
        """Say whether a staff member is rated: a number that nobody knew when it came is read within these units."""
        unit, _, number = staff.rpartition("/")
        return bool(staff) and (staff in self.rated or (number in self.rated and unit in self.interested))

    def _decided_here(self, verdict: Literal["unsatisfied", "upheld"]) -> None:
        """Remember what the instance below has yet to hear: that it is not over goes before that the rating counts."""
        if self.below:
            self.behind = "unsatisfied" if "unsatisfied" in {verdict, self.behind} else "upheld"

    def _take_pause(self, until: datetime) -> None:
        if self.stops and self.lodged_at is not None:
            self.stood.append((self.lodged_at, until))

    def _take_ruling(self, event: levels.Overruled) -> None:
        self.above = event.verdict
        if event.verdict in {"excluded", "upheld"}:
            self.ruled = event.verdict
        if event.verdict == "excluded":
            self.dues.pop("look_back", None)
        if event.dismisses:
            self.appeal = "dismissed"
            self._take_pause(event.at)

    def _take_report(self, event: levels.Reported) -> None:
        """Follow the instance below: its unit, its review and its appeal, while the ticket is open here."""
        self.below = event.peer
        self.reported[event.ticket] = max(self.reported.get(event.ticket, 0), event.version)
        if event.event == "reopened" or (event.event == "overruled" and event.status not in {"", "verifying"}):
            self.behind = ""
        self.extension = None
        if not event.status:
            return
        self.unit = event.unit
        self.handled |= {event.unit} - {""}
        match event.event:
            case "reviewed":
                self.verdict, self.ground, self.disposition = event.verdict, event.ground, event.disposition
            case "appeal_lodged":
                self.appeal, self.appeal_ground, self.lodged_at, self.stops = "lodged", event.ground, event.at, False
            case "appeal_decided":
                self.appeal = "upheld" if event.result == "upheld" else "dismissed"
            case _:
                pass

    def _take_rated(self, snapshot: Snapshot) -> None:
        self.rated |= {snapshot.staff} - {""}
        self.rated_units |= {snapshot.dept} - {""}

    def _take_dues(self, event: TicketEvent) -> None:
        if isinstance(event, events.Reopened):
            self.extended.clear()
            self.stood = []
        moved = isinstance(event, events.ExtensionDecided | events.AppealDecided | events.DueChanged | levels.Overruled)
        for stage in event.dues:
            if not moved and not (isinstance(event, events.Reviewed) and stage == "fix" and stage in self.started):
                self.started[stage] = event.at
        self.dues |= event.dues
        self.provisional = self.provisional - set(event.dues) | set(event.provisional)


def status_after(event: TicketEvent) -> Status | None:  # noqa: C901, PLR0911, PLR0912 (one answer per kind of event)
    """Return the status that an event leads to, None where it leaves it as it is."""
    match event:
        case events.Opened(below=below) if below:
            return "awaiting_acceptance"
        case events.Opened() | events.Dispatched() | events.Transferred():
            return "awaiting_acceptance" if event.unit else "awaiting_dispatch"
        case events.Accepted():
            return "reviewing"
        case events.Reviewed():
            return "fixing" if event.disposition == "fix" else "approving"
        case events.AppealLodged():
            return "appealing"
        case events.AppealDecided():
            return None if event.upheld else "reviewing"
        case events.FixSubmitted():
            return "approving"
        case events.Returned() | events.Reopened():
            return event.to
        case events.Approved():
            return "verifying"
        case events.Closed():
            return "closed"
        case levels.Overruled(dismisses=True):
            return "reviewing"
        case levels.Reported():
            return event.status or None
        case _:
            return None


def day_of(moment: datetime) -> date:
    """Return the day in Shanghai."""
    return moment.astimezone(SHANGHAI).date()
