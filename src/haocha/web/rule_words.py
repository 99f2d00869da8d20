"""Policies and calendars in Chinese: what members are called, what values mean, what is wrong with a document."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Final, NamedTuple

import msgspec

from haocha.domain.documents import Fault as Wrong
from haocha.domain.documents import Faulty
from haocha.domain.policy import Policy, PolicyPublished, StageRule, in_order
from haocha.domain.workdays import SHANGHAI, Limit
from haocha.web import words
from haocha.web.problems import Fault

STARTS: Final = {"opened": "自收到差评起", "entered": "自进入本环节起"}
SIMPLE: Final = "（简单）"
DIFFICULT: Final = "（疑难）"
CONTACTS: Final = {"agent": "单位以外的回访人员", "unit": "单位联系人"}
SAID: Final = {
    "form": "应为 {}",
    "missing": "缺少这一项",
    "unknown": "没有这一项",
    "range": "应在 {} 之内",
    "order": "应为 {}",
    "twice": "{} 重复",
    "start": "这个环节的起算应为 {}",
    "no_limit": "这个环节在 stages 里没有时限",
    "weekend": "{} 不是周六、周日，不能调休上班",
    "scope": "default 以外的规则须写明适用的区划（area）或部门（dept）",
    "unscoped": "default 适用于全部，不写区划和部门",
}
"""What each code of a fault says, with what would be right."""

LIMITS: Final = "时限"
"""The group of facts that stages have; pages show them as a table of their own."""

REFUSALS: Final = {
    "nothing_new": "内容与现行版本相同，不必发布。",
    "not_in_force": "没有这个名称的现行规则。",
    "not_yours": "规则只能由管辖这个区划或部门的管理员发布；default 规则和工作日历只能由不限范围的管理员发布。",
    "default_stays": "default 规则不能撤销，只能发布新的版本代替它。",
}


class Fact(NamedTuple):
    """A member by its group and name, and what its value means."""

    group: str
    name: str
    value: str


def faults(faulty: Faulty) -> list[Fault]:
    """Say every fault of a document in Chinese."""
    return [
        Fault(wrong.pointer, wrong.code, f"{_place(wrong)}{SAID[wrong.code].format(wrong.expected)}。")
        for wrong in faulty.faults
    ]


def _place(wrong: Wrong) -> str:
    return f"{wrong.pointer.removeprefix('/').replace('/', '.')}：" if wrong.pointer else ""


def limit(value: Limit | None) -> str:
    """Say a limit: 5 个工作日, 15 日（自然日）, 当天; a dash where there is none of its own."""
    if value is None:
        return "—"
    if value.minutes is not msgspec.UNSET:
        return f"{value.minutes} 分钟"
    if not value.days:
        return "当天" if value.unit == "working" else "当日（自然日）"
    return f"{value.days} 个工作日" if value.unit == "working" else f"{value.days} 日（自然日）"


def whom(published: PolicyPublished) -> str:
    """Say for whom a version holds."""
    said = [f"{word} {code}" for word, code in (("区划", published.area), ("部门", published.dept)) if code]
    return "，".join(said) or "全部"


def when(moment: datetime) -> str:
    """Say when a version was published, with its year."""
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M}"


def day(value: date) -> str:
    """Say a day with its weekday."""
    return f"{value.year}年{value.month}月{value.day}日（周{'一二三四五六日'[value.weekday()]}）"


def hours(policy: Policy) -> str:
    """Say the business hours."""
    return "，".join(f"{span.start:%H:%M}—{span.end:%H:%M}" for span in policy.hours)


def facts(policy: Policy) -> Iterator[Fact]:
    """Name every member of a policy with its value."""
    for stage, rule in in_order(policy.stages).items():
        yield from _stage(words.STAGES[stage], rule)
    extension = policy.extension
    yield Fact("延期", "可延期的环节", "、".join(words.STAGES[stage] for stage in extension.stages) or "无")
    yield Fact("延期", "次数", f"{extension.times} 次")
    yield Fact("延期", "每次延长", limit(extension.limit))
    yield Fact("联系与回访", "由谁联系评价人", CONTACTS[policy.contact])
    yield Fact("联系与回访", "联系次数", f"{policy.contact_attempts} 次")
    yield Fact("联系与回访", "回访次数", f"{policy.verification_attempts} 次；无人应答按“无法联系”办结")
    yield Fact("联系与回访", "重开次数", f"{policy.rounds} 次；用完转督办")
    yield Fact("联系与回访", "回头看", f"{policy.look_back.percent}%，办结后 {limit(policy.look_back.after)}")
    yield Fact("督办", "到期前提醒", "、".join(f"时限用去 {percent}%" for percent in policy.warnings) or "无")
    for rung in policy.ladder:
        late = f"超期 {limit(rung.overdue)}" if rung.overdue.days or rung.overdue.minutes else "一超期"
        yield Fact("督办", words.LADDER[rung.level], late)
    yield Fact("其他", "办公时间", hours(policy))
    yield Fact("其他", "单位能否退单", "可以" if policy.unit_may_transfer else "不准退单，只由督办改派")
    yield Fact("其他", "申诉期间", "停表" if policy.appeal_stops_clock else "不停表")
    yield Fact("其他", "关联差评", f"{policy.repeat_days} 天内同一人员、同一事项")


def _stage(name: str, rule: StageRule) -> Iterator[Fact]:
    yield Fact(LIMITS, f"{name}（一般）", limit(rule.limit))
    if rule.simple is not None:
        yield Fact(LIMITS, f"{name}{SIMPLE}", limit(rule.simple))
    if rule.difficult is not None:
        yield Fact(LIMITS, f"{name}{DIFFICULT}", limit(rule.difficult))
    yield Fact(LIMITS, f"{name}起算", STARTS[rule.start])


def groups(policy: Policy) -> list[tuple[str, list[Fact]]]:
    """Return all members but the stages' limits, group by group."""
    found: dict[str, list[Fact]] = {}
    for fact in facts(policy):
        if fact.group != LIMITS:
            found.setdefault(fact.group, []).append(fact)
    return list(found.items())


class Difference(NamedTuple):
    """A member that two policies have otherwise."""

    group: str
    name: str
    before: str
    after: str


def differences(before: Policy, after: Policy) -> list[Difference]:
    """Compare two policies in words."""
    old = {(fact.group, fact.name): fact.value for fact in facts(before)}
    new = {(fact.group, fact.name): fact.value for fact in facts(after)}
    return [
        Difference(group, name, *(values.get((group, name), _absent(name)) for values in (old, new)))
        for group, name in dict.fromkeys((*old, *new))
        if old.get((group, name)) != new.get((group, name))
    ]


def _absent(name: str) -> str:
    return "同一般" if name.endswith((SIMPLE, DIFFICULT)) else "无"
