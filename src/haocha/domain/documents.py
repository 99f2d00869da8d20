"""Documents that people write: TOML or JSON checked against a struct with every fault named, and TOML written.

msgspec stops at the first fault; whoever mends a policy of forty members wants to see them all.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from typing import Any, Final, NamedTuple

import msgspec
from msgspec import inspect


class Fault(NamedTuple):
    """What is wrong, where: `pointer` (RFC 6901) to the member, a stable `code`, and what would be right."""

    pointer: str
    code: str
    expected: str = ""

    def __str__(self) -> str:
        """Say it in a line."""
        return f"{self.pointer.removeprefix('/').replace('/', '.')}: {SAID[self.code].format(self.expected)}"


SAID: Final = {
    "form": "must be {}",
    "missing": "is missing",
    "unknown": "is not a member",
    "range": "must be {}",
    "order": "must be {}",
    "twice": "is there twice: {}",
    "start": "must start {}",
    "no_limit": "has no limit in stages",
    "weekend": "must be a Saturday or Sunday",
    "scope": "needs an area or a department: only `default` holds for all",
    "unscoped": "must be left out: `default` holds for all",
}
"""What each code says to operators."""


class Faulty(Exception):
    """A document with faults; nothing was taken from it."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        self.faults = tuple(faults)
        super().__init__("\n".join(map(str, self.faults)))


def faults_of(value: Any, expected: Any, pointer: str = "") -> Iterator[Fault]:
    """Name every place where `value` has not the form of the type `expected`."""
    info = expected if isinstance(expected, inspect.Type) else inspect.type_info(expected)
    match info:
        case inspect.StructType():
            yield from _table(value, info, pointer)
        case inspect.DictType() if isinstance(value, Mapping):
            for key, item in value.items():
                if list(faults_of(key, info.key_type)):
                    yield Fault(f"{pointer}/{key}", "unknown")
                else:
                    yield from faults_of(item, info.value_type, f"{pointer}/{key}")
        case inspect.VarTupleType() if isinstance(value, Sequence) and not isinstance(value, str):
            for index, item in enumerate(value):
                yield from faults_of(item, info.item_type, f"{pointer}/{index}")
        case inspect.UnionType():
            yield from faults_of(value, next(t for t in info.types if not isinstance(t, inspect.NoneType)), pointer)
        case _:
            yield from _leaf(value, info, pointer)


def _table(value: Any, info: inspect.StructType, pointer: str) -> Iterator[Fault]:
    if not isinstance(value, Mapping):
        yield Fault(pointer, "form", "{ … }")
        return
    fields = {field.encode_name: field for field in info.fields}
    yield from (Fault(f"{pointer}/{name}", "unknown") for name in value if name not in fields)
    for name, field in fields.items():
        if name in value:
            yield from faults_of(value[name], field.type, f"{pointer}/{name}")
        elif field.required:
            yield Fault(f"{pointer}/{name}", "missing")


def _reads(value: Any, kind: type[date | time]) -> bool:
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError:
        return False
    return True


LEAVES: Final[dict[type[inspect.Type], tuple[Callable[[Any], bool], str]]] = {
    inspect.IntType: (lambda value: type(value) is int, "0, 1, 2 …"),
    inspect.BoolType: (lambda value: type(value) is bool, "true | false"),
    inspect.StrType: (lambda value: type(value) is str, '"…"'),
    inspect.TimeType: (lambda value: type(value) is time or _reads(value, time), "hh:mm:ss"),
    inspect.DateType: (lambda value: type(value) is date or _reads(value, date), "yyyy-mm-dd"),
    inspect.VarTupleType: (lambda _: False, "[ … ]"),
    inspect.DictType: (lambda _: False, "{ … }"),
}
"""Of each type what is one, and what one looks like, in signs that need no language."""


def _leaf(value: Any, info: inspect.Type, pointer: str) -> Iterator[Fault]:
    if isinstance(info, inspect.LiteralType):
        if value not in info.values:
            yield Fault(pointer, "form", " | ".join(map(str, info.values)))
        return
    is_one, shape = LEAVES[type(info)]
    if not is_one(value):
        yield Fault(pointer, "form", shape)


def toml_value(value: Any) -> str:
    """Write a value as TOML on one line."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value, ensure_ascii=False)
        case date() | time():
            return value.isoformat()
        case Mapping():
            return "{ " + ", ".join(f"{name} = {toml_value(item)}" for name, item in value.items()) + " }"
        case list() | tuple():
            return "[" + ", ".join(map(toml_value, value)) + "]"
        case _:
            return str(value)


def builtins(value: msgspec.Struct) -> dict[str, Any]:
    """Return a struct as what TOML is made of; dates and times stay what they are."""
    members: dict[str, Any] = msgspec.to_builtins(value, builtin_types=(date, time))
    return members
