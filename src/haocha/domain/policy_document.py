"""A policy as a file (TOML) or a request (JSON), and for whom it holds: read, checked, written, compared.

Scope and policy are one document, so that a file says by itself what publishing it would do.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple, get_args

import msgspec

from haocha.domain.documents import Fault, Faulty, builtins, faults_of, toml_value
from haocha.domain.policy import DEFAULT, DEFAULT_NAME, Level, Policy, PolicyPublished, Stage, StageRule, in_order
from haocha.domain.registry import area_prefix
from haocha.domain.workdays import Limit

NAME: Final = re.compile(r"[a-z][a-z0-9-]{0,39}")
AREA: Final = re.compile(r"[0-9]{2,12}")
NEEDED: Final[tuple[Stage, ...]] = (
    "dispatch",
    "acceptance",
    "contact",
    "review",
    "appeal",
    "fix",
    "approval",
    "verification",
)
"""Stages without whose limit a ticket could not go its way; the others may be left out."""

BESIDE: Final[frozenset[Stage]] = frozenset({"contact", "closing"})
"""Stages that are never entered: they run beside the others, from the opening."""
FROM_OPENING: Final[frozenset[Stage]] = BESIDE | {"review", "fix"}

_ANY_RULE: Final = ({"limit": {"days": 1}}, {"limit": {"days": 1}, "start": "opened"})
"""Stands for a faulty rule of a stage, where the others are looked at; the second of one that runs beside them."""

RANGES: Final = {
    "contactAttempts": range(1, 21),
    "verificationAttempts": range(1, 21),
    "rounds": range(10),
    "repeatDays": range(366),
}
DAYS: Final = range(367)
NO_DAYS: Final = range(1)  # beside minutes, which stand for them
MINUTES: Final = range(1, 10_081)
PERCENT: Final = range(101)


class Document(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """What somebody wants to publish, under which name and for whom."""

    policy: Policy
    name: str = DEFAULT_NAME
    area: str = ""
    dept: str = ""


class Change(NamedTuple):
    """A member that two policies have otherwise: its path, what it is, what it would be; '' where it is not there."""

    path: str
    before: str
    after: str


def read(text: str) -> dict[str, Any]:
    """Read TOML; raises `Faulty` with the line where it is none."""
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise Faulty([Fault("", "form", f"TOML ({error})")]) from None


def check(value: dict[str, Any]) -> Document:
    """Turn what was read into a document; raises `Faulty` with everything that is wrong with it."""
    faults = list(faults_of(value, Document))
    known = value | {"policy": _mended(value.get("policy"), faults)}
    kept = {
        name: known[name]
        for name in known
        if name in Document.__struct_encode_fields__ and not _hit(f"/{name}", faults)
    }
    document = msgspec.convert(kept | {"policy": known["policy"]}, Document)
    pointers = [fault.pointer for fault in faults]
    laws = (*_laws_of_scope(document), *_laws(document.policy))
    faults += [fault for fault in laws if not any(_touch(fault.pointer, pointer) for pointer in pointers)]
    if faults:
        raise Faulty(faults)
    return msgspec.structs.replace(document, area=area_prefix(document.area))


def write(document: Document, heading: str = "") -> str:
    """Write a document as TOML that `read` and `check` take back."""
    ordered = msgspec.structs.replace(document.policy, stages=in_order(document.policy.stages))
    members = builtins(msgspec.structs.replace(document, policy=ordered))
    policy = members.pop("policy")
    stages, ladder = policy.pop("stages"), policy.pop("ladder")
    lines = [f"# {line}" for line in heading.splitlines()]
    lines += [
        f"{name} = {toml_value(members.get(name, DEFAULT_NAME))}"
        for name in ("name", "area", "dept")
        if name == "name" or name in members
    ]
    lines += ["", "[policy]", *(f"{name} = {toml_value(item)}" for name, item in policy.items())]
    lines += ["ladder = [", *(f"  {toml_value(rung)}," for rung in ladder), "]"]
    lines += ["", "[policy.stages]", *(f"{stage} = {toml_value(rule)}" for stage, rule in stages.items())]
    return "\n".join(lines) + "\n"


def of(published: PolicyPublished) -> Document:
    """Return the document that publishes the same again."""
    return Document(published.policy, published.name, published.area, published.dept)


def changes(before: Policy, after: Policy) -> list[Change]:
    """Name every member that differs."""
    old, new = dict(leaves(before)), dict(leaves(after))
    return [
        Change(path, old.get(path, ""), new.get(path, ""))
        for path in dict.fromkeys((*old, *new))
        if old.get(path) != new.get(path)
    ]


def leaves(policy: Policy) -> Iterator[tuple[str, str]]:
    """Name the members one would speak of, and their values as TOML: a limit is one, and so is a rung of the ladder."""
    members = builtins(msgspec.structs.replace(policy, stages=in_order(policy.stages)))
    ladder = {rung["level"]: rung["overdue"] for rung in members.pop("ladder")}
    yield from _leaves(members | {"ladder": ladder})


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, Mapping) and "days" not in value:
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else name)
    else:
        yield path, toml_value(value)


def _mended(policy: Any, faults: list[Fault]) -> dict[str, Any]:
    """Put the default's in the place of faulty members, so that the laws can be asked of the others."""
    mended = builtins(DEFAULT)
    if not isinstance(policy, dict):
        return mended
    for name in mended:
        if name == "stages" and isinstance(policy.get(name), dict):
            mended[name] = {
                stage: _ANY_RULE[stage in BESIDE] if _hit(f"/policy/stages/{stage}", faults) else rule
                for stage, rule in policy[name].items()
                if stage in get_args(Stage)
            }
        elif name in policy and not _hit(f"/policy/{name}", faults):
            mended[name] = policy[name]
    return mended


def _hit(pointer: str, faults: list[Fault]) -> bool:
    return any(_touch(pointer, fault.pointer) for fault in faults)


def _touch(one: str, other: str) -> bool:
    """Say whether one is within the other."""
    return f"{one}/".startswith(f"{other}/") or f"{other}/".startswith(f"{one}/")


def _laws_of_scope(document: Document) -> Iterator[Fault]:
    if not NAME.fullmatch(document.name):
        yield Fault("/name", "form", "[a-z][a-z0-9-]*")
    if document.area and not AREA.fullmatch(document.area):
        yield Fault("/area", "form", "[0-9]{2,12}")
    if document.name == DEFAULT_NAME:
        yield from (Fault(f"/{name}", "unscoped") for name in ("area", "dept") if getattr(document, name))
    elif not document.area and not document.dept:
        yield Fault("/area", "scope")


def _laws(policy: Policy) -> Iterator[Fault]:
    """Name what has the right form and makes no sense."""
    for name, numbers in RANGES.items():
        yield from _within(f"/policy/{name}", builtins(policy)[name], numbers)
    yield from _laws_of_hours(policy)
    yield from (Fault(f"/policy/stages/{stage}", "missing") for stage in NEEDED if stage not in policy.stages)
    for stage, rule in policy.stages.items():
        yield from _laws_of_stage(stage, f"/policy/stages/{stage}", rule)
    yield from _within("/policy/extension/times", policy.extension.times, range(11))
    yield from _limit("/policy/extension/limit", policy.extension.limit)
    for index, stage in enumerate(policy.extension.stages):
        if stage not in policy.stages:
            yield Fault(f"/policy/extension/stages/{index}", "no_limit")
    for index, percent in enumerate(policy.warnings):
        yield from _within(f"/policy/warnings/{index}", percent, range(1, 100))
        if index and percent <= policy.warnings[index - 1]:
            yield Fault(f"/policy/warnings/{index}", "order", f"> {policy.warnings[index - 1]}")
    yield from _laws_of_ladder(policy)
    yield from _within("/policy/lookBack/percent", policy.look_back.percent, PERCENT)
    yield from _limit("/policy/lookBack/after", policy.look_back.after)


def _laws_of_hours(policy: Policy) -> Iterator[Fault]:
    if not policy.hours:
        yield Fault("/policy/hours", "form", "[{ start = 09:00:00, end = 17:00:00 }]")
    for index, span in enumerate(policy.hours):
        if span.end <= span.start:
            yield Fault(f"/policy/hours/{index}/end", "order", f"> {span.start}")
        if index and span.start < policy.hours[index - 1].end:
            yield Fault(f"/policy/hours/{index}/start", "order", f"≥ {policy.hours[index - 1].end}")


def _laws_of_stage(stage: Stage, pointer: str, rule: StageRule) -> Iterator[Fault]:
    for name in ("simple", "limit", "difficult"):
        if (limit := getattr(rule, name)) is not None:
            yield from _limit(f"{pointer}/{name}", limit)
    if rule.start == "entered" and stage in BESIDE:
        yield Fault(f"{pointer}/start", "start", "opened")
    if rule.start == "opened" and stage not in FROM_OPENING:
        yield Fault(f"{pointer}/start", "start", "entered")
    for name, shorter, longer in (("simple", rule.simple, rule.limit), ("difficult", rule.limit, rule.difficult)):
        if shorter and longer and _ascend(shorter, longer) is False:
            unit = "minutes" if shorter.minutes else "days"
            bound = f"≤ {getattr(longer, unit)}" if name == "simple" else f"≥ {getattr(shorter, unit)}"
            yield Fault(f"{pointer}/{name}/{unit}", "order", bound)


def _laws_of_ladder(policy: Policy) -> Iterator[Fault]:
    levels = get_args(Level)
    for index, rung in enumerate(policy.ladder):
        pointer = f"/policy/ladder/{index}"
        yield from _limit(f"{pointer}/overdue", rung.overdue)
        before = policy.ladder[index - 1] if index else None
        if before is None:
            continue
        if levels.index(rung.level) <= levels.index(before.level):
            yield Fault(f"{pointer}/level", "order", f"> {before.level}")
        if _ascend(before.overdue, rung.overdue) is False:
            unit = "minutes" if before.overdue.minutes else "days"
            yield Fault(f"{pointer}/overdue/{unit}", "order", f"≥ {getattr(before.overdue, unit)}")


def _ascend(shorter: Limit, longer: Limit) -> bool | None:
    """Say whether one limit is not longer than the other; None where they are of different kinds."""
    if shorter.minutes or longer.minutes:
        return shorter.minutes <= longer.minutes if shorter.minutes and longer.minutes else None
    return shorter.days <= longer.days if shorter.unit == longer.unit else None


def _limit(pointer: str, limit: Limit) -> Iterator[Fault]:
    if limit.minutes is msgspec.UNSET:
        yield from _within(f"{pointer}/days", limit.days, DAYS)
    else:
        yield from _within(f"{pointer}/days", limit.days, NO_DAYS)
        yield from _within(f"{pointer}/minutes", limit.minutes, MINUTES)


def _within(pointer: str, number: int, numbers: range) -> Iterator[Fault]:
    if number not in numbers:
        yield Fault(pointer, "range", f"{numbers[0]} … {numbers[-1]}")
