"""The columns of the two tables, by their names or their Chinese headings, and what is wrong with a cell by itself."""

import re
from collections.abc import Iterator, Sequence
from importlib.resources import files
from typing import Final, NamedTuple

import msgspec

from haocha.registry.files import LOST_DIGITS, Line, Table

CONTROL: Final = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
TEXTS: Final = frozenset({"problem", "taskName", "name", "photos"})
"""Cells that are no codes."""


class Column(msgspec.Struct, frozen=True):
    """One column: `said` tells who fills the table in what belongs there."""

    name: str
    heading: str
    longest: int
    said: str
    needed: bool = False


class Fault(NamedTuple):
    """What is wrong, where: `row` as a spreadsheet counts, `column` by its name ('' for the row); `detail` fills in."""

    row: int
    column: str
    code: str
    detail: str = ""


ENGLISH: Final = {
    "unknown_column": "is no column of this table",
    "repeated_column": "is there twice",
    "missing_column": "is missing",
    "too_many_rows": "the table has more than {} rows: split it",
    "missing": "is needed",
    "too_long": "has too many characters, at most {} are possible",
    "control_character": "has a control character in it",
    "lost_digits": "is stored as a number and has lost digits: format the cell as text and enter it again",
    "slash": "a code cannot contain a slash",
    "repeated": "stands in row {} already",
    "not_a_date": "is not a date: write 2026-11-20",
    "future": "lies in the future",
    "not_an_area": "must be 12 digits",
    "no_tree": "no tree of indicators is published yet: haocha inspections tree import",
    "unknown_standard": "is not in the tree of indicators, version {}",
    "no_place": "name a hall, a window, a department, an area or a responsible unit",
    "hall_needed": "a window's number is unique only in its hall: give hallCode, too",
    "dept_needed": "a staff number is unique only in its department: give deptCode, too",
    "unknown_hall": "is not in the registry on that day",
    "unknown_window": "is not in the registry on that day",
    "unknown_dept": "is not in the registry on that day",
    "unknown_staff": "is not in the registry on that day",
    "unknown_unit": "is not in the registry",
    "other_content": "was imported before with other content: give it a number of its own",
    "too_many_photos": "names more than {} files",
    "photo_missing": "{} is neither among the photos nor kept already",
    "photo_refused": "{} is no JPEG, PNG, WebP or PDF of at most 10 MB",
    "unknown_parent": "is no code of this table",
    "circular": "stands above itself",
    "not_a_weight": "must be a number that is not negative",
}
"""What the command line says of a fault; the pages have their own table."""

_tables = msgspec.json.decode((files(__package__) / "columns.json").read_bytes(), type=dict[str, tuple[Column, ...]])
FINDINGS: Final = _tables["findings"]
TREE: Final = _tables["tree"]


def english(fault: Fault) -> str:
    """Say a fault with its row and column."""
    return f"row {fault.row}, {fault.column or '-'}: {ENGLISH[fault.code].format(fault.detail)}"


def named(table: Table, columns: Sequence[Column]) -> tuple[list[Line], list[Fault]]:
    """Return the rows by the names of their columns, and the faults of the heading."""
    names = {column.heading: column.name for column in columns} | {column.name: column.name for column in columns}
    found = [names.get(heading, heading) for heading in table.columns]
    faults = [Fault(1, heading, "unknown_column") for heading in table.columns if heading not in names]
    faults += [Fault(1, column.name, "repeated_column") for column in columns if found.count(column.name) > 1]
    faults += [
        Fault(1, column.name, "missing_column") for column in columns if column.needed and column.name not in found
    ]
    lines = [
        Line(line.number, {names.get(name, name): cell.replace("\r\n", "\n") for name, cell in line.cells.items()})
        for line in table.lines
    ]
    return lines, faults


def cell_faults(line: Line, columns: Sequence[Column]) -> Iterator[Fault]:
    """Find what is wrong with the cells of a row, each by itself."""
    for column in columns:
        cell = line.cells.get(column.name, "")
        if not cell:
            if column.needed:
                yield Fault(line.number, column.name, "missing")
        elif cell == LOST_DIGITS:
            yield Fault(line.number, column.name, "lost_digits")
        elif len(cell) > column.longest:
            yield Fault(line.number, column.name, "too_long", str(column.longest))
        elif CONTROL.search(cell):
            yield Fault(line.number, column.name, "control_character")
        elif column.name not in TEXTS and column.name != "foundDate" and "/" in cell:
            yield Fault(line.number, column.name, "slash")


def repeated(lines: Sequence[Line], column: str) -> Iterator[Fault]:
    """Find rows that name what a row before them names."""
    first: dict[str, int] = {}
    for line in lines:
        if cell := line.cells.get(column):
            if cell in first:
                yield Fault(line.number, column, "repeated", str(first[cell]))
            first.setdefault(cell, line.number)
