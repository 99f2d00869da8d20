"""The ticket policy: every limit, count and switch of the 差评 loop, as versioned data.

The national rules set no number (国办发〔2019〕51号 says 限期), every place sets its own: so all of them are data.
A ticket keeps the version it was opened under. A limit starts when the ticket is opened or when its stage is entered;
it may depend on the difficulty that the review finds, `general` until then.
"""

from collections.abc import Mapping
from datetime import datetime, time
from typing import ClassVar, Final, Literal, NamedTuple, get_args
from uuid import UUID, uuid5

import msgspec

from haocha.domain.workdays import Calendar, CalendarPublished, Deadline, Limit, Span

Stage = Literal[
    "dispatch", "acceptance", "contact", "review", "appeal", "fix", "approval", "verification", "closing", "look_back"
]
"""What a deadline is for; `contact` and `closing` run beside the others, `look_back` after the closing."""

STAGES: Final[tuple[Stage, ...]] = get_args(Stage)

Difficulty = Literal["simple", "general", "difficult"]
"""难易程度."""

Level = Literal["remind", "yellow", "red", "circular", "talk"]
"""提醒 → 黄牌 → 红牌督办 → 通报 → 约谈."""


DEFAULT_NAME = "default"
"""The policy that is always there; it has no scope and cannot be withdrawn."""


class StageRule(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """How long a stage may take, from when; `simple` and `difficult` where they differ from `limit`."""

    limit: Limit
    start: Literal["opened", "entered"] = "entered"
    simple: Limit | None = None
    difficult: Limit | None = None

    def limit_for(self, difficulty: Difficulty) -> Limit:
        """Return the limit of a ticket of that difficulty."""
        match difficulty:
            case "simple":
                return self.simple or self.limit
            case "difficult":
                return self.difficult or self.limit
            case "general":
                return self.limit


class Extension(msgspec.Struct, frozen=True, rename="camel"):
    """延期: how often and by how much a supervisor may grant it, for which stages."""

    times: int
    limit: Limit
    stages: tuple[Stage, ...]


class Rung(msgspec.Struct, frozen=True, rename="camel"):
    """A step of the escalation ladder: what happens when a stage is that much overdue."""

    level: Level
    overdue: Limit


class LookBack(msgspec.Struct, frozen=True, rename="camel"):
    """回头看: which share of the closed tickets is looked at again, and when."""

    percent: int
    after: Limit


class Policy(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """One version of the rules."""

    hours: tuple[Span, ...]
    """Business hours: working days end with the last of them, and only they count as worked."""
    stages: dict[Stage, StageRule]
    extension: Extension
    contact: Literal["agent", "unit"]
    """Who may contact the citizen: an agent outside the unit, or the unit's one contact officer."""
    contact_attempts: int
    verification_attempts: int
    """Unanswered attempts after which a ticket closes as `unreachable`, never as satisfied."""
    rounds: int
    """How often a ticket may be reopened before it is escalated instead."""
    unit_may_transfer: bool
    """False is 不准退单: only a supervisor re-routes."""
    appeal_stops_clock: bool
    warnings: tuple[int, ...]
    """Per cent of a stage's time after which a reminder goes out."""
    ladder: tuple[Rung, ...]
    look_back: LookBack
    repeat_days: int
    """Within so many days, bad ratings of the same person on the same matter are related."""


def in_order(stages: Mapping[Stage, StageRule]) -> dict[Stage, StageRule]:
    """Return the stages' rules in the order in which a ticket comes through; the log does not keep it."""
    return {stage: stages[stage] for stage in STAGES if stage in stages}


class PolicyPublished(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A version of a policy: `<name>-<n>`, the n-th event of its stream."""

    TOPIC: ClassVar[str] = "policy.published:v1"

    version: str
    name: str
    policy: Policy
    at: datetime
    by: str = ""
    area: str = ""
    """For tickets of areas whose code begins so; empty for all."""
    dept: str = ""
    """For tickets that are about this department; empty for all."""
    withdrawn: bool = False
    """From here on the name holds for nobody; tickets opened under it keep it."""

    def holds_for(self, area: str, dept: str) -> bool:
        """Say whether a ticket about `dept` in `area` would be opened under this."""
        return not self.withdrawn and area.startswith(self.area) and self.dept in ("", dept)


class Terms(NamedTuple):
    """The policy and the calendar that a ticket is handled under; `seed` is the installation's, for drawing samples."""

    policy_version: str
    policy: Policy
    calendar: Calendar
    seed: str = ""

    def due(self, stage: Stage, start: datetime, difficulty: Difficulty = "general") -> Deadline:
        """Return the deadline of a stage whose clock started at `start`; raises KeyError where it has no limit."""
        limit = self.policy.stages[stage].limit_for(difficulty)
        return self.calendar.deadline(start, limit, self.policy.hours)

    def worked(self, start: datetime, end: datetime) -> int:
        """Return the business minutes between two instants."""
        return self.calendar.worked_minutes(start, end, self.policy.hours)


class Rulebook(NamedTuple):
    """All published versions with their positions, oldest first, and the installation's seed."""

    policies: tuple[tuple[int, PolicyPublished], ...]
    calendars: tuple[tuple[int, CalendarPublished], ...]
    seed: str = ""

    def at(self, position: int, area: str = "", dept: str = "") -> Terms:
        """Return what was in force at `position` for a ticket about `dept` in `area`; before the first, the first."""
        calendar = [published for since, published in self.calendars if since <= position] or [self.calendars[0][1]]
        return self._terms(self.policy_at(position, area, dept), calendar[-1])

    def policy_at(self, position: int, area: str = "", dept: str = "") -> PolicyPublished:
        """Return the most specific policy in force: the department's, else the longest area prefix's, else the default.

        Of two that are equally specific the one published later counts.
        """
        holding = [published for published in self.in_force(position) if published.holds_for(area, dept)]
        return max(
            reversed(holding),
            key=lambda published: (published.dept != "", len(published.area)),
            default=self.policies[0][1],
        )

    def in_force(self, position: int) -> list[PolicyPublished]:
        """Return the latest version of each name at `position`, the last published last, without those withdrawn."""
        latest: dict[str, PolicyPublished] = {}
        for since, published in self.policies:
            if since <= position:
                latest.pop(published.name, None)
                latest[published.name] = published
        return [published for published in latest.values() if not published.withdrawn]

    @property
    def head(self) -> int:
        """The position of the latest version of anything."""
        return max((position for position, _ in (*self.policies[-1:], *self.calendars[-1:])), default=0)

    def named(self, name: str) -> PolicyPublished | None:
        """Return the version of a name that is in force now."""
        return next((published for published in self.in_force(self.head) if published.name == name), None)

    def of(self, policy_version: str, calendar_version: str) -> Terms:
        """Return the versions that a ticket was opened under; raises KeyError where there is no such version."""
        return self._terms(self.policy(policy_version), self.calendar(calendar_version))

    def policy(self, version: str) -> PolicyPublished:
        """Return one version of a policy; raises KeyError."""
        return {published.version: published for _, published in self.policies}[version]

    def calendar(self, version: str) -> CalendarPublished:
        """Return one version of the calendar; raises KeyError."""
        return {published.version: published for _, published in self.calendars}[version]

    def _terms(self, policy: PolicyPublished, calendar: CalendarPublished) -> Terms:
        return Terms(policy.version, policy.policy, Calendar.of(calendar), self.seed)


def policy_id(namespace: UUID, name: str) -> UUID:
    """Name the stream of a policy."""
    return uuid5(namespace, f"policy|{name}")


DEFAULT = Policy(
    hours=(Span(time(9), time(12)), Span(time(13), time(17))),
    stages={
        "dispatch": StageRule(Limit(1)),
        "acceptance": StageRule(Limit(1)),
        "contact": StageRule(Limit(1), start="opened"),
        "review": StageRule(Limit(3)),
        "appeal": StageRule(Limit(5)),
        "fix": StageRule(Limit(5), start="opened", difficult=Limit(15)),
        "approval": StageRule(Limit(1)),
        "verification": StageRule(Limit(5)),
    },
    extension=Extension(times=1, limit=Limit(5), stages=("fix",)),
    contact="agent",
    contact_attempts=3,
    verification_attempts=3,
    rounds=1,
    unit_may_transfer=True,
    appeal_stops_clock=False,
    warnings=(80,),
    ladder=(
        Rung("yellow", Limit(0)),
        Rung("red", Limit(1)),
        Rung("circular", Limit(3)),
        Rung("talk", Limit(5)),
    ),
    look_back=LookBack(percent=10, after=Limit(30, "natural")),
    repeat_days=30,
)
"""Contact within a day, 5 working days to fix, 15 for difficult ones: as 上海, 德州 and 襄城 have set them."""

EVENTS: tuple[type, ...] = (PolicyPublished,)
