"""What people send with a ticket's commands: one form per command, read with every fault at once, then given to it."""

from abc import abstractmethod
from collections.abc import Callable
from datetime import datetime
from functools import cache
from typing import Annotated, Any, Final, Literal, NamedTuple, TypeAlias

import msgspec
from msgspec import Meta

from haocha.domain.account import Account
from haocha.domain.policy import Difficulty, Stage, Terms
from haocha.domain.rating import TextReference
from haocha.domain.ticket import Ticket
from haocha.domain.ticket_events import Evidence
from haocha.web.problems import Fault
from haocha.web.wire import CONTROL, missing, pointer
from haocha.web.words import GROUNDS

LONGEST: Final = 2_000  # characters of a text
Note: TypeAlias = Annotated[str, Meta(max_length=LONGEST)]
Body: TypeAlias = Annotated[str, Meta(min_length=1, max_length=LONGEST)]
Code: TypeAlias = Annotated[str, Meta(pattern=r"^[!-~]{1,50}$")]
Ground: TypeAlias = Annotated[str, Meta(pattern=f"^({'|'.join(GROUNDS)})$")]


class Attached(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of evidence that was uploaded before, by its digest."""

    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
    caption: Annotated[str, Meta(max_length=200)] = ""


class Act(NamedTuple):
    """Who acts, under which rules and when, and what the forms need of the world."""

    by: Account
    terms: Terms
    at: datetime
    refer: Callable[[str, str], TextReference]
    files: dict[str, Evidence]
    into: Ticket | None = None

    @property
    def who(self) -> tuple[Account, Terms, datetime]:
        """What every command begins with."""
        return self.by, self.terms, self.at

    def text(self, member: str, body: str) -> TextReference | None:
        """Refer to a text, None where nothing was written."""
        return self.refer(member, body.strip()) if body.strip() else None

    def evidence(self, attached: tuple[Attached, ...]) -> tuple[Evidence, ...]:
        """Return the files, with their captions as texts."""
        return tuple(
            msgspec.structs.replace(self.files[one.digest], caption=self.text(f"caption-{index}", one.caption))
            for index, one in enumerate(attached)
        )


class Order(msgspec.Struct, forbid_unknown_fields=True):
    """The form of a command."""

    @property
    def attached(self) -> tuple[Attached, ...]:
        """The files that it refers to."""
        return getattr(self, "evidence", ())

    @property
    def receiver(self) -> str:
        """The unit that is to have the ticket, '' where none is named."""
        return getattr(self, "unit", "")

    @abstractmethod
    def give(self, ticket: Ticket, act: Act) -> None:
        """Give the command; raises its refusals."""


class Dispatch(Order):
    """派单."""

    unit: Code
    note: Note = ""

    def give(self, ticket: Ticket, act: Act) -> None:
        """Dispatch."""
        ticket.dispatch(*act.who, unit=self.unit, note=act.text("note", self.note))


class Accept(Order):
    """签收."""

    def give(self, ticket: Ticket, act: Act) -> None:
        """Accept."""
        ticket.accept(*act.who)


class Transfer(Order):
    """改派; without a unit back to the triage queue."""

    reason: Body
    unit: Annotated[str, Meta(pattern=r"^[!-~]{0,50}$")] = ""

    def give(self, ticket: Ticket, act: Act) -> None:
        """Transfer."""
        ticket.transfer(*act.who, unit=self.unit, reason=act.refer("reason", self.reason))


class Contact(Order):
    """联系."""

    reached: bool
    channel: Literal["phone", "sms", "visit", "platform"] = "phone"
    note: Note = ""

    def give(self, ticket: Ticket, act: Act) -> None:
        """Record an attempt."""
        ticket.contact(*act.who, channel=self.channel, reached=self.reached, note=act.text("note", self.note))


class Review(Order):
    """核实."""

    verdict: Literal["substantiated", "partly", "unsubstantiated"]
    ground: Ground
    disposition: Literal["fix", "explain"]
    finding: Body
    difficulty: Difficulty = "general"
    basis: Note = ""
    evidence: tuple[Attached, ...] = ()

    def give(self, ticket: Ticket, act: Act) -> None:
        """Review."""
        ticket.review(
            *act.who,
            verdict=self.verdict,
            ground=self.ground,
            disposition=self.disposition,
            difficulty=self.difficulty,
            finding=act.refer("finding", self.finding),
            basis=act.text("basis", self.basis),
            evidence=act.evidence(self.evidence),
        )


class Appeal(Order):
    """申诉."""

    ground: Literal["mistaken", "malicious", "untrue"]
    reason: Body
    evidence: tuple[Attached, ...] = ()

    def give(self, ticket: Ticket, act: Act) -> None:
        """Lodge an appeal."""
        reason, evidence = act.refer("reason", self.reason), act.evidence(self.evidence)
        ticket.lodge_appeal(*act.who, ground=self.ground, reason=reason, evidence=evidence)


class DecideAppeal(Order):
    """申诉复核."""

    upheld: bool
    reason: Body

    def give(self, ticket: Ticket, act: Act) -> None:
        """Decide an appeal."""
        ticket.decide_appeal(*act.who, upheld=self.upheld, reason=act.refer("reason", self.reason))


class RequestExtension(Order):
    """申请延期."""

    reason: Body
    stage: Stage | None = None

    def give(self, ticket: Ticket, act: Act) -> None:
        """Ask for more time."""
        ticket.request_extension(*act.who, stage=self.stage, reason=act.refer("reason", self.reason))


class DecideExtension(Order):
    """延期审批."""

    granted: bool
    reason: Note = ""

    def give(self, ticket: Ticket, act: Act) -> None:
        """Decide on more time."""
        ticket.decide_extension(*act.who, granted=self.granted, reason=act.text("reason", self.reason))


class Fix(Order):
    """提交整改; what is missing is the command's to refuse."""

    measures: Note = ""
    responsible: Annotated[str, Meta(max_length=50)] = ""
    evidence: tuple[Attached, ...] = ()

    def give(self, ticket: Ticket, act: Act) -> None:
        """Submit the fix."""
        ticket.fix(
            *act.who,
            measures=act.text("measures", self.measures),
            responsible=self.responsible.strip(),
            evidence=act.evidence(self.evidence),
        )


class Return(Order):
    """退回."""

    reason: Body

    def give(self, ticket: Ticket, act: Act) -> None:
        """Send it back."""
        ticket.give_back(*act.who, reason=act.refer("reason", self.reason))


class Approve(Order):
    """审核通过."""

    note: Note = ""

    def give(self, ticket: Ticket, act: Act) -> None:
        """Approve."""
        ticket.approve(*act.who, note=act.text("note", self.note))


class Verify(Order):
    """回访."""

    result: Literal["satisfied", "unsatisfied", "informed", "passed", "failed"]
    satisfaction: Annotated[int, Meta(ge=1, le=5)] | None = None
    comment: Note = ""
    evidence: tuple[Attached, ...] = ()

    def give(self, ticket: Ticket, act: Act) -> None:
        """Record the verdict."""
        ticket.verify(
            *act.who,
            result=self.result,
            satisfaction=self.satisfaction or 0,
            comment=act.text("comment", self.comment),
            evidence=act.evidence(self.evidence),
        )


class Remind(Order):
    """催办."""

    note: Note = ""

    def give(self, ticket: Ticket, act: Act) -> None:
        """Remind."""
        ticket.remind(*act.who, note=act.text("note", self.note))


class Reopen(Order):
    """督办重开."""

    reason: Body

    def give(self, ticket: Ticket, act: Act) -> None:
        """Reopen."""
        ticket.reopen(*act.who, reason=act.refer("reason", self.reason))


class Merge(Order):
    """合并 into a related ticket, named by its number or id."""

    into: Code
    reason: Note = ""

    def give(self, ticket: Ticket, act: Act) -> None:
        """Merge."""
        ticket.merge(*act.who, into=act.into, reason=act.text("reason", self.reason))


class LookBack(Order):
    """回头看."""

    result: Literal["holds", "recurred"]
    note: Note = ""
    evidence: tuple[Attached, ...] = ()

    def give(self, ticket: Ticket, act: Act) -> None:
        """Look again."""
        note, evidence = act.text("note", self.note), act.evidence(self.evidence)
        ticket.look_back(*act.who, result=self.result, note=note, evidence=evidence)


class Reinstate(Order):
    """恢复采纳."""

    reason: Body

    def give(self, ticket: Ticket, act: Act) -> None:
        """Reinstate."""
        ticket.reinstate(*act.who, reason=act.refer("reason", self.reason))


ORDERS: Final[dict[str, type[Order]]] = {
    "dispatch": Dispatch,
    "accept": Accept,
    "transfer": Transfer,
    "contact": Contact,
    "review": Review,
    "appeal": Appeal,
    "decide-appeal": DecideAppeal,
    "request-extension": RequestExtension,
    "decide-extension": DecideExtension,
    "fix": Fix,
    "return": Return,
    "approve": Approve,
    "verify": Verify,
    "remind": Remind,
    "reopen": Reopen,
    "merge": Merge,
    "look-back": LookBack,
    "reinstate": Reinstate,
}


def read(command: str, sent: Any) -> tuple[Order | None, list[Fault]]:
    """Read a command's form; every member that is wrong is named. None where there are faults."""
    if not isinstance(sent, dict):
        return None, [Fault("", "type", "应为一个 JSON 对象。")]
    form = ORDERS[command]
    fields = _fields(form)
    faults = [missing(name) for name, field in fields.items() if field.required and _is_blank(sent.get(name))]
    for name, value in sent.items():
        if name not in fields:
            faults.append(Fault(pointer(name), "unknown_field", f"不认识的字段 {name}；请改正名称。"))
        elif not (fields[name].required and _is_blank(value)):
            faults += _member_faults(name, value, fields[name].type)
    return (None, faults) if faults else (msgspec.convert(sent, form), faults)


def _member_faults(name: str, value: Any, form: Any) -> list[Fault]:
    try:
        msgspec.convert(value, form)
    except msgspec.ValidationError as error:
        code = "too_long" if "of length <=" in str(error) else "form"
        form_said = f"不超过 {LONGEST} 个字符" if code == "too_long" else "不符合要求，请查阅接口文档中的取值"
        return [Fault(pointer(name), code, f"{name} {form_said}。")]
    if isinstance(value, str) and CONTROL.search(value):
        return [Fault(pointer(name), "control_character", f"{name} 含有控制字符，请删去。")]
    return []


def _is_blank(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


@cache
def _fields(form: type[Order]) -> dict[str, msgspec.structs.FieldInfo]:
    return {field.encode_name: field for field in msgspec.structs.fields(form)}
