"""CSV and XLSX files: cells in, cells out, all of them text.

A spreadsheet turns codes into numbers and dates into serial numbers; here they become text again, or, where digits were
already lost, a fault.
"""

import csv
import io
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, NamedTuple

EXACT = 2**53  # a spreadsheet's number is exact up to here: 15 to 16 digits

LOST_DIGITS = "\ufffd"
"""Stands for a code that was stored as a number too long to be exact."""


class Line(NamedTuple):
    """A row of the table by the names of its columns; `number` is the spreadsheet's, with the heading as row 1."""

    number: int
    cells: dict[str, str]


class Table(NamedTuple):
    """The heading as it stands there, and the rows that are not empty."""

    columns: tuple[str, ...]
    lines: list[Line]


class Unreadable(Exception):
    """The file is not a table that can be read; the message says what would be."""


def read(path: Path) -> Table:
    """Read a file by its ending; raises `Unreadable`."""
    match path.suffix.lower():
        case ".csv":
            rows = _csv(path)
        case ".xlsx":
            rows = _xlsx(path)
        case _:
            raise Unreadable(f"{path}: give a file that ends in .csv or .xlsx.")
    if not rows:
        raise Unreadable(f"{path}: the file is empty; its first row must name the columns.")
    columns = tuple(cell.strip() for cell in rows[0])
    while columns and not columns[-1]:
        columns = columns[:-1]
    lines = [
        Line(number, {_name(columns, index): cell.strip() for index, cell in enumerate(row) if cell.strip()})
        for number, row in enumerate(rows[1:], start=2)
    ]
    return Table(columns, [line for line in lines if line.cells])


def write(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> int:
    """Write a table by the file's ending and return the number of its rows without the heading."""
    match path.suffix.lower():
        case ".csv":
            return _write_csv(path, columns, rows)
        case ".xlsx":
            return _write_xlsx(path, columns, rows)
        case _:
            raise Unreadable(f"{path}: name a file that ends in .csv or .xlsx.")


def _name(columns: tuple[str, ...], index: int) -> str:
    return columns[index] if index < len(columns) and columns[index] else f"#{index + 1}"


def _csv(path: Path) -> list[list[str]]:
    raw = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        try:
            return list(csv.reader(io.StringIO(text, newline=""), strict=True))
        except csv.Error as error:
            raise Unreadable(f"{path}: is not CSV ({error}).") from None
    raise Unreadable(f"{path}: is neither UTF-8 nor GBK.")


def _xlsx(path: Path) -> list[list[str]]:
    from python_calamine import CalamineError, CalamineWorkbook  # noqa: PLC0415 (loads a spreadsheet reader)

    try:
        sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
        return [[_text(cell) for cell in row] for row in sheet.to_python(skip_empty_area=False)]
    except (CalamineError, IndexError) as error:
        raise Unreadable(f"{path}: is not a readable XLSX file ({error}).") from None


def _text(cell: Any) -> str:
    match cell:
        case bool():
            return str(cell)
        case float() | int():
            return LOST_DIGITS if abs(cell) > EXACT else str(int(cell) if cell == int(cell) else cell)
        case datetime():
            return str(cell.date()) if cell.time() == time() else str(cell)
        case date() | time() | timedelta():
            return str(cell)
        case _:
            return str(cell)


def _write_csv(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> int:
    count = 0
    with path.open("w", encoding="utf-8-sig", newline="") as file:  # the mark makes spreadsheets read it as UTF-8
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in rows:
            writer.writerow(row)
            count += 1
    return count


def _write_xlsx(path: Path, columns: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> int:
    import xlsxwriter  # noqa: PLC0415 (loads a spreadsheet writer)

    count = 0
    with xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_numbers": False}) as book:
        sheet = book.add_worksheet("registry")
        text = book.add_format({"num_format": "@"})  # what is typed into these columns later stays text, too
        sheet.set_column(0, len(columns) - 1, 18, text)
        sheet.freeze_panes(1, 0)
        for column, name in enumerate(columns):
            sheet.write_string(0, column, name, book.add_format({"bold": True}))
        for row in rows:
            count += 1
            for column, cell in enumerate(row):
                if cell:
                    sheet.write_string(count, column, cell, text)
    return count
