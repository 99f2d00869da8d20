"""The form over a queue: its fields, what is chosen in it and how each condition is called.

The address is the view: what is saved, refreshed and kept by the next page is the query string of one `Filters`. People
may write a window, a person or a matter as they know it; `settled` finds the code that is meant.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from haocha.domain import codes
from haocha.domain.registry import Registry
from haocha.web import reading, words
from haocha.web.scopes import Scope
from haocha.web.ticket_filters import DUES, SORTS, TIERS, Filters

LISTED: Final = 300  # suggestions that a field of free text offers
WRITTEN: Final = {"window": "hall", "staff": "dept", "matter": ""}
"""Fields in which one writes, and the field that says where the code belongs."""
LEVELS: Final = tuple((str(level), codes.LEVELS[level]) for level in sorted(codes.BAD_LEVELS))
NOT_NARROWING: Final = ("queue", "sort")
SEVERAL: Final = "、"

Options = tuple[tuple[str, str], ...]


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """One field of the form; `options` is None where one writes, then `suggested` has what may be meant."""

    name: str
    label: str
    value: str
    every: str = "全部"
    options: Options | None = None
    suggested: Options = ()
    type: str = "text"
    usual: bool = False
    """Whether it is always in sight, not only under 更多筛选."""


class Chosen(msgspec.Struct, frozen=True):
    """One condition that is set, and the address without it."""

    label: str
    text: str
    address: str


def address(filters: Filters, **changes: str) -> str:
    """Give the address of a list, with changes by the names of the address."""
    return f"/desk?{filters.query(**changes)}"


def settled(registry: Registry, given: Mapping[str, str]) -> dict[str, str]:
    """Put codes in the place of numbers and names of windows, staff and matters, where they are known."""
    found = {name: value.strip() for name, value in given.items()}
    for kind, parent in WRITTEN.items():
        if found.get(kind):
            found[kind] = _key(registry, kind, found.get(parent, ""), found[kind])
    return found


def _key(registry: Registry, kind: str, parent: str, said: str) -> str:
    for key in (said, f"{parent}/{said}"):
        if registry.periods(kind, key):
            return key
    within = f"{parent}/" if parent else ""
    for key in registry.keys(kind):
        if key.startswith(within) and said in {registry.name(kind, key), key.rpartition("/")[2]}:
            return key
    return said


def fields(registry: Registry, filters: Filters, scope: Scope) -> list[Field]:
    """Return the form's fields, in its order; of the units only those that `scope` sees."""
    given = filters.members()
    seen = None if scope.units is None else set(scope.units)
    units = tuple((one.key, one.name) for one in reading.choices(registry, "org") if seen is None or one.key in seen)
    halls = tuple((one.key, one.name) for one in reading.choices(registry, "hall"))
    lists: tuple[tuple[str, str, Options, bool], ...] = (
        ("due", "时限", tuple(DUES.items()), True),
        ("source", "来源", tuple(words.SOURCES.items()), True),
        ("level", "满意度", LEVELS, True),
        ("status", "环节", tuple(words.STATUSES.items()), False),
        ("ground", "原因", tuple(words.GROUNDS.items()), False),
        ("unit", "承办单位", units, False),
        ("dept", "被评部门", units, False),
        ("hall", "大厅", halls, False),
        ("pf", "渠道", tuple(codes.CHANNELS.items()), False),
        ("escalated", "督办", tuple(words.LADDER.items()), False),
        ("tier", "层级", tuple(TIERS.items()), False),
        ("outcome", "结果", tuple(words.OUTCOMES.items()), False),
    )
    chosen = [
        Field(name=name, label=label, value=given.get(name, ""), options=_with(options, given.get(name)), usual=usual)
        for name, label, options, usual in lists
    ]
    written = [
        _written(registry, given, "window", "窗口", "窗口号"),
        _written(registry, given, "staff", "人员", "工号或姓名"),
        _written(registry, given, "matter", "事项", "名称或编码"),
        Field(name="area", label="区划", value=given.get("area", ""), every="代码或前几位"),
        *(Field(name=name, label=label, value=given.get(name, ""), type="date") for name, label in DAYS.items()),
    ]
    sort = Field(
        name="sort", label="排序", value=filters.sort, every="按队列", options=tuple(SORTS.items()), usual=True
    )
    return [*chosen, *written, sort]


DAYS: Final = {"from": "评价日自", "to": "评价日至", "openedFrom": "生成日自", "openedTo": "生成日至"}


def _with(options: Options, value: str | None) -> Options:
    """Offer what the address says too where it is several at once, or a code that is not in the list."""
    if not value or value in dict(options):
        return options
    return (*options, (value, _several(dict(options), value)))


def _several(named: Mapping[str, str], value: str) -> str:
    return SEVERAL.join(named.get(one, one) for one in value.split(","))


def _written(registry: Registry, given: Mapping[str, str], kind: str, label: str, every: str) -> Field:
    """Suggest what the field may mean: all where they are few, else those of the chosen hall or department."""
    parent = given.get(WRITTEN[kind], "")
    suggested: Options = ()
    if parent or registry.count(kind) <= LISTED:
        keys = [key for key in registry.keys(kind) if key.startswith(f"{parent}/" if parent else "")]
        suggested = tuple((key, registry.name(kind, key) or key) for key in keys[:LISTED])
    return Field(name=kind, label=label, value=given.get(kind, ""), every=every, suggested=suggested)


def chosen(registry: Registry, filters: Filters, among: list[Field]) -> list[Chosen]:
    """Say which conditions are set, in words, each with the address that lacks it."""
    named = {field.name: field for field in among}
    found = []
    for name, value in filters.members().items():
        if name in NOT_NARROWING:
            continue
        field = named.get(name)
        text = _several(dict(field.options), value) if field and field.options else value
        if name in WRITTEN:
            text = reading.window_name(registry, value) if name == "window" else registry.name(name, value) or value
        found.append(Chosen(field.label if field else "搜索", text, address(filters, **{name: ""})))
    return found
