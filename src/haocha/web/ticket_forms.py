"""The forms of a ticket's page: per command its fields with labels and hints, and the rule that stands beside it.

What a command takes is the API's (ticket_commands.py); here is how it is asked of people. Fields are declared once,
what depends on the ticket (units to choose, results that fit) is filled in by `form`.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, Literal, NamedTuple

import msgspec

from haocha.domain import ticket_guards as guards
from haocha.domain.account import Account
from haocha.domain.codes import LEVELS
from haocha.domain.policy import Difficulty, Stage, Terms
from haocha.domain.ticket import Ticket
from haocha.web import words
from haocha.web.rule_words import limit

Kind = Literal["text", "choice", "select", "files"]
Options = tuple[tuple[str, str], ...]

MOST_FILES: Final = 6
LONGEST: Final = 2_000
YES, NO = "true", "false"
TRIAGE: Final = "待分派"
"""What is chosen instead of a unit; no department's code can be this."""
NOTHING: Final = ("", "请选择")
ASKS: Final[dict[Kind, str]] = {"text": "填写", "choice": "选择", "select": "选择", "files": "上传"}


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field: `when` names the choice (`name=value`) without which it is not asked."""

    name: str
    label: str
    kind: Kind = "text"
    required: bool = True
    hint: str = ""
    options: Options = ()
    chosen: str = ""
    when: str = ""


class Form(msgspec.Struct, frozen=True):
    """A command as it is asked of a person: title, fields, rules, and the word on its button."""

    command: str
    title: str
    button: str
    fields: tuple[Field, ...]
    rules: tuple[str, ...]
    grave: bool


class Choices(NamedTuple):
    """What can be chosen on a ticket: departments, staff of its unit, tickets it is related to."""

    units: Options
    staff: Options
    """Who can be named as responsible."""
    related: Options


def _options(table: Mapping[str, str]) -> Options:
    return tuple(table.items())


def _note(hint: str = "") -> Field:
    return Field(name="note", label="说明", required=False, hint=hint)


def _reason(hint: str = "") -> Field:
    return Field(name="reason", label="理由", hint=hint)


def _files(hint: str, *, required: bool = False) -> Field:
    return Field(name="evidence", label="凭证", kind="files", required=required, hint=hint)


FILES: Final = "照片（JPG、PNG、WebP）或 PDF，每份不超过 10 MB，最多 6 份"
FIELDS: Final[dict[str, tuple[Field, ...]]] = {
    "dispatch": (Field(name="unit", label="承办单位", kind="select"), _note("承办单位会看到")),
    "accept": (),
    "transfer": (
        Field(name="unit", label="改派到", kind="select", hint="不确定应由谁办，就退回待分派"),
        _reason("为什么不由本单位办理"),
    ),
    "contact": (
        Field(name="channel", label="方式", kind="choice", options=_options(words.CONTACTS), chosen="phone"),
        Field(name="reached", label="结果", kind="choice", options=((YES, "联系上了"), (NO, "没有联系上"))),
        Field(name="note", label="记录", required=False, hint="对方怎么说；不要写姓名和号码"),
    ),
    "review": (
        Field(name="verdict", label="情况是否属实", kind="choice", options=_options(words.VERDICTS)),
        Field(name="ground", label="问题原因", kind="select", options=(NOTHING, *words.GROUNDS.items())),
        Field(
            name="difficulty",
            label="难易程度",
            kind="choice",
            options=_options(words.DIFFICULTIES),
            chosen="general",
        ),
        Field(name="disposition", label="处置", kind="choice", options=_options(words.DISPOSITIONS), chosen="fix"),
        Field(name="finding", label="核实情况", hint="查到了什么、怎么查的；作解释说明时，就是对评价人的解释"),
        Field(
            name="basis",
            label="法律法规依据",
            hint="文件名称、文号和条款",
            when="disposition=explain",
        ),
        _files(FILES),
    ),
    "appeal": (
        Field(name="ground", label="申诉类型", kind="choice", options=_options(words.APPEALS)),
        _reason("事实和依据；复核的人只看这里和凭证"),
        _files(f"能证明申诉理由的材料。{FILES}"),
    ),
    "decide-appeal": (
        Field(
            name="upheld",
            label="裁定",
            kind="choice",
            options=((YES, "申诉成立，评价不予采纳"), (NO, "申诉不成立，继续核实")),
        ),
        _reason("评价人和承办单位都会看到结论"),
    ),
    "request-extension": (
        Field(name="stage", label="延长哪个环节", kind="select"),
        _reason("为什么不能按期完成"),
    ),
    "decide-extension": (
        Field(name="granted", label="裁定", kind="choice", options=((YES, "同意延期"), (NO, "不同意"))),
        Field(name="reason", label="理由", required=False, hint="不同意时请说明"),
    ),
    "fix": (
        Field(name="measures", label="整改措施", hint="做了什么、何时做的、怎样防止再发生；不要写评价人的姓名和号码"),
        Field(name="responsible", label="责任人", kind="select"),
        _files(f"至少一份：整改后的照片、文件或系统截图。{FILES}", required=True),
    ),
    "return": (_reason("哪里不到位、还要补什么"),),
    "approve": (_note(),),
    "verify": (
        Field(name="result", label="结果", kind="choice"),
        Field(
            name="satisfaction",
            label="对处理结果的满意度",
            kind="select",
            required=False,
            options=(("", "没有打分"), *((str(level), name) for level, name in sorted(LEVELS.items(), reverse=True))),
        ),
        Field(name="comment", label="原话", required=False, hint="尽量记原话；不要写姓名和号码"),
        _files(FILES),
    ),
    "remind": (_note("承办单位会看到"),),
    "reopen": (_reason("为什么要重新办理"),),
    "merge": (
        Field(name="into", label="并入哪件工单", kind="select"),
        Field(name="reason", label="理由", required=False),
    ),
    "look-back": (
        Field(
            name="result",
            label="现在的情况",
            kind="choice",
            options=(("holds", "问题没有再发生"), ("recurred", "问题又发生了")),
        ),
        _note("看了什么、问了谁"),
        _files(FILES),
    ),
    "reinstate": (_reason("为什么恢复采纳这份评价"),),
}
TITLES: Final = {
    "contact": ("联系评价人", "记下这次联系"),
    "review": ("核实", "提交核实"),
    "appeal": ("申诉", "提交申诉"),
    "decide-appeal": ("申诉复核", "作出裁定"),
    "request-extension": ("申请延期", "提交申请"),
    "decide-extension": ("延期审批", "作出决定"),
    "fix": ("整改", "提交整改"),
    "approve": ("审核", "审核通过"),
    "verify": ("回访", "记下回访结果"),
    "look-back": ("回头看", "记下情况"),
}
"""The heading of a form and the word on its button, where they are not both the command's own."""

RULES: Final[dict[str, tuple[str, ...]]] = {
    "transfer": ("改派不重新计时。",),
    "review": ("被评价的本人不能核实。",),
    "appeal": ("只能申诉一次。",),
    "decide-appeal": ("成立：评价不予采纳，得分重算，工单办结。不成立：退回承办单位继续核实。",),
    "fix": ("必须写明措施、责任人，并上传凭证。", "由督办或复核人员审核，提交的人和本单位不能审核。"),
    "return": ("退回后时限不重新计算。",),
    "verify": ("如实记录，不得引导或代替评价人表态。",),
    "reopen": ("重开后时限重新起算，计入重开次数。",),
    "merge": ("本工单办结，由并入的工单继续办理；两位评价人都会得知。",),
    "look-back": ("问题又发生的，工单自动重开。",),
    "reinstate": ("评价恢复计入得分，工单回到核实。",),
}
"""What holds under every policy; `_rules` adds what the policy sets."""

GRAVE: Final = frozenset({"return", "reopen", "merge", "reinstate"})
"""Commands that undo what somebody else has done."""

FIRST: Final = (
    "dispatch",
    "accept",
    "decide-appeal",
    "decide-extension",
    "review",
    "fix",
    "approve",
    "verify",
    "contact",
    "look-back",
)
"""What is offered open, the first of them that is allowed; the rest is a click away."""

ABOUT: Final = {
    "decide-extension": ("extension_requested",),
    "decide-appeal": ("appeal_lodged",),
    "approve": ("fix_submitted", "reviewed"),
    "return": ("fix_submitted", "reviewed"),
    "verify": ("fix_submitted", "reviewed"),
    "look-back": ("fix_submitted", "reviewed"),
    "reinstate": ("appeal_lodged",),
}
"""What a decision is about: the last event of these, here or as it was reported from below, stands above its form."""

WHY_NOT: Final = frozenset(
    {
        "not_independent",
        "rated_person",
        "fixer_approves",
        "no_return",
        "appeal_spent",
        "decided_above",
        "extension_pending",
        "rounds_spent",
    }
)
"""Refusals that the page gives before they are asked for; the others are about what nobody here wanted to do."""

WAITING: Final = {
    "awaiting_dispatch": "等待督办人员派单。",
    "awaiting_acceptance": "等待承办单位签收。",
    "reviewing": "承办单位正在核实。",
    "appealing": "等待复核人员裁定申诉。",
    "fixing": "承办单位正在整改。",
    "approving": "等待督办或复核人员审核。",
    "verifying": "等待评价人的意见，由回访人员联系。",
    "closed": "这件工单已办结。",
}


def chosen(allowed: Sequence[str], asked: str) -> str:
    """Return the command whose form stands open: the one asked for where it is allowed, else the most important."""
    if asked in allowed:
        return asked
    return next((command for command in FIRST if command in allowed), "")


def reasons(ticket: Ticket, account: Account, rules: Terms, at: datetime) -> list[str]:
    """Say what this person would do here and may not, and why."""
    said: dict[str, str] = {}
    for command in sorted(guards.COMMANDS, key=lambda command: command not in FIRST):
        refused = guards.refusal(ticket, command, account, rules, at)
        if refused is not None and refused.code in WHY_NOT:
            said.setdefault(refused.code, command)
    return [f"您不能{words.COMMANDS[command]}：{words.REFUSALS[code]}" for code, command in said.items()]


def form(command: str, ticket: Ticket, rules: Terms, choices: Choices) -> Form:
    """Return the form of a command as it stands for this ticket."""
    fields = tuple(_filled(field, command, ticket, rules, choices) for field in FIELDS[command])
    title, button = TITLES.get(command) or (words.COMMANDS[command], words.COMMANDS[command])
    said = (*_rules(command, ticket, rules), *RULES.get(command, ()))
    return Form(command, title, button, fields, said, command in GRAVE)


def _filled(field: Field, command: str, ticket: Ticket, rules: Terms, choices: Choices) -> Field:
    """Give a field what can be chosen on this ticket."""
    match command, field.name:
        case "dispatch", "unit":
            options: Options = (NOTHING, *choices.units)
        case "transfer", "unit":
            options = (NOTHING, (TRIAGE, "退回待分派"), *(unit for unit in choices.units if unit[0] != ticket.unit))
        case "fix", "responsible":
            options = (NOTHING, *choices.staff)
        case "merge", "into":
            options = choices.related
        case "request-extension", "stage":
            stages = (stage for stage in rules.policy.extension.stages if ticket.runs(stage))
            options = tuple((stage, words.STAGES[stage]) for stage in stages)
        case "verify", "result":
            options = tuple((result, words.RESULTS[result]) for result in _results(ticket))
        case _:
            return field
    return msgspec.structs.replace(field, options=options)


def _results(ticket: Ticket) -> tuple[str, str]:
    if ticket.source == "inspection":
        return "passed", "failed"
    return ("satisfied" if ticket.disposition == "fix" else "informed"), "unsatisfied"


def _rules(  # noqa: C901, PLR0911 (one answer per command)
    command: str, ticket: Ticket, rules: Terms
) -> tuple[str, ...]:
    """Say what the policy of this ticket sets for a command."""
    policy = rules.policy
    match command:
        case "dispatch":
            return (f"承办单位须在 {_limit(rules, 'acceptance')}内签收。",)
        case "accept":
            return (f"签收后 {_limit(rules, 'review')}内核实，并决定整改还是解释说明。",)
        case "contact" if ticket.status == "verifying":
            left = policy.verification_attempts - ticket.attempts
            return (f"没有接通不算满意；再有 {left} 次没有回音，工单按“无法联系”办结。", "接通并有了意见，请用“回访”。")
        case "contact":
            return (f"每一次都要记录；按规定联系 {policy.contact_attempts} 次，这是第 {ticket.contacts + 1} 次。",)
        case "review":
            return (f"整改时限：一般 {_limit(rules, 'fix')}，疑难 {_limit(rules, 'fix', 'difficult')}。",)
        case "appeal":
            clock = "申诉期间时限暂停" if policy.appeal_stops_clock else "申诉期间不停止计时"
            return (f"由无关的单位复核；{clock}。",)
        case "request-extension":
            extension = policy.extension
            return (f"最多 {extension.times} 次，每次 {limit(extension.limit)}；须在到期前提出，由督办人员审批。",)
        case "decide-extension" if ticket.extension:
            return (f"同意后{words.STAGES[ticket.extension]}时限顺延 {limit(policy.extension.limit)}。",)
        case "approve":
            asked = "请查评人员复查" if ticket.source == "inspection" else "请评价人确认"
            return (f"通过后立即{asked}；不满意会重开。",)
        case "verify":
            left = policy.rounds - ticket.rounds
            return (f"不满意自动重开，还可重开 {left} 次。" if left > 0 else "重开次数已用完，再不满意将升级督办。",)
        case _:
            return ()


def _limit(rules: Terms, stage: Stage, difficulty: Difficulty = "general") -> str:
    rule = rules.policy.stages.get(stage)
    return limit(rule.limit_for(difficulty)) if rule else "规定时限"


def faults(fields: Sequence[Field], values: Mapping[str, str], pieces: Sequence[object]) -> dict[str, str]:
    """Return what is missing or too long, by field."""
    found: dict[str, str] = {}
    for field in fields:
        value = values.get(field.name, "").strip()
        if field.required and _is_asked(field, values) and not (pieces if field.kind == "files" else value):
            found[field.name] = f"请{ASKS[field.kind]}{field.label}。"
        elif len(value) > LONGEST:
            found[field.name] = f"最多 {LONGEST} 字，现在是 {len(value)} 字。"
    return found


def _is_asked(field: Field, values: Mapping[str, str]) -> bool:
    name, _, value = field.when.partition("=")
    return not name or values.get(name) == value


def body(fields: Sequence[Field], values: Mapping[str, str], pieces: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """Return what was filled in as the API takes it; what was left empty, or not asked, is left out."""
    made: dict[str, Any] = {}
    for field in fields:
        value = values.get(field.name, "").strip()
        if field.kind == "files":
            if pieces:
                made[field.name] = list(pieces)
        elif not _is_asked(field, values) or value == TRIAGE:
            continue
        elif field.name == "satisfaction":
            made |= {field.name: int(value)} if value.isdecimal() else {}
        elif value in {YES, NO}:
            made[field.name] = value == YES
        elif value:
            made[field.name] = value
    return made
