"""A row of the registry's table: one period of one entry. Cells to periods with every fault named, and back."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import NamedTuple

from haocha.domain.entries import Facts, Period
from haocha.domain.registry import Registry
from haocha.domain.workdays import SHANGHAI
from haocha.registry.files import LOST_DIGITS, Line, Table

LONGEST_CODE, LONGEST_NAME = 50, 200
DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
AREA = re.compile(r"[0-9]{12}")
CONTROL = re.compile(r"[\x00-\x1f\x7f]")

COLUMNS = {
    "kind": "org, hall, window, staff, matter or device",
    "deptCode": "the department: of itself (org), of a window, of staff, of a matter",
    "hallCode": "the hall: of itself (hall), of a window, or with windowNo where staff sit and a device stands",
    "windowNo": "the window's number, unique in its hall",
    "staffNo": "the staff number, unique in its department",
    "taskCode": "the matter's code",
    "taskHandleItem": "the item of a matter (业务办理项), where it is registered by itself",
    "deviceNo": "the device's number",
    "name": "the name; may be left out for a device",
    "areaCode": "the area, 12 digits",
    "parentDeptCode": "the department above a department",
    "validFrom": "from when the row holds: 2025-03-01 (midnight in Shanghai), 2025-03-01 08:30:00 or RFC 3339",
    "validTo": "until when it holds, exclusive; empty: until the entry's next row, else open",
}
"""Every column of the table and what it holds; docs/registry.md and `--help` say the same."""


class Shape(NamedTuple):
    """The columns of a kind: those its key is made of, others it needs, and those it may have."""

    key: tuple[str, ...]
    needed: tuple[str, ...]
    allowed: tuple[str, ...] = ()


SHAPES = {
    "org": Shape(("deptCode",), ("name",), ("areaCode", "parentDeptCode")),
    "hall": Shape(("hallCode",), ("name", "areaCode")),
    "window": Shape(("hallCode", "windowNo"), ("name",), ("deptCode", "areaCode")),
    "staff": Shape(("deptCode", "staffNo"), ("name",), ("hallCode", "windowNo", "areaCode")),
    "matter": Shape(("taskCode",), ("name", "deptCode"), ("taskHandleItem", "areaCode")),
    "device": Shape(("deviceNo",), (), ("name", "hallCode", "windowNo", "areaCode")),
}
ALWAYS = ("kind", "validFrom", "validTo")
NOT_CODES = (*ALWAYS, "name", "areaCode")


class Fault(NamedTuple):
    """What is wrong, where: `row` as a spreadsheet counts, `column` by its name ('' for the row as a whole)."""

    row: int
    column: str
    message: str


class Row(NamedTuple):
    """One period of one entry, and the row it came from."""

    number: int
    kind: str
    key: str
    period: Period


class Parsed(NamedTuple):
    """The rows that are right in themselves, the faults of the others, and the codes that those may have brought."""

    rows: list[Row]
    faults: list[Fault]
    doubtful: frozenset[str] = frozenset()


def parse(table: Table) -> Parsed:
    """Read every row, gathering all faults."""
    faults = [
        Fault(1, name, "is no column of this table" if name else "a column has no name")
        for name in table.columns
        if name not in COLUMNS
    ]
    faults += [Fault(1, name, "is there twice") for name in COLUMNS if table.columns.count(name) > 1]
    faults += [Fault(1, name, "is missing") for name in ("kind", "validFrom") if name not in table.columns]
    if faults:
        return Parsed([], faults)
    rows, doubtful = [], set[str]()
    for line in table.lines:
        found = list(_faults(line))
        faults += found
        if found:
            doubtful.update(line.cells.values())
        else:
            rows.append(_row(line))
    return Parsed(rows, faults, frozenset(doubtful))


def _faults(line: Line) -> Iterator[Fault]:
    kind = line.cells.get("kind", "")
    shape = SHAPES.get(kind)
    if shape is None:
        yield Fault(line.number, "kind", f"must be one of {' '.join(SHAPES)}, not {kind!r}")
        return
    for column in (*shape.key, *shape.needed, "validFrom"):
        if column not in line.cells:
            yield Fault(line.number, column, f"is needed for a {kind}")
    for column, cell in line.cells.items():
        if column not in (*shape.key, *shape.needed, *shape.allowed, *ALWAYS):
            yield Fault(line.number, column, f"is not a column of a {kind}: leave it empty")
        elif message := _fault(column, cell):
            yield Fault(line.number, column, message)
    if kind == "staff" and ("hallCode" in line.cells) != ("windowNo" in line.cells):
        yield Fault(line.number, "windowNo", "hallCode and windowNo name a seat together: give both or neither")
    if kind == "device" and "windowNo" in line.cells and "hallCode" not in line.cells:
        yield Fault(line.number, "hallCode", "a windowNo is unique only in its hall: give hallCode, too")
    start, end = time(line.cells.get("validFrom", "")), time(line.cells.get("validTo", ""))
    if start and end and end <= start:
        yield Fault(line.number, "validTo", f"must be after validFrom {line.cells['validFrom']}")


def _fault(column: str, cell: str) -> str:
    """Say what is wrong with a cell by itself, '' where nothing is."""
    longest = LONGEST_NAME if column == "name" else LONGEST_CODE
    checks = (
        (cell == LOST_DIGITS, "is stored as a number and has lost digits: format the cell as text and enter it again"),
        (CONTROL.search(cell), "has a control character in it"),
        (len(cell) > longest, f"has {len(cell)} characters, at most {longest} are possible"),
        (column == "areaCode" and not AREA.fullmatch(cell), f"must be 12 digits, not {cell!r}"),
        (
            column in ("validFrom", "validTo") and time(cell) is None,
            f"is not a time: write 2025-03-01 or 2025-03-01 08:30:00, not {cell!r}",
        ),
        (column not in NOT_CODES and "/" in cell, "a code cannot contain a slash"),
    )
    return next((message for wrong, message in checks if wrong), "")


def time(text: str) -> datetime | None:
    """Read a time; without a zone it is Shanghai's, and a date is its midnight. None where it is none."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    if not DATE.match(text):  # the library reads 20250301 as well, which people mistype
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=SHANGHAI)


def _row(line: Line) -> Row:
    cells = line.cells
    kind = cells["kind"]
    key = "/".join(cells[column] for column in SHAPES[kind].key)
    if kind == "matter" and "taskHandleItem" in cells:
        key += f"/{cells['taskHandleItem']}"
    hall, window = cells.get("hallCode", ""), cells.get("windowNo", "")
    start = time(cells["validFrom"])
    assert start is not None  # noqa: S101 (_faults has seen to it)
    facts = Facts(
        name=cells.get("name", ""),
        area_code=cells.get("areaCode", ""),
        parent=cells.get("parentDeptCode", ""),
        hall=hall if kind in ("window", "device") else "",
        window=f"{hall}/{window}" if kind in ("staff", "device") and window else "",
        dept=cells.get("deptCode", "") if kind in ("window", "staff", "matter") else "",
    )
    return Row(line.number, kind, key, Period(start, time(cells.get("validTo", "")), facts))


def export(registry: Registry) -> Iterator[tuple[str, ...]]:
    """Return the whole registry as rows of the table, histories included; importing them changes nothing."""
    for kind in SHAPES:
        for key in registry.keys(kind):
            for period in registry.periods(kind, key):
                cells = _cells(kind, key, period)
                yield tuple(cells.get(column, "") for column in COLUMNS)


def _cells(kind: str, key: str, period: Period) -> dict[str, str]:
    facts = period.facts
    first, _, second = key.partition("/")
    seat_hall, _, seat = facts.window.partition("/")
    cells = {
        "org": {"deptCode": key, "parentDeptCode": facts.parent},
        "hall": {"hallCode": key},
        "window": {"hallCode": first, "windowNo": second, "deptCode": facts.dept},
        "staff": {"deptCode": first, "staffNo": second, "hallCode": seat_hall, "windowNo": seat},
        "matter": {"taskCode": first, "taskHandleItem": second, "deptCode": facts.dept},
        "device": {"deviceNo": key, "hallCode": facts.hall, "windowNo": seat},
    }[kind]
    return cells | {
        "kind": kind,
        "name": facts.name,
        "areaCode": facts.area_code,
        "validFrom": time_cell(period.start),
        "validTo": time_cell(period.end) if period.end else "",
    }


def time_cell(moment: datetime) -> str:
    """Write a time as `time` reads it: a date where it is midnight in Shanghai."""
    local = moment.astimezone(SHANGHAI).replace(tzinfo=None)
    return str(local.date()) if local == datetime(local.year, local.month, local.day) else str(local)  # noqa: DTZ001
