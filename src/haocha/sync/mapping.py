"""Declared mappings: one table per operation says which of our values goes by which name, in which form.

What cannot be said is a fault by the platform's own name for it, all at once, so that a dead letter tells what to mend.
"""

from collections.abc import Callable, Iterable
from collections.abc import Mapping as Table
from datetime import datetime
from typing import Any, NamedTuple, TypeAlias

from haocha.domain.workdays import SHANGHAI

Values: TypeAlias = dict[str, Any]


class Unmappable(ValueError):
    """A value has no form on the other side; the message says why."""


class Fault(NamedTuple):
    """A member that cannot be sent, and why."""

    wire: str
    why: str


class Faults(Exception):
    """Everything that keeps an item from being sent."""

    def __init__(self, faults: Iterable[Fault]) -> None:
        """Name each member."""
        self.faults = tuple(faults)
        super().__init__("；".join(f"{fault.wire} {fault.why}" for fault in self.faults))


class Field(NamedTuple):
    """One member: its name there, where its value comes from here, and its form."""

    wire: str
    source: str | Callable[[Values], Any]
    required: bool = False
    form: Callable[[Any], str] = str
    longest: int = 0
    """Characters; 0 is no limit."""


class Mapping(NamedTuple):
    """The members of one operation, in the order they are written."""

    fields: tuple[Field, ...]

    def write(self, values: Values) -> dict[str, str]:
        """Write what is known of `values`; what is not known and not required is left out. Raises `Faults`."""
        written: dict[str, str] = {}
        faults: list[Fault] = []
        for wire, source, required, form, longest in self.fields:
            value = values.get(source) if isinstance(source, str) else source(values)
            if value is None or value in ("", ()):
                if required:
                    faults.append(Fault(wire, "缺少必填项"))
                continue
            try:
                text = form(value)
            except Unmappable as error:
                faults.append(Fault(wire, str(error)))
                continue
            if longest and len(text) > longest:
                faults.append(Fault(wire, f"超过 {longest} 个字符"))
            written[wire] = text
        if faults:
            raise Faults(faults)
        return written


def local(moment: datetime) -> str:
    """Write a time as `yyyy-MM-dd HH:mm:ss` in Shanghai."""
    return f"{moment.astimezone(SHANGHAI):%Y-%m-%d %H:%M:%S}"


def compact(moment: datetime) -> str:
    """Write a time as `yyyyMMddHHmmss` in Shanghai."""
    return f"{moment.astimezone(SHANGHAI):%Y%m%d%H%M%S}"


def csv(parts: Iterable[str]) -> str:
    """Join codes by commas."""
    return ",".join(parts)


def coded(table: Table[str, str]) -> Callable[[Any], str]:
    """Return a form that writes our code as theirs; a code that they do not have is a fault."""

    def form(value: Any) -> str:
        if str(value) not in table:
            raise Unmappable(f"没有对应的代码（{value}）")
        return table[str(value)]

    return form


def first(*names: str) -> Callable[[Values], Any]:
    """Return a source of the first of these values that is known."""
    return lambda values: next((values[name] for name in names if values.get(name)), None)


def moment(text: str) -> str:
    """Write a time that stands as it was sent as `yyyy-MM-dd HH:mm:ss` in Shanghai."""
    try:
        read = datetime.fromisoformat(text)
        return local(read if read.tzinfo else read.replace(tzinfo=SHANGHAI))
    except (ValueError, OverflowError):  # at the edge of the calendar there is no time in Shanghai
        raise Unmappable("不是时间") from None


def constant(value: str) -> Callable[[Values], str]:
    """Return a source that always says the same."""
    return lambda _values: value
