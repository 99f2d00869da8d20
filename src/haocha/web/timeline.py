"""The timeline of a ticket (工单经过): each event as people read it: who, when, what in words, and how long it took.

Pure: the events, what is still there of texts and files, and the names are arguments. The page, the print view and the
bar that says what happened meanwhile are made of the same entries.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple, assert_never
from uuid import UUID

import msgspec

from haocha.domain import ticket_events as events
from haocha.domain import ticket_levels as levels
from haocha.domain.codes import LEVELS
from haocha.domain.policy import Policy, Stage
from haocha.domain.rating import TextReference
from haocha.domain.registry import Registry
from haocha.domain.ticket_events import Actor, Evidence, Snapshot, TicketEvent
from haocha.domain.workdays import SHANGHAI, Limit
from haocha.store.log import Recorded
from haocha.web import words
from haocha.web.rule_words import limit

Tone = Literal["", "good", "bad"]

SYSTEM: Final = "系统"
UPPER: Final = "上级平台"
LABELS: Final = {
    "note": "说明",
    "reason": "理由",
    "finding": "核实情况",
    "basis": "依据",
    "measures": "整改措施",
    "comment": "意见",
}
WARNING, LADDER, ROUNDS = "warning:", "ladder:", "rounds"
"""How rules are named (domain/ladder.py)."""
BAD_RESULTS: Final = {"unsatisfied", "failed"}
BAD_RULINGS: Final = {"unsatisfied", "upheld"}


class Writing(msgspec.Struct, frozen=True):
    """A free text under its label; `body` None where it was erased by law."""

    label: str
    body: str | None


class Paper(NamedTuple):
    """A file with its caption; not `kept` where it was deleted."""

    piece: Evidence
    caption: str
    kept: bool


class There(NamedTuple):
    """What is still there of what events refer to: texts by their ids, files by their digests."""

    texts: Mapping[UUID, str]
    files: frozenset[str]


class Due(msgspec.Struct, frozen=True):
    """A deadline that an event set or moved."""

    stage: str
    at: datetime
    provisional: bool


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One event as people read it; `took` is the working time of the stage it ended."""

    version: int
    at: datetime
    title: str
    gist: str
    who: str
    role: str
    tone: Tone
    writings: tuple[Writing, ...]
    evidence: tuple[Paper, ...]
    took: str
    dues: tuple[Due, ...]
    other: tuple[UUID, str] | None
    """Another ticket that it speaks of: id and number."""
    links: tuple[levels.Link, ...] = ()
    """Files that an instance below keeps and shows."""


class Names(NamedTuple):
    """What codes and accounts are called, and the policy whose rules the events name."""

    registry: Registry
    accounts: Mapping[str, str]
    policy: Policy

    def unit(self, code: str) -> str:
        """Name a department, by its code where the registry does not know it."""
        return self.registry.name("org", code) or code

    def staff(self, key: str) -> str:
        """Name who is responsible: a staff member's key or an account."""
        return self.registry.name("staff", key) or self.accounts.get(key) or key

    def actor(self, by: Actor | None) -> tuple[str, str]:
        """Say who acted: name, then role and unit."""
        if by is None:
            return SYSTEM, ""
        if by.role == "citizen":
            return words.ROLES["citizen"], ""
        role = words.ROLES[by.role]
        return self.accounts.get(by.account) or by.account, f"{role} · {self.unit(by.unit)}" if by.unit else role


def references(stream: Sequence[Recorded]) -> Iterator[UUID]:
    """Yield the ids of the texts that the events refer to; what a client put into `ext` is its own affair."""
    for recorded in stream:
        event = recorded.event
        for name in event.__struct_fields__:
            value = getattr(event, name)
            if isinstance(value, TextReference):
                yield value.id
            elif isinstance(value, Snapshot):
                yield from (reference.id for name, reference in value.texts.items() if name != "ext")
        yield from (piece.caption.id for piece in evidence(event) if piece.caption is not None)


def evidence(event: TicketEvent) -> tuple[Evidence, ...]:
    """Return the files that an event refers to; what an instance below keeps is not here."""
    if isinstance(event, events.Opened | events.Joined):
        return event.snapshot.evidence
    pieces: tuple[Evidence, ...] = () if isinstance(event, levels.Reported) else getattr(event, "evidence", ())
    return pieces


def papers(pieces: Sequence[Evidence], there: There) -> tuple[Paper, ...]:
    """Return files with their captions."""
    return tuple(
        Paper(piece, there.texts.get(piece.caption.id, "") if piece.caption else "", piece.digest in there.files)
        for piece in pieces
    )


def actors(stream: Sequence[Recorded]) -> set[str]:
    """Return the accounts whose names a timeline needs."""
    acted = {recorded.event.by.account for recorded in stream if recorded.event.by is not None}
    responsible = {recorded.event.responsible for recorded in stream if isinstance(recorded.event, events.FixSubmitted)}
    return (acted | responsible) - {""}


def entries(stream: Sequence[Recorded], ended: Mapping[int, Stage], there: There, names: Names) -> list[Entry]:
    """Tell a ticket's stream, oldest first; `ended` is the stage that an event's version ended."""
    return [_entry(recorded, ended.get(recorded.originator_version), there, names) for recorded in stream]


def deed(recorded: Recorded) -> str:
    """Name what was done, here or as an instance below reported it, by the word of its event."""
    event: TicketEvent = recorded.event
    return event.event if isinstance(event, levels.Reported) else recorded.topic.partition(":")[0].partition(".")[2]


def _entry(recorded: Recorded, ended: Stage | None, there: There, names: Names) -> Entry:
    event: TicketEvent = recorded.event
    who, role = _elsewhere(event) or names.actor(event.by)
    kind = recorded.topic.partition(":")[0].partition(".")[2]
    return Entry(
        version=recorded.originator_version,
        at=event.at,
        title=words.EVENTS[kind],
        gist=gist(event, names),
        who=who,
        role=role,
        tone=_tone(event),
        writings=tuple(_writings(event, there)),
        evidence=papers(evidence(event), there),
        took=f"{words.STAGES[ended]}用时 {duration(event.worked)}（工作时间）" if ended and event.worked else "",
        dues=tuple(
            Due(words.STAGES[stage], at, stage in event.provisional) for stage, at in sorted(event.dues.items())
        ),
        other=_other(event),
        links=event.evidence if isinstance(event, levels.Reported) else (),
    )


def gist(event: TicketEvent, names: Names) -> str:  # noqa: C901, PLR0911, PLR0912 (one sentence per kind of event)
    """Say in one line what an event decided; '' where its name says all."""
    match event:
        case events.Opened() | events.Joined():
            level = LEVELS.get(event.snapshot.satisfaction, "")
            return " · ".join(part for part in (words.SOURCES[event.source], level) if part)
        case events.Dispatched():
            return f"派给{names.unit(event.unit)}"
        case events.Transferred():
            previous = names.unit(event.previous)
            return f"由{previous}改派{names.unit(event.unit)}" if event.unit else f"{previous}退回待分派"
        case events.Contacted():
            reached = "已联系上" if event.reached else "未联系上"
            return f"第 {event.attempt} 次，{words.CONTACTS.get(event.channel, event.channel)}，{reached}"
        case events.Reviewed():
            ground = words.GROUNDS.get(event.ground, event.ground)
            verdict, disposition = words.VERDICTS[event.verdict], words.DISPOSITIONS[event.disposition]
            return f"{verdict} · {ground} · {words.DIFFICULTIES[event.difficulty]} · {disposition}"
        case events.AppealLodged():
            return words.APPEALS[event.ground] + ("，申诉期间时限暂停" if event.clock_stops else "")
        case events.AppealDecided():
            return "申诉成立，评价不予采纳" if event.upheld else "申诉不成立，继续核实"
        case events.ExtensionRequested():
            return f"{words.STAGES[event.stage]}延长 {limit(event.limit)}"
        case events.ExtensionDecided():
            return f"{words.STAGES[event.stage]}：{'同意延期' if event.granted else '不同意延期'}"
        case events.FixSubmitted():
            return f"第 {event.round} 轮，责任人 {names.staff(event.responsible)}"
        case events.Returned():
            return f"退回{words.STATUSES[event.to].removesuffix('中')}"
        case events.VerificationSent():
            until = f"，{event.expires_at.astimezone(SHANGHAI):%m月%d日 %H:%M} 前有效" if event.expires_at else ""
            return f"第 {event.attempt} 次，{words.VERIFICATIONS[event.channel]}{until}"
        case events.Verified():
            result, level = words.RESULTS[event.result], LEVELS.get(event.satisfaction, "")
            more = f"（{level}）" if level not in {"", result} else ""
            return f"{words.VERIFICATIONS[event.channel]}：{result}{more}"
        case events.Reopened():
            back = words.STATUSES[event.to].removesuffix("中")
            return f"第 {event.round} 次重开：{words.REOPENINGS[event.why]}，回到{back}"
        case events.Reminded():
            stage, share = words.STAGES[event.stage], event.rule.removeprefix(WARNING)
            return f"{stage}时限已用去 {share}%" if share != event.rule else stage
        case events.Escalated():
            return f"{words.LADDER[event.level]}：{escalation(event, names.policy)}"
        case events.DueChanged():
            return f"工作日历更新为 {event.calendar_version}"
        case events.Merged():
            return f"并入 {event.into_number}"
        case events.Related():
            return f"同一人员、同一事项：{event.number}"
        case events.Closed():
            return words.OUTCOMES[event.outcome]
        case events.LookedBack():
            return "问题未再发生" if event.result == "holds" else "问题复发"
        case events.Accepted() | events.Approved():
            return ""
        case levels.Overruled():
            return words.RULINGS[event.verdict] + ("，申诉不成立" if event.dismisses else "")
        case levels.Reported():
            return f"{words.EVENTS[event.event]}：{said}" if (said := _reported(event)) else words.EVENTS[event.event]
        case _:
            assert_never(event)  # type: ignore[arg-type]  # the events of EVENTS, which a test goes through


def _elsewhere(event: TicketEvent) -> tuple[str, str] | None:
    """Say who acted at another level, and which platform says so; None of what happened here."""
    match event:
        case levels.Overruled():
            return UPPER, event.peer
        case levels.Reported():
            return event.unit_name or event.unit or event.peer, event.peer
        case events.Reminded() | events.Escalated() if event.rule.startswith(levels.ABOVE):
            return UPPER, event.rule.removeprefix(levels.ABOVE)
        case _:
            return None


def _reported(event: levels.Reported) -> str:
    """Say what the event decided that was reported; '' where its name says all."""
    match event.event:
        case "reviewed":
            ground = words.GROUNDS.get(event.ground, event.ground)
            said = (words.VERDICTS.get(event.verdict, ""), ground, words.DISPOSITIONS.get(event.disposition, ""))
            return " · ".join(part for part in said if part)
        case "appeal_lodged":
            return words.APPEALS.get(event.ground, event.ground)
        case "appeal_decided":
            return "申诉成立" if event.result == "upheld" else "申诉不成立"
        case "verified":
            result, level = words.RESULTS.get(event.result, event.result), LEVELS.get(event.satisfaction, "")
            return f"{result}（{level}）" if level not in {"", result} else result
        case "closed":
            return words.OUTCOMES.get(event.outcome, "")
        case _:
            return ""


def escalation(event: events.Escalated, policy: Policy) -> str:
    """Say by which rule a ticket climbed the ladder: how long a stage was overdue, no round was left, or from above."""
    if event.rule.startswith(levels.ABOVE):
        return "上级督办"
    if event.stage is None or event.rule == ROUNDS:
        return "重开次数已用完，评价人仍不满意"
    overdue = next((rung.overdue for rung in policy.ladder if f"{LADDER}{rung.level}" == event.rule), None)
    since = f"满 {limit(overdue)}" if overdue is not None and overdue != Limit(0) else ""
    return f"{words.STAGES[event.stage]}超期{since}"


def duration(minutes: int) -> str:
    """Print working minutes."""
    hours, rest = divmod(minutes, 60)
    return " ".join(
        part for part in (f"{hours} 小时" if hours else "", f"{rest} 分" if rest or not hours else "") if part
    )


def _tone(event: TicketEvent) -> Tone:  # noqa: PLR0911 (one tone per kind of event)
    match event:
        case events.Escalated() | events.Reopened() | events.Returned():
            return "bad"
        case events.Verified():
            return "bad" if event.result in BAD_RESULTS else "good"
        case levels.Overruled():
            return "bad" if event.verdict in BAD_RULINGS else "good"
        case events.LookedBack():
            return "good" if event.result == "holds" else "bad"
        case events.Closed():
            return "bad" if event.outcome == "unreachable" else "good"
        case events.Approved():
            return "good"
        case _:
            return ""


def _writings(event: TicketEvent, there: There) -> Iterator[Writing]:
    for name, label in LABELS.items():
        reference: Any = getattr(event, name, None)
        if isinstance(reference, TextReference):
            yield Writing(label, there.texts.get(reference.id))


def _other(event: TicketEvent) -> tuple[UUID, str] | None:
    match event:
        case events.Merged():
            return event.into, event.into_number
        case events.Related():
            return event.other, event.number
        case _:
            return None
